//! The values of a scan that the page shows. The only place of the page that reads an answer.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::{
    collectors::{Activity, Sample, vul_scan_info as vul},
    store::{Data, JobEntry},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScanStatus {
    NotScanned,
    Scanning,
    Scanned,
    Canceled,
    Unknown,
}

/// None for values that were missing or could not be parsed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ScanView {
    pub(super) status: ScanStatus,
    /// 0 to 1.
    pub(super) progress: Option<f64>,
    /// None also while a scan runs and the API does not know.
    pub(super) remaining: Option<Duration>,
    pub(super) start: Option<Timestamp>,
    pub(super) end: Option<Timestamp>,
    pub(super) risk_images: Option<f64>,
    pub(super) local_vulnerabilities: Option<f64>,
    pub(super) registry_vulnerabilities: Option<f64>,
    pub(super) ignored_vulnerabilities: Option<f64>,
}

/// Whether the job polls a scan. Other jobs have no row on the page.
pub(super) fn has_scan(job: &JobEntry) -> bool {
    std::ptr::eq(job.collector, &raw const vul::COLLECTOR)
}

pub(super) fn is_scanning(data: &Data) -> bool {
    matches!(data.activity, Activity::Scanning { .. })
}

impl ScanView {
    pub(super) fn new(data: &Data) -> ScanView {
        let samples = &data.samples;
        ScanView {
            status: status(samples),
            progress: value(samples, vul::PROGRESS, ""),
            remaining: value(samples, vul::REMAINING, "").and_then(positive_duration),
            start: value(samples, vul::START, "").and_then(timestamp),
            end: value(samples, vul::END, "").and_then(timestamp),
            risk_images: value(samples, vul::RISK_IMAGES, ""),
            local_vulnerabilities: value(samples, vul::FOUND_VULNERABILITIES, vul::LOCAL),
            registry_vulnerabilities: value(samples, vul::FOUND_VULNERABILITIES, vul::REGISTRY),
            ignored_vulnerabilities: value(samples, vul::IGNORED_VULNERABILITIES, ""),
        }
    }
}

fn value(samples: &[Sample], family: usize, labels: &str) -> Option<f64> {
    for sample in samples {
        if sample.family == family && sample.labels == labels {
            return Some(sample.value);
        }
    }
    None
}

fn status(samples: &[Sample]) -> ScanStatus {
    for sample in samples {
        if sample.family == vul::STATUS && sample.value > 0.0 {
            return match sample.labels.split('"').nth(1) {
                Some("NOT_SCAN") => ScanStatus::NotScanned,
                Some("SCANNING") => ScanStatus::Scanning,
                Some("SCANNED") => ScanStatus::Scanned,
                Some("CANCELED") => ScanStatus::Canceled,
                _ => ScanStatus::Unknown,
            };
        }
    }
    ScanStatus::Unknown
}

fn positive_duration(seconds: f64) -> Option<Duration> {
    if seconds > 0.0 {
        Duration::try_from_secs_f64(seconds).ok()
    } else {
        None
    }
}

fn timestamp(seconds: f64) -> Option<Timestamp> {
    Timestamp::from_duration(SignedDuration::try_from_secs_f64(seconds).ok()?).ok()
}
