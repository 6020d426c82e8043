//! Credentials of the command line tool `tccli`, as `tccli configure` and `tccli auth login` write
//! them.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};

use super::{
    CredentialsError, CvmRole, Environment, Tccli,
    issued::Fetched,
    reader::Reader,
    stored::{RoleSettings, Stored, refuse_unknown_identity},
};
use crate::signer::{Credentials, Secret};

/// Keys of the file that are read, or say nothing about whose keys to use: `oauth` and `sso` are how
/// tccli itself refreshes the keys beside them.
const KNOWN: [&str; 9] = [
    "type",
    "secretId",
    "secretKey",
    "token",
    "expiresAt",
    "role-arn",
    "role-session-name",
    "oauth",
    "sso",
];

/// Source: `tccli`, `action_caller.py`, `configure.py`, `oauth.py` and `sso.py`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TccliFile {
    /// `default`, `oauth`, `sso` or `cvm-role`. tccli writes none for keys.
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    secret_id: Option<String>,
    #[serde(default)]
    secret_key: Option<Secret>,
    #[serde(default)]
    token: Option<Secret>,
    /// Unix time. Only after `tccli auth login`.
    #[serde(default)]
    expires_at: Option<i64>,
    #[serde(default, rename = "role-arn")]
    role_arn: Option<String>,
    #[serde(default, rename = "role-session-name")]
    role_session_name: Option<String>,
}

impl Tccli {
    pub(super) async fn read(
        &self,
        reader: &mut Reader,
        environment: &Environment,
    ) -> Result<Stored, CredentialsError> {
        let Some(home) = environment.home() else {
            return Err(CredentialsError::absent("HOME is not set"));
        };
        let file_name = format!("{}.credential", self.name);
        let path = home.join(".tccli").join(file_name);
        let text = reader.read_one(path.clone()).await?;
        let origin = format!("tccli {}", path.display());
        let stored = self.parse(&text, origin);
        stored.map_err(|error| error.at(path.display()))
    }

    /// Follows tccli: the role of the machine comes before a role, and a role before keys.
    fn parse(&self, text: &str, origin: String) -> Result<Stored, CredentialsError> {
        let file = parse_file(text)?;
        match file.kind.as_deref().unwrap_or_default() {
            "cvm-role" => {
                return Ok(Stored::Machine(CvmRole {
                    endpoint: self.metadata_endpoint.clone(),
                    role: None,
                }));
            }
            "" | "default" | "oauth" | "sso" => {}
            _ => {
                return Err(CredentialsError::permanent(
                    "has a type that tcss-exporter does not support, expected default, oauth, sso or cvm-role; \
                     configure another kind of credentials",
                ));
            }
        }
        let Some(secret_id) = file.secret_id else {
            return Err(CredentialsError::permanent("has no secretId"));
        };
        let Some(secret_key) = file.secret_key else {
            return Err(CredentialsError::permanent("has no secretKey"));
        };
        // tccli writes an empty token for keys without one.
        let token = file.token.filter(|token| !token.is_empty());
        let credentials = Credentials::checked(secret_id, secret_key, token)?;
        let keys = Fetched {
            expires: expiry(file.expires_at)?,
            ..Fetched::stored(credentials, origin)
        };
        let role = RoleSettings {
            role_arn: file.role_arn.filter(|text| !text.is_empty()),
            session_name: file.role_session_name.filter(|text| !text.is_empty()),
            external_id: None,
        };
        role.apply(keys, &self.sts_endpoint)
            .map_err(CredentialsError::permanent)
    }
}

#[expect(
    clippy::zero_sized_map_values,
    reason = "serde reads an object into a map, and only its keys are wanted"
)]
fn parse_file(text: &str) -> Result<TccliFile, CredentialsError> {
    // Twice, so that values of keys that are not known are not stored anywhere.
    let names = serde_json::from_str::<HashMap<String, IgnoredAny>>(text);
    let file = serde_json::from_str::<TccliFile>(text);
    match (names, file) {
        (Ok(mut names), Ok(file)) => {
            names.retain(|name, _| !KNOWN.contains(&name.as_str()));
            refuse_unknown_identity(names.keys().map(String::as_str), "")?;
            Ok(file)
        }
        // Its message is not used: it quotes the file.
        (Err(error), _) | (_, Err(error)) => Err(CredentialsError::permanent(format!(
            "is not JSON with secretId and secretKey (line {}, column {})",
            error.line(),
            error.column()
        ))),
    }
}

fn expiry(seconds: Option<i64>) -> Result<Option<Timestamp>, CredentialsError> {
    let Some(seconds) = seconds else {
        return Ok(None);
    };
    match Timestamp::from_second(seconds) {
        Ok(expires) => Ok(Some(expires)),
        Err(_) => Err(CredentialsError::permanent(
            "has an expiresAt that is not a valid Unix time",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn parse(text: &str) -> Result<Stored, CredentialsError> {
        Tccli::default().parse(text, "tccli".into())
    }

    fn keys(stored: Stored) -> Fetched {
        match stored {
            Stored::Keys(keys) => keys,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_role_of_the_machine_comes_before_a_role_and_a_role_before_keys() {
        let arn = "qcs::cam::uin/100000000001:roleName/reader";
        let role = format!(
            r#"{{"role-arn":"{arn}","role-session-name":"mon","secretId":"a","secretKey":"b"}}"#
        );
        assert!(matches!(parse(&role), Ok(Stored::Role(_))));
        let machine = role.replacen('{', r#"{"type":"cvm-role","#, 1);
        for text in [machine.as_str(), r#"{"type":"cvm-role"}"#] {
            assert!(matches!(parse(text), Ok(Stored::Machine(_))), "{text}");
        }
        let plain = role.replace(arn, "");
        let plain = plain.replacen('{', r#"{"type":"default","#, 1);
        assert!(matches!(parse(&plain), Ok(Stored::Keys(_))));
    }

    #[test]
    fn what_is_not_supported_is_refused_with_the_way_out() {
        for (settings, expected) in [
            (
                r#""type":"saml-canary""#,
                "configure another kind of credentials",
            ),
            (r#""roleArn":"canary""#, "roleArn"),
            (r#""use-cvm-role":true"#, "use-cvm-role"),
            (r#""role-arn":"canary""#, "role ARN that is not valid"),
        ] {
            let text = format!(r#"{{"secretId":"a","secretKey":"b",{settings}}}"#);
            let error = parse(&text).unwrap_err().to_string();
            assert!(
                error.contains(expected) && !error.contains("canary"),
                "{error}"
            );
        }
    }

    #[test]
    fn an_empty_token_is_none() {
        for token in [r#""""#, "null"] {
            let text = format!(r#"{{"secretId":"a","secretKey":"b","token":{token}}}"#);
            assert_eq!(keys(parse(&text).unwrap()).credentials.token, None);
        }
    }

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
        let tccli = Tccli {
            name: "dev".into(),
            ..Tccli::default()
        };
        let stored = tccli
            .read(&mut Reader::default(), &environment)
            .await
            .unwrap();
        let fetched = keys(stored);
        assert_eq!(
            (fetched.identity.as_str(), fetched.expires),
            ("AKIDcli", None)
        );
        assert_eq!(fetched.origin, format!("tccli {}", path.display()));
    }

    #[test]
    fn credentials_of_a_login_expire() {
        let text = r#"{"type":"oauth","secretId":"a","secretKey":"b","token":"c","expiresAt":1764007200,"oauth":{}}"#;
        let fetched = keys(parse(text).unwrap());
        assert!(fetched.credentials.token.is_some());
        assert_eq!(fetched.expires.unwrap().as_second(), 1_764_007_200);
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
