//! `DescribeAssetImageScanTask` and `DescribeAssetImageScanStatus`: the latest scan of local images
//! for all kinds of findings, which is started by a click or on schedule.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use super::{Action, Answer, Body, Family, Fields, Pace, Per, Question};

/// The values of the labels: those of the API, and the last one for any other.
const STATUSES: [&str; 4] = ["READY", "SCANNING", "END", "UNKNOWN"];
const RESULTS: [&str; 5] = ["Success", "Timeout", "Cancel", "Error", "UNKNOWN"];

/// The latest answer.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageScan {
    /// One of `STATUSES`; `None` before the first scan.
    pub status: Option<&'static str>,
    /// One of `RESULTS`; `None` while there is none.
    pub result: Option<&'static str>,
    pub last_scan: Option<Timestamp>,
    /// 0 to 1.
    pub progress: Option<f64>,
    /// Only while a scan runs.
    pub remaining: Option<Duration>,
    pub images: Option<f64>,
    pub scanned_images: Option<f64>,
    pub safe_images: Option<f64>,
    pub risk_images: Option<f64>,
}

impl Answer for ImageScan {
    const NAME: &'static str = "image_scan";
    const ACTIONS: &'static [Action] = &[
        Action {
            name: "DescribeAssetImageScanTask",
            body: Body::Fixed("{}"),
        },
        Action {
            name: "DescribeAssetImageScanStatus",
            body: Body::Next(task),
        },
    ];
    const PER: Per = Per::Account;
    const FOLLOWS_SCANS: bool = true;
    const FAMILIES: &'static [Family<ImageScan>] = &FAMILIES;

    fn read(fields: &mut Fields<'_>, _: Option<&ImageScan>) -> ImageScan {
        let status = fields.state("Status", &STATUSES);
        let result = fields.state("SubStatus", &RESULTS);
        let last_scan = fields.time("LastScanTime");
        fields.response(1);
        let images = fields.count("ImageTotal");
        let scanned_images = fields.count("ImageScanCnt");
        let progress = fields.progress("Schedule", scanned_images, images);
        let mut remaining = fields.seconds("LeftSeconds");
        if status != Some("SCANNING") || remaining == Some(Duration::ZERO) {
            remaining = None;
        }
        ImageScan {
            status,
            result,
            last_scan,
            progress,
            remaining,
            images,
            scanned_images,
            safe_images: fields.count("SuccessCount"),
            risk_images: fields.count("RiskCount"),
        }
    }

    fn pace(&self) -> Pace {
        match self.status {
            Some("SCANNING") => Pace::Scanning {
                remaining: self.remaining,
            },
            _ => Pace::Idle,
        }
    }

    fn start(&self) -> Option<Timestamp> {
        self.last_scan
    }
}

/// The status of the task that the first response names, so that both are about one scan.
fn task(question: &mut Question<'_>) -> Bytes {
    match question.fields.response(0).text("TaskID") {
        Some(id) if !id.is_empty() => {
            let body = serde_json::json!({ "TaskID": id });
            body.to_string().into()
        }
        _ => Bytes::from_static(b"{}"),
    }
}

const FAMILIES: [Family<ImageScan>; 9] = [
    Family::fresh(
        "tcss_image_scan_status",
        "Status of the image scan: 1 for the current status, 0 for all others.",
        |scan, samples| samples.add_state(&[], "status", &STATUSES, scan.status),
    ),
    Family::fresh(
        "tcss_image_scan_result",
        "Result of the last image scan: 1 for the current result, 0 for all others.",
        |scan, samples| samples.add_state(&[], "result", &RESULTS, scan.result),
    ),
    Family::fresh(
        "tcss_image_scan_progress_ratio",
        "Progress of the image scan, from 0 to 1.",
        |scan, samples| samples.add(scan.progress),
    ),
    Family::fresh(
        "tcss_image_scan_remaining_seconds",
        "Remaining time of the running image scan in seconds, as estimated by the API.",
        |scan, samples| samples.add(scan.remaining.map(|left| left.as_secs_f64())),
    ),
    Family::fresh(
        "tcss_image_scan_last_scan_timestamp_seconds",
        "Unix time of the last image scan.",
        |scan, samples| samples.add_time(scan.last_scan),
    ),
    Family::fresh(
        "tcss_image_scan_images",
        "Number of images covered by the image scan.",
        |scan, samples| samples.add(scan.images),
    ),
    Family::fresh(
        "tcss_image_scan_scanned_images",
        "Number of images processed by the image scan so far.",
        |scan, samples| samples.add(scan.scanned_images),
    ),
    Family::fresh(
        "tcss_image_scan_safe_images",
        "Number of images that the image scan found to be safe.",
        |scan, samples| samples.add(scan.safe_images),
    ),
    Family::fresh(
        "tcss_image_scan_risk_images",
        "Number of images at risk found by the image scan.",
        |scan, samples| samples.add(scan.risk_images),
    ),
];
