//! Polls every account once.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::Failure;
use crate::{
    clock::Clock,
    config::{Account, Shard},
    pacer::Lanes,
    plan,
    poller::{Context, Job},
    store::Store,
};

/// What came of it.
pub(super) struct Once {
    pub(super) store: Store,
    pub(super) context: Arc<Context>,
}

impl Once {
    /// Polls every scan of `accounts`, which are those of `shard`, at their pace.
    pub(super) async fn poll(accounts: Vec<Account>, shard: Shard) -> Result<Once, Failure> {
        let context = super::context(Clock::system(), shard)?;
        let jobs = jobs(accounts)?;
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

fn jobs(accounts: Vec<Account>) -> Result<Vec<Job>, Failure> {
    let lanes = Lanes::default();
    let mut jobs = Vec::new();
    let mut errors = Vec::new();
    for account in accounts.into_iter().map(Arc::new) {
        match plan::jobs(&account, &lanes) {
            Ok(of_account) => jobs.extend(of_account),
            Err(error) => errors.push(error),
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
