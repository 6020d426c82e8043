//! Polls every account once.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::{
    Failure,
    discover::{AccountList, DiscoveryResult},
};
use crate::{
    config::{Account, Config},
    credentials::Providers,
    domain::Clock,
    limiter::Limiters,
    poller::{Context, Job, PollGate},
    store::Store,
    supervisor,
};

/// The result of polling once.
pub(super) struct Once {
    /// In the order of the accounts.
    pub(super) jobs: Vec<Job>,
    pub(super) store: Store,
    pub(super) context: Arc<Context>,
    pub(super) discoveries: Vec<DiscoveryResult>,
}

impl Once {
    /// Polls every job of the accounts of `config`, with those that its discoveries list, within the
    /// rate limit, as far as `select` returns them. The polls of an account without credentials fail.
    pub(super) async fn poll(
        config: &Config,
        select: impl Fn(Account) -> Option<Account>,
    ) -> Result<Once, Failure> {
        let context = super::context(Clock::system(), config.shard, PollGate::default())?;
        let limiters = Arc::<Limiters>::default();
        let providers = Arc::new(Providers::new(context.refresh_context(&limiters)));
        let AccountList {
            accounts,
            discoveries,
        } = AccountList::read(config, &context, &limiters, &providers).await;
        let accounts: Vec<Account> = accounts.into_iter().filter_map(select).collect();
        providers
            .probe(accounts.iter().map(|account| &account.credentials))
            .await;
        let mut jobs = Vec::new();
        for account in accounts {
            jobs.extend(supervisor::jobs(&Arc::new(account), &limiters, &providers));
        }
        for job in &jobs {
            job.expect_requests(&context.telemetry);
        }
        let store = Store::default();
        store.replace(supervisor::table(jobs.iter()));
        context.telemetry.config_loaded(context.clock.now());
        poll_all(&jobs, &context).await;
        Ok(Once {
            jobs,
            store,
            context,
            discoveries,
        })
    }

    /// Exit code 1 if a poll failed, which the output says.
    pub(super) fn outcome(&self) -> Result<(), Failure> {
        if self.is_good() {
            Ok(())
        } else {
            Err(Failure::silent(1))
        }
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
            // `Job::poll` would also log the failure, which the table shows.
            let (outcome, _) = job.poll_once(&context).await;
            job.entry.replace(job.entry.snapshot().after(outcome));
        });
    }
    polls.join_all().await;
}
