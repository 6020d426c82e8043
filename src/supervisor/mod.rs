//! The accounts that are being polled, and how a new configuration takes their place.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    config::{self, Config},
    credentials::Providers,
    domain::AccountName,
    limiter::Lanes,
    poller::{Context, Job},
    store::{JobEntry, Store},
};

mod plan;

pub use plan::{PlanError, Start, jobs, jobs_anyway, table};

/// Between two jobs that are hurried: when there are many of them, they are spread over a minute.
const STEP: Duration = Duration::from_millis(50);
const LONGEST_SPREAD: Duration = Duration::from_mins(1);

/// Polls every account of its configuration for as long as it lives.
#[derive(Debug)]
pub struct Exporter {
    context: Arc<Context>,
    store: Arc<Store>,
    lanes: Arc<Lanes>,
    providers: Arc<Providers>,
    accounts: Vec<Running>,
    hurrying: JoinSet<()>,
}

/// An account and its tasks.
#[derive(Debug)]
struct Running {
    config: Arc<config::Account>,
    jobs: Vec<Job>,
    tasks: Vec<AbortOnDropHandle<()>>,
}

impl Running {
    /// What is known of a scan goes on where only other things changed, such as an interval; what was counted of the
    /// account's requests does so in any case.
    fn hand_over(&self, jobs: &[Job]) {
        for job in jobs {
            let is_same = |before: &&Job| before.asks_the_same_as(job);
            if let Some(before) = self.jobs.iter().find(is_same) {
                job.entry.go_on_from(&before.entry);
            }
            let is_same = |before: &&Job| std::ptr::eq(before.collector, job.collector);
            if let Some(before) = self.jobs.iter().find(is_same) {
                job.action_entry.go_on_from(&before.action_entry);
            }
        }
    }
}

/// What a new configuration changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Accounts that go on as they were.
    pub kept: usize,
    /// Accounts that are new or different.
    pub started: usize,
    /// Accounts that are gone or were different.
    pub stopped: usize,
    /// Those of them that are gone, by name.
    pub gone: Vec<AccountName>,
}

impl Exporter {
    /// Polls nothing yet.
    pub fn new(context: Arc<Context>) -> Exporter {
        let lanes = Arc::<Lanes>::default();
        let providers = Arc::new(Providers::new(context.refresh_context(&lanes)));
        Exporter {
            context,
            store: Arc::default(),
            lanes,
            providers,
            accounts: Vec::new(),
            hurrying: JoinSet::new(),
        }
    }

    /// Where its accounts get their credentials.
    pub fn providers(&self) -> Arc<Providers> {
        Arc::clone(&self.providers)
    }

    /// What is known of the scans.
    pub fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }

    /// Polls what `config` says from now on. An account that did not change keeps its data, its counters and its
    /// schedule, unless it waits for a person, who may have mended it: then it is polled soon. Where any account has
    /// no credentials, nothing changes and all of those are named.
    pub async fn apply(&mut self, config: Config) -> Result<Changes, Vec<PlanError>> {
        let fresh = self
            .prepare(config)
            .inspect_err(|_| self.providers.drop_unused())?;
        let mut before: HashMap<AccountName, Running> = self
            .accounts
            .drain(..)
            .map(|running| (running.config.name.clone(), running))
            .collect();
        let mut keep: HashMap<AccountName, Running> = fresh
            .iter()
            .filter_map(Next::kept)
            .filter_map(|name| before.remove_entry(name))
            .collect();
        let kept = keep.len();
        stop(before.values_mut()).await;
        let stopped = before.len();
        let mut schedule = Schedule::new(&fresh);
        let next = |account| match account {
            Next::Keep(name) => keep.remove(&name),
            Next::Start(config, jobs) => {
                if let Some(before) = before.remove(&config.name) {
                    before.hand_over(&jobs);
                }
                Some(schedule.start(&self.context, config, jobs))
            }
        };
        self.accounts = fresh.into_iter().filter_map(next).collect();
        let jobs = self.accounts.iter().flat_map(|running| &running.jobs);
        self.store.replace(plan::table(&jobs));
        let waiting = jobs
            .filter(|job| job.needs_a_person())
            .map(|job| Arc::clone(&job.entry))
            .collect();
        self.hurrying = JoinSet::new();
        self.hurrying.spawn(hurry(waiting));
        let mut gone: Vec<AccountName> = before.into_keys().collect();
        gone.sort();
        self.providers.drop_unused();
        Ok(Changes {
            kept,
            started: self.accounts.len() - kept,
            stopped,
            gone,
        })
    }

    /// What each account of `config` needs; starts and stops nothing.
    fn prepare(&self, config: Config) -> Result<Vec<Next>, Vec<PlanError>> {
        let running: HashMap<&AccountName, &Running> = self
            .accounts
            .iter()
            .map(|running| (&running.config.name, running))
            .collect();
        let mut accounts = Vec::with_capacity(config.accounts.len());
        let mut errors = Vec::new();
        for account in config.accounts {
            if running
                .get(&account.name)
                .is_some_and(|running| *running.config == account)
            {
                accounts.push(Next::Keep(account.name));
                continue;
            }
            let account = Arc::new(account);
            match plan::jobs(&account, &self.lanes, &self.providers) {
                Ok(jobs) => accounts.push(Next::Start(account, jobs)),
                Err(error) => PlanError::collect(&mut errors, error),
            }
        }
        if errors.is_empty() {
            Ok(accounts)
        } else {
            Err(errors)
        }
    }
}

/// Waits until nothing of them runs any more: what they have counted is final then, and nobody has their credentials.
async fn stop(accounts: impl Iterator<Item = &mut Running>) {
    let tasks: Vec<_> = accounts
        .flat_map(|running| running.tasks.drain(..))
        .collect();
    tasks.iter().for_each(AbortOnDropHandle::abort);
    for task in tasks {
        let _ = task.await;
    }
}

async fn hurry(jobs: Vec<Arc<JobEntry>>) {
    let n_jobs = u32::try_from(jobs.len()).unwrap_or(u32::MAX);
    for job in &jobs {
        job.hurry();
        sleep(STEP.min(LONGEST_SPREAD / n_jobs)).await;
    }
}

/// What becomes of an account.
enum Next {
    Keep(AccountName),
    Start(Arc<config::Account>, Vec<Job>),
}

impl Next {
    fn kept(&self) -> Option<&AccountName> {
        match self {
            Next::Keep(name) => Some(name),
            Next::Start(..) => None,
        }
    }
}

/// Spreads the first polls of what starts together.
struct Schedule {
    begin: Instant,
    index: usize,
    n_jobs: usize,
}

impl Schedule {
    fn new(accounts: &[Next]) -> Schedule {
        let n_jobs = |account: &Next| match account {
            Next::Keep(_) => 0,
            Next::Start(_, jobs) => jobs.len(),
        };
        Schedule {
            begin: Instant::now(),
            index: 0,
            n_jobs: accounts.iter().map(n_jobs).sum(),
        }
    }

    fn start(
        &mut self,
        context: &Arc<Context>,
        config: Arc<config::Account>,
        jobs: Vec<Job>,
    ) -> Running {
        let task = |job: &Job| {
            let start = Start::spread(self.begin, self.index, self.n_jobs, config.poll.interval);
            self.index += 1;
            AbortOnDropHandle::new(tokio::spawn(job.clone().run(
                Arc::clone(context),
                start.first,
                start.second,
            )))
        };
        let tasks = jobs.iter().map(task).collect();
        Running {
            config,
            jobs,
            tasks,
        }
    }
}
