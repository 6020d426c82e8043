//! The block `tls_server_config`.

use std::{fmt, sync::Arc};

use rustls::{
    Error, InconsistentKeys, ProtocolVersion, RootCertStore, ServerConfig, SupportedCipherSuite,
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
    Files,
    client_certs::{ClientAuth, San, Verifier},
    pem::{self, Given, Pem},
};
use crate::config::{
    keys,
    problem::{Origin, Problem},
    scalar,
    tree::{At, Fields, Setting},
};

const VERSIONS: [(&str, &SupportedProtocolVersion); 2] = [("TLS12", &TLS12), ("TLS13", &TLS13)];

/// By Go's names. Go has `CurveP521` too, which aws-lc has only for signatures.
static CURVES: [(&str, &dyn SupportedKxGroup); 5] = [
    ("CurveP256", kx_group::SECP256R1),
    ("CurveP384", kx_group::SECP384R1),
    ("X25519", kx_group::X25519),
    ("X25519MLKEM768", kx_group::X25519MLKEM768),
    ("SecP256r1MLKEM768", kx_group::SECP256R1MLKEM768),
];

/// Reads the block; none if there is nothing in it.
pub(super) fn read(
    at: At<'_>,
    files: &mut Files,
    problems: &mut Vec<Problem>,
) -> Option<Arc<ServerConfig>> {
    let fields = at.fields(&keys::TLS, problems)?;
    if fields.is_empty() {
        return None;
    }
    // Everything is read before anything is missed, so that all problems are told.
    let crypto = Crypto::read(&fields, problems);
    let certificate = certificate(&fields, files, problems);
    let clients = clients(&fields, files, problems);
    let prefers_own_order = fields.read("prefer_server_cipher_suites", problems, scalar::boolean);
    let (versions, provider) = crypto?.usable(&fields, problems)?;
    let clients = clients?;
    let asks_clients = clients.auth != ClientAuth::None;
    let verifier: Arc<dyn ClientCertVerifier> = match clients {
        Clients {
            auth: ClientAuth::None,
            ..
        } => Arc::new(NoClientAuth),
        Clients {
            auth,
            authorities,
            allowed_sans,
        } => Arc::new(Verifier::new(auth, authorities, allowed_sans, Arc::clone(&provider)).ok()?),
    };
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&versions);
    let builder = builder
        .map_err(|error| problems.push(fields.problem(format!("cannot be served: {error}"))))
        .ok()?;
    let resolver = Arc::new(SingleCertAndKey::from(certificate?));
    let mut config = builder
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(resolver);
    if asks_clients {
        // Whoever resumes a session shows no certificate, and would come in after it has expired.
        config.session_storage = Arc::new(NoServerSessionStorage {});
    }
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ignore_client_order = prefers_own_order.is_none_or(|it| it.value == Some(true));
    Some(Arc::new(config))
}

/// The certificate and the key that belongs to it.
fn certificate(
    fields: &Fields<'_>,
    files: &mut Files,
    problems: &mut Vec<Problem>,
) -> Option<CertifiedKey> {
    let chain = pem::read(fields, "cert", "cert_file", files, problems);
    let key = pem::read(fields, "key", "key_file", files, problems);
    for (given, what) in [
        (&chain, "certificate; add cert_file"),
        (&key, "key; add key_file"),
    ] {
        if let Given::Nothing = given {
            problems.push(fields.problem(format!(
                "has no {what}, or leave tls_server_config out to serve plain HTTP"
            )));
        }
    }
    let certificates = part(&chain, Pem::certificates, problems);
    let private_key = part(&key, Pem::key, problems)?;
    let certificates = certificates?;
    let Given::Pem(key) = key else { return None };
    match CertifiedKey::from_der(certificates, private_key, &default_provider()) {
        Ok(certified) => Some(certified),
        Err(error) => {
            problems.push(key.problem(match error {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                    "holds a key that does not belong to the certificate"
                }
                _ => "holds a private key that is broken or of an unknown kind; write one of RSA (2048 bits or more), P-256, P-384, P-521 or Ed25519",
            }));
            None
        }
    }
}

/// What `read` finds in it.
fn part<T>(
    given: &Given,
    read: impl FnOnce(&Pem) -> Result<T, String>,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let Given::Pem(pem) = given else { return None };
    read(pem)
        .map_err(|message| problems.push(pem.origin.problem(message)))
        .ok()
}

struct Clients {
    auth: ClientAuth,
    authorities: RootCertStore,
    allowed_sans: Option<Vec<San>>,
}

fn clients(fields: &Fields<'_>, files: &mut Files, problems: &mut Vec<Problem>) -> Option<Clients> {
    let auth = fields.read("client_auth_type", problems, |at| {
        client_auth(scalar::text(at)?)
    });
    let given = pem::read(fields, "client_ca", "client_ca_file", files, problems);
    let authorities = part(&given, Pem::authorities, problems);
    let sans = fields.at("client_allowed_sans");
    let allowed_sans = sans.map(|at| list(at, problems, |text| Ok(San::parse(text))));
    let (auth, auth_origin) = match auth {
        None => (ClientAuth::None, None),
        Some(Setting { value, origin }) => (value?, Some(origin)),
    };
    match (&given, &auth_origin) {
        (Given::Nothing, Some(origin)) if auth.is_verified() => problems.push(origin.problem(
            "needs the authorities that vouch for clients; add client_ca_file or client_ca",
        )),
        (Given::Pem(pem), _) if auth == ClientAuth::None => problems.push(pem.origin.problem(
            "has no use without client_auth_type; add client_auth_type: RequireAndVerifyClientCert",
        )),
        _ => {}
    }
    if let (Some(at), false) = (sans, auth.is_mandatory()) {
        problems.push(at.problem(
            "is nothing to a client without a certificate; add client_auth_type: RequireAndVerifyClientCert",
        ));
    }
    if let (Some(at), Some([])) = (sans, allowed_sans.as_deref()) {
        problems.push(
            at.problem("names nobody, so no client could come in; name one, or leave the key out"),
        );
    }
    Some(Clients {
        auth,
        authorities: authorities.unwrap_or_else(RootCertStore::empty),
        allowed_sans,
    })
}

fn client_auth(name: &str) -> Result<ClientAuth, String> {
    match name {
        "" => Ok(ClientAuth::None),
        // The old name, which exporter-toolkit still takes.
        "RequireClientCert" => Ok(ClientAuth::RequireAny),
        name => named(name, &ClientAuth::NAMES).copied(),
    }
}

/// What the two sides may agree on.
struct Crypto {
    min: &'static SupportedProtocolVersion,
    max: &'static SupportedProtocolVersion,
    suites: Vec<SupportedCipherSuite>,
    curves: Vec<&'static dyn SupportedKxGroup>,
}

impl Crypto {
    fn read(fields: &Fields<'_>, problems: &mut Vec<Problem>) -> Option<Crypto> {
        let n_problems = problems.len();
        let mut version_or = |key, default| {
            fields
                .read(key, problems, |at| version(scalar::text(at)?))
                .map_or(Some(default), |setting| setting.value)
        };
        let (min, max) = (
            version_or("min_version", &TLS12),
            version_or("max_version", &TLS13),
        );
        let suites = fields
            .at("cipher_suites")
            .map(|at| list(at, problems, suite));
        let curves = fields
            .at("curve_preferences")
            .map(|at| list(at, problems, |name| named(name, &CURVES).copied()));
        let default = default_provider();
        let crypto = Crypto {
            min: min?,
            max: max?,
            // As in Go, the list is about TLS 1.2 alone; empty, it is as if it were not there.
            suites: match suites.filter(|suites| !suites.is_empty()) {
                Some(suites) => with_all_of_tls13(&suites),
                None => default.cipher_suites,
            },
            curves: curves
                .filter(|curves| !curves.is_empty())
                .unwrap_or(default.kx_groups),
        };
        (problems.len() == n_problems).then_some(crypto)
    }

    /// Fails if there is nothing that both sides could agree on.
    fn usable(
        self,
        fields: &Fields<'_>,
        problems: &mut Vec<Problem>,
    ) -> Option<(Vec<&'static SupportedProtocolVersion>, Arc<CryptoProvider>)> {
        let number = |version: &SupportedProtocolVersion| u16::from(version.version);
        let versions: Vec<_> = VERSIONS
            .map(|(_, version)| version)
            .into_iter()
            .filter(|version| (number(self.min)..=number(self.max)).contains(&number(version)))
            .collect();
        let is_served = |version: ProtocolVersion| {
            self.suites
                .iter()
                .any(|suite| suite.version().version == version)
                && self
                    .curves
                    .iter()
                    .any(|curve| curve.usable_for_version(version))
        };
        let fault = if versions.is_empty() {
            "has a min_version above its max_version; swap them"
        } else if !versions.iter().any(|version| is_served(version.version)) {
            "has no cipher suite and curve for its versions; leave cipher_suites and curve_preferences out"
        } else {
            let provider = CryptoProvider {
                cipher_suites: self.suites,
                kx_groups: self.curves,
                ..default_provider()
            };
            return Some((versions, Arc::new(provider)));
        };
        problems.push(fields.problem(fault));
        None
    }
}

fn version(name: &str) -> Result<&'static SupportedProtocolVersion, String> {
    match name {
        "TLS10" | "TLS11" => Err(format!(
            "{name} is broken and not served; write TLS12 or TLS13"
        )),
        name => named(name, &VERSIONS).copied(),
    }
}

/// By Go's name, which is the registered one; rustls has its own for those of TLS 1.3.
fn suite(name: &str) -> Result<SupportedCipherSuite, String> {
    let suites: Vec<(String, SupportedCipherSuite)> = ALL_CIPHER_SUITES
        .iter()
        .map(|suite| (suite_name(*suite), *suite))
        .collect();
    named(name, &suites).copied()
}

fn suite_name(suite: SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite()).replace("TLS13_", "TLS_")
}

fn with_all_of_tls13(suites: &[SupportedCipherSuite]) -> Vec<SupportedCipherSuite> {
    let tls13 = default_provider()
        .cipher_suites
        .into_iter()
        .filter(|suite| suite.tls13().is_some());
    tls13
        .chain(
            suites
                .iter()
                .copied()
                .filter(|suite| suite.tls13().is_none()),
        )
        .collect()
}

/// Each item of a list, by itself.
fn list<T>(
    at: At<'_>,
    problems: &mut Vec<Problem>,
    mut read: impl FnMut(&str) -> Result<T, String>,
) -> Vec<T> {
    let items = at.items(problems);
    let mut read = |at: &At<'_>| {
        let origin: Origin = at.origin();
        Setting::of(origin, scalar::text(*at).and_then(&mut read), problems).value
    };
    items.iter().filter_map(&mut read).collect()
}

/// The value of that name.
fn named<'a, T, N: AsRef<str> + fmt::Display>(
    name: &str,
    values: &'a [(N, T)],
) -> Result<&'a T, String> {
    let found = values.iter().find(|(known, _)| known.as_ref() == name);
    found.map(|(_, value)| value).ok_or_else(|| {
        let known: Vec<&str> = values.iter().map(|(known, _)| known.as_ref()).collect();
        format!(
            "{name:?} is not known here; what works: {}",
            known.join(", ")
        )
    })
}
