//! The state of a discovery.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;

use crate::domain::{AccountOrigin, Moment, RefreshFailure};

/// The entry of a discovery.
#[derive(Debug)]
pub struct DiscoveryEntry {
    /// The label `discovery`.
    pub label: Arc<str>,
    pub origin: AccountOrigin,
    state: ArcSwap<DiscoveryState>,
}

/// What is known about the refreshes of a discovery. It never changes: each refresh makes the next
/// one from it.
#[derive(Clone, Debug, Default)]
pub struct DiscoveryState {
    /// Whether a list was accepted since the start.
    pub has_list: bool,
    /// `None` before the end of the first refresh.
    pub last_was_successful: Option<bool>,
    pub last_success: Option<Moment>,
    pub last_took: Option<Duration>,
    /// By [`RefreshFailure::index`].
    pub failures: [u64; RefreshFailure::COUNT],
    /// Why the last refresh failed, if it did.
    pub last_error: Option<String>,
    pub added: u64,
    pub removed: u64,
    /// Accounts that are listed but not polled, as the configuration says.
    pub excluded: usize,
    /// Of those, the ones that the settings of the list leave out.
    pub left_out: usize,
    /// Accounts that are left to the configuration or to another discovery.
    pub skipped: usize,
    /// Accounts that are called by their uin because their name cannot be used.
    pub unnamed: usize,
}

impl DiscoveryEntry {
    pub fn new(label: &Arc<str>, origin: AccountOrigin) -> DiscoveryEntry {
        DiscoveryEntry {
            label: Arc::clone(label),
            origin,
            state: ArcSwap::default(),
        }
    }

    pub fn state(&self) -> Arc<DiscoveryState> {
        self.state.load_full()
    }

    pub fn replace(&self, state: DiscoveryState) {
        self.state.store(Arc::new(state));
    }
}
