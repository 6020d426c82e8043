//! `health`, as container health checks and exec probes run it.

use crate::support::{
    process::{Running, exporter, listening},
    site::{Authority, Issued, Site},
};

/// The exit code and what was printed.
fn health(addresses: &[&str]) -> (i32, String) {
    let mut command = exporter();
    command.arg("health");
    for address in addresses {
        command.args(["--web.listen-address", address]);
    }
    let output = command.output().unwrap();
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code().unwrap(), printed)
}

fn healthy() -> (i32, String) {
    (0, "healthy\n".to_owned())
}

#[test]
fn an_exporter_on_plain_http_and_a_unix_socket_is_healthy() {
    let directory = tempfile::tempdir().unwrap();
    let socket = format!("unix:{}", directory.path().join("a.sock").display());
    let mut command = exporter();
    command.args([
        "--api.endpoint=http://127.0.0.1:1",
        "--web.listen-address=127.0.0.1:0",
        "--web.listen-address",
        &socket,
    ]);
    let mut running = Running::start("tcss-exporter", &mut command);
    let url = running.wait_for("where it listens", listening);
    running.wait_for("the socket", |log| log.contains(&socket).then_some(()));
    let (_, port) = url.rsplit_once(':').unwrap();
    for addresses in [
        vec![url.trim_start_matches("http://")],
        vec![&format!("0.0.0.0:{port}")],
        vec![&format!("localhost:{port}")],
        vec![&socket],
        vec![&format!(":{port}"), &socket],
    ] {
        assert_eq!(health(&addresses), healthy(), "{addresses:?}");
    }
    running.signal("TERM");
    assert!(running.wait().success());
    for address in [&format!(":{port}"), &socket] {
        let (code, printed) = health(&[address]);
        assert_eq!(code, 1);
        assert!(
            printed.starts_with(&format!("tcss-exporter: {address}: ")),
            "{printed}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exporter_with_tls_is_healthy_whatever_its_certificate_and_its_clients() {
    let authority = Authority::new();
    let Issued { certificate, key } = authority.server();
    let files = [
        ("server.pem", certificate.as_str()),
        ("server.key", key.as_str()),
        ("ca.pem", authority.certificate.as_str()),
    ];
    let clients = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n";
    for more in [
        "",
        "basic_auth_users: {alice: $2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG}\n",
        "rate_limit: {interval: 1h, burst: 1}\n",
        clients,
        &format!("{clients}  max_version: TLS12\n"),
    ] {
        let config =
            format!("tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n{more}");
        let site = Site::start(&config, &files, &[]);
        for _ in 0..2 {
            assert_eq!(health(&[&site.address]), healthy(), "{more}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_server_is_not_healthy() {
    let site = Site::start("", &[], &["--web.telemetry-path=/m"]);
    assert_eq!(health(&[&site.address]), healthy());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\n\r\n");
        }
    });
    let (code, printed) = health(&[&address]);
    assert_eq!(code, 1);
    assert!(printed.contains("503 Service Unavailable"), "{printed}");
}
