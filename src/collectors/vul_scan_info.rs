//! `DescribeVulScanInfo`: how the vulnerability scan of container images stands.
//!
//! Source: <https://cloud.tencent.com/document/api/1285/81644>. `ScanStartTime` and `ScanEndTime` name no zone;
//! `FoundVulCount` counts local images only, `RegistryFoundVulCount` the registry's; a task ID of 0 is none.

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    Activity, Collector, Family, ParseError, Parsed, Sample,
    time::{self, Time},
};
use crate::domain::Scan;

/// The collector.
pub static COLLECTOR: Collector = Collector {
    service: "tcss",
    action: "DescribeVulScanInfo",
    version: "2020-11-01",
    request,
    parse,
    families: &FAMILIES,
    fields: &FIELDS,
};

/// Index of the family that says the status.
pub const STATUS: usize = 0;
/// Index of the progress, 0 to 1.
pub const PROGRESS: usize = 1;
/// Index of the seconds that remain.
pub const REMAINING: usize = 2;
/// Index of the Unix time of the start.
pub const START: usize = 3;
/// Index of the Unix time of the end.
pub const END: usize = 4;
const SCANNED_IMAGES: usize = 5;
/// Index of the found vulnerabilities, one sample a source.
pub const FOUND_VULNERABILITIES: usize = 6;
/// Index of the ignored vulnerabilities.
pub const IGNORED_VULNERABILITIES: usize = 7;
/// Index of the images at risk.
pub const RISK_IMAGES: usize = 8;
const TASK_INFO: usize = 9;

static FAMILIES: [Family; 10] = [
    Family {
        name: "tcss_vul_scan_status",
        help: "State of the scan: 1 for the state it is in, 0 for the others.",
    },
    Family {
        name: "tcss_vul_scan_progress_ratio",
        help: "How much of the scan is done, 0 to 1.",
    },
    Family {
        name: "tcss_vul_scan_remaining_seconds",
        help: "Time the scan still needs, as the API estimates it.",
    },
    Family {
        name: "tcss_vul_scan_start_timestamp_seconds",
        help: "When the scan started, in Unix time.",
    },
    Family {
        name: "tcss_vul_scan_end_timestamp_seconds",
        help: "When the scan ended, in Unix time.",
    },
    Family {
        name: "tcss_vul_scan_scanned_images",
        help: "Images that the scan covers.",
    },
    Family {
        name: "tcss_vul_scan_found_vulnerabilities",
        help: "Vulnerabilities that the scan found.",
    },
    Family {
        name: "tcss_vul_scan_ignored_vulnerabilities",
        help: "Vulnerabilities that are set to be ignored.",
    },
    Family {
        name: "tcss_vul_scan_risk_images",
        help: "Images at risk that the scan found.",
    },
    Family {
        name: "tcss_vul_scan_task_info",
        help: "ID of the scan's task; always 1, and absent without a task.",
    },
];

/// Every field but `RequestId`, which is the envelope's; in the order of [`Response::fields`].
const N_FIELDS: usize = 13;
static FIELDS: [&str; N_FIELDS] = [
    "Status",
    "ScanProgress",
    "RemainingTime",
    "ScanStartTime",
    "ScanEndTime",
    "LocalImageScanCount",
    "RegistryImageScanCount",
    "FoundVulCount",
    "RegistryFoundVulCount",
    "IgnoreVulCount",
    "FoundRiskImageCount",
    "LocalTaskID",
    "RegistryTaskID",
];

const STATUS_LABELS: [(&str, &str); 5] = [
    ("NOT_SCAN", "status=\"NOT_SCAN\""),
    ("SCANNING", "status=\"SCANNING\""),
    ("SCANNED", "status=\"SCANNED\""),
    ("CANCELED", "status=\"CANCELED\""),
    (UNKNOWN, "status=\"UNKNOWN\""),
];
/// Stands for every status that is not documented, and for none at all.
const UNKNOWN: &str = "UNKNOWN";
/// Labels of what was found in local images.
pub const LOCAL: &str = "source=\"local\"";
/// Labels of what was found in images of the registry.
pub const REGISTRY: &str = "source=\"registry\"";

#[derive(Serialize)]
struct Request {
    #[serde(rename = "LocalTaskID", skip_serializing_if = "Option::is_none")]
    local_task_id: Option<u64>,
    #[serde(rename = "RegistryTaskID", skip_serializing_if = "Option::is_none")]
    registry_task_id: Option<u64>,
}

/// The fields as they came: each is read apart, so that one that cannot be read takes no other with it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Response<'a> {
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    scan_progress: Option<&'a RawValue>,
    #[serde(borrow)]
    remaining_time: Option<&'a RawValue>,
    #[serde(borrow)]
    scan_start_time: Option<&'a RawValue>,
    #[serde(borrow)]
    scan_end_time: Option<&'a RawValue>,
    #[serde(borrow)]
    local_image_scan_count: Option<&'a RawValue>,
    #[serde(borrow)]
    registry_image_scan_count: Option<&'a RawValue>,
    #[serde(borrow)]
    found_vul_count: Option<&'a RawValue>,
    #[serde(borrow)]
    registry_found_vul_count: Option<&'a RawValue>,
    #[serde(borrow)]
    ignore_vul_count: Option<&'a RawValue>,
    #[serde(borrow)]
    found_risk_image_count: Option<&'a RawValue>,
    #[serde(borrow, rename = "LocalTaskID")]
    local_task_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "RegistryTaskID")]
    registry_task_id: Option<&'a RawValue>,
}

fn request(scan: &Scan) -> Bytes {
    let request = Request {
        local_task_id: scan.local_task_id.map(Into::into),
        registry_task_id: scan.registry_task_id.map(Into::into),
    };
    serde_json::to_vec(&request)
        .expect("two integers are JSON")
        .into()
}

fn parse(response: &str, time_zone: &TimeZone) -> Result<Parsed, ParseError> {
    let fields = serde_json::from_str::<Response<'_>>(response)?.fields();
    let mut reading = Reading {
        fields,
        samples: Vec::with_capacity(18),
        unexpected: Vec::new(),
    };
    let status = reading.status();
    reading.gauge(1, PROGRESS, percentage);
    let remaining = reading.gauge(2, REMAINING, seconds);
    for (field, family) in [(3, START), (4, END)] {
        reading.time(field, family, time_zone);
    }
    for (field, family, labels) in [
        (5, SCANNED_IMAGES, LOCAL),
        (6, SCANNED_IMAGES, REGISTRY),
        (7, FOUND_VULNERABILITIES, LOCAL),
        (8, FOUND_VULNERABILITIES, REGISTRY),
        (9, IGNORED_VULNERABILITIES, ""),
        (10, RISK_IMAGES, ""),
    ] {
        reading.count(field, family, labels);
    }
    reading.task(11, "local");
    reading.task(12, "registry");
    reading.finish(activity(status, remaining))
}

fn activity(status: &str, remaining: Option<f64>) -> Activity {
    match status {
        "SCANNING" => Activity::Scanning {
            // While a scan runs, nothing left means that the API does not know.
            remaining: remaining
                .filter(|seconds| *seconds > 0.0)
                .map(Duration::from_secs_f64),
        },
        _ => Activity::Idle,
    }
}

impl<'a> Response<'a> {
    fn fields(self) -> [Option<&'a RawValue>; N_FIELDS] {
        [
            self.status,
            self.scan_progress,
            self.remaining_time,
            self.scan_start_time,
            self.scan_end_time,
            self.local_image_scan_count,
            self.registry_image_scan_count,
            self.found_vul_count,
            self.registry_found_vul_count,
            self.ignore_vul_count,
            self.found_risk_image_count,
            self.local_task_id,
            self.registry_task_id,
        ]
    }
}

/// An answer on its way to samples.
struct Reading<'a> {
    fields: [Option<&'a RawValue>; N_FIELDS],
    samples: Vec<Sample>,
    unexpected: Vec<usize>,
}

impl<'a> Reading<'a> {
    /// What `read` makes of a field; what it cannot read, and what is not there, is noted.
    fn field<T>(&mut self, index: usize, read: impl FnOnce(&'a str) -> Option<T>) -> Option<T> {
        let value = self.fields[index].and_then(|raw| read(raw.get()));
        if value.is_none() {
            self.unexpected.push(index);
        }
        value
    }

    fn sample(&mut self, family: usize, labels: impl Into<Cow<'static, str>>, value: f64) {
        self.samples.push(Sample {
            family,
            labels: labels.into(),
            value,
        });
    }

    /// Exactly one status is 1, whatever the answer says.
    fn status(&mut self) -> &'static str {
        let known = self.field(0, |raw| {
            let status: String = serde_json::from_str(raw).ok()?;
            STATUS_LABELS[..4]
                .iter()
                .map(|(known, _)| *known)
                .find(|known| *known == status)
        });
        let status = known.unwrap_or(UNKNOWN);
        for (name, labels) in STATUS_LABELS {
            self.sample(STATUS, labels, f64::from(u8::from(name == status)));
        }
        status
    }

    fn gauge(&mut self, field: usize, family: usize, read: fn(&str) -> Option<f64>) -> Option<f64> {
        let value = self.field(field, read);
        value
            .into_iter()
            .for_each(|value| self.sample(family, "", value));
        value
    }

    fn time(&mut self, field: usize, family: usize, zone: &TimeZone) {
        let time = self.field(field, |raw| {
            time::parse(&serde_json::from_str::<String>(raw).ok()?, zone)
        });
        if let Some(Time::At(at)) = time {
            self.sample(family, "", at.as_duration().as_secs_f64());
        }
    }

    fn count(&mut self, field: usize, family: usize, labels: &'static str) {
        if let Some(count) = self.field(field, count) {
            self.sample(family, labels, count);
        }
    }

    fn task(&mut self, field: usize, source: &str) {
        let id = self.field(field, |raw| raw.parse::<i64>().ok().filter(|id| *id >= 0));
        if let Some(id @ 1..) = id {
            self.sample(
                TASK_INFO,
                format!("source=\"{source}\",task_id=\"{id}\""),
                1.0,
            );
        }
    }

    fn finish(self, activity: Activity) -> Result<Parsed, ParseError> {
        if self.unexpected.len() == FIELDS.len() {
            return Err(ParseError::Empty(COLLECTOR.action));
        }
        Ok(Parsed {
            samples: self.samples,
            unexpected: self.unexpected,
            activity,
        })
    }
}

/// 0 to 100 → 0 to 1.
fn percentage(raw: &str) -> Option<f64> {
    number(raw)
        .filter(|percentage| *percentage <= 100.0)
        .map(|percentage| percentage / 100.0)
}

/// Up to some 136 years, which no scan takes: more is a mistake.
fn seconds(raw: &str) -> Option<f64> {
    number(raw).filter(|seconds| *seconds <= f64::from(u32::MAX))
}

/// A 64-bit integer, also one that came as `5.0`.
#[expect(clippy::cast_precision_loss, reason = "the bound need not be exact")]
fn count(raw: &str) -> Option<f64> {
    number(raw).filter(|count| count.fract() == 0.0 && *count <= i64::MAX as f64)
}

/// A number that is not negative; `-0` is plain 0.
fn number(raw: &str) -> Option<f64> {
    serde_json::from_str::<f64>(raw)
        .ok()
        .filter(|number| number.is_finite() && *number >= 0.0)
        .map(f64::abs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DOCUMENTED: &str = r#"{"LocalImageScanCount":3,"IgnoreVulCount":1,"ScanStartTime":"2021-05-01 00:00:00",
        "ScanEndTime":"2021-05-01 00:10:00","FoundRiskImageCount":2,"FoundVulCount":7,"ScanProgress":100,
        "RegistryImageScanCount":4,"LocalTaskID":0,"Status":"SCANNED","RemainingTime":0,"RegistryTaskID":18548,
        "RegistryFoundVulCount":9,"RequestId":"b6cffd6d"}"#;

    fn zone() -> TimeZone {
        TimeZone::fixed(jiff::tz::offset(8))
    }

    fn text(response: &str) -> String {
        let parsed = parse(response, &zone()).unwrap();
        let mut lines: Vec<String> = parsed
            .samples
            .iter()
            .filter(|sample| sample.family != STATUS || sample.value == 1.0)
            .map(
                |Sample {
                     family,
                     labels,
                     value,
                 }| {
                    format!("{}{{{labels}}} {value}", &FAMILIES[*family].name[14..])
                },
            )
            .collect();
        lines.extend(
            parsed
                .unexpected
                .iter()
                .map(|field| format!("? {}", FIELDS[*field])),
        );
        lines.join("\n")
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
        assert_eq!(
            text(DOCUMENTED),
            "status{status=\"SCANNED\"} 1\nprogress_ratio{} 1\nremaining_seconds{} 0\n\
             start_timestamp_seconds{} 1619798400\nend_timestamp_seconds{} 1619799000\n\
             scanned_images{source=\"local\"} 3\nscanned_images{source=\"registry\"} 4\n\
             found_vulnerabilities{source=\"local\"} 7\nfound_vulnerabilities{source=\"registry\"} 9\n\
             ignored_vulnerabilities{} 1\nrisk_images{} 2\ntask_info{source=\"registry\",task_id=\"18548\"} 1"
        );
    }

    #[test]
    fn a_never_scanned_account_is_a_success_without_times() {
        let text = text(
            r#"{"LocalImageScanCount":0,"IgnoreVulCount":0,"ScanStartTime":"","ScanEndTime":"",
            "FoundRiskImageCount":0,"FoundVulCount":0,"ScanProgress":0,"RegistryImageScanCount":0,"LocalTaskID":0,
            "Status":"NOT_SCAN","RemainingTime":0,"RegistryTaskID":0,"RegistryFoundVulCount":0,"RequestId":"r"}"#,
        );
        assert!(text.starts_with("status{status=\"NOT_SCAN\"} 1"), "{text}");
        assert!(
            !text.contains("timestamp") && !text.contains("task") && !text.contains('?'),
            "{text}"
        );
    }

    #[test]
    fn a_value_that_cannot_be_read_is_left_out_and_named_and_takes_no_other_with_it() {
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
        let whole = text(DOCUMENTED).lines().count();
        for (index, field) in FIELDS.iter().enumerate() {
            let values = if field.starts_with("Scan") && field.ends_with("Time") {
                times
            } else {
                numbers
            };
            for value in values {
                let text = text(&with(field, value));
                assert!(
                    text.ends_with(&format!("? {field}")),
                    "{field} {value}: {text}"
                );
                let left_out = usize::from(!matches!(index, 0 | 11));
                assert_eq!(
                    text.lines().count(),
                    whole - left_out + 1,
                    "{field} {value}: {text}"
                );
            }
        }
    }

    #[test]
    fn an_unknown_status_is_unknown_and_named() {
        let text = text(&with("Status", "\"SCAN_TIMEOUT\""));
        assert!(
            text.starts_with("status{status=\"UNKNOWN\"} 1") && text.ends_with("? Status"),
            "{text}"
        );
    }

    #[test]
    fn progress_may_be_a_fraction_and_not_more_than_all() {
        assert!(text(&with("ScanProgress", "33.5")).contains("progress_ratio{} 0.335\n"));
        assert!(text(&with("ScanProgress", "100.1")).contains("? ScanProgress"));
    }

    #[test]
    fn an_answer_without_a_field_that_can_be_read_is_no_answer() {
        for response in ["{}", r#"{"RequestId":"r","Status":5}"#, "[]", "7", "\"x\""] {
            assert!(parse(response, &zone()).is_err(), "{response}");
        }
    }

    #[test]
    fn a_running_scan_says_how_long_it_still_takes() {
        let activity = |status: &str, remaining: &str| {
            let response = with("Status", status).replace(
                "\"RemainingTime\":0",
                &format!("\"RemainingTime\":{remaining}"),
            );
            parse(&response, &zone()).unwrap().activity
        };
        assert_eq!(activity("\"SCANNED\"", "9"), Activity::Idle);
        let scanning = |remaining: Option<u64>| Activity::Scanning {
            remaining: remaining.map(Duration::from_secs),
        };
        assert_eq!(activity("\"SCANNING\"", "9"), scanning(Some(9)));
        assert_eq!(activity("\"SCANNING\"", "0"), scanning(None));
        assert_eq!(activity("\"SCANNING\"", "-9"), scanning(None));
    }

    #[test]
    fn task_ids_are_left_out_of_the_request_unless_they_are_given() {
        let scan = |local: u64, registry: u64| Scan {
            name: crate::domain::ScanName::parse("latest").unwrap(),
            local_task_id: std::num::NonZeroU64::new(local),
            registry_task_id: std::num::NonZeroU64::new(registry),
        };
        assert_eq!(request(&scan(0, 0)), "{}");
        assert_eq!(request(&scan(42, 0)), r#"{"LocalTaskID":42}"#);
        assert_eq!(
            request(&scan(42, 7)),
            r#"{"LocalTaskID":42,"RegistryTaskID":7}"#
        );
    }

    proptest! {
        #[test]
        fn samples_are_sorted_finite_and_exactly_one_status_is_one(
            status in "[A-Z_]{0,8}", progress in any::<f64>(), count in any::<i64>(), time in "\\PC{0,25}",
        ) {
            let response = serde_json::json!({
                "Status": status, "ScanProgress": progress, "FoundVulCount": count, "LocalTaskID": count,
                "ScanStartTime": time, "ScanEndTime": "",
            });
            let parsed = parse(&response.to_string(), &zone()).unwrap();
            prop_assert!(parsed.samples.is_sorted_by_key(|sample| sample.family));
            prop_assert!(parsed.samples.iter().all(|sample| sample.value.is_finite() && sample.value >= 0.0));
            let status: f64 = parsed.samples.iter().filter(|s| s.family == STATUS).map(|s| s.value).sum();
            prop_assert_eq!(status, 1.0);
        }
    }
}
