//! The raw file, flags and defaults together: what no value shows by itself.

use std::{collections::HashMap, fmt::Display, hash::Hash, num::NonZeroU64, time::Duration};

use jiff::tz::{Offset, TimeZone};

use super::{
    Account, Config, Endpoint, Poll, Rate, Scan, ScanName,
    problem::{Origin, Problem},
    raw::{RawAccount, RawConfig, RawScan, Settings},
    tree::Setting,
};
use crate::credentials::Source;

const INTERVAL: Duration = Duration::from_mins(1);
const SCANNING_INTERVAL: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(10);
const STALE_AFTER: Duration = Duration::from_mins(5);
const TIME_ZONE: TimeZone = TimeZone::fixed(Offset::constant(8));

/// Checks the whole. What it returns holds only if there are no problems.
pub(super) fn config(raw: &RawConfig, flags: &Settings, problems: &mut Vec<Problem>) -> Config {
    unique(
        raw.accounts.iter().map(|account| &account.name),
        "account",
        problems,
    );
    let accounts = raw.accounts.iter().filter_map(|account| {
        let levels = Levels([&account.settings, flags, &raw.settings]);
        levels.account(account, raw.credentials.as_ref(), problems)
    });
    Config {
        accounts: accounts.collect(),
    }
}

/// Two that are the same are a problem of the second.
fn unique<'a, T: Hash + Eq + Display + 'a>(
    names: impl Iterator<Item = &'a Setting<T>>,
    what: &str,
    problems: &mut Vec<Problem>,
) {
    let mut first: HashMap<&T, &Origin> = HashMap::new();
    for Setting { value, origin } in names {
        let Some(name) = value else { continue };
        if let Some(place) = first.get(name).and_then(|origin| origin.place.as_ref()) {
            let message =
                format!("\"{name}\" is taken at {place} already; give every {what} its own name");
            problems.push(origin.problem(message));
        } else {
            first.insert(name, origin);
        }
    }
}

fn scans(raw: &[RawScan], problems: &mut Vec<Problem>) -> Vec<Scan> {
    unique(
        raw.iter().map(|scan| &scan.name),
        "scan of an account",
        problems,
    );
    unique_tasks(raw, problems);
    if raw.is_empty() {
        let latest = ScanName::parse("latest").ok();
        return latest
            .into_iter()
            .map(|name| Scan {
                name,
                local_task_id: None,
                registry_task_id: None,
            })
            .collect();
    }
    raw.iter()
        .filter_map(|scan| {
            let [local_task_id, registry_task_id] = scan.task_ids();
            Some(Scan {
                name: scan.name.value.clone()?,
                local_task_id,
                registry_task_id,
            })
        })
        .collect()
}

fn unique_tasks(scans: &[RawScan], problems: &mut Vec<Problem>) {
    let mut first: HashMap<_, &Origin> = HashMap::new();
    for scan in scans.iter().filter(|scan| scan.is_sound()) {
        if let Some(Origin { key, .. }) = first.get(&scan.task_ids()) {
            problems.push(scan.origin.problem(format!(
                "has the task IDs of {key}; give it others, or leave it out"
            )));
        } else {
            first.insert(scan.task_ids(), &scan.origin);
        }
    }
}

impl RawScan {
    fn task_ids(&self) -> [Option<NonZeroU64>; 2] {
        [&self.local_task_id, &self.registry_task_id].map(|id| id.as_ref().and_then(|id| id.value))
    }

    fn is_sound(&self) -> bool {
        [&self.local_task_id, &self.registry_task_id]
            .iter()
            .all(|id| id.as_ref().is_none_or(|id| id.value.is_some()))
    }
}

/// What the account says, else what the flags say, else what the file says for all.
#[derive(Clone, Copy)]
struct Levels<'a>([&'a Settings; 3]);

/// A value, which is `None` if it could not be read, and where it comes from.
struct Chosen<'a, T> {
    value: Option<T>,
    /// `None` for a default.
    origin: Option<&'a Origin>,
    /// The lower, the closer to the account.
    level: usize,
}

impl<'a> Levels<'a> {
    fn find<T>(&self, of: fn(&Settings) -> &Option<Setting<T>>) -> Option<(usize, &'a Setting<T>)> {
        self.0
            .iter()
            .enumerate()
            .find_map(|(level, settings)| Some((level, of(settings).as_ref()?)))
    }

    fn choose<T: Clone + 'a>(
        &self,
        of: fn(&Settings) -> &Option<Setting<T>>,
        default: T,
    ) -> Chosen<'a, T> {
        match self.find(of) {
            Some((level, Setting { value, origin })) => Chosen {
                value: value.clone(),
                origin: Some(origin),
                level,
            },
            None => Chosen {
                value: Some(default),
                origin: None,
                level: self.0.len(),
            },
        }
    }

    fn account(
        &self,
        raw: &RawAccount,
        credentials: Option<&Source>,
        problems: &mut Vec<Problem>,
    ) -> Option<Account> {
        let (scans, endpoint, poll) = (
            scans(&raw.scans, problems),
            self.endpoint(problems),
            self.poll(problems),
        );
        let credentials = raw.credentials.as_ref().or(credentials).cloned();
        let region = self.find(|settings| &settings.region);
        Some(Account {
            name: raw.name.value.clone()?,
            credentials: credentials.unwrap_or_default(),
            endpoint: endpoint?,
            region: region.map_or(Some(None), |(_, region)| region.value.clone().map(Some))?,
            requests_per_second: self
                .choose(|settings| &settings.requests_per_second, Rate::DEFAULT)
                .value?,
            time_zone: self
                .choose(|settings| &settings.time_zone, TIME_ZONE)
                .value?,
            poll: poll?,
            scans,
        })
    }

    fn endpoint(&self, problems: &mut Vec<Problem>) -> Option<Endpoint> {
        let text = self.choose(|settings| &settings.endpoint, Endpoint::DEFAULT.to_owned());
        let allow_http = self.choose(|settings| &settings.allow_http, false).value?;
        match Endpoint::parse(&text.value?, allow_http) {
            Ok(endpoint) => Some(endpoint),
            Err(message) => {
                problems.extend(text.origin.map(|origin| origin.problem(message)));
                None
            }
        }
    }

    fn poll(&self, problems: &mut Vec<Problem>) -> Option<Poll> {
        let interval = self.choose(|settings| &settings.interval, INTERVAL);
        let scanning_interval =
            self.choose(|settings| &settings.scanning_interval, SCANNING_INTERVAL);
        let timeout = self.choose(|settings| &settings.timeout, TIMEOUT);
        let stale_after = self.choose(|settings| &settings.stale_after, STALE_AFTER);
        problems.extend(slower_while_scanning(&interval, &scanning_interval));
        problems.extend(stale_between_polls(&interval, &timeout, &stale_after));
        let (interval, timeout) = (interval.value?, timeout.value?);
        let is_default_too_short =
            stale_after.origin.is_none() && stale_after.value? < interval + timeout;
        Some(Poll {
            interval,
            scanning_interval: scanning_interval.value?.min(interval),
            timeout,
            stale_after: if is_default_too_short {
                interval * 2 + timeout
            } else {
                stale_after.value?
            },
        })
    }
}

/// The default gives way to a shorter interval; one that was asked for does not.
fn slower_while_scanning(
    interval: &Chosen<'_, Duration>,
    scanning: &Chosen<'_, Duration>,
) -> Option<Problem> {
    let (most, value) = (interval.value?, scanning.value?);
    let origin = closest(&[scanning, interval])?;
    let problem = || {
        origin.problem(format!(
            "the scanning_interval of {} is longer than the interval of {}; make it as long or shorter",
            shown(value),
            shown(most),
        ))
    };
    (value > most && scanning.origin.is_some()).then(problem)
}

/// Data must outlive the way from one good poll to the next. The default gives way to a longer interval, so that one
/// failed poll is survived; one that was asked for does not.
fn stale_between_polls(
    interval: &Chosen<'_, Duration>,
    timeout: &Chosen<'_, Duration>,
    stale_after: &Chosen<'_, Duration>,
) -> Option<Problem> {
    let least = interval.value? + timeout.value?;
    let value = stale_after.value?;
    if value >= least || stale_after.origin.is_none() {
        return None;
    }
    Some(closest(&[stale_after, interval, timeout])?.problem(format!(
        "the stale_after of {} is shorter than the interval of {} and the timeout of {} together, so data \
         would vanish between two good polls; set stale_after to {} or more",
        shown(value),
        shown(interval.value?),
        shown(timeout.value?),
        shown(least),
    )))
}

/// The place to mend what several values cause: of the one closest to the account, the first of equals.
fn closest<'a>(chosen: &[&Chosen<'a, Duration>]) -> Option<&'a Origin> {
    chosen.iter().min_by_key(|chosen| chosen.level)?.origin
}

fn shown(duration: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(duration)
}
