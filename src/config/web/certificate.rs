//! What a certificate says about itself, beyond what rustls reads.

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_cert::{
    Certificate, Version,
    der::{Decode as _, Encode as _},
    ext::pkix::{BasicConstraints, KeyUsage, KeyUsages},
};

/// When a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValidityPeriod {
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

impl ValidityPeriod {
    fn of(certificate: &Certificate) -> ValidityPeriod {
        let validity = certificate.tbs_certificate().validity();
        // X.509 years have four digits, and so have jiff's.
        let timestamp = |time: x509_cert::time::Time| {
            let seconds = i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
            Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
        };
        ValidityPeriod {
            not_before: timestamp(validity.not_before),
            not_after: timestamp(validity.not_after),
        }
    }

    pub(super) fn has_begun(self, now: Timestamp) -> bool {
        self.not_before <= now
    }

    pub(super) fn has_ended(self, now: Timestamp) -> bool {
        self.not_after < now
    }

    pub(super) fn contains(self, now: Timestamp) -> bool {
        self.has_begun(now) && !self.has_ended(now)
    }
}

/// A certificate whose structure was read.
#[derive(Clone, Debug)]
pub(super) struct ReadCertificate {
    pub(super) der: CertificateDer<'static>,
    pub(super) period: ValidityPeriod,
    pub(super) is_version_3: bool,
    /// Whether it may sign other certificates.
    pub(super) is_authority: bool,
}

impl ReadCertificate {
    /// None if it is malformed.
    pub(super) fn new(der: CertificateDer<'static>) -> Option<ReadCertificate> {
        let certificate = Certificate::from_der(&der).ok()?;
        Some(ReadCertificate {
            period: ValidityPeriod::of(&certificate),
            is_version_3: certificate.tbs_certificate().version() == Version::V3,
            is_authority: is_authority(&certificate),
            der,
        })
    }
}

/// As Go decides it: version 1 has no extensions and cannot say, version 3 must say so.
fn is_authority(certificate: &Certificate) -> bool {
    let certificate = certificate.tbs_certificate();
    if certificate.version() != Version::V3 {
        return true;
    }
    let Ok(Some((_, constraints))) = certificate.get_extension::<BasicConstraints>() else {
        return false;
    };
    let may_sign = match certificate.get_extension::<KeyUsage>() {
        Ok(Some((_, usage))) => usage.0.contains(KeyUsages::KeyCertSign),
        Ok(None) => true,
        Err(_) => false,
    };
    constraints.ca && may_sign
}

/// The public key of a certificate: its `SubjectPublicKeyInfo`, in DER. None if it is malformed.
pub(super) fn public_key(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let key = certificate.tbs_certificate().subject_public_key_info();
    key.to_der().ok()
}
