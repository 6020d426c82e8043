//! The file as it is written: each value is read by itself, none is compared with another.

use std::{num::NonZeroU64, time::Duration};

use jiff::tz::TimeZone;

use super::{
    AccountName, Rate, Region, ScanName, credentials,
    discovery::{self, RawDiscovery},
    values,
};
use crate::{
    collectors::{self, Collector},
    credentials::{Source, Sts},
    domain::{LabelName, Language, MAX_LABELS, Uin},
    yaml::{MapReader, Origin, Problem, Setting, ValueReader, scalar},
};

/// A configuration file.
#[derive(Debug, Default)]
pub(super) struct RawConfig {
    pub settings: Settings,
    pub credentials: Option<Source>,
    pub collectors: Option<Vec<RawCollector>>,
    /// Glob patterns.
    pub account_files: Vec<Setting<String>>,
    pub discovery: Vec<RawDiscovery>,
    pub accounts: Vec<RawAccount>,
    /// The STS to ask, if uins are to be looked up.
    pub uin_lookup: Option<Sts>,
}

/// What can be set for all accounts, by flags, and for one account. The one description of these settings: their keys
/// are in [`Settings::read_poll`] and [`Settings::read_api`], and flags have the same names.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub endpoint: Option<Setting<String>>,
    pub region: Option<Setting<Region>>,
    pub language: Option<Setting<Language>>,
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
    /// `None` if it has those of the file.
    pub collectors: Option<Vec<RawCollector>>,
    pub scans: Vec<RawScan>,
    pub uin: Option<Setting<Uin>>,
    /// Sorted by name.
    pub labels: Vec<(LabelName, String)>,
}

/// A collector that is switched on.
#[derive(Debug)]
pub(super) struct RawCollector {
    pub collector: &'static Collector,
    pub interval: Option<Setting<Duration>>,
    pub stale_after: Option<Setting<Duration>>,
    pub limit: Option<Setting<usize>>,
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
    pub(super) fn read(value: ValueReader<'_>, problems: &mut Vec<Problem>) -> RawConfig {
        let mut raw = RawConfig::default();
        let Some(file) = value.as_map(problems) else {
            return raw;
        };
        let mut sections = raw.settings.read_sections(&file, problems);
        sections.push((CREDENTIALS_EXAMPLE, MISPLACED.to_vec()));
        raw.credentials = read_credentials(&file, problems);
        raw.collectors = read_collectors(&file, problems);
        // It is on if its key is there, also without a value.
        if file.has("uin_lookup")
            && let Some(section) = file.section("uin_lookup", problems)
        {
            raw.uin_lookup = Some(credentials::sts(&section, problems));
            section.finish(problems);
        }
        let n_problems = problems.len();
        raw.account_files = read_account_files(&file, problems);
        if let Some(list) = file.at("discovery") {
            raw.discovery = discovery::read(list, problems);
        }
        if let Some(list) = file.at("accounts") {
            raw.accounts = read_accounts(list, problems);
        }
        // Account files may still add accounts, and a list with other problems is reported already.
        let has_none = raw.accounts.is_empty() && raw.account_files.is_empty();
        // A template whose query found nothing writes this. All accounts would vanish without an alert.
        if file.has("accounts") && has_none && problems.len() == n_problems {
            problems.push(file.problem(
                "accounts is empty; add an account, or remove the key to poll a single one",
            ));
        }
        file.finish_with(&sections, problems);
        raw
    }
}

/// No further accounts are read after so many problems.
const MAX_PROBLEMS: usize = 1_000;

/// Keys that belong below `credentials`, which users write next to it.
const MISPLACED: [&str; 13] = [
    "secret_id",
    "secret_key",
    "token",
    "secret_id_file",
    "secret_key_file",
    "token_file",
    "role_arn",
    "external_id",
    "profile",
    "env",
    "static",
    "assume_role",
    "cvm_role",
];
const CREDENTIALS_EXAMPLE: &str =
    "credentials, for example credentials: {env: {secret_id: NAME, secret_key: NAME}}";

/// Reads the patterns of account files.
pub(super) fn read_account_files(
    file: &MapReader<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<Setting<String>> {
    let mut patterns = Vec::new();
    if let Some(list) = file.at("account_files") {
        for item in list.items(problems) {
            let pattern = Setting::of(item.origin(), scalar::owned_text(item), problems);
            patterns.push(pattern);
        }
    }
    patterns
}

/// Reads a list of accounts.
pub(super) fn read_accounts(list: ValueReader<'_>, problems: &mut Vec<Problem>) -> Vec<RawAccount> {
    let mut accounts = Vec::new();
    for item in list.items(problems) {
        // A file that is not a list of accounts may have hundreds of thousands of other items.
        if problems.len() > MAX_PROBLEMS {
            break;
        }
        accounts.extend(RawAccount::read(item, problems));
    }
    accounts
}

fn read_credentials(map: &MapReader<'_>, problems: &mut Vec<Problem>) -> Option<Source> {
    credentials::read(map.at("credentials")?, problems)
}

/// Reads the key `collectors`. A collector is on if its key is there, also without a value.
pub(super) fn read_collectors(
    map: &MapReader<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Vec<RawCollector>> {
    let section = map.at("collectors")?.as_map(problems)?;
    let mut switched_on = Vec::new();
    for collector in &collectors::ALL {
        if section.has(collector.name)
            && let Some(settings) = section.section(collector.name, problems)
        {
            switched_on.push(RawCollector::read(collector, &settings, problems));
        }
    }
    if section.is_empty() {
        let advice = "switches everything off, expected for example collectors: {vul_scan: {}}";
        problems.push(section.problem(advice));
    }
    section.finish(problems);
    Some(switched_on)
}

impl RawCollector {
    fn read(
        collector: &'static Collector,
        map: &MapReader<'_>,
        problems: &mut Vec<Problem>,
    ) -> RawCollector {
        let mut raw = RawCollector {
            collector,
            interval: map.read("interval", problems, values::interval),
            stale_after: map.read("stale_after", problems, scalar::duration),
            limit: None,
        };
        // Others have no such key.
        if let Some(limit) = collector.limit {
            raw.limit = map.read("limit", problems, |value| values::limit(value, limit.max));
        }
        map.finish(problems);
        raw
    }
}

impl Settings {
    /// Reads flags, which have the names of the keys.
    pub(super) fn read_flags(value: ValueReader<'_>, problems: &mut Vec<Problem>) -> Settings {
        let mut settings = Settings::default();
        if let Some(flags) = value.as_map(problems) {
            // `finish` also finds a flag that no setting reads, which would be our own mistake.
            settings.read_sections(&flags, problems);
            flags.finish(problems);
        }
        settings
    }

    /// Reads `poll` and `api`; returns them with their keys.
    fn read_sections(
        &mut self,
        file: &MapReader<'_>,
        problems: &mut Vec<Problem>,
    ) -> Vec<(&'static str, Vec<&'static str>)> {
        let mut sections = Vec::new();
        if let Some(poll) = file.section("poll", problems) {
            self.read_poll(&poll, problems);
            sections.push(("poll", poll.finish(problems)));
        }
        if let Some(api) = file.section("api", problems) {
            self.read_api(&api, problems);
            sections.push(("api", api.finish(problems)));
        }
        sections
    }

    fn read_poll(&mut self, map: &MapReader<'_>, problems: &mut Vec<Problem>) {
        self.interval = map.read("interval", problems, values::interval);
        self.scanning_interval = map.read("scanning_interval", problems, values::scanning_interval);
        self.timeout = map.read("timeout", problems, values::timeout);
        self.stale_after = map.read("stale_after", problems, scalar::duration);
    }

    fn read_api(&mut self, map: &MapReader<'_>, problems: &mut Vec<Problem>) {
        self.endpoint = map.read("endpoint", problems, scalar::owned_text);
        self.region = map.read("region", problems, values::region);
        self.language = map.read("language", problems, values::language);
        self.requests_per_second = map.read("requests_per_second", problems, values::rate);
        self.time_zone = map.read("time_zone", problems, values::time_zone);
        self.allow_http = map.read("allow_http", problems, scalar::boolean);
    }
}

impl RawAccount {
    /// The account of a configuration that names none.
    pub(super) fn only() -> RawAccount {
        RawAccount {
            name: Setting {
                value: AccountName::parse("default").ok(),
                origin: Origin::default(),
            },
            settings: Settings::default(),
            credentials: None,
            collectors: None,
            scans: Vec::new(),
            uin: None,
            labels: Vec::new(),
        }
    }

    /// The settings that every account of a discovery has. They name no account.
    pub(super) fn read_defaults(map: &MapReader<'_>, problems: &mut Vec<Problem>) -> RawAccount {
        let mut account = RawAccount::only();
        account.collectors = read_collectors(map, problems);
        account.read_polled(map, problems);
        // The source of the list must not decide where the credentials are sent.
        if let Some(endpoint) = &account.settings.endpoint {
            let message = "is not a default of discovered accounts; set api.endpoint";
            problems.push(endpoint.origin.problem(message));
        }
        account
    }

    /// The keys about what to poll, and when.
    fn read_polled(&mut self, map: &MapReader<'_>, problems: &mut Vec<Problem>) {
        if let Some(list) = map.at("scans") {
            for item in list.items(problems) {
                self.scans.extend(RawScan::read(item, problems));
            }
        }
        // An account has the keys of both sections at its top level.
        self.settings.read_api(map, problems);
        self.settings.read_poll(map, problems);
    }

    fn read(value: ValueReader<'_>, problems: &mut Vec<Problem>) -> Option<RawAccount> {
        let map = value.as_map(problems)?;
        let mut account = RawAccount {
            name: read_name(&map, AccountName::parse, problems),
            settings: Settings::default(),
            credentials: read_credentials(&map, problems),
            collectors: read_collectors(&map, problems),
            scans: Vec::new(),
            uin: map.read("uin", problems, values::uin),
            labels: Vec::new(),
        };
        if let Some(labels) = map.at("labels") {
            account.labels = read_labels(labels, problems);
        }
        account.read_polled(&map, problems);
        map.finish_with(&[(CREDENTIALS_EXAMPLE, MISPLACED.to_vec())], problems);
        Some(account)
    }
}

impl RawScan {
    fn read(value: ValueReader<'_>, problems: &mut Vec<Problem>) -> Option<RawScan> {
        let map = value.as_map(problems)?;
        let scan = RawScan {
            origin: map.origin(),
            name: read_name(&map, ScanName::parse, problems),
            local_task_id: map.read("local_task_id", problems, values::task_id),
            registry_task_id: map.read("registry_task_id", problems, values::task_id),
        };
        map.finish(problems);
        Some(scan)
    }
}

/// Label names and their values, sorted by name.
fn read_labels(value: ValueReader<'_>, problems: &mut Vec<Problem>) -> Vec<(LabelName, String)> {
    let mut labels = Vec::new();
    for (name, value) in value.entries(problems) {
        let name = Setting::of(value.origin(), LabelName::parse(name), problems);
        let text = Setting::of(value.origin(), scalar::owned_text(value), problems);
        if let (Some(name), Some(text)) = (name.value, text.value) {
            labels.push((name, text));
        }
    }
    if labels.len() > MAX_LABELS {
        let n = labels.len();
        problems.push(value.problem(format!("has {n} labels, must have at most {MAX_LABELS}")));
    }
    labels.sort();
    labels
}

fn read_name<T>(
    map: &MapReader<'_>,
    parse: fn(&str) -> Result<T, String>,
    problems: &mut Vec<Problem>,
) -> Setting<T> {
    let Some(value) = map.at("name") else {
        let missing = Err("has no name; add one, for example name: prod".to_owned());
        return Setting::of(map.origin(), missing, problems);
    };
    let name = scalar::text(value).and_then(parse);
    Setting::of(value.origin(), name, problems)
}
