//! What the simulator plays: identities, their scans, and their failures.

use std::time::Duration;

use super::{
    ErrorCode, Speed,
    scan::{Run, Timeline},
};
use crate::signer::{Credentials, Secret};

mod file;
mod role;

pub(super) use role::Role;

/// A checked scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    pub(super) seed: u64,
    pub(super) requests_per_second: usize,
    pub(super) identities: Vec<Identity>,
}

/// One caller that the API knows, with an account of its own.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Identity {
    pub(super) name: String,
    pub(super) keys: Keys,
    pub(super) timeline: Timeline,
    /// From the simulator's start to the first scan's, or…
    pub(super) starts_in: Duration,
    /// … from the first scan's start to the simulator's.
    pub(super) started_ago: Duration,
    pub(super) first_task_ids: TaskIds,
    pub(super) failures: Vec<Failure>,
    pub(super) latency: Duration,
    /// At most so much more, at random.
    pub(super) latency_jitter: Duration,
}

/// How a caller shows that it is this identity.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Keys {
    /// With these.
    Known(Credentials),
    /// With temporary ones, which are issued to those who may assume the role.
    Role(Role),
}

/// The task IDs of one scan; 0 where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TaskIds {
    pub(super) local: u64,
    pub(super) registry: u64,
}

/// An error instead of an answer. The first one of an identity that applies is the one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Failure {
    pub(super) code: &'static ErrorCode,
    /// Of the requests while it lasts.
    pub(super) fraction: f64,
    /// Since the simulator's start.
    pub(super) from: Duration,
    /// None is for ever.
    pub(super) lasts: Option<Duration>,
    /// From one beginning to the next, never zero.
    pub(super) every: Option<Duration>,
}

impl Scenario {
    /// Reads a scenario file. What is wrong with it comes with the line where it stands, all at once unless the
    /// file is no YAML of that shape at all; no secret is repeated.
    pub fn parse(text: &str) -> Result<Scenario, Vec<String>> {
        file::parse(text)
    }

    /// One identity with these keys, whose scans start, progress, finish and repeat.
    pub fn builtin_default(secret_id: &str, secret_key: Secret) -> Scenario {
        let mut scenario = builtin(include_str!("../scenarios/default.yml"));
        if let [identity] = scenario.identities.as_mut_slice() {
            let keys = Credentials {
                secret_id: secret_id.into(),
                secret_key,
                token: None,
            };
            identity.keys = Keys::Known(keys);
        }
        scenario
    }

    /// Several identities, one of each kind; one of them fails.
    pub fn demo() -> Scenario {
        builtin(include_str!("../scenarios/demo.yml"))
    }

    /// The name and the keys of each identity that has keys, in the order of the file.
    pub fn identities(&self) -> impl Iterator<Item = (&str, &Credentials)> {
        self.identities
            .iter()
            .filter_map(|identity| Some((identity.name.as_str(), identity.credentials()?)))
    }

    /// The role for which `is_it` holds, and the index of its identity.
    pub(super) fn role(&self, is_it: impl Fn(&Role) -> bool) -> Option<(usize, &Role)> {
        let roles = self.identities.iter().map(Identity::role).enumerate();
        roles
            .filter_map(|(index, role)| Some((index, role?)))
            .find(|(_, role)| is_it(role))
    }

    pub(super) fn at_speed(&self, speed: Speed) -> Scenario {
        let identities = self
            .identities
            .iter()
            .map(|identity| identity.at_speed(speed))
            .collect();
        Scenario {
            identities,
            ..self.clone()
        }
    }
}

fn builtin(text: &str) -> Scenario {
    Scenario::parse(text).expect("tests read the built-in scenarios")
}

impl Identity {
    pub(super) fn credentials(&self) -> Option<&Credentials> {
        match &self.keys {
            Keys::Known(credentials) => Some(credentials),
            Keys::Role(_) => None,
        }
    }

    pub(super) fn role(&self) -> Option<&Role> {
        match &self.keys {
            Keys::Known(_) => None,
            Keys::Role(role) => Some(role),
        }
    }

    /// The scan of these tasks, or else the latest; `elapsed` is since the simulator's start.
    pub(super) fn scan(&self, tasks: Tasks, elapsed: Duration) -> Found<'_> {
        let Some(since_first) = (elapsed + self.started_ago).checked_sub(self.starts_in) else {
            return if tasks == Tasks::default() {
                Found::NotScanned
            } else {
                Found::NoSuchTask
            };
        };
        let latest = self.timeline.latest(since_first);
        let run = match (latest, self.number(tasks)) {
            (None, None) if tasks == Tasks::default() => return Found::NotScanned,
            (latest, None) if tasks == Tasks::default() => latest,
            (Some(latest), Some(number)) if number <= latest.number => self.timeline.run(number),
            _ => None,
        };
        run.filter(|run| self.has(*run, tasks))
            .map_or(Found::NoSuchTask, |run| Found::Scan(run, since_first))
    }

    /// The IDs count up with the scans; a scan without images of a kind has no task for them.
    pub(super) fn task_ids(&self, run: Run<'_>) -> TaskIds {
        let counts = run.scan.counts;
        let id = |first: u64, n_images| if n_images == 0 { 0 } else { first + run.number };
        TaskIds {
            local: id(self.first_task_ids.local, counts.local_images),
            registry: id(self.first_task_ids.registry, counts.registry_images),
        }
    }

    fn number(&self, tasks: Tasks) -> Option<u64> {
        let local = tasks
            .local
            .and_then(|id| id.checked_sub(self.first_task_ids.local));
        let registry = tasks
            .registry
            .and_then(|id| id.checked_sub(self.first_task_ids.registry));
        local.or(registry)
    }

    fn has(&self, run: Run<'_>, tasks: Tasks) -> bool {
        let ids = self.task_ids(run);
        tasks.local.is_none_or(|id| id == ids.local)
            && tasks.registry.is_none_or(|id| id == ids.registry)
    }

    fn at_speed(&self, speed: Speed) -> Identity {
        Identity {
            keys: match &self.keys {
                Keys::Known(credentials) => Keys::Known(credentials.clone()),
                Keys::Role(role) => Keys::Role(role.at_speed(speed)),
            },
            timeline: self.timeline.at_speed(speed),
            starts_in: speed.scale(self.starts_in),
            started_ago: speed.scale(self.started_ago),
            failures: self
                .failures
                .iter()
                .map(|failure| failure.at_speed(speed))
                .collect(),
            ..self.clone()
        }
    }
}

/// Which scan is asked for; the latest, if neither task is named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tasks {
    pub(super) local: Option<u64>,
    pub(super) registry: Option<u64>,
}

/// What there is of a scan that was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Found<'a> {
    /// The account has never been scanned.
    NotScanned,
    /// It has no such task, or not yet, or the two tasks are not of one scan.
    NoSuchTask,
    /// The scan, and the time since the first one started.
    Scan(Run<'a>, Duration),
}

impl Failure {
    /// Whether it applies `elapsed` after the simulator's start; `dice` is from 0 to 1.
    pub(super) fn strikes(&self, elapsed: Duration, dice: f64) -> bool {
        dice < self.fraction
            && elapsed
                .checked_sub(self.from)
                .is_some_and(|since| self.lasts_at(since))
    }

    fn lasts_at(&self, since: Duration) -> bool {
        let into = match self.every {
            Some(every) => since.as_nanos() % every.as_nanos(),
            None => since.as_nanos(),
        };
        self.lasts.is_none_or(|lasts| into < lasts.as_nanos())
    }

    fn at_speed(&self, speed: Speed) -> Failure {
        Failure {
            from: speed.scale(self.from),
            lasts: self.lasts.map(|lasts| speed.scale(lasts)),
            every: self
                .every
                .map(|every| speed.scale(every).max(Duration::from_nanos(1))),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::{DEFAULT_SECRET_ID, DEFAULT_SECRET_KEY};

    #[test]
    fn the_built_in_scenarios_can_be_read() {
        let keys = Secret::new(DEFAULT_SECRET_KEY.into());
        let default = Scenario::builtin_default(DEFAULT_SECRET_ID, keys);
        assert_eq!(
            Scenario::parse(include_str!("../scenarios/default.yml")),
            Ok(default.clone())
        );
        assert_eq!(default.identities().count(), 1);
        assert!(Scenario::demo().identities().count() >= 4);
    }

    #[test]
    fn a_failure_strikes_within_its_windows_alone() {
        let seconds = Duration::from_secs;
        let failure = Failure {
            code: ErrorCode::find("InternalError").unwrap(),
            fraction: 0.5,
            from: seconds(10),
            lasts: Some(seconds(2)),
            every: Some(seconds(60)),
        };
        let strikes = [9, 10, 11, 12, 69, 70, 72].map(|at| failure.strikes(seconds(at), 0.0));
        assert_eq!(strikes, [false, true, true, false, false, true, false]);
        assert!(!failure.strikes(seconds(10), 0.5), "the dice said no");
        let for_ever = Failure {
            lasts: None,
            every: None,
            ..failure
        };
        assert!(for_ever.strikes(seconds(1_000_000), 0.4));
    }
}
