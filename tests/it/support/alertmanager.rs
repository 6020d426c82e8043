//! A real Alertmanager.

use std::{collections::BTreeMap, net::TcpListener, process::Command};

use serde::Deserialize;

use crate::support::process::{Running, get, until};

/// How often a port that was free may turn out to be taken.
const ATTEMPTS: usize = 10;

/// A process. Killed with the test.
pub(crate) struct Alertmanager {
    _running: Running,
    _directory: tempfile::TempDir,
    /// Host and port.
    pub(crate) address: String,
}

/// An alert as Alertmanager returns it.
#[derive(Deserialize)]
struct Alert {
    labels: BTreeMap<String, String>,
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    state: String,
    inhibited_by: Vec<String>,
}

impl Alertmanager {
    pub(crate) fn start(config: &str) -> Alertmanager {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("alertmanager.yml"), config).unwrap();
        // It does not take port 0, so it may find the port that was free a moment ago taken.
        let (running, address) = (0..ATTEMPTS)
            .find_map(|_| start(&directory))
            .expect("a free port");
        Alertmanager {
            _running: running,
            _directory: directory,
            address,
        }
    }

    /// Sends alerts with these labels, as Prometheus does.
    pub(crate) async fn fire(&self, alerts: &[BTreeMap<&str, &str>]) {
        let alerts: Vec<_> = alerts
            .iter()
            .map(|labels| serde_json::json!({ "labels": labels }))
            .collect();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client
            .post(format!("http://{}/api/v2/alerts", self.address))
            .header("content-type", "application/json")
            .body(serde_json::to_string(&alerts).unwrap());
        let response = request.send().await.unwrap();
        assert!(response.status().is_success(), "{response:?}");
    }

    /// Waits until it has the alert `name` with `labels`, inhibited by another one.
    pub(crate) async fn until_inhibited(&self, name: &str, labels: &[(&str, &str)]) {
        self.until(name, labels, "inhibited", |status| {
            status.state == "suppressed" && !status.inhibited_by.is_empty()
        })
        .await;
    }

    /// Waits until it has the alert `name` with `labels`, not inhibited.
    pub(crate) async fn until_active(&self, name: &str, labels: &[(&str, &str)]) {
        self.until(name, labels, "active", |status| status.state == "active")
            .await;
    }

    /// The labels of all alerts that it has.
    pub(crate) async fn alerts(&self) -> Vec<BTreeMap<String, String>> {
        let alerts = get(&format!("http://{}/api/v2/alerts", self.address)).await;
        let alerts: Vec<Alert> = serde_json::from_str(&alerts).unwrap();
        alerts.into_iter().map(|alert| alert.labels).collect()
    }

    async fn until(
        &self,
        name: &str,
        labels: &[(&str, &str)],
        what: &str,
        is_so: fn(&Status) -> bool,
    ) {
        let url = format!("http://{}/api/v2/alerts", self.address);
        until(&url, &format!("{name} {labels:?} {what}"), |body| {
            let alerts: Vec<Alert> = serde_json::from_str(body).unwrap();
            let mut alerts = alerts.iter().filter(|alert| {
                let has = |(key, value): &(&str, &str)| {
                    alert.labels.get(*key).is_some_and(|v| v == value)
                };
                has(&("alertname", name)) && labels.iter().all(has)
            });
            alerts.any(|alert| is_so(&alert.status)).then_some(())
        })
        .await;
    }
}

/// None where the port is taken.
fn start(directory: &tempfile::TempDir) -> Option<(Running, String)> {
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut command = Command::new("prometheus-alertmanager");
    command
        .arg(format!(
            "--config.file={}",
            directory.path().join("alertmanager.yml").display()
        ))
        .arg(format!(
            "--storage.path={}",
            directory.path().join("data").display()
        ))
        .arg(format!("--web.listen-address={address}"))
        .arg("--cluster.listen-address=");
    let mut running = Running::start("prometheus-alertmanager", &mut command);
    let is_ready = running.wait_for("that it listens", |log| {
        let is_taken = log.contains("address already in use").then_some(false);
        is_taken.or_else(|| log.contains("Listening on").then_some(true))
    });
    is_ready.then(|| (running, address.to_string()))
}
