//! The raw file, flags and defaults together: what no value shows by itself.

use std::{
    collections::{HashMap, HashSet},
    fmt::Display,
    hash::Hash,
    num::NonZeroU64,
    time::Duration,
};

use jiff::tz::{Offset, TimeZone};

use super::{
    Account, AccountKey, CollectorConfig, Config, Discovery, Endpoint, Poll, Rate, Scan, ScanName,
    raw::{RawAccount, RawCollector, RawConfig, RawScan, Settings},
};
use crate::{
    collectors::{self, Answer as _, VulScan},
    credentials::Source,
    domain::{AccountInfo, Language, Uin, format_duration},
    yaml::{Origin, Problem, Setting},
};

const INTERVAL: Duration = Duration::from_mins(1);
const SCANNING_INTERVAL: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(10);
const STALE_AFTER: Duration = Duration::from_mins(5);
/// The one that is on by default.
const DEFAULT_COLLECTOR: &str = VulScan::NAME;
const TIME_ZONE: TimeZone = TimeZone::fixed(Offset::constant(8));

/// Checks the whole. The result is valid only if no problem was added.
pub(super) fn config(raw: &RawConfig, flags: &Settings, problems: &mut Vec<Problem>) -> Config {
    // The name is the label that tells accounts apart in every series.
    let names = raw.accounts.iter().map(|account| &account.name);
    check_unique(names, "account names must be unique", problems);
    let mut accounts = Vec::new();
    for raw_account in &raw.accounts {
        let levels = Levels {
            closest_first: [&raw_account.settings, flags, &raw.settings],
        };
        let Some(mut account) = account(raw_account, levels, raw, problems) else {
            continue;
        };
        // Those of discoveries have one.
        if account.info.uin.is_none() {
            account.uin_lookup.clone_from(&raw.uin_lookup);
        }
        accounts.push(account);
    }
    let mut discoveries = Vec::new();
    for raw_discovery in &raw.discovery {
        let levels = Levels {
            closest_first: [&raw_discovery.defaults.settings, flags, &raw.settings],
        };
        let template = account(&raw_discovery.defaults, levels, raw, problems);
        let label = discovery_label(raw_discovery.kind(), &discoveries);
        let default = raw.credentials.as_ref();
        if let Some(template) = template {
            discoveries.push(raw_discovery.checked(label, template, default));
        }
    }
    let mut config = Config::of(accounts);
    if !discoveries.is_empty() {
        // While the accounts of all shards are there: a discovered account must not take the name
        // of any.
        config.configured = configured(&config.accounts);
        config.discoveries = discoveries;
    }
    config
}

/// The kind; numbered from the second one of a kind on.
fn discovery_label(kind: &str, earlier: &[Discovery]) -> String {
    let mut n = 1;
    for discovery in earlier {
        n += usize::from(discovery.source.kind() == kind);
    }
    match n {
        1 => kind.to_owned(),
        n => format!("{kind}-{n}"),
    }
}

fn configured(accounts: &[Account]) -> HashSet<AccountKey> {
    let mut keys = HashSet::new();
    for account in accounts {
        keys.insert(AccountKey::Name(account.name.clone()));
        if let Some(uin) = account.info.uin {
            keys.insert(AccountKey::Uin(uin));
        }
    }
    keys
}

fn account(
    raw: &RawAccount,
    levels: Levels<'_>,
    file: &RawConfig,
    problems: &mut Vec<Problem>,
) -> Option<Account> {
    // Everything is checked before the first `?`, so that all problems are reported.
    let scans = scans(&raw.scans, problems);
    let endpoint = endpoint(levels, problems);
    let collectors = collectors(raw, file, levels, problems);
    let region = match levels.find(|settings| &settings.region) {
        Some((_, region)) => Some(region.value.clone()?),
        None => None,
    };
    let credentials = raw.credentials.as_ref().or(file.credentials.as_ref());
    let language = levels.choose(|settings| &settings.language, Language::default());
    let rate = levels.choose(|settings| &settings.requests_per_second, Rate::DEFAULT);
    let time_zone = levels.choose(|settings| &settings.time_zone, TIME_ZONE);
    let credentials = credentials.cloned().unwrap_or_default();
    let info = info(raw, &credentials);
    Some(Account {
        name: raw.name.value.clone()?,
        credentials,
        endpoint: endpoint?,
        region,
        language: language.value?,
        requests_per_second: rate.value?,
        time_zone: time_zone.value?,
        scans,
        info,
        uin_lookup: None,
        collectors: collectors?,
    })
}

fn info(raw: &RawAccount, credentials: &Source) -> AccountInfo {
    // The ARN of a role names its account.
    let uin = match (&raw.uin, credentials) {
        (Some(uin), _) => uin.value,
        (None, Source::AssumeRole(role)) => Uin::of_role(&role.role_arn),
        (None, _) => None,
    };
    AccountInfo {
        uin,
        labels: raw.labels.clone(),
        ..AccountInfo::default()
    }
}

fn endpoint(levels: Levels<'_>, problems: &mut Vec<Problem>) -> Option<Endpoint> {
    let text = levels.choose(|settings| &settings.endpoint, Endpoint::DEFAULT.to_owned());
    // The endpoint is parsed here, not when it is read: whether http is allowed may come from
    // another level.
    let allow_http = levels.choose(|settings| &settings.allow_http, false);
    match Endpoint::parse(&text.value?, allow_http.value?) {
        Ok(endpoint) => Some(endpoint),
        Err(message) => {
            // The default is valid.
            if let Some(origin) = text.origin {
                problems.push(origin.problem(message));
            }
            None
        }
    }
}

/// The collectors of the account, or else those of the file.
fn collectors(
    raw: &RawAccount,
    file: &RawConfig,
    levels: Levels<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Vec<CollectorConfig>> {
    let of_account = poll(levels, problems);
    // Those of the file are checked with each account, whose timeout may differ.
    let Some(switched_on) = raw.collectors.as_ref().or(file.collectors.as_ref()) else {
        let collector = collectors::find(DEFAULT_COLLECTOR)?;
        return Some(vec![CollectorConfig {
            collector,
            poll: of_account?,
            limit: 0,
        }]);
    };
    let mut checked = Vec::with_capacity(switched_on.len());
    for raw in switched_on {
        checked.extend(collector(raw, of_account?, problems));
    }
    Some(checked)
}

/// `poll` is what the account has for all of its collectors.
fn collector(
    raw: &RawCollector,
    poll: Poll,
    problems: &mut Vec<Problem>,
) -> Option<CollectorConfig> {
    let mut own = poll;
    let interval = match &raw.interval {
        Some(interval) => Some(interval.value?),
        None => raw.collector.interval,
    };
    if let Some(interval) = interval {
        own.interval = interval;
        // While a scan runs, polls must not be rarer than at other times.
        own.scanning_interval = poll.scanning_interval.min(interval);
        // As with `poll`: the data must survive one failed poll.
        own.stale_after = poll.stale_after.max(interval * 2 + poll.timeout);
    }
    if let Some(stale_after) = &raw.stale_after {
        let value = stale_after.value?;
        let min = own.interval + poll.timeout;
        if value < min {
            let text = too_stale(own.interval, poll.timeout, value);
            push_once(problems, stale_after.origin.problem(text));
        }
        own.stale_after = value;
    }
    let limit = match &raw.limit {
        Some(limit) => limit.value?,
        None => raw.collector.limit.map_or(0, |limit| limit.default),
    };
    Some(CollectorConfig {
        collector: raw.collector,
        poll: own,
        limit,
    })
}

/// A problem of the file is found again with every account.
fn push_once(problems: &mut Vec<Problem>, problem: Problem) {
    if !problems.contains(&problem) {
        problems.push(problem);
    }
}

fn poll(levels: Levels<'_>, problems: &mut Vec<Problem>) -> Option<Poll> {
    let interval = levels.choose(|settings| &settings.interval, INTERVAL);
    let scanning_interval =
        levels.choose(|settings| &settings.scanning_interval, SCANNING_INTERVAL);
    let timeout = levels.choose(|settings| &settings.timeout, TIMEOUT);
    let stale_after = levels.choose(|settings| &settings.stale_after, STALE_AFTER);
    problems.extend(slower_while_scanning(&interval, &scanning_interval));
    problems.extend(stale_between_polls(&interval, &timeout, &stale_after));

    let mut poll = Poll {
        interval: interval.value?,
        // Only the default can be longer here; a configured one was reported above.
        scanning_interval: scanning_interval.value?.min(interval.value?),
        timeout: timeout.value?,
        stale_after: stale_after.value?,
    };
    // The default must survive one failed poll, also with a long interval.
    if stale_after.origin.is_none() && poll.stale_after < poll.interval + poll.timeout {
        poll.stale_after = poll.interval * 2 + poll.timeout;
    }
    Some(poll)
}

fn scans(raw: &[RawScan], problems: &mut Vec<Problem>) -> Vec<Scan> {
    let names = raw.iter().map(|scan| &scan.name);
    check_unique(names, "scan names of an account must be unique", problems);
    check_unique_tasks(raw, problems);
    let mut scans = Vec::new();
    for scan in raw {
        let [local_task_id, registry_task_id] = scan.task_ids();
        if let Some(name) = scan.name.value.clone() {
            scans.push(Scan {
                name,
                local_task_id,
                registry_task_id,
            });
        }
    }
    // An account that names no scans polls the latest one.
    if raw.is_empty()
        && let Ok(name) = ScanName::parse("latest")
    {
        scans.push(Scan {
            name,
            local_task_id: None,
            registry_task_id: None,
        });
    }
    scans
}

/// Of two values that are the same, the second one is the problem.
fn check_unique<'a, T: Hash + Eq + Display + 'a>(
    names: impl Iterator<Item = &'a Setting<T>>,
    rule: &str,
    problems: &mut Vec<Problem>,
) {
    let mut first: HashMap<&T, &Origin> = HashMap::new();
    for Setting { value, origin } in names {
        let Some(name) = value else { continue };
        let Some(earlier) = first.get(name) else {
            first.insert(name, origin);
            continue;
        };
        if let Some(place) = &earlier.place {
            problems.push(origin.problem(format!("\"{name}\" is already used at {place}, {rule}")));
        }
    }
}

fn check_unique_tasks(scans: &[RawScan], problems: &mut Vec<Problem>) {
    let mut first: HashMap<_, &Origin> = HashMap::new();
    for scan in scans {
        // Two IDs that could not be read would look alike.
        if !scan.has_readable_task_ids() {
            continue;
        }
        let Some(earlier) = first.get(&scan.task_ids()) else {
            first.insert(scan.task_ids(), &scan.origin);
            continue;
        };
        problems.push(scan.origin.problem(format!(
            "has the same task IDs as {}, remove one of them",
            earlier.key
        )));
    }
}

impl RawScan {
    fn task_ids(&self) -> [Option<NonZeroU64>; 2] {
        [&self.local_task_id, &self.registry_task_id].map(|id| id.as_ref()?.value)
    }

    fn has_readable_task_ids(&self) -> bool {
        let ids = [&self.local_task_id, &self.registry_task_id];
        for id in ids.into_iter().flatten() {
            if id.value.is_none() {
                return false;
            }
        }
        true
    }
}

/// Where a setting of an account can come from: the account itself, flags, the file's defaults.
#[derive(Clone, Copy)]
struct Levels<'a> {
    closest_first: [&'a Settings; 3],
}

/// The value of a setting for one account, and where it comes from.
struct Chosen<'a, T> {
    /// `None` is one that could not be read, which is reported already.
    value: Option<T>,
    /// `None` is the default.
    origin: Option<&'a Origin>,
    /// The lower, the closer to the account.
    level: usize,
}

impl<'a> Levels<'a> {
    fn find<T>(
        self,
        setting: fn(&Settings) -> &Option<Setting<T>>,
    ) -> Option<(usize, &'a Setting<T>)> {
        for (level, settings) in self.closest_first.into_iter().enumerate() {
            if let Some(setting) = setting(settings) {
                return Some((level, setting));
            }
        }
        None
    }

    fn choose<T: Clone + 'a>(
        self,
        setting: fn(&Settings) -> &Option<Setting<T>>,
        default: T,
    ) -> Chosen<'a, T> {
        match self.find(setting) {
            Some((level, setting)) => Chosen {
                value: setting.value.clone(),
                origin: Some(&setting.origin),
                level,
            },
            None => Chosen {
                value: Some(default),
                origin: None,
                level: self.closest_first.len(),
            },
        }
    }
}

/// A default `scanning_interval` is cut to a shorter interval; a configured one is not.
fn slower_while_scanning(
    interval: &Chosen<'_, Duration>,
    scanning: &Chosen<'_, Duration>,
) -> Option<Problem> {
    let (max, value) = (interval.value?, scanning.value?);
    // A default is silently adjusted; a configured one is not.
    if value <= max || scanning.origin.is_none() {
        return None;
    }
    Some(closest(&[scanning, interval])?.problem(format!(
        "the scanning_interval of {} is longer than the interval of {}",
        display(value),
        display(max),
    )))
}

/// Data must outlive the time between two successful polls. A default `stale_after` is raised for a longer interval; a
/// configured one is not.
fn stale_between_polls(
    interval: &Chosen<'_, Duration>,
    timeout: &Chosen<'_, Duration>,
    stale_after: &Chosen<'_, Duration>,
) -> Option<Problem> {
    let min = interval.value? + timeout.value?;
    let value = stale_after.value?;
    if value >= min || stale_after.origin.is_none() {
        return None;
    }
    let text = too_stale(interval.value?, timeout.value?, value);
    Some(closest(&[stale_after, interval, timeout])?.problem(text))
}

fn too_stale(interval: Duration, timeout: Duration, stale_after: Duration) -> String {
    format!(
        "the stale_after of {} is shorter than the interval of {} plus the timeout of {}, so data would vanish \
         between two successful polls; set stale_after to at least {}",
        display(stale_after),
        display(interval),
        display(timeout),
        display(interval + timeout),
    )
}

/// Where to fix what several values cause together: at the one closest to the account, the first of equals.
fn closest<'a>(chosen: &[&Chosen<'a, Duration>]) -> Option<&'a Origin> {
    chosen.iter().min_by_key(|chosen| chosen.level)?.origin
}

fn display(duration: Duration) -> String {
    format_duration(duration)
}
