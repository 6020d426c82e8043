//! `scan`: one row a scan.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Keys, Row, grid, notes, text};
use crate::{
    collectors::{Sample, vul_scan_info as vul},
    domain::Moment,
    poller::Job,
};

const HEAD: [&str; 8] = [
    "ACCOUNT",
    "SCAN",
    "CREDENTIALS",
    "STATUS",
    "PROGRESS",
    "RISK IMAGES",
    "VULNERABILITIES (LOCAL/REGISTRY)",
    "UP",
];

/// For people.
pub(in crate::app) fn table(jobs: &[Job], now: Moment) -> String {
    let scans = jobs
        .iter()
        .filter(|job| std::ptr::eq(job.collector, &raw const vul::COLLECTOR));
    grid(HEAD, scans.map(|job| row(job, now)))
}

fn row(job: &Job, now: Moment) -> Row<8> {
    let snapshot = job.entry.snapshot();
    let samples = snapshot
        .fresh(now, job.entry.stale_after)
        .map_or(&[][..], |data| &data.samples);
    let values = |family: usize| {
        let values = samples
            .iter()
            .filter(move |sample| sample.family == family)
            .map(|sample| sample.value);
        values
            .map(|value| value.to_string())
            .collect::<Vec<_>>()
            .join("/")
    };
    let status = samples
        .iter()
        .find(|sample| sample.family == vul::STATUS && sample.value > 0.0);
    let progress = samples.iter().find(|sample| sample.family == vul::PROGRESS);
    let cells = [
        job.account.name.to_string(),
        job.scan.name.to_string(),
        Keys::of(job).origin,
        status
            .and_then(|sample| sample.labels.split('"').nth(1))
            .unwrap_or("-")
            .to_owned(),
        progress.map_or_else(
            || "-".into(),
            |sample| format!("{:.0} %", sample.value * 100.0),
        ),
        or_dash(values(vul::RISK_IMAGES)),
        or_dash(values(vul::FOUND_VULNERABILITIES)),
        if snapshot.is_up() { "yes" } else { "no" }.into(),
    ];
    Row {
        cells,
        notes: snapshot.failure().map(notes).unwrap_or_default(),
    }
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "-".into() } else { text }
}

/// One object a scan: what it is, how the poll went, and its samples as they are on `/metrics`.
pub(in crate::app) fn json(jobs: &[Job], now: Moment) -> String {
    let scans: Vec<Scan> = jobs.iter().map(|job| Scan::of(job, now)).collect();
    serde_json::to_string_pretty(&scans).expect("text and numbers are JSON") + "\n"
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "named as the label")]
struct Scan {
    account: String,
    scan: String,
    credentials: Credentials,
    up: bool,
    #[serde(flatten)]
    failure: Option<Failure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<String>,
    samples: Map<String, Value>,
}

#[derive(Serialize)]
struct Credentials {
    origin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
}

#[derive(Serialize)]
struct Failure {
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    error: String,
    advice: &'static str,
}

impl Scan {
    fn of(job: &Job, now: Moment) -> Scan {
        let snapshot = job.entry.snapshot();
        let data = snapshot.fresh(now, job.entry.stale_after);
        let Keys { origin, expires } = Keys::of(job);
        let named = |sample: &Sample| {
            let name = job.collector.families[sample.family].name;
            let name = if sample.labels.is_empty() {
                name.into()
            } else {
                format!("{name}{{{}}}", sample.labels)
            };
            (name, json!(sample.value))
        };
        Scan {
            account: job.account.name.to_string(),
            scan: job.scan.name.to_string(),
            credentials: Credentials {
                origin,
                expires: expires.map(|at| at.to_string()),
            },
            up: snapshot.is_up(),
            failure: snapshot.failure().map(|error| Failure {
                reason: error.reason.as_str(),
                code: error.code.clone(),
                error: text(error),
                advice: error.advice(),
            }),
            as_of: data.map(|data| data.as_of.wall.to_string()),
            samples: data
                .into_iter()
                .flat_map(|data| &data.samples)
                .map(named)
                .collect(),
        }
    }
}
