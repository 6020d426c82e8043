//! Certificates and keys, from files or from the configuration itself. No message shows what is written in either.

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _},
    server::ParsedCertificate,
};

use super::Files;
use crate::config::{
    problem::{Origin, Problem},
    scalar,
    tree::{At, Fields},
    yaml::Value,
};

/// Text with certificates or keys in it.
pub(super) struct Pem {
    pub origin: Origin,
    /// What messages begin with.
    what: String,
    bytes: Vec<u8>,
}

/// Something that is there, or not; or it is there and cannot be read, which is reported already.
pub(super) enum Given {
    Nothing,
    Unreadable,
    Pem(Pem),
}

/// What `key` says itself, or the file that `key_of_file` names. A blank value is none.
pub(super) fn read(
    fields: &Fields<'_>,
    key: &'static str,
    key_of_file: &'static str,
    files: &mut Files,
    problems: &mut Vec<Problem>,
) -> Given {
    let is_blank = |at: &At<'_>| matches!(at.value(), Value::Text(text) if text.is_empty());
    let inline = fields.at(key).filter(|at| !is_blank(at));
    let file = fields.at(key_of_file).filter(|at| !is_blank(at));
    let (origin, read) = match (inline, file) {
        (None, None) => return Given::Nothing,
        (Some(_), Some(file)) => (
            file.origin(),
            Err(format!("is given beside {key}; leave one of them out")),
        ),
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

fn of_text(at: At<'_>) -> Result<(String, Vec<u8>), String> {
    match at.value() {
        Value::Text(text) => Ok((String::new(), text.clone().into_bytes())),
        other => Err(format!(
            "is {}; it must be text in the PEM format",
            other.kind()
        )),
    }
}

fn of_file(at: At<'_>, files: &mut Files) -> Result<(String, Vec<u8>), String> {
    let name = scalar::text(at)?;
    if name.contains("-----BEGIN") {
        return Err("must be the name of a file".into());
    }
    let bytes = files.read(name)?;
    Ok((format!("{name} "), bytes))
}

impl Pem {
    /// The certificates, in their order; at least one.
    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, String> {
        let certificates: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(&self.bytes)
                .collect::<Result<_, _>>()
                .map_err(|error| self.broken(&error))?;
        if certificates.is_empty() {
            return Err(format!(
                "{}holds no certificate; write one that begins with -----BEGIN CERTIFICATE-----",
                self.what
            ));
        }
        for certificate in &certificates {
            ParsedCertificate::try_from(certificate).map_err(|_| {
                format!(
                    "{}holds a certificate that is broken, or of a version other than 3",
                    self.what
                )
            })?;
        }
        Ok(certificates)
    }

    /// The certificates as those of authorities.
    pub(super) fn authorities(&self) -> Result<RootCertStore, String> {
        let mut roots = RootCertStore::empty();
        for certificate in self.certificates()? {
            roots
                .add(certificate)
                .map_err(|_| format!("{}holds a certificate that can be no CA's", self.what))?;
        }
        Ok(roots)
    }

    /// The first private key.
    pub(super) fn key(&self) -> Result<PrivateKeyDer<'static>, String> {
        PrivateKeyDer::from_pem_slice(&self.bytes).map_err(|error| match error {
            pem::Error::NoItemsFound => format!(
                "{}holds no private key; write one that begins with -----BEGIN PRIVATE KEY-----, not encrypted",
                self.what
            ),
            error => self.broken(&error),
        })
    }

    /// A problem of what it holds.
    pub(super) fn problem(&self, message: &str) -> Problem {
        self.origin.problem(format!("{}{message}", self.what))
    }

    /// The library's own words may quote the text.
    fn broken(&self, error: &pem::Error) -> String {
        let fault = match error {
            pem::Error::MissingSectionEnd { .. } => "ends before its last section does",
            pem::Error::IllegalSectionStart { .. } => "has a broken -----BEGIN line",
            _ => "has a section that is no base64",
        };
        format!("{}{fault}; write PEM as it was issued", self.what)
    }
}
