//! All collectors against the simulator: what they expose, and that none of them affects another.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;
use tcss_exporter::{
    client::Handler,
    collectors,
    config::{Account, CollectorConfig, Poll},
    credentials::Source,
    domain::Clock,
    simulator::{Scenario, Simulator, Speed},
};
use tokio::time::sleep;

use crate::support::{
    POLL, World, account, credentials, error, frozen_clock,
    process::{Running, exporter, file, get, listening, path, run, serving, simulating, until},
    sum, value,
};

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
    for _ in 0..7 {
        sleep(Duration::from_mins(4)).await;
        let text = world.text();
        for (age, interval) in ages(&text, clock) {
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
    for identity in stats.identities.values() {
        for (action, stats) in &identity.actions {
            assert!(stats.most_in_one_second <= 10, "{action}: {stats:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_accounts_of_one_identity_are_polled_in_time_and_within_the_limit() {
    hundred_accounts(true).await;
}

#[tokio::test(start_paused = true)]
async fn a_hundred_accounts_of_as_many_identities_are_polled_in_time_and_within_the_limit() {
    hundred_accounts(false).await;
}

/// A configuration with every collector, for real processes.
fn every_collector_of(api: &str) -> String {
    let names = collectors::ALL
        .iter()
        .map(|collector| format!("  {}:\n", collector.name));
    format!(
        "api: {{endpoint: \"{api}\"}}\ncollectors:\n{}",
        names.collect::<String>()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_an_account_shows_its_collectors_and_images() {
    let denied = format!(
        "{SCANNED}, failures: [{{code: UnauthorizedOperation, action: DescribePurchaseStateInfo}}]"
    );
    let (_api, api) = simulating(&denied);
    let config = file(&format!(
        "{}poll: {{interval: 1s}}\naccounts: [{{name: 'a b/<i>'}}]\n",
        every_collector_of(&api)
    ));
    let (_exporter, url) = serving(&["--config.file", path(&config)]);
    until(&format!("{url}/-/ready"), "all polls", |body| {
        (body == "ready\n").then_some(())
    })
    .await;
    let status = get(&format!("{url}/")).await;
    let link = "./accounts/a%20b%2F%3Ci%3E";
    assert!(status.contains(&format!("href=\"{link}\"")), "{status}");
    let page = get(&format!("{url}/accounts/a%20b%2F%3Ci%3E")).await;
    assert!(!page.contains("<i>"), "escaped");
    for collector in &collectors::ALL {
        assert!(page.contains(collector.name), "{collector:?}: {page}");
    }
    for text in [
        "20 of 130 images",
        "registry.example/default/api:1.0",
        "sha256:",
        "UnauthorizedOperation",
        "Last completed scan",
        "env TENCENTCLOUD_SECRET_ID",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let chinese = get(&format!("{url}/accounts/a%20b%2F%3Ci%3E?lang=zh-CN")).await;
    for text in [
        "<html lang=\"zh-CN\">",
        "共 130 个镜像，列出 20 个",
        "最近一次完成的扫描：",
        "来源：",
        "<a href=\"../?lang=zh-CN\">全部账号</a>",
        "<a href=\"?lang=en\" lang=\"en\" hreflang=\"en\">English</a>",
    ] {
        assert!(chinese.contains(text), "{text}: {chinese}");
    }
    let missing = reqwest::get(format!("{url}/accounts/other")).await.unwrap();
    assert_eq!(missing.status(), 404);
}

#[test]
fn images_lists_the_worst_images() {
    let (_api, api) = simulating(SCANNED);
    let config = file(&format!(
        "api: {{endpoint: \"{api}\"}}\naccounts: [{{name: shop}}]\n"
    ));
    let images = |arguments: &[&str]| {
        let mut command = exporter();
        command
            .args(["images", "--config.file", path(&config), "--log.level=info"])
            .args(arguments);
        run("images", &mut command, "")
    };
    let (status, table) = images(&["--limit=3"]);
    assert!(status.success(), "{table}");
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    assert!(
        lines[0].starts_with("ACCOUNT  SCAN    CRITICAL  HIGH  MEDIUM  LOW"),
        "{table}"
    );
    assert!(lines[1].starts_with("shop     latest  3"), "{table}");
    assert!(
        lines[1].contains("registry.example/default/api:1.0"),
        "{table}"
    );

    let (status, json) = images(&["--output=json", "--account=shop", "--scan=latest"]);
    assert!(status.success(), "{json}");
    let scans: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (
            &scans[0]["scanned_images"],
            scans[0]["images"].as_array().unwrap().len()
        ),
        (&130.into(), 20)
    );
    let first = &scans[0]["images"][0];
    assert!(
        first["vulnerabilities"]["critical"].as_u64() > Some(0),
        "{first}"
    );
    assert!(
        first["id"].as_str().unwrap().starts_with("sha256:"),
        "{first}"
    );

    let (status, output) = images(&["--account=other"]);
    assert_eq!(status.code(), Some(2));
    assert_eq!(
        output,
        "tcss-exporter: there is no account named \"other\"\n"
    );
}

#[test]
fn check_live_names_the_permissions_that_a_collector_needs() {
    let denied = format!(
        "{SCANNED}, failures: [{{code: UnauthorizedOperation, action: DescribeImageAuthorizedInfo}}]"
    );
    let (_api, api) = simulating(&denied);
    let config = file(&every_collector_of(&api));
    let mut command = exporter();
    command.args([
        "check",
        "--live",
        "--config.file",
        path(&config),
        "--log.level=info",
    ]);
    let (status, output) = run("check", &mut command, "");
    assert_eq!(status.code(), Some(2), "{output}");
    assert_eq!(
        output.matches("  ok\n").count(),
        collectors::ALL.len() - 1,
        "{output}"
    );
    for expected in [
        "default  licence",
        "failed: permission",
        "the collector needs: \"tcss:DescribePurchaseStateInfo\", \"tcss:DescribeImageAuthorizedInfo\"\n",
    ] {
        assert!(output.contains(expected), "{expected}: {output}");
    }
}

#[test]
fn plan_compares_the_requests_with_the_limit() {
    let plan = |text: &str| {
        let config = file(text);
        let mut command = exporter();
        command.args(["plan", "--config.file", path(&config)]);
        run("plan", &mut command, "")
    };
    let (status, output) = plan(
        "collectors: {vul_scan: , vul_summary: , risk_images: }\naccounts: [{name: a}, {name: b}]\n",
    );
    assert!(status.success(), "{output}");
    let expected = "\
CREDENTIALS      ACCOUNTS  ACTION                         PER MINUTE  WHILE SCANNING  LIMIT
chain            2         DescribeVulScanInfo            2.4         12.4            600
    2 every 1m for vul_scan + 2 every 5m for risk_images
chain            2         DescribeVulLevelSummary        1.2         1.2             600
    6 every 5m for vul_summary
chain            2         DescribeVulSummary             0.4         0.4             600
    2 every 5m for vul_summary
chain            2         DescribeVulScanLocalImageList  0.0         0.0             600
    once per completed scan: 1 request per 100 images, at most 10
";
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(squeezed(&output), squeezed(expected), "{output}");

    let accounts: String = (0..20)
        .map(|index| format!("  - name: a{index}\n"))
        .collect();
    let crowded = format!("collectors: {{vul_summary: {{interval: 5s}}}}\naccounts:\n{accounts}");
    let (status, output) = plan(&crowded);
    assert_eq!(status.code(), Some(2), "{output}");
    let arithmetic = "DescribeVulLevelSummary needs 12.0 requests per second (60 every 5s for vul_summary), but 10 are allowed";
    assert!(output.contains(arithmetic), "{output}");
    let config = file(&crowded);
    for command in ["check", "serve"] {
        let mut refused = exporter();
        refused.args([command, "--config.file", path(&config), "--log.level=info"]);
        let (status, output) = run(command, &mut refused, "");
        assert_eq!(status.code(), Some(2), "{output}");
        assert!(output.contains(arithmetic), "{command}: {output}");
    }
}

/// A panel of the board Risk belongs to the collectors whose metrics it shows. Its source and the
/// chart know these by how their names begin.
#[test]
fn the_source_of_the_boards_and_the_chart_know_the_collectors_and_their_metrics() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut python = Command::new("python3");
    python
        .args([
            "-B",
            "-c",
            "import json, selection; print(json.dumps(selection.METRICS))",
        ])
        .env("PYTHONPATH", root.join("dashboards/source"));
    let (status, output) = run("python3", &mut python, "");
    assert!(status.success(), "{output}");
    let known: BTreeMap<String, String> = serde_json::from_str(&output).unwrap();
    let names = |collectors: &[&str]| -> BTreeSet<String> {
        collectors.iter().map(|name| (*name).to_owned()).collect()
    };
    let all: Vec<&str> = collectors::ALL.iter().map(|it| it.name).collect();
    let further: Vec<&str> = all.iter().copied().filter(|it| *it != "vul_scan").collect();
    assert_eq!(
        known.keys().cloned().collect::<BTreeSet<_>>(),
        names(&further)
    );
    for collector in &collectors::ALL {
        for family in collector.families() {
            for (name, start) in &known {
                let is_its_own = *name == collector.name;
                assert_eq!(
                    family.name.starts_with(start),
                    is_its_own,
                    "{} {name}",
                    family.name
                );
            }
        }
    }

    let schema = root.join("packaging/helm/tcss-exporter/values.schema.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(schema).unwrap()).unwrap();
    let values = &schema["properties"]["dashboards"]["properties"]["collectors"]["items"]["enum"];
    let values: BTreeSet<String> = serde_json::from_value(values.clone()).unwrap();
    assert_eq!(values, names(&all));
}

/// The demo shows everything: its first account has all collectors, and all of them have answers.
#[tokio::test]
async fn the_demo_has_an_account_with_every_collector() {
    let mut demo = Running::start(
        "demo",
        exporter().args(["demo", "--web.listen-address=127.0.0.1:0"]),
    );
    let url = demo.wait_for("where it listens", listening);
    until(&format!("{url}/metrics"), "all collectors", |text| {
        for collector in &collectors::ALL {
            let up = text.lines().find(|line| {
                line.starts_with("tcss_up{account=\"shop\"")
                    && line.contains(&format!("collector=\"{}\"", collector.name))
            });
            if !up?.ends_with(" 1") {
                return None;
            }
        }
        Some(())
    })
    .await;
}
