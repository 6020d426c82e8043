//! A real Prometheus.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::TcpListener,
    path::Path,
    process::Command,
};

use serde::{Deserialize, de::DeserializeOwned};

use crate::support::process::{Running, get, until};

/// How often a port that was free may turn out to be taken.
const ATTEMPTS: usize = 10;

/// A process that scrapes every second. Killed with the test.
pub(crate) struct Prometheus {
    _running: Running,
    _directory: tempfile::TempDir,
    url: String,
}

/// A series and its value at one instant.
#[derive(Debug, Deserialize)]
pub(crate) struct Sample {
    metric: BTreeMap<String, String>,
    /// When, and what.
    value: (f64, String),
}

/// The metadata of a metric family of a target.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) metric: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) help: String,
    pub(crate) unit: String,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct Vector {
    result: Vec<Sample>,
}

/// A series and its values over a range.
#[derive(Debug, Deserialize)]
pub(crate) struct Series {
    values: Vec<(f64, String)>,
}

#[derive(Deserialize)]
struct Matrix {
    result: Vec<Series>,
}

impl Series {
    pub(crate) fn values(&self) -> impl Iterator<Item = f64> {
        self.values.iter().map(|(_, value)| value.parse().unwrap())
    }
}

impl Prometheus {
    /// Scrapes each of `targets`: the name of a job, and the URL of an exporter.
    pub(crate) fn start(targets: &[(&str, &str)]) -> Prometheus {
        Prometheus::start_with(&config(targets))
    }

    /// The same with all `targets` in one job.
    pub(crate) fn start_as_one(job: &str, urls: &[&str]) -> Prometheus {
        let mut addresses = Vec::new();
        for url in urls {
            addresses.push(format!("\"{}\"", url.trim_start_matches("http://")));
        }
        Prometheus::start_with(&format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n  - {{job_name: {job}, static_configs: [{{targets: [{}]}}]}}\n",
            addresses.join(", ")
        ))
    }

    /// With this configuration.
    pub(crate) fn start_with(config: &str) -> Prometheus {
        Prometheus::start_program(Path::new("prometheus"), &[], config)
    }

    /// This program, with further flags.
    pub(crate) fn start_program(program: &Path, flags: &[&str], config: &str) -> Prometheus {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("prometheus.yml"), config).unwrap();
        // It does not take port 0, so it may find the port that was free a moment ago taken.
        let (running, url) = (0..ATTEMPTS)
            .find_map(|_| start(program, flags, &directory))
            .expect("a free port");
        Prometheus {
            _running: running,
            _directory: directory,
            url,
        }
    }

    /// The value of each series that `expression` selects or computes now.
    pub(crate) async fn query(&self, expression: &str) -> Vec<Sample> {
        vector(&get(&self.query_url(expression)).await)
    }

    /// Waits until `expression` gives one series with `value`.
    pub(crate) async fn until(&self, expression: &str, value: f64) {
        let what = format!("{expression} = {value}");
        until(&self.query_url(expression), &what, |body| {
            match &vector(body)[..] {
                [sample] => (sample.value() == value).then_some(()),
                _ => None,
            }
        })
        .await;
    }

    /// The values of each series of `expression` at every one of the last `seconds`.
    pub(crate) async fn range(&self, expression: &str, seconds: u64) -> Vec<Series> {
        let now: f64 = vector(&get(&self.query_url("vector(time())")).await)[0].value();
        let [start, end] = [now - seconds as f64, now].map(|time| time.to_string());
        let parameters = [
            ("query", expression),
            ("start", &start),
            ("end", &end),
            ("step", "1"),
        ];
        data::<Matrix>(&get(&self.url("query_range", &parameters)).await).result
    }

    /// Waits until `expression` gives no series.
    pub(crate) async fn until_absent(&self, expression: &str) {
        let what = format!("no {expression}");
        until(&self.query_url(expression), &what, |body| {
            vector(body).is_empty().then_some(())
        })
        .await;
    }

    /// The metadata of the target of `job`.
    pub(crate) async fn metadata(&self, job: &str) -> Vec<Metadata> {
        let target = format!("{{job=\"{job}\"}}");
        data(&get(&self.url("targets/metadata", &[("match_target", &target)])).await)
    }

    fn query_url(&self, expression: &str) -> String {
        self.url("query", &[("query", expression)])
    }

    fn url(&self, path: &str, parameters: &[(&str, &str)]) -> String {
        url::Url::parse_with_params(&format!("{}/api/v1/{path}", self.url), parameters)
            .unwrap()
            .into()
    }
}

impl Sample {
    pub(crate) fn name(&self) -> &str {
        self.label("__name__")
    }

    pub(crate) fn label(&self, name: &str) -> &str {
        self.metric.get(name).map_or("", String::as_str)
    }

    /// The names of all labels, without the metric's name.
    pub(crate) fn label_names(&self) -> BTreeSet<String> {
        self.metric
            .keys()
            .filter(|name| *name != "__name__")
            .cloned()
            .collect()
    }

    /// The labels that distinguish the series from others of its target.
    pub(crate) fn identity(&self) -> BTreeMap<String, String> {
        let mut identity = self.metric.clone();
        identity.retain(|name, _| name != "instance" && name != "job");
        identity
    }

    pub(crate) fn value(&self) -> f64 {
        self.value.1.parse().unwrap()
    }
}

fn vector(body: &str) -> Vec<Sample> {
    data::<Vector>(body).result
}

fn data<T: DeserializeOwned>(body: &str) -> T {
    serde_json::from_str::<Answer<T>>(body)
        .unwrap_or_else(|error| panic!("{error}: {body}"))
        .data
}

fn config(targets: &[(&str, &str)]) -> String {
    let job = |(name, url): &(&str, &str)| {
        let address = url.trim_start_matches("http://");
        format!("  - {{job_name: {name}, static_configs: [{{targets: [\"{address}\"]}}]}}\n")
    };
    let jobs: String = targets.iter().map(job).collect();
    format!("global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n{jobs}")
}

/// None where the port is taken.
fn start(
    program: &Path,
    flags: &[&str],
    directory: &tempfile::TempDir,
) -> Option<(Running, String)> {
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut command = Command::new(program);
    command
        .args(flags)
        .arg(format!(
            "--config.file={}",
            directory.path().join("prometheus.yml").display()
        ))
        .arg(format!(
            "--storage.tsdb.path={}",
            directory.path().join("data").display()
        ))
        .arg(format!("--web.listen-address={address}"));
    let mut running = Running::start("prometheus", &mut command);
    let is_ready = running.wait_for("that it is ready", |log| {
        let is_taken = log.contains("address already in use").then_some(false);
        is_taken.or_else(|| {
            log.contains("Server is ready to receive web requests")
                .then_some(true)
        })
    });
    is_ready.then(|| (running, format!("http://{address}")))
}
