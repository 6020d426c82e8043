//! TLS: versions, client certificates, and certificates that change.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use rcgen::SanType;
use rustls::{
    HandshakeKind, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::support::{
    process::run,
    site::{Authority, Issued, Site, client, status},
    value,
};

const TLS: &str = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n";

fn start(authority: &Authority, more: &str, flags: &[&str]) -> Site {
    let Issued { certificate, key } = authority.server();
    let files = [
        ("server.pem", certificate.as_str()),
        ("server.key", key.as_str()),
        ("ca.pem", authority.certificate.as_str()),
    ];
    Site::start(&format!("{TLS}{more}"), &files, flags)
}

/// Whether a client with this certificate, if any, gets the metrics.
async fn comes_in(site: &Site, authority: &Authority, shown: Option<&Issued>) -> bool {
    let client = client(authority, shown).build().unwrap();
    status(client.get(site.https("/metrics"))).await == Some(200)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_come_over_tls_and_not_over_plain_http() {
    let authority = Authority::new();
    let site = start(&authority, "", &[]);
    assert!(comes_in(&site, &authority, None).await);
    assert_eq!(
        status(crate::support::site::plain_client().get(site.http("/metrics"))).await,
        None
    );
    assert!(
        !comes_in(&site, &Authority::new(), None).await,
        "another authority vouches for nothing here"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sslscan_finds_tls_1_2_and_1_3_only() {
    let authority = Authority::new();
    for (more, expected) in [
        ("", [("TLSv1.2", "enabled"), ("TLSv1.3", "enabled")]),
        (
            "  min_version: TLS13\n",
            [("TLSv1.2", "disabled"), ("TLSv1.3", "enabled")],
        ),
        (
            "  max_version: TLS12\n",
            [("TLSv1.2", "enabled"), ("TLSv1.3", "disabled")],
        ),
    ] {
        let site = start(&authority, more, &[]);
        let (status, seen) = run(
            "sslscan",
            Command::new("sslscan").args(["--no-colour", &site.address]),
            "",
        );
        assert!(status.success(), "{seen}");
        let of = |version: &str| {
            let line = seen.lines().find(|line| line.starts_with(version));
            line.and_then(|line| line.split_whitespace().last())
                .unwrap_or_default()
                .to_owned()
        };
        for version in ["SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1"] {
            assert_eq!(of(version), "disabled", "{version}: {seen}");
        }
        for (version, expected) in expected {
            assert_eq!(of(version), expected, "{version}: {seen}");
        }
        for flaw in [
            "vulnerable to heartbleed",
            "Insecure session renegotiation supported",
            "Compression enabled",
        ] {
            assert!(
                !seen
                    .replace("not vulnerable to heartbleed", "")
                    .contains(flaw),
                "{seen}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openssl_agrees_on_http_1_1_and_on_the_configured_suite_and_curve() {
    let authority = Authority::new();
    let more = "  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n  \
                 curve_preferences: [CurveP384]\n";
    let site = start(&authority, more, &[]);
    let mut command = Command::new("openssl");
    command
        .args(["s_client", "-alpn", "h2,http/1.1", "-CAfile"])
        .arg(site.path("ca.pem"));
    let (_, seen) = run("openssl", command.args(["-connect", &site.address]), "");
    for expected in [
        "Verify return code: 0 (ok)",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "secp384r1",
        "ALPN protocol: http/1.1",
    ] {
        assert!(seen.contains(expected), "{expected}: {seen}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_client_authentication_accepts_the_same_clients_as_go() {
    let authority = Authority::new();
    let (ours, foreign) = (
        authority.issue(Vec::new()),
        Authority::new().issue(Vec::new()),
    );
    let expired = authority.issue_expired();
    let shown = [
        ("none", None),
        ("foreign", Some(&foreign)),
        ("expired", Some(&expired)),
        ("ours", Some(&ours)),
    ];
    // Whether a client is accepted with each of them.
    for (kind, expected) in [
        ("NoClientCert", [true, true, true, true]),
        ("RequestClientCert", [true, true, true, true]),
        ("RequireAnyClientCert", [false, true, true, true]),
        ("VerifyClientCertIfGiven", [true, false, false, true]),
        ("RequireAndVerifyClientCert", [false, false, false, true]),
    ] {
        let ca = if kind == "NoClientCert" {
            ""
        } else {
            "  client_ca_file: ca.pem\n"
        };
        for version in ["TLS12", "TLS13"] {
            let more = format!(
                "  client_auth_type: {kind}\n{ca}  min_version: {version}\n  max_version: {version}\n"
            );
            let site = start(&authority, &more, &[]);
            for ((what, shown), expected) in shown.into_iter().zip(expected) {
                assert_eq!(
                    comes_in(&site, &authority, shown).await,
                    expected,
                    "{kind} {version} {what}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_needs_one_of_the_allowed_names() {
    let authority = Authority::new();
    let more = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  client_allowed_sans:\n  \
                - prometheus.example\n  - ops@example.com\n  - spiffe://example.com/prometheus\n  - 10.1.2.3\n";
    let site = start(&authority, more, &[]);
    let dns = |name: &str| SanType::DnsName(name.try_into().unwrap());
    let uri = |name: &str| SanType::URI(name.try_into().unwrap());
    let email = |name: &str| SanType::Rfc822Name(name.try_into().unwrap());
    let ip = |name: &str| SanType::IpAddress(name.parse().unwrap());
    for (sans, expected) in [
        (vec![dns("prometheus.example")], true),
        (vec![dns("other.example"), email("ops@example.com")], true),
        (vec![uri("spiffe://example.com/prometheus")], true),
        (vec![ip("10.1.2.3")], true),
        (vec![], false),
        (
            vec![
                dns("a.prometheus.example"),
                email("root@example.com"),
                ip("10.1.2.4"),
            ],
            false,
        ),
        (vec![uri("spiffe://example.com/prometheus/x")], false),
    ] {
        let issued = authority.issue(sans.clone());
        assert_eq!(
            comes_in(&site, &authority, Some(&issued)).await,
            expected,
            "{sans:?}"
        );
    }
    let foreign = Authority::new().issue(vec![dns("prometheus.example")]);
    assert!(
        !comes_in(&site, &authority, Some(&foreign)).await,
        "a name is nothing without an authority"
    );
}

/// A resumed session shows no certificate, so a client with an expired certificate would still be accepted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_shows_its_certificate_at_each_connection() {
    let authority = Authority::new();
    let Issued { certificate, key } = authority.issue(Vec::new());
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    for version in ["TLS12", "TLS13"] {
        let more = format!(
            "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  max_version: {version}\n"
        );
        let site = start(&authority, &more, &[]);
        let config = rustls::ClientConfig::builder().with_root_certificates(roots(&authority));
        let connector = TlsConnector::from(Arc::new(
            config
                .with_client_auth_cert(chain.clone(), key.clone_key())
                .unwrap(),
        ));
        for n in 0..3 {
            let stream = TcpStream::connect(&site.address).await.unwrap();
            let name = ServerName::try_from("127.0.0.1").unwrap();
            let mut stream = connector.connect(name, stream).await.unwrap();
            stream
                .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                .await
                .unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 200 "), "{version} {n}");
            let kind = stream.get_ref().1.handshake_kind().unwrap();
            assert!(
                matches!(
                    kind,
                    HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest
                ),
                "{version} {n}: {kind:?}"
            );
        }
    }
}

/// Repeats handshakes and counts them.
struct Load {
    handshakes: AtomicUsize,
    failures: AtomicUsize,
    is_over: AtomicBool,
}

impl Load {
    async fn run(&self, address: String, connector: TlsConnector) {
        while !self.is_over.load(Relaxed) {
            match handshake(&address, &connector).await {
                Ok(_) => self.handshakes.fetch_add(1, Relaxed),
                Err(_) => self.failures.fetch_add(1, Relaxed),
            };
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// The certificate that the server shows.
async fn handshake(
    address: &str,
    connector: &TlsConnector,
) -> std::io::Result<CertificateDer<'static>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream = connector.connect(name, stream).await?;
    Ok(stream.get_ref().1.peer_certificates().unwrap()[0]
        .clone()
        .into_owned())
}

fn roots(authority: &Authority) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority.certificate.as_bytes()).unwrap())
        .unwrap();
    roots
}

fn connector(authority: &Authority) -> TlsConnector {
    let mut config = rustls::ClientConfig::builder()
        .with_root_certificates(roots(authority))
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    TlsConnector::from(Arc::new(config))
}

/// Half of the changes leave half of a file, or a certificate without its key: those are refused, the last valid
/// certificate stays in use, and no handshake fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_swaps_half_of_them_half_written_fail_no_handshake() {
    let authority = Authority::new();
    let site = start(&authority, "", &["--web.enable-lifecycle"]);
    let connector = connector(&authority);
    let load = Arc::new(Load {
        handshakes: AtomicUsize::new(0),
        failures: AtomicUsize::new(0),
        is_over: AtomicBool::new(false),
    });
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (load, address, connector) =
                (Arc::clone(&load), site.address.clone(), connector.clone());
            tokio::spawn(async move { load.run(address, connector).await })
        })
        .collect();
    let client = client(&authority, None).build().unwrap();
    let reload = async || status(client.post(site.https("/-/reload"))).await.unwrap();
    for n in 0..100 {
        let Issued { certificate, key } = authority.server();
        match n % 3 {
            0 => site.write("server.pem", &certificate[..certificate.len() / 2]),
            1 => site.write("server.pem", &certificate),
            _ => site.write("server.key", &key[..key.len() / 2]),
        }
        assert_eq!(reload().await, 500, "half-written, {n}");
        site.write("server.pem", &certificate);
        site.write("server.key", &key);
        assert_eq!(reload().await, 200, "whole, {n}");
        let shown = handshake(&site.address, &connector).await.unwrap();
        assert_eq!(
            shown,
            CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap(),
            "{n}"
        );
    }
    load.is_over.store(true, Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    let (handshakes, failures) = (load.handshakes.load(Relaxed), load.failures.load(Relaxed));
    assert_eq!(failures, 0, "of {handshakes}");
    assert!(handshakes > 500, "{handshakes}");
    let metrics = client
        .get(site.https("/metrics"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(
        value(&metrics, "tcss_exporter_web_config_last_reload_successful"),
        Some(1.0)
    );
}

/// Without a signal, within some seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_is_noticed() {
    let authority = Authority::new();
    let site = start(&authority, "", &[]);
    let connector = connector(&authority);
    let Issued { certificate, key } = authority.server();
    site.write("server.pem", &certificate);
    site.write("server.key", &key);
    let expected = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    for _ in 0..300 {
        if handshake(&site.address, &connector).await.unwrap() == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the old certificate is still shown after 30 s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_self_signed_client_certificate_may_be_the_authority_itself() {
    let authority = Authority::new();
    for is_ca in [false, true] {
        let pinned = Authority::self_signed(is_ca);
        for version in ["TLS12", "TLS13"] {
            let more = format!(
                "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: pinned.pem\n  \
                 max_version: {version}\n"
            );
            let Issued { certificate, key } = authority.server();
            let files = [
                ("server.pem", certificate.as_str()),
                ("server.key", key.as_str()),
                ("pinned.pem", pinned.certificate.as_str()),
            ];
            let site = Site::start(&format!("{TLS}{more}"), &files, &[]);
            assert!(
                comes_in(&site, &authority, Some(&pinned)).await,
                "{is_ca} {version}"
            );
            let other = Authority::self_signed(is_ca);
            assert!(!comes_in(&site, &authority, Some(&other)).await);
            assert!(!comes_in(&site, &authority, None).await);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_authority_vouches_for_nobody() {
    let (authority, expired) = (Authority::new(), Authority::expired());
    let Issued { certificate, key } = authority.server();
    let files = [
        ("server.pem", certificate.as_str()),
        ("server.key", key.as_str()),
        ("ca.pem", expired.certificate.as_str()),
    ];
    let more = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n";
    let site = Site::start(&format!("{TLS}{more}"), &files, &[]);
    let client = expired.issue(Vec::new());
    assert!(!comes_in(&site, &authority, Some(&client)).await);
    assert!(site.running.output().contains("that expired on 2020-01-01"));
}

/// Certificates that rustls itself refuses, made by openssl.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_client_certificate_may_have_version_1_or_unknown_critical_extensions() {
    let authority = Authority::new();
    let directory = tempfile::tempdir().unwrap();
    let script = r"
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout v1.key -out v1.csr -subj /CN=v1
        openssl x509 -req -in v1.csr -signkey v1.key -out v1.pem -x509v1 ||
            openssl x509 -req -in v1.csr -signkey v1.key -out v1.pem
        openssl req -x509 -newkey rsa:2048 -nodes -keyout critical.key -out critical.pem -subj /CN=critical \
            -addext 1.2.3.4=critical,DER:0500
        ";
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(directory.path());
    run("sh", &mut command, "");
    for version in ["TLS12", "TLS13"] {
        let more = format!("  client_auth_type: RequireAnyClientCert\n  max_version: {version}\n");
        let site = start(&authority, &more, &[]);
        for name in ["v1", "critical"] {
            let mut command = Command::new("openssl");
            command
                .args(["s_client", "-quiet", "-connect", &site.address])
                .args([
                    "-cert",
                    &format!("{name}.pem"),
                    "-key",
                    &format!("{name}.key"),
                ])
                .current_dir(directory.path());
            let request = "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
            let (_, answer) = run("openssl", &mut command, request);
            assert!(
                answer.contains("HTTP/1.1 200 OK"),
                "{name} {version}: {answer}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_handshake_is_counted_and_logged_with_the_address_of_the_client() {
    let authority = Authority::new();
    let more = "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.pem\n";
    let mut site = start(&authority, more, &[]);
    let foreign = Authority::new().issue(Vec::new());
    assert!(!comes_in(&site, &authority, Some(&foreign)).await);
    assert!(!comes_in(&site, &Authority::new(), None).await);
    let mut plain = TcpStream::connect(&site.address).await.unwrap();
    let address = plain.local_addr().unwrap();
    plain
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let _ = plain.read_to_end(&mut Vec::new()).await;
    site.running.wait_for("the client", |log| {
        let line = log.lines().find(|line| line.contains("reason=not_tls"))?;
        let is_whole = line.contains("level=warn") && line.contains(&format!("peer={address}"));
        is_whole.then_some(())
    });
    let client = client(&authority, None).build().unwrap();
    let answer = client.get(site.https("/metrics")).send().await.unwrap();
    let metrics = answer.text().await.unwrap();
    for reason in ["not_tls", "bad_client_certificate", "refused_by_client"] {
        let series = format!("tcss_exporter_tls_handshake_failures_total{{reason=\"{reason}\"}}");
        assert!(value(&metrics, &series) >= Some(1.0), "{series}: {metrics}");
    }
    let expiry = value(
        &metrics,
        "tcss_exporter_web_certificate_expiry_timestamp_seconds",
    );
    assert!(expiry > Some(2e9), "{expiry:?}");
}

#[test]
fn check_warns_about_an_expired_server_certificate() {
    let authority = Authority::new();
    let Issued { certificate, key } = authority.issue_expired();
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in [
        ("w.yml", TLS),
        ("server.pem", &certificate),
        ("server.key", &key),
    ] {
        std::fs::write(directory.path().join(name), content).unwrap();
    }
    let mut command = crate::support::process::exporter();
    command
        .arg("check")
        .arg("--web.config.file")
        .arg(directory.path().join("w.yml"));
    let (status, output) = run("tcss-exporter", &mut command, "");
    assert!(status.success(), "{output}");
    assert!(
        output.contains("warning: ") && output.contains("that expired on 2020-01-01T00:00:00Z"),
        "{output}"
    );
}
