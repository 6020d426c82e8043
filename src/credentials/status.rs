//! What a provider has at the moment: written by its refresh task, read by its users.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use super::{CredentialsError, Issued, schedule};
use crate::domain::Moment;

/// The credentials of one source. The default: none yet.
#[derive(Debug)]
pub struct CredentialsStatus {
    state: watch::Sender<RefreshState>,
    /// The serial of the credentials issued last. Separate from `state`, so that attempts do not
    /// wake up tasks that wait for a change.
    serial: watch::Sender<u64>,
}

#[derive(Clone, Debug)]
struct RefreshState {
    issued: Option<Arc<Issued>>,
    /// Of the last attempt, if it failed.
    error: Option<CredentialsError>,
    /// All failed attempts.
    failures: u64,
    /// A refresh was requested or is due, and has not ended.
    is_refreshing: bool,
    /// The API does not accept what was issued last: callers wait for the refresh.
    is_rejected: bool,
    last_rejection: Option<Instant>,
    /// False where nothing ever changes.
    refreshes: bool,
}

impl Default for CredentialsStatus {
    fn default() -> CredentialsStatus {
        let state = RefreshState {
            issued: None,
            error: None,
            failures: 0,
            is_refreshing: false,
            is_rejected: false,
            last_rejection: None,
            refreshes: true,
        };
        CredentialsStatus {
            state: watch::Sender::new(state),
            serial: watch::Sender::new(0),
        }
    }
}

impl CredentialsStatus {
    /// What was issued last, even if it has expired.
    pub fn issued(&self) -> Option<Arc<Issued>> {
        self.state.borrow().issued.clone()
    }

    /// When what was issued last expires or has expired. None where it does not.
    pub fn expires(&self) -> Option<Timestamp> {
        self.state.borrow().issued.as_ref()?.expires
    }

    /// How many attempts to get credentials failed.
    pub fn failures(&self) -> u64 {
        self.state.borrow().failures
    }

    /// Why the last attempt to get credentials failed, if it did.
    pub fn error(&self) -> Option<CredentialsError> {
        self.state.borrow().error.clone()
    }

    /// Whether the credentials can change while the process runs. Environment variables and keys in
    /// the configuration cannot.
    pub fn refreshes(&self) -> bool {
        self.state.borrow().refreshes
    }

    /// Waits for credentials that are valid `now`. Requests a refresh where there are none, unless
    /// the last attempt failed: then the next one is already scheduled.
    pub(super) async fn usable(&self, now: Moment) -> Result<Arc<Issued>, CredentialsError> {
        let mut watcher = self.state.subscribe();
        self.state
            .send_if_modified(|state| state.request_if_needed(now));
        let state = watcher
            .wait_for(|state| state.usable(now).is_some() || !state.is_refreshing)
            .await
            .expect("self holds the sender");
        if let Some(issued) = state.usable(now) {
            return Ok(issued);
        }
        match &state.error {
            Some(error) => Err(error.clone()),
            None => Err(CredentialsError::transient("the credentials have expired")),
        }
    }

    /// The API does not accept `issued`. Requests a refresh, unless there was one since, or one for
    /// the same reason a moment ago.
    pub(super) fn reject(&self, issued: &Issued) {
        self.state
            .send_if_modified(|state| state.reject(issued, Instant::now()));
    }

    /// Requests another attempt where the last one found no role: it may have been created since.
    pub(super) fn retry_role(&self) {
        self.state.send_if_modified(|state| {
            let has_no_role = match &state.error {
                Some(error) => error.is_no_role(),
                None => false,
            };
            if !has_no_role || state.is_refreshing {
                return false;
            }
            state.is_refreshing = true;
            true
        });
    }

    /// Whether the API rejected what was issued last, and nothing has replaced it yet.
    pub(super) fn is_rejected(&self) -> bool {
        self.state.borrow().is_rejected
    }

    /// Waits until a refresh is requested.
    pub(super) async fn refresh_requested(&self) {
        let mut watcher = self.state.subscribe();
        // Cannot fail, as self holds the sender.
        let _ = watcher.wait_for(|state| state.is_refreshing).await;
    }

    /// Waits until a refresh is requested, but no longer than `delay`.
    pub(super) async fn refresh_requested_within(&self, delay: Option<Duration>) {
        match delay {
            Some(delay) => {
                // Either way, it is time for a refresh.
                let _ = timeout(delay, self.refresh_requested()).await;
            }
            None => self.refresh_requested().await,
        }
    }

    /// A refresh starts.
    pub(super) fn started(&self) {
        self.state.send_modify(|state| state.is_refreshing = true);
    }

    /// The refresh returned `issued`.
    pub(super) fn succeeded(&self, issued: Issued) {
        let serial = issued.serial;
        self.state.send_modify(|state| {
            state.ended();
            state.error = None;
            state.issued = Some(Arc::new(issued));
        });
        // After the state, so that a task that sees the new serial finds the new credentials.
        self.serial
            .send_if_modified(|last| std::mem::replace(last, serial) != serial);
    }

    /// The refresh failed. What was issued before stays.
    pub(super) fn failed(&self, error: CredentialsError) {
        self.state.send_modify(|state| {
            state.ended();
            state.failures += 1;
            state.error = Some(error);
        });
    }

    /// The refresh ended and changed nothing.
    pub(super) fn unchanged(&self) {
        self.state.send_modify(RefreshState::ended);
    }

    /// Nothing will change from now on.
    pub(super) fn set_fixed(&self) {
        self.state.send_modify(|state| state.refreshes = false);
    }

    pub(super) fn serial(&self) -> u64 {
        *self.serial.borrow()
    }

    /// The next change from the credentials with `serial`.
    pub(super) fn change_from(&self, serial: u64) -> CredentialsChange {
        CredentialsChange {
            serials: self.serial.subscribe(),
            serial,
        }
    }
}

impl RefreshState {
    fn usable(&self, now: Moment) -> Option<Arc<Issued>> {
        // Rejected credentials count again once the refresh has ended, even if it failed: there are
        // no better ones.
        if self.is_rejected && self.is_refreshing {
            return None;
        }
        let issued = self.issued.as_ref()?;
        if issued.is_expired(now) {
            return None;
        }
        Some(Arc::clone(issued))
    }

    /// Returns whether it changed the state.
    fn request_if_needed(&mut self, now: Moment) -> bool {
        // After a failure, the task itself decides when to try again: a thousand accounts that ask
        // must not undo its back-off.
        if self.is_refreshing || self.error.is_some() || self.usable(now).is_some() {
            return false;
        }
        self.is_refreshing = true;
        true
    }

    /// Returns whether it changed the state.
    fn reject(&mut self, rejected: &Issued, now: Instant) -> bool {
        if !self.refreshes {
            return false;
        }
        match &self.issued {
            Some(current) if current.serial == rejected.serial => {}
            // They have been replaced already.
            _ => return false,
        }
        // Keys that the API never accepts would otherwise be fetched again for every request.
        if let Some(last) = self.last_rejection
            && now.saturating_duration_since(last) < schedule::MIN_REJECTION_INTERVAL
        {
            return false;
        }
        self.last_rejection = Some(now);
        self.is_refreshing = true;
        self.is_rejected = true;
        true
    }

    fn ended(&mut self) {
        self.is_refreshing = false;
        self.is_rejected = false;
    }
}

/// Waits for other credentials than those with a certain serial.
#[derive(Debug)]
pub struct CredentialsChange {
    serials: watch::Receiver<u64>,
    serial: u64,
}

impl CredentialsChange {
    /// Completes when there are others. Never, where the provider no longer exists.
    pub async fn wait(mut self) {
        let is_other = |serial: &u64| *serial != self.serial;
        let is_gone = self.serials.wait_for(is_other).await.is_err();
        if is_gone {
            std::future::pending::<()>().await;
        }
    }
}
