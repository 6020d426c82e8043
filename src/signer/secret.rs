//! Secrets that only the signer can read.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

/// A value that is wiped on drop, that no `Debug` shows, and that only the signer can read.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes `value` over.
    pub fn new(value: String) -> Secret {
        Secret(SecretString::from(value))
    }

    /// The value, for the signer alone.
    pub(super) fn reveal(&self) -> &str {
        self.0.expose_secret()
    }

    /// `text` with this secret replaced.
    pub fn scrub(&self, text: &str) -> String {
        scrub(text, [self.reveal()])
    }
}

/// Straight from an answer or a file into its wrapping.
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

/// Tells nothing: a hash of a secret says something about it.
impl Hash for Secret {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What a request is signed with. A token belongs to temporary credentials alone.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Credentials {
    /// `SecretId`: who signs. Not itself a secret, but never logged either.
    pub secret_id: String,
    /// `SecretKey`.
    pub secret_key: Secret,
    /// `Token`, sent as `X-TC-Token`.
    pub token: Option<Secret>,
}

/// What is shorter stands in ordinary words, and no real key is.
const SHORTEST: usize = 6;

impl Credentials {
    /// Keys that can be signed with and sent, whatever wrote them down.
    pub fn checked(
        secret_id: String,
        secret_key: Secret,
        token: Option<Secret>,
    ) -> Result<Credentials, Unusable> {
        // It stands in the header `Authorization` beside the other parts of it.
        let is_id = is_plain(&secret_id) && !secret_id.contains([',', '=', '/']);
        let parts = [
            ("SecretId", is_id),
            ("SecretKey", is_plain(secret_key.reveal())),
            (
                "token",
                token.as_ref().is_none_or(|token| is_plain(token.reveal())),
            ),
        ];
        match parts.into_iter().find(|(_, is_sound)| !is_sound) {
            Some((part, _)) => Err(Unusable(part)),
            None => Ok(Credentials {
                secret_id,
                secret_key,
                token,
            }),
        }
    }

    /// The header `X-TC-Token`, marked sensitive; none for long-term keys, with which the API refuses it. Fails on
    /// a token that is not plain ASCII.
    pub fn token_header(&self) -> Result<Option<HeaderValue>, Unsendable> {
        self.token
            .as_ref()
            .map(|token| sensitive_header("token", token.reveal()))
            .transpose()
    }

    /// `text` with every secret of these credentials replaced: servers and proxies repeat what they were sent.
    pub fn scrub(&self, text: &str) -> String {
        let token = self.token.as_ref().map_or("", Secret::reveal);
        scrub(text, [self.secret_key.reveal(), token, &self.secret_id])
    }
}

fn scrub<'a>(text: &str, secrets: impl IntoIterator<Item = &'a str>) -> String {
    let secrets = secrets
        .into_iter()
        .filter(|secret| secret.len() >= SHORTEST);
    secrets.fold(text.to_owned(), |text, secret| {
        text.replace(secret, "<redacted>")
    })
}

/// Letters, digits and signs, at least one: no space, no line break, no foreign letter.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Something that stands where a part of credentials should, and is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the {0} is empty, or has a character that none can have")]
pub struct Unusable(&'static str);

impl Unusable {
    /// `SecretId`, `SecretKey` or `token`.
    pub fn part(self) -> &'static str {
        self.0
    }
}

/// Credentials that no HTTP header can carry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the {0} has characters that no HTTP header can carry")]
pub struct Unsendable(&'static str);

/// `text` as a header that no `Debug` shows; `what` names the part of it that came from outside.
pub(super) fn sensitive_header(what: &'static str, text: &str) -> Result<HeaderValue, Unsendable> {
    let is_plain = text
        .bytes()
        .all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let value = HeaderValue::from_str(text).ok().filter(|_| is_plain);
    let mut value = value.ok_or(Unsendable(what))?;
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
    fn keys_that_cannot_be_are_refused_without_being_shown() {
        let checked = |id: &str, key: &str, token: Option<&str>| {
            let token = token.map(|token| Secret::new(token.into()));
            Credentials::checked(id.into(), Secret::new(key.into()), token)
                .map_err(|error| error.to_string())
        };
        assert!(checked("AKIDexample", "k/e+y=", Some("t==")).is_ok());
        for (id, key, token, part) in [
            ("a, Signature=", "key", None, "SecretId"),
            ("a/b", "key", None, "SecretId"),
            ("AKID中", "key", None, "SecretId"),
            ("", "key", None, "SecretId"),
            ("id", "key\nkey", None, "SecretKey"),
            ("id", "", None, "SecretKey"),
            ("id", "key", Some("to ken"), "token"),
        ] {
            let error = checked(id, key, token).unwrap_err();
            assert_eq!(
                error,
                format!("the {part} is empty, or has a character that none can have")
            );
        }
    }

    #[test]
    fn a_token_that_no_header_can_carry_is_an_error_that_does_not_repeat_it() {
        let error = with_token(Some("tok\n1")).token_header().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the token has characters that no HTTP header can carry"
        );
    }
}
