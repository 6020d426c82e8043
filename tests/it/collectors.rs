//! All collectors against the simulator: what they expose, and that none of them affects another.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use tcss_exporter::{
    client::Handler,
    collectors,
    config::{Account, CollectorConfig, Poll},
    credentials::Source,
    domain::Clock,
    simulator::{Scenario, Simulator, Speed},
};
use tokio::time::sleep;

use crate::support::{POLL, World, account, credentials, error, frozen_clock, sum, value};

/// Every collector with its defaults.
fn every_collector() -> Vec<CollectorConfig> {
    let mut configs = Vec::new();
    for collector in &collectors::ALL {
        let interval = collector.interval.unwrap_or(POLL.interval);
        configs.push(CollectorConfig {
            collector,
            poll: Poll {
                interval,
                stale_after: POLL.stale_after.max(interval * 2 + POLL.timeout),
                ..POLL
            },
            limit: collector.limit.map_or(0, |limit| limit.default),
        });
    }
    configs
}

fn watched(name: &str) -> Account {
    Account {
        collectors: every_collector(),
        ..account(name, "tcss.example")
    }
}

/// An identity named `name`, with the keys of [`account`].
fn identity(name: &str, settings: &str) -> String {
    format!("  - {{name: {name}, secret_id: {name}, secret_key: key-of-{name}, {settings}}}\n")
}

fn simulator(clock: Clock, identities: &str) -> Arc<Simulator> {
    let scenario = Scenario::parse(&format!("identities:\n{identities}")).unwrap();
    Arc::new(Simulator::new(&scenario, Speed::REAL_TIME, clock.now()))
}

fn handler(clock: Clock, api: &Arc<Simulator>) -> Handler {
    let api = Arc::clone(api);
    Arc::new(move |request: Request<Bytes>| api.respond(&request, clock.now()).response)
}

const SCANNED: &str = "started_ago: 60m, repeat: false, \
    assets: {malware: 2, failed_images: 3, unscanned_images: 4}, \
    scans: [{takes: 10m, local_images: 130, registry_images: 20, local_vulnerabilities: 800, \
             registry_vulnerabilities: 90, risk_images: 40}]";

#[tokio::test(start_paused = true)]
async fn every_collector_exposes_its_families_and_they_agree() {
    let clock = frozen_clock();
    let api = simulator(clock, &identity("a", SCANNED));
    let mut world = World::in_process(clock, handler(clock, &api));
    world.poll(vec![watched("a")]).await;
    sleep(Duration::from_mins(2)).await;
    let text = world.text();
    assert_eq!(
        sum(&text, "tcss_up"),
        collectors::ALL.len() as f64,
        "{text}"
    );
    assert!(!text.contains("tcss_unexpected_field"), "{text}");
    for collector in &collectors::ALL {
        for family in collector.families() {
            // No scan runs.
            let is_of_a_running_scan =
                family.name.contains("remaining") || family.name.contains("progress_changed");
            let is_there = text.contains(&format!("\n{}{{", family.name));
            assert_eq!(is_there, !is_of_a_running_scan, "{}", family.name);
        }
    }
    let of = |series: &str| value(&text, series).unwrap();
    assert_eq!(sum(&text, "tcss_summary_risk_images"), 40.0);
    assert_eq!(
        sum(&text, "tcss_summary_risk_images"),
        of("tcss_vul_scan_completed_risk_images{account=\"a\",scan=\"latest\"}")
    );
    assert_eq!(
        of("tcss_vul_scan_image_list_images{account=\"a\",scan=\"latest\"}"),
        130.0
    );
    assert_eq!(sum(&text, "tcss_vul_scan_image_list_failed_images"), 3.0);
    // 20 images of four severities, with more vulnerabilities than 20 average ones.
    let series = "\ntcss_vul_scan_image_vulnerabilities{account=\"a\",scan=\"latest\",image=\"";
    assert_eq!(text.matches(series).count(), 80);
    assert!(sum(&text, "tcss_vul_scan_image_vulnerabilities") > 400.0);
    let licence = "tcss_licence_state{account=\"a\",state=\"active\"}";
    assert_eq!(of(licence), 1.0);
    let polls = "tcss_polls_total{account=\"a\",collector=\"licence\"}";
    assert_eq!(of(polls), 1.0, "without a label for a scan");
}

/// The series of `text` that do not depend on when exactly something was polled.
fn timeless(text: &str) -> BTreeSet<String> {
    let is_timeless = |line: &&str| {
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        !line.starts_with('#')
            && (collectors::ALL
                .iter()
                .flat_map(collectors::Collector::families)
                .any(|family| family.name == name)
                || ["tcss_up", "tcss_poll_failing", "tcss_unexpected_field"].contains(&name))
    };
    text.lines()
        .filter(is_timeless)
        .map(str::to_owned)
        .collect()
}

/// Whether a series belongs to one of the collectors that ask `action`.
fn asks(action: &str, series: &str) -> bool {
    collectors::ALL.iter().any(|collector| {
        let label = format!("collector=\"{}\"", collector.name);
        let name = series.split(['{', ' ']).next().unwrap();
        collector.actions.iter().any(|of| of.name == action)
            && (series.contains(&label) || collector.families().any(|family| family.name == name))
    })
}

/// All series after three quarters of an hour, with polls every five minutes.
async fn series_with(failures: &str) -> BTreeSet<String> {
    let clock = frozen_clock();
    let settings = format!("{SCANNED}, failures: [{failures}]");
    let api = simulator(
        clock,
        &format!("{}{}", identity("a", &settings), identity("b", SCANNED)),
    );
    let mut world = World::in_process(clock, handler(clock, &api));
    let mut accounts = vec![watched("a"), watched("b")];
    for config in accounts
        .iter_mut()
        .flat_map(|account| &mut account.collectors)
    {
        config.poll.interval = Duration::from_mins(5);
        config.poll.stale_after = Duration::from_mins(11);
    }
    world.poll(accounts).await;
    sleep(Duration::from_mins(45)).await;
    timeless(&world.text())
}

#[tokio::test(start_paused = true)]
async fn a_permission_that_is_removed_changes_the_series_of_its_collectors_only() {
    let control = series_with("").await;
    assert!(control.len() > 300, "{}", control.len());
    for action in collectors::action_names() {
        let failure = format!("{{code: UnauthorizedOperation, action: {action}, from: 20m}}");
        let series = series_with(&failure).await;
        for line in control.symmetric_difference(&series) {
            assert!(
                line.contains("account=\"a\"") && asks(action, line),
                "without {action}: {line}"
            );
        }
        // Facts about the past stay; what describes the present is gone.
        let mut n_up = 0;
        for collector in &collectors::ALL {
            let needs = collector.actions.iter().any(|of| of.name == action);
            let name = collector.name;
            let up = series.iter().find(|line| {
                line.starts_with("tcss_up{account=\"a\"")
                    && line.contains(&format!("collector=\"{name}\""))
            });
            // The list of images is asked for only once per scan, and was read by then.
            let is_up = !needs || action == "DescribeVulScanLocalImageList";
            assert_eq!(up.unwrap().ends_with(" 1"), is_up, "{action}: {up:?}");
            n_up += usize::from(is_up);
            for family in collector.families() {
                let prefix = format!("{}{{account=\"a\"", family.name);
                let is_shown =
                    |series: &BTreeSet<String>| series.iter().any(|line| line.starts_with(&prefix));
                let is_expected = is_up || family.lifetime == collectors::Lifetime::Lasting;
                assert_eq!(
                    is_shown(&series),
                    is_expected && is_shown(&control),
                    "without {action}: {}",
                    family.name
                );
            }
        }
        let failing = series.iter().filter(|line| {
            line.starts_with("tcss_poll_failing{") && line.contains("reason=\"permission\"")
        });
        assert_eq!(failing.count(), collectors::ALL.len() - n_up, "{action}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_is_read_once_per_completed_scan_and_replaced_as_a_whole() {
    let clock = frozen_clock();
    let scans = "scans: [{takes: 20m, pause: 40m, local_images: 250, local_vulnerabilities: 500, risk_images: 120}, \
                 {takes: 20m, pause: 40m, local_images: 250, local_vulnerabilities: 3, risk_images: 1}, \
                 {takes: 20m, pause: 40m, registry_images: 5, risk_images: 1}]";
    let api = simulator(clock, &identity("a", scans));
    let mut world = World::in_process(clock, handler(clock, &api));
    world.poll(vec![watched("a")]).await;
    let mut seen = Vec::new();
    // While the first scan runs, after it, while the second one runs, after it, and so on.
    for _ in 0..7 {
        sleep(Duration::from_mins(30)).await;
        let text = world.text();
        let actions = &api.stats().identities["a"].actions;
        let list = actions.get("DescribeVulScanLocalImageList");
        seen.push((
            list.map_or(0, |list| list.arrivals),
            text.matches("\ntcss_vul_scan_image_vulnerabilities{")
                .count(),
            sum(&text, "tcss_vul_scan_image_list_read_images"),
        ));
    }
    let (first, second, none) = ((3, 80, 250.0), (6, 4, 250.0), (6, 0, 0.0));
    assert_eq!(
        seen,
        [first, first, second, second, none, none, (9, 80, 250.0)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_poll_of_several_requests_succeeds_or_fails_as_a_whole() {
    let clock = frozen_clock();
    let api = simulator(
        clock,
        &identity(
            "a",
            SCANNED.replace("repeat: false", "repeat: true").as_str(),
        ),
    );
    let fails = Arc::new(AtomicBool::new(false));
    let answers = {
        let (simulated, fails) = (handler(clock, &api), Arc::clone(&fails));
        Arc::new(move |request: Request<Bytes>| {
            let is_last = request.body().as_ref() == br#"{"CategoryType":"EMERGENCY"}"#;
            if fails.load(Relaxed) && is_last {
                return Response::new(error("InternalError"));
            }
            simulated(request)
        })
    };
    let mut world = World::in_process(clock, answers);
    world.poll(vec![watched("a")]).await;
    sleep(Duration::from_mins(9)).await;
    let of = |text: &str| -> Vec<String> {
        let lines = text
            .lines()
            .filter(|line| line.starts_with("tcss_vul_summary_"));
        lines.map(str::to_owned).collect()
    };
    let before = of(&world.text());
    assert_eq!(before.len(), 12 + 1 + 2 + 2 + 2);
    fails.store(true, Relaxed);
    sleep(Duration::from_mins(6)).await;
    let text = world.text();
    assert_eq!(of(&text), before, "the first requests were answered");
    let up = |name: &str| {
        value(
            &text,
            &format!("tcss_up{{account=\"a\",collector=\"{name}\"}}"),
        )
    };
    assert_eq!(
        (up("vul_summary"), up("top_vulnerabilities")),
        (Some(0.0), Some(1.0))
    );
}

/// The labels and the values of the samples of one family.
fn samples<'a>(text: &'a str, family: &str) -> BTreeMap<&'a str, f64> {
    let mut samples = BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix(family)
            && let Some((labels, value)) = rest.rsplit_once(' ')
            && labels.starts_with('{')
        {
            samples.insert(labels, value.parse().unwrap());
        }
    }
    samples
}

/// The ages of the last polls, in seconds, each with the interval of its collector.
fn ages(text: &str, clock: Clock) -> Vec<(f64, f64)> {
    let now = clock.now().wall.as_millisecond() as f64 / 1e3;
    let intervals = samples(text, "tcss_poll_interval_seconds");
    let attempts = samples(text, "tcss_poll_last_attempt_timestamp_seconds");
    let ages = attempts
        .iter()
        .map(|(labels, at)| (now - at, intervals[labels]));
    ages.collect()
}

/// A hundred accounts with every collector, for half an hour, in which a scan starts and ends.
async fn hundred_accounts(is_one_identity: bool) {
    const N: usize = 100;
    let clock = frozen_clock();
    let scans = "started_ago: 55m, scans: [{takes: 5m, pause: 55m, local_images: 130, local_vulnerabilities: 800, \
                 risk_images: 40}]";
    let name = |index: usize| {
        if is_one_identity {
            "shared".to_owned()
        } else {
            format!("id-{index}")
        }
    };
    let n_identities = if is_one_identity { 1 } else { N };
    let identities: String = (0..n_identities)
        .map(|index| identity(&name(index), scans))
        .collect();
    let api = simulator(clock, &identities);
    let mut world = World::in_process(clock, handler(clock, &api));
    let accounts = (0..N).map(|index| Account {
        credentials: Source::Static(credentials(&name(index))),
        ..watched(&format!("account-{index}"))
    });
    world.poll(accounts.collect()).await;
    sleep(Duration::from_mins(2)).await;
    let mut latest = 0.0_f64;
    for _ in 0..7 {
        sleep(Duration::from_mins(4)).await;
        let text = world.text();
        for (age, interval) in ages(&text, clock) {
            latest = latest.max(age - interval);
            assert!(
                age < 2.0 * interval,
                "{age} s after an interval of {interval} s"
            );
        }
    }
    let text = world.text();
    let n_jobs = N * collectors::ALL.len();
    assert_eq!(sum(&text, "tcss_up"), n_jobs as f64);
    assert_eq!(sum(&text, "tcss_poll_failures_total"), 0.0);
    let stats = api.stats();
    let mut most = 0;
    for identity in stats.identities.values() {
        for (action, stats) in &identity.actions {
            assert!(stats.most_in_one_second <= 10, "{action}: {stats:?}");
            most = most.max(stats.most_in_one_second);
        }
    }
    let samples = text.lines().filter(|line| !line.starts_with('#')).count();
    println!(
        "{N} accounts of {n_identities} identities: {} requests, at most {most} of an action and identity in a second; \
         latest poll {latest:.2} s late; {samples} samples in {} bytes",
        stats.arrivals,
        text.len()
    );
}

#[tokio::test(start_paused = true)]
async fn a_hundred_accounts_of_one_identity_are_polled_in_time_and_within_the_limit() {
    hundred_accounts(true).await;
}

#[tokio::test(start_paused = true)]
async fn a_hundred_accounts_of_as_many_identities_are_polled_in_time_and_within_the_limit() {
    hundred_accounts(false).await;
}
