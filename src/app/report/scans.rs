//! `scan`: one row or one object per scan.

use serde::Serialize;

use super::{CredentialsOrigin, TableRow, format_table, message, notes};
use crate::{
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

/// A table for people.
pub(in crate::app) fn table(jobs: &[Job], now: Moment) -> String {
    let mut rows = Vec::new();
    for job in scan_jobs(jobs) {
        rows.push(row(job, now));
    }
    format_table(HEAD, &rows)
}

/// The jobs that poll scans.
fn scan_jobs(jobs: &[Job]) -> impl Iterator<Item = &Job> {
    jobs.iter()
        .filter(|job| job.collector.name == VulScan::NAME)
}

/// The fresh answer of a job.
fn vul_scan(job: &Job, now: Moment) -> Option<VulScan> {
    job.entry.with_fresh(now, VulScan::clone)
}

fn row(job: &Job, now: Moment) -> TableRow<8> {
    let scan = vul_scan(job, now);
    let cell = |value: fn(&VulScan) -> Option<String>| {
        scan.as_ref().and_then(value).unwrap_or_else(|| "-".into())
    };
    let snapshot = job.entry.snapshot();
    let cells = [
        job.account.name.to_string(),
        scan_name(job),
        CredentialsOrigin::new(job).origin,
        cell(|scan| Some(scan.status.as_str().into())),
        cell(|scan| Some(format!("{:.0}%", scan.progress? * 100.0))),
        cell(|scan| Some(scan.risk_images?.to_string())),
        cell(|scan| {
            let BySource { local, registry } = scan.found_vulnerabilities;
            match (local, registry) {
                (Some(local), Some(registry)) => Some(format!("{local}/{registry}")),
                (Some(value), None) | (None, Some(value)) => Some(value.to_string()),
                (None, None) => None,
            }
        }),
        if snapshot.is_up() { "yes" } else { "no" }.into(),
    ];
    TableRow {
        cells,
        notes: snapshot.failure().map(notes).unwrap_or_default(),
    }
}

fn scan_name(job: &Job) -> String {
    match &job.scan {
        Some(scan) => scan.name.to_string(),
        None => "-".into(),
    }
}

/// A JSON array for programs: one object per scan.
pub(in crate::app) fn json(jobs: &[Job], now: Moment) -> String {
    let scans: Vec<ScanReport> = scan_jobs(jobs)
        .map(|job| ScanReport::new(job, now))
        .collect();
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
    task_ids: SourceReport<u64>,
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
                expires: expires.map(|at| at.to_string()),
            },
            up: snapshot.is_up(),
            failure: snapshot.failure().map(|error| FailureReport {
                reason: error.reason.as_str(),
                code: error.code.clone(),
                error: message(error),
                advice: error.advice(),
            }),
            as_of: data.map(|data| data.as_of.wall.to_string()),
            answer: vul_scan(job, now).as_ref().map(AnswerReport::new),
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
            start: scan.start.map(|at| at.to_string()),
            end: scan.end.map(|at| at.to_string()),
            counts: CountsReport {
                scanned_images: by_source(scan.scanned_images),
                risk_images: scan.risk_images.map(whole),
                vulnerabilities: by_source(scan.found_vulnerabilities),
                ignored_vulnerabilities: scan.ignored_vulnerabilities.map(whole),
            },
            task_ids: SourceReport {
                local: local.map(Into::into),
                registry: registry.map(Into::into),
            },
            completed: scan.completed.as_ref().map(CompletedReport::new),
        }
    }
}

impl CompletedReport {
    fn new(scan: &CompletedScan) -> CompletedReport {
        CompletedReport {
            start: scan.start.map(|at| at.to_string()),
            end: scan.end.map(|at| at.to_string()),
            counts: CountsReport {
                scanned_images: by_source(scan.scanned_images),
                risk_images: scan.risk_images.map(whole),
                vulnerabilities: by_source(scan.found_vulnerabilities),
                ignored_vulnerabilities: scan.ignored_vulnerabilities.map(whole),
            },
        }
    }
}

fn by_source(counts: BySource<f64>) -> SourceReport<u64> {
    SourceReport {
        local: counts.local.map(whole),
        registry: counts.registry.map(whole),
    }
}

/// A count is a whole number that is not negative.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "see above"
)]
fn whole(count: f64) -> u64 {
    count as u64
}
