//! A hundred reloads under load, half of them with broken files, do not disturb what did not change.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use http::StatusCode;
use tokio::{sync::watch, task::JoinSet, time::sleep};

use crate::support::{
    process::{CANARY, Running, exporter, file, get, path, serving_as, simulator},
    value,
};

/// Accounts that never change, each with an identity of its own.
const N_KEPT: usize = 6;
/// Between two polls, in seconds.
const INTERVAL: f64 = 2.0;
const N_RELOADS: usize = 100;

/// The files of a configuration that changes.
struct Files {
    directory: tempfile::TempDir,
    api: String,
}

impl Files {
    fn main(&self) -> PathBuf {
        self.directory.path().join("tcss-exporter.yml")
    }

    fn accounts(&self, team: &str) -> PathBuf {
        self.directory.path().join(format!("accounts.d/{team}.yml"))
    }

    /// A valid configuration that differs in each `generation`: one account exists only in this one, and one changes
    /// its interval.
    fn write(&self, generation: usize) {
        let api = &self.api;
        let mut main = format!(
            "poll: {{interval: 2s}}\napi: {{endpoint: \"{api}\"}}\naccount_files: [accounts.d/*.yml]\naccounts:\n\
             \x20 - {{name: locked-out, credentials: {{env: {{secret_id: ID_LOCKED}}}}}}\n\
             \x20 - {{name: changing, interval: {}s}}\n",
            2 + generation % 3
        );
        let kept = |index: usize| account(&format!("kept-{index}"), index);
        main.extend(
            (0..N_KEPT / 2)
                .map(kept)
                .map(|account| format!("  {account}")),
        );
        self.put(&self.main(), &main);
        self.put(
            &self.accounts("a"),
            &(N_KEPT / 2..N_KEPT).map(kept).collect::<String>(),
        );
        self.put(
            &self.accounts("b"),
            &format!("- {{name: only-{generation}}}\n"),
        );
    }

    /// A configuration that is broken in one of many ways, and the problem that a reload must report.
    fn damage(&self, kind: usize) -> String {
        let [main, a, b] = [self.main(), self.accounts("a"), self.accounts("b")];
        let add = |path: &Path, text: &str| {
            let line = fs::read_to_string(path).unwrap().lines().count() + 1;
            self.put(path, &(fs::read_to_string(path).unwrap() + text));
            format!("{}:{line}: ", path.display())
        };
        match kind % 10 {
            0 => add(&main, "\t: [\n") + "is not valid YAML",
            1 => add(&main, "colour: blue\n") + "colour: unknown key",
            2 => {
                add(&main, "  - {name: changing}\n")
                    + "accounts[5].name: \"changing\" is already used at "
            }
            3 => {
                add(&b, "- {name: kept-0}\n")
                    + &format!(
                        "[1].name: \"kept-0\" is already used at {}:7",
                        main.display()
                    )
            }
            4 => add(&b, "- {name: x\n") + "is not valid YAML",
            5 => add(&a, "- {name: x, interval: 0s}\n") + "[3].interval: 0s is too short",
            6 => {
                fs::remove_file(&main).unwrap();
                format!("{}: cannot be read: No such file", main.display())
            }
            7 => {
                fs::remove_dir_all(b.parent().unwrap()).unwrap();
                "account_files[0]: \"accounts.d/*.yml\" matches no file".into()
            }
            8 => {
                fs::write(&b, b"- {name: \xff}\n").unwrap();
                format!("{}:1: is not valid UTF-8", b.display())
            }
            _ => {
                add(
                    &b,
                    "- {name: x, credentials: {env: {secret_id: ID_UNSET}}}\n",
                );
                "account \"x\" has no credentials: set the environment variable ID_UNSET".into()
            }
        }
    }

    fn put(&self, path: &Path, text: &str) {
        fs::create_dir_all(self.accounts("a").parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn account(name: &str, identity: usize) -> String {
    format!("- {{name: {name}, credentials: {{env: {{secret_id: ID_{identity}}}}}}}\n")
}

fn api() -> (Running, String) {
    let kept: Vec<String> = (0..N_KEPT).map(|index| index.to_string()).collect();
    let identity = |name: &str, more: &str| {
        format!(
            "  - {{name: id-{name}, secret_id: AKID{name}, secret_key: {CANARY}-key, latency: 20ms{more}}}\n"
        )
    };
    let kept: String = kept.iter().map(|name| identity(name, "")).collect();
    let scenario = file(&format!(
        "identities:\n{kept}{}{}",
        identity("test", ""),
        identity("LOCKED", ", failures: [{code: UnauthorizedOperation}]")
    ));
    simulator(&["--scenario", path(&scenario)])
}

fn start(files: &Files) -> (Running, String) {
    let mut command = exporter();
    command
        .args([
            "--web.enable-lifecycle",
            "--log.level=info",
            "--config.file",
        ])
        .arg(files.main());
    command
        .env("TENCENTCLOUD_SECRET_ID", "AKIDtest")
        .env("ID_LOCKED", "AKIDLOCKED");
    for index in 0..N_KEPT {
        command.env(format!("ID_{index}"), format!("AKID{index}"));
    }
    serving_as(&mut command)
}

/// What one scraper has seen.
#[derive(Default)]
struct Seen {
    n_scrapes: usize,
    /// Series of counters and histograms, as they were last time.
    counters: BTreeMap<String, f64>,
    /// When each account that never changes sent a request to the API.
    attempts: BTreeMap<String, Vec<f64>>,
}

impl Seen {
    fn scrape(&mut self, text: &str) {
        self.n_scrapes += 1;
        let counters: BTreeMap<String, f64> = counters(text).collect();
        for (series, value) in &counters {
            let before = self.counters.get(series).copied().unwrap_or_default();
            assert!(
                *value >= before,
                "{series} goes back from {before} to {value}"
            );
        }
        self.counters = counters;
        for index in 0..N_KEPT {
            let account = format!("kept-{index}");
            let Some(at) = value(text, &last_attempt(&account)) else {
                continue;
            };
            let attempts = self.attempts.entry(account).or_default();
            if attempts.last() != Some(&at) {
                attempts.push(at);
            }
        }
    }
}

fn last_attempt(account: &str) -> String {
    format!(
        "tcss_poll_last_attempt_timestamp_seconds{{account=\"{account}\",collector=\"vul_scan\",scan=\"latest\"}}"
    )
}

/// Every series that only ever grows.
fn counters(text: &str) -> impl Iterator<Item = (String, f64)> {
    let mut is_counter = false;
    text.lines().filter_map(move |line| {
        if let Some(head) = line.strip_prefix("# TYPE ") {
            is_counter = head.ends_with(" counter") || head.ends_with(" histogram");
        }
        let (series, value) = line.rsplit_once(' ')?;
        (is_counter && !line.starts_with('#')).then(|| (series.to_owned(), value.parse().unwrap()))
    })
}

/// Scrapes without a pause until `stop`; none may fail.
async fn scraper(client: reqwest::Client, url: String, stop: watch::Receiver<bool>) -> Seen {
    let mut seen = Seen::default();
    while !*stop.borrow() {
        let answer = client.get(&url).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        seen.scrape(&answer.text().await.unwrap());
        sleep(Duration::from_millis(20)).await;
    }
    seen
}

/// An exporter to reload.
struct Reloaded {
    client: reqwest::Client,
    url: String,
}

impl Reloaded {
    async fn post(&self) -> (StatusCode, String) {
        let answer = self
            .client
            .post(format!("{}/-/reload", self.url))
            .send()
            .await
            .unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// Whether the last reload succeeded, when the last successful one was, and all metrics.
    async fn state(&self) -> (f64, f64, String) {
        let answer = self
            .client
            .get(format!("{}/metrics", self.url))
            .send()
            .await
            .unwrap();
        let text = answer.text().await.unwrap();
        let of =
            |name: &str| value(&text, &format!("tcss_exporter_config_last_reload_{name}")).unwrap();
        (of("successful"), of("success_timestamp_seconds"), text)
    }
}

async fn arrivals(api: &str, identity: &str) -> usize {
    let stats: serde_json::Value =
        serde_json::from_str(&get(&format!("{api}/-/stats")).await).unwrap();
    stats["identities"][identity]["arrivals"]
        .as_u64()
        .unwrap()
        .try_into()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_reloads_half_of_them_broken_disturb_nothing_that_did_not_change() {
    let (_api, api) = api();
    let files = Files {
        directory: tempfile::tempdir().unwrap(),
        api: api.clone(),
    };
    files.write(0);
    let (_exporter, url) = start(&files);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let exporter = Reloaded {
        client: client.clone(),
        url: url.clone(),
    };
    let (stop, stopped) = watch::channel(false);
    let mut scrapers = JoinSet::new();
    for _ in 0..2 {
        scrapers.spawn(scraper(
            client.clone(),
            format!("{url}/metrics"),
            stopped.clone(),
        ));
    }

    let mut last_good = 0;
    for reload in 1..=N_RELOADS {
        sleep(Duration::from_millis(50)).await;
        let (_, loaded_before, _) = exporter.state().await;
        files.write(reload);
        let only = |text: &str| text.matches("tcss_up{account=\"only-").count();
        if reload % 2 == 0 {
            assert_eq!(exporter.post().await, (StatusCode::OK, "reloaded\n".into()));
            let (is_good, loaded, text) = exporter.state().await;
            assert!(
                is_good == 1.0 && loaded > loaded_before,
                "reload {reload}: {is_good} {loaded}"
            );
            assert!(
                only(&text) == 1 && text.contains(&format!("\"only-{reload}\"")),
                "reload {reload}: {text}"
            );
            assert!(
                !text.contains(&format!("\"only-{last_good}\"")),
                "what vanished leaves no series: {text}"
            );
            last_good = reload;
        } else {
            let expected = files.damage(reload / 2);
            let (status, problem) = exporter.post().await;
            assert_eq!(
                status,
                StatusCode::INTERNAL_SERVER_ERROR,
                "reload {reload}: {expected}"
            );
            assert!(
                problem.contains(&expected),
                "reload {reload}: {expected:?} is not in {problem:?}"
            );
            let (is_good, loaded, text) = exporter.state().await;
            assert!(
                is_good == 0.0 && loaded == loaded_before,
                "reload {reload}: {is_good} {loaded}"
            );
            assert!(
                only(&text) == 1 && text.contains(&format!("\"only-{last_good}\"")),
                "reload {reload}: {text}"
            );
        }
    }
    stop.send(true).unwrap();
    for seen in scrapers.join_all().await {
        assert!(seen.n_scrapes > 100, "{} scrapes", seen.n_scrapes);
        assert_eq!(seen.attempts.len(), N_KEPT);
        for (account, attempts) in &seen.attempts {
            for pair in attempts.windows(2) {
                let gap = pair[1] - pair[0];
                assert!(
                    (0.9 * INTERVAL..1.9 * INTERVAL).contains(&gap),
                    "{account}: {gap} s between two polls"
                );
            }
        }
        every_request_belongs_to_one_counted_poll(&api, &seen).await;
    }
    let locked_out = arrivals(&api, "id-LOCKED").await;
    assert!(
        (N_RELOADS / 4..=N_RELOADS).contains(&locked_out),
        "{locked_out} polls of what waits for a person"
    );
}

/// The API got one request for each poll that scrapes have shown: none was hidden between two scrapes.
async fn every_request_belongs_to_one_counted_poll(api: &str, seen: &Seen) {
    for index in 0..N_KEPT {
        let n_attempts = seen.attempts[&format!("kept-{index}")].len();
        let n_arrivals = arrivals(api, &format!("id-{index}")).await;
        // A poll may be under way, and one may have followed since the scrapes ended.
        assert!(
            (n_attempts..=n_attempts + 2).contains(&n_arrivals),
            "{n_arrivals} arrivals, {n_attempts} polls"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_reloads_all_read_the_file_after_their_request() {
    let (_api, api) = api();
    let files = Files {
        directory: tempfile::tempdir().unwrap(),
        api,
    };
    files.write(0);
    let (running, url) = start(&files);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let exporter = Arc::new(Reloaded { client, url });
    for generation in 1..=5 {
        files.write(generation);
        let mut posts = JoinSet::new();
        for _ in 0..50 {
            let exporter = Arc::clone(&exporter);
            posts.spawn(async move { exporter.post().await });
        }
        running.signal("HUP");
        for answer in posts.join_all().await {
            assert_eq!(answer, (StatusCode::OK, "reloaded\n".into()));
        }
        let (is_good, _, text) = exporter.state().await;
        assert!(
            is_good == 1.0 && text.contains(&format!("\"only-{generation}\"")),
            "{text}"
        );
    }
}
