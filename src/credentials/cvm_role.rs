//! The role of a CVM instance, from its metadata service.
//!
//! Source: the requests of the official SDK, recorded in `tests/fixtures/credentials`.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use tokio::time::timeout;

use super::{
    CredentialsError, CvmRole, RefreshContext,
    issued::{Fetched, TemporaryKeys},
};
use crate::{client::MetadataError, signer::Credentials};

const PATH: &str = "latest/meta-data/cam/security-credentials/";
const NO_ROLE: &str = "this machine has no CAM role";
/// For both requests together. A metadata service that exists answers at once.
const TIMEOUT: Duration = Duration::from_secs(2);

impl CvmRole {
    pub(super) async fn fetch(
        &self,
        context: &RefreshContext,
    ) -> Result<Fetched, CredentialsError> {
        match timeout(TIMEOUT, self.fetch_unbounded(context)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(CredentialsError::transient(format!(
                "{} does not answer within {} s",
                self.endpoint,
                TIMEOUT.as_secs()
            ))),
        }
    }

    async fn fetch_unbounded(&self, context: &RefreshContext) -> Result<Fetched, CredentialsError> {
        let role = match &self.role {
            Some(role) => role.clone(),
            None => self.role_name(context).await?,
        };
        let document = match self.get(&role, context).await {
            Ok(document) => document,
            // The machine has another role, or none: a chain never asks for a role by name.
            Err(MetadataError::Status(404)) => {
                return Err(CredentialsError::permanent(format!("{NO_ROLE} {role}")));
            }
            Err(error) => return Err(self.failed(&error)),
        };
        let (credentials, expires) = parse(&document)?;
        Ok(Fetched {
            credentials,
            origin: format!("CVM role {role}"),
            identity: role,
            expires: Some(expires),
        })
    }

    async fn role_name(&self, context: &RefreshContext) -> Result<String, CredentialsError> {
        let document = match self.get("", context).await {
            Ok(document) => document,
            Err(MetadataError::Status(404)) => return Err(CredentialsError::absent(NO_ROLE)),
            Err(error) => return Err(self.failed(&error)),
        };
        // Not UTF-8 is not a name either.
        let name = str::from_utf8(&document).unwrap_or("?").trim();
        if name.is_empty() {
            return Err(CredentialsError::absent(NO_ROLE));
        }
        if !is_role_name(name) {
            return Err(CredentialsError::transient(format!(
                "{} did not return the name of a role",
                self.endpoint
            )));
        }
        Ok(name.to_owned())
    }

    async fn get(&self, name: &str, context: &RefreshContext) -> Result<Bytes, MetadataError> {
        // The name was checked with `is_role_name`, so it cannot lead to another path.
        let url = self.endpoint.url().join(&format!("{PATH}{name}"));
        let url = url.map_err(|error| MetadataError::Broken(error.to_string()))?;
        context.client.metadata(&url).await
    }

    fn failed(&self, error: &MetadataError) -> CredentialsError {
        let message = format!("{}: {error}", self.endpoint);
        match error {
            MetadataError::Unreachable(_) => CredentialsError::absent(message),
            MetadataError::Status(_) | MetadataError::Broken(_) => {
                CredentialsError::transient(message)
            }
        }
    }
}

/// Whether it can be the name of a CAM role, and so part of a path.
pub(crate) fn is_role_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    let is_relative = text.bytes().all(|byte| byte == b'.');
    (1..=128).contains(&text.len()) && text.bytes().all(is_allowed) && !is_relative
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetadataDocument {
    code: String,
    #[serde(flatten)]
    role: Option<RoleKeys>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RoleKeys {
    #[serde(flatten)]
    keys: TemporaryKeys,
    /// Unix time.
    expired_time: i64,
}

fn parse(document: &[u8]) -> Result<(Credentials, Timestamp), CredentialsError> {
    // The messages of `serde_json` are not used: they quote the document.
    let Ok(document) = serde_json::from_slice::<MetadataDocument>(document) else {
        return Err(unreadable());
    };
    // Checked before the keys: a document with another code has none.
    if document.code != "Success" {
        return Err(CredentialsError::transient(
            "the metadata service returned no keys: its Code is not Success",
        ));
    }
    let Some(RoleKeys { keys, expired_time }) = document.role else {
        return Err(unreadable());
    };
    let Ok(expires) = Timestamp::from_second(expired_time) else {
        return Err(unreadable());
    };
    Ok((keys.into_credentials()?, expires))
}

fn unreadable() -> CredentialsError {
    CredentialsError::transient("the response of the metadata service cannot be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_with_code_success_contains_keys() {
        let document =
            br#"{"TmpSecretId":"AKIDmeta","TmpSecretKey":"metakey","ExpiredTime":4102444800,
            "Expiration":"2100-01-01T00:00:00Z","Token":"tok-meta","Code":"Success"}"#;
        let (credentials, expires) = parse(document).unwrap();
        assert_eq!(credentials.secret_id, "AKIDmeta");
        assert_eq!(expires.to_string(), "2100-01-01T00:00:00Z");
    }

    #[test]
    fn an_invalid_document_is_not_quoted() {
        for document in [
            "canary",
            r#""canary""#,
            r#"{"Code":"canary"}"#,
            r#"{"Code":"Success"}"#,
            r#"{"Code":"Success","TmpSecretId":"canary"}"#,
            r#"{"Code":"Success","TmpSecretId":"a","TmpSecretKey":"k","Token":{"canary":1},"ExpiredTime":1}"#,
            r#"{"Code":"Success","TmpSecretId":"a","TmpSecretKey":"k","Token":"t","ExpiredTime":"canary"}"#,
            r#"{"Code":"Success","TmpSecretId":"can ary","TmpSecretKey":"k","Token":"t","ExpiredTime":1}"#,
        ] {
            let error = parse(document.as_bytes()).unwrap_err().to_string();
            assert!(!error.contains("ary"), "{error}");
        }
    }

    #[test]
    fn the_name_of_a_role_is_safe_in_a_path() {
        for (name, expected) in [
            ("MyTcssRole", true),
            ("a+b=c,d.e@f_g-h", true),
            ("", false),
            ("..", false),
            ("a/b", false),
        ] {
            assert_eq!(is_role_name(name), expected, "{name}");
        }
    }
}
