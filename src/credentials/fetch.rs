//! Gets what a source gives, once.

use std::sync::{Arc, Weak};

use super::{Change, CredentialsError, Provider, Source, Tools, issued::Fetched, read::Reader};

/// A source, and what is remembered from one time to the next.
#[derive(Debug)]
pub(super) struct Fetcher {
    /// Once a chain has found its link, that link.
    source: Source,
    reader: Reader,
    /// Lives as long as the provider that this is the fetcher of.
    parent: Option<Weak<Provider>>,
    /// Of the parent's credentials that were there last.
    parent_serial: u64,
}

impl Fetcher {
    pub(super) fn new(source: Source, parent: Option<&Arc<Provider>>) -> Fetcher {
        Fetcher {
            source,
            reader: Reader::default(),
            parent: parent.map(Arc::downgrade),
            parent_serial: 0,
        }
    }

    /// What is there at once and never changes.
    pub(super) fn fixed(
        source: &Source,
        tools: &Tools,
    ) -> Option<Result<Fetched, CredentialsError>> {
        match source {
            Source::Env(variables) => Some(variables.fetch(&tools.environment)),
            Source::Static(credentials) => {
                Some(Ok(Fetched::written(credentials.clone(), "static".into())))
            }
            _ => None,
        }
    }

    /// Whether it may change at any time, and is looked at again and again.
    pub(super) fn is_watched(&self) -> bool {
        matches!(
            self.source,
            Source::Files(_) | Source::Profile(_) | Source::Tccli(_)
        )
    }

    pub(super) async fn fetch(&mut self, tools: &Tools) -> Result<Fetched, CredentialsError> {
        match &mut self.source {
            Source::Chain(chain) => {
                let (link, fetched) = chain.resolve(&mut self.reader, tools).await?;
                self.source = link;
                Ok(fetched)
            }
            Source::AssumeRole(role) => {
                let Some(parent) = self.parent.as_ref().and_then(Weak::upgrade) else {
                    // The provider is being dropped, and this task with it.
                    return std::future::pending().await;
                };
                // Also where they are of no use: they are no news then.
                self.parent_serial = parent.serial();
                let issued = parent
                    .current()
                    .await
                    .map_err(|error| error.of(&role.source))?;
                self.parent_serial = issued.serial;
                role.fetch(&parent, &issued, tools).await
            }
            source => fetch(source, &mut self.reader, tools).await,
        }
    }

    /// Completes when the parent has other credentials than those that were there last.
    pub(super) async fn parent_changes(&self) {
        let parent = self.parent.as_ref().and_then(Weak::upgrade);
        match parent.map(|parent| parent.change_from(self.parent_serial)) {
            Some(change) => Change::come(change).await,
            None => std::future::pending().await,
        }
    }
}

/// The kinds that need no other.
pub(super) async fn fetch(
    source: &mut Source,
    reader: &mut Reader,
    tools: &Tools,
) -> Result<Fetched, CredentialsError> {
    match source {
        Source::Env(variables) => variables.fetch(&tools.environment),
        Source::Static(credentials) => Ok(Fetched::written(credentials.clone(), "static".into())),
        Source::Files(files) => files.fetch(reader).await,
        Source::Profile(profile) => profile.fetch(reader, &tools.environment).await,
        Source::Tccli(tccli) => tccli.fetch(reader, &tools.environment).await,
        Source::TkeOidc(tke_oidc) => tke_oidc.fetch(reader, tools).await,
        Source::CvmRole(cvm_role) => cvm_role.fetch(tools).await,
        Source::Chain(_) | Source::AssumeRole(_) => unreachable!("they need others"),
    }
}
