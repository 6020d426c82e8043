//! Reloading and stopping.

use std::time::Duration;

use http::StatusCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

use crate::support::{
    process::{
        Running, SCANNED, exporter, file, get, path, run, serving, serving_as, simulating, until,
    },
    sum, value,
};

/// The configuration with these accounts.
fn config(api: &str, accounts: &[&str]) -> String {
    let account = |name: &&str| format!("  - {{name: {name}}}\n");
    let accounts: String = accounts.iter().map(account).collect();
    format!("poll: {{interval: 1s}}\napi: {{endpoint: \"{api}\"}}\naccounts:\n{accounts}")
}

/// An exporter whose configuration changes.
struct Reloadable {
    _api: Running,
    api: String,
    file: tempfile::NamedTempFile,
    exporter: Running,
    url: String,
}

impl Reloadable {
    /// Polls the accounts `kept` and `gone`, a few times already.
    async fn start(flags: &[&str]) -> Reloadable {
        let (running, api) = simulating(SCANNED);
        let file = file(&config(&api, &["gone", "kept"]));
        let (exporter, url) = serving(&[&["--config.file", path(&file)], flags].concat());
        let reloadable = Reloadable {
            _api: running,
            api,
            file,
            exporter,
            url,
        };
        reloadable
            .until("some polls", |text| {
                polls(text, "kept") >= 3.0 && polls(text, "gone") >= 1.0
            })
            .await;
        reloadable
    }

    fn write(&self, text: &str) {
        std::fs::write(self.file.path(), text).unwrap();
    }

    async fn post(&self) -> (StatusCode, String) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client
            .post(format!("{}/-/reload", self.url))
            .send()
            .await
            .unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    async fn metrics(&self) -> String {
        get(&format!("{}/metrics", self.url)).await
    }

    /// The metrics, as soon as they meet the condition.
    async fn until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let metrics = format!("{}/metrics", self.url);
        until(&metrics, what, |text| is_so(text).then(|| text.to_owned())).await
    }
}

/// A value of the polls of `account`.
fn of(text: &str, name: &str, account: &str) -> Option<f64> {
    let labels = format!("account=\"{account}\",collector=\"vul_scan\",scan=\"latest\"");
    value(text, &format!("{name}{{{labels}}}"))
}

/// Polls so far; 0 for an account that is not there.
fn polls(text: &str, account: &str) -> f64 {
    of(text, "tcss_polls_total", account).unwrap_or_default()
}

fn is_loaded(text: &str) -> f64 {
    value(text, "tcss_exporter_config_last_reload_successful").unwrap()
}

fn loaded_at(text: &str) -> f64 {
    value(
        text,
        "tcss_exporter_config_last_reload_success_timestamp_seconds",
    )
    .unwrap()
}

/// `after` the file named `kept` and `fresh` instead of `gone` and `kept`.
fn a_reload_replaces_only_what_changed(before: &str, after: &str) {
    assert!(!after.contains("account=\"gone\""), "{after}");
    assert!(polls(after, "kept") >= polls(before, "kept"), "counts on");
    assert_eq!(
        value(
            after,
            "tcss_vul_scan_risk_images{account=\"kept\",scan=\"latest\"}"
        ),
        Some(2.0),
        "keeps its data"
    );
    assert!(loaded_at(after) > loaded_at(before));
    assert_eq!(is_loaded(after), 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_by_http_changes_what_changed_in_the_file() {
    let exporter = Reloadable::start(&["--web.enable-lifecycle"]).await;
    let before = exporter.metrics().await;
    exporter.write(&config(&exporter.api, &["kept", "fresh"]));
    assert_eq!(
        exporter.post().await,
        (StatusCode::OK, "reloaded\n".to_owned())
    );
    a_reload_replaces_only_what_changed(&before, &exporter.metrics().await);
    exporter
        .until("the new account", |text| {
            of(text, "tcss_up", "fresh") == Some(1.0)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_by_signal_changes_what_changed_in_the_file() {
    let exporter = Reloadable::start(&[]).await;
    let before = exporter.metrics().await;
    exporter.write(&config(&exporter.api, &["kept", "fresh"]));
    exporter.exporter.signal("HUP");
    let after = exporter
        .until("the new account", |text| text.contains("account=\"fresh\""))
        .await;
    a_reload_replaces_only_what_changed(&before, &after);
    exporter
        .until("its data", |text| of(text, "tcss_up", "fresh") == Some(1.0))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_file_changes_nothing_and_is_reported_with_its_line() {
    let exporter = Reloadable::start(&["--web.enable-lifecycle"]).await;
    let before = exporter.metrics().await;
    exporter
        .write("poll:\n  interval: 1s\naccounts:\n  - name: fresh\n    scanz: []\n  - name: ''\n");
    let (status, problems) = exporter.post().await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    for line in [5, 6] {
        let place = format!("{}:{line}: ", path(&exporter.file));
        assert!(
            problems.lines().any(|problem| problem.starts_with(&place)),
            "{place} {problems}"
        );
    }
    assert_eq!(problems.lines().count(), 2, "{problems}");

    let after = exporter
        .until("more polls", |text| {
            polls(text, "gone") > polls(&before, "gone")
        })
        .await;
    assert_eq!(
        (is_loaded(&after), loaded_at(&after)),
        (0.0, loaded_at(&before))
    );
    assert!(!after.contains("account=\"fresh\""));
    let risk_images = "tcss_vul_scan_risk_images{account=\"kept\",scan=\"latest\"}";
    assert_eq!(value(&after, risk_images), Some(2.0));

    exporter.write(&config(&exporter.api, &["gone", "kept"]));
    assert_eq!(exporter.post().await.0, StatusCode::OK);
    let mended = exporter.metrics().await;
    assert_eq!(is_loaded(&mended), 1.0);
    assert!(polls(&mended, "gone") >= polls(&after, "gone"), "counts on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_by_http_must_be_enabled() {
    let exporter = Reloadable::start(&[]).await;
    exporter.write(&config(&exporter.api, &["fresh"]));
    let (status, body) = exporter.post().await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(body.contains("--web.enable-lifecycle"), "{body}");
    assert!(exporter.metrics().await.contains("account=\"gone\""));
}

/// A connection whose first request was answered.
async fn kept_alive(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"HEAD /-/healthy HTTP/1.1\r\nHost: exporter\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_exporter_stops_on_a_signal_despite_open_connections() {
    for signal in ["TERM", "INT"] {
        let (_api, api) = simulating("latency: 1m");
        let (mut exporter, url) = serving(&["--api.endpoint", &api]);
        let address = url.trim_start_matches("http://");
        let (mut idle, mut mute) = (
            kept_alive(address).await,
            TcpStream::connect(address).await.unwrap(),
        );
        let begin = Instant::now();
        exporter.signal(signal);
        let status = exporter.wait();
        let took = begin.elapsed();
        assert_eq!(status.code(), Some(0), "{signal}: {}", exporter.output());
        assert!(took < Duration::from_secs(10), "{signal}: took {took:?}");
        assert_eq!(idle.read(&mut [0]).await.unwrap(), 0, "closed in order");
        assert_eq!(mute.read(&mut [0]).await.unwrap(), 0, "closed in order");
    }
}

/// As another user, whose limit does not count the threads of this test.
#[test]
fn threads_that_cannot_be_started_are_named_and_not_called_a_bug() {
    let directory = tempfile::tempdir().unwrap();
    let binary = directory.path().join("tcss-exporter");
    std::fs::copy(env!("CARGO_BIN_EXE_tcss-exporter"), &binary).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(directory.path(), mode).unwrap();
    // Not even the log, and then the log but not all threads of the runtime.
    for limit in ["1", "2"] {
        let mut command = std::process::Command::new("setpriv");
        command
            .args(["--reuid=61234", "--regid=61234", "--clear-groups"])
            .args(["prlimit", &format!("--nproc={limit}:{limit}")])
            .arg(&binary)
            .args(["--web.listen-address=127.0.0.1:0"])
            .env("TOKIO_WORKER_THREADS", "4");
        let (status, output) = run("setpriv", &mut command, "");
        assert_eq!(status.code(), Some(1), "{limit}: {output}");
        assert!(
            output.contains("cannot start a thread: raise the limit"),
            "{limit}: {output}"
        );
        assert!(!output.contains("bug"), "{limit}: {output}");
    }
}

/// libfaketime sets the clock of the process, and another time while it runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_a_wrong_clock_locked_out_is_polled_soon_after_the_clock_was_set() {
    let (_api, api) = simulating(SCANNED);
    let offset = file("-10m");
    let library = std::fs::read_dir("/usr/lib")
        .unwrap()
        .map(|entry| entry.unwrap().path().join("faketime/libfaketimeMT.so.1"))
        .find(|path| path.is_file())
        .expect("libfaketime is missing: install the package faketime");
    let mut command = exporter();
    command
        .args(["--poll.interval=10m", &format!("--api.endpoint={api}")])
        .env("LD_PRELOAD", library)
        .env("FAKETIME_TIMESTAMP_FILE", offset.path())
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let (_exporter, url) = serving_as(&mut command);
    let metrics = format!("{url}/metrics");
    until(&metrics, "a rejected signature", |text| {
        text.contains("reason=\"auth\"} 1").then_some(())
    })
    .await;
    std::fs::write(offset.path(), "+0").unwrap();
    // The next poll would come in ten minutes.
    until(&metrics, "a poll with the right clock", |text| {
        (sum(text, "tcss_up") == 1.0).then_some(())
    })
    .await;
}
