//! `scan`: one row or one object per scan.

use std::num::NonZeroU64;

use jiff::Timestamp;
use serde::Serialize;

use super::{CredentialsOrigin, TableRow, format_table, message, notes};
use crate::{
    client::ApiError,
    collectors::{Answer as _, BySource, CompletedScan, VulScan},
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

/// In a cell without a value.
const MISSING: &str = "-";

/// A table for people.
pub(in crate::app) fn table(jobs: &[Job], now: Moment) -> String {
    let mut rows = Vec::new();
    for job in jobs {
        if polls_a_scan(job) {
            rows.push(row(job, now));
        }
    }
    format_table(HEAD, &rows)
}

/// Other collectors have answers that do not fit into the columns.
fn polls_a_scan(job: &Job) -> bool {
    job.collector.name == VulScan::NAME
}

/// The fresh answer of a job.
fn vul_scan(job: &Job, now: Moment) -> Option<VulScan> {
    job.entry.with_fresh(now, VulScan::clone)
}

fn row(job: &Job, now: Moment) -> TableRow<8> {
    // A failed poll has no answer, but its row still names the account, the scan and the reason.
    let [status, progress, risk_images, vulnerabilities] = match vul_scan(job, now) {
        Some(scan) => scan_cells(&scan),
        None => [MISSING; 4].map(str::to_owned),
    };
    let snapshot = job.entry.snapshot();
    let cells = [
        job.account.name.to_string(),
        scan_name(job),
        CredentialsOrigin::new(job).origin,
        status,
        progress,
        risk_images,
        vulnerabilities,
        if snapshot.is_up() { "yes" } else { "no" }.into(),
    ];
    TableRow {
        cells,
        notes: notes(&snapshot),
    }
}

/// Status, progress, images at risk, vulnerabilities.
fn scan_cells(scan: &VulScan) -> [String; 4] {
    let progress = match scan.progress {
        Some(progress) => format!("{:.0}%", progress * 100.0),
        None => MISSING.into(),
    };
    let risk_images = match scan.risk_images {
        Some(count) => count.to_string(),
        None => MISSING.into(),
    };
    let BySource { local, registry } = scan.found_vulnerabilities;
    let vulnerabilities = match (local, registry) {
        (Some(local), Some(registry)) => format!("{local}/{registry}"),
        (Some(count), None) | (None, Some(count)) => count.to_string(),
        (None, None) => MISSING.into(),
    };
    [
        scan.status.as_str().into(),
        progress,
        risk_images,
        vulnerabilities,
    ]
}

fn scan_name(job: &Job) -> String {
    match &job.scan {
        Some(scan) => scan.name.to_string(),
        None => MISSING.into(),
    }
}

/// A JSON array for programs: one object per scan.
pub(in crate::app) fn json(jobs: &[Job], now: Moment) -> String {
    let mut scans = Vec::new();
    for job in jobs {
        if polls_a_scan(job) {
            scans.push(ScanReport::new(job, now));
        }
    }
    serde_json::to_string_pretty(&scans).expect("text and numbers are JSON") + "\n"
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
struct ScanReport {
    account: String,
    scan: String,
    credentials: CredentialsReport,
    up: bool,
    #[serde(flatten)]
    failure: Option<FailureReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<String>,
    #[serde(flatten)]
    answer: Option<AnswerReport>,
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

/// A value that could not be read is `null`.
#[derive(Serialize)]
struct AnswerReport {
    status: &'static str,
    /// 0 to 1.
    progress: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining_seconds: Option<f64>,
    start: Option<String>,
    end: Option<String>,
    #[serde(flatten)]
    counts: CountsReport,
    task_ids: SourceReport<NonZeroU64>,
    /// The same of the last completed scan, which is this one if it is completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    completed: Option<CompletedReport>,
}

#[derive(Serialize)]
struct CompletedReport {
    start: Option<String>,
    end: Option<String>,
    #[serde(flatten)]
    counts: CountsReport,
}

/// Whole numbers.
#[derive(Serialize)]
struct CountsReport {
    scanned_images: SourceReport<u64>,
    risk_images: Option<u64>,
    vulnerabilities: SourceReport<u64>,
    ignored_vulnerabilities: Option<u64>,
}

#[derive(Serialize)]
struct SourceReport<T> {
    local: Option<T>,
    registry: Option<T>,
}

impl ScanReport {
    fn new(job: &Job, now: Moment) -> ScanReport {
        let snapshot = job.entry.snapshot();
        let data = snapshot.fresh(now, job.entry.stale_after);
        let CredentialsOrigin { origin, expires } = CredentialsOrigin::new(job);
        ScanReport {
            account: job.account.name.to_string(),
            scan: scan_name(job),
            credentials: CredentialsReport {
                origin,
                expires: time(expires),
            },
            up: snapshot.is_up(),
            failure: snapshot.failure().map(FailureReport::new),
            as_of: time(data.map(|data| data.as_of.wall)),
            answer: vul_scan(job, now).as_ref().map(AnswerReport::new),
        }
    }
}

impl FailureReport {
    fn new(error: &ApiError) -> FailureReport {
        FailureReport {
            reason: error.reason.as_str(),
            code: error.code.clone(),
            error: message(error),
            advice: error.advice().en,
        }
    }
}

impl AnswerReport {
    fn new(scan: &VulScan) -> AnswerReport {
        let BySource { local, registry } = scan.task_ids;
        AnswerReport {
            status: scan.status.as_str(),
            progress: scan.progress,
            remaining_seconds: scan.remaining.map(|remaining| remaining.as_secs_f64()),
            start: time(scan.start),
            end: time(scan.end),
            counts: CountsReport::new(&scan.results()),
            task_ids: SourceReport { local, registry },
            completed: scan.completed.as_ref().map(CompletedReport::new),
        }
    }
}

impl CompletedReport {
    fn new(scan: &CompletedScan) -> CompletedReport {
        CompletedReport {
            start: time(scan.start),
            end: time(scan.end),
            counts: CountsReport::new(scan),
        }
    }
}

impl CountsReport {
    fn new(results: &CompletedScan) -> CountsReport {
        CountsReport {
            scanned_images: by_source(results.scanned_images),
            risk_images: whole(results.risk_images),
            vulnerabilities: by_source(results.found_vulnerabilities),
            ignored_vulnerabilities: whole(results.ignored_vulnerabilities),
        }
    }
}

fn by_source(counts: BySource<f64>) -> SourceReport<u64> {
    SourceReport {
        local: whole(counts.local),
        registry: whole(counts.registry),
    }
}

/// RFC 3339, in UTC.
fn time(at: Option<Timestamp>) -> Option<String> {
    Some(at?.to_string())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count is a whole number that is not negative"
)]
pub(super) fn whole(count: Option<f64>) -> Option<u64> {
    // JSON would show 3.0, which a program that reads integers may reject.
    Some(count? as u64)
}
