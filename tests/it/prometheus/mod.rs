//! A real Prometheus scrapes a real exporter, which polls a simulated API: every metric arrives, in both formats.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::process::{
    CANARY, Running, exporter, file, path, serving_as, simulator, until,
};

mod families;

use crate::support::prometheus::{Metadata, Prometheus, Sample};
use crate::support::relay::Relay;

/// Jobs of Prometheus, named after the format in which they scrape.
const JOBS: [&str; 2] = ["openmetrics", "text"];

/// Accounts, and identities of the API: one with a running scan, one with a finished scan, and one without permission.
const ACCOUNTS: [&str; 3] = ["running", "finished", "locked-out"];

/// Their scenario.
fn scenario() -> String {
    let images = "local_images: 12, registry_images: 5, local_vulnerabilities: 31, \
                  registry_vulnerabilities: 7, ignored_vulnerabilities: 2, risk_images: 9";
    let identity = |name: &str, rest: &str| {
        format!(
            "  - {{name: {name}, secret_id: AKID{name}, secret_key: {CANARY}-{name}, {rest}}}\n"
        )
    };
    let running = format!("started_ago: 10m, scans: [{{takes: 60m, {images}}}]");
    let finished = format!("started_ago: 60m, repeat: false, scans: [{{takes: 10m, {images}}}]");
    let locked_out = "failures: [{code: UnauthorizedOperation}]";
    let rest = [running.as_str(), finished.as_str(), locked_out];
    let identities = ACCOUNTS
        .into_iter()
        .zip(rest)
        .map(|(name, rest)| identity(name, rest));
    format!("identities:\n{}", identities.collect::<String>())
}

/// The name of an environment variable of an account.
fn variable(account: &str, what: &str) -> String {
    format!("{}_{what}", account.to_uppercase().replace('-', "_"))
}

/// A simulator, and an exporter that polls it with keys from each account's own variables.
struct World {
    api: Running,
    _exporter: Running,
    url: String,
}

impl World {
    fn start(poll: &str) -> World {
        let scenario = file(&scenario());
        let (api, api_url) = simulator(&["--scenario", path(&scenario)]);
        let accounts = ACCOUNTS.map(|name| {
            let [id, key] = ["ID", "KEY"].map(|what| variable(name, what));
            format!("  - {{name: {name}, credentials: {{env: {{secret_id: {id}, secret_key: {key}}}}}}}\n")
        });
        let config = file(&format!(
            "poll: {poll}\napi: {{endpoint: \"{api_url}\"}}\naccounts:\n{}",
            accounts.concat()
        ));
        let mut command = exporter();
        for name in ACCOUNTS {
            command.env(variable(name, "ID"), format!("AKID{name}"));
            command.env(variable(name, "KEY"), format!("{CANARY}-{name}"));
        }
        let (exporter, url) = serving_as(command.args(["--config.file", path(&config)]));
        World {
            api,
            _exporter: exporter,
            url,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_gets_every_metric_in_both_formats() {
    let world = World::start("{interval: 1s, scanning_interval: 1s}");
    until(&format!("{}/-/ready", world.url), "ready", |body| {
        (body == "ready\n").then_some(())
    })
    .await;
    let relay = Relay::start(&world.url).await;
    let prometheus = Prometheus::start(&[(JOBS[0], &world.url), (JOBS[1], &relay.url)]);
    prometheus.until("count(up == 1)", 2.0).await;
    prometheus
        .until("count(scrape_samples_scraped > 0)", 2.0)
        .await;

    let samples = prometheus
        .query("{job=~\".+\", __name__!~\"up|scrape_.*\"}")
        .await;
    let of = |job| {
        samples
            .iter()
            .filter(move |sample| sample.label("job") == job)
    };
    for job in JOBS {
        assert_eq!(labels_by_name(of(job)), families::series(), "{job}");
    }
    let [open_metrics, text] =
        JOBS.map(|job| of(job).map(Sample::identity).collect::<BTreeSet<_>>());
    assert_eq!(
        open_metrics, text,
        "the same series, down to the bounds of the buckets"
    );
    for absent in families::ABSENT {
        assert!(prometheus.query(absent).await.is_empty(), "{absent}");
    }

    the_families_are_described(&prometheus).await;
}

/// Names of series, and of the labels of each, without those that Prometheus adds.
fn labels_by_name<'a>(
    samples: impl Iterator<Item = &'a Sample>,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut labels = BTreeMap::new();
    for sample in samples {
        let mut names = sample.label_names();
        assert!(
            names.remove("instance") && names.remove("job"),
            "{sample:?}"
        );
        let first = labels
            .entry(sample.name().to_owned())
            .or_insert_with(|| names.clone());
        assert_eq!(
            *first,
            names,
            "all series of {} have the same labels",
            sample.name()
        );
    }
    labels
}

/// Types and help texts are the same in both formats; there are no units.
async fn the_families_are_described(prometheus: &Prometheus) {
    let [open_metrics, text] = [
        prometheus.metadata(JOBS[0]).await,
        prometheus.metadata(JOBS[1]).await,
    ];
    let n_families = families::all().len();
    assert_eq!(
        (open_metrics.len(), text.len()),
        (n_families, n_families),
        "nothing else is described"
    );
    for family in families::all() {
        let is_counter = family.kind == "counter";
        let short = if is_counter {
            family.name.trim_end_matches("_total")
        } else {
            family.name
        };
        let (here, there) = (
            described(&open_metrics, short),
            described(&text, family.name),
        );
        assert_eq!(
            (here.kind.as_str(), here.unit.as_str()),
            (family.kind, ""),
            "{here:?}"
        );
        assert_eq!(
            (there.kind.as_str(), there.unit.as_str()),
            (family.kind, ""),
            "{there:?}"
        );
        assert!(
            here.help.ends_with('.') && here.help == there.help,
            "{here:?} {there:?}"
        );
    }
}

fn described<'a>(metadata: &'a [Metadata], name: &str) -> &'a Metadata {
    metadata
        .iter()
        .find(|metadata| metadata.metric == name)
        .unwrap_or_else(|| panic!("no {name}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_gets_the_state_of_each_scan() {
    let world = World::start("{interval: 1s, scanning_interval: 1s}");
    let prometheus = Prometheus::start(&[("exporter", &world.url)]);
    let truths = [
        ("tcss_up{account='running', collector='vul_scan'}", 1.0),
        ("tcss_up{account='finished'}", 1.0),
        ("tcss_up{account='locked-out'}", 0.0),
        ("tcss_poll_failing", 1.0),
        (
            "tcss_poll_failing{account='locked-out', reason='permission'}",
            1.0,
        ),
        (
            "tcss_vul_scan_status{account='running', status='SCANNING'}",
            1.0,
        ),
        (
            "tcss_vul_scan_status{account='finished', status='SCANNED'}",
            1.0,
        ),
        ("sum(tcss_vul_scan_status)", 2.0),
        ("count(tcss_vul_scan_status)", 10.0),
        (
            "tcss_vul_scan_progress_ratio{account='running'} > bool 0.16",
            1.0,
        ),
        ("tcss_vul_scan_progress_ratio{account='finished'}", 1.0),
        (
            "tcss_vul_scan_end_timestamp_seconds - tcss_vul_scan_start_timestamp_seconds",
            600.0,
        ),
        (
            "tcss_vul_scan_found_vulnerabilities{account='finished', source='local'}",
            31.0,
        ),
        (
            "tcss_vul_scan_found_vulnerabilities{account='finished', source='registry'}",
            7.0,
        ),
        (
            "tcss_vul_scan_completed_risk_images{account='finished'}",
            9.0,
        ),
        ("count(tcss_vul_scan_completed_risk_images)", 1.0),
        (
            "tcss_vul_scan_completed_end_timestamp_seconds - tcss_vul_scan_completed_start_timestamp_seconds",
            600.0,
        ),
        (
            "tcss_vul_scan_progress_changed_timestamp_seconds{account='running'} > bool time() - 60",
            1.0,
        ),
        (
            "count(tcss_vul_scan_progress_changed_timestamp_seconds)",
            1.0,
        ),
        ("count(tcss_vul_scan_remaining_seconds)", 1.0),
        (
            "tcss_vul_scan_task_info{account='running', local_task_id='1001', registry_task_id='2001'}",
            1.0,
        ),
        (
            "tcss_poll_last_success_timestamp_seconds{account='running'} > bool time() - 60",
            1.0,
        ),
        ("count(tcss_poll_last_success_timestamp_seconds)", 2.0),
        ("count(tcss_api_request_failures_total)", 14.0),
        ("sum(tcss_unexpected_values_total)", 0.0),
        ("count(tcss_unexpected_values_total)", 3.0),
        (
            "histogram_quantile(1, tcss_api_request_duration_seconds_bucket) > bool 0",
            1.0,
        ),
    ];
    for (expression, expected) in truths {
        prometheus.until(expression, expected).await;
    }
}

/// With an unreachable API, alerts see no outdated values, and the reason.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_gets_the_reason_instead_of_stale_values() {
    let world =
        World::start("{interval: 1s, scanning_interval: 1s, timeout: 500ms, stale_after: 2s}");
    let prometheus = Prometheus::start(&[("exporter", &world.url)]);
    prometheus
        .until("tcss_vul_scan_risk_images{account='finished'}", 9.0)
        .await;
    prometheus.until("tcss_up{account='finished'}", 1.0).await;
    drop(world.api);
    prometheus.until_absent("tcss_vul_scan_risk_images").await;
    prometheus.until_absent("tcss_vul_scan_status").await;
    prometheus
        .until(
            "tcss_vul_scan_completed_risk_images{account='finished'}",
            9.0,
        )
        .await;
    prometheus.until("tcss_up{account='finished'}", 0.0).await;
    prometheus
        .until(
            "tcss_poll_failing{account='finished', reason='network'}",
            1.0,
        )
        .await;
    prometheus.until("up", 1.0).await;
}
