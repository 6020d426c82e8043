//! How many requests a configuration needs, against the limit.

use std::{collections::HashMap, time::Duration};

use super::{Account, CollectorConfig, Config, Endpoint, Rate};
use crate::{
    collectors::{Body, Per},
    credentials::Source,
    domain::format_duration,
};

/// Accounts with the same credentials and endpoint, and so with one limit per action.
#[derive(Debug)]
pub struct LimitGroup<'a> {
    /// Never empty.
    pub accounts: Vec<&'a Account>,
}

/// What a group needs of one action.
#[derive(Debug)]
pub struct ActionLoad {
    pub action: &'static str,
    /// Requests per second while no scan runs.
    pub idle: f64,
    /// The same while all scans run.
    pub scanning: f64,
    /// Who sends how many requests per interval.
    shares: Vec<LoadShare>,
    /// Whether lists are read too, once per completed scan.
    pub has_pages: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct LoadShare {
    collector: &'static str,
    interval: Duration,
    n_requests: u32,
}

impl Config {
    /// The groups in the order of their first accounts.
    pub fn limit_groups(&self) -> Vec<LimitGroup<'_>> {
        // Ten thousand accounts may all share one identity, so the groups are found by hash.
        let mut index: HashMap<(&Source, &Endpoint), usize> = HashMap::new();
        let mut groups: Vec<LimitGroup<'_>> = Vec::new();
        for account in &self.accounts {
            let next = groups.len();
            let key = (&account.credentials, &account.endpoint);
            let group = *index.entry(key).or_insert(next);
            if group == next {
                groups.push(LimitGroup {
                    accounts: Vec::new(),
                });
            }
            groups[group].accounts.push(account);
        }
        groups
    }

    /// Why it does not fit into the limit even while no scan runs; one line for each group and
    /// action. Polls would be late forever.
    pub fn overloads(&self) -> Vec<String> {
        let mut overloads = Vec::new();
        for group in self.limit_groups() {
            for load in group.loads() {
                if exceeds(load.idle, group.rate()) {
                    overloads.push(group.overload(&load));
                }
            }
        }
        overloads
    }
}

impl LimitGroup<'_> {
    /// The lowest one counts.
    pub fn rate(&self) -> Rate {
        let rates = self.accounts.iter();
        let lowest = rates.map(|account| account.requests_per_second).min();
        lowest.unwrap_or(Rate::DEFAULT)
    }

    /// For each action, in the order of the collectors.
    pub fn loads(&self) -> Vec<ActionLoad> {
        let mut loads: Vec<ActionLoad> = Vec::new();
        for account in &self.accounts {
            for config in &account.collectors {
                add(&mut loads, account, config);
            }
        }
        loads
    }

    pub fn names(&self) -> String {
        match self.accounts[..] {
            [only] => format!("account \"{}\"", only.name),
            [first, second] => format!("accounts \"{}\" and \"{}\"", first.name, second.name),
            [first, ref others @ ..] => format!(
                "account \"{}\" and {} more with the same credentials",
                first.name,
                others.len()
            ),
            [] => String::new(),
        }
    }

    fn overload(&self, load: &ActionLoad) -> String {
        format!(
            "{}: {} needs {:.1} requests per second ({}), but {} are allowed, so polls would always be late; increase \
             the intervals or split the accounts",
            self.names(),
            load.action,
            load.idle,
            load.arithmetic(),
            self.rate().per_second(),
        )
    }
}

fn add(loads: &mut Vec<ActionLoad>, account: &Account, config: &CollectorConfig) {
    let n_jobs = match config.collector.per {
        Per::Account => 1,
        Per::Scan => u32::try_from(account.scans.len()).unwrap_or(u32::MAX),
    };
    for action in config.collector.actions {
        let index = loads.iter().position(|load| load.action == action.name);
        let index = index.unwrap_or_else(|| {
            loads.push(ActionLoad::none(action.name));
            loads.len() - 1
        });
        let load = &mut loads[index];
        // A list is read once per completed scan: how often that is, is not configured.
        if matches!(action.body, Body::Pages(_)) {
            load.has_pages = true;
        } else {
            load.add(config, n_jobs);
        }
    }
}

impl ActionLoad {
    fn none(action: &'static str) -> ActionLoad {
        ActionLoad {
            action,
            idle: 0.0,
            scanning: 0.0,
            shares: Vec::new(),
            has_pages: false,
        }
    }

    fn add(&mut self, config: &CollectorConfig, n_requests: u32) {
        let poll = &config.poll;
        let scanning_interval = if config.collector.follows_scans {
            poll.scanning_interval
        } else {
            poll.interval
        };
        self.idle += f64::from(n_requests) / poll.interval.as_secs_f64();
        self.scanning += f64::from(n_requests) / scanning_interval.as_secs_f64();
        for share in &mut self.shares {
            if share.collector == config.collector.name && share.interval == poll.interval {
                share.n_requests = share.n_requests.saturating_add(n_requests);
                return;
            }
        }
        self.shares.push(LoadShare {
            collector: config.collector.name,
            interval: poll.interval,
            n_requests,
        });
    }

    /// Such as `25 every 2s for vul_scan`.
    pub fn arithmetic(&self) -> String {
        let mut terms = Vec::new();
        for share in &self.shares {
            let interval = format_duration(share.interval);
            let (n, collector) = (share.n_requests, share.collector);
            terms.push(format!("{n} every {interval} for {collector}"));
        }
        terms.join(" + ")
    }
}

/// Whether `needed` requests per second are more than are sent at `rate`.
pub fn exceeds(needed: f64, rate: Rate) -> bool {
    // The period is a little longer than 1/rate, so this is the rate that is really sent.
    needed * rate.period().as_secs_f64() > 1.0
}
