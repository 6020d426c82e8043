//! Proofs that a client has the key of its certificate.
//!
//! rustls refuses certificates of X.509 version 1 and with unknown critical extensions here, too,
//! after they were accepted. For those, the public key alone is used.

use rustls::{
    CertificateError, DigitallySignedStruct, Error, PeerIncompatible,
    client::danger::HandshakeSignatureValid,
    crypto::{
        WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
        verify_tls13_signature_with_raw_key,
    },
    pki_types::{CertificateDer, SubjectPublicKeyInfoDer},
    server::ParsedCertificate,
};
use x509_cert::{
    der::{Decode as _, Encode as _},
    spki::SubjectPublicKeyInfoRef,
};

use super::super::certificate::public_key;

pub(super) fn verify_tls12(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    if ParsedCertificate::try_from(certificate).is_ok() {
        return verify_tls12_signature(message, certificate, signed, algorithms);
    }
    let key = public_key(certificate).ok_or(CertificateError::BadEncoding)?;
    let key = SubjectPublicKeyInfoRef::from_der(&key).map_err(|_| CertificateError::BadEncoding)?;
    let algorithm = key
        .algorithm
        .to_der()
        .map_err(|_| CertificateError::BadEncoding)?;
    // rustls compares without the tag and the length, which is less than 128.
    let algorithm = algorithm.get(2..).unwrap_or_default();
    for (scheme, candidates) in algorithms.mapping {
        if *scheme != signed.scheme {
            continue;
        }
        for candidate in *candidates {
            if candidate.public_key_alg_id().as_ref() != algorithm {
                continue;
            }
            let key = key.subject_public_key.raw_bytes();
            return match candidate.verify_signature(key, message, signed.signature()) {
                Ok(()) => Ok(HandshakeSignatureValid::assertion()),
                Err(_) => Err(CertificateError::BadSignature.into()),
            };
        }
    }
    Err(PeerIncompatible::NoSignatureSchemesInCommon.into())
}

pub(super) fn verify_tls13(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    if ParsedCertificate::try_from(certificate).is_ok() {
        return verify_tls13_signature(message, certificate, signed, algorithms);
    }
    let key = public_key(certificate).ok_or(CertificateError::BadEncoding)?;
    let key = SubjectPublicKeyInfoDer::from(key);
    verify_tls13_signature_with_raw_key(message, &key, signed, algorithms)
}
