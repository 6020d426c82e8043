//! One provider for each distinct source, however many accounts have it.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{task::JoinSet, time::timeout};

use super::{Environment, Provider, Source};
use crate::{client::Client, domain::Clock, limiter::Limiters};

/// An STS that hangs must not keep a start or a reload waiting; polls say then what is wrong.
const PATIENCE: Duration = Duration::from_secs(5);

/// What providers work with.
#[derive(Clone, Debug)]
pub struct Tools {
    /// Asks STS and the metadata service.
    pub client: Client,
    /// Where requests to STS queue.
    pub limiters: Arc<Limiters>,
    /// Tells when credentials expire.
    pub clock: Clock,
    /// Where some kinds look.
    pub environment: Environment,
}

/// The providers in use.
#[derive(Debug)]
pub struct Providers {
    tools: Tools,
    by_source: Mutex<HashMap<Source, Arc<Provider>>>,
}

impl Providers {
    /// None yet.
    pub fn new(tools: Tools) -> Providers {
        Providers {
            tools,
            by_source: Mutex::default(),
        }
    }

    /// The provider of `source`, which is made if there is none yet.
    pub fn provider(&self, source: &Source) -> Arc<Provider> {
        if let Some(provider) = self.by_source().get(source) {
            return Arc::clone(provider);
        }
        let parent = match source {
            Source::AssumeRole(role) => Some(self.provider(&role.source)),
            _ => None,
        };
        let provider = Arc::new(Provider::new(source.clone(), parent, self.tools.clone()));
        Arc::clone(self.by_source().entry(source.clone()).or_insert(provider))
    }

    /// Waits, for 5 seconds at most, until it is known whether there is anything to start with for `sources`: what
    /// [`Provider::hopeless`] then says holds.
    pub async fn explore(&self, sources: impl Iterator<Item = &Source>) {
        let distinct: HashSet<&Source> = sources.collect();
        let mut explorations = JoinSet::new();
        for source in distinct.into_iter().filter(|source| source.is_chained()) {
            let provider = self.provider(source);
            explorations.spawn(async move { timeout(PATIENCE, provider.explore()).await });
        }
        explorations.join_all().await;
    }

    /// Ends the providers that nobody has but this pool. One that lent its credentials to another goes with it.
    pub fn drop_unused(&self) {
        let mut by_source = self.by_source();
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

    fn by_source(&self) -> std::sync::MutexGuard<'_, HashMap<Source, Arc<Provider>>> {
        self.by_source
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
