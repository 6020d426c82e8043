//! The file as it is written: each value is read by itself, none is compared with another.

use std::{num::NonZeroU64, time::Duration};

use jiff::tz::TimeZone;

use super::{
    AccountName, Rate, Region, ScanName, credentials, keys,
    problem::{Origin, Problem},
    scalar,
    tree::{At, Fields, Setting},
};
use crate::credentials::Source;

/// A configuration file.
#[derive(Debug, Default)]
pub(super) struct RawConfig {
    pub settings: Settings,
    pub credentials: Option<Source>,
    /// Glob patterns.
    pub account_files: Vec<Setting<String>>,
    pub accounts: Vec<RawAccount>,
}

/// What may be set for all accounts, by flags, and for one account.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub endpoint: Option<Setting<String>>,
    pub region: Option<Setting<Region>>,
    pub requests_per_second: Option<Setting<Rate>>,
    pub time_zone: Option<Setting<TimeZone>>,
    pub allow_http: Option<Setting<bool>>,
    pub interval: Option<Setting<Duration>>,
    pub scanning_interval: Option<Setting<Duration>>,
    pub timeout: Option<Setting<Duration>>,
    pub stale_after: Option<Setting<Duration>>,
}

/// One item of `accounts` or of an account file.
#[derive(Debug)]
pub(super) struct RawAccount {
    pub name: Setting<AccountName>,
    pub settings: Settings,
    pub credentials: Option<Source>,
    pub scans: Vec<RawScan>,
}

/// One item of `scans`.
#[derive(Debug)]
pub(super) struct RawScan {
    pub origin: Origin,
    pub name: Setting<ScanName>,
    pub local_task_id: Option<Setting<NonZeroU64>>,
    pub registry_task_id: Option<Setting<NonZeroU64>>,
}

impl RawConfig {
    pub(super) fn read(at: At<'_>, problems: &mut Vec<Problem>) -> RawConfig {
        let Some(file) = at.fields(&keys::FILE, problems) else {
            return RawConfig::default();
        };
        let mut settings = Settings::default();
        if let Some(poll) = file
            .at("poll")
            .and_then(|at| at.fields(&keys::POLL, problems))
        {
            settings.read_poll(&poll, problems);
        }
        if let Some(api) = file
            .at("api")
            .and_then(|at| at.fields(&keys::API, problems))
        {
            settings.read_api(&api, problems);
        }
        let n_problems = problems.len();
        let raw = RawConfig {
            settings,
            credentials: file
                .at("credentials")
                .and_then(|at| credentials::read(at, problems)),
            account_files: file
                .at("account_files")
                .map(|at| patterns(at, problems))
                .unwrap_or_default(),
            accounts: file
                .at("accounts")
                .map(|at| accounts(at, problems))
                .unwrap_or_default(),
        };
        let names_none = raw.accounts.is_empty() && raw.account_files.is_empty();
        if file.has("accounts") && names_none && problems.len() == n_problems {
            // A template that found nothing writes this: all accounts would go, and no alert would come.
            problems.push(
                file.problem("accounts has no account in it; add one, or leave accounts out"),
            );
        }
        raw
    }
}

/// Reads a list of accounts.
pub(super) fn accounts(at: At<'_>, problems: &mut Vec<Problem>) -> Vec<RawAccount> {
    at.items(problems)
        .into_iter()
        .filter_map(|at| RawAccount::read(at, problems))
        .collect()
}

fn patterns(at: At<'_>, problems: &mut Vec<Problem>) -> Vec<Setting<String>> {
    at.items(problems)
        .into_iter()
        .map(|at| Setting::of(at.origin(), scalar::text(at).map(str::to_owned), problems))
        .collect()
}

impl Settings {
    fn read_poll(&mut self, fields: &Fields<'_>, problems: &mut Vec<Problem>) {
        self.interval = fields.read("interval", problems, |at| interval(scalar::duration(at)?));
        self.scanning_interval = fields.read("scanning_interval", problems, |at| {
            scanning_interval(scalar::duration(at)?)
        });
        self.timeout = fields.read("timeout", problems, |at| timeout(scalar::duration(at)?));
        self.stale_after = fields.read("stale_after", problems, scalar::duration);
    }

    fn read_api(&mut self, fields: &Fields<'_>, problems: &mut Vec<Problem>) {
        self.endpoint = fields.read("endpoint", problems, |at| {
            scalar::text(at).map(str::to_owned)
        });
        self.region = fields.read("region", problems, |at| Region::parse(scalar::text(at)?));
        self.requests_per_second = fields.read("requests_per_second", problems, scalar::rate);
        self.time_zone = fields.read("time_zone", problems, |at| {
            scalar::time_zone(scalar::text(at)?)
        });
        self.allow_http = fields.read("allow_http", problems, scalar::boolean);
    }
}

/// `poll.interval`: 1 second to 1 day.
pub(super) fn interval(value: Duration) -> Result<Duration, String> {
    scalar::within(value, Duration::from_secs(1), Duration::from_hours(24))
}

/// `poll.scanning_interval`: from 1 second on; never more than the interval, which is checked later.
pub(super) fn scanning_interval(value: Duration) -> Result<Duration, String> {
    scalar::within(value, Duration::from_secs(1), Duration::MAX)
}

/// `poll.timeout`: 100 milliseconds to 5 minutes.
pub(super) fn timeout(value: Duration) -> Result<Duration, String> {
    scalar::within(value, Duration::from_millis(100), Duration::from_mins(5))
}

impl RawAccount {
    /// The one that there is when none is named.
    pub(super) fn only() -> RawAccount {
        RawAccount {
            name: Setting {
                value: AccountName::parse("default").ok(),
                origin: Origin::default(),
            },
            settings: Settings::default(),
            credentials: None,
            scans: Vec::new(),
        }
    }

    fn read(at: At<'_>, problems: &mut Vec<Problem>) -> Option<RawAccount> {
        let origin = at.origin();
        let fields = at.fields(&keys::ACCOUNT, problems)?;
        let mut settings = Settings::default();
        settings.read_poll(&fields, problems);
        settings.read_api(&fields, problems);
        Some(RawAccount {
            name: name(&fields, &origin, problems, AccountName::parse),
            credentials: fields
                .at("credentials")
                .and_then(|at| credentials::read(at, problems)),
            scans: fields
                .at("scans")
                .map(|at| scans(at, problems))
                .unwrap_or_default(),
            settings,
        })
    }
}

fn scans(at: At<'_>, problems: &mut Vec<Problem>) -> Vec<RawScan> {
    at.items(problems)
        .into_iter()
        .filter_map(|at| RawScan::read(at, problems))
        .collect()
}

impl RawScan {
    fn read(at: At<'_>, problems: &mut Vec<Problem>) -> Option<RawScan> {
        let origin = at.origin();
        let fields = at.fields(&keys::SCAN, problems)?;
        Some(RawScan {
            name: name(&fields, &origin, problems, ScanName::parse),
            local_task_id: fields.read("local_task_id", problems, scalar::task_id),
            registry_task_id: fields.read("registry_task_id", problems, scalar::task_id),
            origin,
        })
    }
}

fn name<T>(
    fields: &Fields<'_>,
    origin: &Origin,
    problems: &mut Vec<Problem>,
    parse: fn(&str) -> Result<T, String>,
) -> Setting<T> {
    fields
        .read("name", problems, |at| parse(scalar::text(at)?))
        .unwrap_or_else(|| {
            Setting::of(
                origin.clone(),
                Err("has no name; give it one, such as name: prod".into()),
                problems,
            )
        })
}
