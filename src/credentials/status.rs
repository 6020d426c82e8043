//! What a provider has at this moment: written by its renewal, read by all who need it.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{sync::watch, time::Instant};

use super::{CredentialsError, Issued, schedule};
use crate::domain::Moment;

/// What there is, and what goes on. The default is nothing yet.
#[derive(Debug)]
pub struct Status {
    state: watch::Sender<State>,
    /// The serial of what was issued last; apart, so that whoever waits for news is not woken by attempts.
    serial: watch::Sender<u64>,
}

#[derive(Clone, Debug, Default)]
struct State {
    issued: Option<Arc<Issued>>,
    /// Of the last attempt.
    error: Option<CredentialsError>,
    failures: u64,
    /// Somebody needs credentials, or it is time for new ones: the renewal is at work until this is false.
    is_renewing: bool,
    /// The API does not accept what was issued; whoever needs credentials waits for the renewal.
    is_rejected: bool,
    last_rejection: Option<Instant>,
}

impl Default for Status {
    fn default() -> Status {
        Status {
            state: watch::Sender::new(State::default()),
            serial: watch::Sender::new(0),
        }
    }
}

impl Status {
    /// What was issued last, expired or not.
    pub fn issued(&self) -> Option<Arc<Issued>> {
        self.state.borrow().issued.clone()
    }

    /// When what was issued last expires, or has expired; none for what does not.
    pub fn expires(&self) -> Option<Timestamp> {
        self.state.borrow().issued.as_ref()?.expires
    }

    /// Attempts to get credentials that failed.
    pub fn failures(&self) -> u64 {
        self.state.borrow().failures
    }

    /// Why the last attempt to get credentials failed, if it did.
    pub fn error(&self) -> Option<CredentialsError> {
        self.state.borrow().error.clone()
    }

    /// Waits for credentials that hold `now`. Asks for a renewal where there are none and none has just failed.
    pub(super) async fn usable(&self, now: Moment) -> Result<Arc<Issued>, CredentialsError> {
        let mut watcher = self.state.subscribe();
        self.state.send_if_modified(|state| state.ask(now));
        let state = watcher
            .wait_for(|state| state.usable(now).is_some() || !state.is_renewing)
            .await;
        let state = state.expect("the sender is here");
        state.usable(now).ok_or_else(|| {
            state
                .error
                .clone()
                .unwrap_or_else(|| CredentialsError::passing("the credentials have expired"))
        })
    }

    /// Asks for a renewal, unless there was one since `issued`.
    pub(super) fn reject(&self, issued: &Issued) {
        self.state
            .send_if_modified(|state| state.reject(issued, Instant::now()));
    }

    /// Waits until a renewal is asked for.
    pub(super) async fn asked(&self) {
        let mut watcher = self.state.subscribe();
        let _ = watcher.wait_for(|state| state.is_renewing).await;
    }

    /// Waits for a renewal to be asked for, or for `pause` to pass, and begins one.
    pub(super) async fn begin_after(&self, pause: Option<Duration>) {
        match pause {
            Some(pause) => drop(tokio::time::timeout(pause, self.asked()).await),
            None => self.asked().await,
        }
        self.begin();
    }

    /// Begins a renewal.
    pub(super) fn begin(&self) {
        self.state.send_modify(|state| state.is_renewing = true);
    }

    /// The renewal brought `issued`.
    pub(super) fn succeeded(&self, issued: Issued) {
        let serial = issued.serial;
        self.state.send_modify(|state| {
            (state.is_renewing, state.is_rejected) = (false, false);
            state.error = None;
            state.issued = Some(Arc::new(issued));
        });
        self.serial
            .send_if_modified(|last| std::mem::replace(last, serial) != serial);
    }

    /// The renewal brought nothing that could be used, or nothing new; what there is stays.
    pub(super) fn rested(&self) {
        self.state
            .send_modify(|state| (state.is_renewing, state.is_rejected) = (false, false));
    }

    /// The renewal failed; what there is stays.
    pub(super) fn failed(&self, error: CredentialsError) {
        self.state.send_modify(|state| {
            (state.is_renewing, state.is_rejected) = (false, false);
            state.failures += 1;
            state.error = Some(error);
        });
    }

    pub(super) fn serial(&self) -> u64 {
        *self.serial.borrow()
    }

    /// Something else than what has `serial`.
    pub(super) fn change_from(&self, serial: u64) -> Change {
        Change {
            serials: self.serial.subscribe(),
            serial,
        }
    }
}

impl State {
    fn usable(&self, now: Moment) -> Option<Arc<Issued>> {
        let is_waited_for = self.is_rejected && self.is_renewing;
        self.issued
            .clone()
            .filter(|issued| !is_waited_for && !issued.is_expired(now))
    }

    fn ask(&mut self, now: Moment) -> bool {
        if self.is_renewing || self.error.is_some() || self.usable(now).is_some() {
            return false;
        }
        self.is_renewing = true;
        true
    }

    fn reject(&mut self, issued: &Issued, now: Instant) -> bool {
        let is_current = self
            .issued
            .as_ref()
            .is_some_and(|current| current.serial == issued.serial);
        let is_soon =
            |last: Instant| now.saturating_duration_since(last) < schedule::BETWEEN_REJECTIONS;
        if !is_current || self.last_rejection.is_some_and(is_soon) {
            return false;
        }
        self.last_rejection = Some(now);
        (self.is_renewing, self.is_rejected) = (true, true);
        true
    }
}

/// Credentials other than those that were used.
#[derive(Debug)]
pub struct Change {
    serials: watch::Receiver<u64>,
    serial: u64,
}

impl Change {
    /// Waits for them; for ever where the provider is gone.
    pub async fn come(mut self) {
        if self
            .serials
            .wait_for(|serial| *serial != self.serial)
            .await
            .is_err()
        {
            std::future::pending::<()>().await;
        }
    }
}
