//! Warnings about what works but is probably not intended.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use super::{Account, Config, Endpoint, Rate, Shard};
use crate::{collectors::Per, credentials::Source};

/// The most warnings of one kind: a mistake in a default would otherwise be reported for every account, at every
/// reload.
const MAX_PER_KIND: usize = 10;

/// One line each, in the order of the accounts.
pub(super) fn of(config: &Config) -> Vec<String> {
    let mut warnings = plain_http(&config.accounts);
    warnings.extend(keys_in_the_file(&config.accounts));
    let mut overloads = Vec::new();
    for group in sharing_a_limit(&config.accounts) {
        overloads.extend(group.overload());
    }
    warnings.extend(shortened(overloads));
    warnings
}

/// About accounts that share a limit and belong to several shards. Each shard knows only its own accounts, so this
/// needs the whole configuration.
pub(super) fn of_spreading(config: &Config, shard: Shard) -> Vec<String> {
    let mut warnings = Vec::new();
    for group in sharing_a_limit(&config.accounts) {
        warnings.extend(group.spreading(shard));
    }
    shortened(warnings)
}

fn shortened(mut warnings: Vec<String>) -> Vec<String> {
    let n_more = warnings.len().saturating_sub(MAX_PER_KIND);
    // A line that says that one more exists would be as long as that one.
    if n_more > 1 {
        warnings.truncate(MAX_PER_KIND);
        warnings.push(format!("{n_more} more warnings like the previous one"));
    }
    warnings
}

fn plain_http(accounts: &[Account]) -> Vec<String> {
    let mut warned = HashSet::new();
    let mut warnings = Vec::new();
    for Account { endpoint, .. } in accounts {
        if endpoint.is_exposed() && warned.insert(endpoint) {
            warnings.push(format!(
                "{endpoint} is plain HTTP to another machine: tokens and responses can be read on the way"
            ));
        }
    }
    shortened(warnings)
}

fn keys_in_the_file(accounts: &[Account]) -> Option<String> {
    let mut names = Vec::new();
    for account in accounts {
        if account.credentials.is_in_configuration() {
            names.push(&account.name);
        }
    }
    let first = names.first()?;
    let more = match names.len() - 1 {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    Some(format!(
        "account \"{first}\"{more}: the keys are in the configuration file, visible to everyone who can read it; \
         use separate files or environment variables"
    ))
}

/// Accounts with the same credentials and endpoint, and so with one rate limit.
struct LimitGroup<'a> {
    accounts: Vec<&'a Account>,
}

/// In the order of the first account of each group.
fn sharing_a_limit(accounts: &[Account]) -> Vec<LimitGroup<'_>> {
    // Ten thousand accounts may all share one identity, so the groups are found by hash.
    let mut index: HashMap<(&Source, &Endpoint), usize> = HashMap::new();
    let mut groups: Vec<LimitGroup<'_>> = Vec::new();
    for account in accounts {
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

impl LimitGroup<'_> {
    fn overload(&self) -> Option<String> {
        let rate = self.rate()?;
        let idle = self.needed(|poll| poll.interval);
        let scanning = self.needed(|poll| poll.scanning_interval);
        let names = self.names();
        let allowed = rate.per_second();
        // The permanent overload is the worse one, and includes the other.
        if exceeds(idle, rate) {
            return Some(format!(
                "{names}: polling needs {idle:.1} requests per second, and {scanning:.1} while all scans run, but \
                 {allowed} are allowed, so polls will be late; increase the intervals or split the accounts",
            ));
        }
        if exceeds(scanning, rate) {
            return Some(format!(
                "{names}: polling needs {scanning:.1} requests per second while all scans run, but {allowed} are \
                 allowed, so polls will be late; increase scanning_interval",
            ));
        }
        None
    }

    /// Whether all shards together could use up the API's limit, so that nothing is left for other tools.
    fn spreading(&self, shard: Shard) -> Option<String> {
        let mut owners = HashSet::new();
        for account in &self.accounts {
            owners.insert(shard.owner(&account.name));
        }
        let total = self.rate()?.per_second() * u32::try_from(owners.len()).unwrap_or(u32::MAX);
        let max = Rate::MAX.per_second();
        // With a single owner, that shard keeps the limit on its own.
        if owners.len() < 2 || total < max {
            return None;
        }
        Some(format!(
            "{}: these accounts share credentials and belong to {} of {} shards, which together may send {total} \
             requests per second, but the API allows {max} for everything that uses these credentials; reduce \
             requests_per_second",
            self.names(),
            owners.len(),
            shard.count(),
        ))
    }

    /// The lowest one counts.
    fn rate(&self) -> Option<Rate> {
        let rates = self
            .accounts
            .iter()
            .map(|account| account.requests_per_second);
        rates.min()
    }

    /// Requests per second.
    fn needed(&self, interval: fn(&super::Poll) -> Duration) -> f64 {
        let mut total = 0.0;
        for account in &self.accounts {
            let n_scans = u32::try_from(account.scans.len()).map_or(f64::INFINITY, f64::from);
            for config in &account.collectors {
                if config.collector.per == Per::Scan {
                    total += n_scans / interval(&config.poll).as_secs_f64();
                }
            }
        }
        total
    }

    fn names(&self) -> String {
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
}

fn exceeds(needed: f64, rate: Rate) -> bool {
    // The period is a little longer than 1/rate, so this is the rate that is really sent.
    needed * rate.period().as_secs_f64() > 1.0
}
