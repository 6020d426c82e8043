//! Certificates of clients: which are asked for, and which are good.

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
    /// Asked for; any will do, none too.
    Request,
    /// Any will do, also one that nobody vouches for.
    RequireAny,
    /// One that is given must be good.
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

    /// Whether no client comes in without one.
    pub(super) fn is_mandatory(self) -> bool {
        matches!(self, ClientAuth::RequireAny | ClientAuth::RequireAndVerify)
    }

    /// Whether authorities have to vouch for it.
    pub(super) fn is_verified(self) -> bool {
        matches!(
            self,
            ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify
        )
    }
}

/// Decides on clients' certificates. Whoever shows one must have its key, in each case.
#[derive(Debug)]
pub(super) struct Verifier {
    is_mandatory: bool,
    /// Verifies up to an authority; without it, any certificate is good.
    chain: Option<Arc<dyn ClientCertVerifier>>,
    /// The authorities, so that clients can choose.
    hints: Vec<DistinguishedName>,
    /// Of which a certificate must have one.
    allowed_sans: Option<Vec<San>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// Fails if `auth` needs authorities and there are none.
    pub(super) fn new(
        auth: ClientAuth,
        authorities: RootCertStore,
        allowed_sans: Option<Vec<San>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Verifier, VerifierBuilderError> {
        let hints = authorities.subjects();
        let chain = auth
            .is_verified()
            .then(|| {
                WebPkiClientVerifier::builder_with_provider(
                    authorities.into(),
                    Arc::clone(&provider),
                )
                .build()
            })
            .transpose()?;
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

/// A subject alternative name: a DNS name, an email address, a URI, letter by letter; or an IP address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum San {
    Text(String),
    Ip(IpAddr),
}

impl San {
    pub(super) fn parse(text: &str) -> San {
        text.parse().map_or_else(
            |_| San::Text(text.to_owned()),
            |ip: IpAddr| San::Ip(ip.to_canonical()),
        )
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
                let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
                let ip = v4
                    .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
                    .ok()?;
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
    let names = certificate
        .tbs_certificate()
        .get_extension::<SubjectAltName>();
    names
        .ok()
        .flatten()
        .map(|(_, names)| names.0.iter().filter_map(San::of).collect())
        .unwrap_or_default()
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
    fn a_certificate_has_names_of_four_kinds() {
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
    fn what_has_no_names_has_none() {
        assert_eq!(sans(&certificate(Vec::new())), []);
        assert_eq!(
            sans(&CertificateDer::from(&b"\x30\x03\x02\x01\x01"[..])),
            []
        );
    }

    #[test]
    fn a_name_is_matched_as_a_whole_and_letter_by_letter() {
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
