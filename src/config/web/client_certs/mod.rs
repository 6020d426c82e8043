//! Client certificates: which are requested, and which are accepted.

use std::{net::IpAddr, sync::Arc};

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, UnixTime},
    server::{
        ParsedCertificate, VerifierBuilderError, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use x509_cert::{
    Certificate,
    der::Decode as _,
    ext::pkix::{SubjectAltName, name::GeneralName},
};

/// `client_auth_type`, by Go's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientAuth {
    None,
    /// Requested; any is accepted, and none too.
    Request,
    /// Required; any is accepted, also one that no CA has signed.
    RequireAny,
    /// Optional; one that is sent must be signed by a CA of the configuration.
    VerifyIfGiven,
    RequireAndVerify,
}

impl ClientAuth {
    pub(super) const NAMES: [(&'static str, ClientAuth); 5] = [
        ("NoClientCert", ClientAuth::None),
        ("RequestClientCert", ClientAuth::Request),
        ("RequireAnyClientCert", ClientAuth::RequireAny),
        ("VerifyClientCertIfGiven", ClientAuth::VerifyIfGiven),
        ("RequireAndVerifyClientCert", ClientAuth::RequireAndVerify),
    ];

    /// Whether a client without a certificate is refused.
    pub(super) fn is_mandatory(self) -> bool {
        matches!(self, ClientAuth::RequireAny | ClientAuth::RequireAndVerify)
    }

    /// Whether it must be signed by a CA of the configuration.
    pub(super) fn is_verified(self) -> bool {
        matches!(
            self,
            ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify
        )
    }
}

/// Decides on client certificates. In each case, the client must have the key of its certificate.
#[derive(Debug)]
pub(super) struct Verifier {
    is_mandatory: bool,
    /// Verifies the chain up to a CA; without it, any certificate is accepted.
    chain: Option<Arc<dyn ClientCertVerifier>>,
    /// The CAs, so that clients can choose a certificate.
    hints: Vec<DistinguishedName>,
    /// A certificate must have one of these.
    allowed_sans: Option<Vec<San>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// Fails if `auth` needs CA certificates and there are none.
    pub(super) fn new(
        auth: ClientAuth,
        authorities: RootCertStore,
        allowed_sans: Option<Vec<San>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Verifier, VerifierBuilderError> {
        let hints = authorities.subjects();
        let mut chain = None;
        if auth.is_verified() {
            let provider = Arc::clone(&provider);
            let roots = authorities.into();
            chain = Some(WebPkiClientVerifier::builder_with_provider(roots, provider).build()?);
        }
        Ok(Verifier {
            is_mandatory: auth.is_mandatory(),
            chain,
            hints,
            allowed_sans,
            provider,
        })
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.is_mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match &self.chain {
            Some(chain) => _ = chain.verify_client_cert(end_entity, intermediates, now)?,
            // Any certificate is accepted, as long as it is well-formed.
            None => _ = ParsedCertificate::try_from(end_entity)?,
        }
        let Some(allowed) = &self.allowed_sans else {
            return Ok(ClientCertVerified::assertion());
        };
        if sans(end_entity).iter().any(|san| allowed.contains(san)) {
            return Ok(ClientCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// A subject alternative name: a DNS name, an email address or a URI, compared as text; or an IP address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum San {
    Text(String),
    Ip(IpAddr),
}

impl San {
    pub(super) fn parse(text: &str) -> San {
        match text.parse::<IpAddr>() {
            Ok(ip) => San::Ip(ip.to_canonical()),
            Err(_) => San::Text(text.to_owned()),
        }
    }

    fn of(name: &GeneralName) -> Option<San> {
        match name {
            GeneralName::DnsName(text)
            | GeneralName::Rfc822Name(text)
            | GeneralName::UniformResourceIdentifier(text) => {
                Some(San::Text(text.as_str().to_owned()))
            }
            GeneralName::IpAddress(bytes) => {
                let bytes = bytes.as_bytes();
                let ip = match <[u8; 4]>::try_from(bytes) {
                    Ok(v4) => IpAddr::from(v4),
                    Err(_) => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
                };
                Some(San::Ip(ip.to_canonical()))
            }
            _ => None,
        }
    }
}

/// The names of a certificate; none where they cannot be read.
fn sans(certificate: &CertificateDer<'_>) -> Vec<San> {
    let Ok(certificate) = Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let certificate = certificate.tbs_certificate();
    match certificate.get_extension::<SubjectAltName>() {
        Ok(Some((_, names))) => names.0.iter().filter_map(San::of).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn certificate(sans: Vec<SanType>) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = sans;
        params
            .self_signed(&KeyPair::generate().unwrap())
            .unwrap()
            .into()
    }

    #[test]
    fn names_of_four_kinds_are_read() {
        let certificate = certificate(vec![
            SanType::DnsName("prometheus.example".try_into().unwrap()),
            SanType::Rfc822Name("ops@example.com".try_into().unwrap()),
            SanType::URI("spiffe://example.com/prometheus".try_into().unwrap()),
            SanType::IpAddress("10.1.2.3".parse().unwrap()),
            SanType::IpAddress("2001:db8::1".parse().unwrap()),
        ]);
        let expected = [
            "prometheus.example",
            "ops@example.com",
            "spiffe://example.com/prometheus",
            "10.1.2.3",
            "2001:0DB8:0::1",
        ];
        assert_eq!(sans(&certificate), expected.map(San::parse));
    }

    #[test]
    fn a_certificate_without_names_or_a_malformed_one_has_no_names() {
        assert_eq!(sans(&certificate(Vec::new())), []);
        assert_eq!(
            sans(&CertificateDer::from(&b"\x30\x03\x02\x01\x01"[..])),
            []
        );
    }

    #[test]
    fn a_name_must_match_exactly() {
        let allowed = |list: &[&str]| {
            let list = Some(list.iter().map(|name| San::parse(name)).collect());
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let verifier = Verifier::new(
                ClientAuth::RequireAny,
                RootCertStore::empty(),
                list,
                provider,
            )
            .unwrap();
            let certificate = certificate(vec![
                SanType::DnsName("*.example.com".try_into().unwrap()),
                SanType::IpAddress("::ffff:10.1.2.3".parse().unwrap()),
            ]);
            verifier
                .verify_client_cert(&certificate, &[], UnixTime::now())
                .is_ok()
        };
        for good in [
            &["*.example.com"][..],
            &["x", "*.example.com"],
            &["10.1.2.3"],
        ] {
            assert!(allowed(good), "{good:?}");
        }
        for bad in [
            &[][..],
            &["a.example.com"],
            &["*.EXAMPLE.com"],
            &["example.com"],
            &["10.1.2.30"],
            &[""],
        ] {
            assert!(!allowed(bad), "{bad:?}");
        }
    }
}
