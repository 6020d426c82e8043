//! What works, and is probably not meant.

use std::{collections::HashMap, time::Duration};

use super::{Account, Config, Endpoint, Rate};
use crate::credentials::Source;

/// One line each, in the order of the accounts.
pub(super) fn of(config: &Config) -> Vec<String> {
    let mut warnings = plain_http(&config.accounts);
    warnings.extend(keys_in_the_file(&config.accounts));
    warnings.extend(identities(&config.accounts).into_iter().filter_map(|identity| identity.overload()));
    warnings
}

fn plain_http(accounts: &[Account]) -> Vec<String> {
    let mut warned: Vec<&Endpoint> = Vec::new();
    for Account { endpoint, .. } in accounts.iter().filter(|account| account.endpoint.is_exposed()) {
        if !warned.contains(&endpoint) {
            warned.push(endpoint);
        }
    }
    let warning = |endpoint| {
        format!("{endpoint} is plain http to another machine: others can read tokens and answers on the way")
    };
    warned.into_iter().map(warning).collect()
}

fn keys_in_the_file(accounts: &[Account]) -> Option<String> {
    let mut names = accounts.iter().filter(|account| account.credentials.is_written_down());
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
        let at = *index.entry((&account.credentials, &account.endpoint)).or_insert(next);
        if at == next {
            identities.push(Identity { accounts: Vec::new() });
        }
        identities[at].accounts.push(account);
    }
    identities
}

impl Identity<'_> {
    fn overload(&self) -> Option<String> {
        let rate = self.accounts.iter().map(|account| account.requests_per_second).min()?;
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
                format!("account \"{}\" and {} more with its credentials", first.name, others.len())
            }
            [] => String::new(),
        }
    }
}

fn exceeds(need: f64, rate: Rate) -> bool {
    need * rate.period().as_secs_f64() > 1.0
}
