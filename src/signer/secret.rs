//! Secrets that only the signer can read.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

use crate::domain::placeholder_fault;

/// Shorter secrets are not scrubbed: they occur in ordinary words, and no real key is so short.
const MIN_SCRUBBED_BYTES: usize = 6;

/// A value that is wiped on drop, that `Debug` does not show, and that only the signer can read.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    pub fn new(value: String) -> Secret {
        Secret(SecretString::from(value))
    }

    /// The value, for the signer alone.
    pub(super) fn reveal(&self) -> &str {
        self.0.expose_secret()
    }

    pub fn is_empty(&self) -> bool {
        self.reveal().is_empty()
    }

    /// The header `Authorization` of a request that this secret authorizes, marked sensitive.
    pub fn bearer_header(&self) -> Result<HeaderValue, InvalidHeader> {
        sensitive_header("token", &format!("Bearer {}", self.reveal()))
    }

    /// `text` with this secret redacted.
    pub fn scrub(&self, text: &str) -> String {
        scrub(text, &[self.reveal()])
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        String::deserialize(deserializer).map(Secret::new)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.reveal() == other.reveal()
    }
}

impl Eq for Secret {}

/// Hashes nothing: the hash of a secret would reveal something about it.
impl Hash for Secret {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What a request is signed with.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Credentials {
    /// Not a secret by itself, but never logged either.
    pub secret_id: String,
    pub secret_key: Secret,
    /// Sent as `X-TC-Token`. Only temporary credentials have one.
    pub token: Option<Secret>,
}

impl Credentials {
    /// Credentials that can be signed with and sent.
    pub fn checked(
        secret_id: String,
        secret_key: Secret,
        token: Option<Secret>,
    ) -> Result<Credentials, InvalidCredentials> {
        // In the header `Authorization`, these characters separate the SecretId from what follows.
        let has_separator = secret_id.contains([',', '=', '/']);
        if let Some(fault) = fault(&secret_id) {
            return Err(InvalidCredentials::new("SecretId", fault));
        }
        if has_separator {
            return Err(InvalidCredentials::new("SecretId", NOT_ALLOWED));
        }
        if let Some(fault) = fault(secret_key.reveal()) {
            return Err(InvalidCredentials::new("SecretKey", fault));
        }
        if is_like_a_secret_id(secret_key.reveal()) && !is_like_a_secret_id(&secret_id) {
            return Err(InvalidCredentials::new("SecretKey", SWAPPED));
        }
        if let Some(token) = &token
            && let Some(fault) = fault(token.reveal())
        {
            return Err(InvalidCredentials::new("token", fault));
        }
        Ok(Credentials {
            secret_id,
            secret_key,
            token,
        })
    }

    /// The header `X-TC-Token`, marked sensitive. None for long-term keys: the API refuses an empty
    /// one. Fails for a token that is not printable ASCII.
    pub fn token_header(&self) -> Result<Option<HeaderValue>, InvalidHeader> {
        match &self.token {
            Some(token) => Ok(Some(sensitive_header("token", token.reveal())?)),
            None => Ok(None),
        }
    }

    /// `text` with all parts of these credentials redacted: servers and proxies may repeat what
    /// they were sent.
    pub fn scrub(&self, text: &str) -> String {
        let mut secrets = vec![self.secret_key.reveal()];
        if let Some(token) = &self.token {
            secrets.push(token.reveal());
        }
        secrets.push(&self.secret_id);
        scrub(text, &secrets)
    }
}

fn scrub(text: &str, secrets: &[&str]) -> String {
    let mut scrubbed = text.to_owned();
    for secret in secrets {
        if secret.len() >= MIN_SCRUBBED_BYTES {
            scrubbed = scrubbed.replace(secret, "<redacted>");
        }
    }
    scrubbed
}

/// What is wrong with a part of credentials. None where nothing is.
fn fault(text: &str) -> Option<&'static str> {
    if let Some(fault) = placeholder_fault(text) {
        return Some(fault);
    }
    let is_printable = text.bytes().all(|byte| byte.is_ascii_graphic());
    if text.is_empty() || !is_printable {
        return Some(NOT_ALLOWED);
    }
    None
}

/// A `SecretId` of the mainland site or of the international site begins like this, and has 36
/// characters.
fn is_like_a_secret_id(text: &str) -> bool {
    text.len() >= 30 && (text.starts_with("AKID") || text.starts_with("IKID"))
}

const NOT_ALLOWED: &str = "is empty or contains characters that are not allowed";
const SWAPPED: &str = "looks like a SecretId; SecretId and SecretKey may be swapped";

/// A part of credentials that no real one can be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the {part} {fault}")]
pub struct InvalidCredentials {
    part: &'static str,
    fault: &'static str,
}

impl InvalidCredentials {
    fn new(part: &'static str, fault: &'static str) -> InvalidCredentials {
        InvalidCredentials { part, fault }
    }

    /// `SecretId`, `SecretKey` or `token`.
    pub fn part(self) -> &'static str {
        self.part
    }

    /// What is wrong with it, without the value: "contains quotes; remove them".
    pub fn fault(self) -> &'static str {
        self.fault
    }
}

/// Credentials that cannot be sent in an HTTP header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the {0} contains characters that are not allowed in an HTTP header")]
pub struct InvalidHeader(&'static str);

/// `text` as a header that `Debug` does not show. `what` names the part of it that may be invalid.
pub(super) fn sensitive_header(
    what: &'static str,
    text: &str,
) -> Result<HeaderValue, InvalidHeader> {
    // `HeaderValue` allows more than the API does.
    let is_allowed = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    if !text.bytes().all(is_allowed) {
        return Err(InvalidHeader(what));
    }
    let mut value = HeaderValue::from_str(text).map_err(|_| InvalidHeader(what))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_token(token: Option<&str>) -> Credentials {
        Credentials {
            secret_id: "AKIDexample".into(),
            secret_key: Secret::new("key".into()),
            token: token.map(|token| Secret::new(token.into())),
        }
    }

    #[test]
    fn a_token_becomes_a_header_that_debug_does_not_show() {
        let header = with_token(Some("tok-1==")).token_header().unwrap().unwrap();
        assert_eq!(header, "tok-1==");
        assert!(header.is_sensitive());
        assert_eq!(with_token(None).token_header(), Ok(None));
    }

    #[test]
    fn invalid_credentials_are_refused_without_being_shown() {
        let checked = |id: &str, key: &str, token: Option<&str>| {
            let token = token.map(|token| Secret::new(token.into()));
            Credentials::checked(id.into(), Secret::new(key.into()), token)
                .map_err(|error| error.to_string())
        };
        assert!(checked("AKIDexample", "k/e+y=", Some("t==")).is_ok());
        let (blank, quotes) = (
            "contains white space; remove it",
            "contains quotes; remove them",
        );
        let placeholder = "is a placeholder; replace it by the value";
        let swapped = "AKIDz8krbsJ5yKBZQpn74WFkmLPx3gnP";
        for (id, key, token, part, fault) in [
            ("a,Signature=", "key", None, "SecretId", NOT_ALLOWED),
            ("a/b", "key", None, "SecretId", NOT_ALLOWED),
            ("AKID中", "key", None, "SecretId", NOT_ALLOWED),
            ("", "key", None, "SecretId", NOT_ALLOWED),
            ("\"AKID\"", "key", None, "SecretId", quotes),
            ("<your-secret-id>", "key", None, "SecretId", placeholder),
            ("id", "key\nkey", None, "SecretKey", blank),
            ("id", "", None, "SecretKey", NOT_ALLOWED),
            ("id", "${SECRET_KEY}", None, "SecretKey", placeholder),
            ("id", swapped, None, "SecretKey", SWAPPED),
            ("id", "key", Some("to ken"), "token", blank),
            ("id", "key", Some("'token'"), "token", quotes),
        ] {
            let error = checked(id, key, token).unwrap_err();
            assert_eq!(error, format!("the {part} {fault}"));
        }
    }

    #[test]
    fn an_error_about_a_token_does_not_repeat_it() {
        let error = with_token(Some("tok\n1")).token_header().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the token contains characters that are not allowed in an HTTP header"
        );
    }
}
