use std::{sync::Arc, time::Duration};

use jiff::{Timestamp, tz::TimeZone};

use super::*;
use crate::{
    client::ApiError,
    collectors::vul_scan_info,
    config::Poll,
    domain::{AccountName, Clock, Rate, Reason, ScanName},
    limiter::{Lanes, Seat},
    store::{AccountEntry, ActionEntry, JobEntry, Outcome},
};

const POLL: Poll = Poll {
    interval: Duration::from_secs(60),
    scanning_interval: Duration::from_secs(10),
    timeout: Duration::from_secs(10),
    stale_after: Duration::from_secs(300),
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
        let lanes = Arc::new(Lanes::default());
        let mut table = Table::default();
        for name in accounts {
            let name = AccountName::parse(name).unwrap();
            let endpoint = crate::domain::Endpoint::parse("tcss.example", false).unwrap();
            let action = vul_scan_info::COLLECTOR.action;
            let seat = Seat::new(Arc::clone(&lanes), endpoint, action, Rate::DEFAULT);
            let actions = vec![Arc::new(ActionEntry::new(seat))];
            table
                .accounts
                .push(Arc::new(AccountEntry::new(&name, Arc::default(), actions)));
            let scan = ScanName::parse("latest").unwrap();
            table.jobs.push(Arc::new(JobEntry::new(
                &name,
                &scan,
                collectors::ALL[0],
                &POLL,
            )));
        }
        let store = Store::default();
        store.replace(table);
        World {
            store,
            now: Clock::starting_at(Timestamp::from_second(1_764_000_000).unwrap()).now(),
        }
    }

    pub(super) fn answers(&self, job: usize, answer: &str) {
        let parsed =
            (vul_scan_info::COLLECTOR.parse)(answer, &TimeZone::fixed(jiff::tz::offset(8)))
                .unwrap();
        self.outcome(job, Ok(parsed));
    }

    pub(super) fn outcome(&self, job: usize, result: Result<collectors::Parsed, ApiError>) {
        let job = &self.store.table().jobs[job];
        job.replace(job.snapshot().after(Outcome {
            at: self.now,
            took: Duration::from_millis(250),
            result,
        }));
    }

    fn text(&self, format: Format, later: Duration) -> String {
        Scrape::new(&self.store, Vec::new(), self.now.after(later)).text(format)
    }
}

#[test]
fn a_job_that_was_not_tried_shows_that_and_nothing_else() {
    let text = World::new(&["prod"]).text(Format::Text, Duration::ZERO);
    assert!(
        text.starts_with("# HELP tcss_up "),
        "no scan gauge before an answer: {text}"
    );
    assert!(text.contains("\ntcss_up{account=\"prod\",scan=\"latest\"} 0\n"));
    assert!(text.contains("\ntcss_poll_interval_seconds{account=\"prod\",scan=\"latest\"} 60\n"));
    assert!(text.contains("\ntcss_polls_total{account=\"prod\",scan=\"latest\"} 0\n"));
    assert!(text.contains(
        "\ntcss_unexpected_values_total{account=\"prod\",scan=\"latest\",field=\"Status\"} 0\n"
    ));
    assert!(text.contains(
        "\ntcss_api_requests_total{account=\"prod\",action=\"DescribeVulScanInfo\"} 0\n"
    ));
    for absent in ["failing", "last_attempt", "last_success", "expiry", "# EOF"] {
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
        "start_timestamp_seconds{@} 1619798400",
        "scanned_images{@,source=\"local\"} 3",
        "scanned_images{@,source=\"registry\"} 4",
        "found_vulnerabilities{@,source=\"local\"} 7",
        "found_vulnerabilities{@,source=\"registry\"} 9",
        "ignored_vulnerabilities{@} 1",
        "risk_images{@} 2",
        "task_info{@,source=\"registry\",task_id=\"18548\"} 1",
    ];
    let expected = expected.map(|line| format!("tcss_vul_scan_{}", line.replace('@', labels)));
    assert_eq!(scan, expected);
    assert!(text.contains(&format!("\ntcss_up{{{labels}}} 1\n")));
    assert!(text.contains(&format!(
        "\ntcss_poll_last_success_timestamp_seconds{{{labels}}} 1764000000\n"
    )));
    assert!(text.contains(&format!("\ntcss_poll_duration_seconds{{{labels}}} 0.25\n")));
}

#[test]
fn stale_data_are_withheld_and_what_is_known_of_polls_is_not() {
    let world = World::new(&["prod"]);
    world.answers(0, ANSWER);
    let text = world.text(Format::Text, Duration::from_millis(300_001));
    assert!(!text.contains("tcss_vul_scan_"), "{text}");
    assert!(text.contains(
        "tcss_poll_last_success_timestamp_seconds{account=\"prod\",scan=\"latest\"} 1764000000\n"
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
            "tcss_poll_failing{account=\"prod\",scan=\"latest\",reason=\"throttled\"} 1\n"
        )
    );
    assert!(after.contains("tcss_vul_scan_risk_images{account=\"prod\",scan=\"latest\"} 2\n"));
    assert!(after.contains("tcss_up{account=\"prod\",scan=\"latest\"} 0\n"));
}

#[test]
fn open_metrics_says_units_and_where_it_ends() {
    let world = World::new(&["prod"]);
    world.answers(0, ANSWER);
    let text = world.text(Format::OpenMetrics, Duration::ZERO);
    assert!(
        text.contains("# TYPE tcss_polls counter\ntcss_polls_total{"),
        "{text}"
    );
    assert!(text.contains("# UNIT tcss_vul_scan_remaining_seconds seconds\n"));
    assert!(text.contains("# UNIT tcss_vul_scan_progress_ratio ratio\n"));
    assert!(text.contains(
        "# UNIT tcss_api_pacer_wait_seconds seconds\ntcss_api_pacer_wait_seconds_total{"
    ));
    assert!(text.ends_with("\n# EOF\n"));
}

#[test]
fn families_are_contiguous_over_pages_and_pages_are_small() {
    let names: Vec<String> = (0..500).map(|index| format!("account-{index}")).collect();
    let world = World::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    (0..500).for_each(|job| world.answers(job, ANSWER));
    let scrape = Scrape::new(&world.store, Vec::new(), world.now);
    let pages: Vec<Vec<u8>> = scrape.pages(Format::Text).collect();
    assert!(pages.len() > 10 && pages.iter().all(|page| page.len() < PAGE + 4_096));
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
