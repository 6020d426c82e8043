//! Reads a source once.

use std::sync::Arc;

use super::{
    CredentialsError, CredentialsStatus, RefreshContext, Source,
    issued::Fetched,
    reader::Reader,
    stored::{LastRequest, Stored},
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
    /// Where a file or the environment names a role.
    last_request: Option<LastRequest>,
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
            last_request: None,
        }
    }

    pub(super) fn is_watched(&self) -> bool {
        self.source.is_watched()
    }

    /// Whether it is the role of an account that was discovered.
    pub(super) fn is_discovered(&self) -> bool {
        matches!(&self.source, Source::AssumeRole(role) if role.is_discovered)
    }

    /// Whether every further read would return the same.
    pub(super) fn is_fixed(&self) -> bool {
        self.source.is_fixed() && !self.is_role()
    }

    /// Whether the last read found a role and requested it. STS or the metadata service has then
    /// accepted what was read, so it needs no second look.
    pub(super) fn is_role(&self) -> bool {
        self.last_request.is_some()
    }

    /// None where the last request failed, nothing has changed since and it is too early to repeat
    /// it. `is_rejected`: the API does not accept what was issued last.
    pub(super) async fn fetch(
        &mut self,
        context: &RefreshContext,
        is_rejected: bool,
    ) -> Result<Option<Fetched>, CredentialsError> {
        let stored = self.read(context).await?;
        if let Stored::Keys(keys) = stored {
            self.last_request = None;
            return Ok(Some(keys));
        }
        if let Some(last) = &self.last_request
            && self.source.is_watched()
            && !is_rejected
            && last.covers(&stored, context.clock.now())
        {
            return Ok(last.fetched());
        }
        let fetched = LastRequest::make(&mut self.last_request, stored, context).await?;
        Ok(Some(fetched))
    }

    /// Reads the source. The credentials of a role that this configuration names count as keys.
    async fn read(&mut self, context: &RefreshContext) -> Result<Stored, CredentialsError> {
        let reader = &mut self.reader;
        let fetched = match &mut self.source {
            Source::Chain(chain) => {
                // The chain ends here: a source that fails later must not silently be replaced by
                // another identity.
                let (found, stored) = chain.find(reader, context).await?;
                self.source = found;
                return Ok(stored);
            }
            Source::Env(variables) => return variables.read(&context.environment),
            Source::Static(credentials) => {
                Ok(Fetched::stored(credentials.clone(), "static".into()))
            }
            Source::Files(files) => files.fetch(reader).await,
            Source::Profile(profile) => return profile.read(reader, &context.environment).await,
            Source::Tccli(tccli) => return tccli.read(reader, &context.environment).await,
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
        };
        Ok(Stored::Keys(fetched?))
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
