//! `images`: one row per image.

use serde::Serialize;

use super::{TableRow, failure_notes, format_table, message};
use crate::{
    collectors::{BySeverity, ImageList, RiskImage, RiskImages},
    poller::Job,
};

const HEAD: [&str; 8] = [
    "ACCOUNT", "SCAN", "CRITICAL", "HIGH", "MEDIUM", "LOW", "IMAGE", "IMAGE ID",
];

/// In a cell without a value.
const MISSING: &str = "-";

/// A table for people. A scan without images has one row, which tells why.
pub(in crate::app) fn table(jobs: &[Job]) -> String {
    let mut rows = Vec::new();
    for job in jobs {
        let list = image_list(job);
        let images = match &list {
            Some(list) => &list.worst[..],
            None => &[],
        };
        for image in images {
            rows.push(row(job, Some(image), Vec::new()));
        }
        if images.is_empty() {
            rows.push(row(job, None, why_empty(job, list.as_ref())));
        }
    }
    format_table(HEAD, &rows)
}

fn why_empty(job: &Job, list: Option<&ImageList>) -> Vec<String> {
    if let Some(error) = job.entry.snapshot().failure() {
        return failure_notes(error);
    }
    let why = match list {
        Some(_) => "the last completed scan found no vulnerabilities in local images",
        None => "no completed scan of local images; a running one is listed when it is completed",
    };
    vec![why.to_owned()]
}

fn image_list(job: &Job) -> Option<ImageList> {
    let snapshot = job.entry.snapshot();
    let answer: &RiskImages = snapshot.latest()?.answer.get()?;
    answer.list.clone()
}

fn row(job: &Job, image: Option<&RiskImage>, notes: Vec<String>) -> TableRow<8> {
    let [critical, high, medium, low] = match image {
        Some(image) => cells(image.vulnerabilities),
        None => [MISSING; 4].map(str::to_owned),
    };
    let (name, id) = match image {
        Some(image) => (image.name.clone(), image.id.clone()),
        None => (MISSING.to_owned(), MISSING.to_owned()),
    };
    TableRow {
        cells: [
            job.account.name.to_string(),
            scan_name(job),
            critical,
            high,
            medium,
            low,
            name,
            id,
        ],
        notes,
    }
}

fn cells(counts: BySeverity) -> [String; 4] {
    let counts = [counts.critical, counts.high, counts.medium, counts.low];
    counts.map(|count| count.map_or(MISSING.to_owned(), |count| count.to_string()))
}

fn scan_name(job: &Job) -> String {
    match &job.scan {
        Some(scan) => scan.name.to_string(),
        None => MISSING.into(),
    }
}

/// A JSON array for programs: one object per scan.
pub(in crate::app) fn json(jobs: &[Job]) -> String {
    let mut scans = Vec::new();
    for job in jobs {
        scans.push(ImageListReport::new(job));
    }
    serde_json::to_string_pretty(&scans).expect("text and numbers are JSON") + "\n"
}

#[derive(Serialize)]
struct ImageListReport {
    account: String,
    scan: String,
    up: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<String>,
    /// Of the scan; the list may be shorter.
    #[serde(skip_serializing_if = "Option::is_none")]
    scanned_images: Option<u64>,
    images: Vec<ImageReport>,
}

#[derive(Serialize)]
struct ImageReport {
    name: String,
    id: String,
    vulnerabilities: SeverityReport,
}

/// A value that could not be read is `null`.
#[derive(Serialize)]
struct SeverityReport {
    critical: Option<u64>,
    high: Option<u64>,
    medium: Option<u64>,
    low: Option<u64>,
}

impl ImageListReport {
    fn new(job: &Job) -> ImageListReport {
        let snapshot = job.entry.snapshot();
        let mut report = ImageListReport {
            account: job.account.name.to_string(),
            scan: scan_name(job),
            up: snapshot.is_up(),
            error: snapshot.failure().map(message),
            start: None,
            end: None,
            scanned_images: None,
            images: Vec::new(),
        };
        let Some(list) = image_list(job) else {
            return report;
        };
        if let Some(run) = list.run {
            report.start = run.start.map(|at| at.to_string());
            report.end = run.end.map(|at| at.to_string());
        }
        report.scanned_images = super::scans::whole(list.n_images);
        for image in list.worst {
            report.images.push(ImageReport::new(image));
        }
        report
    }
}

impl ImageReport {
    fn new(image: RiskImage) -> ImageReport {
        let counts = image.vulnerabilities;
        ImageReport {
            name: image.name,
            id: image.id,
            vulnerabilities: SeverityReport {
                critical: super::scans::whole(counts.critical),
                high: super::scans::whole(counts.high),
                medium: super::scans::whole(counts.medium),
                low: super::scans::whole(counts.low),
            },
        }
    }
}
