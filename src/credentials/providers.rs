//! One provider for each distinct source, however many accounts use it.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{task::JoinSet, time::timeout};

use super::{Provider, RefreshContext, Source};
use crate::sync::lock;

/// An STS that hangs must not delay a start or a reload for longer. Polls then report the problem.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub struct Providers {
    context: RefreshContext,
    by_source: Mutex<HashMap<Source, Arc<Provider>>>,
}

impl Providers {
    pub fn new(context: RefreshContext) -> Providers {
        Providers {
            context,
            by_source: Mutex::default(),
        }
    }

    /// The provider of `source`, which is created where there is none.
    pub fn provider(&self, source: &Source) -> Arc<Provider> {
        if let Some(provider) = self.by_source().get(source) {
            return Arc::clone(provider);
        }
        // Before the lock is taken again: this locks, too.
        let parent = match source {
            Source::AssumeRole(role) => Some(self.provider(&role.source)),
            _ => None,
        };
        let provider = Provider::new(source.clone(), parent, self.context.clone());
        // Another call may have created it in the meantime; then that one counts.
        let mut by_source = self.by_source();
        let provider = by_source
            .entry(source.clone())
            .or_insert_with(|| Arc::new(provider));
        Arc::clone(provider)
    }

    /// Waits, for at most 5 seconds, until [`Provider::startup_error`] is known for `sources`.
    pub async fn probe(&self, sources: impl Iterator<Item = &Source>) {
        let distinct: HashSet<&Source> = sources.collect();
        let mut probes = JoinSet::new();
        for source in distinct {
            // All others are known at once or fail only in polls.
            if source.starts_with_chain() {
                let provider = self.provider(source);
                probes.spawn(async move { timeout(PROBE_TIMEOUT, provider.probe()).await });
            }
        }
        probes.join_all().await;
    }

    /// Drops the providers that nothing else uses, and then their parents.
    pub fn drop_unused(&self) {
        let mut by_source = self.by_source();
        // Each round may leave a parent without its last child.
        let mut before = usize::MAX;
        while by_source.len() < before {
            before = by_source.len();
            by_source.retain(|_, provider| Arc::strong_count(provider) > 1);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_source().len()
    }

    fn by_source(&self) -> MutexGuard<'_, HashMap<Source, Arc<Provider>>> {
        lock(&self.by_source)
    }
}
