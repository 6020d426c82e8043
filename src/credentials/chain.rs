//! The kinds that are tried where the configuration names none.

use super::{
    CredentialsError, CvmRole, Profile, Source, Sts, TkeOidc, Tools, env::Variables, fetch::fetch,
    issued::Fetched, read::Reader,
};
use crate::domain::Endpoint;

/// Environment variables, a profile, the role of a pod, the role of a CVM: the first that is there, for good. One that
/// is there and broken is an error, so that no other identity takes its place unnoticed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Chain {
    /// Where STS is, for the role of a pod.
    pub sts_endpoint: Endpoint,
    /// Where the metadata service is, for the role of a CVM.
    pub metadata_endpoint: Endpoint,
}

impl Default for Chain {
    fn default() -> Chain {
        Chain {
            sts_endpoint: Sts::default_endpoint(),
            metadata_endpoint: CvmRole::default_endpoint(),
        }
    }
}

impl Chain {
    /// The link that there is, and what it gives.
    pub(super) async fn resolve(
        &self,
        reader: &mut Reader,
        tools: &Tools,
    ) -> Result<(Source, Fetched), CredentialsError> {
        let mut absent = Vec::new();
        for (kind, mut link) in self.links() {
            match fetch(&mut link, reader, tools).await {
                Ok(fetched) => return Ok((link, fetched)),
                Err(error) if error.is_absent() => absent.push(format!("{kind}: {error}")),
                Err(error) => return Err(error.of(kind)),
            }
        }
        Err(CredentialsError::absent(format!(
            "set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY, or say under credentials in the configuration where \
             keys are; nothing was found ({})",
            absent.join("; ")
        )))
    }

    fn links(&self) -> [(&'static str, Source); 4] {
        let endpoint = self.sts_endpoint.clone();
        let metadata = self.metadata_endpoint.clone();
        [
            ("env", Source::Env(Variables::default())),
            ("profile", Source::Profile(Profile::default())),
            ("tke_oidc", Source::TkeOidc(TkeOidc { endpoint })),
            (
                "cvm_role",
                Source::CvmRole(CvmRole {
                    endpoint: metadata,
                    role: None,
                }),
            ),
        ]
    }
}
