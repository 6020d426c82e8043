//! Tries several kinds and takes the first one that is present.

use super::{
    Chain, CredentialsError, CvmRole, EnvVariables, Profile, RefreshContext, Source, TkeOidc,
    issued::Fetched, reader::Reader,
};

impl Chain {
    /// The source that is present, and what it returned. A kind that is present but not valid is an
    /// error, so that no other identity silently takes its place.
    pub(super) async fn find(
        &self,
        reader: &mut Reader,
        context: &RefreshContext,
    ) -> Result<(Source, Fetched), CredentialsError> {
        let mut absent = Vec::new();

        let env = EnvVariables::default();
        match env.fetch(&context.environment) {
            Ok(fetched) => return Ok((Source::Env(env), fetched)),
            Err(error) => skip_if_absent("env", error, &mut absent)?,
        }

        let mut profile = Profile::default();
        match profile.fetch(reader, &context.environment).await {
            Ok(fetched) => return Ok((Source::Profile(profile), fetched)),
            Err(error) => skip_if_absent("profile", error, &mut absent)?,
        }

        let tke_oidc = TkeOidc {
            endpoint: self.sts_endpoint.clone(),
        };
        match tke_oidc.fetch(reader, context).await {
            Ok(fetched) => return Ok((Source::TkeOidc(tke_oidc), fetched)),
            Err(error) => skip_if_absent("tke_oidc", error, &mut absent)?,
        }

        let cvm_role = CvmRole {
            endpoint: self.metadata_endpoint.clone(),
            role: None,
        };
        match cvm_role.fetch(context).await {
            Ok(fetched) => return Ok((Source::CvmRole(cvm_role), fetched)),
            Err(error) => skip_if_absent("cvm_role", error, &mut absent)?,
        }

        Err(CredentialsError::absent(format!(
            "set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY, or configure under credentials where the keys are; \
             nothing was found ({})",
            absent.join("; ")
        )))
    }
}

fn skip_if_absent(
    kind: &str,
    error: CredentialsError,
    absent: &mut Vec<String>,
) -> Result<(), CredentialsError> {
    if !error.is_absent() {
        return Err(error.at(kind));
    }
    absent.push(format!("{kind}: {error}"));
    Ok(())
}
