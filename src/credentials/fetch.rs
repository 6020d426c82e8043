//! Reads a source once.

use std::sync::Arc;

use super::{
    CredentialsError, CredentialsStatus, RefreshContext, Source, issued::Fetched, reader::Reader,
};
use crate::client::TOKEN_FAILURE;

/// A source, and what is kept from one read to the next.
#[derive(Debug)]
pub(super) struct Fetcher {
    /// Replaced where a read finds out more: a chain by the source that it found, a profile by the
    /// one with the file that it found.
    source: Source,
    reader: Reader,
    parent: Option<Parent>,
}

/// The credentials that assume a role.
#[derive(Debug)]
struct Parent {
    status: Arc<CredentialsStatus>,
    /// The serial of the credentials at the last read.
    serial: u64,
}

impl Fetcher {
    /// `parent` is required where `source` is a role that other credentials assume.
    pub(super) fn new(source: Source, parent: Option<Arc<CredentialsStatus>>) -> Fetcher {
        Fetcher {
            source,
            reader: Reader::default(),
            parent: parent.map(|status| Parent { status, serial: 0 }),
        }
    }

    pub(super) fn is_watched(&self) -> bool {
        self.source.is_watched()
    }

    /// Whether every further read would return the same.
    pub(super) fn is_fixed(&self) -> bool {
        self.source.is_fixed()
    }

    pub(super) async fn fetch(
        &mut self,
        context: &RefreshContext,
    ) -> Result<Fetched, CredentialsError> {
        let reader = &mut self.reader;
        match &mut self.source {
            Source::Chain(chain) => {
                // The chain ends here: a source that fails later must not silently be replaced by
                // another identity.
                let (found, fetched) = chain.find(reader, context).await?;
                self.source = found;
                Ok(fetched)
            }
            Source::Env(variables) => variables.fetch(&context.environment),
            Source::Static(credentials) => {
                Ok(Fetched::stored(credentials.clone(), "static".into()))
            }
            Source::Files(files) => files.fetch(reader).await,
            Source::Profile(profile) => profile.fetch(reader, &context.environment).await,
            Source::Tccli(tccli) => tccli.fetch(reader, &context.environment).await,
            Source::TkeOidc(tke_oidc) => tke_oidc.fetch(reader, context).await,
            Source::CvmRole(cvm_role) => cvm_role.fetch(context).await,
            Source::AssumeRole(role) => {
                let parent = self.parent.as_mut().expect("a role has a parent");
                // Before the wait: credentials that have expired count as seen, too. Otherwise,
                // `parent_changed` would complete at once, again and again.
                parent.serial = parent.status.serial();
                let caller = match parent.status.usable(context.clock.now()).await {
                    Ok(caller) => caller,
                    Err(error) => return Err(error.at(&role.source)),
                };
                parent.serial = caller.serial;
                let outcome = role.fetch(&caller, context).await;
                // Only this request shows that STS rejects the keys: the parent's task does not use them.
                if let Err(error) = &outcome
                    && error.code() == Some(TOKEN_FAILURE)
                {
                    parent.status.reject(&caller);
                }
                outcome
            }
        }
    }

    /// Completes when the parent has other credentials than at the last read. Never, where there is
    /// no parent.
    pub(super) async fn parent_changed(&self) {
        match &self.parent {
            Some(parent) => parent.status.change_from(parent.serial).wait().await,
            None => std::future::pending().await,
        }
    }
}
