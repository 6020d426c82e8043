//! Polls every account once.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::Failure;
use crate::{
    clock::Clock,
    config::Account,
    credentials::Providers,
    pacer::Lanes,
    plan::{self, PlanError},
    poller::{Context, Job},
    store::Store,
};

/// What came of it.
pub(super) struct Once {
    pub(super) store: Store,
    pub(super) context: Arc<Context>,
}

impl Once {
    /// Polls every scan of `accounts`, at their pace.
    pub(super) async fn poll(accounts: Vec<Account>) -> Result<Once, Failure> {
        let context = super::context(Clock::system())?;
        let jobs = jobs(accounts, &context).await?;
        let store = Store::default();
        store.replace(plan::table(&jobs.iter()));
        context.telemetry.config_loaded(context.clock.now());
        poll_all(jobs, &context).await;
        Ok(Once { store, context })
    }

    /// Whether every poll succeeded.
    pub(super) fn is_good(&self) -> bool {
        self.store.table().jobs.iter().all(|job| job.snapshot().is_up())
    }
}

async fn jobs(accounts: Vec<Account>, context: &Context) -> Result<Vec<Job>, Failure> {
    let lanes = Arc::<Lanes>::default();
    let providers = Providers::new(context.tools(&lanes));
    providers.explore(accounts.iter().map(|account| &account.credentials)).await;
    let mut jobs = Vec::new();
    let mut errors = Vec::new();
    for account in accounts.into_iter().map(Arc::new) {
        match plan::jobs(&account, &lanes, &providers) {
            Ok(of_account) => jobs.extend(of_account),
            Err(error) => PlanError::collect(&mut errors, error),
        }
    }
    if errors.is_empty() { Ok(jobs) } else { Err(Failure::bad_input(errors)) }
}

async fn poll_all(jobs: Vec<Job>, context: &Arc<Context>) {
    let mut polls = JoinSet::new();
    for job in jobs {
        let context = Arc::clone(context);
        polls.spawn(async move {
            let outcome = job.poll_once(&context).await;
            job.entry.replace(job.entry.snapshot().after(outcome));
        });
    }
    polls.join_all().await;
}
