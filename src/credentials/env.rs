//! Credentials from environment variables.

use super::{
    CredentialsError, EnvVariables, Environment,
    issued::Fetched,
    stored::{RoleSettings, Stored},
};
use crate::signer::{Credentials, Secret};

const ROLE_ARN: &str = "TENCENTCLOUD_ROLE_ARN";
const ROLE_SESSION_NAME: &str = "TENCENTCLOUD_ROLE_SESSION_NAME";

impl EnvVariables {
    /// Reads the keys, and the role that they assume where there is one.
    pub(super) fn read(&self, environment: &Environment) -> Result<Stored, CredentialsError> {
        let role_arn = if self.honours_role {
            environment.value(ROLE_ARN)
        } else {
            None
        };
        let keys = match self.keys(environment) {
            // A role that nothing can assume: another identity must not take its place.
            Err(error) if error.is_absent() && role_arn.is_some() => {
                return Err(CredentialsError::environment(format!(
                    "{error} that assume the role in {ROLE_ARN}, or unset {ROLE_ARN}"
                )));
            }
            keys => keys?,
        };
        let role = RoleSettings {
            role_arn,
            session_name: environment.value(ROLE_SESSION_NAME),
            external_id: None,
        };
        role.apply(keys, &self.sts_endpoint).map_err(|message| {
            let names = format!("{ROLE_ARN} or {ROLE_SESSION_NAME} is not valid");
            CredentialsError::environment(format!("{names}: the environment {message}"))
        })
    }

    fn keys(&self, environment: &Environment) -> Result<Fetched, CredentialsError> {
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
                    "the value of {name} is not a valid {}: it {}",
                    error.part(),
                    error.fault()
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
            .keys(&Environment::of(pairs))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_role_without_valid_keys_or_with_an_invalid_arn_is_an_error() {
        let read = |variables: &EnvVariables, pairs: &[(&str, &str)]| {
            let stored = variables.read(&Environment::of(pairs));
            stored.map_err(|error| (error.to_string(), error.is_absent()))
        };
        let standard = EnvVariables::default();
        let role = (ROLE_ARN, "qcs::cam::uin/100000000001:roleName/reader");
        let (error, is_absent) = read(&standard, &[role]).unwrap_err();
        assert!(
            !is_absent && error.ends_with("or unset TENCENTCLOUD_ROLE_ARN"),
            "{error}"
        );
        let keys = [
            ("TENCENTCLOUD_SECRET_ID", "id"),
            ("TENCENTCLOUD_SECRET_KEY", "key"),
        ];
        assert!(
            !read(&standard, &[keys[0], keys[1], role])
                .unwrap()
                .is_keys()
        );
        let (error, _) = read(&standard, &[keys[0], keys[1], (ROLE_ARN, "canary")]).unwrap_err();
        assert!(
            error.starts_with("TENCENTCLOUD_ROLE_ARN ") && !error.contains("canary"),
            "{error}"
        );
        let own = EnvVariables {
            honours_role: false,
            ..EnvVariables::default()
        };
        assert!(
            read(&own, &[keys[0], keys[1], role]).unwrap().is_keys(),
            "the role belongs to the standard keys"
        );
    }

    #[test]
    fn the_token_of_the_node_sdk_is_read() {
        let fetched = fetch(&[
            ("TENCENTCLOUD_SECRET_ID", "id"),
            ("TENCENTCLOUD_SECRET_KEY", "key"),
            ("TENCENTCLOUD_SESSION_TOKEN", "token"),
        ]);
        let token = fetched.unwrap().credentials.token;
        assert_eq!(token, Some(Secret::new("token".into())));
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
        let characters = "is empty or contains characters that are not allowed";
        for (id, fault) in [
            ("a,Signature=", characters),
            ("a/b", characters),
            ("a b", "contains white space; remove it"),
            ("AKID中", characters),
            ("\"AKID\"", "contains quotes; remove them"),
        ] {
            let error = fetch(&[
                ("TENCENTCLOUD_SECRET_ID", id),
                ("TENCENTCLOUD_SECRET_KEY", "key"),
            ])
            .unwrap_err();
            assert_eq!(
                error,
                format!("the value of TENCENTCLOUD_SECRET_ID is not a valid SecretId: it {fault}")
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
            "the value of TENCENTCLOUD_SECURITY_TOKEN is not a valid token: it contains white space; remove it"
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
