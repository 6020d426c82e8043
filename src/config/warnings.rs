//! What works, and is probably not meant.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use super::{Account, Config, Endpoint, Rate, Shard};
use crate::credentials::Source;

/// So many of one kind are told: a mistake in what holds for all is told for each otherwise, at every reload.
const MOST: usize = 10;

/// One line each, in the order of the accounts.
pub(super) fn of(config: &Config) -> Vec<String> {
    let identities = identities(&config.accounts);
    let overloads = shortened(identities.iter().filter_map(Identity::overload));
    let mut warnings = shortened(plain_http(&config.accounts));
    warnings.extend(keys_in_the_file(&config.accounts));
    warnings.extend(overloads);
    warnings
}

/// Of the configuration as a whole, of which `shard` has a part: accounts that share a limit, of which every shard
/// knows its own alone.
pub(super) fn of_spreading(config: &Config, shard: Shard) -> Vec<String> {
    shortened(
        identities(&config.accounts)
            .iter()
            .filter_map(|identity| identity.spreading(shard)),
    )
}

fn shortened(warnings: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut warnings: Vec<String> = warnings.into_iter().collect();
    let n_more = warnings.len().saturating_sub(MOST);
    if n_more > 1 {
        warnings.truncate(MOST);
        warnings.push(format!("{n_more} more warnings are like the last one"));
    }
    warnings
}

fn plain_http(accounts: &[Account]) -> Vec<String> {
    let exposed = accounts
        .iter()
        .map(|account| &account.endpoint)
        .filter(|endpoint| endpoint.is_exposed());
    let mut warned = HashSet::new();
    let warning = |endpoint: &Endpoint| {
        format!(
            "{endpoint} is plain http to another machine: others can read tokens and answers on the way"
        )
    };
    exposed
        .filter(|endpoint| warned.insert(*endpoint))
        .map(warning)
        .collect()
}

fn keys_in_the_file(accounts: &[Account]) -> Option<String> {
    let mut names = accounts
        .iter()
        .filter(|account| account.credentials.is_in_configuration());
    let first = &names.next()?.name;
    let more = match names.count() {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    Some(format!(
        "account \"{first}\"{more}: the keys stand in the configuration file, where all who read it read them; put them \
         into files of their own, or into environment variables"
    ))
}

/// The accounts that share one limit.
struct Identity<'a> {
    accounts: Vec<&'a Account>,
}

fn identities(accounts: &[Account]) -> Vec<Identity<'_>> {
    let mut index: HashMap<(&Source, &Endpoint), usize> = HashMap::new();
    let mut identities: Vec<Identity<'_>> = Vec::new();
    for account in accounts {
        let next = identities.len();
        let at = *index
            .entry((&account.credentials, &account.endpoint))
            .or_insert(next);
        if at == next {
            identities.push(Identity {
                accounts: Vec::new(),
            });
        }
        identities[at].accounts.push(account);
    }
    identities
}

impl Identity<'_> {
    fn overload(&self) -> Option<String> {
        let rate = self
            .accounts
            .iter()
            .map(|account| account.requests_per_second)
            .min()?;
        let idle = self.need(|account| account.poll.interval);
        let scanning = self.need(|account| account.poll.scanning_interval);
        let who = self.names();
        if exceeds(idle, rate) {
            return Some(format!(
                "{who}: polling every interval needs {idle:.1} requests per second, and {scanning:.1} while all scan; \
                 {} are allowed, so polls will run late; lengthen the intervals or split the accounts",
                rate.per_second(),
            ));
        }
        exceeds(scanning, rate).then(|| {
            format!(
                "{who}: polling every scanning_interval needs {scanning:.1} requests per second while all scan; \
                 {} are allowed, so polls will run late then; lengthen scanning_interval",
                rate.per_second(),
            )
        })
    }

    /// What all shards together may send, where that leaves nothing for others.
    fn spreading(&self, shard: Shard) -> Option<String> {
        let owners: HashSet<u16> = self
            .accounts
            .iter()
            .map(|account| shard.owner(&account.name))
            .collect();
        let rate = self
            .accounts
            .iter()
            .map(|account| account.requests_per_second)
            .min()?
            .per_second();
        let total = rate * u32::try_from(owners.len()).unwrap_or(u32::MAX);
        let most = Rate::MAX.per_second();
        (owners.len() > 1 && total >= most).then(|| {
            format!(
                "{}: these share credentials and belong to {} of the {} shards, which together may send {total} requests \
                 per second; the API allows {most} for all that use them; lower requests_per_second",
                self.names(),
                owners.len(),
                shard.count(),
            )
        })
    }

    /// Requests per second.
    fn need(&self, interval: impl Fn(&Account) -> Duration) -> f64 {
        let of_one = |account: &&Account| {
            let n_scans = u32::try_from(account.scans.len()).map_or(f64::INFINITY, f64::from);
            n_scans / interval(account).as_secs_f64()
        };
        self.accounts.iter().map(of_one).sum()
    }

    fn names(&self) -> String {
        match self.accounts[..] {
            [only] => format!("account \"{}\"", only.name),
            [first, second] => format!("accounts \"{}\" and \"{}\"", first.name, second.name),
            [first, ref others @ ..] => {
                format!(
                    "account \"{}\" and {} more with its credentials",
                    first.name,
                    others.len()
                )
            }
            [] => String::new(),
        }
    }
}

fn exceeds(need: f64, rate: Rate) -> bool {
    need * rate.period().as_secs_f64() > 1.0
}
