//! Families with one row an account.

use super::writer::{Kind, Writer};
use crate::store::AccountEntry;

/// A family of what an account's requests cost.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
    row: Row,
}

#[derive(Debug)]
enum Row {
    Value(fn(&AccountEntry) -> Option<f64>),
    /// One value for each action.
    Requests,
}

pub(super) const FAMILIES: [Family; 5] = [
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
        row: Row::Value(|account| Some(account.waited().as_secs_f64())),
    },
    Family {
        name: "tcss_api_rate_limit_requests_per_second",
        kind: Kind::Gauge,
        help: "Pace of requests in force now: the configured rate less a margin for jitter, and lower after throttling.",
        row: Row::Value(AccountEntry::requests_per_second),
    },
    Family {
        name: "tcss_credentials_expiry_timestamp_seconds",
        kind: Kind::Gauge,
        help: "When temporary credentials expire, in Unix time; absent for those that do not.",
        row: Row::Value(|_| None),
    },
    Family {
        name: "tcss_credentials_refresh_failures_total",
        kind: Kind::Counter,
        help: "Attempts to renew temporary credentials that failed.",
        row: Row::Value(|_| Some(0.0)),
    },
];

impl Family {
    pub(super) fn write(&self, writer: &mut Writer, account: &AccountEntry) {
        let mut sample = |labels: &[&str], value: f64| {
            writer.head(self.name, self.kind, self.help);
            writer.sample(self.name, labels, value);
        };
        let labels = account.labels.as_str();
        match &self.row {
            Row::Value(value) => value(account).into_iter().for_each(|value| sample(&[labels], value)),
            #[expect(clippy::cast_precision_loss, reason = "a metric is an f64")]
            Row::Requests => account.requests().for_each(|(action, count)| {
                sample(&[labels, ",action=\"", action, "\""], count as f64);
            }),
        }
    }
}
