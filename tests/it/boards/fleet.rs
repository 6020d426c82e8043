//! Many accounts: what boards ask of Prometheus stays bounded, and accounts can be selected by their labels.

use std::{collections::BTreeSet, path::Path, process::Command, time::Duration};

use crate::support::{
    process::{Running, exporter, serving_as, simulator, until},
    prometheus::Prometheus,
};

use super::asked::{Query, When};

/// More series than this are not legible.
const MOST_SERIES: usize = 40;

/// How often a query without its series is repeated, once a second.
const ATTEMPTS: usize = 60;

/// Several accounts, an exporter that polls them, and Prometheus.
struct Fleet {
    _directory: tempfile::TempDir,
    _api: Running,
    _exporter: Running,
    prometheus: Prometheus,
}

impl Fleet {
    /// Ready: every account was polled and scraped.
    async fn start(count: usize) -> Fleet {
        let directory = tempfile::tempdir().unwrap();
        generate(count, "http://127.0.0.1:1", directory.path());
        let scenario = directory.path().join("scenario.yml");
        let (api, api_url) = simulator(&["--scenario", scenario.to_str().unwrap()]);
        generate(count, &api_url, directory.path());

        let config = directory.path().join("exporter.yml");
        let mut command = exporter();
        command
            .args(["--config.file", config.to_str().unwrap()])
            .args(["--api.endpoint", &api_url])
            .args(["--poll.interval=5s", "--poll.scanning-interval=5s"])
            .env("TCSS_EXPORTER_LOG_LEVEL", "info");
        let (exporter, url) = serving_as(&mut command);
        until(&format!("{url}/-/ready"), "ready", |body| {
            (body == "ready\n").then_some(())
        })
        .await;

        let prometheus = Prometheus::start(&[("tcss", &url)]);
        prometheus
            .until("count(tcss_up{collector=\"vul_scan\"})", count as f64)
            .await;
        Fleet {
            _directory: directory,
            _api: api,
            _exporter: exporter,
            prometheus,
        }
    }
}

impl Fleet {
    async fn n_series(&self, query: &Query, expression: &str) -> usize {
        match query.when {
            When::Range => self.prometheus.range(expression, 5).await.len(),
            When::Now => self.prometheus.query(expression).await.len(),
        }
    }

    /// On a busy machine, a scrape may be late, and there are no series until the next one.
    async fn until_one_series(&self, query: &Query, expression: &str) {
        for _ in 0..ATTEMPTS {
            if self.n_series(query, expression).await == 1 {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("{}: never one series", query.place);
    }
}

fn generate(count: usize, api: &str, directory: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/boards/fleet.py");
    let status = Command::new("python3")
        .args([
            path_of(&script),
            &count.to_string(),
            api,
            path_of(directory),
        ])
        .status();
    assert!(status.unwrap().success());
}

fn path_of(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Without rules.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn graphs_of_three_hundred_accounts_are_legible_and_count_what_they_leave_out() {
    let fleet = Fleet::start(300).await;
    // The latest problem that a board shows.
    fleet
        .prometheus
        .until(
            "count(count by (reason) (tcss_poll_failing)) >= bool 2",
            1.0,
        )
        .await;
    let mut n_left_out = 0;
    for query in Query::all() {
        let expression = query.sent("10s");
        let n_series = fleet.n_series(&query, &expression).await;
        let is_graph = query.when == When::Range && !query.place.contains("annotation");
        assert!(
            !is_graph || n_series <= MOST_SERIES,
            "{}: {n_series} series",
            query.place
        );
        let is_mark = query.place.contains("annotation");
        assert!(
            !is_mark || n_series == 0,
            "{}: {n_series} marks",
            query.place
        );
        // Credentials of the fleet are refreshed in time.
        let is_refresh = query.expression.contains("refresh_failures");
        if query.is_left_out() && !is_refresh {
            fleet.until_one_series(&query, &expression).await;
            n_left_out += 1;
        }
    }
    assert!(n_left_out >= 8, "{n_left_out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_are_selected_by_their_labels_and_all_of_them_without_a_selection() {
    let members = Query::all()
        .into_iter()
        .find(|query| query.place == "overview: variable members")
        .unwrap();
    // Some of them have no team.
    let fleet = Fleet::start(12).await;
    fleet
        .prometheus
        .until("count(tcss_account_info)", 12.0)
        .await;
    fleet
        .prometheus
        .until("count(tcss_account_info{team=\"\"})", 2.0)
        .await;
    let all = accounts(&fleet.prometheus, &members.sent("10s")).await;
    assert_eq!(all, [".+"], "nothing is selected");
    let query = members.sent_with("10s", &[("value", "web")]);
    let of_team = accounts(&fleet.prometheus, &query).await;
    assert_eq!(of_team, ["ledger-002", "reports-007"]);
    let query = members.sent_with("10s", &[("value", "nobody")]);
    let none: [&str; 0] = [];
    assert_eq!(accounts(&fleet.prometheus, &query).await, none);
    let query = members.sent_with("10s", &[("value", "(web|data)")]);
    assert_eq!(accounts(&fleet.prometheus, &query).await.len(), 4);
}

async fn accounts(prometheus: &Prometheus, query: &str) -> Vec<String> {
    let samples = prometheus.query(query).await;
    let accounts: BTreeSet<String> = samples
        .iter()
        .map(|sample| sample.label("account").to_owned())
        .collect();
    accounts.into_iter().collect()
}
