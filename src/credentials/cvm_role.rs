//! The role of a CVM, from the metadata service of the machine.
//!
//! Source: the requests of the official SDK, recorded in `tests/fixtures/credentials`.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use serde::Deserialize;
use tokio::time::timeout;

use super::{CredentialsError, Tools, issued::Fetched};
use crate::{
    client::MetadataError,
    domain::Endpoint,
    signer::{Credentials, Secret},
};

const PATH: &str = "latest/meta-data/cam/security-credentials/";
/// For both requests together. What is next door answers at once.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the metadata service is, and which role it has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CvmRole {
    /// Of the metadata service.
    pub endpoint: Endpoint,
    /// None: the metadata service says it.
    pub role: Option<String>,
}

impl Default for CvmRole {
    fn default() -> CvmRole {
        CvmRole {
            endpoint: CvmRole::default_endpoint(),
            role: None,
        }
    }
}

impl fmt::Display for CvmRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cvm_role")?;
        self.role
            .as_ref()
            .map_or(Ok(()), |role| write!(f, " {role}"))
    }
}

impl CvmRole {
    /// The same on every CVM.
    pub fn default_endpoint() -> Endpoint {
        Endpoint::parse("http://metadata.tencentyun.com", true).expect("a URL")
    }

    pub(super) async fn fetch(&self, tools: &Tools) -> Result<Fetched, CredentialsError> {
        timeout(PATIENCE, self.ask(tools))
            .await
            .unwrap_or_else(|_| {
                let seconds = PATIENCE.as_secs();
                Err(CredentialsError::passing(format!(
                    "{} does not answer within {seconds} s",
                    self.endpoint
                )))
            })
    }

    async fn ask(&self, tools: &Tools) -> Result<Fetched, CredentialsError> {
        let role = match &self.role {
            Some(role) => role.clone(),
            None => self.role(tools).await?,
        };
        let document = self.get(&role, tools).await.map_err(|error| match error {
            MetadataError::Status(404) => {
                CredentialsError::broken(format!("this machine has no CAM role {role}"))
            }
            error => self.failed(&error),
        })?;
        let (credentials, expires) = parse(&document)?;
        let origin = format!("CVM role {role}");
        Ok(Fetched {
            credentials,
            identity: role,
            origin,
            expires: Some(expires),
        })
    }

    async fn role(&self, tools: &Tools) -> Result<String, CredentialsError> {
        let none = || CredentialsError::absent("this machine has no CAM role");
        let document = self.get("", tools).await.map_err(|error| match error {
            MetadataError::Status(404) => none(),
            error => self.failed(&error),
        })?;
        match std::str::from_utf8(&document).unwrap_or("?").trim() {
            "" => Err(none()),
            name if is_role_name(name) => Ok(name.to_owned()),
            _ => Err(CredentialsError::passing(format!(
                "{} names no role",
                self.endpoint
            ))),
        }
    }

    async fn get(&self, name: &str, tools: &Tools) -> Result<bytes::Bytes, MetadataError> {
        let url = self.endpoint.url().join(&format!("{PATH}{name}"));
        let url = url.map_err(|error| MetadataError::Broken(error.to_string()))?;
        tools.client.metadata(&url).await
    }

    fn failed(&self, error: &MetadataError) -> CredentialsError {
        let message = format!("{}: {error}", self.endpoint);
        match error {
            MetadataError::Unreachable(_) => CredentialsError::absent(message),
            MetadataError::Status(_) | MetadataError::Broken(_) => {
                CredentialsError::passing(message)
            }
        }
    }
}

/// Whether it can be the name of a CAM role; then it can stand in a path.
pub(crate) fn is_role_name(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte))
        && !text.bytes().all(|byte| byte == b'.')
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    code: String,
    #[serde(flatten)]
    keys: Option<Keys>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Keys {
    tmp_secret_id: String,
    tmp_secret_key: Secret,
    token: Secret,
    /// Unix time.
    expired_time: i64,
}

fn parse(document: &[u8]) -> Result<(Credentials, Timestamp), CredentialsError> {
    // The library's messages quote what they cannot read.
    let unreadable = || CredentialsError::passing("the metadata service's answer cannot be read");
    let document: Document = serde_json::from_slice(document).map_err(|_| unreadable())?;
    if document.code != "Success" {
        return Err(CredentialsError::passing(
            "the metadata service gives no keys: its Code is not Success",
        ));
    }
    let keys = document.keys.ok_or_else(unreadable)?;
    let expires = Timestamp::from_second(keys.expired_time).map_err(|_| unreadable())?;
    Ok((
        Credentials::checked(keys.tmp_secret_id, keys.tmp_secret_key, Some(keys.token))?,
        expires,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_says_success_holds_keys() {
        let document =
            br#"{"TmpSecretId":"AKIDmeta","TmpSecretKey":"metakey","ExpiredTime":4102444800,
            "Expiration":"2100-01-01T00:00:00Z","Token":"tok-meta","Code":"Success"}"#;
        let (credentials, expires) = parse(document).unwrap();
        assert_eq!(credentials.secret_id, "AKIDmeta");
        assert_eq!(expires.to_string(), "2100-01-01T00:00:00Z");
    }

    #[test]
    fn any_other_document_is_not_quoted() {
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
    fn the_name_of_a_role_can_stand_in_a_path() {
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
