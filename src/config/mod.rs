//! The configuration: raw file → checked [`Config`], every problem at once.
//!
//! Nothing past this module sees a raw string: what is in [`Config`] is checked.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::{
    credentials::Source,
    domain::{AccountName, Endpoint, Rate, Region, Scan, ScanName, Shard},
};

mod check;
mod credentials;
mod file;
pub(crate) mod fuzz;
mod keys;
mod load;
mod problem;
mod raw;
mod scalar;
mod tree;
mod warnings;
pub mod web;
mod yaml;

pub use load::{Loaded, Overrides, load};
pub use problem::{Problem, Problems};

/// What to poll, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// In the order of the files; names are unique. Empty only for a shard that has none of them.
    pub accounts: Vec<Account>,
}

/// One account, with everything that the file's defaults say filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The label `account`.
    pub name: AccountName,
    /// Where its keys come from.
    pub credentials: Source,
    /// Where the API is.
    pub endpoint: Endpoint,
    /// `X-TC-Region`, where configured.
    pub region: Option<Region>,
    /// The most requests in any one second, for everyone who shares its identity.
    pub requests_per_second: Rate,
    /// Of the times in answers that name none.
    pub time_zone: TimeZone,
    /// When to poll.
    pub poll: Poll,
    /// What to poll; names are unique; never empty.
    pub scans: Vec<Scan>,
}

/// When to poll one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poll {
    /// Between two polls while no scan runs.
    pub interval: Duration,
    /// Between two polls while one runs; never longer than `interval`.
    pub scanning_interval: Duration,
    /// One poll, from its first request on.
    pub timeout: Duration,
    /// The age from which on data are withheld; at least `interval` + `timeout`.
    pub stale_after: Duration,
}

#[cfg(test)]
mod credentials_tests;
#[cfg(test)]
mod docs_credentials_test;
#[cfg(test)]
mod docs_test;
#[cfg(test)]
mod tests;
