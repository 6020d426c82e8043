//! An account's configuration → its jobs.

use std::{fmt, sync::Arc};

use tokio::{sync::Notify, time::Instant};

use crate::{
    collectors::{self, Collector, Per},
    config::{Account, CollectorConfig, CredentialsOwner, Discovery},
    credentials::{CredentialsError, Provider, Providers},
    domain::Scan,
    limiter::{AccountLimiter, Limiters},
    poller::{Channel, Job, UinLookup},
    store::{AccountEntry, JobEntry, RequestStats, Snapshot, Table},
};

/// Accounts that cannot be polled, all for the same reason.
#[derive(Debug)]
pub struct PlanError {
    /// Never empty: accounts, or discoveries.
    owners: Vec<String>,
    source: CredentialsError,
}

impl std::error::Error for PlanError {}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = &self.source;
        match &self.owners[..] {
            [] => Ok(()),
            [only] => write!(f, "{only} has no credentials: {source}"),
            [first, others @ ..] => {
                let n_others = others.len();
                write!(
                    f,
                    "{first} and {n_others} more have no credentials: {source}"
                )
            }
        }
    }
}

impl PlanError {
    /// Adds `error` to `errors`. Accounts that share credentials share one error.
    pub(super) fn collect(errors: &mut Vec<PlanError>, error: PlanError) {
        for earlier in errors.iter_mut() {
            if earlier.source == error.source {
                earlier.owners.extend(error.owners);
                return;
            }
        }
        errors.push(error);
    }
}

/// The jobs of one account. Fails if it cannot have credentials until the process is restarted.
pub fn checked_jobs(
    account: &Arc<Account>,
    limiters: &Arc<Limiters>,
    providers: &Providers,
) -> Result<Vec<Job>, PlanError> {
    match providers.provider(&account.credentials).startup_error() {
        Some(source) => Err(PlanError {
            owners: vec![CredentialsOwner::Account(&account.name).to_string()],
            source,
        }),
        None => Ok(jobs(account, limiters, providers)),
    }
}

/// Fails if a discovery cannot have credentials until the process is restarted.
pub fn check_discovery(discovery: &Discovery, providers: &Providers) -> Result<(), PlanError> {
    let provider = providers.provider(&discovery.role.source);
    match provider.startup_error() {
        Some(source) => Err(PlanError {
            owners: vec![CredentialsOwner::Discovery(&discovery.label).to_string()],
            source,
        }),
        None => Ok(()),
    }
}

/// The jobs of one account. Without credentials, their polls fail and say so.
pub fn jobs(account: &Arc<Account>, limiters: &Arc<Limiters>, providers: &Providers) -> Vec<Job> {
    let provider = providers.provider(&account.credentials);
    // Made once per account: its jobs share the limiter and the counters of an action.
    let mut channels: Vec<Arc<Channel>> = Vec::new();
    for action in actions(account) {
        channels.push(Arc::new(channel(account, action, limiters, &provider)));
    }
    let mut requests = Vec::with_capacity(channels.len());
    for channel in &channels {
        requests.push(Arc::clone(&channel.stats));
    }
    let account_entry = Arc::new(AccountEntry::new(
        &account.name,
        provider.status(),
        requests,
        account.info.clone(),
    ));
    let job = |config: &CollectorConfig, scan: Option<&Scan>| Job {
        account: Arc::clone(account),
        scan: scan.cloned(),
        collector: config.collector,
        poll: config.poll,
        limit: config.limit,
        provider: Arc::clone(&provider),
        channels: channels_of(config.collector, &channels),
        account_entry: Arc::clone(&account_entry),
        entry: Arc::new(entry(account, config, scan)),
        uin_lookup: None,
        wake: Arc::new(Notify::new()),
    };
    let mut jobs = Vec::new();
    for config in &account.collectors {
        match config.collector.per {
            Per::Account => jobs.push(job(config, None)),
            Per::Scan => {
                for scan in &account.scans {
                    jobs.push(job(config, Some(scan)));
                }
            }
        }
    }
    // One job asks for all of them.
    if let (Some(sts), Some(first)) = (&account.uin_lookup, jobs.first_mut()) {
        first.uin_lookup = Some(Arc::new(UinLookup::new(sts, limiters)));
    }
    jobs
}

/// The actions of the account's collectors, each once.
fn actions(account: &Account) -> Vec<&'static str> {
    let mut actions = Vec::new();
    for config in &account.collectors {
        for action in config.collector.actions {
            if !actions.contains(&action.name) {
                actions.push(action.name);
            }
        }
    }
    actions
}

fn channel(
    account: &Account,
    action: &'static str,
    limiters: &Arc<Limiters>,
    provider: &Provider,
) -> Channel {
    let limiter = AccountLimiter::new(
        Arc::clone(limiters),
        account.endpoint.clone(),
        action,
        account.requests_per_second,
    );
    // If the identity is known already, its limiter tells the rate that is in force.
    if let Some(issued) = provider.status().issued() {
        limiter.member(&issued.identity);
    }
    let rate = limiter.requests_per_second(Instant::now());
    Channel {
        limiter,
        stats: Arc::new(RequestStats::new(action, rate)),
    }
}

/// The channel of each action of `collector`, in its order.
fn channels_of(collector: &Collector, channels: &[Arc<Channel>]) -> Vec<Arc<Channel>> {
    let mut own = Vec::new();
    for action in collector.actions {
        let channel = channels
            .iter()
            .find(|channel| channel.stats.action == action.name);
        own.push(Arc::clone(
            channel.expect("there is a channel for every action"),
        ));
    }
    own
}

fn entry(account: &Account, config: &CollectorConfig, scan: Option<&Scan>) -> JobEntry {
    let CollectorConfig {
        collector, poll, ..
    } = config;
    let scan = scan.map(|scan| &scan.name);
    let entry = JobEntry::new(&account.name, scan, collector, poll.stale_after);
    // Published before the first poll, so that `tcss_up` is 0 from the start instead of absent.
    entry.replace(Snapshot::unpolled(poll.interval));
    entry
}

/// The entries of `jobs`, which are sorted by account: those of one collector side by side.
pub fn table<'a>(jobs: impl Iterator<Item = &'a Job>) -> Table {
    let mut table = Table::default();
    for job in jobs {
        let last = table.accounts.last();
        if last.is_none_or(|last| !Arc::ptr_eq(last, &job.account_entry)) {
            table.accounts.push(Arc::clone(&job.account_entry));
        }
        table.jobs.push(Arc::clone(&job.entry));
    }
    // The sort is stable, so within a collector, jobs keep the order of the accounts.
    table.jobs.sort_by_key(|entry| {
        collectors::ALL
            .iter()
            .position(|collector| collector == entry.collector)
    });
    table
}
