//! The families about polls, which every collector has.

use super::text::{FamilyOf, Kind, as_f64};
use crate::store::Snapshot;

pub(super) const FAMILIES: [FamilyOf<Snapshot>; 10] = [
    FamilyOf {
        name: "tcss_up",
        kind: Kind::Gauge,
        help: "Whether the last poll succeeded.",
        samples: |poll, samples| samples.add(f64::from(u8::from(poll.is_up()))),
    },
    FamilyOf {
        name: "tcss_poll_failing",
        kind: Kind::Gauge,
        help: "Reason why the last poll failed; the value is always 1.",
        samples: |poll, samples| {
            if let Some(error) = poll.failure() {
                samples.add_with(&[("reason", error.reason.as_str())], 1.0);
            }
        },
    },
    FamilyOf {
        name: "tcss_poll_last_attempt_timestamp_seconds",
        kind: Kind::Gauge,
        help: "Unix time at which the last poll called the API.",
        samples: |poll, samples| {
            if let Some(last) = &poll.last {
                samples.add_time(Some(last.at.wall));
            }
        },
    },
    FamilyOf {
        name: "tcss_poll_last_success_timestamp_seconds",
        kind: Kind::Gauge,
        help: "Unix time at which the last successful poll called the API.",
        samples: |poll, samples| samples.add_time(poll.last_success().map(|at| at.wall)),
    },
    FamilyOf {
        name: "tcss_poll_duration_seconds",
        kind: Kind::Gauge,
        help: "Duration of the last poll in seconds, including retries and the time spent waiting for the rate limiter.",
        samples: |poll, samples| {
            if let Some(last) = &poll.last {
                samples.add(last.took.as_secs_f64());
            }
        },
    },
    FamilyOf {
        name: "tcss_poll_interval_seconds",
        kind: Kind::Gauge,
        help: "Current interval between polls in seconds.",
        samples: |poll, samples| samples.add(poll.interval.as_secs_f64()),
    },
    FamilyOf {
        name: "tcss_polls_total",
        kind: Kind::Counter,
        help: "Total number of polls, including failed ones.",
        samples: |poll, samples| samples.add(as_f64(poll.polls)),
    },
    FamilyOf {
        name: "tcss_poll_failures_total",
        kind: Kind::Counter,
        help: "Total number of failed polls.",
        samples: |poll, samples| samples.add(as_f64(poll.failures)),
    },
    FamilyOf {
        name: "tcss_unexpected_values_total",
        kind: Kind::Counter,
        help: "Total number of values in API responses that were missing or could not be read.",
        samples: |poll, samples| samples.add(as_f64(poll.unexpected_values)),
    },
    FamilyOf {
        name: "tcss_unexpected_field",
        kind: Kind::Gauge,
        help: "Field that was missing in the latest API response or could not be read; the value is always 1.",
        samples: |poll, samples| {
            if let Some(data) = poll.latest() {
                for field in &data.unexpected {
                    samples.add_with(&[("field", field)], 1.0);
                }
            }
        },
    },
];
