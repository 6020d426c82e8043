//! The official SDK for Python works with the simulator as with the API.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

use tcss_exporter::collectors;

use crate::support::process::{
    CANARY, SCANNED, SECRET_ID, file, get, path, run, simulating, simulator,
};

const ROLE_ARN: &str = "qcs::cam::uin/100000000001:roleName/tcss-exporter";

/// The responses that the SDK gets from `api` with long-term keys, one line per request.
fn ask(api: &str, method: &str, n_requests: u32, key: &str) -> Vec<String> {
    let keys = [
        ("TENCENTCLOUD_SECRET_ID", SECRET_ID),
        ("TENCENTCLOUD_SECRET_KEY", key),
    ];
    ask_as("env", &keys, api, method, n_requests)
}

/// The responses that it gets with credentials of the kind `kind`, which it finds in `environment`.
fn ask_as(
    kind: &str,
    environment: &[(&str, &str)],
    api: &str,
    method: &str,
    n_requests: u32,
) -> Vec<String> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(python(project));
    command
        .env_clear()
        .envs(environment.iter().copied())
        .arg(project.join("tests/it/sdk.py"))
        .args([
            api.trim_start_matches("http://"),
            method,
            &n_requests.to_string(),
            kind,
        ]);
    let (status, output) = run("the SDK", &mut command, "");
    assert!(status.success(), "{status}: {output}");
    output.lines().map(str::to_owned).collect()
}

fn python(project: &Path) -> PathBuf {
    let python = project.join("target/sdk/bin/python");
    assert!(
        python.exists(),
        "the official SDK is not there; run tests/run, which installs it"
    );
    python
}

fn right_key() -> String {
    format!("{CANARY}-key")
}

#[test]
fn the_sdk_gets_an_answer_by_either_method() {
    let (_api, api) = simulating(SCANNED);
    for method in ["POST", "GET"] {
        assert_eq!(
            ask(&api, method, 1, &right_key()),
            ["SCANNED 8 1001"],
            "{method}"
        );
    }
}

/// The models of the SDK are what Tencent Cloud documents, so they know what the API may answer.
#[test]
fn the_sdk_reads_every_action_into_its_models_and_knows_every_field_that_is_read() {
    let account = "started_ago: 60m, repeat: false, \
        assets: {malware: 1, failed_images: 2, unscanned_images: 4, hosts_without_agent: 1}, \
        scans: [{takes: 10m, local_images: 30, registry_images: 3, local_vulnerabilities: 80, risk_images: 7}]";
    let (_api, api) = simulating(account);
    let mut fields: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for collector in &collectors::ALL {
        let read = collector.fields_by_action();
        for (action, read) in collector.actions.iter().zip(read) {
            fields.entry(action.name).or_default().extend(read);
        }
    }
    assert_eq!(fields.len(), 16);
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(python(project));
    command
        .env_clear()
        .env("TENCENTCLOUD_SECRET_ID", SECRET_ID)
        .env("TENCENTCLOUD_SECRET_KEY", right_key())
        .arg(project.join("tests/it/sdk_actions.py"))
        .arg(api.trim_start_matches("http://"))
        .arg(serde_json::to_string(&fields).unwrap());
    let (status, output) = run("the SDK", &mut command, "");
    assert!(status.success() && output.is_empty(), "{status}: {output}");
}

#[test]
fn the_sdk_gets_the_error_for_a_wrong_key() {
    let (_api, api) = simulating(SCANNED);
    for method in ["POST", "GET"] {
        let answer = ask(&api, method, 1, &format!("{CANARY}-other-key"));
        assert_eq!(answer, ["AuthFailure.SignatureFailure"], "{method}");
    }
}

/// 200 requests in a row take about 1 s, or more on a busy machine; the limit is 20 in any second.
#[test]
fn the_sdk_gets_the_error_for_an_exceeded_limit() {
    let (_api, api) = simulating(SCANNED);
    let answers = ask(&api, "POST", 200, &right_key());
    assert_eq!(answers.len(), 200);
    assert!(
        answers[..20]
            .iter()
            .all(|answer| answer == "SCANNED 8 1001"),
        "{answers:?}"
    );
    assert!(
        answers[20..].contains(&"RequestLimitExceeded".to_owned()),
        "{answers:?}"
    );
    assert!(
        answers
            .iter()
            .all(|answer| answer.starts_with("SCANNED") || answer == "RequestLimitExceeded")
    );
}

#[tokio::test]
async fn the_sdk_gets_temporary_keys_of_every_kind_and_they_are_accepted() {
    let scenario = file(&format!(
        "identities:
  - {{name: base, secret_id: {SECRET_ID}, secret_key: {CANARY}-key}}
  - {{name: reader, {SCANNED}, role: {{arn: '{ROLE_ARN}', assumed_by: [base], metadata: true, web_identity: {{\
         provider: cls-abcd1234, token: {CANARY}-web}}}}}}
"
    ));
    let (_api, api) = simulator(&["--scenario", path(&scenario)]);
    let web_token = file(&format!("{CANARY}-web\n"));
    let key = right_key();
    let environment = [
        ("TENCENTCLOUD_SECRET_ID", SECRET_ID),
        ("TENCENTCLOUD_SECRET_KEY", &key),
        ("ROLE_ARN", ROLE_ARN),
        ("TKE_REGION", "ap-guangzhou"),
        ("TKE_PROVIDER_ID", "cls-abcd1234"),
        ("TKE_ROLE_ARN", ROLE_ARN),
        ("TKE_WEB_IDENTITY_TOKEN_FILE", path(&web_token)),
    ];
    for kind in ["assume_role", "tke_oidc", "cvm_role"] {
        for method in ["POST", "GET"] {
            let answers = ask_as(kind, &environment, &api, method, 2);
            assert_eq!(answers, ["SCANNED 8 1001"; 2], "{kind} by {method}");
        }
    }
    let stats: serde_json::Value =
        serde_json::from_str(&get(&format!("{api}/-/stats")).await).unwrap();
    assert_eq!(stats["identities"]["reader"]["arrivals"], 12);
    for kind in ["assume_role", "assume_role_with_web_identity"] {
        assert!(stats[kind].as_u64() >= Some(2), "{kind}: {stats}");
    }
}
