//! Certificates and keys, from files or from the configuration itself. No message shows what is written in either.

use std::fmt::Display;

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _},
    server::ParsedCertificate,
};

use super::{FileReader, certificate::ReadCertificate, client_certs::Authorities};
use crate::yaml::{MapReader, Origin, Problem, ValueReader, YamlValue, scalar};

/// Text with certificates or keys in it.
pub(super) struct Pem {
    pub origin: Origin,
    /// The name of the file with a space, with which messages begin; empty for text in the configuration.
    what: String,
    bytes: Vec<u8>,
}

/// A certificate or key as it was configured.
pub(super) enum Given {
    Nothing,
    /// Already reported.
    Unreadable,
    Pem(Pem),
}

/// Reads `key`, which contains the text itself, or the file that `file_key` names. A blank value counts as absent.
pub(super) fn read(
    map: &MapReader<'_>,
    key: &'static str,
    file_key: &'static str,
    files: &mut FileReader,
    problems: &mut Vec<Problem>,
) -> Given {
    let file = map.at(file_key).filter(is_not_blank);
    let inline = map.at(key).filter(is_not_blank);
    // A file that is ignored because the text is given too could be the newer certificate.
    let (origin, read) = match (inline, file) {
        (None, None) => return Given::Nothing,
        (Some(_), Some(file)) => {
            let both = format!("is given together with {key}, remove one of them");
            (file.origin(), Err(both))
        }
        (Some(inline), None) => (inline.origin(), of_text(inline)),
        (None, Some(file)) => (file.origin(), of_file(file, files)),
    };
    match read {
        Ok((what, bytes)) => Given::Pem(Pem {
            origin,
            what,
            bytes,
        }),
        Err(message) => {
            problems.push(origin.problem(message));
            Given::Unreadable
        }
    }
}

fn is_not_blank(value: &ValueReader<'_>) -> bool {
    !matches!(value.value(), YamlValue::Text(text) if text.is_empty())
}

fn of_text(value: ValueReader<'_>) -> Result<(String, Vec<u8>), String> {
    match value.value() {
        YamlValue::Text(text) => Ok((String::new(), text.clone().into_bytes())),
        other => Err(format!("is {}, expected text in PEM format", other.kind())),
    }
}

fn of_file(value: ValueReader<'_>, files: &mut FileReader) -> Result<(String, Vec<u8>), String> {
    let name = scalar::text(value)?;
    // Somebody pasted a key here: the usual message would show it as a file name.
    if name.contains("-----BEGIN") {
        return Err("must be the name of a file".into());
    }
    let bytes = files.read(name)?;
    Ok((format!("{name} "), bytes))
}

impl Pem {
    /// The chain of a server, in the order of the file; at least one.
    pub(super) fn chain(&self) -> Result<Vec<ReadCertificate>, String> {
        let certificates = self.certificates()?;
        for certificate in &certificates {
            // Reported here, with the name of the file, rather than by rustls without it.
            if ParsedCertificate::try_from(&certificate.der).is_ok() {
                continue;
            }
            let what = &self.what;
            if certificate.is_version_3 {
                return Err(format!(
                    "{what}contains a certificate with an unknown critical extension, which is not supported; \
                     issue one without it"
                ));
            }
            return Err(format!(
                "{what}contains a certificate of X.509 version 1, which is not supported; issue one of version 3, \
                 for example with openssl x509 -req -extfile"
            ));
        }
        Ok(certificates)
    }

    /// In the order of the file; at least one.
    fn certificates(&self) -> Result<Vec<ReadCertificate>, String> {
        let mut certificates = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(&self.bytes) {
            let certificate = certificate.map_err(|error| self.broken(&error))?;
            let Some(certificate) = ReadCertificate::new(certificate) else {
                return Err(format!("{}contains a malformed certificate", self.what));
            };
            certificates.push(certificate);
        }
        if certificates.is_empty() {
            return Err(format!(
                "{}contains no certificate, expected -----BEGIN CERTIFICATE-----",
                self.what
            ));
        }
        Ok(certificates)
    }

    pub(super) fn authorities(&self) -> Result<Authorities, String> {
        let certificates = self.certificates()?;
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            if certificate.is_authority && roots.add(certificate.der.clone()).is_err() {
                let what = &self.what;
                return Err(format!(
                    "{what}contains a certificate that cannot be a CA certificate"
                ));
            }
        }
        Ok(Authorities::new(certificates))
    }

    /// The first private key.
    pub(super) fn key(&self) -> Result<PrivateKeyDer<'static>, String> {
        PrivateKeyDer::from_pem_slice(&self.bytes).map_err(|error| match error {
            pem::Error::NoItemsFound => format!(
                "{}contains no private key, expected -----BEGIN PRIVATE KEY-----, not encrypted",
                self.what
            ),
            error => self.broken(&error),
        })
    }

    pub(super) fn problem(&self, message: impl Display) -> Problem {
        self.origin.problem(format!("{}{message}", self.what))
    }

    /// The library's own message may quote the text.
    fn broken(&self, error: &pem::Error) -> String {
        let fault = match error {
            pem::Error::MissingSectionEnd { .. } => "has no -----END line for its last section",
            pem::Error::IllegalSectionStart { .. } => "has a malformed -----BEGIN line",
            _ => "has a section that is not valid base64",
        };
        format!("{}{fault}", self.what)
    }
}
