//! Reads the lists of all discoveries once.

use std::sync::Arc;

use super::Failure;
use crate::{
    config::{Account, Config},
    credentials::Providers,
    discovery::{self, FetchContext, FetchError, History, ListRules},
    limiter::Limiters,
    poller::Context,
};

/// The accounts of a configuration, with those that its discoveries list now.
pub(super) struct AccountList {
    pub(super) accounts: Vec<Account>,
    /// In the order of the configuration.
    pub(super) discoveries: Vec<DiscoveryResult>,
}

/// What one discovery has found.
pub(super) struct DiscoveryResult {
    pub(super) label: Arc<str>,
    pub(super) outcome: Result<FoundCounts, FetchError>,
}

pub(super) struct FoundCounts {
    pub(super) accounts: usize,
    pub(super) excluded: usize,
    pub(super) skipped: usize,
    pub(super) requests: usize,
}

impl AccountList {
    pub(super) async fn read(
        config: &Config,
        context: &Arc<Context>,
        limiters: &Arc<Limiters>,
        providers: &Arc<Providers>,
    ) -> AccountList {
        let fetch_context = FetchContext {
            client: context.client.clone(),
            clock: context.clock,
            limiters: Arc::clone(limiters),
            providers: Arc::clone(providers),
        };
        let mut histories = Vec::new();
        let mut lists = Vec::new();
        for discovery in &config.discoveries {
            let mut history = History::default();
            let now = context.clock.now();
            // Refused like in `serve`, where an empty list is a failure, too.
            let list = match discovery::fetch(discovery, &fetch_context).await {
                Ok(list) => match history.accept(list.members.clone(), now, ListRules::default()) {
                    Ok(_) => Ok(list),
                    Err(refused) => Err(FetchError::refused(&refused)),
                },
                Err(error) => Err(error),
            };
            histories.push(history);
            lists.push(list);
        }
        let histories: Vec<&History> = histories.iter().collect();
        let found = discovery::accounts(config, &histories);
        let mut accounts = config.accounts.clone();
        let mut discoveries = Vec::new();
        for ((discovery, list), found) in config.discoveries.iter().zip(lists).zip(found) {
            let outcome = match list {
                Ok(list) => Ok(FoundCounts {
                    accounts: found.accounts.len(),
                    excluded: found.excluded + list.n_left_out,
                    skipped: found.skipped,
                    requests: list.n_pages,
                }),
                Err(error) => Err(error),
            };
            accounts.extend(found.accounts);
            discoveries.push(DiscoveryResult {
                label: Arc::clone(&discovery.label),
                outcome,
            });
        }
        AccountList {
            accounts,
            discoveries,
        }
    }
}

/// One line for each discovery that failed.
pub(super) fn problems(discoveries: &[DiscoveryResult]) -> Vec<String> {
    let mut lines = Vec::new();
    for discovery in discoveries {
        if let Err(error) = &discovery.outcome {
            let label = &discovery.label;
            let reason = error.failure.as_str();
            let mut line = format!("discovery \"{label}\" failed ({reason}): {error}");
            if let Some(id) = &error.request_id {
                line = format!("{line} (RequestId {id})");
            }
            lines.push(line);
        }
    }
    lines
}

/// Fails if a discovery failed.
pub(super) fn check(discoveries: &[DiscoveryResult]) -> Result<(), Failure> {
    let problems = problems(discoveries);
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Failure {
            code: 1,
            lines: problems,
        })
    }
}
