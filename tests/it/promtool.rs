//! `promtool check metrics` reports nothing in any state of the exporter.

use std::process::Command;

use crate::support::{
    process::{Running, SCANNED, get, run, serving, simulating, until},
    raw::{Act, Raw, refusing},
};

/// Fetches the metrics when `state` is in them, and has them checked.
async fn check(exporter: (Running, String), state: &str) {
    let url = format!("{}/metrics", exporter.1);
    let text = until(&url, state, |text| {
        text.contains(state).then(|| text.to_owned())
    })
    .await;
    let (status, complaints) = run(
        "promtool",
        Command::new("promtool").args(["check", "metrics"]),
        &text,
    );
    assert!(
        status.success() && complaints.is_empty(),
        "{status}, {complaints}\n{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promtool_finds_nothing_before_the_first_poll() {
    let silent = Raw::start(Act::Silence).await;
    let exporter = serving(&["--api.endpoint", &silent.url(), "--poll.timeout=50s"]);
    check(
        exporter,
        "\ntcss_polls_total{account=\"default\",collector=\"vul_scan\",scan=\"latest\"} 0\n",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promtool_finds_nothing_while_every_poll_fails() {
    let (_socket, address) = refusing();
    let exporter = serving(&["--api.endpoint", &format!("http://{address}")]);
    let failing = "\ntcss_poll_failing{account=\"default\",collector=\"vul_scan\",scan=\"latest\",reason=\"network\"} 1\n";
    check(exporter, failing).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promtool_finds_nothing_while_every_poll_succeeds() {
    let (_api, api) = simulating(SCANNED);
    check(
        serving(&["--api.endpoint", &api]),
        "\ntcss_up{account=\"default\",collector=\"vul_scan\",scan=\"latest\"} 1\n",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promtool_finds_nothing_without_the_metrics_about_the_exporter() {
    let (_api, api) = simulating(SCANNED);
    let exporter = serving(&["--api.endpoint", &api, "--web.disable-exporter-metrics"]);
    let text = get(&format!("{}/metrics", exporter.1)).await;
    assert!(
        !text.contains("\nprocess_") && !text.contains("\ntcss_exporter_http_requests_total"),
        "{text}"
    );
    check(
        exporter,
        "\ntcss_up{account=\"default\",collector=\"vul_scan\",scan=\"latest\"} 1\n",
    )
    .await;
}
