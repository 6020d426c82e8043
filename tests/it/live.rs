//! `check --live` and `scan`: a row for each account, with any failure and what to do about it.

use std::{fs, process::Command};

use crate::support::{
    process::{CANARY, Running, exporter, file, path, simulator},
    raw::{Act, Raw, refusing},
};

const ROLE: &str = "qcs::cam::uin/100000000001:roleName/reader";

/// Names of identities, and the settings of each in the scenario. Their accounts have the same names.
const IDENTITIES: [(&str, &str); 8] = [
    (
        "good",
        "started_ago: 60m, repeat: false, scans: [{takes: 10m, local_images: 3, risk_images: 2}]",
    ),
    ("wrong_key", ""),
    ("no_permission", "failures: [{code: UnauthorizedOperation}]"),
    (
        "wrong_clock",
        "failures: [{code: AuthFailure.SignatureExpire}]",
    ),
    (
        "not_enabled",
        "failures: [{code: InternalError.ErrRoleNotExist}]",
    ),
    (
        "no_licence",
        "failures: [{code: FailedOperation.AuthorizedNotEnough}]",
    ),
    ("throttled", "failures: [{code: RequestLimitExceeded}]"),
    ("slow", "latency: 1h"),
];

/// Accounts that have no identity of their own.
const OTHERS: [&str; 8] = [
    "unknown",
    "missing",
    "trusted",
    "untrusted",
    "no_role",
    "no_connection",
    "no_tls",
    "gateway",
];

struct World {
    _api: Running,
    _gateway: Raw,
    _refusing: tokio::net::TcpSocket,
    config: tempfile::NamedTempFile,
}

impl World {
    async fn start() -> World {
        let identities: String = IDENTITIES
            .iter()
            .map(|(name, rest)| {
                let comma = if rest.is_empty() { "" } else { ", " };
                format!(
                    "  - {{name: {name}, secret_id: AKID{name}, secret_key: {CANARY}-{name}{comma}{rest}}}\n"
                )
            })
            .collect();
        let scenario = file(&format!(
            "identities:\n{identities}  - {{name: reader, role: {{arn: '{ROLE}', assumed_by: [good]}}}}\n"
        ));
        let (api, url) = simulator(&["--scenario", path(&scenario)]);
        let gateway = Raw::start(Act::Send(
            b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n".to_vec(),
        ))
        .await;
        let (socket, refused) = refusing();
        let keys = |name: &str| format!("env: {{secret_id: {name}_id, secret_key: {name}_key}}");
        let assume = |arn: &str, by: &str| {
            format!(
                "assume_role: {{role_arn: '{arn}', endpoint: '{url}', source: {{{}}}}}",
                keys(by)
            )
        };
        let account = |name: &str| {
            let (credentials, rest) = match name {
                "trusted" => (assume(ROLE, "good"), String::new()),
                "untrusted" => (assume(ROLE, "no_permission"), String::new()),
                "no_role" => (
                    assume("qcs::cam::uin/100000000001:roleName/other", "good"),
                    String::new(),
                ),
                "slow" => (keys(name), "timeout: 200ms".into()),
                "no_connection" => (keys("good"), format!("endpoint: 'http://{refused}'")),
                "no_tls" => (
                    keys("good"),
                    format!("endpoint: '{}'", url.replace("http:", "https:")),
                ),
                "gateway" => (keys("good"), format!("endpoint: '{}'", gateway.url())),
                _ => (keys(name), String::new()),
            };
            format!("  - {{name: {name}, credentials: {{{credentials}}}, {rest}}}\n")
        };
        let names = IDENTITIES.iter().map(|(name, _)| *name).chain(OTHERS);
        let accounts: String = names.map(account).collect();
        let config = file(&format!(
            "api: {{endpoint: '{url}'}}\naccounts:\n{accounts}"
        ));
        World {
            _api: api,
            _gateway: gateway,
            _refusing: socket,
            config,
        }
    }

    /// Exit code and standard output of a command with this world's accounts.
    fn run(&self, arguments: &[&str]) -> (i32, String) {
        let mut command: Command = exporter();
        command
            .args(arguments)
            .args(["--config.file", path(&self.config)]);
        for (name, _) in IDENTITIES {
            command.env(format!("{name}_id"), format!("AKID{name}"));
            command.env(format!("{name}_key"), format!("{CANARY}-{name}"));
        }
        command.env("wrong_key_key", format!("{CANARY}-other"));
        command
            .env("unknown_id", "AKIDnobody")
            .env("unknown_key", format!("{CANARY}-nobody"));
        shown(&mut command)
    }
}

/// Exit code and standard output; neither that nor the log at its finest level may show a secret or a `SecretId`.
fn shown(command: &mut Command) -> (i32, String) {
    let output = command.output().unwrap();
    let [stdout, stderr] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    for text in [&stdout, &stderr] {
        assert!(
            !text.contains(CANARY) && !text.contains("AKID"),
            "a secret or an ID is shown: {text}"
        );
    }
    (output.status.code().unwrap(), stdout)
}

/// The row of an account and the notes below it.
fn row<'a>(table: &'a str, account: &str) -> Vec<&'a str> {
    let mut lines = table
        .lines()
        .skip_while(|line| line.split_whitespace().next() != Some(account));
    let row = lines
        .next()
        .unwrap_or_else(|| panic!("{account} has no row: {table}"));
    [row]
        .into_iter()
        .chain(
            lines
                .take_while(|line| line.starts_with("    "))
                .map(str::trim),
        )
        .collect()
}

/// The reason, the start of the first note behind it, and a word of the advice.
const EXPECTED: [(&str, &str, &str, &str); 14] = [
    (
        "wrong_key",
        "auth",
        "AuthFailure.SignatureFailure: ",
        "SecretKey",
    ),
    (
        "unknown",
        "auth",
        "AuthFailure.SecretIdNotFound: ",
        "tcss.intl.tencentcloudapi.com",
    ),
    (
        "wrong_clock",
        "auth",
        "AuthFailure.SignatureExpire: ",
        "clock",
    ),
    (
        "no_permission",
        "permission",
        "UnauthorizedOperation: ",
        "CAM policy",
    ),
    (
        "not_enabled",
        "permission",
        "InternalError.ErrRoleNotExist: ",
        "enable the service",
    ),
    (
        "no_licence",
        "server",
        "FailedOperation.AuthorizedNotEnough: ",
        "licences",
    ),
    (
        "throttled",
        "throttled",
        "RequestLimitExceeded: ",
        "request rate",
    ),
    ("slow", "timeout", "", "poll.timeout"),
    (
        "missing",
        "credentials",
        "set the environment variables missing_id and missing_key",
        "docs/credentials.md",
    ),
    (
        "untrusted",
        "credentials",
        "UnauthorizedOperation: ",
        "trust policy",
    ),
    (
        "no_role",
        "credentials",
        "ResourceNotFound.RoleNotFound: ",
        "role does not exist",
    ),
    ("no_connection", "network", "", "proxy"),
    ("no_tls", "tls", "", "CA certificates"),
    ("gateway", "http_status", "HTTP status 502", "gateway"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_live_reports_for_every_account_what_is_wrong_and_what_to_do() {
    let world = World::start().await;
    let (code, table) = world.run(&["check", "--live"]);
    assert_eq!(code, 2, "{table}");
    let good: Vec<&str> = row(&table, "good")[0].split_whitespace().collect();
    assert_eq!(good, ["good", "vul_scan", "env", "good_id", "-", "ok"]);
    let trusted = row(&table, "trusted");
    assert!(
        trusted[0].contains(&format!("assume_role {ROLE} with env good_id")),
        "{table}"
    );
    assert!(
        trusted[0].contains("  in 1h 59m ") && trusted[0].ends_with("  ok"),
        "{table}"
    );
    for (account, reason, what, advice) in EXPECTED {
        let lines = row(&table, account);
        assert!(
            lines[0].ends_with(&format!("  failed: {reason}")),
            "{account}: {table}"
        );
        // A missing permission is named as well.
        let n_lines = if reason == "permission" { 4 } else { 3 };
        assert_eq!(lines.len(), n_lines, "{account}: {table}");
        assert!(
            lines[1].starts_with(&format!("{reason}: {what}")),
            "{account}: {lines:?}"
        );
        assert!(
            lines[2].starts_with("to do: ") && lines[2].contains(advice),
            "{account}: {lines:?}"
        );
    }
    assert_eq!(
        table
            .lines()
            .filter(|line| line.contains("  failed: "))
            .count(),
        EXPECTED.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scan_reports_the_same_problems_with_its_results() {
    let world = World::start().await;
    let (code, table) = world.run(&["scan"]);
    assert_eq!(code, 1, "{table}");
    let good: Vec<&str> = row(&table, "good")[0].split_whitespace().collect();
    assert_eq!(
        good,
        [
            "good", "latest", "env", "good_id", "SCANNED", "100%", "2", "0/0", "yes"
        ]
    );
    let (code, json) = world.run(&["scan", "--output=json"]);
    assert_eq!(code, 1);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let find = |name: &str| {
        json.as_array()
            .unwrap()
            .iter()
            .find(|scan| scan["account"] == name)
            .unwrap()
    };
    assert!(
        find("trusted")["credentials"]["expires"]
            .as_str()
            .unwrap()
            .ends_with('Z')
    );
    assert_eq!(
        find("good")["credentials"],
        serde_json::json!({"origin": "env good_id"})
    );
    assert!(find("good").get("advice").is_none());
    for (account, reason, what, advice) in EXPECTED {
        let lines = row(&table, account);
        assert!(lines[0].ends_with("  no"), "{account}: {table}");
        assert!(
            lines[1].starts_with(&format!("{reason}: {what}")),
            "{account}: {lines:?}"
        );
        let scan = find(account);
        assert_eq!(
            (&scan["up"], &scan["reason"]),
            (&false.into(), &reason.into()),
            "{account}: {scan}"
        );
        assert!(
            scan["error"].as_str().unwrap().starts_with(what),
            "{account}: {scan}"
        );
        assert!(
            scan["advice"].as_str().unwrap().contains(advice),
            "{account}: {scan}"
        );
        let code = what.strip_suffix(": ").map(str::to_owned);
        assert_eq!(scan["code"].as_str(), code.as_deref(), "{account}: {scan}");
    }
}

/// A home with a profile and a file of tccli, and files with keys; all are those of the identity `good`.
fn keys_on_disk() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let key = format!("{CANARY}-good");
    write("id", "AKIDgood".into());
    write("key", key.clone());
    write("web", format!("{CANARY}-web"));
    write(
        ".tencentcloud/credentials",
        format!("[default]\nsecret_id = AKIDgood\nsecret_key = {key}\n"),
    );
    write(
        ".tccli/default.credential",
        format!(r#"{{"secretId": "AKIDgood", "secretKey": "{key}"}}"#),
    );
    home
}

#[test]
fn check_live_says_where_the_keys_of_every_kind_come_from() {
    let home = keys_on_disk();
    let directory = home.path().display();
    let scenario = file(&format!(
        "identities:\n  - {{name: good, secret_id: AKIDgood, secret_key: {CANARY}-good}}\n  - {{name: reader, role: \
         {{arn: '{ROLE}', assumed_by: [good], metadata: true, web_identity: {{provider: cls-1, token: {CANARY}-web}}}}}}\n"
    ));
    let (_api, url) = simulator(&["--scenario", path(&scenario)]);
    let kinds: [(&str, String, String); 8] = [
        ("env", "{}".into(), "env TENCENTCLOUD_SECRET_ID".into()),
        (
            "static",
            format!("{{secret_id: AKIDgood, secret_key: {CANARY}-good}}"),
            "static".into(),
        ),
        (
            "files",
            format!("{{secret_id_file: '{directory}/id', secret_key_file: '{directory}/key'}}"),
            format!("files {directory}/id"),
        ),
        (
            "profile",
            "{}".into(),
            format!("profile {directory}/.tencentcloud/credentials [default]"),
        ),
        (
            "tccli",
            "{}".into(),
            format!("tccli {directory}/.tccli/default.credential"),
        ),
        (
            "tke_oidc",
            format!("{{endpoint: '{url}'}}"),
            format!("tke_oidc {ROLE}"),
        ),
        (
            "cvm_role",
            format!("{{endpoint: '{url}'}}"),
            "CVM role reader".into(),
        ),
        (
            "assume_role",
            format!(
                "{{role_arn: '{ROLE}', endpoint: '{url}', source: {{cvm_role: {{endpoint: '{url}'}}}}}}"
            ),
            format!("assume_role {ROLE}"),
        ),
    ];
    let account = |(kind, keys, _): &(&str, String, String)| {
        format!("  - {{name: of_{kind}, credentials: {{{kind}: {keys}}}}}\n")
    };
    let accounts: String = kinds.iter().map(account).collect();
    let config = file(&format!(
        "api: {{endpoint: '{url}'}}\naccounts:\n{accounts}"
    ));
    let mut command = exporter();
    command.args(["check", "--live", "--config.file", path(&config)]);
    command
        .env("HOME", home.path())
        .env("TKE_WEB_IDENTITY_TOKEN_FILE", home.path().join("web"));
    command
        .env("TKE_REGION", "ap-guangzhou")
        .env("TKE_PROVIDER_ID", "cls-1")
        .env("TKE_ROLE_ARN", ROLE);
    command
        .env("TENCENTCLOUD_SECRET_ID", "AKIDgood")
        .env("TENCENTCLOUD_SECRET_KEY", format!("{CANARY}-good"));
    let (_, table) = shown(&mut command);
    for (kind, _, origin) in &kinds {
        let row = row(&table, &format!("of_{kind}"))[0];
        assert!(row.contains(origin.as_str()), "{kind}: {table}");
        // The simulator's role does not trust itself.
        let (expected, expires) = match *kind {
            "assume_role" => ("failed: credentials", false),
            "tke_oidc" | "cvm_role" => ("ok", true),
            _ => ("ok", false),
        };
        assert!(row.ends_with(&format!("  {expected}")), "{kind}: {table}");
        assert_eq!(row.contains("  in 1h 59m "), expires, "{kind}: {table}");
    }
}
