//! `--web.config.file`, and the listeners of the web server.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    process::Command,
};

use crate::support::{
    process::{CANARY, Running, exporter, file, get, listening, path, until},
    site::{Site, password, plain_client, status, user},
    value,
};

const IS_LOADED: &str = "tcss_exporter_web_config_last_reload_successful";
const LOADED_AT: &str = "tcss_exporter_web_config_last_reload_success_timestamp_seconds";

/// One problem in each block, on the lines 2, 4, 6 and 7.
fn broken() -> String {
    format!(
        "tls_server_config:\n  min_version: TLS11\nhttp_server_config:\n  headers: {{Server: x}}\n\
         basic_auth_users:\n  alice: {CANARY}\nrate_limit: {{burst: 1}}\n"
    )
}

fn output(command: &mut Command) -> (i32, String) {
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    assert!(!text.contains(CANARY), "prints a secret: {text}");
    (output.status.code().unwrap(), text)
}

#[test]
fn an_invalid_file_at_startup_exits_with_2_and_every_problem() {
    let (web, config) = (file(&broken()), file("poll: {interval: 0s}\n"));
    for command in ["serve", "demo", "check"] {
        let config: &[&str] = if command == "demo" {
            &[]
        } else {
            &["--config.file", path(&config)]
        };
        let (code, said) = output(
            exporter()
                .args([command, "--web.config.file", path(&web)])
                .args(config),
        );
        assert_eq!(code, 2, "{command}: {said}");
        for line in [2, 4, 6, 7] {
            assert!(
                said.contains(&format!("{}:{line}: ", path(&web))),
                "{command}, line {line}: {said}"
            );
        }
        let of_config = format!("{}:1: poll.interval", config.get(1).unwrap_or(&""));
        assert!(
            command == "demo" || said.contains(&of_config),
            "{command}: {said}"
        );
    }
    let (code, said) = output(exporter().args(["check", "--web.config.file=/nonexistent/w.yml"]));
    assert_eq!(code, 2);
    assert!(
        said.contains("/nonexistent/w.yml: cannot be read"),
        "{said}"
    );
}

#[test]
fn check_summarizes_a_valid_file() {
    let web = file(&format!("basic_auth_users:\n  {}\n", user("alice", 4)));
    let (code, said) = output(exporter().args(["check", "--web.config.file", path(&web)]));
    assert_eq!(code, 0, "{said}");
    assert!(
        said.ends_with("web configuration ok: plain HTTP, 1 user\n"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_becomes_invalid_keeps_the_last_valid_configuration_in_use() {
    let good = format!("basic_auth_users:\n  {}\n", user("alice", 4));
    let site = Site::start(&good, &[], &["--web.enable-lifecycle"]);
    let client = plain_client();
    let alice =
        |request: reqwest::RequestBuilder| request.basic_auth("alice", Some(password("alice")));
    let metrics = async || {
        let answer = alice(client.get(site.http("/metrics")))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().await.unwrap()
    };
    let before = metrics().await;
    assert_eq!(value(&before, IS_LOADED), Some(1.0));

    site.write("w.yml", &broken());
    let answer = alice(client.post(site.http("/-/reload")))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 500);
    let problems = answer.text().await.unwrap();
    assert!(
        problems.contains("w.yml:2: ") && problems.contains("w.yml:7: "),
        "{problems}"
    );
    let during = metrics().await;
    assert_eq!(
        (value(&during, IS_LOADED), value(&during, LOADED_AT)),
        (Some(0.0), value(&before, LOADED_AT))
    );
    assert_eq!(
        value(&during, "tcss_exporter_config_last_reload_successful"),
        Some(1.0),
        "the other file is good"
    );
    assert_eq!(status(client.get(site.http("/metrics"))).await, Some(401));
    assert_eq!(
        alice(client.post(site.http("/-/reload")))
            .send()
            .await
            .unwrap()
            .status(),
        500
    );
    let told = site
        .running
        .output()
        .matches("web configuration not reloaded")
        .count();
    assert_eq!(told, problems.lines().count(), "logged once");

    site.write("w.yml", &good);
    assert_eq!(
        status(alice(client.post(site.http("/-/reload")))).await,
        Some(200)
    );
    let after = metrics().await;
    assert_eq!(value(&after, IS_LOADED), Some(1.0));
    assert!(value(&after, LOADED_AT) > value(&before, LOADED_AT));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_file_there_are_no_metrics_of_it() {
    let (refusing, endpoint) = crate::support::raw::refusing();
    let endpoint = format!("--api.endpoint=http://{endpoint}");
    let (_exporter, url) = crate::support::process::serving(&[&endpoint]);
    assert!(!get(&format!("{url}/metrics")).await.contains("web_config"));
    drop(refusing);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_response_has_the_configured_headers() {
    let site = Site::start(
        "http_server_config:\n  headers:\n    X-Frame-Options: deny\n    Strict-Transport-Security: max-age=1\n    \
         Content-Security-Policy: default-src 'self'\nbasic_auth_users: {}\n",
        &[],
        &[],
    );
    for page in ["/metrics", "/", "/nothing", "/-/healthy"] {
        let answer = plain_client().get(site.http(page)).send().await.unwrap();
        let header = |name: &str| {
            answer
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(header("x-frame-options").as_deref(), Some("deny"), "{page}");
        assert_eq!(
            header("strict-transport-security").as_deref(),
            Some("max-age=1"),
            "{page}"
        );
        let policy = header("content-security-policy").unwrap();
        assert_eq!(
            policy == "default-src 'self'",
            page != "/",
            "{page}: the status page has its own: {policy}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rate_limit_counts_every_request() {
    let site = Site::start("rate_limit: {interval: 1h, burst: 3}\n", &[], &[]);
    let mut seen = Vec::new();
    for page in [
        "/metrics",
        "/-/healthy",
        "/nothing",
        "/metrics",
        "/-/healthy",
    ] {
        seen.push(status(plain_client().get(site.http(page))).await.unwrap());
    }
    assert_eq!(seen, [200, 200, 404, 429, 429]);
}

/// The answer to one request for the metrics.
fn ask(path: &Path) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: exporter\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn on_unix_socket(path: &Path) -> Command {
    let mut command = exporter();
    command.args([
        "--poll.interval=1h",
        "--poll.stale-after=2h",
        "--api.endpoint=http://127.0.0.1:1",
    ]);
    command.arg(format!("--web.listen-address=unix:{}", path.display()));
    command
}

#[test]
fn a_unix_socket_is_served_replaced_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("exporter.sock");
    // A killed process leaves its socket file.
    drop(UnixListener::bind(&path).unwrap());
    let mut first = Running::start("tcss-exporter", &mut on_unix_socket(&path));
    first.wait_for("where it listens", |log| {
        log.contains("message=listening").then_some(())
    });
    assert!(ask(&path).unwrap().starts_with("HTTP/1.1 200 OK\r\n"));
    let (code, said) = output(&mut on_unix_socket(&path));
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains(&format!(
            "cannot listen on unix:{}: Address already in use",
            path.display()
        )),
        "{said}"
    );
    assert!(
        ask(&path).unwrap().starts_with("HTTP/1.1 200 OK\r\n"),
        "the running process is not affected"
    );
    first.signal("TERM");
    assert!(first.wait().success());
    assert!(!path.exists());
}

/// Passes sockets as systemd does: sets their number and the process that they are for, and becomes the exporter.
const SYSTEMD: &str = "
import os, socket, sys
tcp = socket.create_server(('127.0.0.1', 0))
unix = socket.socket(socket.AF_UNIX)
unix.bind(sys.argv[1])
unix.listen()
numbers = [os.dup(fd) for fd in (tcp.fileno(), unix.fileno())]
for to, number in enumerate(numbers, 3):
    os.dup2(number, to, inheritable=True)
os.environ.update(LISTEN_FDS='2', LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_from_systemd_are_served_and_not_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("exporter.sock");
    let program = exporter();
    let mut command = Command::new("python3");
    command
        .args(["-c", SYSTEMD])
        .arg(&path)
        .arg(program.get_program());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.args([
        "--web.systemd-socket",
        "--poll.interval=1h",
        "--poll.stale-after=2h",
        "--api.endpoint=http://127.0.0.1:1",
    ]);
    let mut running = Running::start("tcss-exporter", &mut command);
    let url = running.wait_for("where it listens", listening);
    until(&format!("{url}/-/healthy"), "health", |body| {
        (body == "healthy\n").then_some(())
    })
    .await;
    assert!(ask(&path).unwrap().starts_with("HTTP/1.1 200 OK\r\n"));
    running.signal("TERM");
    assert!(running.wait().success());
    assert!(path.exists(), "it is systemd's");
}

#[test]
fn missing_sockets_from_systemd_are_an_error() {
    let (code, said) = output(exporter().arg("--web.systemd-socket"));
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("systemd passed no sockets"), "{said}");
    let (code, said) =
        output(exporter().args(["--web.systemd-socket", "--web.listen-address=127.0.0.1:0"]));
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("--web.listen-address are mutually exclusive"),
        "{said}"
    );
}
