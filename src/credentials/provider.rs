//! One source, kept up to date by one task for all who use it.

use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;

use super::{
    Change, CredentialsError, Issued, Source, Status, Tools, fetch::Fetcher, renewal::Renewal,
};

/// Gives out the credentials of one source. Whoever asks, one task gets and renews them, so that a thousand who need
/// them cause one renewal, and nobody who stops waiting stops it for the others.
#[derive(Debug)]
pub struct Provider {
    source: Source,
    status: Arc<Status>,
    tools: Tools,
    /// Gives the credentials that the source asks with.
    parent: Option<Arc<Provider>>,
    /// None where nothing ever changes.
    renewal: Option<AbortOnDropHandle<()>>,
}

impl Provider {
    /// A provider that has asked for nothing yet, except where that needs no waiting.
    pub(super) fn new(source: Source, parent: Option<Arc<Provider>>, tools: Tools) -> Provider {
        let status = Arc::new(Status::default());
        let renewal = match Fetcher::fixed(&source, &tools) {
            Some(Ok(fetched)) => {
                status.succeeded(Issued::new(fetched, 1, tools.clock.now()));
                None
            }
            Some(Err(error)) => {
                status.failed(error);
                None
            }
            None => {
                let fetcher = Fetcher::new(source.clone(), parent.as_ref());
                let renewal = Renewal::new(
                    source.to_string(),
                    Arc::clone(&status),
                    fetcher,
                    tools.clone(),
                );
                Some(AbortOnDropHandle::new(tokio::spawn(renewal.run())))
            }
        };
        Provider {
            source,
            status,
            tools,
            parent,
            renewal,
        }
    }

    /// The credentials to sign with now. Waits for them where there are none yet. Where they could not be had, the next
    /// attempt is made in the background and after a pause; until then, this fails at once.
    pub async fn current(&self) -> Result<Arc<Issued>, CredentialsError> {
        self.status.usable(self.tools.clock.now()).await
    }

    /// What took the place of `issued` while a request waited for its turn, and is counted as that is; else `issued`.
    pub fn newest(&self, issued: Arc<Issued>) -> Arc<Issued> {
        let newer = self
            .status
            .issued()
            .filter(|newer| newer.identity == issued.identity);
        newer.unwrap_or(issued)
    }

    /// The API does not accept `issued`: renews them at once, unless that happened already, or a moment ago.
    pub fn rejected(&self, issued: &Issued) {
        if self.renewal.is_some() {
            self.status.reject(issued);
        }
    }

    /// Of what was issued last; 0 before anything was.
    pub fn serial(&self) -> u64 {
        self.status.serial()
    }

    /// Completes when there are other credentials than those with `serial`.
    pub fn change_from(&self, serial: u64) -> Change {
        self.status.change_from(serial)
    }

    /// What there is at this moment.
    pub fn status(&self) -> &Arc<Status> {
        &self.status
    }

    /// Waits until it is known whether there is anything to start with; see [`Provider::hopeless`].
    pub(super) async fn explore(&self) {
        let _ = self.root().current().await;
    }

    /// Why there will be no credentials before the process is started anew: variables that are not set, a chain in
    /// which nothing is or that ends at such variables.
    pub fn hopeless(&self) -> Option<CredentialsError> {
        let root = self.root();
        let status = &root.status;
        let error = status.error().filter(|_| status.issued().is_none())?;
        let ends_a_chain = matches!(root.source, Source::Chain(_)) && error.is_final();
        (root.renewal.is_none() || ends_a_chain).then_some(error)
    }

    fn root(&self) -> &Provider {
        self.parent.as_deref().map_or(self, Provider::root)
    }
}
