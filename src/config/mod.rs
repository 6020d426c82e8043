//! The configuration: raw file → checked [`Config`], all problems at once.
//!
//! Nothing past this module sees a raw string: what is in [`Config`] is checked.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::{
    collectors::Collector,
    credentials::Source,
    domain::{AccountName, Endpoint, Rate, Region, Scan, ScanName, Shard},
};

mod check;
mod credentials;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod load;
mod plan;
mod raw;
mod values;
mod warnings;
pub mod web;

pub use load::{Loaded, Overrides, load};
pub use plan::{ActionLoad, LimitGroup, exceeds};

pub use crate::yaml::{Problem, Problems};

/// What to poll, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// In the order of the files; names are unique. Empty only for a shard without accounts.
    pub accounts: Vec<Account>,
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
    /// The limit of all accounts that share its identity.
    pub requests_per_second: Rate,
    /// Of times without a zone.
    pub time_zone: TimeZone,
    /// Names are unique; never empty.
    pub scans: Vec<Scan>,
    /// Those that are switched on, in the order of `collectors::ALL`; never empty.
    pub collectors: Vec<CollectorConfig>,
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
