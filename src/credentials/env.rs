//! Credentials from environment variables.

use std::fmt;

use super::{CredentialsError, Environment, issued::Fetched};
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
            token: vec![
                "TENCENTCLOUD_TOKEN".into(),
                "TENCENTCLOUD_SECURITY_TOKEN".into(),
            ],
        }
    }
}

impl fmt::Display for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "env {}", self.secret_id)
    }
}

impl Variables {
    pub(super) fn fetch(&self, environment: &Environment) -> Result<Fetched, CredentialsError> {
        let value = |name: &str| environment.value(name);
        let (secret_id, secret_key) = match (value(&self.secret_id), value(&self.secret_key)) {
            (Some(secret_id), Some(secret_key)) => (secret_id, Secret::new(secret_key)),
            (None, None) => {
                return Err(CredentialsError::absent(unset(&[
                    &self.secret_id,
                    &self.secret_key,
                ])));
            }
            (Some(_), None) => {
                return Err(CredentialsError::broken_variable(unset(
                    &[&self.secret_key],
                )));
            }
            (None, Some(_)) => {
                return Err(CredentialsError::broken_variable(unset(&[&self.secret_id])));
            }
        };
        let (token_name, token) = self
            .token
            .iter()
            .find_map(|name| Some((name.as_str(), Some(Secret::new(value(name)?)))))
            .unwrap_or_default();
        let credentials = Credentials::checked(secret_id, secret_key, token).map_err(|error| {
            let name = match error.part() {
                "SecretId" => &self.secret_id,
                "SecretKey" => &self.secret_key,
                _ => token_name,
            };
            CredentialsError::broken_variable(format!("the value of {name} is no {}", error.part()))
        })?;
        Ok(Fetched::written(credentials, self.to_string()))
    }
}

fn unset(names: &[&str]) -> String {
    let plural = if names.len() == 1 { "" } else { "s" };
    format!(
        "set the environment variable{plural} {}",
        names.join(" and ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetch(pairs: &[(&str, &str)]) -> Result<Fetched, String> {
        Variables::default()
            .fetch(&Environment::of(pairs))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn both_names_of_the_token_count_and_white_space_does_not() {
        let fetched = fetch(&[
            ("TENCENTCLOUD_SECRET_ID", " id\n"),
            ("TENCENTCLOUD_SECRET_KEY", "key"),
            ("TENCENTCLOUD_TOKEN", ""),
            ("TENCENTCLOUD_SECURITY_TOKEN", "token"),
        ])
        .unwrap();
        assert_eq!(fetched.credentials.secret_id, "id");
        assert_eq!(fetched.credentials.token, Some(Secret::new("token".into())));
        assert_eq!(
            fetched.identity, "env TENCENTCLOUD_SECRET_ID",
            "who temporary keys belong to is not known"
        );
    }

    #[test]
    fn the_identity_of_long_term_keys_is_their_id() {
        let fetched = fetch(&[
            ("TENCENTCLOUD_SECRET_ID", "id"),
            ("TENCENTCLOUD_SECRET_KEY", "key"),
        ])
        .unwrap();
        assert_eq!(fetched.identity, "id");
    }

    #[test]
    fn a_value_that_cannot_be_one_is_refused_without_being_shown() {
        for id in ["a, Signature=", "a/b", "a b", "AKID中"] {
            let error = fetch(&[
                ("TENCENTCLOUD_SECRET_ID", id),
                ("TENCENTCLOUD_SECRET_KEY", "key"),
            ])
            .unwrap_err();
            assert_eq!(error, "the value of TENCENTCLOUD_SECRET_ID is no SecretId");
        }
        let error = fetch(&[
            ("TENCENTCLOUD_SECRET_ID", "id"),
            ("TENCENTCLOUD_SECRET_KEY", "key"),
            ("TENCENTCLOUD_SECURITY_TOKEN", "a\nb"),
        ])
        .unwrap_err();
        assert_eq!(
            error,
            "the value of TENCENTCLOUD_SECURITY_TOKEN is no token"
        );
    }

    #[test]
    fn every_missing_variable_is_named() {
        assert_eq!(
            fetch(&[]).unwrap_err(),
            "set the environment variables TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY"
        );
        assert_eq!(
            fetch(&[("TENCENTCLOUD_SECRET_ID", "id")]).unwrap_err(),
            "set the environment variable TENCENTCLOUD_SECRET_KEY"
        );
    }
}
