//! `DescribeVirusScanTaskStatus`: the latest malware scan of running containers.

use std::time::Duration;

use jiff::Timestamp;

use super::{Action, Answer, Body, Family, Fields, Pace, Per};

/// The values of the label `status`: those of the API, and the last one for any other.
const STATUSES: [&str; 7] = [
    "SCAN_NONE",
    "SCAN_SCANNING",
    "SCAN_FINISH",
    "SCAN_TIMEOUT",
    "SCAN_CANCELING",
    "SCAN_CANCELED",
    "UNKNOWN",
];

/// The latest answer.
#[derive(Clone, Debug, PartialEq)]
pub struct VirusScan {
    /// One of `STATUSES`.
    pub status: Option<&'static str>,
    /// 0 to 1.
    pub progress: Option<f64>,
    /// Only while a scan runs.
    pub remaining: Option<Duration>,
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
    pub containers: Option<f64>,
    pub scanned_containers: Option<f64>,
    pub risk_containers: Option<f64>,
    pub found_malware: Option<f64>,
}

impl Answer for VirusScan {
    const NAME: &'static str = "virus_scan";
    const ACTIONS: &'static [Action] = &[Action {
        name: "DescribeVirusScanTaskStatus",
        body: Body::Fixed("{}"),
    }];
    const PER: Per = Per::Account;
    const FOLLOWS_SCANS: bool = true;
    const FAMILIES: &'static [Family<VirusScan>] = &FAMILIES;

    fn read(fields: &mut Fields<'_>, _: Option<&VirusScan>) -> VirusScan {
        let status = status(fields);
        let containers = fields.count("ContainerTotal");
        let scanned_containers = fields.count("ContainerScanCnt");
        let progress = fields.progress("Schedule", scanned_containers, containers);
        let mut remaining = fields.seconds("LeftSeconds");
        // The documentation shows a remaining time of an ended scan.
        if status != Some("SCAN_SCANNING") || remaining == Some(Duration::ZERO) {
            remaining = None;
        }
        VirusScan {
            status,
            progress,
            remaining,
            start: fields.time("StartTime"),
            end: fields.time("EndTime"),
            containers,
            scanned_containers,
            risk_containers: fields.count("RiskContainerCnt"),
            found_malware: fields.count("RiskCnt"),
        }
    }

    fn pace(&self) -> Pace {
        match self.status {
            Some("SCAN_SCANNING" | "SCAN_CANCELING") => Pace::Scanning {
                remaining: self.remaining,
            },
            _ => Pace::Idle,
        }
    }

    fn start(&self) -> Option<Timestamp> {
        self.start
    }
}

/// The documented example has a status without the prefix that the documented list has.
fn status(fields: &mut Fields<'_>) -> Option<&'static str> {
    if fields.peek_text("Status").as_deref() == Some("SCANNING") {
        fields.text("Status");
        return Some("SCAN_SCANNING");
    }
    fields.state("Status", &STATUSES)
}

const FAMILIES: [Family<VirusScan>; 9] = [
    Family::fresh(
        "tcss_virus_scan_status",
        "Status of the malware scan: 1 for the current status, 0 for all others.",
        |scan, samples| samples.add_state(&[], "status", &STATUSES, scan.status),
    ),
    Family::fresh(
        "tcss_virus_scan_progress_ratio",
        "Progress of the malware scan, from 0 to 1.",
        |scan, samples| samples.add(scan.progress),
    ),
    Family::fresh(
        "tcss_virus_scan_remaining_seconds",
        "Remaining time of the running malware scan in seconds, as estimated by the API.",
        |scan, samples| samples.add(scan.remaining.map(|left| left.as_secs_f64())),
    ),
    Family::fresh(
        "tcss_virus_scan_start_timestamp_seconds",
        "Unix time at which the malware scan started.",
        |scan, samples| samples.add_time(scan.start),
    ),
    Family::fresh(
        "tcss_virus_scan_end_timestamp_seconds",
        "Unix time at which the malware scan ended.",
        |scan, samples| samples.add_time(scan.end),
    ),
    Family::fresh(
        "tcss_virus_scan_containers",
        "Number of containers covered by the malware scan.",
        |scan, samples| samples.add(scan.containers),
    ),
    Family::fresh(
        "tcss_virus_scan_scanned_containers",
        "Number of containers processed by the malware scan so far.",
        |scan, samples| samples.add(scan.scanned_containers),
    ),
    Family::fresh(
        "tcss_virus_scan_risk_containers",
        "Number of containers in which the malware scan found malware.",
        |scan, samples| samples.add(scan.risk_containers),
    ),
    Family::fresh(
        "tcss_virus_scan_found_malware",
        "Number of malware findings of the malware scan.",
        |scan, samples| samples.add(scan.found_malware),
    ),
];
