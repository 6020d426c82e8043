//! Configuration → running jobs: plans, starts, stops, and hands over at a reload.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{task::JoinSet, time::sleep};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    config::{self, Config},
    credentials::Providers,
    domain::{AccountInfo, AccountName},
    limiter::Limiters,
    poller::{Channel, Context, Job},
    store::Store,
};

mod clock_watch;
mod discovery;
mod file_changes;
mod plan;
mod reload;
mod schedule;

pub use file_changes::FileChanges;
pub use plan::{PlanError, check_discovery, checked_jobs, jobs, table};
pub use reload::{ConfigSource, LOAD_TIMEOUT};

use clock_watch::watch_clock;
use discovery::Discoveries;
use schedule::StartSchedule;

/// Jobs that are woken after a reload start this far apart.
const WAKE_STEP: Duration = Duration::from_millis(50);
/// All of them are woken within this time, however many there are.
const MAX_WAKE_SPREAD: Duration = Duration::from_mins(1);

const SUMMARY_INTERVAL: Duration = Duration::from_mins(1);

/// A configuration that is not put in force.
#[derive(Debug)]
enum Refusal {
    Plan(Vec<PlanError>),
    /// A file drops so many accounts that it is more likely cut.
    Loss {
        dropped: usize,
        of: usize,
    },
}

/// Polls every account of the configuration in force, for as long as it lives.
#[derive(Debug)]
pub struct Supervisor {
    context: Arc<Context>,
    store: Arc<Store>,
    limiters: Arc<Limiters>,
    providers: Arc<Providers>,
    accounts: Vec<RunningAccount>,
    discoveries: Discoveries,
    /// The configuration in force, if it has discoveries: each list adds other accounts to it.
    base: Option<Config>,
    waking: JoinSet<()>,
    /// What runs, for the task that watches the clock.
    running: Arc<ArcSwap<Vec<Job>>>,
    _clock_watch: AbortOnDropHandle<()>,
    _log_summaries: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct RunningAccount {
    config: Arc<config::Account>,
    jobs: Vec<Job>,
    tasks: Vec<AbortOnDropHandle<()>>,
}

/// Who wants a configuration or a list in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trigger {
    /// An operator: whatever it drops is intended, and failing accounts may be fixed.
    Operator,
    /// A file changed. It may be cut.
    File,
    /// A discovery has a new list, which was judged already.
    Discovery,
}

/// A file that drops no more accounts than this is accepted…
const MAX_DROPPED: usize = 3;
/// … and so is one that drops no more than one in this many.
const MAX_DROPPED_SHARE: usize = 10;

/// What happens to an account of a new configuration.
enum PlannedAccount {
    /// It did not change, except for what describes it.
    Keep(AccountName, AccountInfo),
    Start(Arc<config::Account>, Vec<Job>),
}

/// What a new configuration changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Accounts that did not change.
    pub kept: usize,
    /// Accounts that are new or changed.
    pub started: usize,
    /// Accounts that were removed or changed.
    pub stopped: usize,
    /// The names of those that were removed.
    pub removed: Vec<AccountName>,
}

impl Supervisor {
    /// Polls nothing until a configuration is applied.
    pub fn new(context: Arc<Context>) -> Supervisor {
        let limiters = Arc::<Limiters>::default();
        let providers = Arc::new(Providers::new(context.refresh_context(&limiters)));
        let running = Arc::<ArcSwap<Vec<Job>>>::default();
        let watch = watch_clock(context.clock, Arc::clone(&running));
        let summaries = log_summaries(Arc::clone(&context));
        Supervisor {
            context,
            store: Arc::default(),
            limiters,
            providers,
            accounts: Vec::new(),
            discoveries: Discoveries::default(),
            base: None,
            waking: JoinSet::new(),
            running,
            _clock_watch: AbortOnDropHandle::new(tokio::spawn(watch)),
            _log_summaries: AbortOnDropHandle::new(tokio::spawn(summaries)),
        }
    }

    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    pub fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }

    pub fn providers(&self) -> &Arc<Providers> {
        &self.providers
    }

    /// Waits a few seconds at most until it is known whether the accounts of `config` can have
    /// credentials at all; [`Supervisor::apply`] refuses those that cannot.
    pub async fn probe_credentials(&self, config: &Config) {
        let sources = config.credentials_sources().map(|(_, source)| source);
        self.providers.probe(sources).await;
    }

    /// Puts `config` in force. An account that did not change keeps its data, its counters and its
    /// schedule, except that it polls soon if it backs off: the reload may follow a fix. If any
    /// account cannot have credentials, nothing changes and all of those are named.
    pub async fn apply(&mut self, config: Config) -> Result<Changes, Vec<PlanError>> {
        let applied = self.put_in_force(config, Trigger::Operator).await;
        applied.map_err(|refusal| match refusal {
            Refusal::Plan(errors) => errors,
            // An operator is obeyed.
            Refusal::Loss { .. } => Vec::new(),
        })
    }

    /// Puts `config` in force, with the accounts that its discoveries have found so far.
    async fn put_in_force(
        &mut self,
        mut config: Config,
        trigger: Trigger,
    ) -> Result<Changes, Refusal> {
        // Everything that can be refused comes before the first change: a refused configuration
        // must not have stopped anything.
        self.check_discoveries(&config)?;
        let discovered = self.discoveries.accounts(&config);
        // Before the discovered accounts are added below: each list is combined with the configured
        // ones alone.
        let base = if config.discoveries.is_empty() {
            None
        } else {
            Some(config.clone())
        };
        for found in &discovered {
            config.accounts.extend(found.accounts.iter().cloned());
        }
        let changes = self.apply_accounts(config.accounts, trigger).await?;
        match &base {
            Some(base) if trigger != Trigger::Discovery => {
                let context = self.fetch_context();
                let is_operator = trigger == Trigger::Operator;
                self.discoveries
                    .replace(&base.discoveries, &context, is_operator);
            }
            Some(_) => {}
            None => self.discoveries.clear(),
        }
        self.discoveries.count(&discovered);
        self.base = base;
        // Accounts and discoveries together: without its discoveries, the table would look ready.
        let mut table = table(self.jobs());
        table.discoveries = self.discoveries.entries();
        self.store.replace(table);
        Ok(changes)
    }

    fn check_discoveries(&self, config: &Config) -> Result<(), Refusal> {
        let mut errors = Vec::new();
        for discovery in &config.discoveries {
            if let Err(error) = check_discovery(discovery, &self.providers) {
                PlanError::collect(&mut errors, error);
            }
        }
        if errors.is_empty() {
            return Ok(());
        }
        self.providers.drop_unused();
        Err(Refusal::Plan(errors))
    }

    /// Polls these accounts and no others.
    async fn apply_accounts(
        &mut self,
        accounts: Vec<config::Account>,
        trigger: Trigger,
    ) -> Result<Changes, Refusal> {
        let planned = match self.plan(accounts) {
            Ok(planned) => planned,
            Err(errors) => {
                // Planning has created providers for sources that are not used now.
                self.providers.drop_unused();
                return Err(Refusal::Plan(errors));
            }
        };
        if trigger == Trigger::File
            && let Err(refusal) = self.check_loss(&planned)
        {
            drop(planned);
            self.providers.drop_unused();
            return Err(refusal);
        }
        // Nothing fails from here on.
        let mut earlier: HashMap<AccountName, RunningAccount> = HashMap::new();
        for account in self.accounts.drain(..) {
            earlier.insert(account.config.name.clone(), account);
        }
        let mut kept: HashMap<AccountName, RunningAccount> = HashMap::new();
        let mut n_jobs = 0;
        for account in &planned {
            match account {
                PlannedAccount::Keep(name, _) => kept.extend(earlier.remove_entry(name)),
                PlannedAccount::Start(_, jobs) => {
                    n_jobs += jobs.len();
                    for job in jobs {
                        // `increase()` does not see the step from absent to 1, so the series must
                        // exist before the first request.
                        job.expect_requests(&self.context.telemetry);
                    }
                }
            }
        }
        let mut changes = Changes {
            kept: kept.len(),
            stopped: earlier.len(),
            ..Changes::default()
        };
        // A changed account is stopped before its successor starts, so that what it counted is
        // final and can be handed over.
        stop(earlier.values_mut()).await;

        let mut schedule = match trigger {
            Trigger::Discovery => StartSchedule::of_discovered(n_jobs),
            _ => StartSchedule::new(n_jobs),
        };
        for account in planned {
            match account {
                PlannedAccount::Keep(name, info) => {
                    if let Some(account) = kept.remove(&name) {
                        account.describe(info);
                        self.accounts.push(account);
                    }
                }
                PlannedAccount::Start(config, jobs) => {
                    if let Some(earlier) = earlier.remove(&config.name) {
                        earlier.hand_over(&jobs);
                    }
                    let account = RunningAccount::start(config, jobs, &mut schedule, &self.context);
                    self.accounts.push(account);
                }
            }
        }
        changes.started = self.accounts.len() - changes.kept;
        changes.removed = earlier.into_keys().collect();
        changes.removed.sort();
        self.running.store(Arc::new(self.jobs().cloned().collect()));
        // Now that nothing refers to the stopped accounts any more: neither `earlier` nor the jobs
        // that the clock watch had.
        self.limiters.drop_unused();
        // A list says nothing about accounts that fail.
        if trigger != Trigger::Discovery {
            self.retry_roles();
            self.wake_failing();
        }
        self.providers.drop_unused();
        Ok(changes)
    }

    /// Fails where so many accounts would be dropped that the file is more likely cut.
    fn check_loss(&self, planned: &[PlannedAccount]) -> Result<(), Refusal> {
        let mut names: HashSet<&AccountName> = HashSet::new();
        for account in planned {
            names.insert(match account {
                PlannedAccount::Keep(name, _) => name,
                PlannedAccount::Start(config, _) => &config.name,
            });
        }
        let of = self.accounts.len();
        let mut dropped = 0;
        for account in &self.accounts {
            dropped += usize::from(!names.contains(&account.config.name));
        }
        if dropped > MAX_DROPPED && dropped * MAX_DROPPED_SHARE > of {
            return Err(Refusal::Loss { dropped, of });
        }
        Ok(())
    }

    /// Starts and stops nothing.
    fn plan(&self, accounts: Vec<config::Account>) -> Result<Vec<PlannedAccount>, Vec<PlanError>> {
        let mut running: HashMap<&AccountName, &config::Account> = HashMap::new();
        for account in &self.accounts {
            running.insert(&account.config.name, &account.config);
        }
        let mut planned = Vec::with_capacity(accounts.len());
        let mut errors = Vec::new();
        for account in accounts {
            if let Some(running) = running.get(&account.name)
                && running.is_polled_like(&account)
            {
                planned.push(PlannedAccount::Keep(account.name, account.info));
                continue;
            }
            let account = Arc::new(account);
            match checked_jobs(&account, &self.limiters, &self.providers) {
                Ok(jobs) => planned.push(PlannedAccount::Start(account, jobs)),
                Err(error) => PlanError::collect(&mut errors, error),
            }
        }
        if errors.is_empty() {
            Ok(planned)
        } else {
            Err(errors)
        }
    }

    fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.accounts.iter().flat_map(|account| &account.jobs)
    }

    /// Requests the roles that were missing: they may have been created.
    fn retry_roles(&self) {
        for job in self.jobs() {
            job.provider.retry_role();
        }
    }

    /// Makes the jobs that back off poll soon, one after the other.
    fn wake_failing(&mut self) {
        let mut failing = Vec::new();
        for job in self.jobs() {
            if job.fails_permanently() {
                failing.push(job.clone());
            }
        }
        // In another order each time: if reloads come faster than the wake-ups, all jobs still
        // get their turn.
        fastrand::shuffle(&mut failing);
        // Dropping the old set stops the wake-ups of an earlier reload that are still under way.
        self.waking = JoinSet::new();
        self.waking.spawn(wake(failing));
    }
}

impl RunningAccount {
    fn start(
        config: Arc<config::Account>,
        jobs: Vec<Job>,
        schedule: &mut StartSchedule,
        context: &Arc<Context>,
    ) -> RunningAccount {
        let mut tasks = Vec::with_capacity(jobs.len());
        for job in &jobs {
            let start = schedule.next(job.poll.interval);
            let run = job
                .clone()
                .run(Arc::clone(context), start.first, start.second);
            tasks.push(AbortOnDropHandle::new(tokio::spawn(run)));
        }
        RunningAccount {
            config,
            jobs,
            tasks,
        }
    }

    /// It is described by `info` now. A member that the organization has changed may have got the
    /// role with the change.
    fn describe(&self, info: AccountInfo) {
        let Some(job) = self.jobs.first() else {
            return;
        };
        let before = job.account_entry.info();
        if *before == info {
            return;
        }
        if before.updated != info.updated {
            job.provider.retry_role();
        }
        job.account_entry.set_info(info);
    }

    /// Hands what it knows to `jobs`, which take its place: the counts of its requests in any
    /// case, its data only where the same question is asked.
    fn hand_over(&self, jobs: &[Job]) {
        for job in jobs {
            for channel in &job.channels {
                self.hand_over_counts(channel);
            }
            self.hand_over_data(job);
        }
    }

    fn hand_over_counts(&self, channel: &Channel) {
        // The jobs of an account share one channel per action, so the first one is the only one.
        for job in &self.jobs {
            for earlier in &job.channels {
                if earlier.stats.action == channel.stats.action {
                    channel.stats.continue_from(&earlier.stats);
                    return;
                }
            }
        }
    }

    fn hand_over_data(&self, job: &Job) {
        for earlier in &self.jobs {
            if !earlier.asks_the_same_as(job) {
                continue;
            }
            let mut snapshot = (*earlier.entry.snapshot()).clone();
            // The interval may be what changed; the new job has not backed off yet.
            snapshot.interval = job.poll.interval;
            job.entry.replace(snapshot);
            return;
        }
    }
}

/// Waits until none of their tasks runs any more.
async fn stop(accounts: impl Iterator<Item = &mut RunningAccount>) {
    let mut tasks = Vec::new();
    for account in accounts {
        tasks.append(&mut account.tasks);
    }
    // All are aborted before any is awaited, so that the last one does not go on polling meanwhile.
    for task in &tasks {
        task.abort();
    }
    for task in tasks {
        let _ = task.await;
    }
}

async fn log_summaries(context: Arc<Context>) {
    loop {
        sleep(SUMMARY_INTERVAL).await;
        context.log_summaries();
    }
}

async fn wake(jobs: Vec<Job>) {
    // One at a time: if all keys of an account were rejected, its jobs would otherwise queue at its
    // limiter in front of the jobs that work.
    let n_jobs = u32::try_from(jobs.len()).unwrap_or(u32::MAX);
    for job in &jobs {
        job.poll_now();
        sleep(WAKE_STEP.min(MAX_WAKE_SPREAD / n_jobs)).await;
    }
}
