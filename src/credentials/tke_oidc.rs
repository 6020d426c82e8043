//! The role of a pod in TKE: STS exchanges the token of its service account for keys of the role.

use std::path::PathBuf;

use bytes::Bytes;
use secrecy::zeroize::Zeroizing;
use serde::Serialize;

use super::{
    AssumeRole, CredentialsError, Environment, RefreshContext, Sts, TkeOidc,
    issued::Fetched,
    reader::Reader,
    sts::{self, RoleCaller, RoleRequest},
};
use crate::{
    domain::{Region, placeholder_fault},
    signer::Secret,
};

const REGION: &str = "TKE_REGION";
const PROVIDER_ID: &str = "TKE_PROVIDER_ID";
const TOKEN_FILE: &str = "TKE_WEB_IDENTITY_TOKEN_FILE";
const ROLE_ARN: &str = "TKE_ROLE_ARN";

/// What TKE's environment variables say.
pub(super) struct PodIdentity {
    region: Region,
    provider_id: String,
    token_file: PathBuf,
    role_arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WebIdentityParameters<'a> {
    provider_id: &'a str,
    web_identity_token: &'a str,
    role_arn: &'a str,
    role_session_name: &'a str,
    duration_seconds: u64,
}

impl TkeOidc {
    pub(super) async fn fetch(
        &self,
        reader: &mut Reader,
        context: &RefreshContext,
    ) -> Result<Fetched, CredentialsError> {
        let PodIdentity {
            region,
            provider_id,
            token_file,
            role_arn,
        } = PodIdentity::read(&context.environment)?;
        // Read each time: TKE replaces the token before it expires.
        let token = reader.read_one(token_file).await?;
        let parameters = WebIdentityParameters {
            provider_id: &provider_id,
            web_identity_token: &token,
            role_arn: &role_arn,
            role_session_name: AssumeRole::DEFAULT_SESSION_NAME,
            duration_seconds: AssumeRole::DEFAULT_DURATION.as_secs(),
        };
        let body = serde_json::to_vec(&parameters).expect("text and numbers are JSON");
        let request = RoleRequest {
            sts: &Sts {
                endpoint: self.endpoint.clone(),
                region,
            },
            action: "AssumeRoleWithWebIdentity",
            // The token in it is wiped with it.
            body: Bytes::from_owner(Zeroizing::new(body)),
            role_arn: &role_arn,
            origin: format!("tke_oidc {role_arn}"),
        };
        let token = Secret::new(token.to_string());
        sts::request_role(request, RoleCaller::WebIdentity(&token), context).await
    }
}

impl PodIdentity {
    pub(super) fn read(environment: &Environment) -> Result<PodIdentity, CredentialsError> {
        let names = [REGION, PROVIDER_ID, TOKEN_FILE, ROLE_ARN];
        let [
            Some(region),
            Some(provider_id),
            Some(token_file),
            Some(role_arn),
        ] = names.map(|name| environment.value(name))
        else {
            return Err(incomplete(environment, &names));
        };
        for (name, value) in [
            (PROVIDER_ID, &provider_id),
            (TOKEN_FILE, &token_file),
            (ROLE_ARN, &role_arn),
        ] {
            if let Some(fault) = placeholder_fault(value) {
                return Err(CredentialsError::environment(format!("{name} {fault}")));
            }
        }
        let region = Region::parse(&region)
            .map_err(|message| CredentialsError::permanent(format!("{REGION}: {message}")))?;
        Ok(PodIdentity {
            region,
            provider_id,
            token_file: token_file.into(),
            role_arn,
        })
    }
}

/// At least one of `names` is not set.
fn incomplete(environment: &Environment, names: &[&str]) -> CredentialsError {
    let mut missing = names.to_vec();
    missing.retain(|name| environment.value(name).is_none());
    let message = match missing[..] {
        [name] => format!("{name} is not set"),
        _ => format!("{} are not set", missing.join(", ")),
    };
    // A region alone does not mean that this is a pod with a role.
    let others = [PROVIDER_ID, TOKEN_FILE, ROLE_ARN];
    if others.iter().all(|name| missing.contains(name)) {
        CredentialsError::absent(message)
    } else {
        CredentialsError::environment(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<(), (String, bool)> {
        let identity = PodIdentity::read(&Environment::of(pairs)).map(drop);
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
        let quoted = [all[0], all[1], all[2], (ROLE_ARN, "\"r\"")];
        assert_eq!(
            of(&quoted),
            Err((format!("{ROLE_ARN} contains quotes; remove them"), false))
        );
        let odd = [
            (REGION, "a b"),
            (PROVIDER_ID, "p"),
            (TOKEN_FILE, "f"),
            (ROLE_ARN, "r"),
        ];
        assert!(of(&odd).unwrap_err().0.starts_with("TKE_REGION: "));
    }
}
