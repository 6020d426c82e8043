//! Each kind, from the configuration file to the answer of the API.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant as Stopwatch},
};

use super::{ROLE_ARN, scenario};
use crate::support::{
    process::{
        CANARY, Running, SECRET_ID, exporter, file, path, run, serving, serving_as, simulator,
        until,
    },
    raw::{Act, Raw, http, refusing},
    value,
};

/// A simulator, and a directory with a configuration and with what it refers to.
struct World {
    _api: Running,
    api: String,
    directory: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let scenario = file(&scenario("token_lifetime: 1h"));
        let (running, api) = simulator(&["--scenario", path(&scenario)]);
        World {
            _api: running,
            api,
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// The exporter with these credentials and no keys in its environment.
    fn exporter(&self, credentials: &str) -> Command {
        let credentials = credentials.replace("API", &self.api);
        self.write(
            "tcss-exporter.yml",
            &format!(
                "api: {{endpoint: \"{}\"}}\ncredentials: {credentials}\n",
                self.api
            ),
        );
        let mut command = without_keys();
        command.env("HOME", self.directory.path());
        command
    }

    fn config(&self) -> String {
        self.directory
            .path()
            .join("tcss-exporter.yml")
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// Polls once with these credentials.
    #[track_caller]
    fn works(&self, credentials: &str, environment: &[(&str, &str)]) {
        let mut command = self.exporter(credentials);
        command.args(["scan", "--output=json", "--config.file", &self.config()]);
        let (status, output) = run("scan", command.envs(environment.iter().copied()), "");
        assert!(status.success(), "{credentials}: {output}");
        assert!(output.contains("\"up\": true"), "{credentials}: {output}");
        assert!(!output.contains(CANARY), "{credentials}: {output}");
    }
}

fn without_keys() -> Command {
    let mut command = exporter();
    for name in ["TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY"] {
        command.env_remove(name);
    }
    command
}

#[test]
fn every_kind_works() {
    let world = World::new();
    let key = format!("{CANARY}-key");
    world.works(
        "{env: {secret_id: MY_ID, secret_key: MY_KEY}}",
        &[("MY_ID", SECRET_ID), ("MY_KEY", &key)],
    );

    world.write("keys/id", &format!("{SECRET_ID}\n"));
    world.write("keys/key", &format!("{key}\n"));
    let files = "{files: {secret_id_file: keys/id, secret_key_file: keys/key}}";
    world.works(files, &[]);

    world.works(
        &format!("{{static: {{secret_id: {SECRET_ID}, secret_key: {key}}}}}"),
        &[],
    );

    let section = |name: &str| format!("[{name}]\nsecret_id = {SECRET_ID}\nsecret_key = {key}\n");
    world.write(".tencentcloud/credentials", &section("default"));
    world.works("{profile: {}}", &[]);
    world.write(
        "shared.ini",
        &format!(
            "[default]\nsecret_id = wrong\nsecret_key = wrong\n{}",
            section("dev")
        ),
    );
    world.works("{profile: {file: shared.ini, name: dev}}", &[]);

    let login = serde_json::json!({"secretId": SECRET_ID, "secretKey": key});
    world.write(".tccli/dev.credential", &login.to_string());
    world.works("{tccli: {name: dev}}", &[]);

    world.works("{cvm_role: {endpoint: API}}", &[]);
    world.works("{cvm_role: {endpoint: API, role: tcss-exporter}}", &[]);

    world.works(
        &format!(
            "{{assume_role: {{role_arn: '{ROLE_ARN}', endpoint: API, duration: 30m, source: {files}}}}}"
        ),
        &[],
    );
}

/// The environment variables that TKE sets.
fn pod(token_file: &Path) -> [(&'static str, &str); 4] {
    [
        ("TKE_REGION", "ap-guangzhou"),
        ("TKE_PROVIDER_ID", "cls-abcd1234"),
        ("TKE_WEB_IDENTITY_TOKEN_FILE", token_file.to_str().unwrap()),
        ("TKE_ROLE_ARN", ROLE_ARN),
    ]
}

#[test]
fn a_pod_has_the_role_that_tke_gives_it() {
    let world = World::new();
    let token = file(&format!("{CANARY}-web\n"));
    world.works("{tke_oidc: {endpoint: API}}", &pod(token.path()));
    world.works(
        "{chain: {sts_endpoint: API, metadata_endpoint: API}}",
        &pod(token.path()),
    );
}

#[test]
fn without_a_kind_the_chain_finds_what_there_is() {
    let world = World::new();
    let chain = "{chain: {sts_endpoint: API, metadata_endpoint: API}}";
    world.works(chain, &[]);
    world.write(
        ".tencentcloud/credentials",
        &format!("[default]\nsecret_id = {SECRET_ID}\nsecret_key = {CANARY}-key\n"),
    );
    world.works(chain, &[]);
    let key = format!("{CANARY}-next");
    world.works(
        chain,
        &[
            ("TENCENTCLOUD_SECRET_ID", "AKIDnext"),
            ("TENCENTCLOUD_SECRET_KEY", &key),
        ],
    );
}

#[test]
fn a_chain_that_finds_nothing_is_reported_at_the_start_with_what_to_do() {
    let world = World::new();
    let (_socket, nobody) = refusing();
    for (command, expected, account) in [
        (
            "serve",
            2,
            "tcss-exporter: account \"default\" has no credentials: ",
        ),
        ("scan", 1, "    credentials: "),
    ] {
        let mut exporter = world.exporter(&format!(
            "{{chain: {{metadata_endpoint: 'http://{nobody}'}}}}"
        ));
        exporter.args([command, "--config.file", &world.config()]);
        exporter.env("TCSS_EXPORTER_WEB_LISTEN_ADDRESS", "127.0.0.1:0");
        let (status, output) = run(command, &mut exporter, "");
        assert_eq!(status.code(), Some(expected), "{output}");
        assert_eq!(
            output
                .lines()
                .filter(|line| line.starts_with(account))
                .count(),
            1,
            "{output}"
        );
        for part in [
            &format!("{account}set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY, or"),
            "profile: there is no ",
            "tke_oidc: ",
            &format!("cvm_role: http://{nobody}: "),
        ] {
            assert!(output.contains(part), "{part}: {output}");
        }
    }
}

/// It delays the start of the chain by its timeout of 2 seconds, but neither stops the exporter nor affects other accounts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_metadata_service_delays_the_chain_by_at_most_five_seconds() {
    let world = World::new();
    let silent = Raw::start(Act::Silence).await;
    let mut command = world.exporter("");
    world.write(
        "tcss-exporter.yml",
        &format!(
            "api: {{endpoint: \"{}\"}}
poll: {{interval: 1s}}
accounts:
  - {{name: chain, credentials: {{chain: {{metadata_endpoint: \"{}\"}}}}}}
  - {{name: other, credentials: {{env: {{secret_id: MY_ID, secret_key: MY_KEY}}}}}}
",
            world.api,
            silent.url()
        ),
    );
    command
        .env("MY_ID", SECRET_ID)
        .env("MY_KEY", format!("{CANARY}-key"));
    command.args(["--config.file", &world.config()]);
    let watch = stopwatch();
    let (_exporter, url) = serving_as(&mut command);
    let of = |text: &str, name: &str, account: &str| {
        value(
            text,
            &format!("{name}{{account=\"{account}\",collector=\"vul_scan\",scan=\"latest\"}}"),
        )
    };
    until(&format!("{url}/metrics"), "a poll of each", |text| {
        let polls = |account| of(text, "tcss_polls_total", account);
        (polls("chain") >= Some(1.0) && polls("other") >= Some(1.0)).then_some(())
    })
    .await;
    let took = watch.elapsed();
    assert!(took < Duration::from_secs(5), "took {took:?}");
    let text = until(&format!("{url}/metrics"), "more polls", |text| {
        (of(text, "tcss_polls_total", "other") >= Some(4.0)).then(|| text.to_owned())
    })
    .await;
    assert_eq!(of(&text, "tcss_poll_failures_total", "other"), Some(0.0));
    assert!(
        text.contains(
            "tcss_poll_failing{account=\"chain\",collector=\"vul_scan\",scan=\"latest\",reason=\"credentials\"} 1"
        )
    );
}

#[expect(clippy::disallowed_methods, reason = "sockets live in real time")]
fn stopwatch() -> Stopwatch {
    Stopwatch::now()
}

/// Requests to the metadata service never use a proxy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_proxy_and_no_redirect_leads_to_the_metadata_service() {
    let world = World::new();
    let (_socket, refused) = refusing();
    let proxy = format!("http://{refused}");
    let proxies =
        ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"].map(|name| (name, proxy.as_str()));
    world.works("{cvm_role: {endpoint: API}}", &proxies);

    let head = format!(
        "Location: {}/latest/meta-data/cam/security-credentials/\r\n",
        world.api
    );
    let elsewhere = Raw::start(Act::Send(crate::support::raw::http(
        "302 Found",
        &head,
        b"",
    )))
    .await;
    let mut command = world.exporter(&format!(
        "{{cvm_role: {{endpoint: '{}'}}}}",
        elsewhere.url()
    ));
    command.args(["scan", "--config.file", &world.config()]);
    let (status, output) = run("scan", &mut command, "");
    assert_eq!(status.code(), Some(1), "{output}");
    assert!(output.contains("HTTP status 302"), "{output}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_expire_within_seconds_fail_no_poll() {
    let scenario = file(&scenario("token_lifetime: 4s"));
    let (_api, api) = simulator(&["--scenario", path(&scenario)]);
    let config = file(&format!(
        "api: {{endpoint: \"{api}\"}}
poll: {{interval: 1s}}
accounts:
  - {{name: machine, credentials: {{cvm_role: {{endpoint: \"{api}\"}}}}}}
  - {{name: role, credentials: {{assume_role: {{role_arn: '{ROLE_ARN}', endpoint: \"{api}\", source: {{env: {{}}}}}}}}}}
"
    ));
    let mut command = exporter();
    command.args(["--config.file", path(&config)]);
    let (_exporter, url) = serving_as(&mut command);
    let text = until(&format!("{url}/metrics"), "polls", |text| {
        let polls = |account| {
            value(
                text,
                &format!("tcss_polls_total{{account=\"{account}\",collector=\"vul_scan\",scan=\"latest\"}}"),
            )
        };
        (polls("machine") >= Some(12.0) && polls("role") >= Some(12.0)).then(|| text.to_owned())
    })
    .await;
    for account in ["machine", "role"] {
        let of = |name: &str, labels: &str| {
            value(&text, &format!("{name}{{account=\"{account}\"{labels}}}"))
        };
        assert_eq!(
            of(
                "tcss_poll_failures_total",
                ",collector=\"vul_scan\",scan=\"latest\""
            ),
            Some(0.0),
            "{account}: {text}"
        );
        assert_eq!(
            of("tcss_credentials_refresh_failures_total", ""),
            Some(0.0),
            "{account}"
        );
    }
    let stats: serde_json::Value =
        serde_json::from_str(&crate::support::process::get(&format!("{api}/-/stats")).await)
            .unwrap();
    assert!(
        stats["identities"]["reader"]["issued"].as_u64().unwrap() >= 6,
        "{stats}"
    );
}

/// The real tccli writes the profiles, which then select a role or the machine's role.
#[test]
fn profiles_that_tccli_writes_select_the_same_identity_as_in_tccli() {
    let world = World::new();
    let key = format!("{CANARY}-key");
    let tccli = |arguments: &[&str]| {
        let mut command = Command::new(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/target/tccli/bin/tccli"
        ));
        command.env("HOME", world.directory.path());
        let (status, output) = run(
            "tccli",
            command.args(["configure", "set"]).args(arguments),
            "",
        );
        assert!(status.success(), "{output}");
    };
    let credentials = "{tccli: {sts_endpoint: API, metadata_endpoint: API}}";
    let origin = |environment: &[(&str, &str)], credentials: &str| {
        let mut command = world.exporter(credentials);
        command.args(["scan", "--output=json", "--config.file", &world.config()]);
        let (status, output) = run("scan", command.envs(environment.iter().copied()), "");
        assert!(status.success(), "{output}");
        // Log lines precede the JSON.
        let json = &output[output.find("[\n").unwrap()..=output.rfind(']').unwrap()];
        let scans: serde_json::Value = serde_json::from_str(json).unwrap();
        scans[0]["credentials"]["origin"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    tccli(&["secretId", SECRET_ID, "secretKey", &key]);
    let path = world.directory.path().join(".tccli/default.credential");
    let keys = format!("tccli {}", path.display());
    assert_eq!(origin(&[], credentials), keys);
    tccli(&["role-arn", ROLE_ARN, "role-session-name", "mon"]);
    assert_eq!(
        origin(&[], credentials),
        format!("assume_role {ROLE_ARN} with {keys}")
    );
    tccli(&["use-cvm-role", "true"]);
    assert_eq!(origin(&[], credentials), "CVM role tcss-exporter");

    let environment = [
        ("TENCENTCLOUD_SECRET_ID", SECRET_ID),
        ("TENCENTCLOUD_SECRET_KEY", &key),
        ("TENCENTCLOUD_ROLE_ARN", ROLE_ARN),
        ("TENCENTCLOUD_ROLE_SESSION_NAME", "mon"),
    ];
    for credentials in ["{env: {sts_endpoint: API}}", "{chain: {sts_endpoint: API}}"] {
        assert_eq!(
            origin(&environment, credentials),
            format!("assume_role {ROLE_ARN} with env TENCENTCLOUD_SECRET_ID")
        );
    }
}

/// Eight accounts with one role: the cause is the network, and one line says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_sts_is_a_failure_of_the_network_and_logged_once_per_source() {
    let (_socket, refused) = refusing();
    let silent = Raw::start(Act::Silence).await;
    let gateway = Raw::start(Act::Send(http("502 Bad Gateway", "", b""))).await;
    let tls = format!("https://{}", silent.address);
    for (endpoint, reason) in [
        (format!("http://{refused}"), "network"),
        (silent.url(), "timeout"),
        (tls, "timeout"),
        (gateway.url(), "http_status"),
    ] {
        let credentials = format!(
            "{{assume_role: {{role_arn: '{ROLE_ARN}', endpoint: '{endpoint}', source: {{env: {{}}}}}}}}"
        );
        let accounts: String = (0..8)
            .map(|n| format!("- {{name: a-{n}, credentials: {credentials}}}\n"))
            .collect();
        let config = file(&format!(
            "poll: {{interval: 1s, scanning_interval: 1s, timeout: 1s}}\n\
             api: {{endpoint: 'http://{refused}'}}\naccounts:\n{accounts}"
        ));
        let (exporter, url) = serving(&["--log.level=info", "--config.file", path(&config)]);
        let failing = format!("reason=\"{reason}\"}} 1");
        until(&format!("{url}/metrics"), &failing, |text| {
            let failing =
                |line: &&str| line.starts_with("tcss_poll_failing{") && line.ends_with(&failing);
            (text.lines().filter(failing).count() == 8).then_some(())
        })
        .await;
        let log = exporter.output();
        assert_eq!(log.matches("cannot get credentials").count(), 1, "{log}");
        assert!(!log.contains("poll failed"), "{log}");
    }
}
