//! The families about all accounts together, and about discoveries.

use std::sync::Arc;

use super::text::{FamilyOf, Kind, as_f64, label_set};
use crate::{
    domain::{AccountName, AccountOrigin, Reason, RefreshFailure},
    store::{DiscoveryState, Table},
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

/// The counters of a discovery as they were when the scrape began.
#[derive(Debug)]
pub(super) struct DiscoveryCounters {
    /// The labels of every sample.
    pub(super) labels: Vec<u8>,
    label: Arc<str>,
    state: Arc<DiscoveryState>,
    polled: usize,
    missing: usize,
    no_role: usize,
}

/// The counts of all accounts, and those of each discovery.
pub(super) fn read(table: &Table) -> (Vec<AccountCounts>, Vec<DiscoveryCounters>) {
    let mut discoveries = Vec::with_capacity(table.discoveries.len());
    for entry in &table.discoveries {
        discoveries.push(DiscoveryCounters {
            labels: label_set(&[("discovery", &entry.label)]),
            label: Arc::clone(&entry.label),
            state: entry.state(),
            polled: 0,
            missing: 0,
            no_role: 0,
        });
    }
    let mut counts = Vec::new();
    for origin in AccountOrigin::ALL {
        let is_used = origin == AccountOrigin::Config
            || table.discoveries.iter().any(|entry| entry.origin == origin);
        if is_used {
            counts.push(AccountCounts {
                labels: label_set(&[("source", origin.as_str())]),
                origin,
                by_state: [0; 3],
            });
        }
    }
    let states = states(table);
    for (account, (state, has_no_role)) in table.accounts.iter().zip(states) {
        let info = account.info();
        for count in &mut counts {
            if count.origin == info.origin {
                count.by_state[state as usize] += 1;
            }
        }
        let Some(label) = &info.discovery else {
            continue;
        };
        for discovery in &mut discoveries {
            if discovery.label == *label {
                discovery.polled += 1;
                discovery.missing += usize::from(info.is_missing);
                discovery.no_role += usize::from(has_no_role);
            }
        }
    }
    (counts, discoveries)
}

/// The state of each account, and whether it has no role.
fn states(table: &Table) -> Vec<(AccountState, bool)> {
    let mut states = vec![(AccountState::Fine, false); table.accounts.len()];
    // Jobs and accounts have the same order within each collector, so most accounts are found at
    // once.
    let mut index = 0;
    for entry in &table.jobs {
        let Some(found) = position(table, index, &entry.account) else {
            continue;
        };
        index = found;
        let (state, has_no_role) = &mut states[index];
        let snapshot = entry.snapshot();
        match snapshot.failure() {
            Some(error) => {
                *state = AccountState::Failing;
                *has_no_role |= error.reason == Reason::NoRole;
            }
            None if snapshot.last.is_none() && *state == AccountState::Fine => {
                *state = AccountState::Waiting;
            }
            None => {}
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
                ("polled", discovery.polled),
                ("excluded", state.excluded),
                ("skipped", state.skipped),
                ("unnamed", state.unnamed),
                ("missing", discovery.missing),
                ("no_role", discovery.no_role),
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
