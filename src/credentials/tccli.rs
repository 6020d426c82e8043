//! Credentials of the command line tool `tccli`, as `tccli configure` and `tccli auth login` write
//! them.

use jiff::Timestamp;
use serde::Deserialize;

use super::{CredentialsError, Environment, Tccli, issued::Fetched, reader::Reader};
use crate::signer::{Credentials, Secret};

/// Source: `tccli`, `oauth.py`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TccliFile {
    secret_id: String,
    secret_key: Secret,
    #[serde(default)]
    token: Option<Secret>,
    /// Unix time. Only after `tccli auth login`.
    #[serde(default)]
    expires_at: Option<i64>,
}

impl Tccli {
    pub(super) async fn fetch(
        &self,
        reader: &mut Reader,
        environment: &Environment,
    ) -> Result<Fetched, CredentialsError> {
        let Some(home) = environment.home() else {
            return Err(CredentialsError::absent("HOME is not set"));
        };
        let file_name = format!("{}.credential", self.name);
        let path = home.join(".tccli").join(file_name);
        let text = reader.read_one(path.clone()).await?;
        let (credentials, expires) = parse(&text).map_err(|error| error.at(path.display()))?;
        Ok(Fetched {
            expires,
            ..Fetched::stored(credentials, format!("tccli {}", path.display()))
        })
    }
}

fn parse(text: &str) -> Result<(Credentials, Option<Timestamp>), CredentialsError> {
    let file: TccliFile = match serde_json::from_str(text) {
        Ok(file) => file,
        // Its message is not used: it quotes the file.
        Err(error) => {
            return Err(CredentialsError::permanent(format!(
                "is not JSON with secretId and secretKey (line {}, column {})",
                error.line(),
                error.column()
            )));
        }
    };
    let credentials = Credentials::checked(file.secret_id, file.secret_key, file.token)?;
    let Some(seconds) = file.expires_at else {
        return Ok((credentials, None));
    };
    match Timestamp::from_second(seconds) {
        Ok(expires) => Ok((credentials, Some(expires))),
        Err(_) => Err(CredentialsError::permanent(
            "has an expiresAt that is not a valid Unix time",
        )),
    }
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
    fn credentials_of_a_login_expire() {
        let text = r#"{"type":"oauth","secretId":"a","secretKey":"b","token":"c","expiresAt":1764007200,"oauth":{}}"#;
        let (credentials, expires) = parse(text).unwrap();
        assert!(credentials.token.is_some());
        assert_eq!(expires.unwrap().as_second(), 1_764_007_200);
    }

    #[test]
    fn an_invalid_file_is_not_quoted() {
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
