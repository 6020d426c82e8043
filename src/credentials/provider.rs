//! One source, kept up to date by one task for all who use it.

use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;

use super::{
    CredentialsChange, CredentialsError, CredentialsStatus, Issued, RefreshContext, Source,
    fetch::Fetcher, issued::Fetched, refresh::RefreshTask, stored::Stored,
};
use crate::domain::Clock;

/// Issues the credentials of one source. A single task fetches and refreshes them: a thousand
/// accounts that need them cause one request, and an account that stops waiting does not cancel it
/// for the others.
#[derive(Debug)]
pub struct Provider {
    source: Source,
    status: Arc<CredentialsStatus>,
    clock: Clock,
    /// Issues the credentials that assume the role, where the source is one.
    parent: Option<Arc<Provider>>,
    /// None where nothing ever changes. Ends with the provider.
    refresh: Option<AbortOnDropHandle<()>>,
}

impl Provider {
    /// Makes no request before credentials are needed.
    pub(super) fn new(
        source: Source,
        parent: Option<Arc<Provider>>,
        context: RefreshContext,
    ) -> Provider {
        let clock = context.clock;
        let status = Arc::new(CredentialsStatus::default());
        // Environment variables and the configuration are read once, here: they cannot change, so
        // these sources need no task.
        let fixed = match &source {
            Source::Env(variables) => match variables.read(&context.environment) {
                Ok(Stored::Keys(keys)) => Some(Ok(keys)),
                // The role has to be requested.
                Ok(_) => None,
                Err(error) => Some(Err(error)),
            },
            Source::Static(credentials) => {
                Some(Ok(Fetched::stored(credentials.clone(), "static".into())))
            }
            _ => None,
        };
        let refresh = if let Some(outcome) = fixed {
            set_fixed(&status, outcome, clock);
            None
        } else {
            let parent = parent.as_ref().map(|parent| Arc::clone(&parent.status));
            let fetcher = Fetcher::new(source.clone(), parent);
            let name = source.to_string();
            let task = RefreshTask::new(name, Arc::clone(&status), fetcher, context);
            Some(AbortOnDropHandle::new(tokio::spawn(task.run())))
        };
        Provider {
            source,
            status,
            clock,
            parent,
            refresh,
        }
    }

    /// The credentials to sign with now. Waits for the first ones. Where they could not be fetched,
    /// fails at once: the task tries again in the background.
    pub async fn current(&self) -> Result<Arc<Issued>, CredentialsError> {
        self.status.usable(self.clock.now()).await
    }

    /// What has replaced `issued` while a request waited for its turn, if it has the same identity
    /// and so the same limiter. Otherwise `issued` itself.
    pub fn newest(&self, issued: Arc<Issued>) -> Arc<Issued> {
        match self.status.issued() {
            Some(newer) if newer.identity == issued.identity => newer,
            _ => issued,
        }
    }

    /// The API does not accept `issued`: refreshes them at once, unless that has already happened,
    /// or happened for the same reason a moment ago.
    pub fn rejected(&self, issued: &Issued) {
        self.status.reject(issued);
    }

    /// Tries again now where there was no role to assume.
    pub fn retry_role(&self) {
        self.status.retry_role();
    }

    /// The serial of the credentials issued last; 0 before the first.
    pub fn serial(&self) -> u64 {
        self.status.serial()
    }

    /// Completes when there are other credentials than those with `serial`.
    pub fn change_from(&self, serial: u64) -> CredentialsChange {
        self.status.change_from(serial)
    }

    pub fn status(&self) -> &Arc<CredentialsStatus> {
        &self.status
    }

    /// Waits until [`Provider::startup_error`] is known.
    pub(super) async fn probe(&self) {
        let _ = self.root().current().await;
    }

    /// Why there will be no credentials before a restart: environment variables that are not set,
    /// or a chain that finds nothing or finds such variables.
    pub fn startup_error(&self) -> Option<CredentialsError> {
        let root = self.root();
        if root.status.issued().is_some() {
            return None;
        }
        let error = root.status.error()?;
        // Files, roles and networks may still appear while the process runs. Environment variables
        // cannot, and where a chain finds nothing, most likely nothing is configured.
        let is_chain = matches!(root.source, Source::Chain(_));
        if root.refresh.is_none() || (is_chain && error.ends_chain()) {
            return Some(error);
        }
        None
    }

    /// The provider that all the credentials that assume roles start from.
    fn root(&self) -> &Provider {
        match &self.parent {
            Some(parent) => parent.root(),
            None => self,
        }
    }
}

/// Stores the outcome of the only attempt.
fn set_fixed(status: &CredentialsStatus, outcome: Result<Fetched, CredentialsError>, clock: Clock) {
    status.set_fixed();
    match outcome {
        Ok(fetched) => status.succeeded(Issued::new(fetched, 1, clock.now())),
        Err(error) => status.failed(error),
    }
}
