//! What is known about missing credentials without a request.

use super::{
    AssumeRole, CredentialsError, EnvVariables, Environment, Profile, Source, reader::Reader,
    tke_oidc::PodIdentity,
};

impl Source {
    /// Why the exporter would not start with this source here and now: variables that are not set or not
    /// valid, or a chain that finds nothing on this machine. None where it would, or where only a request
    /// shows it.
    pub async fn missing_here(&self, environment: &Environment) -> Option<CredentialsError> {
        let mut source = self;
        while let Source::AssumeRole(role) = source {
            let role: &AssumeRole = role;
            source = &role.source;
        }
        match source {
            Source::Env(variables) => variables.read(environment).err(),
            Source::Chain(_) => missing_chain(environment).await,
            _ => None,
        }
    }
}

async fn missing_chain(environment: &Environment) -> Option<CredentialsError> {
    match EnvVariables::default().read(environment) {
        Ok(_) => return None,
        Err(error) if !error.is_absent() => return Some(error),
        Err(_) => {}
    }
    match Profile::default()
        .read(&mut Reader::default(), environment)
        .await
    {
        Err(error) if error.is_absent() => {}
        // A file may be fixed while the exporter runs.
        _ => return None,
    }
    match PodIdentity::read(environment) {
        Ok(_) => None,
        Err(error) if !error.is_absent() => Some(error),
        Err(_) => Some(CredentialsError::absent(
            "set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY, or configure under credentials where the keys are; \
             without them, only a CVM instance with a role has credentials",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::CvmRole;

    #[tokio::test]
    async fn variables_that_are_missing_are_known_without_a_request() {
        let missing = async |source: &Source, pairs: &[(&str, &str)]| {
            let error = source.missing_here(&Environment::of(pairs)).await?;
            Some(error.to_string())
        };
        let id = ("TENCENTCLOUD_SECRET_ID", "id");
        let key = ("TENCENTCLOUD_SECRET_KEY", "key");
        let (env, chain) = (Source::Env(EnvVariables::default()), Source::default());
        for source in [&env, &chain] {
            assert_eq!(missing(source, &[id, key]).await, None);
            let expected = "set the environment variable TENCENTCLOUD_SECRET_KEY";
            assert_eq!(missing(source, &[id]).await.as_deref(), Some(expected));
            assert!(missing(source, &[]).await.is_some());
        }
        let machine = Source::CvmRole(CvmRole::default());
        assert_eq!(
            missing(&machine, &[]).await,
            None,
            "only a request shows it"
        );
    }
}
