//! Polls every account once.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::Failure;
use crate::{
    config::Account,
    credentials::Providers,
    domain::{Clock, Shard},
    limiter::Lanes,
    poller::{Context, Job},
    store::Store,
    supervisor,
};

/// What came of it.
pub(super) struct Once {
    /// In the order of the accounts.
    pub(super) jobs: Vec<Job>,
    pub(super) store: Store,
    pub(super) context: Arc<Context>,
}

impl Once {
    /// Polls every scan of `accounts`, which are those of `shard`, at their pace. One without credentials fails as any other.
    pub(super) async fn poll(accounts: Vec<Account>, shard: Shard) -> Result<Once, Failure> {
        let context = super::context(Clock::system(), shard)?;
        let lanes = Arc::<Lanes>::default();
        let providers = Providers::new(context.refresh_context(&lanes));
        providers
            .probe(accounts.iter().map(|account| &account.credentials))
            .await;
        let accounts = accounts.into_iter().map(Arc::new);
        let jobs: Vec<Job> = accounts
            .flat_map(|account| supervisor::jobs_anyway(&account, &lanes, &providers))
            .collect();
        let store = Store::default();
        store.replace(supervisor::table(&jobs.iter()));
        context.telemetry.config_loaded(context.clock.now());
        poll_all(&jobs, &context).await;
        Ok(Once {
            jobs,
            store,
            context,
        })
    }

    /// Whether every poll succeeded.
    pub(super) fn is_good(&self) -> bool {
        self.jobs.iter().all(|job| job.entry.snapshot().is_up())
    }
}

async fn poll_all(jobs: &[Job], context: &Arc<Context>) {
    let mut polls = JoinSet::new();
    for job in jobs.iter().cloned() {
        let context = Arc::clone(context);
        polls.spawn(async move {
            let outcome = job.poll_once(&context).await;
            job.entry.replace(job.entry.snapshot().after(outcome));
        });
    }
    polls.join_all().await;
}
