//! The real binary.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use tokio::time::sleep;

use crate::support::{
    process::{
        CANARY, SECRET_ID, exporter, fetch, file, get, path, run, serving, simulator, until,
    },
    raw::{Act, Raw, ok},
    value,
};

fn organization(keys: &str) -> tempfile::NamedTempFile {
    file(&format!(
        "identities: [{{name: base, secret_id: {SECRET_ID}, secret_key: {CANARY}-key}}]\n\
         organization: {{manager: base, external_id: {CANARY}-fleet, {keys}}}\n"
    ))
}

fn configuration(api: &str, keys: &str) -> tempfile::NamedTempFile {
    file(&format!(
        "poll: {{interval: 1s}}\napi: {{endpoint: \"{api}\"}}\ndiscovery:\n- organization: {{endpoint: \"{api}\", \
         sts_endpoint: \"{api}\", external_id: {CANARY}-fleet, {keys}}}\n"
    ))
}

fn output(arguments: &[&str]) -> (Option<i32>, String) {
    let (status, text) = run("tcss-exporter", exporter().args(arguments), "");
    assert!(!text.contains(CANARY), "{text}");
    (status.code(), text)
}

/// Each command that reads the lists ends with the code of a failure, and names the problem.
fn commands_fail(config: &str, problem: &str) {
    let flags = ["--config.file", config, "--log.level=error"];
    for (command, expected) in [("accounts", 1), ("scan", 1), ("check", 2)] {
        let mut arguments = vec![command];
        if command == "check" {
            arguments.push("--live");
        }
        arguments.extend(flags);
        let (code, text) = output(&arguments);
        assert_eq!(code, Some(expected), "{command}: {text}");
        assert!(text.contains(problem), "{command}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_show_what_is_polled_and_who_has_the_role() {
    let scenario = organization(
        "members: [{uin: 100000000001, name: \"pr\\u00f6d\", tags: {team: blue}}, {uin: 100000000002, name: new, \
         has_role: false}, {uin: 100000000003, name: sandbox}]",
    );
    let (_api, api) = simulator(&["--scenario", path(&scenario)]);
    let config = configuration(&api, "labels: {team: tag.team}, exclude: [sandbox]");
    let flags = ["--config.file", path(&config), "--log.level=error"];

    let (code, check) = output(&[&["check"], &flags[..]].concat());
    assert_eq!(
        (code, &*check),
        (
            Some(0),
            "configuration ok: 0 accounts, 0 scans, 1 discovery\n"
        )
    );
    let (code, live) = output(&[&["check", "--live"], &flags[..]].concat());
    assert_eq!(code, Some(0), "{live}");
    assert!(
        live.contains("discovery organization: 2 accounts in 1 request, 1 with role, 1 without, 1 excluded, 0 skipped\n"),
        "{live}"
    );
    assert!(
        live.contains("discovery \"organization\": 1 account without the role: 100000000002"),
        "{live}"
    );
    assert_eq!(
        output(&[&["check", "--live", "--strict"], &flags[..]].concat()).0,
        Some(2)
    );

    let (code, table) = output(&[&["accounts"], &flags[..]].concat());
    assert_eq!(code, Some(0), "{table}");
    assert!(table.contains("100000000001  100000000001  pröd  organization  assume_role qcs::cam::uin/100000000001:roleName/tcss-exporter  team=blue\n"), "{table}");
    let (_, json) = output(&[&["accounts", "--output=json"], &flags[..]].concat());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["labels"]["team"], "blue");
    assert_eq!(json[1]["uin"], "100000000002");

    // The account file is accepted, and polls the same accounts.
    let (_, yaml) = output(&[&["accounts", "--output=yaml"], &flags[..]].concat());
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("accounts.yml"), &yaml).unwrap();
    let main = directory.path().join("c.yml");
    fs::write(
        &main,
        format!("api: {{endpoint: \"{api}\"}}\naccount_files: [accounts.yml]\n"),
    )
    .unwrap();
    let (code, list) = output(&["accounts", "--config.file", main.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{list}");
    assert!(
        list.contains("100000000001  100000000001  100000000001  config"),
        "{list}"
    );

    let (code, scan) = output(&[&["scan", "--output=json"], &flags[..]].concat());
    assert_eq!(code, Some(1), "one has no role");
    let scan: serde_json::Value = serde_json::from_str(&scan).unwrap();
    assert_eq!(scan.as_array().map(Vec::len), Some(2), "{scan}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_discovery_that_fails_ends_commands_with_the_reason() {
    let scenario = organization("failures: [{code: UnauthorizedOperation}]");
    let (_api, api) = simulator(&["--scenario", path(&scenario)]);
    let config = configuration(&api, "");
    let problem = "discovery \"organization\" failed (permission): DescribeOrganizationMembers: UnauthorizedOperation";
    commands_fail(path(&config), problem);
}

/// A service that has lost its data lists nothing. That must not look like a fleet without accounts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_list_ends_commands_with_the_reason() {
    let raw = Raw::start(Act::Send(ok(b"[]"))).await;
    let config = file(&format!("discovery: [http: {{url: \"{}\"}}]\n", raw.url()));
    let problem = "discovery \"http\" failed (too_many_gone): the list is empty";
    commands_fail(path(&config), problem);
}

/// A member joins, one is renamed and one leaves, while the configuration is reloaded all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_taken_while_the_configuration_is_reloaded() {
    let scenario = organization(
        "members: [{uin: 1, name: a, changes: [{at: 4s, name: renamed}]}, {uin: 2, leaves: 4s}, {uin: 3, joins: 4s}]",
    );
    let (_api, api) = simulator(&["--scenario", path(&scenario)]);
    let config = configuration(&api, "");
    let (running, url) = serving(&["--config.file", path(&config), "--log.level=info"]);
    let metrics = format!("{url}/metrics");
    until(&metrics, "the first accounts", |text| {
        text.contains("tcss_up{account=\"1\",collector=\"vul_scan\",scan=\"latest\"} 1")
            .then_some(())
    })
    .await;
    for _ in 0..100 {
        running.signal("HUP");
        sleep(Duration::from_millis(60)).await;
    }
    let text = until(&metrics, "the changes", |text| {
        let is_done = text.contains("name=\"renamed\"")
            && text.contains("tcss_up{account=\"3\",collector=\"vul_scan\",scan=\"latest\"} 1")
            && text.contains("tcss_account_missing{account=\"2\"} 1");
        is_done.then(|| text.to_owned())
    })
    .await;
    assert_eq!(
        value(
            &text,
            "tcss_polls_total{account=\"1\",collector=\"vul_scan\",scan=\"latest\"}"
        )
        .map(|polls| polls >= 5.0),
        Some(true),
        "{text}"
    );
    assert_eq!(
        value(
            &text,
            "tcss_poll_failures_total{account=\"1\",collector=\"vul_scan\",scan=\"latest\"}"
        ),
        Some(0.0)
    );
}

/// A thousand refreshes need no more memory, connections or log lines than a hundred.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_refreshes_cost_nothing_that_stays() {
    let scenario = organization("generate: {count: 20}");
    let (_api, api) = simulator(&["--scenario", path(&scenario)]);
    let config = configuration(&api, "defaults: {interval: 1h}");
    let (running, url) = serving(&[
        "--config.file",
        path(&config),
        "--log.level=info",
        "--web.enable-lifecycle",
    ]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut seen = Vec::new();
    let refreshes = async |n: u64| {
        loop {
            let reply = client.post(format!("{url}/-/reload")).send().await.unwrap();
            assert!(reply.status().is_success());
            let stats: serde_json::Value =
                serde_json::from_str(&get(&format!("{api}/-/stats")).await).unwrap();
            let members =
                &stats["identities"]["base"]["actions"]["DescribeOrganizationMembers"]["arrivals"];
            if members.as_u64() >= Some(n) {
                return;
            }
        }
    };
    for n in [200, 1_000] {
        refreshes(n).await;
        sleep(Duration::from_secs(1)).await;
        let text = get(&format!("{url}/metrics")).await;
        let lines = running
            .output()
            .lines()
            .filter(|line| line.contains("discovery"))
            .count();
        seen.push((
            value(&text, "process_resident_memory_bytes").unwrap(),
            value(&text, "process_open_fds").unwrap(),
            lines,
        ));
    }
    let (before, after) = (seen[0], seen[1]);
    assert!(after.0 - before.0 < 6e6, "memory: {seen:?}");
    assert!(after.1 - before.1 <= 4.0, "descriptors: {seen:?}");
    assert_eq!(after.2, before.2, "log lines: {seen:?}");
}

/// Which answer the list server sends.
static ANSWER: AtomicUsize = AtomicUsize::new(0);

const BAD_ANSWERS: [&str; 7] = [
    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 13\r\n\r\n<html></html>",
    "HTTP/1.1 200 OK\r\ncontent-length: 60\r\n\r\n[{\"targets\": [\"1\"], \"endpoint\": \"http://127.0.0.1:9\"      }]",
    "HTTP/1.1 200 OK\r\ncontent-length: 42\r\n\r\n[{\"targets\": [\"1\"], \"credentials\": {}     }]",
    "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
    "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[{\"targets\"",
];

fn list(head: &str, _: &str) -> Vec<u8> {
    let head = head.to_lowercase();
    assert!(
        head.contains(&format!("authorization: bearer {CANARY}-token").to_lowercase()),
        "{head}"
    );
    assert!(
        head.contains("x-prometheus-refresh-interval-seconds: 60"),
        "{head}"
    );
    let number = ANSWER.load(SeqCst);
    if number == 0 {
        let body = r#"[{"targets": ["1", "2"], "labels": {"team": "x", "name": "shop"}}]"#;
        return format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes();
    }
    if number == BAD_ANSWERS.len() + 1 {
        let body = vec![b' '; 50 << 20];
        let mut answer =
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
        answer.extend(body);
        return answer;
    }
    BAD_ANSWERS[number - 1].as_bytes().to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_http_list_is_taken_and_a_bad_answer_keeps_the_last_one() {
    let scenario = organization("members: [{uin: 1}, {uin: 2}]");
    let (_api, api) = simulator(&["--scenario", path(&scenario)]);
    let server = Raw::start(Act::Reply(list)).await;
    let token = file(&format!("{CANARY}-token\n"));
    let config = file(&format!(
        "poll: {{interval: 1s}}\napi: {{endpoint: \"{api}\"}}\ndiscovery:\n- http: {{url: \"{}/tcss\", sts_endpoint: \
         \"{api}\", external_id: {CANARY}-fleet, bearer_token_file: {}}}\n",
        server.url(),
        path(&token)
    ));
    let (running, url) = serving(&["--config.file", path(&config)]);
    let metrics = format!("{url}/metrics");
    until(&metrics, "both accounts", |text| {
        let is_up = |account: &str| {
            text.contains(&format!(
                "tcss_up{{account=\"{account}\",collector=\"vul_scan\",scan=\"latest\"}} 1"
            ))
        };
        (is_up("1") && is_up("2") && text.contains("name=\"shop\",source=\"http\",team=\"x\""))
            .then_some(())
    })
    .await;
    let failures = |text: &str| -> f64 {
        let lines = text
            .lines()
            .filter(|line| line.starts_with("tcss_discovery_refresh_failures_total{"));
        lines
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    };
    for number in 1..=BAD_ANSWERS.len() + 1 {
        let before = failures(&get(&metrics).await);
        ANSWER.store(number, SeqCst);
        running.signal("HUP");
        let text = until(&metrics, &format!("failure {number}"), |text| {
            (failures(text) > before).then(|| text.to_owned())
        })
        .await;
        assert_eq!(
            value(
                &text,
                "tcss_discovery_last_refresh_successful{discovery=\"http\"}"
            ),
            Some(0.0)
        );
        assert_eq!(
            value(
                &text,
                "tcss_discovery_accounts{discovery=\"http\",state=\"polled\"}"
            ),
            Some(2.0),
            "{number}"
        );
    }
    ANSWER.store(0, SeqCst);
    running.signal("HUP");
    until(&metrics, "the list again", |text| {
        (value(
            text,
            "tcss_discovery_last_refresh_successful{discovery=\"http\"}",
        ) == Some(1.0))
        .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_file_is_reloaded_and_one_that_drops_many_accounts_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let accounts = |numbers: std::ops::Range<u32>| -> String {
        numbers
            .map(|n| format!("- {{name: account-{n}}}\n"))
            .collect()
    };
    // As in a ConfigMap: the files are symlinks into a directory that is swapped.
    let publish = |version: &str, text: &str| {
        let data = directory.path().join(version);
        fs::create_dir(&data).unwrap();
        fs::write(data.join("a.yml"), text).unwrap();
        std::os::unix::fs::symlink(&data, directory.path().join("next")).unwrap();
        fs::rename(directory.path().join("next"), directory.path().join("data")).unwrap();
    };
    publish("v1", &accounts(0..20));
    std::os::unix::fs::symlink("data/a.yml", directory.path().join("a.yml")).unwrap();
    let main = directory.path().join("c.yml");
    fs::write(
        &main,
        "api: {endpoint: \"http://127.0.0.1:9\"}\naccount_files: [a.yml]\n",
    )
    .unwrap();
    let (running, url) = serving(&[
        "--config.file",
        main.to_str().unwrap(),
        "--config.auto-reload-interval=1s",
    ]);
    let metrics = format!("{url}/metrics");
    let n_accounts = |text: &str| {
        text.lines()
            .filter(|line| line.starts_with("tcss_up{"))
            .count()
    };
    assert_eq!(n_accounts(&get(&metrics).await), 20);
    publish("v2", &accounts(0..30));
    until(&metrics, "30 accounts", |text| {
        (n_accounts(text) == 30).then_some(())
    })
    .await;
    let is_good = |text: &str| value(text, "tcss_exporter_config_last_reload_successful");
    publish("v3", &accounts(0..15));
    until(&metrics, "a refusal", |text| {
        (is_good(text) == Some(0.0)).then_some(())
    })
    .await;
    assert_eq!(n_accounts(&get(&metrics).await), 30);
    let log = running.output();
    assert!(
        log.contains("15 of 30 accounts are no longer in the changed files"),
        "{log}"
    );
    running.signal("HUP");
    until(&metrics, "15 accounts", |text| {
        (n_accounts(text) == 15 && is_good(text) == Some(1.0)).then_some(())
    })
    .await;
    publish("v4", "- {name: [\n");
    until(&metrics, "a failed reload", |text| {
        (is_good(text) == Some(0.0)).then_some(())
    })
    .await;
    publish("v5", &accounts(0..16));
    until(&metrics, "16 accounts", |text| {
        (n_accounts(text) == 16 && is_good(text) == Some(1.0)).then_some(())
    })
    .await;
}

/// Without the flag, a changed file waits for an operator.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_not_watched_by_default() {
    let config = file("api: {endpoint: \"http://127.0.0.1:9\"}\naccounts: [{name: a}]\n");
    let (_running, url) = serving(&["--config.file", path(&config)]);
    fs::write(
        config.path(),
        "api: {endpoint: \"http://127.0.0.1:9\"}\naccounts: [{name: b}]\n",
    )
    .unwrap();
    sleep(Duration::from_secs(3)).await;
    let text = get(&format!("{url}/metrics")).await;
    assert!(text.contains("tcss_up{account=\"a\""), "{text}");
    // Neither is there anything of discoveries and replicas.
    for metric in [
        "tcss_discovery_",
        "tcss_account_missing",
        "tcss_exporter_lea",
    ] {
        assert!(!text.contains(metric), "{text}");
    }
    let (status, _) = fetch(&format!("{url}/-/healthy"), &[]).await;
    assert_eq!(status, 200);
}

/// The official SDK lists the members of the simulated organization, page by page.
#[test]
fn the_official_sdk_lists_the_members() {
    let scenario =
        organization("nodes: [{id: 1002, name: shop}], generate: {count: 120, node: 1002}");
    let (_api, api) = simulator(&["--scenario", path(&scenario)]);
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = project.join("target/sdk/bin/python");
    assert!(
        python.exists(),
        "the official SDK is not there; run tests/run, which installs it"
    );
    let mut command = Command::new(python);
    command
        .env_clear()
        .env("TENCENTCLOUD_SECRET_ID", SECRET_ID)
        .env("TENCENTCLOUD_SECRET_KEY", format!("{CANARY}-key"))
        .arg(project.join("tests/it/discovery/sdk.py"))
        .arg(api.trim_start_matches("http://"));
    let (status, text) = run("the SDK", &mut command, "");
    assert!(status.success(), "{text}");
    let expected = "120 members, 100001000001 to 100001000120, in shop\nunits Root shop\n\
                    120 have identity 13 as tcss-exporter\nmanager 100000000000\ncaller 100000000000\n\
                    wrong limit: InvalidParameter\n";
    assert_eq!(text, expected);
}
