//! Two thousand accounts in one process: each is polled on time, and memory stays small.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use crate::support::{
    process::{CANARY, exporter, file, get, path, serving_as, simulator, until},
    sum, value,
};

const N_ACCOUNTS: usize = 2_000;
const N_IDENTITIES: usize = 50;
/// Between two polls of an account.
const INTERVAL: Duration = Duration::from_secs(15);
/// How late a poll may be on a busy machine; an omitted one would be later.
const SLACK: Duration = Duration::from_secs(10);
/// Less than twice the usual memory. The allocator keeps some, so that a load of scrapes adds little.
const MOST_MEMORY: f64 = 128e6;

/// Accounts whose last poll is older than it should be at `now`, in Unix time, or that have none.
fn late(text: &str, now: f64) -> usize {
    let attempts = text
        .lines()
        .filter(|line| line.starts_with("tcss_poll_last_attempt_timestamp_seconds{"));
    let age = |line: &str| now - line.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
    let in_time = attempts
        .filter(|line| age(line) <= (INTERVAL + SLACK).as_secs_f64())
        .count();
    N_ACCOUNTS - in_time
}

#[expect(
    clippy::disallowed_methods,
    reason = "compared with what another process says"
)]
fn now() -> f64 {
    Timestamp::now().as_millisecond() as f64 / 1e3
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_accounts_are_polled_in_each_interval() {
    let identity = |index| {
        format!(
            "  - {{name: id-{index}, secret_id: AKID{index}, secret_key: {CANARY}-key, latency: 20ms}}\n"
        )
    };
    let scenario = file(&format!(
        "identities:\n{}",
        (0..N_IDENTITIES).map(identity).collect::<String>()
    ));
    let (_api, api) = simulator(&["--scenario", path(&scenario)]);
    let account = |index: usize| {
        format!(
            "  - {{name: account-{index}, credentials: {{env: {{secret_id: ID_{}}}}}}}\n",
            index % N_IDENTITIES
        )
    };
    let config = file(&format!(
        "poll: {{interval: 15s}}\napi: {{endpoint: \"{api}\"}}\naccounts:\n{}",
        (0..N_ACCOUNTS).map(account).collect::<String>()
    ));
    let mut command = exporter();
    command.args(["--log.level=info", "--config.file", path(&config)]);
    command.envs((0..N_IDENTITIES).map(|index| (format!("ID_{index}"), format!("AKID{index}"))));
    let begin = Instant::now();
    let (_exporter, url) = serving_as(&mut command);
    until(
        &format!("{url}/-/ready"),
        "that every scan was tried",
        |body| (body == "ready\n").then_some(()),
    )
    .await;
    let took = begin.elapsed();
    assert!(took < INTERVAL + SLACK, "tried once after {took:?}");
    while begin.elapsed() < 2 * INTERVAL + SLACK / 2 {
        sleep(SLACK / 2).await;
        let text = get(&format!("{url}/metrics")).await;
        assert_eq!(late(&text, now()), 0, "accounts that wait for their turn");
    }
    let text = get(&format!("{url}/metrics")).await;
    assert_eq!(
        (
            sum(&text, "tcss_up"),
            sum(&text, "tcss_poll_failures_total")
        ),
        (N_ACCOUNTS as f64, 0.0)
    );
    let polls = sum(&text, "tcss_polls_total") / N_ACCOUNTS as f64;
    let most = begin.elapsed().as_secs_f64() / INTERVAL.as_secs_f64() + 1.0;
    assert!((2.0..=most).contains(&polls), "{polls} polls an account");
    let memory = value(&text, "process_resident_memory_bytes").unwrap();
    assert!(memory < MOST_MEMORY, "{memory} bytes");
}
