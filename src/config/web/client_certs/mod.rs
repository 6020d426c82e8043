//! Client certificates: which are requested, and which are accepted.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};

use super::certificate::ReadCertificate;

mod authorities;
mod san;
mod signatures;

pub(super) use authorities::Authorities;
pub(super) use san::San;

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
    auth: ClientAuth,
    authorities: Authorities,
    /// The CAs, so that clients can choose a certificate.
    hints: Vec<DistinguishedName>,
    /// A certificate must have one of these.
    allowed_sans: Option<Vec<San>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    pub(super) fn new(
        auth: ClientAuth,
        authorities: Authorities,
        allowed_sans: Option<Vec<San>>,
        provider: Arc<CryptoProvider>,
    ) -> Verifier {
        Verifier {
            auth,
            hints: authorities.subjects(),
            authorities,
            allowed_sans,
            provider,
        }
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.auth.is_mandatory()
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
        // Any certificate that is not verified is accepted, as long as it is well-formed.
        let Some(certificate) = ReadCertificate::new(end_entity.clone().into_owned()) else {
            return Err(CertificateError::BadEncoding.into());
        };
        if self.auth.is_verified() {
            self.authorities
                .verify(&certificate, intermediates, now, &self.provider)?;
        }
        let Some(allowed) = &self.allowed_sans else {
            return Ok(ClientCertVerified::assertion());
        };
        if san::sans(end_entity)
            .iter()
            .any(|san| allowed.contains(san))
        {
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
        let algorithms = &self.provider.signature_verification_algorithms;
        signatures::verify_tls12(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        signatures::verify_tls13(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// The time of a handshake; rustls counts seconds.
fn timestamp(now: UnixTime) -> Timestamp {
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use rcgen::SanType;

    use super::{san::tests::certificate, *};

    #[test]
    fn a_name_must_match_exactly() {
        let allowed = |list: &[&str]| {
            let list = Some(list.iter().map(|name| San::parse(name)).collect());
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let authorities = Authorities::default();
            let verifier = Verifier::new(ClientAuth::RequireAny, authorities, list, provider);
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
