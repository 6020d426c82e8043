//! How many accounts there are, by their state: what a standby says about its own polls.

use super::text::{FamilyOf, Kind};
use crate::store::{JobEntry, Table};

/// The accounts of a table by their state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AccountStates {
    fine: u32,
    failing: u32,
    waiting: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum AccountState {
    Fine,
    /// Something was not polled yet.
    Waiting,
    /// The last poll of something failed.
    Failing,
}

impl AccountStates {
    pub(super) fn count(table: &Table) -> AccountStates {
        let mut of_accounts = vec![AccountState::Fine; table.accounts.len()];
        let mut collector = None;
        let mut index = 0;
        // The jobs of each collector are in the order of the accounts.
        for job in &table.jobs {
            if collector != Some(job.collector) {
                collector = Some(job.collector);
                index = 0;
            }
            while let Some(account) = table.accounts.get(index) {
                if account.name == job.account {
                    of_accounts[index] = of_accounts[index].max(state(job));
                    break;
                }
                index += 1;
            }
        }
        let mut states = AccountStates::default();
        for state in of_accounts {
            match state {
                AccountState::Fine => states.fine += 1,
                AccountState::Waiting => states.waiting += 1,
                AccountState::Failing => states.failing += 1,
            }
        }
        states
    }
}

fn state(job: &JobEntry) -> AccountState {
    let snapshot = job.snapshot();
    if snapshot.is_up() {
        AccountState::Fine
    } else if snapshot.last.is_none() {
        AccountState::Waiting
    } else {
        AccountState::Failing
    }
}

pub(super) const FAMILY: FamilyOf<AccountStates> = FamilyOf {
    name: "tcss_exporter_accounts",
    kind: Kind::Gauge,
    help: "Number of accounts that this exporter polls, by source and state of their polls.",
    samples: |states, samples| {
        for (state, count) in [
            ("fine", states.fine),
            ("failing", states.failing),
            ("waiting", states.waiting),
        ] {
            samples.add_with(&[("source", "config"), ("state", state)], f64::from(count));
        }
    },
};
