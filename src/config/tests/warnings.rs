//! Warnings about a configuration that works but is probably not intended; and the accounts of a shard.

use super::*;

fn n_scans(n: u32) -> String {
    let scan = |id| format!("{{name: s{id}, local_task_id: {id}}}");
    (1..=n).map(scan).collect::<Vec<_>>().join(", ")
}

#[test]
fn more_requests_than_are_allowed_while_scans_run_are_a_warning() {
    let yaml = format!(
        "poll: {{interval: 2s, scanning_interval: 1s}}\naccounts:\n- {{name: a, scans: [{}]}}\n- {{name: b, scans: [{}]}}\n\
         - {{name: c, scans: [{}], credentials: {{env: {{secret_id: C}}}}}}\n- {{name: d, endpoint: tcss.example}}\n",
        n_scans(8),
        n_scans(10),
        n_scans(10),
    );
    let loaded = load_text(&yaml).unwrap();
    assert_eq!(
        loaded.warnings,
        [
            "accounts \"a\" and \"b\": DescribeVulScanInfo needs 18.0 requests per second while all scans run, but 10 \
             are allowed, so polls will be late; increase scanning_interval",
            "account \"c\": DescribeVulScanInfo needs 10.0 requests per second while all scans run, but 10 are allowed, \
             so polls will be late; increase scanning_interval",
        ]
    );
    assert_eq!(loaded.config.overloads(), [""; 0]);
}

#[test]
fn more_requests_than_are_ever_allowed_are_refused_with_the_arithmetic() {
    let yaml = format!(
        "poll: {{interval: 2s, scanning_interval: 1s}}\ncollectors: {{vul_scan: , risk_images: {{interval: 10s}}, \
         vul_summary: {{interval: 1s}}}}\n\
         accounts:\n- {{name: a, scans: [{}]}}\n- {{name: b}}\n- {{name: c, interval: 4s}}\n- {{name: d}}\n",
        n_scans(15),
    );
    let loaded = load_text(&yaml).unwrap();
    assert_eq!(
        loaded.config.overloads(),
        [
            "account \"a\" and 3 more with the same credentials: DescribeVulScanInfo needs 10.5 requests per second (17 \
             every 2s for vul_scan + 18 every 10s for risk_images + 1 every 4s for vul_scan), but 10 are allowed, so \
             polls would always be late; increase the intervals or split the accounts",
            "account \"a\" and 3 more with the same credentials: DescribeVulLevelSummary needs 12.0 requests per second \
             (12 every 1s for vul_summary), but 10 are allowed, so polls would always be late; increase the intervals or \
             split the accounts",
        ]
    );
}

#[test]
fn at_most_ten_warnings_of_one_kind_are_shown() {
    let warnings = |n_accounts: u32| {
        let account = |n| format!("{{name: a{n}, endpoint: 'http://10.0.0.{n}'}}");
        let accounts: Vec<String> = (1..=n_accounts).map(account).collect();
        load_text(&format!(
            "api: {{allow_http: true}}\naccounts: [{}]\n",
            accounts.join(", ")
        ))
        .unwrap()
        .warnings
    };
    assert_eq!(warnings(11).len(), 11);
    let many = warnings(25);
    assert_eq!(
        (many.len(), many[10].as_str()),
        (11, "15 more warnings like the previous one")
    );
}

/// "default" belongs to the first of two shards, the others to the second one.
fn of_shard(index: u16, rate: u32, own: &str) -> (Vec<String>, Vec<String>) {
    let yaml = format!(
        "poll: {{interval: 1500ms}}\napi: {{requests_per_second: {rate}}}\n\
         accounts: [{{name: default}}, {{name: prod{own}}}, {{name: staging{own}}}]\n"
    );
    let shard = Shard::new(index, 2.try_into().unwrap()).unwrap();
    let Loaded {
        config, warnings, ..
    } = load_text(&yaml).unwrap().of_shard(shard);
    (
        config
            .accounts
            .iter()
            .map(|account| account.name.to_string())
            .collect(),
        warnings,
    )
}

#[test]
fn a_shard_has_its_accounts_and_the_warnings_about_them() {
    assert_eq!(
        of_shard(0, 1, ""),
        (vec!["default".into()], Vec::new()),
        "one a second is enough for one account"
    );
    let (names, warnings) = of_shard(1, 1, "");
    assert_eq!(names, ["prod", "staging"]);
    // What does not fit is refused, not warned about.
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn shards_that_could_use_up_the_limit_of_an_identity_together_are_a_warning() {
    let expected = "account \"default\" and 2 more with the same credentials: these accounts share credentials and \
                    belong to 2 of 2 shards, which together may send 20 requests per second, but the API allows 20 \
                    for everything that uses these credentials; reduce requests_per_second";
    assert_eq!(of_shard(0, 10, "").1, [expected]);
    assert_eq!(
        of_shard(0, 9, "").1,
        [""; 0],
        "leaves some requests for other tools"
    );
    assert_eq!(
        of_shard(0, 20, ", credentials: {env: {secret_id: B}}").1,
        [""; 0],
        "each identity belongs to one shard"
    );
}

#[test]
fn a_leader_and_a_hot_standby_that_exceed_the_limit_together_are_a_warning() {
    let warnings = |rate: u32| {
        let yaml = format!("api: {{requests_per_second: {rate}}}\naccounts: [{{name: a}}]");
        load_text(&yaml).unwrap().config.warnings_of_hot_standby()
    };
    assert_eq!(warnings(10), [""; 0]);
    assert_eq!(
        warnings(12),
        [
            "account \"a\": a leader and a hot standby may send 24 requests per second together, but the API allows 20 \
             for everything that uses these credentials; reduce requests_per_second, or use --ha.standby=cold"
        ]
    );
}

#[test]
fn allowed_plain_http_is_a_warning() {
    let warnings = |endpoint: &str| {
        load_text(&format!(
            "api: {{allow_http: true, endpoint: '{endpoint}'}}\naccounts: [{{name: a}}, {{name: b}}]"
        ))
        .unwrap()
        .warnings
    };
    assert_eq!(
        warnings("http://10.0.0.1:80"),
        [
            "http://10.0.0.1 is plain HTTP to another machine: tokens and responses can be read on the way"
        ]
    );
    assert!(warnings("http://127.0.0.1:1").is_empty());
    let of_discovery = load_text(
        "api: {allow_http: true, endpoint: 'http://10.0.0.1'}\n\
         discovery: [http: {url: 'https://list.example'}]",
    );
    assert_eq!(
        of_discovery.unwrap().warnings,
        warnings("http://10.0.0.1:80")
    );
}
