//! `scan`: one row or one JSON object per scan.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{CredentialsOrigin, TableRow, format_table, message, notes};
use crate::{
    client::ApiError,
    collectors::{Collector, Sample, vul_scan_info as vul},
    domain::Moment,
    poller::Job,
    store::Data,
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

/// `--output table`.
pub(in crate::app) fn table(jobs: &[Job], now: Moment) -> String {
    let mut rows = Vec::new();
    for job in jobs {
        if std::ptr::eq(job.collector, &raw const vul::COLLECTOR) {
            rows.push(row(job, now));
        }
    }
    format_table(HEAD, &rows)
}

fn row(job: &Job, now: Moment) -> TableRow<8> {
    let snapshot = job.entry.snapshot();
    let [status, progress, risk_images, vulnerabilities] =
        match snapshot.fresh(now, job.entry.stale_after) {
            Some(data) => cells(data),
            None => [const { String::new() }; 4],
        };
    let cells = [
        job.account.name.to_string(),
        job.scan.name.to_string(),
        CredentialsOrigin::new(job).origin,
        or_dash(status),
        or_dash(progress),
        or_dash(risk_images),
        or_dash(vulnerabilities),
        if snapshot.is_up() { "yes" } else { "no" }.into(),
    ];
    let notes = match snapshot.failure() {
        Some(error) => notes(error),
        None => Vec::new(),
    };
    TableRow { cells, notes }
}

/// Status, progress, images at risk and vulnerabilities. Empty where a value is missing.
fn cells(data: &Data) -> [String; 4] {
    let mut cells = [const { String::new() }; 4];
    for sample in &data.samples {
        match sample.family {
            vul::STATUS if sample.value > 0.0 => {
                let status = sample.labels.split('"').nth(1);
                cells[0] = status.map(str::to_owned).unwrap_or_default();
            }
            vul::PROGRESS => cells[1] = format!("{:.0}%", sample.value * 100.0),
            vul::RISK_IMAGES => cells[2] = sample.value.to_string(),
            vul::FOUND_VULNERABILITIES => {
                if !cells[3].is_empty() {
                    cells[3].push('/');
                }
                cells[3].push_str(&sample.value.to_string());
            }
            _ => {}
        }
    }
    cells
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "-".into() } else { text }
}

/// `--output json`.
pub(in crate::app) fn json(jobs: &[Job], now: Moment) -> String {
    let mut reports = Vec::new();
    for job in jobs {
        reports.push(ScanReport::new(job, now));
    }
    serde_json::to_string_pretty(&reports).expect("text and numbers are valid JSON") + "\n"
}

#[derive(Serialize)]
struct ScanReport {
    account: String,
    scan: String,
    credentials: CredentialsReport,
    up: bool,
    #[serde(flatten)]
    failure: Option<FailureReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<String>,
    samples: Map<String, Value>,
}

#[derive(Serialize)]
struct CredentialsReport {
    origin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
}

#[derive(Serialize)]
struct FailureReport {
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    error: String,
    advice: &'static str,
}

impl ScanReport {
    fn new(job: &Job, now: Moment) -> ScanReport {
        let snapshot = job.entry.snapshot();
        let (as_of, samples) = match snapshot.fresh(now, job.entry.stale_after) {
            Some(data) => (
                Some(data.as_of.wall.to_string()),
                samples(job.collector, data),
            ),
            None => (None, Map::new()),
        };
        ScanReport {
            account: job.account.name.to_string(),
            scan: job.scan.name.to_string(),
            credentials: CredentialsReport::new(job),
            up: snapshot.is_up(),
            failure: snapshot.failure().map(FailureReport::new),
            as_of,
            samples,
        }
    }
}

impl CredentialsReport {
    fn new(job: &Job) -> CredentialsReport {
        let CredentialsOrigin { origin, expires } = CredentialsOrigin::new(job);
        CredentialsReport {
            origin,
            expires: expires.map(|at| at.to_string()),
        }
    }
}

impl FailureReport {
    fn new(error: &ApiError) -> FailureReport {
        FailureReport {
            reason: error.reason.as_str(),
            code: error.code.clone(),
            error: message(error),
            advice: error.advice(),
        }
    }
}

/// The samples by series, as on `/metrics`.
fn samples(collector: &Collector, data: &Data) -> Map<String, Value> {
    let mut samples = Map::new();
    for sample in &data.samples {
        samples.insert(series(collector, sample), json!(sample.value));
    }
    samples
}

fn series(collector: &Collector, sample: &Sample) -> String {
    let name = collector.families[sample.family].name;
    if sample.labels.is_empty() {
        name.into()
    } else {
        format!("{name}{{{}}}", sample.labels)
    }
}
