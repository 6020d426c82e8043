//! The receiver of Alertmanager's notifications.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::Deserialize;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::sleep,
};

use crate::support::raw::{ok, read_whole};

/// A listener that keeps what arrives. Gone with the test.
pub(crate) struct Receiver {
    pub(crate) url: String,
    delivered: Arc<Mutex<Vec<Delivered>>>,
    notifications: Arc<Mutex<Vec<BTreeSet<String>>>>,
    task: JoinHandle<()>,
}

/// An alert that arrived.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Delivered {
    /// The receiver of Alertmanager that sent it, which is the path it came to.
    #[serde(skip)]
    pub(crate) to: String,
    pub(crate) status: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Notification {
    alerts: Vec<Delivered>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    pub(crate) async fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let delivered = Arc::new(Mutex::new(Vec::new()));
        let notifications = Arc::new(Mutex::new(Vec::new()));
        let kept = (Arc::clone(&delivered), Arc::clone(&notifications));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(receive(stream, kept.clone()));
            }
        });
        Receiver {
            url,
            delivered,
            notifications,
            task,
        }
    }

    /// Waits for the alert `name` with `labels`.
    pub(crate) async fn until(&self, name: &str, labels: &[(&str, &str)]) -> Delivered {
        for _ in 0..1800 {
            if let Some(found) = self.find(name, labels) {
                return found;
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!(
            "{name} {labels:?} does not arrive, but {:?}",
            self.delivered.lock().unwrap()
        );
    }

    /// Waits until the alert `name` arrives as resolved.
    pub(crate) async fn until_resolved(&self, name: &str) {
        for _ in 0..1800 {
            let is_it =
                |alert: &Delivered| alert.status == "resolved" && alert.labels["alertname"] == name;
            if self.delivered.lock().unwrap().iter().any(is_it) {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!(
            "{name} is not resolved: {:?}",
            self.delivered.lock().unwrap()
        );
    }

    /// Forgets what has arrived so far.
    pub(crate) fn forget(&self) {
        self.delivered.lock().unwrap().clear();
    }

    /// The names of the alerts in each notification so far.
    pub(crate) fn notifications(&self) -> Vec<BTreeSet<String>> {
        self.notifications.lock().unwrap().clone()
    }

    /// The names of the alerts that arrived as firing.
    pub(crate) fn firing(&self) -> BTreeSet<String> {
        let delivered = self.delivered.lock().unwrap();
        let firing = delivered.iter().filter(|alert| alert.status == "firing");
        firing
            .map(|alert| alert.labels["alertname"].clone())
            .collect()
    }

    /// The alert `name` with `labels`, if it arrived.
    pub(crate) fn find(&self, name: &str, labels: &[(&str, &str)]) -> Option<Delivered> {
        let delivered = self.delivered.lock().unwrap();
        let is_it = |delivered: &&Delivered| {
            let has = |(key, value): &(&str, &str)| {
                delivered.labels.get(*key).is_some_and(|v| v == value)
            };
            delivered.status == "firing" && has(&("alertname", name)) && labels.iter().all(has)
        };
        delivered.iter().find(is_it).cloned()
    }
}

/// Alerts and notifications.
type Kept = (
    Arc<Mutex<Vec<Delivered>>>,
    Arc<Mutex<Vec<BTreeSet<String>>>>,
);

async fn receive(mut stream: TcpStream, kept: Kept) -> Option<()> {
    let (head, body) = read_whole(&mut stream).await?;
    let to = head.split(' ').nth(1)?.trim_start_matches('/').to_owned();
    let notification: Notification = serde_json::from_str(&body).unwrap();
    let names = notification.alerts.iter();
    let names = names.map(|alert| alert.labels["alertname"].clone());
    kept.1.lock().unwrap().push(names.collect());
    let alerts = notification.alerts.into_iter().map(|alert| Delivered {
        to: to.clone(),
        ..alert
    });
    kept.0.lock().unwrap().extend(alerts);
    stream.write_all(&ok(b"{}")).await.ok()
}
