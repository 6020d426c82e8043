//! The families about accounts: requests, the rate limit and credentials.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    blocks::FamilyLines,
    text::{FamilyOf, Kind, as_f64, label_set, write_samples},
};
use crate::{
    collectors::Samples,
    domain::{AccountInfo, AccountName},
    store::{AccountEntry, RequestStats},
};

/// The lines of some accounts, which are neighbours in the table.
#[derive(Debug)]
pub(super) struct AccountBlock {
    /// What was rendered, one for each account.
    rendered: Vec<AccountCounters>,
    /// In the order of [`FAMILIES`].
    pub(super) lines: FamilyLines,
}

impl AccountBlock {
    /// Renders the accounts into `draft`. The block has no lines yet.
    pub(super) fn render(accounts: &[Arc<AccountEntry>], draft: &mut FamilyLines) -> AccountBlock {
        draft.clear();
        let mut rendered = Vec::with_capacity(accounts.len());
        let mut labels = Vec::with_capacity(accounts.len());
        for entry in accounts {
            rendered.push(AccountCounters::read(entry));
            labels.push(label_set(&[("account", entry.name.as_str())]));
        }
        for family in &FAMILIES {
            draft.add_family(|text| {
                for (account, labels) in rendered.iter().zip(&labels) {
                    write_samples(text, family.name, labels, |samples| {
                        (family.samples)(account, samples);
                    });
                }
            });
        }
        AccountBlock {
            rendered,
            lines: FamilyLines::default(),
        }
    }

    /// Whether nothing has changed since it was rendered. `accounts` are the same as then.
    pub(super) fn is_current(&self, accounts: &[Arc<AccountEntry>]) -> bool {
        let mut accounts = self.rendered.iter().zip(accounts);
        accounts.all(|(rendered, entry)| rendered.is_current(entry))
    }

    /// One for each account.
    pub(super) fn infos(&self) -> impl Iterator<Item = Arc<AccountInfo>> {
        self.rendered
            .iter()
            .map(|account| Arc::clone(&account.info))
    }

    /// The lines of the family with this index in [`FAMILIES`].
    pub(super) fn of_family(&self, index: usize) -> &[u8] {
        self.lines.of_family(index)
    }
}

/// The counters of an account as they were when its lines were rendered.
#[derive(Debug)]
pub(super) struct AccountCounters {
    /// One for each action.
    requests: Vec<RequestCounters>,
    credentials_expiry: Option<Timestamp>,
    /// `None` for credentials that are never refreshed.
    refresh_failures: Option<u64>,
    info: Arc<AccountInfo>,
    name: AccountName,
}

/// The counters of [`RequestStats`] at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
struct RequestCounters {
    action: &'static str,
    requests: u64,
    waited: Duration,
    rate: f64,
}

impl RequestCounters {
    fn read(stats: &RequestStats) -> RequestCounters {
        RequestCounters {
            action: stats.action,
            requests: stats.requests(),
            waited: stats.waited(),
            rate: stats.rate(),
        }
    }
}

impl AccountCounters {
    fn read(entry: &AccountEntry) -> AccountCounters {
        let (credentials_expiry, refresh_failures) = credentials_counters(entry);
        let mut requests = Vec::with_capacity(entry.requests.len());
        for stats in &entry.requests {
            requests.push(RequestCounters::read(stats));
        }
        AccountCounters {
            requests,
            credentials_expiry,
            refresh_failures,
            info: entry.info(),
            name: entry.name.clone(),
        }
    }

    fn is_current(&self, entry: &AccountEntry) -> bool {
        let mut requests = self.requests.iter().zip(&entry.requests);
        requests.all(|(rendered, stats)| *rendered == RequestCounters::read(stats))
            && (self.credentials_expiry, self.refresh_failures) == credentials_counters(entry)
            && entry.has_info(&self.info)
    }

    fn add_info(&self, samples: &mut Samples<'_>) {
        let info = &self.info;
        let uin = info.uin.map(|uin| uin.to_string());
        let mut labels = Vec::with_capacity(3 + info.labels.len());
        // To Prometheus, an empty label is the same as none.
        if let Some(uin) = &uin {
            labels.push(("uin", uin.as_str()));
        }
        let name = if info.display_name.is_empty() {
            self.name.as_str()
        } else {
            info.display_name.as_str()
        };
        labels.push(("name", name));
        labels.push(("source", info.origin.as_str()));
        for (name, value) in &info.labels {
            labels.push((name.as_str(), value.as_str()));
        }
        samples.add_with(&labels, 1.0);
    }
}

/// When the credentials expire, and how many refreshes failed.
fn credentials_counters(entry: &AccountEntry) -> (Option<Timestamp>, Option<u64>) {
    let credentials = &entry.credentials;
    // A counter that never moves would suggest that static credentials are refreshed.
    let refreshes = credentials.refreshes();
    let failures = refreshes.then(|| credentials.failures());
    (credentials.expires(), failures)
}

pub(super) const FAMILIES: [FamilyOf<AccountCounters>; 7] = [
    FamilyOf {
        name: "tcss_account_info",
        kind: Kind::Gauge,
        help: "Uin, name, source and configured labels of the account; the value is always 1.",
        samples: AccountCounters::add_info,
    },
    FamilyOf {
        name: "tcss_account_missing",
        kind: Kind::Gauge,
        help: "Whether the account is polled although its discovery no longer lists it.",
        samples: |account, samples| {
            if account.info.discovery.is_some() {
                samples.add(f64::from(u8::from(account.info.is_missing)));
            }
        },
    },
    FamilyOf {
        name: "tcss_api_requests_total",
        kind: Kind::Counter,
        help: "Total number of requests sent to the API, including retries.",
        samples: |account, samples| {
            for counters in &account.requests {
                let count = as_f64(counters.requests);
                samples.add_with(&[("action", counters.action)], count);
            }
        },
    },
    FamilyOf {
        name: "tcss_api_rate_limiter_wait_seconds_total",
        kind: Kind::Counter,
        help: "Total time in seconds that requests spent waiting for the rate limiter.",
        samples: |account, samples| {
            let waits = account.requests.iter().map(|counters| counters.waited);
            samples.add(waits.sum::<Duration>().as_secs_f64());
        },
    },
    FamilyOf {
        name: "tcss_api_rate_limit_requests_per_second",
        kind: Kind::Gauge,
        help: "Current rate limit of the account in requests per second.",
        samples: |account, samples| {
            // Each action has a limiter of its own; the slowest one is the one that matters.
            let rates = account.requests.iter().map(|counters| counters.rate);
            samples.add(rates.reduce(f64::min));
        },
    },
    FamilyOf {
        name: "tcss_credentials_expiry_timestamp_seconds",
        kind: Kind::Gauge,
        help: "Unix time at which the temporary credentials of the account expire.",
        #[expect(clippy::cast_precision_loss, reason = "seconds of Unix time fit")]
        samples: |account, samples| {
            if let Some(at) = account.credentials_expiry {
                samples.add(at.as_second() as f64);
            }
        },
    },
    FamilyOf {
        name: "tcss_credentials_refresh_failures_total",
        kind: Kind::Counter,
        help: "Total number of failed attempts to obtain or refresh the credentials of the account.",
        samples: |account, samples| samples.add(account.refresh_failures.map(as_f64)),
    },
];
