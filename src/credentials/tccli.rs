//! Credentials of the command line tool `tccli`, as `tccli configure` and `tccli auth login` write them.

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;

use super::{CredentialsError, Environment, issued::Fetched, read::Reader};
use crate::signer::{Credentials, Secret};

/// Which of its profiles.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tccli {
    /// The file is `~/.tccli/NAME.credential`.
    pub name: String,
}

impl Default for Tccli {
    fn default() -> Tccli {
        Tccli {
            name: "default".into(),
        }
    }
}

impl fmt::Display for Tccli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tccli {}", self.name)
    }
}

/// The file. Source: `tccli`, `oauth.py`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    secret_id: String,
    secret_key: Secret,
    #[serde(default)]
    token: Option<Secret>,
    /// Unix time, after `tccli auth login` alone.
    #[serde(default)]
    expires_at: Option<i64>,
}

impl Tccli {
    pub(super) async fn fetch(
        &self,
        reader: &mut Reader,
        environment: &Environment,
    ) -> Result<Fetched, CredentialsError> {
        let home = environment
            .home()
            .ok_or_else(|| CredentialsError::absent("HOME is not set"))?;
        let path = home
            .join(".tccli")
            .join(format!("{}.credential", self.name));
        let text = reader.read_one(path.clone()).await??;
        let (credentials, expires) = parse(&text).map_err(|error| error.of(path.display()))?;
        Ok(Fetched {
            expires,
            ..Fetched::written(credentials, format!("tccli {}", path.display()))
        })
    }
}

fn parse(text: &str) -> Result<(Credentials, Option<Timestamp>), CredentialsError> {
    // The library's messages quote what they cannot read.
    let file: File = serde_json::from_str(text).map_err(|error| {
        CredentialsError::broken(format!(
            "is no JSON with secretId and secretKey (line {}, column {})",
            error.line(),
            error.column()
        ))
    })?;
    let expires = file.expires_at.map(Timestamp::from_second).transpose();
    let expires =
        expires.map_err(|_| CredentialsError::broken("has an expiresAt that is no time"))?;
    Ok((
        Credentials::checked(file.secret_id, file.secret_key, file.token)?,
        expires,
    ))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn the_file_of_a_profile_is_read() {
        let home = tempfile::tempdir().unwrap();
        let environment = Environment::of(&[("HOME", home.path().to_str().unwrap())]);
        fs::create_dir(home.path().join(".tccli")).unwrap();
        let path = home.path().join(".tccli/dev.credential");
        fs::write(
            &path,
            r#"{"secretId": "AKIDcli", "secretKey": "key", "extra": {"a": 1}}"#,
        )
        .unwrap();
        let tccli = Tccli { name: "dev".into() };
        let fetched = tccli
            .fetch(&mut Reader::default(), &environment)
            .await
            .unwrap();
        assert_eq!(
            (fetched.identity.as_str(), fetched.expires),
            ("AKIDcli", None)
        );
        assert_eq!(fetched.origin, format!("tccli {}", path.display()));
    }

    #[test]
    fn those_of_a_login_expire() {
        let text = r#"{"type":"oauth","secretId":"a","secretKey":"b","token":"c","expiresAt":1764007200,"oauth":{}}"#;
        let (credentials, expires) = parse(text).unwrap();
        assert!(credentials.token.is_some());
        assert_eq!(expires.unwrap().as_second(), 1_764_007_200);
    }

    #[test]
    fn what_cannot_be_read_is_not_quoted() {
        for text in [
            "canary",
            "\"canary\"",
            r#"{"secretId":"canary"}"#,
            r#"{"secretId":"a","secretKey":{"canary":1}}"#,
            r#"{"secretId":"a","secretKey":"b","expiresAt":"canary"}"#,
            r#"{"secretId":"a","secretKey":"b","expiresAt":99999999999999999}"#,
            r#"{"secretId":"canary canary","secretKey":"b"}"#,
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(!error.contains("canary"), "{error}");
        }
    }
}
