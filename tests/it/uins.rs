//! The uin of accounts of the configuration, from STS where it is asked for.

use std::time::Duration;

use tokio::time::sleep;

use crate::support::process::{
    CANARY, SCANNED, arrivals, exporter, file, get, path, run, serving, simulator, until,
};

const ACTION: &str = "action=\"GetCallerIdentity\"";

/// Two accounts with keys of their own: `prod`, and `refused`, which may not ask.
fn scenario() -> tempfile::NamedTempFile {
    file(&format!(
        "identities:\n\
         - {{name: prod, uin: 100000000077, secret_id: AKIDprod, secret_key: {CANARY}-1, {SCANNED}}}\n\
         - {{name: refused, secret_id: AKIDrefused, secret_key: {CANARY}-2, {SCANNED}, \
         failures: [{{code: UnauthorizedOperation, action: GetCallerIdentity}}]}}\n"
    ))
}

fn configuration(api: &str, lookup: &str, prod: &str) -> String {
    let account = |name: &str, n: u8, rest: &str| {
        format!(
            "- {{name: {name}, credentials: {{static: {{secret_id: AKID{name}, secret_key: {CANARY}-{n}}}}}, {rest}}}\n"
        )
    };
    format!(
        "poll: {{interval: 1s}}\napi: {{endpoint: \"{api}\"}}\n{lookup}accounts:\n{}{}",
        account("prod", 1, prod),
        account("refused", 2, "")
    )
}

fn info(account: &str, uin: &str) -> String {
    format!(
        "tcss_account_info{{account=\"{account}\",{uin}name=\"{account}\",source=\"config\"}} 1\n"
    )
}

/// Waits until both accounts were polled so often.
async fn polled(url: &str, n_polls: f64) -> String {
    until(url, "some polls of both", |text| {
        let is_polled = |account: &str| {
            let start = format!("tcss_polls_total{{account=\"{account}\",");
            let line = text.lines().find(|line| line.starts_with(&start))?;
            let count: f64 = line.rsplit_once(' ')?.1.parse().ok()?;
            (count >= n_polls).then_some(())
        };
        is_polled("prod")?;
        is_polled("refused")?;
        Some(text.to_owned())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_poll_finds_the_uin_if_it_is_asked_for() {
    let scenario = scenario();
    let (_api, api) = simulator(&["--scenario", path(&scenario)]);
    let lookup = format!("uin_lookup: {{endpoint: \"{api}\"}}\n");
    let config = file(&configuration(&api, &lookup, ""));
    let flags = ["--config.file", path(&config), "--log.level=info"];
    let (running, url) = serving(&flags);
    let metrics = format!("{url}/metrics");
    let found = info("prod", "uin=\"100000000077\",");
    until(&metrics, "the uin", |text| {
        text.contains(&found).then_some(())
    })
    .await;
    let text = polled(&metrics, 4.0).await;
    assert!(text.contains(&info("refused", "")), "{text}");
    assert!(
        text.contains("tcss_up{account=\"refused\",collector=\"vul_scan\",scan=\"latest\"} 1"),
        "{text}"
    );

    // The account is described otherwise, and keeps its uin; it is not asked for again.
    let keys = "labels: {team: blue}";
    std::fs::write(config.path(), configuration(&api, &lookup, keys)).unwrap();
    running.signal("HUP");
    let labelled = "name=\"prod\",source=\"config\",team=\"blue\"} 1\n";
    until(&metrics, "the label", |text| {
        text.contains(labelled).then_some(())
    })
    .await;
    let text = get(&metrics).await;
    let line = format!("tcss_account_info{{account=\"prod\",uin=\"100000000077\",{labelled}");
    assert!(text.contains(&line), "{text}");
    polled(&metrics, 8.0).await;
    let stats: serde_json::Value =
        serde_json::from_str(&get(&format!("{api}/-/stats")).await).unwrap();
    for name in ["prod", "refused"] {
        let asked = &stats["identities"][name]["actions"]["GetCallerIdentity"]["arrivals"];
        assert_eq!(*asked, 1, "{name}: {stats}");
    }
    let log = running.output();
    let n_lines = log.matches("could not be looked up").count();
    assert_eq!(n_lines, 1, "{log}");
    assert!(
        log.contains("account=refused reason=permission code=UnauthorizedOperation"),
        "{log}"
    );

    // What is configured counts, and nothing is asked.
    let keys = "labels: {team: blue}, uin: 5";
    std::fs::write(config.path(), configuration(&api, &lookup, keys)).unwrap();
    running.signal("HUP");
    until(&metrics, "the uin of the configuration", |text| {
        text.contains("tcss_account_info{account=\"prod\",uin=\"5\",")
            .then_some(())
    })
    .await;

    // The command says the same.
    let (_, text) = run(
        "check",
        exporter().args(["check", "--live"]).args(&flags[..2]),
        "",
    );
    let warning =
        "warning: account \"refused\": its uin could not be looked up: UnauthorizedOperation";
    assert_eq!(text.matches(warning).count(), 1, "{text}");
    assert!(!text.contains("account \"prod\": its uin"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_key_nothing_is_asked() {
    let scenario = scenario();
    let (_api, api) = simulator(&["--scenario", path(&scenario)]);
    let config = file(&configuration(&api, "", ""));
    let (_running, url) = serving(&["--config.file", path(&config), "--log.level=info"]);
    let text = polled(&format!("{url}/metrics"), 4.0).await;
    assert!(text.contains(&info("prod", "")), "{text}");
    assert!(!text.contains(ACTION), "{text}");
    let before = arrivals(&api).await;
    sleep(Duration::from_secs(1)).await;
    assert!(arrivals(&api).await > before, "it polls on");
    let stats = get(&format!("{api}/-/stats")).await;
    assert!(!stats.contains("GetCallerIdentity"), "{stats}");
}
