//! What is said of a configuration that works and is probably not meant; and what a shard has of it.

use super::*;

#[test]
fn more_requests_than_are_allowed_are_a_warning() {
    let scans = |n: u32| {
        let scan = |id| format!("{{name: s{id}, local_task_id: {id}}}");
        (1..=n).map(scan).collect::<Vec<_>>().join(", ")
    };
    let yaml = format!(
        "poll: {{interval: 2s, scanning_interval: 1s}}\naccounts:\n- {{name: a, scans: [{}]}}\n- {{name: b, scans: [{}]}}\n\
         - {{name: c, scans: [{}], credentials: {{env: {{secret_id: C}}}}}}\n- {{name: d, endpoint: tcss.example}}\n",
        scans(15),
        scans(10),
        scans(11),
    );
    assert_eq!(
        load_text(&yaml).unwrap().warnings,
        [
            "accounts \"a\" and \"b\": polling every interval needs 12.5 requests per second, and 25.0 while all scan; \
             10 are allowed, so polls will run late; lengthen the intervals or split the accounts",
            "account \"c\": polling every scanning_interval needs 11.0 requests per second while all scan; \
             10 are allowed, so polls will run late then; lengthen scanning_interval",
        ]
    );
}

#[test]
fn warnings_that_are_alike_are_told_ten_times() {
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
        (11, "15 more warnings are like the last one")
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
    let late = "accounts \"prod\" and \"staging\": polling every interval needs 1.3 requests per second, and 1.3 while \
                all scan; 1 are allowed, so polls will run late; lengthen the intervals or split the accounts";
    assert_eq!(warnings, [late]);
}

#[test]
fn shards_that_together_may_use_up_the_limit_of_an_identity_are_a_warning() {
    let expected = "account \"default\" and 2 more with its credentials: these share credentials and belong to 2 of the 2 \
                    shards, which together may send 20 requests per second; the API allows 20 for all that use them; \
                    lower requests_per_second";
    assert_eq!(of_shard(0, 10, "").1, [expected]);
    assert_eq!(of_shard(0, 9, "").1, [""; 0], "leaves something for others");
    assert_eq!(
        of_shard(0, 20, ", credentials: {env: {secret_id: B}}").1,
        [""; 0],
        "each identity is of one shard"
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
            "http://10.0.0.1 is plain http to another machine: others can read tokens and answers on the way"
        ]
    );
    assert!(warnings("http://127.0.0.1:1").is_empty());
}
