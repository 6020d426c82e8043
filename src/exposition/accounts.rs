//! The families about accounts: requests, the rate limit and credentials.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::text::{FamilyOf, Kind, as_f64, label_set};
use crate::{
    collectors::Samples,
    domain::{AccountInfo, AccountName},
    store::AccountEntry,
};

/// The counters of an account as they were when the scrape began.
#[derive(Debug)]
pub(super) struct AccountCounters {
    /// The labels of every sample.
    pub(super) labels: Vec<u8>,
    requests: Vec<(&'static str, u64)>,
    waited: Duration,
    requests_per_second: Option<f64>,
    credentials_expiry: Option<Timestamp>,
    /// `None` for credentials that are never refreshed.
    refresh_failures: Option<u64>,
    info: Arc<AccountInfo>,
    name: AccountName,
}

impl AccountCounters {
    pub(super) fn read(entry: &AccountEntry) -> AccountCounters {
        let credentials = &entry.credentials;
        // A counter that never moves would suggest that static credentials are refreshed.
        let mut refresh_failures = None;
        if credentials.refreshes() {
            refresh_failures = Some(credentials.failures());
        }
        let mut counters = AccountCounters {
            labels: label_set(&[("account", entry.name.as_str())]),
            requests: Vec::with_capacity(entry.requests.len()),
            waited: Duration::ZERO,
            requests_per_second: None,
            credentials_expiry: credentials.expires(),
            refresh_failures,
            info: entry.info(),
            name: entry.name.clone(),
        };
        for stats in &entry.requests {
            counters.requests.push((stats.action, stats.requests()));
            counters.waited += stats.waited();
            // Each action has a limiter of its own; the slowest one is the one that matters.
            let rate = stats.rate();
            let slowest = counters.requests_per_second.unwrap_or(rate);
            counters.requests_per_second = Some(slowest.min(rate));
        }
        counters
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
            for (action, count) in &account.requests {
                samples.add_with(&[("action", action)], as_f64(*count));
            }
        },
    },
    FamilyOf {
        name: "tcss_api_rate_limiter_wait_seconds_total",
        kind: Kind::Counter,
        help: "Total time in seconds that requests spent waiting for the rate limiter.",
        samples: |account, samples| samples.add(account.waited.as_secs_f64()),
    },
    FamilyOf {
        name: "tcss_api_rate_limit_requests_per_second",
        kind: Kind::Gauge,
        help: "Current rate limit of the account in requests per second.",
        samples: |account, samples| samples.add(account.requests_per_second),
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
