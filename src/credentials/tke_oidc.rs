//! The role of a pod in TKE: its service account's token is exchanged for the role's keys.

use std::path::PathBuf;

use bytes::Bytes;
use secrecy::zeroize::Zeroizing;
use serde::Serialize;

use super::{
    CredentialsError, Environment, Sts, Tools,
    issued::Fetched,
    read::Reader,
    sts::{self, Asker},
};
use crate::{
    domain::{Endpoint, Region},
    signer::Secret,
};

const REGION: &str = "TKE_REGION";
const PROVIDER_ID: &str = "TKE_PROVIDER_ID";
const TOKEN_FILE: &str = "TKE_WEB_IDENTITY_TOKEN_FILE";
const ROLE_ARN: &str = "TKE_ROLE_ARN";

/// What TKE's environment variables do not say.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TkeOidc {
    /// Where STS is.
    pub endpoint: Endpoint,
}

impl Default for TkeOidc {
    fn default() -> TkeOidc {
        TkeOidc {
            endpoint: Sts::default_endpoint(),
        }
    }
}

/// What TKE's environment variables say.
struct Identity {
    region: Region,
    provider_id: String,
    token_file: PathBuf,
    role_arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    provider_id: &'a str,
    web_identity_token: &'a str,
    role_arn: &'a str,
    role_session_name: &'a str,
    duration_seconds: u64,
}

impl TkeOidc {
    /// The token is read each time: TKE replaces it before it expires.
    pub(super) async fn fetch(
        &self,
        reader: &mut Reader,
        tools: &Tools,
    ) -> Result<Fetched, CredentialsError> {
        let Identity {
            region,
            provider_id,
            token_file,
            role_arn,
        } = Identity::of(&tools.environment)?;
        let token = reader.read_one(token_file).await??;
        let body = Body {
            provider_id: &provider_id,
            web_identity_token: &token,
            role_arn: &role_arn,
            role_session_name: sts::SESSION_NAME,
            duration_seconds: sts::DURATION.as_secs(),
        };
        let body = Zeroizing::new(serde_json::to_vec(&body).expect("text and numbers are JSON"));
        let request = sts::Request {
            sts: &Sts {
                endpoint: self.endpoint.clone(),
                region,
            },
            action: "AssumeRoleWithWebIdentity",
            body: Bytes::from_owner(body),
            role_arn: &role_arn,
            origin: format!("tke_oidc {role_arn}"),
        };
        sts::ask(
            request,
            Asker::WebIdentity(&Secret::new((*token).clone())),
            tools,
        )
        .await
    }
}

impl Identity {
    fn of(environment: &Environment) -> Result<Identity, CredentialsError> {
        let values =
            [REGION, PROVIDER_ID, TOKEN_FILE, ROLE_ARN].map(|name| (name, environment.value(name)));
        let missing: Vec<&str> = values
            .iter()
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| *name)
            .collect();
        let [
            Some(region),
            Some(provider_id),
            Some(token_file),
            Some(role_arn),
        ] = values.map(|(_, value)| value)
        else {
            let message = format!("{} not set", are(&missing));
            // A region alone says nothing of an identity.
            let is_absent = [PROVIDER_ID, TOKEN_FILE, ROLE_ARN]
                .iter()
                .all(|name| missing.contains(name));
            return Err(if is_absent {
                CredentialsError::absent(message)
            } else {
                CredentialsError::broken_variable(message)
            });
        };
        let region = Region::parse(&region)
            .map_err(|message| CredentialsError::broken(format!("{REGION}: {message}")))?;
        Ok(Identity {
            region,
            provider_id,
            token_file: token_file.into(),
            role_arn,
        })
    }
}

fn are(names: &[&str]) -> String {
    match names {
        [name] => format!("{name} is"),
        names => format!("{} are", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<(), (String, bool)> {
        let identity = Identity::of(&Environment::of(pairs)).map(drop);
        identity.map_err(|error| (error.to_string(), error.is_absent()))
    }

    #[test]
    fn all_four_variables_are_needed_and_named() {
        assert_eq!(
            of(&[(REGION, "ap-guangzhou")]),
            Err((
                format!("{PROVIDER_ID}, {TOKEN_FILE}, {ROLE_ARN} are not set"),
                true
            ))
        );
        let all = [
            (REGION, "ap-guangzhou"),
            (PROVIDER_ID, "p"),
            (TOKEN_FILE, "f"),
            (ROLE_ARN, "r"),
        ];
        assert_eq!(
            of(&all[..3]),
            Err((format!("{ROLE_ARN} is not set"), false))
        );
        assert_eq!(of(&all), Ok(()));
        let odd = [
            (REGION, "a b"),
            (PROVIDER_ID, "p"),
            (TOKEN_FILE, "f"),
            (ROLE_ARN, "r"),
        ];
        assert!(of(&odd).unwrap_err().0.starts_with("TKE_REGION: "));
    }
}
