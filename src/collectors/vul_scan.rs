//! `DescribeVulScanInfo`: the state of the vulnerability scan of container images.
//!
//! Source: <https://cloud.tencent.com/document/api/1285/81644>. `ScanStartTime` and `ScanEndTime`
//! have no zone; `FoundVulCount` counts local images only, `RegistryFoundVulCount` those in
//! registries. While a scan runs, the counts are those found so far.

use std::{num::NonZeroU64, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;

use super::{Action, Answer, Body, BySource, Family, Fields, Pace, Per};
use crate::domain::Scan;

/// The latest answer, and what earlier ones said that this one cannot.
#[derive(Clone, Debug, PartialEq)]
pub struct VulScan {
    pub status: ScanStatus,
    /// 0 to 1.
    pub progress: Option<f64>,
    /// `None` also if the API does not know how long the running scan will take.
    pub remaining: Option<Duration>,
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
    pub scanned_images: BySource<f64>,
    pub found_vulnerabilities: BySource<f64>,
    pub ignored_vulnerabilities: Option<f64>,
    pub risk_images: Option<f64>,
    pub task_ids: BySource<NonZeroU64>,
    /// Only while a scan runs.
    pub progress_change: Option<ProgressChange>,
    /// The last scan that was seen with status SCANNED.
    pub completed: Option<CompletedScan>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanStatus {
    NotScanned,
    Scanning,
    Scanned,
    Canceled,
    /// A status that is not documented, or none at all.
    Unknown,
}

/// When the progress of the running scan was last seen to change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProgressChange {
    /// The progress since then, 0 to 1.
    pub progress: f64,
    pub at: Timestamp,
}

/// What a completed scan found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CompletedScan {
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
    pub scanned_images: BySource<f64>,
    pub found_vulnerabilities: BySource<f64>,
    pub ignored_vulnerabilities: Option<f64>,
    pub risk_images: Option<f64>,
}

impl ScanStatus {
    pub(super) const DOCUMENTED: [(&'static str, ScanStatus); 4] = [
        ("NOT_SCAN", ScanStatus::NotScanned),
        ("SCANNING", ScanStatus::Scanning),
        ("SCANNED", ScanStatus::Scanned),
        ("CANCELED", ScanStatus::Canceled),
    ];

    const ALL: [ScanStatus; 5] = [
        ScanStatus::NotScanned,
        ScanStatus::Scanning,
        ScanStatus::Scanned,
        ScanStatus::Canceled,
        ScanStatus::Unknown,
    ];

    /// The API's name of it, which is the value of the label `status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            ScanStatus::NotScanned => "NOT_SCAN",
            ScanStatus::Scanning => "SCANNING",
            ScanStatus::Scanned => "SCANNED",
            ScanStatus::Canceled => "CANCELED",
            ScanStatus::Unknown => "UNKNOWN",
        }
    }
}

impl Answer for VulScan {
    const NAME: &'static str = "vul_scan";
    const ACTIONS: &'static [Action] = &[Action {
        name: "DescribeVulScanInfo",
        body: Body::OfScan(body),
    }];
    const PER: Per = Per::Scan;
    const INTERVAL: Option<Duration> = None;
    const FOLLOWS_SCANS: bool = true;
    const FAMILIES: &'static [Family<VulScan>] = &FAMILIES;

    fn read(fields: &mut Fields<'_>, before: Option<&VulScan>) -> VulScan {
        let status = fields.one_of("Status", &ScanStatus::DOCUMENTED);
        let mut scan = VulScan {
            // Not left out: the value UNKNOWN shows that the API has a status that this version
            // does not know.
            status: status.unwrap_or(ScanStatus::Unknown),
            progress: fields.percentage("ScanProgress"),
            remaining: fields.seconds("RemainingTime"),
            start: fields.time("ScanStartTime"),
            end: fields.time("ScanEndTime"),
            scanned_images: BySource {
                local: fields.count("LocalImageScanCount"),
                registry: fields.count("RegistryImageScanCount"),
            },
            found_vulnerabilities: BySource {
                local: fields.count("FoundVulCount"),
                registry: fields.count("RegistryFoundVulCount"),
            },
            ignored_vulnerabilities: fields.count("IgnoreVulCount"),
            risk_images: fields.count("FoundRiskImageCount"),
            task_ids: BySource {
                local: fields.id("LocalTaskID"),
                registry: fields.id("RegistryTaskID"),
            },
            progress_change: None,
            completed: None,
        };
        // The remaining time means something only while a scan runs; 0 then means "not known".
        if scan.status != ScanStatus::Scanning || scan.remaining == Some(Duration::ZERO) {
            scan.remaining = None;
        }
        scan.progress_change = scan.progress_change_since(before, fields.as_of());
        // The API only describes the current scan. Its predecessor's results are gone as soon as a
        // new one starts, unless they are kept here.
        scan.completed = match (scan.status, before) {
            (ScanStatus::Scanned, _) => Some(scan.results()),
            (_, Some(before)) => before.completed,
            (_, None) => None,
        };
        scan
    }

    fn pace(&self) -> Pace {
        match self.status {
            ScanStatus::Scanning => Pace::Scanning {
                remaining: self.remaining,
            },
            _ => Pace::Idle,
        }
    }

    fn start(&self) -> Option<Timestamp> {
        self.start
    }
}

impl VulScan {
    fn progress_change_since(
        &self,
        before: Option<&VulScan>,
        now: Timestamp,
    ) -> Option<ProgressChange> {
        if self.status != ScanStatus::Scanning {
            return None;
        }
        // Progress starts again at 0 with each run, so an earlier run says nothing about this one.
        let last = match before {
            Some(before) if self.is_same_run_as(before) => before.progress_change,
            _ => None,
        };
        match (self.progress, last) {
            // A progress that cannot be read does not say that it changed.
            (None, last) => last,
            (Some(progress), Some(last)) if last.progress == progress => Some(last),
            (Some(progress), _) => Some(ProgressChange { progress, at: now }),
        }
    }

    /// Whether both belong to one run of a scan: a new run has new task IDs and a new start.
    fn is_same_run_as(&self, other: &VulScan) -> bool {
        self.task_ids == other.task_ids && self.start == other.start
    }

    /// What it has found, so far if it is running.
    pub fn results(&self) -> CompletedScan {
        CompletedScan {
            start: self.start,
            end: self.end,
            scanned_images: self.scanned_images,
            found_vulnerabilities: self.found_vulnerabilities,
            ignored_vulnerabilities: self.ignored_vulnerabilities,
            risk_images: self.risk_images,
        }
    }
}

#[derive(Serialize)]
struct ScanTasks {
    #[serde(rename = "LocalTaskID", skip_serializing_if = "Option::is_none")]
    local: Option<NonZeroU64>,
    #[serde(rename = "RegistryTaskID", skip_serializing_if = "Option::is_none")]
    registry: Option<NonZeroU64>,
}

/// Without task IDs, the API answers for the latest scan.
pub(super) fn body(scan: &Scan) -> Bytes {
    let ids = ScanTasks {
        local: scan.local_task_id,
        registry: scan.registry_task_id,
    };
    serde_json::to_vec(&ids).expect("integers are JSON").into()
}

const FAMILIES: [Family<VulScan>; 17] = [
    Family::fresh(
        "tcss_vul_scan_status",
        "Status of the scan: 1 for the current status, 0 for all others.",
        |scan, samples| {
            // All of them at all times: a series that appears only with its status cannot be
            // counted with `changes()`, and an alert could not see it being 0.
            for status in ScanStatus::ALL {
                let is_current = f64::from(u8::from(status == scan.status));
                samples.add_with(&[("status", status.as_str())], is_current);
            }
        },
    ),
    Family::fresh(
        "tcss_vul_scan_progress_ratio",
        "Progress of the scan, from 0 to 1.",
        |scan, samples| samples.add(scan.progress),
    ),
    Family::fresh(
        "tcss_vul_scan_remaining_seconds",
        "Remaining time of the running scan in seconds, as estimated by the API.",
        |scan, samples| {
            if let Some(remaining) = scan.remaining {
                samples.add(remaining.as_secs_f64());
            }
        },
    ),
    Family::fresh(
        "tcss_vul_scan_progress_changed_timestamp_seconds",
        "Unix time at which the exporter last saw the progress of the running scan change.",
        |scan, samples| {
            if let Some(change) = scan.progress_change {
                samples.add_time(Some(change.at));
            }
        },
    ),
    Family::fresh(
        "tcss_vul_scan_start_timestamp_seconds",
        "Unix time at which the scan started.",
        |scan, samples| samples.add_time(scan.start),
    ),
    Family::fresh(
        "tcss_vul_scan_end_timestamp_seconds",
        "Unix time at which the scan ended.",
        |scan, samples| samples.add_time(scan.end),
    ),
    Family::fresh(
        "tcss_vul_scan_scanned_images",
        "Number of images covered by the scan.",
        |scan, samples| scan.scanned_images.add_to(samples),
    ),
    Family::fresh(
        "tcss_vul_scan_found_vulnerabilities",
        "Number of vulnerabilities found by the scan.",
        |scan, samples| scan.found_vulnerabilities.add_to(samples),
    ),
    Family::fresh(
        "tcss_vul_scan_ignored_vulnerabilities",
        "Number of ignored vulnerabilities.",
        |scan, samples| samples.add(scan.ignored_vulnerabilities),
    ),
    Family::fresh(
        "tcss_vul_scan_risk_images",
        "Number of images at risk found by the scan.",
        |scan, samples| samples.add(scan.risk_images),
    ),
    Family::fresh(
        "tcss_vul_scan_task_info",
        "A metric with a constant '1' value labeled by the task IDs of the scan.",
        |scan, samples| {
            let BySource { local, registry } = scan.task_ids;
            if local.is_none() && registry.is_none() {
                return;
            }
            // A scan has two tasks at most, and both are of one scan: one series says so, and
            // joins with others without a choice of the source.
            let local = local.map(|id| id.to_string()).unwrap_or_default();
            let registry = registry.map(|id| id.to_string()).unwrap_or_default();
            let labels = [
                ("local_task_id", local.as_str()),
                ("registry_task_id", &registry),
            ];
            samples.add_with(&labels, 1.0);
        },
    ),
    Family::lasting(
        "tcss_vul_scan_completed_risk_images",
        "Number of images at risk found by the last completed scan.",
        |scan, samples| {
            if let Some(scan) = scan.completed {
                samples.add(scan.risk_images);
            }
        },
    ),
    Family::lasting(
        "tcss_vul_scan_completed_found_vulnerabilities",
        "Number of vulnerabilities found by the last completed scan.",
        |scan, samples| {
            if let Some(scan) = scan.completed {
                scan.found_vulnerabilities.add_to(samples);
            }
        },
    ),
    Family::lasting(
        "tcss_vul_scan_completed_ignored_vulnerabilities",
        "Number of vulnerabilities ignored by the last completed scan.",
        |scan, samples| {
            if let Some(scan) = scan.completed {
                samples.add(scan.ignored_vulnerabilities);
            }
        },
    ),
    Family::lasting(
        "tcss_vul_scan_completed_scanned_images",
        "Number of images covered by the last completed scan.",
        |scan, samples| {
            if let Some(scan) = scan.completed {
                scan.scanned_images.add_to(samples);
            }
        },
    ),
    Family::lasting(
        "tcss_vul_scan_completed_start_timestamp_seconds",
        "Unix time at which the last completed scan started.",
        |scan, samples| {
            if let Some(scan) = scan.completed {
                samples.add_time(scan.start);
            }
        },
    ),
    Family::lasting(
        "tcss_vul_scan_completed_end_timestamp_seconds",
        "Unix time at which the last completed scan ended.",
        |scan, samples| {
            if let Some(scan) = scan.completed {
                samples.add_time(scan.end);
            }
        },
    ),
];

#[cfg(test)]
mod tests;
