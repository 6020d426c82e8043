//! What is known: one immutable [`Snapshot`] a job, replaced whole.
//!
//! Pollers write, scrapes read, and neither waits for the other.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::{sync::Notify, time::Instant};

use crate::{
    collectors::Collector,
    credentials,
    domain::{AccountName, ScanName},
    limiter::Seat,
};

mod snapshot;

pub use snapshot::{Data, LastPoll, Outcome, Snapshot};

/// Everything that is exposed. A reload replaces the table whole and keeps the entries that did not change.
#[derive(Debug, Default)]
pub struct Store {
    /// None until the configuration is known.
    table: ArcSwapOption<Table>,
    was_ready: AtomicBool,
}

/// The entries, in the order of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// One for each account.
    pub accounts: Vec<Arc<AccountEntry>>,
    /// One for each account, scan and collector; those of one collector side by side.
    pub jobs: Vec<Arc<JobEntry>>,
}

impl Store {
    /// The table of this moment.
    pub fn table(&self) -> Arc<Table> {
        self.table.load_full().unwrap_or_default()
    }

    /// Puts `table` in the place of the present one.
    pub fn replace(&self, table: Table) {
        self.is_ready();
        self.table.store(Some(Arc::new(table)));
    }

    /// Whether every job was tried once, if there are any. Stays so when a reload adds others: what is there is still
    /// served.
    pub fn is_ready(&self) -> bool {
        let is_tried = |job: &Arc<JobEntry>| job.snapshot().last.is_some();
        if self.was_ready.load(Relaxed) {
            return true;
        }
        let is_ready = self
            .table
            .load()
            .as_ref()
            .is_some_and(|table| table.jobs.iter().all(is_tried));
        self.was_ready.store(is_ready, Relaxed);
        is_ready
    }
}

/// An account's place in the store.
#[derive(Debug)]
pub struct AccountEntry {
    /// The label `account`, as it stands in the text format: `account="prod"`.
    pub labels: String,
    /// What there is of its credentials; accounts with the same source share it.
    pub credentials: Arc<credentials::CredentialsStatus>,
    /// One for each API action.
    pub actions: Vec<Arc<ActionEntry>>,
}

impl AccountEntry {
    /// An account and what it asks.
    pub fn new(
        name: &AccountName,
        credentials: Arc<credentials::CredentialsStatus>,
        actions: Vec<Arc<ActionEntry>>,
    ) -> AccountEntry {
        AccountEntry {
            labels: label("account", name.as_str()),
            credentials,
            actions,
        }
    }
}

/// Where one account's requests for one action queue, and what they cost.
#[derive(Debug)]
pub struct ActionEntry {
    /// Where they queue.
    pub seat: Seat,
    requests: AtomicU64,
    waited_nanos: AtomicU64,
}

impl ActionEntry {
    /// Nothing asked yet.
    pub fn new(seat: Seat) -> ActionEntry {
        ActionEntry {
            seat,
            requests: AtomicU64::new(0),
            waited_nanos: AtomicU64::new(0),
        }
    }

    /// Goes on from what `other` has counted of the same account.
    pub fn go_on_from(&self, other: &ActionEntry) {
        self.requests.store(other.requests.load(Relaxed), Relaxed);
        self.waited_nanos
            .store(other.waited_nanos.load(Relaxed), Relaxed);
    }

    /// A request leaves after waiting for its turn.
    pub fn request_leaves(&self, waited: Duration) {
        self.requests.fetch_add(1, Relaxed);
        self.waited_nanos.fetch_add(
            u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX),
            Relaxed,
        );
    }

    /// Requests so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// Time spent waiting for turns.
    pub fn waited(&self) -> Duration {
        Duration::from_nanos(self.waited_nanos.load(Relaxed))
    }
}

/// One job's place in the store.
#[derive(Debug)]
pub struct JobEntry {
    /// The account's name.
    pub account: AccountName,
    /// The scan's name.
    pub scan: ScanName,
    /// Both, as they stand in the text format: `account="prod",scan="latest"`.
    pub labels: String,
    /// Whose families and fields the snapshot's indices mean.
    pub collector: &'static Collector,
    /// The age from which on data are withheld.
    pub stale_after: Duration,
    snapshot: ArcSwap<Snapshot>,
    next_poll: ArcSwapOption<Instant>,
    hurry: Notify,
}

impl JobEntry {
    /// A job that has not been tried.
    pub fn new(
        account: &AccountName,
        scan: &ScanName,
        collector: &'static Collector,
        poll: &crate::config::Poll,
    ) -> JobEntry {
        JobEntry {
            account: account.clone(),
            scan: scan.clone(),
            labels: format!(
                "{},{}",
                label("account", account.as_str()),
                label("scan", scan.as_str())
            ),
            collector,
            stale_after: poll.stale_after,
            snapshot: ArcSwap::from_pointee(Snapshot::untried(
                collector.fields.len(),
                poll.interval,
            )),
            next_poll: ArcSwapOption::empty(),
            hurry: Notify::new(),
        }
    }

    /// Goes on from what `other` knows, as it is about the same scan.
    pub fn go_on_from(&self, other: &JobEntry) {
        let mut snapshot = (*other.snapshot()).clone();
        snapshot.interval = self.snapshot().interval;
        self.replace(snapshot);
    }

    /// What is known at this moment.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Puts `snapshot` in the place of the present one. Only the job itself does that.
    pub fn replace(&self, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot));
    }

    /// When the next poll begins, or when the one began that is under way; none before that is known.
    pub fn next_poll(&self) -> Option<Instant> {
        self.next_poll.load().as_deref().copied()
    }

    /// Announces the next poll. Only the job itself does that.
    pub fn polls_next_at(&self, next: Instant) {
        self.next_poll.store(Some(Arc::new(next)));
    }

    /// Says that what a person must mend may be mended: a job that fails for that polls now instead of at its time.
    pub fn hurry(&self) {
        self.hurry.notify_one();
    }

    /// Waits until someone hurries, or has done so since the last time that this was waited for.
    pub async fn hurried(&self) {
        self.hurry.notified().await;
    }
}

/// `name="value"`, with what the text format wants escaped.
fn label(name: &str, value: &str) -> String {
    let mut text = format!("{name}=\"");
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
    let _ = text.write_char('"');
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::label;

    fn unescaped(text: &str) -> String {
        let mut chars = text
            .strip_prefix("a=\"")
            .unwrap()
            .strip_suffix('"')
            .unwrap()
            .chars();
        let mut value = String::new();
        while let Some(c) = chars.next() {
            assert!(c != '"' && c != '\n', "stands bare in {text}");
            value.push(match c {
                '\\' => match chars.next().unwrap() {
                    'n' => '\n',
                    c => c,
                },
                c => c,
            });
        }
        value
    }

    proptest! {
        #[test]
        fn a_label_value_comes_back_as_it_was(value in "(?s)[\\\\\"\n]*.{0,20}[\\\\\"\nn]*") {
            prop_assert_eq!(unescaped(&label("a", &value)), value);
        }
    }
}
