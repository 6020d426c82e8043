//! Expositions of made-up answers.

mod cache;
mod docs;

use std::{sync::Arc, time::Duration};

use jiff::{Timestamp, tz::TimeZone};

use super::*;
use crate::{
    client::ApiError,
    domain::{AccountInfo, AccountName, Clock, Reason, ScanName},
    store::{AccountEntry, JobEntry, Outcome, RequestStats, Table},
};

pub(super) const ANSWER: &str = r#"{"LocalImageScanCount":3,"IgnoreVulCount":1,"ScanStartTime":"2021-05-01 00:00:00",
    "ScanEndTime":"","FoundRiskImageCount":2,"FoundVulCount":7,"ScanProgress":33.5,"RegistryImageScanCount":4,
    "LocalTaskID":0,"Status":"SCANNING","RemainingTime":12.5,"RegistryTaskID":18548,"RegistryFoundVulCount":9}"#;

pub(super) struct World {
    pub(super) store: Store,
    pub(super) now: Moment,
}

impl World {
    pub(super) fn new(accounts: &[&str]) -> World {
        let mut table = Table::default();
        for name in accounts {
            let name = AccountName::parse(name).unwrap();
            let requests = vec![Arc::new(RequestStats::new("DescribeVulScanInfo", 9.75))];
            let account =
                AccountEntry::new(&name, &Arc::default(), requests, AccountInfo::default());
            table.accounts.push(Arc::new(account));
            let scan = ScanName::parse("latest").unwrap();
            let stale_after = Duration::from_secs(300);
            let job = JobEntry::new(&name, Some(&scan), &collectors::ALL[0], stale_after);
            job.replace(Snapshot::unpolled(Duration::from_secs(60)));
            table.jobs.push(Arc::new(job));
        }
        let store = Store::default();
        store.replace(table);
        World {
            store,
            now: Clock::starting_at(Timestamp::from_second(1_764_000_000).unwrap()).now(),
        }
    }

    pub(super) fn answers(&self, job: usize, answer: &str) {
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        let entry = &self.store.table().jobs[job];
        let snapshot = entry.snapshot();
        let before = snapshot.latest().map(|data| &data.answer);
        let parsed = entry.collector.read(
            &[vec![answer]],
            collectors::Reading {
                time_zone: &zone,
                as_of: self.now.wall,
                limit: 0,
            },
            before,
        );
        self.outcome(job, Ok(parsed.unwrap()));
    }

    pub(super) fn outcome(&self, job: usize, result: Result<collectors::Parsed, ApiError>) {
        let job = &self.store.table().jobs[job];
        let took = Duration::from_millis(250);
        job.replace(job.snapshot().after(Outcome {
            at: self.now,
            took,
            result,
        }));
    }

    fn text(&self, format: Format, later: Duration) -> String {
        Scrape::new(&self.store, Vec::new(), self.now.after(later)).text(format)
    }
}

#[test]
fn a_healthy_account_with_one_completed_scan_costs_at_most_35_series() {
    let world = World::new(&["prod"]);
    let completed = ANSWER
        .replace("SCANNING", "SCANNED")
        .replace(r#""LocalTaskID":0"#, r#""LocalTaskID":18547"#)
        .replace(
            r#""ScanEndTime":"""#,
            r#""ScanEndTime":"2021-05-01 00:10:00""#,
        );
    world.answers(0, &completed);
    let text = world.text(Format::Text, Duration::ZERO);
    // Temporary credentials have series about their refresh, long-term ones have not.
    let counts = |line: &&str| line.contains("account=") && !line.starts_with("tcss_credentials_");
    let series = text.lines().filter(counts).count();
    assert_eq!(series, 35, "{text}");
}

#[test]
fn a_job_that_was_not_tried_shows_that_and_nothing_else() {
    let text = World::new(&["prod"]).text(Format::Text, Duration::ZERO);
    assert!(
        text.starts_with("# HELP tcss_up "),
        "no scan gauge before an answer: {text}"
    );
    assert!(
        text.contains("\ntcss_up{account=\"prod\",collector=\"vul_scan\",scan=\"latest\"} 0\n")
    );
    assert!(text.contains(
        "\ntcss_poll_interval_seconds{account=\"prod\",collector=\"vul_scan\",scan=\"latest\"} 60\n"
    ));
    assert!(text.contains(
        "\ntcss_polls_total{account=\"prod\",collector=\"vul_scan\",scan=\"latest\"} 0\n"
    ));
    assert!(text.contains(
        "\ntcss_unexpected_values_total{account=\"prod\",collector=\"vul_scan\",scan=\"latest\"} 0\n"
    ));
    assert!(text.contains(
        "\ntcss_api_requests_total{account=\"prod\",action=\"DescribeVulScanInfo\"} 0\n"
    ));
    for absent in [
        "poll_failing",
        "last_attempt",
        "last_success",
        "expiry",
        "# EOF",
    ] {
        assert!(!text.contains(absent), "{absent}");
    }
}

#[test]
fn a_good_answer_shows_every_gauge() {
    let world = World::new(&["prod"]);
    world.answers(0, ANSWER);
    let text = world.text(Format::Text, Duration::from_secs(300));
    let scan: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("tcss_vul_scan_"))
        .collect();
    let labels = "account=\"prod\",scan=\"latest\"";
    let expected = [
        "status{@,status=\"NOT_SCAN\"} 0",
        "status{@,status=\"SCANNING\"} 1",
        "status{@,status=\"SCANNED\"} 0",
        "status{@,status=\"CANCELED\"} 0",
        "status{@,status=\"UNKNOWN\"} 0",
        "progress_ratio{@} 0.335",
        "remaining_seconds{@} 12.5",
        "progress_changed_timestamp_seconds{@} 1764000000",
        "start_timestamp_seconds{@} 1619798400",
        "scanned_images{@,source=\"local\"} 3",
        "scanned_images{@,source=\"registry\"} 4",
        "found_vulnerabilities{@,source=\"local\"} 7",
        "found_vulnerabilities{@,source=\"registry\"} 9",
        "ignored_vulnerabilities{@} 1",
        "risk_images{@} 2",
        "task_info{@,local_task_id=\"\",registry_task_id=\"18548\"} 1",
    ];
    let expected = expected.map(|line| format!("tcss_vul_scan_{}", line.replace('@', labels)));
    assert_eq!(scan, expected);
    let labels = "account=\"prod\",collector=\"vul_scan\",scan=\"latest\"";
    for line in [
        "tcss_up{@} 1",
        "tcss_poll_last_success_timestamp_seconds{@} 1764000000",
        "tcss_poll_duration_seconds{@} 0.25",
        "tcss_unexpected_values_total{@} 0",
    ] {
        let line = line.replace('@', labels);
        assert!(text.contains(&format!("\n{line}\n")), "{line}");
    }
}

#[test]
fn stale_data_are_withheld_but_not_the_metrics_of_polls() {
    let world = World::new(&["prod"]);
    world.answers(0, ANSWER);
    let text = world.text(Format::Text, Duration::from_millis(300_001));
    assert!(!text.contains("tcss_vul_scan_"), "{text}");
    assert!(text.contains(
        "tcss_poll_last_success_timestamp_seconds{account=\"prod\",collector=\"vul_scan\",scan=\"latest\"} 1764000000\n"
    ));
}

#[test]
fn a_failure_keeps_the_values_and_the_other_account() {
    let world = World::new(&["prod", "other \"\\"]);
    world.answers(0, ANSWER);
    world.answers(1, ANSWER);
    let before = world.text(Format::Text, Duration::ZERO);
    world.outcome(0, Err(ApiError::of(Reason::Throttled)));
    let after = world.text(Format::Text, Duration::ZERO);
    let of = |text: &str, account: &str| -> Vec<String> {
        text.lines()
            .filter(|line| line.contains(account))
            .map(str::to_owned)
            .collect()
    };
    let other = "account=\"other \\\"\\\\\"";
    assert!(!of(&before, other).is_empty());
    assert_eq!(of(&before, other), of(&after, other));
    assert!(
        after.contains(
            "tcss_poll_failing{account=\"prod\",collector=\"vul_scan\",scan=\"latest\",reason=\"throttled\"} 1\n"
        )
    );
    assert!(after.contains("tcss_vul_scan_risk_images{account=\"prod\",scan=\"latest\"} 2\n"));
    assert!(after.contains("tcss_up{account=\"prod\",collector=\"vul_scan\",scan=\"latest\"} 0\n"));
}

/// The completed scan is kept through failures, a running scan, and stale data.
#[test]
fn the_completed_scan_stays_when_data_are_stale_and_while_the_next_scan_runs() {
    let world = World::new(&["prod"]);
    let scanned = ANSWER.replace("SCANNING", "SCANNED").replace(
        "\"ScanEndTime\":\"\"",
        "\"ScanEndTime\":\"2021-05-01 00:10:00\"",
    );
    world.answers(0, &scanned);
    world.answers(
        0,
        &ANSWER.replace("\"FoundRiskImageCount\":2", "\"FoundRiskImageCount\":1"),
    );
    world.outcome(0, Err(ApiError::of(Reason::Network)));
    for (later, current) in [(Duration::ZERO, Some("1")), (Duration::from_hours(1), None)] {
        let text = world.text(Format::Text, later);
        let value = |family: &str| {
            let series = format!("{family}{{account=\"prod\",scan=\"latest\"}} ");
            text.lines()
                .find_map(|line| line.strip_prefix(&series).map(str::to_owned))
        };
        assert_eq!(value("tcss_vul_scan_risk_images").as_deref(), current);
        assert_eq!(
            value("tcss_vul_scan_completed_risk_images").as_deref(),
            Some("2")
        );
        let end = value("tcss_vul_scan_completed_end_timestamp_seconds");
        assert_eq!(end.as_deref(), Some("1619799000"));
    }
}

#[test]
fn an_unexpected_field_is_exposed_while_the_latest_answer_has_it() {
    let world = World::new(&["prod"]);
    let series = "tcss_unexpected_field{account=\"prod\",collector=\"vul_scan\",scan=\"latest\",field=\"IgnoreVulCount\"} 1\n";
    world.answers(
        0,
        &ANSWER.replace("\"IgnoreVulCount\":1", "\"IgnoreVulCount\":null"),
    );
    let text = world.text(Format::Text, Duration::ZERO);
    assert!(text.contains(series), "{text}");
    world.answers(0, ANSWER);
    let text = world.text(Format::Text, Duration::ZERO);
    assert!(!text.contains("tcss_unexpected_field"), "{text}");
    let total =
        "tcss_unexpected_values_total{account=\"prod\",collector=\"vul_scan\",scan=\"latest\"} 1\n";
    assert!(text.contains(total), "{text}");
}

#[test]
fn open_metrics_names_counters_without_their_suffix_and_says_where_it_ends() {
    let world = World::new(&["prod"]);
    world.answers(0, ANSWER);
    let text = world.text(Format::OpenMetrics, Duration::ZERO);
    assert!(
        text.contains("# TYPE tcss_polls counter\ntcss_polls_total{"),
        "{text}"
    );
    let wait = "tcss_api_rate_limiter_wait_seconds";
    assert!(
        text.contains(&format!("# TYPE {wait} counter\n{wait}_total{{")),
        "{text}"
    );
    assert!(
        !text.contains("# UNIT"),
        "some parsers apply a unit to the next family"
    );
    assert!(text.ends_with("\n# EOF\n"));
}

#[test]
fn a_standby_shows_no_series_of_an_account_but_whether_it_could_take_over() {
    let world = World::new(&["answered", "failed", "waiting", "answered too"]);
    world.answers(0, ANSWER);
    world.outcome(1, Err(ApiError::of(Reason::Network)));
    world.answers(3, ANSWER);
    let standby = Scrape::of_standby(&world.store, Vec::new()).text(Format::Text);
    assert!(!standby.contains("account="), "{standby}");
    let leader = world.text(Format::Text, Duration::ZERO);
    for (state, count) in [("fine", 2), ("failing", 1), ("waiting", 1)] {
        let line =
            format!("\ntcss_exporter_accounts{{source=\"config\",state=\"{state}\"}} {count}\n");
        assert!(standby.contains(&line), "{standby}");
        assert!(leader.contains(&line), "{leader}");
    }
}

#[test]
fn an_account_is_in_the_worst_state_of_its_jobs() {
    let world = World::new(&["a", "a", "b"]);
    let mut table = (*world.store.table()).clone();
    table.accounts.remove(0);
    world.store.replace(table);
    let states = || {
        let text = Scrape::of_standby(&world.store, Vec::new()).text(Format::Text);
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| line.rsplit(' ').next().unwrap().to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(states(), "0 0 2", "fine, failing, waiting");
    world.answers(0, ANSWER);
    assert_eq!(states(), "0 0 2");
    world.answers(1, ANSWER);
    assert_eq!(states(), "1 0 1");
    world.outcome(0, Err(ApiError::of(Reason::Auth)));
    assert_eq!(states(), "0 1 1");
    world.answers(2, ANSWER);
    assert_eq!(states(), "1 1 0");
}

#[test]
fn families_are_contiguous_over_pages_and_pages_are_small() {
    let names: Vec<String> = (0..500).map(|index| format!("account-{index}")).collect();
    let world = World::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    (0..500).for_each(|job| world.answers(job, ANSWER));
    let scrape = Scrape::new(&world.store, Vec::new(), world.now);
    let pages: Vec<Vec<u8>> = scrape.pages(Format::Text).collect();
    assert!(pages.len() > 3 && pages.iter().all(|page| page.len() < PAGE_CAPACITY));
    let text = String::from_utf8(pages.concat()).unwrap();
    assert_eq!(text, world.text(Format::Text, Duration::ZERO));
    let mut names: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split('{').next())
        .collect();
    names.dedup();
    let mut unique = names.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(names.len(), unique.len(), "a family comes twice");
    assert_eq!(
        text.matches("# TYPE").count(),
        names.len(),
        "each family says its type once"
    );
}
