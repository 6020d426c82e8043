//! Families with one row a job.

use super::writer::{Family, Kind, Writer};
use crate::{
    collectors::{self, Sample},
    domain::Moment,
    store::{JobEntry, Snapshot},
};

/// What a job contributes to a family.
#[derive(Debug)]
pub(super) enum Row {
    /// One value, where there is one.
    Value(fn(&Snapshot) -> Option<f64>),
    /// One 1 for the reason of the last failure.
    Failing,
    /// One value for each field.
    Fields,
}

pub(super) const FAMILIES: [Family<Row>; 9] = [
    Family {
        name: "tcss_up",
        kind: Kind::Gauge,
        help: "Whether the last poll succeeded; 0 before the first.",
        row: Row::Value(|snapshot| Some(f64::from(u8::from(snapshot.is_up())))),
    },
    Family {
        name: "tcss_poll_failing",
        kind: Kind::Gauge,
        help: "1 while the last poll failed, for its reason.",
        row: Row::Failing,
    },
    Family {
        name: "tcss_poll_last_attempt_timestamp_seconds",
        kind: Kind::Gauge,
        help: "When the last poll asked the API, in Unix time.",
        row: Row::Value(|snapshot| snapshot.last.as_ref().map(|last| unix_seconds(last.at))),
    },
    Family {
        name: "tcss_poll_last_success_timestamp_seconds",
        kind: Kind::Gauge,
        help: "When the last poll that succeeded asked the API, in Unix time.",
        row: Row::Value(|snapshot| snapshot.last_success().map(unix_seconds)),
    },
    Family {
        name: "tcss_poll_duration_seconds",
        kind: Kind::Gauge,
        help: "How long the last poll took, waits and retries included.",
        row: Row::Value(|snapshot| snapshot.last.as_ref().map(|last| last.took.as_secs_f64())),
    },
    Family {
        name: "tcss_poll_interval_seconds",
        kind: Kind::Gauge,
        help: "Time between polls that is in force now.",
        row: Row::Value(|snapshot| Some(snapshot.interval.as_secs_f64())),
    },
    Family {
        name: "tcss_polls_total",
        kind: Kind::Counter,
        help: "Polls, failed ones included.",
        row: Row::Value(|snapshot| Some(as_f64(snapshot.polls))),
    },
    Family {
        name: "tcss_poll_failures_total",
        kind: Kind::Counter,
        help: "Polls that failed.",
        row: Row::Value(|snapshot| Some(as_f64(snapshot.failures))),
    },
    Family {
        name: "tcss_unexpected_values_total",
        kind: Kind::Counter,
        help: "Values of answers that were missing or could not be read, and were left out.",
        row: Row::Fields,
    },
];

impl Family<Row> {
    pub(super) fn write(&self, writer: &mut Writer, job: &JobEntry, snapshot: &Snapshot) {
        let mut sample = |labels: &[&str], value: f64| self.sample(writer, labels, value);
        let labels = job.labels.as_str();
        match &self.row {
            Row::Value(value) => value(snapshot)
                .into_iter()
                .for_each(|value| sample(&[labels], value)),
            Row::Failing => snapshot.failure().into_iter().for_each(|error| {
                sample(&[labels, ",reason=\"", error.reason.as_str(), "\""], 1.0);
            }),
            Row::Fields => {
                job.collector
                    .fields
                    .iter()
                    .zip(&snapshot.unexpected)
                    .for_each(|(field, count)| {
                        sample(&[labels, ",field=\"", field, "\""], as_f64(*count));
                    });
            }
        }
    }
}

/// Writes the samples of one family, with which `samples` of a job begin if there are any, and says how many those are.
pub(super) fn write_samples(
    writer: &mut Writer,
    labels: &str,
    family: &collectors::Family,
    index: usize,
    samples: &[Sample],
) -> usize {
    let n_samples = samples
        .iter()
        .take_while(|sample| sample.family == index)
        .count();
    for sample in &samples[..n_samples] {
        writer.head(family.name, Kind::Gauge, family.help);
        let comma = if sample.labels.is_empty() { "" } else { "," };
        writer.sample(family.name, &[labels, comma, &sample.labels], sample.value);
    }
    n_samples
}

/// To the millisecond: more is noise, and an `f64` holds it.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of Unix time fit")]
fn unix_seconds(moment: Moment) -> f64 {
    moment.wall.as_millisecond() as f64 / 1e3
}

#[expect(clippy::cast_precision_loss, reason = "a metric is an f64")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
