//! The task of a provider: it fetches credentials, waits until it is time, and fetches again.

use std::{sync::Arc, time::Duration};

use super::{
    CredentialsError, CredentialsStatus, Issued, RefreshContext,
    fetch::Fetcher,
    issued::Fetched,
    schedule::{self, refresh_after, retry_after},
};
use crate::domain::Moment;

pub(super) struct RefreshTask {
    /// The source, for the log.
    name: String,
    status: Arc<CredentialsStatus>,
    fetcher: Fetcher,
    context: RefreshContext,
    /// In a row.
    failures: u32,
    /// A change of watched files that one read has seen.
    unconfirmed: Option<Fetched>,
}

impl RefreshTask {
    pub(super) fn new(
        name: String,
        status: Arc<CredentialsStatus>,
        fetcher: Fetcher,
        context: RefreshContext,
    ) -> RefreshTask {
        RefreshTask {
            name,
            status,
            fetcher,
            context,
            failures: 0,
            unconfirmed: None,
        }
    }

    /// Never ends. Does nothing before credentials are needed for the first time.
    pub(super) async fn run(mut self) {
        self.status.refresh_requested().await;
        loop {
            let started_at = self.context.clock.now();
            let is_rejected = self.status.is_rejected();
            let delay = match self.fetcher.fetch(&self.context, is_rejected).await {
                Ok(Some(fetched)) => self.accept(fetched, started_at),
                Ok(None) => {
                    self.status.unchanged();
                    Some(schedule::WATCH_INTERVAL)
                }
                Err(error) => Some(self.fail(error)),
            };
            tokio::select! {
                () = self.status.refresh_requested_within(delay) => {}
                // The new credentials of the parent may be those that work.
                () = self.fetcher.parent_changed(), if self.failures > 0 => {}
            }
            // Also where the delay has passed: polls that need credentials then wait for this attempt.
            self.status.started();
        }
    }

    /// Returns how long to wait until the next refresh. None: until one is requested.
    fn accept(&mut self, fetched: Fetched, started_at: Moment) -> Option<Duration> {
        let current = self.status.issued();
        if self.needs_confirmation(&fetched, current.as_deref()) {
            self.unconfirmed = Some(fetched);
            self.status.unchanged();
            return Some(schedule::CONFIRM_INTERVAL);
        }
        self.unconfirmed = None;

        let serial = match &current {
            Some(current) if current.credentials == fetched.credentials => current.serial,
            Some(current) => current.serial + 1,
            None => 1,
        };
        let issued = Issued::new(fetched, serial, started_at);
        // However new they are, expired credentials must not replace valid ones.
        if let Err(error) = issued.check_not_expired() {
            return Some(self.fail(error));
        }
        let remaining = issued.remaining(self.context.clock.now());
        // Before the failures are reset: the log line depends on them.
        self.log_success(current.as_deref(), &issued);
        self.failures = 0;
        self.status.succeeded(issued);
        if self.fetcher.is_fixed() {
            self.status.set_fixed();
        }
        self.next_refresh(remaining)
    }

    /// Whether `fetched` is a change of watched files that no second read has seen. Another process
    /// may be in the middle of writing them: a new `SecretId` beside the old `SecretKey`.
    fn needs_confirmation(&self, fetched: &Fetched, current: Option<&Issued>) -> bool {
        if !self.fetcher.is_watched() || self.fetcher.is_role() {
            return false;
        }
        match current {
            Some(current) if current.credentials == fetched.credentials => return false,
            // Nothing hints at a change before the first read, and polls wait for it.
            None if self.failures == 0 => return false,
            _ => {}
        }
        self.unconfirmed.as_ref() != Some(fetched)
    }

    fn next_refresh(&self, remaining: Option<Duration>) -> Option<Duration> {
        match (remaining, self.fetcher.is_watched()) {
            (None, false) => None,
            (None, true) => Some(schedule::WATCH_INTERVAL),
            (Some(remaining), false) => Some(refresh_after(remaining)),
            (Some(remaining), true) => Some(refresh_after(remaining).min(schedule::WATCH_INTERVAL)),
        }
    }

    /// Returns how long to wait until the next attempt.
    fn fail(&mut self, error: CredentialsError) -> Duration {
        // The next good read is not compared with one before the failure.
        self.unconfirmed = None;
        self.failures = self.failures.saturating_add(1);
        let old = self.status.issued();
        // No back-off for files: reading them costs little, and they may be fixed at any time.
        let delay = if self.fetcher.is_watched() {
            schedule::WATCH_INTERVAL
        } else {
            let now = self.context.clock.now();
            let remaining = match &old {
                Some(old) => old.remaining(now),
                None => None,
            };
            retry_after(&error, self.failures, remaining)
        };
        self.log_failure(old.as_deref(), &error);
        self.status.failed(error);
        delay
    }

    /// A repeated failure is counted but not logged again.
    fn log_failure(&self, old: Option<&Issued>, error: &CredentialsError) {
        if let Some(last) = self.status.error()
            && last.is_same_as(error)
        {
            return;
        }
        let (credentials, text) = (&self.name, error.to_string());
        let (code, request_id) = (error.code(), error.request_id());
        // Thousands of accounts may fail together. The discovery logs one line for all that have no
        // role, and polls say how many others fail.
        if self.fetcher.is_discovered() {
            tracing::debug!(
                credentials,
                error = text,
                code,
                request_id,
                "cannot get the credentials of a discovered account"
            );
        } else if old.is_some() {
            tracing::warn!(
                credentials,
                error = text,
                code,
                request_id,
                "cannot refresh credentials, still using the last ones"
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

    fn log_success(&self, old: Option<&Issued>, new: &Issued) {
        let (credentials, origin) = (&self.name, &new.origin);
        let expires = new.expires.map(|at| at.to_string());
        let Some(old) = old else {
            // An organization has thousands of members, and the first polls say the same.
            if self.fetcher.is_discovered() {
                tracing::debug!(credentials, origin, expires, "got credentials");
            } else {
                tracing::info!(credentials, origin, expires, "got credentials");
            }
            return;
        };
        if self.failures > 0 {
            tracing::info!(
                credentials,
                origin,
                expires,
                "credentials can be refreshed again"
            );
        } else if old.serial == new.serial {
            // Nothing changed.
        } else if new.expires.is_none() {
            tracing::info!(credentials, origin, "credentials changed");
        } else {
            tracing::debug!(credentials, origin, expires, "refreshed credentials");
        }
    }
}
