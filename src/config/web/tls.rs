//! The block `tls_server_config`.

use std::sync::Arc;

use rustls::{
    Error, InconsistentKeys, ProtocolVersion, ServerConfig, SupportedCipherSuite,
    SupportedProtocolVersion,
    crypto::{
        CryptoProvider, SupportedKxGroup,
        aws_lc_rs::{ALL_CIPHER_SUITES, default_provider, kx_group},
    },
    server::{NoClientAuth, NoServerSessionStorage, danger::ClientCertVerifier},
    sign::{CertifiedKey, SingleCertAndKey},
    version::{TLS12, TLS13},
};

use super::{
    CertificatePeriod, FileReader, TlsReading,
    certificate::ReadCertificate,
    client_certs::{Authorities, ClientAuth, San, Verifier},
    pem::{self, Given, Pem},
};
use crate::yaml::{MapReader, Problem, Setting, ValueReader, scalar};

const VERSIONS: [(&str, &SupportedProtocolVersion); 2] = [("TLS12", &TLS12), ("TLS13", &TLS13)];

/// Go's names of what it supports and rustls does not. A list may contain them, so that one file can
/// be shared with exporters that are written in Go.
const GO_SUITES: [&str; 4] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
];
const GO_CURVES: [&str; 1] = ["CurveP521"];

/// One of these is required where HTTP/2 is enabled, as in Go.
const HTTP2_SUITES: [&str; 2] = [
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
];

/// By Go's names. Go also has `CurveP521`, which aws-lc supports only for signatures.
static CURVES: [(&str, &dyn SupportedKxGroup); 5] = [
    ("CurveP256", kx_group::SECP256R1),
    ("CurveP384", kx_group::SECP384R1),
    ("X25519", kx_group::X25519),
    ("X25519MLKEM768", kx_group::X25519MLKEM768),
    ("SecP256r1MLKEM768", kx_group::SECP256R1MLKEM768),
];

/// Reads the block; `None` if it is empty.
pub(super) fn read(
    map: &MapReader<'_>,
    has_http2: bool,
    files: &mut FileReader,
    problems: &mut Vec<Problem>,
) -> Option<TlsReading> {
    if map.is_empty() {
        return None;
    }
    // Everything is read before the first `?`, so that all problems are reported.
    let mut reading = TlsReading::default();
    let crypto = Crypto::read(map, has_http2, &mut reading.warnings, problems);
    let certificate = certificate(map, files, &mut reading, problems);
    let clients = Clients::read(map, files, &mut reading, problems);
    let prefers_own_order = map.read("prefer_server_cipher_suites", problems, scalar::boolean);
    let (versions, provider) = crypto?.usable(map, problems)?;
    let clients = clients?;
    let asks_clients = clients.auth != ClientAuth::None;
    let verifier = clients.verifier(&provider);
    // `usable` has checked the versions, but rustls may have rules of its own.
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&versions);
    let builder = match builder {
        Ok(builder) => builder,
        Err(error) => {
            problems.push(map.problem(format!("cannot be served: {error}")));
            return None;
        }
    };
    let resolver = Arc::new(SingleCertAndKey::from(certificate?));
    let mut config = builder
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(resolver);
    if asks_clients {
        // A client that resumes a session shows no certificate, so it could still connect after its certificate
        // has expired.
        config.session_storage = Arc::new(NoServerSessionStorage {});
    }
    // Clients that offer HTTP/2 must learn that it is not served.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ignore_client_order = match prefers_own_order {
        Some(setting) => setting.value == Some(true),
        // The default of exporter-toolkit.
        None => true,
    };
    reading.config = Some(Arc::new(config));
    Some(reading)
}

/// The certificate chain and its private key.
fn certificate(
    map: &MapReader<'_>,
    files: &mut FileReader,
    reading: &mut TlsReading,
    problems: &mut Vec<Problem>,
) -> Option<CertifiedKey> {
    let chain = pem::read(map, "cert", "cert_file", files, problems);
    let key = pem::read(map, "key", "key_file", files, problems);
    for (given, what) in [
        (&chain, "certificate; add cert_file"),
        (&key, "key; add key_file"),
    ] {
        if let Given::Nothing = given {
            problems.push(map.problem(format!(
                "has no {what}, or remove tls_server_config to serve plain HTTP"
            )));
        }
    }
    let certificates = parse(&chain, Pem::chain, problems);
    let private_key = parse(&key, Pem::key, problems)?;
    let certificates = certificates?;
    let (Given::Pem(chain), Given::Pem(key)) = (&chain, &key) else {
        return None;
    };
    reading.note_periods(chain, &certificates, "clients refuse it");
    reading.expiry = certificates.first().map(|first| first.period.not_after);
    let ders = certificates.into_iter().map(|certificate| certificate.der);
    match CertifiedKey::from_der(ders.collect(), private_key, &default_provider()) {
        Ok(certified) => Some(certified),
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            problems.push(key.problem("contains a key that does not belong to the certificate"));
            None
        }
        Err(_) => {
            problems.push(key.problem(
                "contains a private key that is malformed or of an unsupported type, expected RSA (2048 bits or more), \
                 P-256, P-384, P-521 or Ed25519",
            ));
            None
        }
    }
}

fn parse<T>(
    given: &Given,
    parse: fn(&Pem) -> Result<T, String>,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let Given::Pem(pem) = given else { return None };
    match parse(pem) {
        Ok(parsed) => Some(parsed),
        Err(message) => {
            problems.push(pem.origin.problem(message));
            None
        }
    }
}

/// Which client certificates are accepted.
struct Clients {
    auth: ClientAuth,
    authorities: Authorities,
    allowed_sans: Option<Vec<San>>,
}

impl Clients {
    fn read(
        map: &MapReader<'_>,
        files: &mut FileReader,
        reading: &mut TlsReading,
        problems: &mut Vec<Problem>,
    ) -> Option<Clients> {
        let auth = map.read("client_auth_type", problems, client_auth);
        let given = pem::read(map, "client_ca", "client_ca_file", files, problems);
        let mut authorities = parse(&given, Pem::authorities, problems).unwrap_or_default();
        if let Given::Pem(pem) = &given {
            let certificates = authorities.certificates();
            reading.note_periods(
                pem,
                certificates,
                "clients with a certificate from it are refused",
            );
        }
        let sans = map.at("client_allowed_sans");
        let mut allowed_sans = None;
        if let Some(list) = sans {
            allowed_sans = Some(items(list, problems, |text| Ok(San::parse(text))));
        }
        let (auth, auth_origin) = match auth {
            None => (ClientAuth::None, None),
            Some(Setting { value, origin }) => (value?, Some(origin)),
        };
        match (&given, &auth_origin) {
            // As in Go.
            (Given::Nothing, Some(origin)) if auth.is_verified() => {
                authorities = Authorities::of_system();
                reading.warnings.push(origin.problem(
                    "accepts clients with a certificate from any CA of the system, since no CA is configured; add \
                     client_ca_file or client_ca",
                ));
            }
            (Given::Pem(pem), _) if auth == ClientAuth::None => problems.push(pem.origin.problem(
                "has no effect without client_auth_type; add client_auth_type: RequireAndVerifyClientCert",
            )),
            _ => {}
        }
        if let Some(list) = sans
            && !auth.is_mandatory()
        {
            problems.push(list.problem(
                "has no effect on clients without a certificate; add client_auth_type: RequireAndVerifyClientCert",
            ));
        }
        if let Some(list) = sans
            && allowed_sans.as_ref().is_some_and(Vec::is_empty)
        {
            problems.push(list.problem(
                "is empty, so every client would be refused; add a name, or remove the key",
            ));
        }
        Some(Clients {
            auth,
            authorities,
            allowed_sans,
        })
    }

    fn verifier(self, provider: &Arc<CryptoProvider>) -> Arc<dyn ClientCertVerifier> {
        if self.auth == ClientAuth::None {
            return Arc::new(NoClientAuth);
        }
        let provider = Arc::clone(provider);
        let (auth, authorities) = (self.auth, self.authorities);
        Arc::new(Verifier::new(
            auth,
            authorities,
            self.allowed_sans,
            provider,
        ))
    }
}

fn client_auth(value: ValueReader<'_>) -> Result<ClientAuth, String> {
    match scalar::text(value)? {
        "" => Ok(ClientAuth::None),
        // The old name, which exporter-toolkit still accepts.
        "RequireClientCert" => Ok(ClientAuth::RequireAny),
        name => named(name, &ClientAuth::NAMES).copied(),
    }
}

/// What client and server can negotiate.
struct Crypto {
    min: &'static SupportedProtocolVersion,
    max: &'static SupportedProtocolVersion,
    suites: Vec<SupportedCipherSuite>,
    curves: Vec<&'static dyn SupportedKxGroup>,
}

impl Crypto {
    fn read(
        map: &MapReader<'_>,
        has_http2: bool,
        warnings: &mut Vec<Problem>,
        problems: &mut Vec<Problem>,
    ) -> Option<Crypto> {
        let n_problems = problems.len();
        let default = default_provider();
        let mut crypto = Crypto {
            min: &TLS12,
            max: &TLS13,
            suites: default.cipher_suites,
            curves: default.kx_groups,
        };
        let min = map.read("min_version", problems, version);
        if let Some(Setting {
            value: Some(min), ..
        }) = min
        {
            crypto.min = min;
        }
        let max = map.read("max_version", problems, version);
        if let Some(Setting {
            value: Some(max), ..
        }) = max
        {
            crypto.max = max;
        }
        // As in Go, an empty list counts as absent, and the list applies only to TLS 1.2.
        if let Some(list) = map.at("cipher_suites") {
            let is_given = !list.items(problems).is_empty();
            let suites = supported_items(list, &GO_SUITES, suite, warnings, problems);
            if is_given {
                crypto.suites = with_all_of_tls13(&suites);
            }
            // Go refuses such a file, and so do the exporters that may share it.
            if is_given && has_http2 && crypto.min.version == ProtocolVersion::TLSv1_2 {
                require_http2_suite(list, problems);
            }
        }
        if let Some(list) = map.at("curve_preferences") {
            let curve = |name: &str| named(name, &CURVES).copied();
            let curves = supported_items(list, &GO_CURVES, curve, warnings, problems);
            if curves.is_empty() && !list.items(problems).is_empty() {
                warnings.push(list.problem("has no supported curve, so the defaults are used"));
            }
            if !curves.is_empty() {
                crypto.curves = curves;
            }
        }
        // Defaults in place of what cannot be read could cause problems that the file does not have.
        if problems.len() > n_problems {
            return None;
        }
        Some(crypto)
    }

    /// Fails if no client could agree with it on anything.
    fn usable(
        self,
        map: &MapReader<'_>,
        problems: &mut Vec<Problem>,
    ) -> Option<(Vec<&'static SupportedProtocolVersion>, Arc<CryptoProvider>)> {
        // The numbers on the wire are in the order of the versions.
        let range = u16::from(self.min.version)..=u16::from(self.max.version);
        let mut versions = Vec::new();
        for (_, version) in VERSIONS {
            if range.contains(&u16::from(version.version)) {
                versions.push(version);
            }
        }
        if versions.is_empty() {
            problems.push(map.problem("has a min_version above its max_version"));
            return None;
        }
        // Checked here, since the error of rustls would not name the keys to remove.
        if !versions
            .iter()
            .any(|version| self.supports(version.version))
        {
            problems.push(map.problem(
                "has no cipher suite and curve for its versions; remove cipher_suites and curve_preferences",
            ));
            return None;
        }
        let provider = CryptoProvider {
            cipher_suites: self.suites,
            kx_groups: self.curves,
            ..default_provider()
        };
        Some((versions, Arc::new(provider)))
    }

    fn supports(&self, version: ProtocolVersion) -> bool {
        let mut suites = self.suites.iter();
        let mut curves = self.curves.iter();
        suites.any(|suite| suite.version().version == version)
            && curves.any(|curve| curve.usable_for_version(version))
    }
}

fn version(value: ValueReader<'_>) -> Result<&'static SupportedProtocolVersion, String> {
    match scalar::text(value)? {
        name @ ("TLS10" | "TLS11") => Err(format!(
            "{name} is insecure and not supported, expected TLS12 or TLS13"
        )),
        name => named(name, &VERSIONS).copied(),
    }
}

/// By Go's name, which is the registered one; rustls has its own names for the suites of TLS 1.3.
fn suite(name: &str) -> Result<SupportedCipherSuite, String> {
    let mut suites = Vec::new();
    for suite in ALL_CIPHER_SUITES {
        let name = format!("{:?}", suite.suite()).replace("TLS13_", "TLS_");
        suites.push((name, *suite));
    }
    named(name, &suites).copied()
}

/// Reads each item of a list by itself, and leaves out those that only Go supports, with a warning.
fn supported_items<T>(
    list: ValueReader<'_>,
    only_in_go: &[&str],
    read: impl Fn(&str) -> Result<T, String>,
    warnings: &mut Vec<Problem>,
    problems: &mut Vec<Problem>,
) -> Vec<T> {
    let mut values = Vec::new();
    for item in list.items(problems) {
        match scalar::text(item) {
            Ok(name) if only_in_go.contains(&name) => {
                let message = format!("{name} is not supported and is left out; remove it");
                warnings.push(item.problem(message));
            }
            Ok(name) => match read(name) {
                Ok(value) => values.push(value),
                Err(message) => problems.push(item.problem(message)),
            },
            Err(message) => problems.push(item.problem(message)),
        }
    }
    values
}

fn require_http2_suite(list: ValueReader<'_>, problems: &mut Vec<Problem>) {
    for item in list.items(problems) {
        if scalar::text(item).is_ok_and(|name| HTTP2_SUITES.contains(&name)) {
            return;
        }
    }
    problems.push(list.problem(format!(
        "has no cipher suite that HTTP/2 requires; add {}, or set http2: false in http_server_config",
        HTTP2_SUITES.join(" or ")
    )));
}

fn with_all_of_tls13(suites: &[SupportedCipherSuite]) -> Vec<SupportedCipherSuite> {
    let mut all = default_provider().cipher_suites;
    // As in Go, the suites of TLS 1.3 cannot be configured.
    all.retain(|suite| suite.tls13().is_some());
    for suite in suites {
        if suite.tls13().is_none() {
            all.push(*suite);
        }
    }
    all
}

/// Reads each item of a list by itself; those that cannot be read are reported.
fn items<T>(
    list: ValueReader<'_>,
    problems: &mut Vec<Problem>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Vec<T> {
    let mut values = Vec::new();
    for item in list.items(problems) {
        match scalar::text(item).and_then(&read) {
            Ok(value) => values.push(value),
            Err(message) => problems.push(item.problem(message)),
        }
    }
    values
}

/// The value with that name.
fn named<'a, T, N: AsRef<str>>(name: &str, values: &'a [(N, T)]) -> Result<&'a T, String> {
    let mut supported = Vec::new();
    for (candidate, value) in values {
        if candidate.as_ref() == name {
            return Ok(value);
        }
        supported.push(candidate.as_ref());
    }
    Err(format!(
        "{name:?} is not supported, expected one of: {}",
        supported.join(", ")
    ))
}

impl TlsReading {
    /// Remembers when `certificates` are valid. `effect` is what happens at other times.
    fn note_periods(&mut self, pem: &Pem, certificates: &[ReadCertificate], effect: &'static str) {
        for certificate in certificates {
            self.periods.push(CertificatePeriod {
                expired: pem.problem(format_args!(
                    "contains a certificate that expired on {}, so {effect}; replace it",
                    certificate.period.not_after
                )),
                not_yet_valid: pem.problem(format_args!(
                    "contains a certificate that is not valid before {}, so {effect}; check the clock",
                    certificate.period.not_before
                )),
                period: certificate.period,
            });
        }
    }
}
