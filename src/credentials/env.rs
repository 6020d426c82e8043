//! Credentials from environment variables.

use std::env;

use super::CredentialsError;
use crate::signer::{Credentials, Secret};

/// The names of the variables.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Variables {
    /// Holds the `SecretId`.
    pub secret_id: String,
    /// Holds the `SecretKey`.
    pub secret_key: String,
    /// May hold the token of temporary credentials; the first one that is set counts.
    pub token: Vec<String>,
}

impl Default for Variables {
    /// The names that Tencent Cloud's own tools read.
    fn default() -> Variables {
        Variables {
            secret_id: "TENCENTCLOUD_SECRET_ID".into(),
            secret_key: "TENCENTCLOUD_SECRET_KEY".into(),
            token: vec!["TENCENTCLOUD_TOKEN".into(), "TENCENTCLOUD_SECURITY_TOKEN".into()],
        }
    }
}

impl Variables {
    pub(super) fn load(&self) -> Result<Credentials, CredentialsError> {
        self.load_from(|name| env::var(name).ok())
    }

    fn load_from(&self, read: impl Fn(&str) -> Option<String>) -> Result<Credentials, CredentialsError> {
        let value =
            |name: &str| read(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let (secret_id, secret_key) = match (value(&self.secret_id), value(&self.secret_key)) {
            (Some(secret_id), Some(secret_key)) => (secret_id, secret_key),
            (secret_id, secret_key) => {
                let missing =
                    [(&self.secret_id, secret_id.is_none()), (&self.secret_key, secret_key.is_none())];
                let missing = missing.into_iter().filter(|(_, is_missing)| *is_missing);
                return Err(unset(&missing.map(|(name, _)| name.as_str()).collect::<Vec<_>>()));
            }
        };
        if !is_secret_id(&secret_id) {
            return Err(CredentialsError(format!("the value of {} is no SecretId", self.secret_id)));
        }
        let token = self.token.iter().find_map(|name| value(name)).map(Secret::new);
        Ok(Credentials { secret_id, secret_key: Secret::new(secret_key), token })
    }
}

/// Whether it can stand in the header `Authorization` beside the other parts of it.
fn is_secret_id(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !b",=/".contains(&byte))
}

fn unset(names: &[&str]) -> CredentialsError {
    let plural = if names.len() == 1 { "" } else { "s" };
    CredentialsError(format!("set the environment variable{plural} {}", names.join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(pairs: &[(&str, &str)]) -> Result<Credentials, String> {
        let read =
            |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Variables::default().load_from(read).map_err(|error| error.to_string())
    }

    #[test]
    fn both_names_of_the_token_count_and_white_space_does_not() {
        let credentials = load(&[
            ("TENCENTCLOUD_SECRET_ID", " id\n"),
            ("TENCENTCLOUD_SECRET_KEY", "key"),
            ("TENCENTCLOUD_TOKEN", ""),
            ("TENCENTCLOUD_SECURITY_TOKEN", "token"),
        ])
        .unwrap();
        assert_eq!(credentials.secret_id, "id");
        assert_eq!(credentials.token, Some(Secret::new("token".into())));
    }

    #[test]
    fn a_value_that_is_no_secret_id_is_refused_without_being_shown() {
        for id in ["a, Signature=", "a/b", "a b", "AKID中"] {
            let error =
                load(&[("TENCENTCLOUD_SECRET_ID", id), ("TENCENTCLOUD_SECRET_KEY", "key")]).unwrap_err();
            assert_eq!(error, "the value of TENCENTCLOUD_SECRET_ID is no SecretId");
        }
    }

    #[test]
    fn every_missing_variable_is_named() {
        assert_eq!(
            load(&[]).unwrap_err(),
            "set the environment variables TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY"
        );
        assert_eq!(
            load(&[("TENCENTCLOUD_SECRET_ID", "id")]).unwrap_err(),
            "set the environment variable TENCENTCLOUD_SECRET_KEY"
        );
    }
}
