use std::fmt::Write as _;

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::collectors::{ALL, Collector, Parsed, Reading, Samples};

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
        .read(
            &[vec![response]],
            Reading {
                time_zone: &zone,
                as_of: time(second),
                limit: 0,
            },
            before,
        )
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
task_info[("local_task_id", ""), ("registry_task_id", "18548")] 1
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
        let read = collector().read(
            &[vec![response]],
            Reading {
                time_zone: &TimeZone::UTC,
                as_of: time(0),
                limit: 0,
            },
            None,
        );
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
    assert_eq!(body(&scan(0, 0)), "{}");
    assert_eq!(body(&scan(42, 0)), r#"{"LocalTaskID":42}"#);
    assert_eq!(
        body(&scan(42, 7)),
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

#[test]
fn a_start_in_the_future_by_the_difference_of_two_zones_is_noticed() {
    // DOCUMENTED starts at 2021-04-30 16:00:00 UTC.
    let start = 1_619_798_400;
    for (before_start, expected) in [
        (-60, None),
        (60, None),
        (14 * 60, None),
        (15 * 60, Some(Duration::from_mins(15))),
        (8 * 3_600 - 300, Some(Duration::from_secs(8 * 3_600 - 300))),
        (26 * 3_600, Some(Duration::from_hours(26))),
        // No two zones are that far apart: the date itself is wrong.
        (27 * 3_600, None),
    ] {
        let parsed = parse_after(DOCUMENTED, start - before_start, None);
        assert_eq!(parsed.starts_ahead, expected, "{before_start} s");
    }
    let never = parse_after(&with("ScanStartTime", "\"\""), start - 3_600, None);
    assert_eq!(never.starts_ahead, None);
}
