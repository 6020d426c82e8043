//! Three thousand members in one process.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::support::{
    process::{CANARY, SECRET_ID, fetch, file, get, path, serving, simulator},
    site::plain_client,
    value,
};

const N_MEMBERS: usize = 3_000;
const N_WITHOUT_ROLE: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_thousand_members_are_ready_within_a_minute() {
    let scenario = file(&format!(
        "identities: [{{name: base, secret_id: {SECRET_ID}, secret_key: {CANARY}-key}}]\n\
         organization: {{manager: base, generate: {{count: {N_MEMBERS}, without_role: {N_WITHOUT_ROLE}}}}}\n"
    ));
    let (_api, api) = simulator(&["--scenario", path(&scenario)]);
    let config = file(&format!(
        "poll: {{interval: 5m}}\napi: {{endpoint: \"{api}\"}}\n\
         discovery: [{{organization: {{endpoint: \"{api}\", sts_endpoint: \"{api}\"}}}}]\n"
    ));
    let start = Instant::now();
    let (running, url) = serving(&["--log.level=info", "--config.file", path(&config)]);
    while fetch(&format!("{url}/-/ready"), &[]).await.0 != 200 {
        assert!(
            start.elapsed() < Duration::from_secs(90),
            "not ready:\n{}",
            running.output()
        );
        sleep(Duration::from_millis(250)).await;
    }
    let took = start.elapsed();
    assert!(took <= Duration::from_secs(60), "{took:?}");
    let text = get(&format!("{url}/metrics")).await;
    let count = |name: &str| {
        value(
            &text,
            &format!("tcss_discovery_accounts{{discovery=\"organization\",state=\"{name}\"}}"),
        )
    };
    assert_eq!(count("polled"), Some(3_000.0));
    assert_eq!(count("no_role"), Some(100.0));
    let memory = value(&text, "process_resident_memory_bytes").unwrap();
    let stats: serde_json::Value = serde_json::from_str(&stats(&api).await).unwrap();
    let most = stats["assume_role_most_in_one_second"].as_u64().unwrap();
    assert!(most <= 100, "{most} requests to STS in one second");
    // Thousands of accounts are no reason for thousands of lines.
    let log = running.output();
    let errors = log
        .lines()
        .filter(|line| line.contains("level=error"))
        .count();
    assert!(errors <= 20, "{errors} errors:\n{log}");
    let lines = log.lines().count();
    assert!(lines <= 120, "{lines} lines:\n{log}");
    // About 52 s and 120 MB in a debug build.
    assert!(memory < 200e6, "{memory} bytes");
}

/// What has arrived at the simulator. It keeps 512 connections, fewer than there are members, so one may be closed at any
/// time.
async fn stats(api: &str) -> String {
    let client = plain_client();
    for _ in 0..20 {
        if let Ok(response) = client.get(format!("{api}/-/stats")).send().await
            && let Ok(text) = response.text().await
        {
            return text;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("the simulator does not answer");
}

/// Also when they are asked for again, and when the list is read again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_of_three_hundred_members_without_the_role_are_one_line_of_the_log() {
    let scenario = file(&format!(
        "identities: [{{name: base, secret_id: {SECRET_ID}, secret_key: {CANARY}-key}}]\n\
         organization: {{manager: base, generate: {{count: 300, without_role: 100}}}}\n"
    ));
    let (_api, api) = simulator(&["--scenario", path(&scenario)]);
    let config = file(&format!(
        "poll: {{interval: 10s}}\napi: {{endpoint: \"{api}\"}}\ndiscovery:\n- organization: {{endpoint: \"{api}\", \
         sts_endpoint: \"{api}\", refresh_interval: 10s}}\n"
    ));
    let (mut running, url) = serving(&["--log.level=info", "--config.file", path(&config)]);
    running.wait_for("the accounts without the role", |log| {
        log.contains("count=100").then_some(())
    });
    let refreshes = async || -> u64 {
        let stats: serde_json::Value = serde_json::from_str(&stats(&api).await).unwrap();
        stats["identities"]["base"]["actions"]["DescribeOrganizationMembers"]["arrivals"]
            .as_u64()
            .unwrap()
    };
    // Six pages each. Meanwhile, the roles are requested a second time, a minute after the first.
    let first = refreshes().await;
    while refreshes().await < first + 7 * 6 {
        sleep(Duration::from_secs(1)).await;
    }
    let text = get(&format!("{url}/metrics")).await;
    let no_role = "tcss_discovery_accounts{discovery=\"organization\",state=\"no_role\"}";
    assert_eq!(value(&text, no_role), Some(100.0));
    let log = running.output();
    let problems = log
        .lines()
        .filter(|line| line.contains("level=error") || line.contains("level=warn"));
    let problems: Vec<&str> = problems.collect();
    assert_eq!(problems.len(), 1, "{log}");
    assert!(
        problems[0].contains("accounts without the role"),
        "{problems:?}"
    );
}
