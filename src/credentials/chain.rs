//! Tries several kinds and takes the first one that is present.

use super::{
    Chain, CredentialsError, CvmRole, EnvVariables, Profile, RefreshContext, Source, TkeOidc,
    reader::Reader, stored::Stored,
};

impl Chain {
    /// The source that is present, and what it returned. A kind that is present but not valid is an
    /// error, so that no other identity silently takes its place.
    pub(super) async fn find(
        &self,
        reader: &mut Reader,
        context: &RefreshContext,
    ) -> Result<(Source, Stored), CredentialsError> {
        let mut absent = Vec::new();

        let env = EnvVariables {
            sts_endpoint: self.sts_endpoint.clone(),
            ..EnvVariables::default()
        };
        match env.read(&context.environment) {
            Ok(stored) => return Ok((Source::Env(env), stored)),
            Err(error) => skip_if_absent("env", error, &mut absent)?,
        }

        let mut profile = Profile {
            sts_endpoint: self.sts_endpoint.clone(),
            ..Profile::default()
        };
        match profile.read(reader, &context.environment).await {
            Ok(stored) => return Ok((Source::Profile(profile), stored)),
            Err(error) => skip_if_absent("profile", error, &mut absent)?,
        }

        let tke_oidc = TkeOidc {
            endpoint: self.sts_endpoint.clone(),
        };
        match tke_oidc.fetch(reader, context).await {
            Ok(fetched) => return Ok((Source::TkeOidc(tke_oidc), Stored::Keys(fetched))),
            Err(error) => skip_if_absent("tke_oidc", error, &mut absent)?,
        }

        let cvm_role = CvmRole {
            endpoint: self.metadata_endpoint.clone(),
            role: None,
        };
        match cvm_role.fetch(context).await {
            Ok(fetched) => return Ok((Source::CvmRole(cvm_role), Stored::Keys(fetched))),
            Err(error) => skip_if_absent("cvm_role", error, &mut absent)?,
        }

        Err(CredentialsError::absent(format!(
            "set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY, or configure under credentials where the keys are; \
             nothing was found ({}){}",
            absent.join("; "),
            tccli_hint(reader, context).await
        )))
    }
}

/// Names the file that `tccli configure` writes, if it exists: the chain does not read it, but its
/// owner expects that something does.
async fn tccli_hint(reader: &mut Reader, context: &RefreshContext) -> String {
    let Some(home) = context.environment.home() else {
        return String::new();
    };
    let path = home.join(".tccli/default.credential");
    match reader.read_one(path.clone()).await {
        Ok(_) => format!(
            "; to use {}, configure credentials: {{tccli: {{}}}}",
            path.display()
        ),
        Err(_) => String::new(),
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
