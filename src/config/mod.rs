//! The configuration: raw file → checked [`Config`], all problems at once.
//!
//! Nothing past this module sees a raw string: what is in [`Config`] is checked.

use std::{collections::HashSet, fmt, time::Duration};

use jiff::tz::TimeZone;

use crate::{
    collectors::Collector,
    credentials::{Source, Sts},
    domain::{
        AccountInfo, AccountName, Endpoint, Language, Rate, Region, Scan, ScanName, Shard, Uin,
    },
};

mod check;
mod credentials;
mod discovery;
mod fingerprint;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod load;
mod plan;
mod raw;
mod values;
mod warnings;
pub mod web;

pub use discovery::{
    Discovery, ExcludedAccounts, HttpList, LabelSource, ListAuth, ListSource, MemberRole, NameBy,
    Organization, RoleName, Unit,
};
pub use fingerprint::{ConfigDigest, Fingerprint};
pub use load::{Loaded, Overrides, load};
pub use plan::{ActionLoad, LimitGroup, exceeds};

pub use crate::yaml::{Problem, Problems};

/// What to poll, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// In the order of the files; names are unique. Empty only for a shard without accounts, and
    /// with discoveries.
    pub accounts: Vec<Account>,
    /// They add further accounts.
    pub discoveries: Vec<Discovery>,
    /// Of the accounts of all shards: discoveries leave them to the configuration. Empty without
    /// discoveries.
    pub configured: HashSet<AccountKey>,
    /// To which the accounts belong, and to which those of discoveries must belong.
    pub shard: Shard,
}

/// What a configured account takes, so that no discovered account may have it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AccountKey {
    Name(AccountName),
    Uin(Uin),
}

impl Config {
    /// All of these accounts, and no other.
    pub fn of(accounts: Vec<Account>) -> Config {
        Config {
            accounts,
            discoveries: Vec::new(),
            configured: HashSet::new(),
            shard: Shard::WHOLE,
        }
    }

    /// About rate limits that replicas which all poll would exceed together.
    pub fn warnings_of_hot_standby(&self) -> Vec<String> {
        warnings::of_hot_standby(self)
    }

    /// The credentials of all accounts and discoveries, and whose they are.
    pub fn credentials_sources(&self) -> impl Iterator<Item = (CredentialsOwner<'_>, &Source)> {
        let accounts = self.accounts.iter();
        let accounts = accounts.map(|it| (CredentialsOwner::Account(&it.name), &it.credentials));
        let discoveries = self.discoveries.iter();
        let discoveries =
            discoveries.map(|it| (CredentialsOwner::Discovery(&it.label), &it.role.source));
        accounts.chain(discoveries)
    }
}

/// What uses a source of credentials.
#[derive(Clone, Copy, Debug)]
pub enum CredentialsOwner<'a> {
    Account(&'a AccountName),
    /// By its label.
    Discovery(&'a str),
}

impl fmt::Display for CredentialsOwner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CredentialsOwner::Account(name) => write!(f, "account \"{name}\""),
            CredentialsOwner::Discovery(label) => write!(f, "discovery \"{label}\""),
        }
    }
}

/// One account, with the file's defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The label `account`.
    pub name: AccountName,
    pub credentials: Source,
    pub endpoint: Endpoint,
    /// `X-TC-Region`, where configured.
    pub region: Option<Region>,
    /// `X-TC-Language`.
    pub language: Language,
    /// The limit of all accounts that share its identity.
    pub requests_per_second: Rate,
    /// Of times without a zone.
    pub time_zone: TimeZone,
    /// Names are unique; never empty.
    pub scans: Vec<Scan>,
    /// Those that are switched on, in the order of `collectors::ALL`; never empty.
    pub collectors: Vec<CollectorConfig>,
    pub info: AccountInfo,
    /// The STS that is asked for the uin, where `info` does not have it.
    pub uin_lookup: Option<Sts>,
}

impl Account {
    /// Whether both are polled alike: only what describes the account may differ.
    pub fn is_polled_like(&self, other: &Account) -> bool {
        if self.info == other.info {
            return self == other;
        }
        let described = Account {
            info: self.info.clone(),
            ..other.clone()
        };
        *self == described
    }
}

/// A collector that is switched on for an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CollectorConfig {
    pub collector: &'static Collector,
    pub poll: Poll,
    /// How many items of its list are exposed; 0 for collectors without a list.
    pub limit: usize,
}

/// When to poll one collector of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poll {
    /// While no scan runs.
    pub interval: Duration,
    /// While a scan runs; never longer than `interval`.
    pub scanning_interval: Duration,
    /// For one poll, from its first request on.
    pub timeout: Duration,
    /// The age at which data are withheld; at least `interval` + `timeout`.
    pub stale_after: Duration,
}

#[cfg(test)]
mod tests;
