//! The families about all accounts together, and about discoveries.

use std::sync::Arc;

use super::text::{FamilyOf, Kind, as_f64, label_set};
use crate::{
    domain::{AccountInfo, AccountName, AccountOrigin, Reason, RefreshFailure},
    store::{DiscoveryState, Snapshot, Table},
};

/// How many accounts of one origin are in which state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AccountCounts {
    /// The labels of every sample.
    pub(super) labels: Vec<u8>,
    origin: AccountOrigin,
    /// In the order of [`AccountState::ALL`].
    by_state: [usize; 3],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AccountState {
    Fine,
    Failing,
    Waiting,
}

impl AccountState {
    const ALL: [AccountState; 3] = [
        AccountState::Fine,
        AccountState::Failing,
        AccountState::Waiting,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            AccountState::Fine => "fine",
            AccountState::Failing => "failing",
            AccountState::Waiting => "waiting",
        }
    }
}

/// What the state of an account depends on, of one of its jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobState {
    Fine,
    Failing { has_no_role: bool },
    Unpolled,
}

impl JobState {
    pub(super) fn of(snapshot: &Snapshot) -> JobState {
        match snapshot.failure() {
            Some(error) => JobState::Failing {
                has_no_role: error.reason == Reason::NoRole,
            },
            None if snapshot.last.is_none() => JobState::Unpolled,
            None => JobState::Fine,
        }
    }
}

/// Accounts, counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// One for each origin that the configuration uses.
    pub(super) accounts: Vec<AccountCounts>,
    /// One for each discovery of the table.
    discoveries: Vec<DiscoveryCounts>,
}

/// The accounts of one discovery, counted.
#[derive(Clone, Copy, Debug, Default)]
struct DiscoveryCounts {
    polled: usize,
    missing: usize,
    no_role: usize,
}

impl Counts {
    /// Of a table that is read now.
    pub(super) fn of(table: &Table) -> Counts {
        let jobs = table.jobs.iter().map(|job| JobState::of(&job.snapshot()));
        let infos = table.accounts.iter().map(|account| account.info());
        Counts::new(table, jobs, infos)
    }

    /// Of the jobs and accounts of `table`, in its order.
    pub(super) fn new(
        table: &Table,
        jobs: impl Iterator<Item = JobState>,
        infos: impl Iterator<Item = Arc<AccountInfo>>,
    ) -> Counts {
        let mut counts = Counts {
            accounts: Vec::new(),
            discoveries: vec![DiscoveryCounts::default(); table.discoveries.len()],
        };
        for origin in AccountOrigin::ALL {
            // A discovery that has found nothing is exposed with 0, so that it differs from one
            // that is not configured.
            let is_used = origin == AccountOrigin::Config
                || table.discoveries.iter().any(|entry| entry.origin == origin);
            if is_used {
                counts.accounts.push(AccountCounts {
                    labels: label_set(&[("source", origin.as_str())]),
                    origin,
                    by_state: [0; 3],
                });
            }
        }
        let states = states(table, jobs);
        for (info, (state, has_no_role)) in infos.zip(states) {
            for count in &mut counts.accounts {
                if count.origin == info.origin {
                    count.by_state[state as usize] += 1;
                }
            }
            let Some(label) = &info.discovery else {
                continue;
            };
            for (entry, discovery) in table.discoveries.iter().zip(&mut counts.discoveries) {
                if entry.label == *label {
                    discovery.polled += 1;
                    discovery.missing += usize::from(info.is_missing);
                    discovery.no_role += usize::from(has_no_role);
                }
            }
        }
        counts
    }
}

/// The state of each account, and whether it has no role.
fn states(table: &Table, jobs: impl Iterator<Item = JobState>) -> Vec<(AccountState, bool)> {
    let mut states = vec![(AccountState::Fine, false); table.accounts.len()];
    // Jobs and accounts have the same order within each collector, so most accounts are found at
    // once.
    let mut index = 0;
    for (entry, job) in table.jobs.iter().zip(jobs) {
        let Some(found) = position(table, index, &entry.account) else {
            continue;
        };
        index = found;
        let (state, no_role) = &mut states[index];
        match job {
            JobState::Failing { has_no_role } => {
                // Whatever the other jobs of the account say: one that fails needs attention.
                *state = AccountState::Failing;
                *no_role |= has_no_role;
            }
            JobState::Unpolled if *state == AccountState::Fine => *state = AccountState::Waiting,
            JobState::Unpolled | JobState::Fine => {}
        }
    }
    states
}

/// The index of the account `name`, looked for from `start` on.
fn position(table: &Table, start: usize, name: &AccountName) -> Option<usize> {
    let n_accounts = table.accounts.len();
    for step in 0..n_accounts {
        let index = (start + step) % n_accounts;
        if table.accounts[index].name == *name {
            return Some(index);
        }
    }
    None
}

/// The counters of a discovery as they were when the scrape began.
#[derive(Debug)]
pub(super) struct DiscoveryCounters {
    /// The labels of every sample.
    pub(super) labels: Vec<u8>,
    state: Arc<DiscoveryState>,
    counts: DiscoveryCounts,
}

/// The counters of each discovery of `table`, whose accounts were counted before.
pub(super) fn discoveries(table: &Table, counts: &Counts) -> Vec<DiscoveryCounters> {
    let mut discoveries = Vec::with_capacity(table.discoveries.len());
    for (entry, counts) in table.discoveries.iter().zip(&counts.discoveries) {
        discoveries.push(DiscoveryCounters {
            labels: label_set(&[("discovery", &entry.label)]),
            state: entry.state(),
            counts: *counts,
        });
    }
    discoveries
}

pub(super) const ACCOUNTS: FamilyOf<AccountCounts> = FamilyOf {
    name: "tcss_exporter_accounts",
    kind: Kind::Gauge,
    help: "Number of accounts that this exporter polls, by source and state.",
    samples: |counts, samples| {
        for state in AccountState::ALL {
            let count = counts.by_state[state as usize];
            samples.add_with(&[("state", state.as_str())], as_f64(count as u64));
        }
    },
};

pub(super) const DISCOVERIES: [FamilyOf<DiscoveryCounters>; 7] = [
    FamilyOf {
        name: "tcss_discovery_accounts",
        kind: Kind::Gauge,
        help: "Number of accounts of the discovery, by state; one account may be in several states.",
        samples: |discovery, samples| {
            let state = &discovery.state;
            for (name, count) in [
                ("polled", discovery.counts.polled),
                ("excluded", state.excluded),
                ("skipped", state.skipped),
                ("unnamed", state.unnamed),
                ("missing", discovery.counts.missing),
                ("no_role", discovery.counts.no_role),
            ] {
                samples.add_with(&[("state", name)], as_f64(count as u64));
            }
        },
    },
    FamilyOf {
        name: "tcss_discovery_last_refresh_successful",
        kind: Kind::Gauge,
        help: "Whether the last refresh of the discovery was successful.",
        samples: |discovery, samples| {
            if let Some(is_good) = discovery.state.last_was_successful {
                samples.add(f64::from(u8::from(is_good)));
            }
        },
    },
    FamilyOf {
        name: "tcss_discovery_last_refresh_success_timestamp_seconds",
        kind: Kind::Gauge,
        help: "Unix time at which the last successful refresh of the discovery started.",
        samples: |discovery, samples| {
            samples.add_time(discovery.state.last_success.map(|at| at.wall));
        },
    },
    FamilyOf {
        name: "tcss_discovery_refresh_duration_seconds",
        kind: Kind::Gauge,
        help: "Duration of the last refresh of the discovery in seconds.",
        samples: |discovery, samples| {
            if let Some(took) = discovery.state.last_took {
                samples.add(took.as_secs_f64());
            }
        },
    },
    FamilyOf {
        name: "tcss_discovery_refresh_failures_total",
        kind: Kind::Counter,
        help: "Total number of failed refreshes of the discovery, by reason.",
        samples: |discovery, samples| {
            for failure in RefreshFailure::all() {
                let count = discovery.state.failures[failure.index()];
                samples.add_with(&[("reason", failure.as_str())], as_f64(count));
            }
        },
    },
    FamilyOf {
        name: "tcss_discovery_accounts_added_total",
        kind: Kind::Counter,
        help: "Total number of accounts that the discovery found.",
        samples: |discovery, samples| samples.add(as_f64(discovery.state.added)),
    },
    FamilyOf {
        name: "tcss_discovery_accounts_removed_total",
        kind: Kind::Counter,
        help: "Total number of accounts that the discovery stopped because they were no longer listed.",
        samples: |discovery, samples| samples.add(as_f64(discovery.state.removed)),
    },
];
