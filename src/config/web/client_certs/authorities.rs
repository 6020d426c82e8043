//! Who may issue client certificates.

use std::sync::{Arc, LazyLock};

use rustls::{
    CertificateError, DistinguishedName, Error, RootCertStore,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, UnixTime},
    server::WebPkiClientVerifier,
};
use x509_cert::{
    Certificate,
    der::{Decode as _, asn1::ObjectIdentifier},
    ext::pkix::ExtendedKeyUsage,
};

use super::{super::certificate::ReadCertificate, timestamp};

/// In extended key usages: for TLS clients, and for everything.
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
const ANY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

/// The CAs of the system, which Go uses where none are configured.
static SYSTEM: LazyLock<Vec<ReadCertificate>> = LazyLock::new(|| {
    let mut ders = rustls_native_certs::load_native_certs().certs;
    if ders.is_empty() {
        ders.extend_from_slice(webpki_root_certs::TLS_SERVER_ROOT_CERTS);
    }
    ders.into_iter().filter_map(ReadCertificate::new).collect()
});

/// Certificates whose holders are accepted, and CAs whose certificates are.
#[derive(Clone, Debug, Default)]
pub(in crate::config::web) struct Authorities {
    certificates: Vec<ReadCertificate>,
}

impl Authorities {
    pub(in crate::config::web) fn new(certificates: Vec<ReadCertificate>) -> Authorities {
        Authorities { certificates }
    }

    pub(in crate::config::web) fn of_system() -> Authorities {
        Authorities::new(SYSTEM.clone())
    }

    pub(in crate::config::web) fn certificates(&self) -> &[ReadCertificate] {
        &self.certificates
    }

    pub(super) fn subjects(&self) -> Vec<DistinguishedName> {
        let mut roots = RootCertStore::empty();
        for certificate in &self.certificates {
            let _ = roots.add(certificate.der.clone());
        }
        roots.subjects()
    }

    /// Verifies a client certificate as Go does. webpki would refuse a certificate that is itself
    /// configured if it is also a CA certificate, as `openssl req -x509` makes them, and does not
    /// look at the validity of CAs.
    pub(super) fn verify(
        &self,
        certificate: &ReadCertificate,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
        provider: &Arc<CryptoProvider>,
    ) -> Result<(), Error> {
        if self.contains(certificate) {
            return verify_configured(certificate, now);
        }
        let mut roots = RootCertStore::empty();
        for authority in &self.certificates {
            if authority.is_authority && authority.period.contains(timestamp(now)) {
                // Fails for none: each was added once when the configuration was read.
                let _ = roots.add(authority.der.clone());
            }
        }
        if roots.is_empty() {
            return Err(CertificateError::UnknownIssuer.into());
        }
        let provider = Arc::clone(provider);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
        let verifier = match verifier.build() {
            Ok(verifier) => verifier,
            Err(error) => return Err(Error::General(error.to_string())),
        };
        verifier.verify_client_cert(&certificate.der, intermediates, now)?;
        Ok(())
    }

    fn contains(&self, certificate: &ReadCertificate) -> bool {
        let mut configured = self.certificates.iter();
        configured.any(|configured| configured.der == certificate.der)
    }
}

/// A certificate that is itself configured needs no issuer, but it must be valid now, and for
/// clients.
fn verify_configured(certificate: &ReadCertificate, now: UnixTime) -> Result<(), Error> {
    let now = timestamp(now);
    if !certificate.period.has_begun(now) {
        return Err(CertificateError::NotValidYet.into());
    }
    if certificate.period.has_ended(now) {
        return Err(CertificateError::Expired.into());
    }
    if !is_for_clients(&certificate.der) {
        return Err(CertificateError::InvalidPurpose.into());
    }
    Ok(())
}

fn is_for_clients(certificate: &CertificateDer<'_>) -> bool {
    let Ok(certificate) = Certificate::from_der(certificate) else {
        return false;
    };
    match certificate
        .tbs_certificate()
        .get_extension::<ExtendedKeyUsage>()
    {
        Ok(Some((_, usages))) => usages.0.contains(&CLIENT_AUTH) || usages.0.contains(&ANY_USAGE),
        Ok(None) => true,
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{
        BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
        date_time_ymd,
    };

    use super::*;

    /// In 2030.
    const NOW: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(1_900_000_000));

    fn params(is_ca: bool, last_year: i32) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.not_after = date_time_ymd(last_year, 1, 1);
        if is_ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        params
    }

    fn self_signed(params: &CertificateParams, key: &KeyPair) -> ReadCertificate {
        ReadCertificate::new(params.self_signed(key).unwrap().into()).unwrap()
    }

    fn issued_by(ca: CertificateParams, ca_key: KeyPair) -> ReadCertificate {
        let issuer = Issuer::new(ca, ca_key);
        let key = KeyPair::generate().unwrap();
        let client = params(false, 2050).signed_by(&key, &issuer).unwrap();
        ReadCertificate::new(client.into()).unwrap()
    }

    fn verify(authorities: Vec<ReadCertificate>, client: &ReadCertificate) -> Result<(), Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        Authorities::new(authorities).verify(client, &[], NOW, &provider)
    }

    #[test]
    fn a_certificate_that_is_itself_configured_is_accepted_while_it_is_valid() {
        let key = KeyPair::generate().unwrap();
        for is_ca in [false, true] {
            let certificate = self_signed(&params(is_ca, 2050), &key);
            assert_eq!(verify(vec![certificate.clone()], &certificate), Ok(()));
            let other = self_signed(&params(is_ca, 2050), &KeyPair::generate().unwrap());
            assert!(verify(vec![other], &certificate).is_err());
            let expired = self_signed(&params(is_ca, 2020), &key);
            let error = verify(vec![expired.clone()], &expired).unwrap_err();
            assert_eq!(error, CertificateError::Expired.into());
        }
        let mut for_servers = params(false, 2050);
        for_servers.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let for_servers = self_signed(&for_servers, &key);
        assert_eq!(
            verify(vec![for_servers.clone()], &for_servers),
            Err(CertificateError::InvalidPurpose.into())
        );
    }

    #[test]
    fn only_a_ca_that_is_valid_vouches_for_others() {
        for (is_ca, last_year, expected) in [
            (true, 2050, true),
            (true, 2020, false),
            (false, 2050, false),
        ] {
            let key = KeyPair::generate().unwrap();
            let ca = params(is_ca, last_year);
            let configured = self_signed(&ca, &key);
            let client = issued_by(ca, key);
            let accepted = verify(vec![configured], &client).is_ok();
            assert_eq!(accepted, expected, "CA: {is_ca}, until {last_year}");
        }
    }
}
