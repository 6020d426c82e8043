//! Several instances share the accounts of one configuration.

use std::collections::BTreeMap;

use crate::support::{
    process::{
        CANARY, Running, SCANNED, exporter, fetch, file, get, path, serving, serving_as,
        simulating, until,
    },
    value,
};

/// A configuration with accounts of these names, all with the same keys.
fn config(api: &str, names: &[String]) -> tempfile::NamedTempFile {
    let accounts: String = names
        .iter()
        .map(|name| format!("  - {{name: {name}}}\n"))
        .collect();
    file(&format!(
        "poll: {{interval: 1s}}\napi: {{endpoint: \"{api}\"}}\naccounts:\n{accounts}"
    ))
}

/// Accounts with their value of `tcss_up`.
fn accounts(text: &str) -> BTreeMap<String, String> {
    let up = text
        .lines()
        .filter_map(|line| line.strip_prefix("tcss_up{account=\""));
    up.map(|line| {
        let (name, rest) = line.split_once('"').unwrap();
        (name.to_owned(), rest.rsplit(' ').next().unwrap().to_owned())
    })
    .collect()
}

async fn all_up(exporter: &str) -> (String, BTreeMap<String, String>) {
    until(&format!("{exporter}/metrics"), "all accounts up", |text| {
        let accounts = accounts(text);
        (!accounts.is_empty() && accounts.values().all(|up| up == "1"))
            .then(|| (text.to_owned(), accounts))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_instances_poll_every_account_once() {
    let (_api, api) = simulating(SCANNED);
    let names: Vec<String> = (0..24).map(|index| format!("account-{index:02}")).collect();
    let config = config(&api, &names);
    let start = |shard: usize| -> (Running, String) {
        if shard == 2 {
            let mut command = exporter();
            command
                .args(["--config.file", path(&config), "--shard=auto/3"])
                .env("HOSTNAME", "tcss-exporter-2");
            return serving_as(&mut command);
        }
        serving(&[
            "--config.file",
            path(&config),
            &format!("--shard={shard}/3"),
        ])
    };
    let mut seen = Vec::new();
    for shard in 0..3 {
        let (_running, url) = start(shard);
        let (text, accounts) = all_up(&url).await;
        assert_eq!(
            value(&text, "tcss_exporter_shard_index"),
            Some(shard as f64)
        );
        assert_eq!(value(&text, "tcss_exporter_shards"), Some(3.0));
        assert!((2..=16).contains(&accounts.len()), "{accounts:?}");
        seen.extend(accounts.into_keys());
    }
    seen.sort();
    assert_eq!(seen, names, "each account belongs to one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_without_an_account_is_ready_and_reports_it_and_gets_one_by_a_reload() {
    let (_api, api) = simulating(SCANNED);
    // "default" belongs to the first shard of two, "prod" to the second.
    let file = config(&api, &["default".into()]);
    let flags = [
        "--config.file",
        path(&file),
        "--shard=1/2",
        "--web.enable-lifecycle",
    ];
    let (mut running, url) = serving(&flags);
    running.wait_for("that it polls nothing", |log| {
        log.lines()
            .any(|line| {
                line.contains("no account belongs to this shard") && line.contains("shard=1/2")
            })
            .then_some(())
    });
    assert_eq!(fetch(&format!("{url}/-/ready"), &[]).await.0, 200);
    assert!(accounts(&get(&format!("{url}/metrics")).await).is_empty());
    std::fs::copy(
        config(&api, &["default".into(), "prod".into()]).path(),
        file.path(),
    )
    .unwrap();
    running.signal("HUP");
    let (_, accounts) = all_up(&url).await;
    assert_eq!(accounts.into_keys().collect::<Vec<_>>(), ["prod"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exporter_of_all_accounts_is_shard_0_of_1() {
    let (_running, url) = serving(&["--api.endpoint=http://127.0.0.1:9"]);
    let text = get(&format!("{url}/metrics")).await;
    assert_eq!(value(&text, "tcss_exporter_shard_index"), Some(0.0));
    assert_eq!(value(&text, "tcss_exporter_shards"), Some(1.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_and_scan_use_only_the_accounts_of_the_shard() {
    let (_api, api) = simulating(SCANNED);
    let config = config(&api, &["default".into(), "prod".into(), "staging".into()]);
    let run = |command: &str| {
        let output = exporter()
            .args([command, "--config.file", path(&config), "--shard=1/2"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains(CANARY));
        text
    };
    let check = run("check");
    assert!(check.contains("warning: account \"default\" and 2 more with the same credentials: these accounts share credentials and belong to 2 of 2 shards"), "{check}");
    assert!(
        check.ends_with("configuration ok: 2 accounts, 2 scans in shard 1/2, of 3 accounts\n"),
        "{check}"
    );
    let scan = run("scan");
    let names: Vec<&str> = scan
        .lines()
        .skip(1)
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(names, ["prod", "staging"], "{scan}");
}

#[test]
fn an_invalid_shard_is_bad_usage() {
    let refused = |shard: &str, host: &str| {
        let output = exporter()
            .args(["check", "--shard", shard])
            .env("HOSTNAME", host)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refused("3/3", "a-0").contains("there is no shard 3 of 3, expected N/M"));
    assert!(refused("auto/3", "web").contains("the host name \"web\" does not end in a number"));
    assert!(
        refused("auto/3", "web-3")
            .contains("the host name \"web-3\" ends in 3, but the last of 3 shards is 2")
    );
}
