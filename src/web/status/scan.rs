//! What a fresh answer says of a scan.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::{
    collectors::{Sample, vul_scan_info as vul},
    store::Data,
};

/// How the scan stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    NotScanned,
    Scanning,
    Scanned,
    Canceled,
    Unknown,
}

impl Status {
    fn of(samples: &[Sample]) -> Status {
        let status = samples
            .iter()
            .find(|sample| sample.family == vul::STATUS && sample.value > 0.0);
        match status.and_then(|sample| sample.labels.split('"').nth(1)) {
            Some("NOT_SCAN") => Status::NotScanned,
            Some("SCANNING") => Status::Scanning,
            Some("SCANNED") => Status::Scanned,
            Some("CANCELED") => Status::Canceled,
            _ => Status::Unknown,
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Status::NotScanned => "Never scanned",
            Status::Scanning => "Scanning",
            Status::Scanned => "Scanned",
            Status::Canceled => "Canceled",
            Status::Unknown => "Unknown",
        }
    }
}

/// The values of an answer; none for those that were missing or could not be read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scan {
    pub(super) status: Status,
    /// 0 to 1.
    pub(super) progress: Option<f64>,
    /// None also where a scan runs and the API does not know.
    pub(super) remaining: Option<Duration>,
    pub(super) start: Option<Timestamp>,
    pub(super) end: Option<Timestamp>,
    pub(super) risk_images: Option<f64>,
    pub(super) local: Option<f64>,
    pub(super) registry: Option<f64>,
    pub(super) ignored: Option<f64>,
}

impl Scan {
    pub(super) fn of(data: &Data) -> Scan {
        let value = |family: usize, labels: &str| {
            let is_it = |sample: &&Sample| sample.family == family && sample.labels == labels;
            data.samples.iter().find(is_it).map(|sample| sample.value)
        };
        Scan {
            status: Status::of(&data.samples),
            progress: value(vul::PROGRESS, ""),
            remaining: value(vul::REMAINING, "")
                .filter(|seconds| *seconds > 0.0)
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
            start: value(vul::START, "").and_then(timestamp),
            end: value(vul::END, "").and_then(timestamp),
            risk_images: value(vul::RISK_IMAGES, ""),
            local: value(vul::FOUND_VULNERABILITIES, vul::LOCAL),
            registry: value(vul::FOUND_VULNERABILITIES, vul::REGISTRY),
            ignored: value(vul::IGNORED_VULNERABILITIES, ""),
        }
    }
}

fn timestamp(seconds: f64) -> Option<Timestamp> {
    Timestamp::from_duration(SignedDuration::try_from_secs_f64(seconds).ok()?).ok()
}
