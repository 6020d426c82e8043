//! The task of a provider: fetches, waits until it is time, and fetches again.

use std::{sync::Arc, time::Duration};

use super::{
    CredentialsError, Issued, Status, Tools,
    fetch::Fetcher,
    issued::Fetched,
    schedule::{self, renew_after, retry_after},
};
use crate::domain::Moment;

pub(super) struct Renewal {
    /// Of the source, for the log.
    name: String,
    status: Arc<Status>,
    fetcher: Fetcher,
    tools: Tools,
    /// In a row.
    n_failures: u32,
    /// A change that was seen once: it is taken when it is seen again, since one who writes may be half through.
    candidate: Option<Fetched>,
}

impl Renewal {
    pub(super) fn new(
        name: String,
        status: Arc<Status>,
        fetcher: Fetcher,
        tools: Tools,
    ) -> Renewal {
        Renewal {
            name,
            status,
            fetcher,
            tools,
            n_failures: 0,
            candidate: None,
        }
    }

    /// Does nothing before the first need, and then goes on for ever.
    pub(super) async fn run(mut self) {
        self.status.asked().await;
        loop {
            let asked = self.tools.clock.now();
            let fetched = self.fetcher.fetch(&self.tools).await;
            let pause = match fetched.and_then(|fetched| self.accept(fetched, asked)) {
                Ok(pause) => pause,
                Err(error) => Some(self.fail(error)),
            };
            tokio::select! {
                () = self.status.begin_after(pause) => {}
                () = self.fetcher.parent_changes(), if self.n_failures > 0 => self.status.begin(),
            }
        }
    }

    /// How long until the next time; none for what never changes by itself.
    fn accept(
        &mut self,
        fetched: Fetched,
        asked: Moment,
    ) -> Result<Option<Duration>, CredentialsError> {
        let current = self.status.issued();
        let is_same = current
            .as_ref()
            .is_some_and(|current| current.credentials == fetched.credentials);
        let is_first = current.is_none() && self.n_failures == 0;
        let is_unsure = self.fetcher.is_watched() && !is_same && !is_first;
        if is_unsure && self.candidate.as_ref() != Some(&fetched) {
            self.candidate = Some(fetched);
            self.status.rested();
            return Ok(Some(schedule::CONFIRM));
        }
        self.candidate = None;
        let serial = current.as_ref().map_or(0, |current| current.serial) + u64::from(!is_same);
        let issued = Issued::new(fetched, serial, asked).not_expired()?;
        let renewal = issued.remaining(self.tools.clock.now()).map(renew_after);
        let look = self.fetcher.is_watched().then_some(schedule::LOOK);
        self.report_success(current.as_deref(), &issued);
        self.n_failures = 0;
        self.status.succeeded(issued);
        Ok(renewal.into_iter().chain(look).min())
    }

    /// How long until the next attempt.
    fn fail(&mut self, error: CredentialsError) -> Duration {
        self.candidate = None;
        self.n_failures = self.n_failures.saturating_add(1);
        let old = self.status.issued();
        let remaining = old
            .as_ref()
            .and_then(|old| old.remaining(self.tools.clock.now()));
        let pause = if self.fetcher.is_watched() {
            schedule::LOOK
        } else {
            retry_after(&error, self.n_failures, remaining)
        };
        self.report_failure(old.as_deref(), &error);
        self.status.failed(error);
        pause
    }

    /// News once; repetitions are counted.
    fn report_failure(&self, old: Option<&Issued>, error: &CredentialsError) {
        if self
            .status
            .error()
            .is_some_and(|last| last.is_same_as(error))
        {
            return;
        }
        let (credentials, text) = (&self.name, error.to_string());
        let (code, request_id) = (error.code(), error.request_id());
        if old.is_some() {
            tracing::warn!(
                credentials,
                error = text,
                code,
                request_id,
                "cannot renew credentials, the last ones stay in use"
            );
        } else {
            tracing::error!(
                credentials,
                error = text,
                code,
                request_id,
                "cannot get credentials"
            );
        }
    }

    fn report_success(&self, old: Option<&Issued>, new: &Issued) {
        let (credentials, origin, expires) = (
            &self.name,
            &new.origin,
            new.expires.map(|at| at.to_string()),
        );
        let is_new = old.is_none_or(|old| old.serial != new.serial);
        match old {
            None => tracing::info!(credentials, origin, expires, "got credentials"),
            Some(_) if self.n_failures > 0 => {
                tracing::info!(
                    credentials,
                    origin,
                    expires,
                    "credentials can be renewed again"
                );
            }
            Some(_) if is_new && new.expires.is_none() => {
                tracing::info!(credentials, origin, "credentials changed");
            }
            Some(_) if is_new => {
                tracing::debug!(credentials, origin, expires, "renewed credentials")
            }
            Some(_) => {}
        }
    }
}
