//! Subject alternative names.

use std::net::IpAddr;

use rustls::pki_types::CertificateDer;
use x509_cert::{
    Certificate,
    der::Decode as _,
    ext::pkix::{SubjectAltName, name::GeneralName},
};

/// A subject alternative name: a DNS name, an email address or a URI, compared as text; or an IP address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config::web) enum San {
    Text(String),
    Ip(IpAddr),
}

impl San {
    pub(in crate::config::web) fn parse(text: &str) -> San {
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
pub(super) fn sans(certificate: &CertificateDer<'_>) -> Vec<San> {
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
pub(super) mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    /// A self-signed certificate with these names.
    pub(crate) fn certificate(sans: Vec<SanType>) -> CertificateDer<'static> {
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
}
