//! Files in, web configuration or problems out.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use tempfile::TempDir;

use super::*;

mod docs;

/// A bcrypt hash of `abc`.
const HASH: &str = "$2y$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i";

/// A directory with a CA (`ca.pem`), a certificate of its (`server.pem`), the key of that (`server.key`) and another
/// key (`other.key`).
fn directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let [ca_key, key, other] = [(); 3].map(|()| KeyPair::generate().unwrap());
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key).unwrap();
    let server = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = server.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
    let with_years = |first: i32, last: i32| {
        let mut params = CertificateParams::default();
        params.not_before = date_time_ymd(first, 1, 1);
        params.not_after = date_time_ymd(last, 1, 1);
        params.self_signed(&key).unwrap().pem()
    };
    for (name, content) in [
        ("expired.pem", with_years(2010, 2020)),
        ("future.pem", with_years(2070, 2080)),
        ("ca.pem", ca_certificate.pem()),
        ("server.pem", certificate.pem()),
        ("server.key", key.serialize_pem()),
        ("other.key", other.serialize_pem()),
        ("half.pem", certificate.pem()[..200].to_owned()),
        ("half.key", key.serialize_pem()[..100].to_owned()),
        ("text.pem", "no PEM\n".to_owned()),
    ] {
        fs::write(directory.path().join(name), content).unwrap();
    }
    directory
}

fn read_in(directory: &TempDir, yaml: &str) -> WebConfigReading {
    let file = directory.path().join("w.yml");
    fs::write(&file, yaml).unwrap();
    read(&file)
}

fn loaded(yaml: &str) -> WebConfig {
    read_in(&directory(), yaml).outcome.expect(yaml)
}

/// Each line of the problems, without the directory and the name of the file.
#[track_caller]
fn check(yaml: &str, expected: &[&str]) {
    let directory = directory();
    let problems = read_in(&directory, yaml)
        .outcome
        .expect_err(yaml)
        .to_string();
    let problems = problems.replace(&format!("{}/", directory.path().display()), "");
    let lines: Vec<&str> = problems
        .lines()
        .map(|line| line.trim_start_matches("w.yml:"))
        .collect();
    assert_eq!(lines, expected, "{yaml}");
}

/// The warnings about a file that is valid.
#[track_caller]
fn check_warnings(yaml: &str, expected: &[&str]) {
    let directory = directory();
    let config = read_in(&directory, yaml).outcome.expect(yaml);
    let mut lines = Vec::new();
    for warning in config.warnings(crate::domain::Clock::system().now().wall) {
        let line = warning.to_string();
        let line = line.replace(&format!("{}/", directory.path().display()), "");
        lines.push(line.trim_start_matches("w.yml:").to_owned());
    }
    assert_eq!(lines, expected, "{yaml}");
}

/// Loads `yaml`, with a certificate, its key and its CA under other names.
fn loads_with(yaml: &str, names: [&str; 3]) {
    let directory = directory();
    for (from, to) in ["server.pem", "server.key", "ca.pem"]
        .into_iter()
        .zip(names)
    {
        let content = fs::read(directory.path().join(from)).unwrap();
        fs::write(directory.path().join(to), content).unwrap();
    }
    read_in(&directory, yaml).outcome.expect(yaml);
}

/// The keys of a section, as the message on an unknown one lists them. `yaml` has an unknown key in that section.
fn known_keys(yaml: &str) -> Vec<String> {
    let problems = read_in(&directory(), yaml).outcome.unwrap_err().to_string();
    let (_, list) = problems.split_once("known keys: ").expect(yaml);
    let list = list.lines().next().unwrap();
    list.split(", ").map(str::to_owned).collect()
}

/// The names that `key` takes, as a message lists them.
fn supported(key: &str) -> Vec<String> {
    let problems = read_in(&directory(), &format!("{TLS}  {key}: [none]\n"))
        .outcome
        .unwrap_err()
        .to_string();
    let (_, list) = problems.split_once("expected one of: ").unwrap();
    list.split(", ").map(str::to_owned).collect()
}

const TLS: &str = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n";

/// The problems of keys after a valid certificate; they start on line 4.
#[track_caller]
fn check_tls(yaml: &str, expected: &[&str]) {
    let lines: String = yaml.lines().map(|line| format!("  {line}\n")).collect();
    check(&format!("{TLS}{lines}"), expected);
}

fn tls(yaml: &str) -> Arc<ServerConfig> {
    let lines: String = yaml.lines().map(|line| format!("  {line}\n")).collect();
    loaded(&format!("{TLS}{lines}")).tls.unwrap()
}

#[test]
fn an_empty_file_means_plain_http_without_authentication() {
    for empty in [
        "",
        "# nothing\n",
        "tls_server_config:\nbasic_auth_users: {}\n",
        "tls_server_config: {}\n",
    ] {
        let config = loaded(empty);
        assert!(
            config.tls.is_none() && config.users.is_empty() && config.headers.is_empty(),
            "{empty}"
        );
        assert_eq!(config.rate_limit, None, "{empty}");
    }
    let directory = directory();
    assert!(read_in(&directory, "# nothing\n").is_blank);
    assert!(!read_in(&directory, "basic_auth_users: {}\n").is_blank);
}

#[test]
fn every_key_has_its_effect() {
    let config = loaded(&format!(
        "{TLS}  prefer_server_cipher_suites: false
http_server_config:
  http2: false
  headers:
    Content-Security-Policy: default-src 'self'
    X-Frame-Options: deny
    X-Content-Type-Options: nosniff
    X-XSS-Protection: ''
    Strict-Transport-Security: max-age=31536000
basic_auth_users:
  alice: {HASH}
  007: \"$2b$10$E3cvumI6I5xBzOx7EtpcVuNCFSDXPQ7KHHFP3mXcPuAJqxPpqWJiW\"
rate_limit: {{interval: 1s, burst: 20}}
"
    ));
    assert!(!config.tls.unwrap().ignore_client_order);
    let headers: Vec<String> = config
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    assert_eq!(headers.len(), 4, "a blank one is none: {headers:?}");
    assert!(
        headers.contains(&"content-security-policy: default-src 'self'".to_owned()),
        "{headers:?}"
    );
    let costs: Vec<(&str, u32)> = config
        .users
        .iter()
        .map(|(name, hash)| (name.as_str(), hash.cost()))
        .collect();
    assert_eq!(costs, [("007", 10), ("alice", 6)]);
    let limit = RateLimit {
        interval: Duration::from_secs(1),
        burst: NonZeroU32::new(20).unwrap(),
    };
    assert_eq!(config.rate_limit, Some(limit));
}

#[test]
fn certificates_may_be_written_in_the_file_itself() {
    let directory = directory();
    let text = |name: &str| {
        let text = fs::read_to_string(directory.path().join(name)).unwrap();
        text.lines()
            .map(|line| format!("    {line}\n"))
            .collect::<String>()
    };
    let yaml = format!(
        "tls_server_config:\n  cert: |\n{}  key: |\n{}  client_ca: |\n{}  client_auth_type: RequireAndVerifyClientCert\n",
        text("server.pem"),
        text("server.key"),
        text("ca.pem"),
    );
    assert!(read_in(&directory, &yaml).outcome.unwrap().tls.is_some());
}

#[test]
fn all_problems_are_reported_at_once_with_their_lines() {
    check(
        "\
tls_server_config:
  cert_file: none.pem
  key_file: half.key
  min_version: TLS11
  cert: |
    abc
  ciphers: []
http_server_config:
  http2: 'no'
  headers: {Server: x, X-Frame-Options: allow}
basic_auth_users: {alice: hunter2, 'b:c': '$apr1$x'}
rate_limit: {interval: 5, burst: 0}
users: {}
",
        &[
            "2: tls_server_config.cert_file: is given together with cert, remove one of them",
            "3: tls_server_config.key_file: half.key has no -----END line for its last section",
            "4: tls_server_config.min_version: TLS11 is insecure and not supported, expected TLS12 or TLS13",
            "7: tls_server_config.ciphers: unknown key, known keys: min_version, max_version, \
             cipher_suites, curve_preferences, cert_file, cert, key_file, key, client_auth_type, client_ca_file, \
             client_ca, client_allowed_sans, prefer_server_cipher_suites",
            "9: http_server_config.http2: is text, expected true or false without quotes",
            "10: http_server_config.headers.Server: unknown key, known keys: Content-Security-Policy, \
             X-Frame-Options, X-Content-Type-Options, X-XSS-Protection, Strict-Transport-Security",
            "10: http_server_config.headers.X-Frame-Options: \"allow\" is not allowed, expected deny or sameorigin",
            "11: basic_auth_users.?: has a colon in the user name, which clients cannot send",
            "11: basic_auth_users.?: is not a valid bcrypt hash, expected for example the output of htpasswd -nBC 10 \"\"",
            "11: basic_auth_users.alice: is not a valid bcrypt hash, expected for example the output of htpasswd -nBC 10 \"\"",
            "12: rate_limit.burst: 0 would refuse every request, must be at least 1",
            "12: rate_limit.interval: 5 has no unit, expected for example 5s, 5m or 1h",
            "13: users: unknown key, known keys: tls_server_config, http_server_config, basic_auth_users, rate_limit",
        ],
    );
}

#[test]
fn a_certificate_needs_the_key_that_belongs_to_it() {
    let pair = |cert: &str, key: &str| {
        format!("tls_server_config:\n  cert_file: {cert}\n  key_file: {key}\n")
    };
    let cases = [
        (
            pair("server.pem", "other.key"),
            "3: tls_server_config.key_file: other.key contains a key that does not belong to the certificate",
        ),
        (
            pair("server.pem", "text.pem"),
            "3: tls_server_config.key_file: text.pem contains no private key, expected -----BEGIN PRIVATE KEY-----, not encrypted",
        ),
        (
            pair("server.key", "server.key"),
            "2: tls_server_config.cert_file: server.key contains no certificate, expected -----BEGIN CERTIFICATE-----",
        ),
        (
            pair("half.pem", "server.key"),
            "2: tls_server_config.cert_file: half.pem has no -----END line for its last section",
        ),
        (
            pair("''", "server.key"),
            "2: tls_server_config: has no certificate; add cert_file, or remove tls_server_config to serve plain HTTP",
        ),
        (
            pair("server.pem", ""),
            "2: tls_server_config: has no key; add key_file, or remove tls_server_config to serve plain HTTP",
        ),
        (
            pair("none.pem", "server.key"),
            "2: tls_server_config.cert_file: none.pem cannot be read: No such file or directory (os error 2)",
        ),
        (
            pair("server.pem", "."),
            "3: tls_server_config.key_file: . is not a regular file",
        ),
    ];
    for (yaml, expected) in cases {
        check(&yaml, &[expected]);
    }
}

#[test]
fn tls_1_2_and_1_3_are_supported_and_must_be_in_order() {
    assert!(
        tls("min_version: TLS12\nmax_version: TLS12")
            .crypto_provider()
            .cipher_suites
            .len()
            > 3
    );
    check_tls(
        "min_version: TLS10",
        &[
            "4: tls_server_config.min_version: TLS10 is insecure and not supported, expected TLS12 or TLS13",
        ],
    );
    check_tls(
        "max_version: SSLv3",
        &[
            "4: tls_server_config.max_version: \"SSLv3\" is not supported, expected one of: TLS12, TLS13",
        ],
    );
    check_tls(
        "min_version: TLS13\nmax_version: TLS12",
        &["2: tls_server_config: has a min_version above its max_version"],
    );
}

#[test]
fn cipher_suites_and_curves_have_gos_names() {
    let config = tls(
        "cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]\ncurve_preferences: [CurveP384, X25519]",
    );
    let provider = config.crypto_provider();
    let of_tls12: Vec<String> = provider
        .cipher_suites
        .iter()
        .filter(|suite| suite.tls13().is_none())
        .map(|suite| format!("{:?}", suite.suite()))
        .collect();
    assert_eq!(of_tls12, ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]);
    assert_eq!(provider.cipher_suites.len(), 4, "those of TLS 1.3 stay");
    let curves: Vec<String> = provider
        .kx_groups
        .iter()
        .map(|group| format!("{:?}", group.name()))
        .collect();
    assert_eq!(curves, ["secp384r1", "X25519"]);
    for name in [
        "TLS_AES_128_GCM_SHA256",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    ] {
        loaded(&format!(
            "{TLS}  cipher_suites: [{name}]\nhttp_server_config: {{http2: false}}\n"
        ));
        // As in Go, HTTP/2 requires one of two other suites.
        check_tls(
            &format!("cipher_suites: [{name}]"),
            &[
                "4: tls_server_config.cipher_suites: has no cipher suite that HTTP/2 requires; add \
               TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 or TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, or set \
               http2: false in http_server_config",
            ],
        );
    }
    check_tls(
        "cipher_suites:\n- TLS_RSA_WITH_AES_128_CBC_SHA\n- TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\n\
         curve_preferences: [CurveP522]",
        &[
            "5: tls_server_config.cipher_suites[0]: \"TLS_RSA_WITH_AES_128_CBC_SHA\" is not supported, expected one of: \
             TLS_AES_256_GCM_SHA384, TLS_AES_128_GCM_SHA256, TLS_CHACHA20_POLY1305_SHA256, \
             TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, \
             TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, \
             TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
            "7: tls_server_config.curve_preferences[0]: \"CurveP522\" is not supported, expected one of: CurveP256, \
             CurveP384, X25519, X25519MLKEM768, SecP256r1MLKEM768",
        ],
    );
    let nothing = "2: tls_server_config: has no cipher suite and curve for its versions; remove cipher_suites and \
                   curve_preferences";
    check(
        &format!(
            "{TLS}  max_version: TLS12\n  cipher_suites: [TLS_AES_128_GCM_SHA256]\n\
             http_server_config: {{http2: false}}\n"
        ),
        &[nothing],
    );
    check_tls(
        "max_version: TLS12\ncurve_preferences: [X25519MLKEM768]",
        &[nothing],
    );
}

#[test]
fn client_certificates_are_requested_in_five_ways() {
    for name in [
        "NoClientCert",
        "RequestClientCert",
        "RequireAnyClientCert",
        "RequireClientCert",
    ] {
        tls(&format!("client_auth_type: {name}"));
    }
    for name in ["VerifyClientCertIfGiven", "RequireAndVerifyClientCert"] {
        tls(&format!("client_auth_type: {name}\nclient_ca_file: ca.pem"));
        // As in Go, the CAs of the system are used.
        check_warnings(
            &format!("{TLS}  client_auth_type: {name}\n"),
            &[
                "4: tls_server_config.client_auth_type: accepts clients with a certificate from any CA of the system, \
               since no CA is configured; add client_ca_file or client_ca",
            ],
        );
    }
    tls(
        "client_auth_type: RequireAndVerifyClientCert\nclient_ca_file: ca.pem\nclient_allowed_sans: [a]",
    );
    check_tls(
        "client_ca_file: ca.pem",
        &[
            "4: tls_server_config.client_ca_file: has no effect without client_auth_type; add client_auth_type: \
           RequireAndVerifyClientCert",
        ],
    );
    check_tls(
        "client_auth_type: VerifyClientCertIfGiven\nclient_ca_file: ca.pem\nclient_allowed_sans: [a]",
        &[
            "6: tls_server_config.client_allowed_sans: has no effect on clients without a certificate; add \
           client_auth_type: RequireAndVerifyClientCert",
        ],
    );
    check_tls(
        "client_auth_type: RequireAnyClientCert\nclient_allowed_sans: []",
        &[
            "5: tls_server_config.client_allowed_sans: is empty, so every client would be refused; add a name, or \
           remove the key",
        ],
    );
    check_tls(
        "client_auth_type: Require",
        &[
            "4: tls_server_config.client_auth_type: \"Require\" is not supported, expected one of: NoClientCert, \
           RequestClientCert, RequireAnyClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert",
        ],
    );
}

#[test]
fn a_rate_limit_needs_both_its_values_or_an_interval_of_zero() {
    for off in [
        "{interval: 0}",
        "{interval: 0, burst: 0}",
        "{interval: 0s, burst: 5}",
        "{}",
        "",
    ] {
        assert_eq!(
            loaded(&format!("rate_limit: {off}\n")).rate_limit,
            None,
            "{off}"
        );
    }
    check(
        "rate_limit: {burst: 1}\n",
        &["1: rate_limit: has no interval; add one, for example interval: 1s"],
    );
    check(
        "rate_limit: {interval: 1s}\n",
        &[
            "1: rate_limit: has no burst, so every request would be refused; add one, for example burst: 20",
        ],
    );
    check(
        "rate_limit: {interval: 1s, burst: 1000001}\n",
        &["1: rate_limit.burst: is too large, must be at most 1000000"],
    );
    check(
        "rate_limit: {interval: 2d, burst: 1}\n",
        &["1: rate_limit.interval: 2d is too long, must be at most 1d"],
    );
}

#[test]
fn neither_a_message_nor_debug_shows_a_secret() {
    let secret = "cAnArY";
    for yaml in [
        format!("basic_auth_users: {{a: {secret}}}"),
        format!("basic_auth_users: {{a: [{secret}]}}"),
        format!("basic_auth_users: {{a: $2y$10${secret}}}"),
        format!("basic_auth_users: {{a: $2y$03${}}}", secret.repeat(9)),
        format!("basic_auth_users: {secret}"),
        format!("tls_server_config: {{cert_file: server.pem, key: {secret}}}"),
        format!("tls_server_config: {{cert_file: server.pem, key: '-----BEGIN {secret}'}}"),
        format!(
            "tls_server_config: {{cert_file: server.pem, key: \"-----BEGIN PRIVATE KEY-----\\n{secret}!\\n-----END PRIVATE KEY-----\"}}"
        ),
        format!("tls_server_config: {{cert_file: server.pem, key: {{{secret}: 1}}}}"),
        format!("tls_server_config: {{cert_file: server.pem, key_file: '-----BEGIN {secret}'}}"),
    ] {
        let problems = read_in(&directory(), &yaml).outcome.expect_err(&yaml);
        assert!(
            !format!("{problems}{problems:?}").contains(secret),
            "{problems}"
        );
    }
    let shown = format!(
        "{:?}",
        loaded(&format!("basic_auth_users: {{alice: {HASH}}}"))
    );
    assert!(
        shown.contains("alice") && !shown.contains("$2y$"),
        "{shown}"
    );
}

#[test]
fn the_fingerprint_changes_only_when_a_file_changes() {
    let directory = directory();
    let file = directory.path().join("w.yml");
    fs::write(
        &file,
        format!("{TLS}  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n"),
    )
    .unwrap();
    let mut seen = vec![read(&file).fingerprint];
    assert_eq!(read(&file).fingerprint, seen[0]);
    for name in ["w.yml", "server.pem", "server.key", "ca.pem"] {
        let path = directory.path().join(name);
        let before = fs::read_to_string(&path).unwrap();
        for after in [before.clone() + "\n", String::new()] {
            fs::write(&path, after).unwrap();
            let fingerprint = read(&file).fingerprint;
            assert!(!seen.contains(&fingerprint), "{name}");
            seen.push(fingerprint);
        }
        fs::remove_file(&path).unwrap();
        let fingerprint = read(&file).fingerprint;
        assert!(!seen.contains(&fingerprint), "{name}, gone");
        seen.push(fingerprint);
        fs::write(&path, before).unwrap();
        assert_eq!(read(&file).fingerprint, seen[0], "{name}, restored");
    }
}

#[test]
fn a_file_that_is_too_large_or_not_regular_is_refused() {
    let directory = directory();
    check(&"#".repeat((1 << 20) + 1), &[" is larger than 1 MiB"]);
    let problems = read(directory.path()).outcome.unwrap_err().to_string();
    assert_eq!(
        problems,
        format!("{}: is not a regular file", directory.path().display())
    );
}

#[test]
fn certificates_that_are_not_valid_now_are_reported() {
    let pair =
        |cert: &str| format!("tls_server_config:\n  cert_file: {cert}\n  key_file: server.key\n");
    check_warnings(&pair("server.pem"), &[]);
    check_warnings(
        &pair("expired.pem"),
        &[
            "2: tls_server_config.cert_file: expired.pem contains a certificate that expired on 2020-01-01T00:00:00Z, \
           so clients refuse it; replace it",
        ],
    );
    check_warnings(
        &pair("future.pem"),
        &[
            "2: tls_server_config.cert_file: future.pem contains a certificate that is not valid before \
           2070-01-01T00:00:00Z, so clients refuse it; check the clock",
        ],
    );
    check_warnings(
        &format!(
            "{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: expired.pem\n"
        ),
        &[
            "5: tls_server_config.client_ca_file: expired.pem contains a certificate that expired on \
           2020-01-01T00:00:00Z, so clients with a certificate from it are refused; replace it",
        ],
    );
    let expiry = |yaml: &str| loaded(yaml).certificate_expiry.map(|at| at.to_string());
    assert_eq!(
        expiry(&pair("expired.pem")).as_deref(),
        Some("2020-01-01T00:00:00Z")
    );
    assert_eq!(expiry("basic_auth_users: {}\n"), None);
}

/// What only Go supports may be listed: the files of exporters on one machine can be shared.
#[test]
fn names_that_only_go_supports_are_left_out_with_a_warning() {
    check_warnings(
        &format!(
            "{TLS}  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]\n  \
             curve_preferences: [CurveP521, CurveP256]\n"
        ),
        &[
            "4: tls_server_config.cipher_suites[1]: TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA is not supported and is left \
             out; remove it",
            "5: tls_server_config.curve_preferences[0]: CurveP521 is not supported and is left out; remove it",
        ],
    );
    check_warnings(
        &format!("{TLS}  curve_preferences: [CurveP521]\n"),
        &[
            "4: tls_server_config.curve_preferences: has no supported curve, so the defaults are used",
            "4: tls_server_config.curve_preferences[0]: CurveP521 is not supported and is left out; remove it",
        ],
    );
    // Without any suite of TLS 1.2, nothing is left for clients of that version.
    let only_cbc = "cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]";
    let config = loaded(&format!(
        "{TLS}  {only_cbc}\nhttp_server_config: {{http2: false}}\n"
    ));
    let suites = &config.tls.unwrap().crypto_provider().cipher_suites.clone();
    assert!(
        suites.iter().all(|suite| suite.tls13().is_some()),
        "{suites:?}"
    );
}

/// Files of the shapes that exporter-toolkit tests itself with.
#[test]
fn the_shapes_of_exporter_toolkits_good_files_are_accepted_and_of_its_bad_ones_refused() {
    let optional = format!("{TLS}  client_auth_type: VerifyClientCertIfGiven\n");
    let suites = |names: &str| format!("{optional}  cipher_suites: [{names}]\n");
    let good = [
        optional.clone(),
        format!("{TLS}  client_auth_type: RequireAndVerifyClientCert\n"),
        format!("{TLS}  client_auth_type: RequireAnyClientCert\n"),
        format!(
            "{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: server.pem\n"
        ),
        format!(
            "{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: server.pem\n  \
             client_allowed_sans: [one, test3]\n"
        ),
        suites(
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, \
             TLS_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
        ),
        format!("{optional}  curve_preferences: [CurveP256, CurveP384, CurveP521, X25519]\n"),
        format!("{optional}  min_version: TLS13\n  curve_preferences: [CurveP521]\n"),
        format!(
            "{}  max_version: TLS12\nhttp_server_config: {{http2: false}}\n",
            suites("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384")
        ),
        format!(
            "{}  prefer_server_cipher_suites: false\n  min_version: TLS12\n  max_version: TLS12\n",
            suites("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")
        ),
        format!("basic_auth_users: {{alice: {HASH}}}\n"),
        "http_server_config: {headers: {X-XSS-Protection: 1, X-Frame-Options: deny}}\n".to_owned(),
        "rate_limit: {interval: 0, burst: 0}\n".to_owned(),
        String::new(),
    ];
    for yaml in good {
        loaded(&yaml);
    }
    let bad = [
        "tls_server_config: {cert_filse: server.pem}\n".to_owned(),
        "abc\ndef\n".to_owned(),
        "tls_server_config: {cert_file: '', key_file: server.key}\n".to_owned(),
        "tls_server_config: {cert_file: server.pem, key_file: ''}\n".to_owned(),
        "tls_server_config: {cert_file: '', key_file: '', client_auth_type: x}\n".to_owned(),
        "tls_server_config: {cert: '', key_file: server.key}\n".to_owned(),
        "tls_server_config: {cert_file: server.pem, key: ''}\n".to_owned(),
        "tls_server_config: {cert_file: none, key_file: server.key}\n".to_owned(),
        "tls_server_config: {cert_file: server.pem, key_file: none}\n".to_owned(),
        format!("{TLS}  client_ca_file: none\n"),
        format!("{TLS}  client_ca_file: /dev/null\n"),
        format!(
            "{TLS}  client_ca_file: text.pem\n  client_auth_type: RequireAndVerifyClientCert\n"
        ),
        format!("{TLS}  client_ca: abc\n  client_auth_type: RequireAndVerifyClientCert\n"),
        format!("{optional}  client_ca_file: ca.pem\n  client_allowed_sans: [bad]\n"),
        format!("{TLS}  client_allowed_sans: [bad]\n"),
        suites("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA2048"),
        format!("{optional}  curve_preferences: [CurveP257]\n"),
        format!(
            "{}  max_version: TLS12\n",
            suites("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384")
        ),
        format!("{optional}  min_version: TLS111\n"),
        format!("{TLS}basic_auth_users: {{john: doe}}\n"),
        "http_server_config: {headers: {X-Content-Type-Options: sniff}}\n".to_owned(),
        "http_server_config: {headers: {Content-Type: foo}}\n".to_owned(),
        "http_server_config: {headers: {X-Frame-Options: foo}}\n".to_owned(),
    ];
    for yaml in bad {
        assert!(read_in(&directory(), &yaml).outcome.is_err(), "{yaml}");
    }
}
