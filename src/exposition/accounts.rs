//! Families with one row an account.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;

use super::writer::{Family, Kind, Writer};
use crate::store::AccountEntry;

/// An account's live counters, as they were when the scrape began.
#[derive(Debug)]
pub(super) struct Reading {
    entry: Arc<AccountEntry>,
    requests: Vec<(&'static str, u64)>,
    waited: Duration,
    requests_per_second: Option<f64>,
    credentials_expire: Option<Timestamp>,
    credentials_failures: u64,
}

impl Reading {
    pub(super) fn new(entry: &Arc<AccountEntry>, now: Instant) -> Reading {
        let paces = entry
            .actions
            .iter()
            .map(|action| action.seat.requests_per_second(now));
        Reading {
            entry: Arc::clone(entry),
            requests: entry
                .actions
                .iter()
                .map(|action| (action.seat.action(), action.requests()))
                .collect(),
            waited: entry.actions.iter().map(|action| action.waited()).sum(),
            requests_per_second: paces.min_by(f64::total_cmp),
            credentials_expire: entry.credentials.expires(),
            credentials_failures: entry.credentials.failures(),
        }
    }
}

#[derive(Debug)]
pub(super) enum Row {
    Value(fn(&Reading) -> Option<f64>),
    /// One value for each action.
    Requests,
}

pub(super) const FAMILIES: [Family<Row>; 5] = [
    Family {
        name: "tcss_api_requests_total",
        kind: Kind::Counter,
        help: "Requests sent to the API, retries included: what its limit counts.",
        row: Row::Requests,
    },
    Family {
        name: "tcss_api_pacer_wait_seconds_total",
        kind: Kind::Counter,
        help: "Time that requests waited for their turn under the rate limit.",
        row: Row::Value(|account| Some(account.waited.as_secs_f64())),
    },
    Family {
        name: "tcss_api_rate_limit_requests_per_second",
        kind: Kind::Gauge,
        help: "Pace of requests in force now: the configured rate less a margin for jitter, and lower after throttling.",
        row: Row::Value(|account| account.requests_per_second),
    },
    Family {
        name: "tcss_credentials_expiry_timestamp_seconds",
        kind: Kind::Gauge,
        help: "When temporary credentials expire, in Unix time; absent for those that do not.",
        #[expect(clippy::cast_precision_loss, reason = "seconds of Unix time fit")]
        row: Row::Value(|account| Some(account.credentials_expire?.as_second() as f64)),
    },
    Family {
        name: "tcss_credentials_refresh_failures_total",
        kind: Kind::Counter,
        help: "Attempts to get or renew credentials that failed.",
        #[expect(clippy::cast_precision_loss, reason = "a metric is an f64")]
        row: Row::Value(|account| Some(account.credentials_failures as f64)),
    },
];

impl Family<Row> {
    pub(super) fn write(&self, writer: &mut Writer, account: &Reading) {
        let mut sample = |labels: &[&str], value: f64| self.sample(writer, labels, value);
        let labels = account.entry.labels.as_str();
        match &self.row {
            Row::Value(value) => value(account)
                .into_iter()
                .for_each(|value| sample(&[labels], value)),
            #[expect(clippy::cast_precision_loss, reason = "a metric is an f64")]
            Row::Requests => account.requests.iter().for_each(|(action, count)| {
                sample(&[labels, ",action=\"", action, "\""], *count as f64);
            }),
        }
    }
}
