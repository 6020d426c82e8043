//! The official SDK for Python takes the simulator for the API.

use std::{path::Path, process::Command};

use crate::process::{CANARY, SCANNED, SECRET_ID, run, simulating};

/// What the SDK gets from `api`, one line a request.
fn ask(api: &str, method: &str, n_requests: u32, key: &str) -> Vec<String> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = project.join("target/sdk/bin/python");
    assert!(python.exists(), "the official SDK is not there; run tests/run, which installs it");
    let mut command = Command::new(python);
    command
        .env_clear()
        .env("TENCENTCLOUD_SECRET_ID", SECRET_ID)
        .env("TENCENTCLOUD_SECRET_KEY", key)
        .arg(project.join("tests/it/sdk.py"))
        .args([api.trim_start_matches("http://"), method, &n_requests.to_string()]);
    let (status, output) = run("the SDK", &mut command, "");
    assert!(status.success(), "{status}: {output}");
    output.lines().map(str::to_owned).collect()
}

fn right_key() -> String {
    format!("{CANARY}-key")
}

#[test]
fn the_sdk_gets_an_answer_by_either_method() {
    let (_api, api) = simulating(SCANNED);
    for method in ["POST", "GET"] {
        assert_eq!(ask(&api, method, 1, &right_key()), ["SCANNED 8 1001"], "{method}");
    }
}

#[test]
fn the_sdk_is_told_of_a_wrong_key() {
    let (_api, api) = simulating(SCANNED);
    for method in ["POST", "GET"] {
        let answer = ask(&api, method, 1, &format!("{CANARY}-other-key"));
        assert_eq!(answer, ["AuthFailure.SignatureFailure"], "{method}");
    }
}

/// 200 requests in a row take some 1 s, or on a busy machine some more; the limit is 20 in any second.
#[test]
fn the_sdk_is_told_of_its_limit() {
    let (_api, api) = simulating(SCANNED);
    let answers = ask(&api, "POST", 200, &right_key());
    assert_eq!(answers.len(), 200);
    assert!(answers[..20].iter().all(|answer| answer == "SCANNED 8 1001"), "{answers:?}");
    assert!(answers[20..].contains(&"RequestLimitExceeded".to_owned()), "{answers:?}");
    assert!(answers.iter().all(|answer| answer.starts_with("SCANNED") || answer == "RequestLimitExceeded"));
}
