//! What the simulator plays: identities, their scans and their failures.

use std::{path::Path, time::Duration};

use super::{
    ErrorCode, Speed,
    scan::{Run, Timeline},
};
use crate::{
    signer::{Credentials, Secret},
    yaml::Problems,
};

mod file;
mod organization;
mod role;

pub(super) use organization::{MemberDetails, SimulatedOrganization, SimulatedUnit};
pub(super) use role::SimulatedRole;

/// A checked scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    pub(super) seed: u64,
    pub(super) requests_per_second: usize,
    pub(super) identities: Vec<SimulatedIdentity>,
    pub(super) organization: Option<SimulatedOrganization>,
}

/// One caller that the API knows, with an account of its own.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SimulatedIdentity {
    pub(super) name: String,
    pub(super) keys: IdentityKeys,
    /// Of its account, where it is neither that of its role nor that of the organization.
    pub(super) uin: Option<u64>,
    pub(super) timeline: Timeline,
    /// From the start of the simulator to that of the first scan, or…
    pub(super) starts_in: Duration,
    /// … the other way round.
    pub(super) started_ago: Duration,
    pub(super) first_task_ids: TaskIds,
    pub(super) licence: SimulatedLicence,
    pub(super) assets: SimulatedAssets,
    /// Whether scans are started on schedule.
    pub(super) has_scheduled_scans: bool,
    /// The age of the vulnerability library when the simulator starts.
    pub(super) vul_library_age: Duration,
    pub(super) failures: Vec<ScriptedFailure>,
    pub(super) latency: Duration,
    /// Random extra latency, at most this much.
    pub(super) latency_jitter: Duration,
}

/// Images are scanned only with a licence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SimulatedLicence {
    /// Since the start of the simulator. No scan starts after that.
    pub(super) expires_in: Duration,
    /// For so many images.
    pub(super) images: u32,
}

/// What the account has beside the images of its scans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SimulatedAssets {
    pub(super) hosts: u32,
    pub(super) hosts_without_agent: u32,
    pub(super) containers: u32,
    pub(super) clusters: u32,
    pub(super) unscanned_images: u32,
    /// Local images without findings whose scan fails.
    pub(super) failed_images: u32,
    pub(super) malware: u32,
}

/// The credentials that prove an identity.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum IdentityKeys {
    Known(Credentials),
    /// Temporary ones, which are issued to callers who may assume the role.
    Role(SimulatedRole),
}

/// The task IDs of one scan; 0 where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TaskIds {
    pub(super) local: u64,
    pub(super) registry: u64,
}

/// An error instead of an answer. The first failure of an identity that applies is answered.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ScriptedFailure {
    pub(super) code: &'static ErrorCode,
    /// `None` is every action.
    pub(super) action: Option<&'static str>,
    /// Of the requests while it lasts.
    pub(super) fraction: f64,
    /// Since the start of the simulator.
    pub(super) from: Duration,
    /// `None` is without end.
    pub(super) lasts: Option<Duration>,
    /// From one start to the next, never zero.
    pub(super) every: Option<Duration>,
}

impl Scenario {
    /// Reads a scenario file. Reports all problems at once; none of them shows a secret.
    pub fn load(file: &Path) -> Result<Scenario, Problems> {
        file::load(file)
    }

    /// The same from text, as the file `scenario.yml`.
    pub fn parse(text: &str) -> Result<Scenario, Problems> {
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
            identity.keys = IdentityKeys::Known(keys);
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

    /// The first role for which `matches` holds, and the index of its identity.
    pub(super) fn role(
        &self,
        matches: impl Fn(&SimulatedRole) -> bool,
    ) -> Option<(usize, &SimulatedRole)> {
        for (index, identity) in self.identities.iter().enumerate() {
            if let Some(role) = identity.role()
                && matches(role)
            {
                return Some((index, role));
            }
        }
        None
    }

    pub(super) fn at_speed(&self, speed: Speed) -> Scenario {
        let mut scenario = self.clone();
        for identity in &mut scenario.identities {
            *identity = identity.at_speed(speed);
        }
        if let Some(organization) = &mut scenario.organization {
            *organization = organization.at_speed(speed);
        }
        scenario
    }
}

fn builtin(text: &str) -> Scenario {
    Scenario::parse(text).expect("tests read the built-in scenarios")
}

impl SimulatedIdentity {
    pub(super) fn credentials(&self) -> Option<&Credentials> {
        match &self.keys {
            IdentityKeys::Known(credentials) => Some(credentials),
            IdentityKeys::Role(_) => None,
        }
    }

    pub(super) fn role(&self) -> Option<&SimulatedRole> {
        match &self.keys {
            IdentityKeys::Known(_) => None,
            IdentityKeys::Role(role) => Some(role),
        }
    }

    /// The scan of these tasks, or else the latest; `elapsed` is since the simulator's start.
    pub(super) fn scan(&self, tasks: Tasks, elapsed: Duration) -> Found<'_> {
        let asks_for_latest = tasks == Tasks::default();
        let Some(since_first) = self.since_first(elapsed) else {
            return if asks_for_latest {
                Found::NotScanned
            } else {
                Found::NoSuchTask
            };
        };
        let latest = self.latest(since_first);
        if asks_for_latest {
            return match latest {
                Some(run) => Found::Scan(run, since_first),
                None => Found::NotScanned,
            };
        }
        // A task that will only start later does not exist yet.
        if let (Some(latest), Some(number)) = (latest, self.number(tasks))
            && number <= latest.number
            && let Some(run) = self.timeline.run(number)
            && self.has(run, tasks)
        {
            return Found::Scan(run, since_first);
        }
        Found::NoSuchTask
    }

    /// The time since the start of the first scan; `None` before. `elapsed` is since the simulator's start.
    pub(super) fn since_first(&self, elapsed: Duration) -> Option<Duration> {
        // At most one of the two is set.
        (elapsed + self.started_ago).checked_sub(self.starts_in)
    }

    /// The last scan that has started. Without a licence, none starts.
    pub(super) fn latest(&self, since_first: Duration) -> Option<Run<'_>> {
        let licensed = self.since_first(self.licence.expires_in)?;
        self.timeline.latest(since_first.min(licensed))
    }

    /// The IDs count up with the scans.
    pub(super) fn task_ids(&self, run: Run<'_>) -> TaskIds {
        let counts = run.scan.counts;
        let mut ids = TaskIds {
            local: 0,
            registry: 0,
        };
        // A scan without images of a kind has no task for them.
        if counts.local_images > 0 {
            ids.local = self.first_task_ids.local + run.number;
        }
        if counts.registry_images > 0 {
            ids.registry = self.first_task_ids.registry + run.number;
        }
        ids
    }

    fn number(&self, tasks: Tasks) -> Option<u64> {
        if let Some(id) = tasks.local
            && let Some(number) = id.checked_sub(self.first_task_ids.local)
        {
            return Some(number);
        }
        tasks.registry?.checked_sub(self.first_task_ids.registry)
    }

    fn has(&self, run: Run<'_>, tasks: Tasks) -> bool {
        let ids = self.task_ids(run);
        // `number` comes from one of the two IDs; the other one may belong to another scan.
        for (requested, id) in [(tasks.local, ids.local), (tasks.registry, ids.registry)] {
            if let Some(requested) = requested
                && requested != id
            {
                return false;
            }
        }
        true
    }

    fn at_speed(&self, speed: Speed) -> SimulatedIdentity {
        // Latency stays as it is: timeouts of clients are in real time at any speed.
        let mut identity = SimulatedIdentity {
            timeline: self.timeline.at_speed(speed),
            starts_in: speed.scale(self.starts_in),
            started_ago: speed.scale(self.started_ago),
            licence: SimulatedLicence {
                expires_in: speed.scale(self.licence.expires_in),
                ..self.licence
            },
            ..self.clone()
        };
        if let IdentityKeys::Role(role) = &mut identity.keys {
            *role = role.at_speed(speed);
        }
        for failure in &mut identity.failures {
            *failure = failure.at_speed(speed);
        }
        identity
    }
}

/// The requested scan; the latest if neither task is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tasks {
    pub(super) local: Option<u64>,
    pub(super) registry: Option<u64>,
}

/// The result of looking for a requested scan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Found<'a> {
    /// The account has never been scanned.
    NotScanned,
    /// The account has no such task, or not yet, or the two tasks belong to different scans.
    NoSuchTask,
    /// The scan, and the time since the first one started.
    Scan(Run<'a>, Duration),
}

impl ScriptedFailure {
    /// Whether it applies `elapsed` after the simulator's start; `dice` is from 0 to 1.
    pub(super) fn applies(&self, elapsed: Duration, dice: f64) -> bool {
        let Some(since) = elapsed.checked_sub(self.from) else {
            return false;
        };
        let into = match self.every {
            Some(every) => since.as_nanos() % every.as_nanos(),
            None => since.as_nanos(),
        };
        let is_over = self.lasts.is_some_and(|lasts| into >= lasts.as_nanos());
        dice < self.fraction && !is_over
    }

    fn at_speed(&self, speed: Speed) -> ScriptedFailure {
        let mut failure = self.clone();
        failure.from = speed.scale(failure.from);
        if let Some(lasts) = &mut failure.lasts {
            *lasts = speed.scale(*lasts);
        }
        if let Some(every) = &mut failure.every {
            // It is a divisor.
            *every = speed.scale(*every).max(Duration::from_nanos(1));
        }
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::{DEFAULT_SECRET_ID, DEFAULT_SECRET_KEY};

    #[test]
    fn the_built_in_scenarios_are_valid() {
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
    fn a_failure_applies_only_within_its_windows() {
        let seconds = Duration::from_secs;
        let failure = ScriptedFailure {
            code: ErrorCode::find("InternalError").unwrap(),
            action: None,
            fraction: 0.5,
            from: seconds(10),
            lasts: Some(seconds(2)),
            every: Some(seconds(60)),
        };
        let applies = [9, 10, 11, 12, 69, 70, 72].map(|at| failure.applies(seconds(at), 0.0));
        assert_eq!(applies, [false, true, true, false, false, true, false]);
        assert!(!failure.applies(seconds(10), 0.5), "the dice said no");
        let endless = ScriptedFailure {
            lasts: None,
            every: None,
            ..failure
        };
        assert!(endless.applies(seconds(1_000_000), 0.4));
    }
}
