//! Nothing that is printed or served contains a secret of any kind, even at the finest log level and for any response.

use std::fs;

use super::ROLE_ARN;
use crate::support::{
    process::{CANARY, Running, exporter, get, listening, run, until},
    raw::{Act, Raw, http, ok},
    sum,
};

/// Issues keys, and repeats everything that it gets with them.
fn generous(head: &str, body: &str) -> Vec<u8> {
    if head.contains("/latest/meta-data") {
        return match head.split_whitespace().nth(1) {
            Some(path) if path.ends_with('/') => http("200 OK", "", b"MyRole"),
            _ => ok(metadata("Success").as_bytes()),
        };
    }
    if head.to_lowercase().contains("x-tc-action: assumerole") {
        ok(issued().as_bytes())
    } else {
        echo(head, body)
    }
}

/// Issues nothing, and returns text that must not be shown.
fn talkative(head: &str, body: &str) -> Vec<u8> {
    if head.contains("/latest/meta-data") {
        return ok(metadata(&format!("{CANARY} {head}")).as_bytes());
    }
    echo(head, body)
}

/// Returns an unreadable document.
fn garbled(head: &str, _: &str) -> Vec<u8> {
    let text = if head.contains("/latest/meta-data") {
        metadata("Success")
    } else {
        issued()
    };
    let quoted =
        serde_json::json!({ "Response": { "Credentials": text, "RequestId": "r" } }).to_string();
    ok(if head.contains("/latest/") {
        &text[..text.len() - 9]
    } else {
        &quoted
    }
    .as_bytes())
}

fn issued() -> String {
    serde_json::json!({ "Response": { "RequestId": "r", "ExpiredTime": 4_102_444_800_u64, "Credentials": {
        "TmpSecretId": format!("{CANARY}-id"), "TmpSecretKey": format!("{CANARY}-key"),
        "Token": format!("{CANARY}-token") } } })
    .to_string()
}

fn metadata(code: &str) -> String {
    serde_json::json!({ "Code": code, "TmpSecretId": format!("{CANARY}-id"), "ExpiredTime": 4_102_444_800_u64,
        "TmpSecretKey": format!("{CANARY}-key"), "Token": format!("{CANARY}-token") })
    .to_string()
}

fn echo(head: &str, body: &str) -> Vec<u8> {
    let error =
        serde_json::json!({ "Code": format!("Echo.{head}"), "Message": format!("{body} {head}") });
    ok(
        serde_json::json!({ "Response": { "Error": error, "RequestId": head } })
            .to_string()
            .as_bytes(),
    )
}

/// A directory with an account of each kind, every secret of it a canary.
fn accounts(api: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("id", &format!("{CANARY}-id"));
    write("key", &format!("{CANARY}-key"));
    write("token", &format!("{CANARY}-token"));
    write("broken", &format!("{CANARY}\n{CANARY}"));
    let section =
        format!("secret_id = {CANARY}-id\nsecret_key = {CANARY}-key\ntoken = {CANARY}-token\n");
    write(
        ".tencentcloud/credentials",
        &format!("[default]\n{section}"),
    );
    write("broken.ini", &format!("[default]\n{section}{CANARY}\n"));
    let login = format!("\"secretId\": \"{CANARY}-id\", \"secretKey\": \"{CANARY}-key\"");
    write(".tccli/default.credential", &format!("{{{login}}}"));
    write(
        ".tccli/broken.credential",
        &format!("{{{login}, \"token\": [\"{CANARY}\"]}}"),
    );
    let files = "files: {secret_id_file: id, secret_key_file: key, token_file: token}";
    let kinds = [
        ("env", "env: {}"),
        ("files", files),
        (
            "broken-files",
            "files: {secret_id_file: id, secret_key_file: broken}",
        ),
        (
            "static",
            &format!(
                "static: {{secret_id: {CANARY}-id, secret_key: {CANARY}-key, token: {CANARY}-t}}"
            ),
        ),
        ("profile", "profile: {}"),
        ("broken-profile", "profile: {file: broken.ini}"),
        ("tccli", "tccli: {}"),
        ("broken-tccli", "tccli: {name: broken}"),
        ("tke", &format!("tke_oidc: {{endpoint: '{api}'}}")),
        ("machine", &format!("cvm_role: {{endpoint: '{api}'}}")),
        (
            "named",
            &format!("cvm_role: {{endpoint: '{api}', role: MyRole}}"),
        ),
        (
            "role",
            &format!(
                "assume_role: {{role_arn: '{ROLE_ARN}', endpoint: '{api}', external_id: {CANARY}, source: {{{files}}}}}"
            ),
        ),
    ];
    let list = kinds.map(|(name, kind)| format!("  - {{name: {name}, credentials: {{{kind}}}}}\n"));
    write(
        "tcss-exporter.yml",
        &format!(
            "poll: {{interval: 1s}}\napi: {{endpoint: '{api}'}}\naccounts:\n{}",
            list.concat()
        ),
    );
    directory
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kind_shows_a_secret_for_any_response() {
    for reply in [generous, talkative, garbled] {
        let cloud = Raw::start(Act::Reply(reply)).await;
        let directory = accounts(&cloud.url());
        let config = directory.path().join("tcss-exporter.yml");
        let token = directory.path().join("token");
        let configured = || {
            let mut command = exporter();
            command
                .env("HOME", directory.path())
                .env("TENCENTCLOUD_TOKEN", format!("{CANARY}-token"))
                .env("TKE_REGION", "ap-guangzhou")
                .env("TKE_PROVIDER_ID", "cls-abcd1234")
                .env("TKE_WEB_IDENTITY_TOKEN_FILE", &token)
                .env("TKE_ROLE_ARN", ROLE_ARN);
            command
        };
        let mut command = configured();
        command
            .args(["--web.listen-address=127.0.0.1:0", "--config.file"])
            .arg(&config);
        let mut running = Running::start("tcss-exporter", &mut command);
        let url = running.wait_for("where it listens", listening);
        until(&format!("{url}/metrics"), "failed polls of all", |text| {
            (sum(text, "tcss_poll_failures_total") >= 20.0).then_some(())
        })
        .await;
        get(&url).await;
        assert!(!running.command_line().contains(CANARY));
        // Dropping the process searches everything that it has logged.
        let log = running.output();
        for account in [
            "env", "files", "static", "profile", "tccli", "tke", "machine", "role",
        ] {
            assert!(
                log.contains(&format!("account={account} ")),
                "{account}: {log}"
            );
        }
        for arguments in [
            &["check"][..],
            &["check", "--live"],
            &["scan"],
            &["scan", "--output=json"],
        ] {
            let mut command = configured();
            let (_, output) = run(
                "it",
                command.args(arguments).arg("--config.file").arg(&config),
                "",
            );
            assert!(!output.contains(CANARY), "{arguments:?}: {output}");
            assert!(
                output.contains("the keys are in the configuration file"),
                "{arguments:?}: {output}"
            );
        }
    }
}
