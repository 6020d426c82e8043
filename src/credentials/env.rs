//! Credentials from environment variables.

use super::{CredentialsError, EnvVariables, Environment, issued::Fetched};
use crate::signer::{Credentials, Secret};

impl EnvVariables {
    pub(super) fn fetch(&self, environment: &Environment) -> Result<Fetched, CredentialsError> {
        let secret_id = environment.value(&self.secret_id);
        let secret_key = environment.value(&self.secret_key);
        let (secret_id, secret_key) = match (secret_id, secret_key) {
            (Some(secret_id), Some(secret_key)) => (secret_id, Secret::new(secret_key)),
            // A token alone does not count as present: it cannot sign.
            (None, None) => {
                let message = unset(&[&self.secret_id, &self.secret_key]);
                return Err(CredentialsError::absent(message));
            }
            (Some(_), None) => {
                return Err(CredentialsError::environment(unset(&[&self.secret_key])));
            }
            (None, Some(_)) => {
                return Err(CredentialsError::environment(unset(&[&self.secret_id])));
            }
        };
        // The name is kept for the error below.
        let mut token_name = "";
        let mut token = None;
        for name in &self.token {
            if let Some(value) = environment.value(name) {
                token_name = name;
                token = Some(Secret::new(value));
                break;
            }
        }
        match Credentials::checked(secret_id, secret_key, token) {
            Ok(credentials) => Ok(Fetched::stored(credentials, self.to_string())),
            Err(error) => {
                let name = match error.part() {
                    "SecretId" => &self.secret_id,
                    "SecretKey" => &self.secret_key,
                    _ => token_name,
                };
                Err(CredentialsError::environment(format!(
                    "the value of {name} is not a valid {}",
                    error.part()
                )))
            }
        }
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
        EnvVariables::default()
            .fetch(&Environment::of(pairs))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn both_names_of_the_token_are_read_and_white_space_is_ignored() {
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
            "the role of temporary keys is not known"
        );
    }

    #[test]
    fn the_identity_of_long_term_keys_is_their_secret_id() {
        let fetched = fetch(&[
            ("TENCENTCLOUD_SECRET_ID", "id"),
            ("TENCENTCLOUD_SECRET_KEY", "key"),
        ])
        .unwrap();
        assert_eq!(fetched.identity, "id");
    }

    #[test]
    fn an_invalid_value_is_refused_without_being_shown() {
        for id in ["a, Signature=", "a/b", "a b", "AKID中"] {
            let error = fetch(&[
                ("TENCENTCLOUD_SECRET_ID", id),
                ("TENCENTCLOUD_SECRET_KEY", "key"),
            ])
            .unwrap_err();
            assert_eq!(
                error,
                "the value of TENCENTCLOUD_SECRET_ID is not a valid SecretId"
            );
        }
        let error = fetch(&[
            ("TENCENTCLOUD_SECRET_ID", "id"),
            ("TENCENTCLOUD_SECRET_KEY", "key"),
            ("TENCENTCLOUD_SECURITY_TOKEN", "a\nb"),
        ])
        .unwrap_err();
        assert_eq!(
            error,
            "the value of TENCENTCLOUD_SECURITY_TOKEN is not a valid token"
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
