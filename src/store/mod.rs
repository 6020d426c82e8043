//! What the polls have found: one immutable [`Snapshot`] per job, replaced as a whole.
//!
//! Pollers write and scrapes read; neither waits for the other.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::time::Instant;

use crate::{
    collectors::{Answer, Collector},
    credentials,
    domain::{AccountInfo, AccountName, Moment, ScanName, Uin},
    sync::lock,
};

mod discovery;
mod snapshot;

pub use discovery::{DiscoveryEntry, DiscoveryState};
pub use snapshot::{Data, LastPoll, Outcome, Snapshot, is_fresh};

/// Everything that is exposed. A reload replaces the table and keeps the entries that did not
/// change.
#[derive(Debug, Default)]
pub struct Store {
    /// `None` until a configuration is in force.
    table: ArcSwapOption<Table>,
    was_ready: AtomicBool,
}

/// Whether the data is complete, or what it lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    Ready,
    WaitsForConfiguration,
    /// A discovery has not found its accounts yet.
    WaitsForLists,
    WaitsForPolls,
}

/// The entries, in the order of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub accounts: Vec<Arc<AccountEntry>>,
    /// Those of one collector are adjacent.
    pub jobs: Vec<Arc<JobEntry>>,
    pub discoveries: Vec<Arc<DiscoveryEntry>>,
}

impl Store {
    /// The current table.
    pub fn table(&self) -> Arc<Table> {
        self.table.load_full().unwrap_or_default()
    }

    pub fn replace(&self, table: Table) {
        // Readiness is about the jobs so far; see below.
        self.is_ready();
        self.table.store(Some(Arc::new(table)));
    }

    /// Whether every job has been polled at least once, and every discovery has found its accounts.
    pub fn is_ready(&self) -> bool {
        self.readiness() == Readiness::Ready
    }

    /// Stays [`Readiness::Ready`] when a reload adds jobs: what was there before is still served.
    pub fn readiness(&self) -> Readiness {
        // A pod must not leave its service because a reload added an account.
        if self.was_ready.load(Relaxed) {
            return Readiness::Ready;
        }
        let table = self.table.load();
        let Some(table) = table.as_ref() else {
            return Readiness::WaitsForConfiguration;
        };
        let mut discoveries = table.discoveries.iter();
        if !discoveries.all(|discovery| discovery.state().has_list) {
            return Readiness::WaitsForLists;
        }
        if !table.jobs.iter().all(|job| job.snapshot().last.is_some()) {
            return Readiness::WaitsForPolls;
        }
        self.was_ready.store(true, Relaxed);
        Readiness::Ready
    }
}

/// The entry of an account.
#[derive(Debug)]
pub struct AccountEntry {
    pub name: AccountName,
    /// Shared by all accounts with the same source of credentials.
    pub credentials: Arc<credentials::CredentialsStatus>,
    /// One per API action that the account's collectors use.
    pub requests: Vec<Arc<RequestStats>>,
    info: ArcSwap<AccountInfo>,
    /// What STS said, for an account whose configuration has no uin. Locked while `info` changes.
    found_uin: Mutex<Option<Uin>>,
}

impl AccountEntry {
    pub fn new(
        name: &AccountName,
        credentials: &Arc<credentials::CredentialsStatus>,
        requests: Vec<Arc<RequestStats>>,
        info: AccountInfo,
    ) -> AccountEntry {
        AccountEntry {
            name: name.clone(),
            credentials: Arc::clone(credentials),
            requests,
            info: ArcSwap::from_pointee(info),
            found_uin: Mutex::default(),
        }
    }

    /// What describes the account at the moment.
    pub fn info(&self) -> Arc<AccountInfo> {
        self.info.load_full()
    }

    /// Whether `info` is still what describes the account.
    pub fn has_info(&self, info: &Arc<AccountInfo>) -> bool {
        Arc::ptr_eq(&self.info.load(), info)
    }

    /// Changes what describes the account. It is polled as before.
    pub fn set_info(&self, mut info: AccountInfo) {
        let found = lock(&self.found_uin);
        info.uin = info.uin.or(*found);
        self.info.store(Arc::new(info));
    }

    /// The account has this uin, unless its configuration says otherwise.
    pub fn set_found_uin(&self, uin: Uin) {
        let mut found = lock(&self.found_uin);
        *found = Some(uin);
        let mut info = (*self.info()).clone();
        info.uin = info.uin.or(*found);
        self.info.store(Arc::new(info));
    }
}

/// Counts an account's requests for one API action.
#[derive(Debug)]
pub struct RequestStats {
    pub action: &'static str,
    requests: AtomicU64,
    waited_nanos: AtomicU64,
    /// The bits of an `f64`.
    rate: AtomicU64,
}

impl RequestStats {
    /// Starts at zero, with the rate limit that is in force, in requests per second.
    pub fn new(action: &'static str, rate: f64) -> RequestStats {
        RequestStats {
            action,
            requests: AtomicU64::new(0),
            waited_nanos: AtomicU64::new(0),
            rate: AtomicU64::new(rate.to_bits()),
        }
    }

    /// Continues the counts of `earlier`, which belong to the same account and action.
    pub fn continue_from(&self, earlier: &RequestStats) {
        // Stored, not added: jobs share this counter, and it is handed over once for each of them.
        self.requests.store(earlier.requests.load(Relaxed), Relaxed);
        self.waited_nanos
            .store(earlier.waited_nanos.load(Relaxed), Relaxed);
    }

    /// Counts a request that is sent after the rate limiter made it wait.
    pub fn count_request(&self, waited: Duration) {
        self.requests.fetch_add(1, Relaxed);
        let nanos = u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX);
        self.waited_nanos.fetch_add(nanos, Relaxed);
    }

    pub fn set_rate(&self, requests_per_second: f64) {
        self.rate.store(requests_per_second.to_bits(), Relaxed);
    }

    pub fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    pub fn waited(&self) -> Duration {
        Duration::from_nanos(self.waited_nanos.load(Relaxed))
    }

    /// The rate limit when it was last read, in requests per second.
    pub fn rate(&self) -> f64 {
        f64::from_bits(self.rate.load(Relaxed))
    }
}

/// The entry of a job: one collector of one account, and of one scan where it polls per scan.
#[derive(Debug)]
pub struct JobEntry {
    pub account: AccountName,
    pub scan: Option<ScanName>,
    pub collector: &'static Collector,
    /// Data that are older are withheld.
    pub stale_after: Duration,
    snapshot: ArcSwap<Snapshot>,
    version: AtomicU64,
    next_poll: ArcSwapOption<Instant>,
}

impl JobEntry {
    pub fn new(
        account: &AccountName,
        scan: Option<&ScanName>,
        collector: &'static Collector,
        stale_after: Duration,
    ) -> JobEntry {
        JobEntry {
            account: account.clone(),
            scan: scan.cloned(),
            collector,
            stale_after,
            snapshot: ArcSwap::default(),
            version: AtomicU64::new(0),
            next_poll: ArcSwapOption::empty(),
        }
    }

    /// The current snapshot.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// How often the snapshot was replaced. Read it before the snapshot: if it is the same later, so
    /// is the snapshot.
    pub fn version(&self) -> u64 {
        self.version.load(Acquire)
    }

    /// Replaces the snapshot.
    pub fn replace(&self, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot));
        // In this order: who sees the new version also sees the new snapshot.
        self.version.fetch_add(1, Release);
    }

    /// The last good answer of this job, unless it is stale or of another collector.
    pub fn with_fresh<A: Answer, T>(&self, now: Moment, read: impl FnOnce(&A) -> T) -> Option<T> {
        let snapshot = self.snapshot();
        let data = snapshot.fresh(now, self.stale_after)?;
        Some(read(data.answer.get()?))
    }

    /// When the next poll starts, or when the current one started; `None` before the schedule is
    /// known.
    pub fn next_poll(&self) -> Option<Instant> {
        self.next_poll.load().as_deref().copied()
    }

    pub fn set_next_poll(&self, at: Instant) {
        self.next_poll.store(Some(Arc::new(at)));
    }
}
