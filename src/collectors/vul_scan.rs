//! `DescribeVulScanInfo`: the state of the vulnerability scan of container images.
//!
//! Source: <https://cloud.tencent.com/document/api/1285/81644>. `ScanStartTime` and `ScanEndTime`
//! have no zone; `FoundVulCount` counts local images only, `RegistryFoundVulCount` those in
//! registries. While a scan runs, the counts are those found so far.

use std::{num::NonZeroU64, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;

use super::{Action, Answer, Family, Fields, Pace, Per, Samples};
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

/// A value for local images and one for images in registries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BySource<T> {
    pub local: Option<T>,
    pub registry: Option<T>,
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
    const DOCUMENTED: [(&'static str, ScanStatus); 4] = [
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
        body,
    }];
    const PER: Per = Per::Scan;
    const FAMILIES: &'static [Family<VulScan>] = &FAMILIES;

    fn read(fields: &mut Fields<'_>, before: Option<&VulScan>) -> VulScan {
        let status = fields.one_of("Status", &ScanStatus::DOCUMENTED);
        let mut scan = VulScan {
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
            (ScanStatus::Scanned, _) => Some(scan.as_completed()),
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

    fn as_completed(&self) -> CompletedScan {
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

#[derive(Default, Serialize)]
struct Body {
    #[serde(rename = "LocalTaskID", skip_serializing_if = "Option::is_none")]
    local_task_id: Option<NonZeroU64>,
    #[serde(rename = "RegistryTaskID", skip_serializing_if = "Option::is_none")]
    registry_task_id: Option<NonZeroU64>,
}

/// Without task IDs, the API answers for the latest scan.
fn body(scan: Option<&Scan>) -> Bytes {
    let mut body = Body::default();
    if let Some(scan) = scan {
        body.local_task_id = scan.local_task_id;
        body.registry_task_id = scan.registry_task_id;
    }
    serde_json::to_vec(&body).expect("integers are JSON").into()
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
        "A metric with a constant '1' value labeled by the task ID of the scan.",
        |scan, samples| {
            let BySource { local, registry } = scan.task_ids;
            for (source, id) in [("local", local), ("registry", registry)] {
                if let Some(id) = id {
                    samples.add_with(&[("source", source), ("task_id", &id.to_string())], 1.0);
                }
            }
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

impl BySource<f64> {
    fn add_to(self, samples: &mut Samples<'_>) {
        samples.add_with(&[("source", "local")], self.local);
        samples.add_with(&[("source", "registry")], self.registry);
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;
    use crate::collectors::{ALL, Collector, Parsed};

    const DOCUMENTED: &str = r#"{"LocalImageScanCount":3,"IgnoreVulCount":1,
        "ScanStartTime":"2021-05-01 00:00:00","ScanEndTime":"2021-05-01 00:10:00",
        "FoundRiskImageCount":2,"FoundVulCount":7,"ScanProgress":100,"RegistryImageScanCount":4,
        "LocalTaskID":0,"Status":"SCANNED","RemainingTime":0,"RegistryTaskID":18548,
        "RegistryFoundVulCount":9,"RequestId":"b6cffd6d"}"#;

    fn collector() -> &'static Collector {
        &ALL[0]
    }

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn parse_after(response: &str, second: i64, before: Option<&Parsed>) -> Parsed {
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        let before = before.map(|before| &before.answer);
        collector()
            .read(&[response], &zone, time(second), before)
            .unwrap()
    }

    fn parse(response: &str) -> Parsed {
        parse_after(response, 1_764_000_000, None)
    }

    fn scan(parsed: &Parsed) -> &VulScan {
        parsed.answer.get().unwrap()
    }

    /// A line for each sample, without those that say which status it is not.
    fn lines(parsed: &Parsed) -> String {
        let mut lines = String::new();
        for (index, family) in collector().families().enumerate() {
            let name = family.name.strip_prefix("tcss_vul_scan_").unwrap();
            let mut sink = |labels: super::super::Labels<'_>, value: f64| {
                if name != "status" || value == 1.0 {
                    writeln!(lines, "{name}{labels:?} {value}").unwrap();
                }
            };
            collector().samples(&parsed.answer, index, &mut Samples::new(&mut sink));
        }
        for field in &parsed.unexpected {
            writeln!(lines, "? {field}").unwrap();
        }
        lines
    }

    fn with(field: &str, value: &str) -> String {
        let mut object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(DOCUMENTED).unwrap();
        assert!(object.remove(field).is_some(), "{field}");
        let rest = serde_json::to_string(&object).unwrap();
        format!("{{\"{field}\":{value},{}", &rest[1..])
    }

    #[test]
    fn every_field_becomes_its_gauge() {
        let expected = r#"status[("status", "SCANNED")] 1
progress_ratio[] 1
start_timestamp_seconds[] 1619798400
end_timestamp_seconds[] 1619799000
scanned_images[("source", "local")] 3
scanned_images[("source", "registry")] 4
found_vulnerabilities[("source", "local")] 7
found_vulnerabilities[("source", "registry")] 9
ignored_vulnerabilities[] 1
risk_images[] 2
task_info[("source", "registry"), ("task_id", "18548")] 1
completed_risk_images[] 2
completed_found_vulnerabilities[("source", "local")] 7
completed_found_vulnerabilities[("source", "registry")] 9
completed_ignored_vulnerabilities[] 1
completed_scanned_images[("source", "local")] 3
completed_scanned_images[("source", "registry")] 4
completed_start_timestamp_seconds[] 1619798400
completed_end_timestamp_seconds[] 1619799000
"#;
        assert_eq!(lines(&parse(DOCUMENTED)), expected);
    }

    #[test]
    fn an_account_that_was_never_scanned_is_a_success_without_times() {
        let response = r#"{"LocalImageScanCount":0,"IgnoreVulCount":0,"ScanStartTime":"",
            "ScanEndTime":"","FoundRiskImageCount":0,"FoundVulCount":0,"ScanProgress":0,
            "RegistryImageScanCount":0,"LocalTaskID":0,"Status":"NOT_SCAN","RemainingTime":0,
            "RegistryTaskID":0,"RegistryFoundVulCount":0,"RequestId":"r"}"#;
        let lines = lines(&parse(response));
        assert!(
            lines.starts_with(r#"status[("status", "NOT_SCAN")] 1"#),
            "{lines}"
        );
        for absent in ["timestamp", "task", "completed", "?"] {
            assert!(!lines.contains(absent), "{absent}: {lines}");
        }
    }

    #[test]
    fn a_value_that_cannot_be_read_is_left_out_and_named_and_affects_no_other() {
        let numbers: &[&str] = &[
            "null", "\"5\"", "true", "[]", "{}", "-1", "1e999", "-0.5", "1.5e300",
        ];
        let times: &[&str] = &[
            "null",
            "5",
            "true",
            "[]",
            "{}",
            "\"soon\"",
            "\"2021-02-30 00:00:00\"",
            "\"\\ud800\"",
        ];
        let all = lines(&parse(DOCUMENTED));
        // A running scan: nothing is completed, so that each field is one sample at most.
        for field in collector().fields() {
            let is_time = field.starts_with("Scan") && field.ends_with("Time");
            for value in if is_time { times } else { numbers } {
                let parsed = parse(&with(field, value));
                assert_eq!(parsed.unexpected, [field], "{field} {value}");
                let lines = lines(&parsed);
                let unchanged = lines.lines().filter(|line| all.contains(line)).count();
                let lost = all.lines().count() - unchanged;
                // Only a scan that is known to be SCANNED is completed.
                let most = if field == "Status" { 9 } else { 2 };
                assert!(
                    lost <= most,
                    "{field} {value} loses {lost} samples: {lines}"
                );
            }
        }
    }

    #[test]
    fn a_missing_field_is_unexpected() {
        let response = DOCUMENTED.replace("FoundVulCount", "Other");
        let unexpected = parse(&response).unexpected;
        assert_eq!(unexpected, ["FoundVulCount", "RegistryFoundVulCount"]);
    }

    #[test]
    fn an_undocumented_status_is_unknown_and_named() {
        let parsed = parse(&with("Status", "\"SCAN_TIMEOUT\""));
        assert_eq!(scan(&parsed).status, ScanStatus::Unknown);
        assert_eq!(parsed.unexpected, ["Status"]);
    }

    #[test]
    fn a_response_without_a_readable_field_is_an_error() {
        for response in ["{}", r#"{"RequestId":"r","Status":5}"#, "[]", "7", "\"x\""] {
            let read = collector().read(&[response], &TimeZone::UTC, time(0), None);
            assert!(read.is_err(), "{response}");
        }
    }

    #[test]
    fn a_running_scan_says_how_long_it_still_takes() {
        let pace = |status: &str, remaining: &str| {
            let response = with("Status", status).replace(
                "\"RemainingTime\":0",
                &format!("\"RemainingTime\":{remaining}"),
            );
            parse(&response).pace
        };
        assert_eq!(pace("\"SCANNED\"", "9"), Pace::Idle);
        let scanning = |seconds: Option<u64>| Pace::Scanning {
            remaining: seconds.map(Duration::from_secs),
        };
        assert_eq!(pace("\"SCANNING\"", "9"), scanning(Some(9)));
        assert_eq!(pace("\"SCANNING\"", "0"), scanning(None));
        assert_eq!(pace("\"SCANNING\"", "-9"), scanning(None));
    }

    /// A scan of the task `task` that started at its own time.
    fn running(task: u64, progress: &str) -> String {
        with("ScanProgress", progress)
            .replace("\"SCANNED\"", "\"SCANNING\"")
            .replace("18548", &task.to_string())
    }

    #[test]
    fn the_progress_changed_when_it_was_last_seen_to_change() {
        // Response, time of the request, expected time of the last change.
        let steps = [
            (running(1, "10"), 100, Some(100)),
            (running(1, "10"), 110, Some(100)),
            (running(1, "\"?\""), 120, Some(100)),
            (running(1, "10"), 130, Some(100)),
            (running(1, "20"), 140, Some(140)),
            (running(2, "20"), 150, Some(150)),
            (with("ScanProgress", "100"), 160, None),
            (running(3, "\"?\""), 170, None),
            (running(3, "20"), 180, Some(180)),
        ];
        let mut before = None;
        for (response, second, expected) in steps {
            let parsed = parse_after(&response, second, before.as_ref());
            let changed = scan(&parsed)
                .progress_change
                .map(|change| change.at.as_second());
            assert_eq!(changed, expected, "at {second}");
            before = Some(parsed);
        }
    }

    #[test]
    fn the_completed_scan_is_kept_until_the_next_one_is_completed() {
        let first = parse(DOCUMENTED);
        let completed = scan(&first).completed;
        assert_eq!(completed.unwrap().risk_images, Some(2.0));
        let mut before = first;
        for status in [
            "\"SCANNING\"",
            "\"CANCELED\"",
            "\"NOT_SCAN\"",
            "\"?\"",
            "null",
        ] {
            let response = with("Status", status)
                .replace("\"FoundRiskImageCount\":2", "\"FoundRiskImageCount\":1");
            before = parse_after(&response, 0, Some(&before));
            assert_eq!(scan(&before).completed, completed, "{status}");
        }
        let next = parse_after(&with("FoundRiskImageCount", "5"), 0, Some(&before));
        assert_eq!(scan(&next).completed.unwrap().risk_images, Some(5.0));
    }

    #[test]
    fn task_ids_are_left_out_of_the_request_unless_they_are_given() {
        let scan = |local: u64, registry: u64| Scan {
            name: crate::domain::ScanName::parse("latest").unwrap(),
            local_task_id: NonZeroU64::new(local),
            registry_task_id: NonZeroU64::new(registry),
        };
        assert_eq!(body(None), "{}");
        assert_eq!(body(Some(&scan(0, 0))), "{}");
        assert_eq!(body(Some(&scan(42, 0))), r#"{"LocalTaskID":42}"#);
        assert_eq!(
            body(Some(&scan(42, 7))),
            r#"{"LocalTaskID":42,"RegistryTaskID":7}"#
        );
    }

    proptest! {
        #[test]
        fn values_are_finite_and_exactly_one_status_is_one(
            status in "[A-Z_]{0,8}",
            progress in any::<f64>(),
            count in any::<i64>(),
            time in "\\PC{0,25}",
        ) {
            let response = serde_json::json!({
                "Status": status, "ScanProgress": progress, "FoundVulCount": count,
                "LocalTaskID": count, "ScanStartTime": time, "ScanEndTime": "",
            });
            let parsed = parse(&response.to_string());
            let mut n_current = 0.0;
            for index in 0..collector().families().count() {
                let mut sink = |_: super::super::Labels<'_>, value: f64| {
                    assert!(value.is_finite() && value >= 0.0);
                    if index == 0 {
                        n_current += value;
                    }
                };
                collector().samples(&parsed.answer, index, &mut Samples::new(&mut sink));
            }
            prop_assert_eq!(n_current, 1.0);
        }
    }
}
