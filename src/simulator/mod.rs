//! A stand-in for the API: it checks requests as the API does, and plays scans from a scenario.
//!
//! The core is [`Simulator::respond`]: request and time in, reply out; no I/O and no clock, and the same replies
//! for the same scenario and requests. [`serve`] puts it on a socket.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio::time::Instant;

use crate::clock::Moment;

mod authorization;
mod error_codes;
mod limit;
mod parameters;
mod reply;
mod scan;
mod scenario;
mod server;
mod speed;
#[cfg(test)]
mod tests;

use authorization::{Claim, header};
pub use error_codes::{ERROR_CODES, ErrorCode};
use limit::Arrivals;
pub use reply::Reply;
use reply::{Answer, Refusal};
pub use scenario::Scenario;
use scenario::{Found, Identity};
pub use server::serve;
pub use speed::Speed;

/// The `SecretId` of the built-in scenario.
pub const DEFAULT_SECRET_ID: &str = "AKIDsimulated00000000000000000000000";
/// Its `SecretKey`. It opens nothing but a simulator.
pub const DEFAULT_SECRET_KEY: &str = "simulatedSecretKey00000000000000";
/// Where the statistics are.
pub const STATS_PATH: &str = "/-/stats";

const ACTION: &str = "DescribeVulScanInfo";
const VERSION: &str = "2020-11-01";

/// The largest body that is read, in bytes.
const MAX_BODY: usize = 1024 * 1024;

/// The stand-in API.
#[derive(Debug)]
pub struct Simulator {
    /// At the speed at which it is played.
    scenario: Scenario,
    start: Moment,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    random: fastrand::Rng,
    n_arrivals: u64,
    /// In the order of the identities.
    by_identity: Vec<Arrivals>,
}

/// What arrived since the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Requests, whatever the answer; those of unknown callers too.
    pub arrivals: u64,
    /// By the name of the identity.
    pub identities: BTreeMap<String, IdentityStats>,
}

/// What arrived from one identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct IdentityStats {
    /// Requests in its name, whatever the answer.
    pub arrivals: u64,
    /// The most of them in any sliding second; 10 000 may be more.
    pub most_in_one_second: usize,
}

impl Simulator {
    /// Starts to play `scenario` at `start`.
    pub fn new(scenario: &Scenario, speed: Speed, start: Moment) -> Simulator {
        let state = State {
            random: fastrand::Rng::with_seed(scenario.seed),
            n_arrivals: 0,
            by_identity: scenario.identities.iter().map(|_| Arrivals::default()).collect(),
        };
        Simulator { scenario: scenario.at_speed(speed), start, state: Mutex::new(state) }
    }

    /// Answers `request`, which arrived `now`.
    pub fn respond(&self, request: &Request<Bytes>, now: Moment) -> Reply {
        if request.uri().path() == STATS_PATH {
            return Reply { response: reply::json(&self.stats()), delay: Duration::ZERO };
        }
        let caller = self.caller(request);
        let arrival = self.state().arrive(caller.as_ref().ok().map(|(_, index)| *index), now.monotonic);
        let delay = caller.as_ref().map_or(Duration::ZERO, |(_, index)| {
            let Identity { latency, latency_jitter, .. } = &self.scenario.identities[*index];
            *latency + latency_jitter.mul_f64(arrival.jitter)
        });
        let outcome = caller.and_then(|(claim, index)| {
            if arrival.n_in_a_second > self.scenario.requests_per_second {
                return Err("RequestLimitExceeded".into());
            }
            self.answer(request, claim, &self.scenario.identities[index], now.wall, arrival.dice)
        });
        Reply { response: reply::envelope(outcome, arrival.request_id), delay }
    }

    /// What arrived since the start.
    pub fn stats(&self) -> Stats {
        let state = self.state();
        let of = |arrivals: &Arrivals| IdentityStats {
            arrivals: arrivals.total(),
            most_in_one_second: arrivals.most_in_a_second(),
        };
        let names = self.scenario.identities.iter().map(|identity| identity.name.clone());
        Stats {
            arrivals: state.n_arrivals,
            identities: names.zip(state.by_identity.iter().map(of)).collect(),
        }
    }

    /// Whom the request names, and which identity that is. A caller that is not known has no limit to exceed.
    fn caller<'a>(&self, request: &'a Request<Bytes>) -> Result<(Claim<'a>, usize), Refusal> {
        let claim = Claim::of(request)?;
        let is_caller = |identity: &Identity| identity.credentials.secret_id == claim.secret_id;
        let index = self.scenario.identities.iter().position(is_caller);
        index.map(|index| (claim, index)).ok_or_else(|| "AuthFailure.SecretIdNotFound".into())
    }

    fn answer(
        &self,
        request: &Request<Bytes>,
        claim: Claim<'_>,
        identity: &Identity,
        now: Timestamp,
        dice: f64,
    ) -> Result<Answer, Refusal> {
        check_protocol(request)?;
        claim.verify(request, &identity.credentials, now)?;
        check_operation(request)?;
        let elapsed = Duration::try_from(now.duration_since(self.start.wall)).unwrap_or_default();
        if let Some(failure) = identity.failures.iter().find(|failure| failure.strikes(elapsed, dice)) {
            return Err(failure.code.into());
        }
        match identity.scan(parameters::parse(request)?, elapsed) {
            Found::NotScanned => Ok(Answer::not_scanned()),
            Found::NoSuchTask => Err("InvalidParameterValue.DataNotFound".into()),
            Found::Scan(run, since_first) => {
                let progress = run.scan.at(since_first.saturating_sub(run.started));
                Ok(Answer::new(self.wall(identity, run.started), &progress, identity.task_ids(run)))
            }
        }
    }

    /// The date of what happens `since_first` after the start of the identity's first scan.
    fn wall(&self, identity: &Identity, since_first: Duration) -> Timestamp {
        let signed = |duration| SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
        let since_start =
            signed(since_first + identity.starts_in).saturating_sub(signed(identity.started_ago));
        self.start.wall.checked_add(since_start).unwrap_or(self.start.wall)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is drawn and counted for one request.
struct Arrival {
    request_id: u128,
    n_in_a_second: usize,
    dice: f64,
    jitter: f64,
}

impl State {
    fn arrive(&mut self, identity: Option<usize>, now: Instant) -> Arrival {
        self.n_arrivals += 1;
        let arrivals = identity.and_then(|index| self.by_identity.get_mut(index));
        Arrival {
            request_id: self.random.u128(..),
            n_in_a_second: arrivals.map_or(1, |arrivals| arrivals.count(now)),
            dice: self.random.f64(),
            jitter: self.random.f64(),
        }
    }
}

fn check_protocol(request: &Request<Bytes>) -> Result<(), Refusal> {
    if request.body().len() > MAX_BODY {
        return Err("RequestSizeLimitExceeded".into());
    }
    let content_type = match *request.method() {
        Method::POST => "application/json",
        Method::GET => "application/x-www-form-urlencoded",
        _ => return Err("UnsupportedProtocol".into()),
    };
    let essence = header(request, "Content-Type")?.split(';').next().unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case(content_type) {
        let message = format!("The Content-Type of a {} must be {content_type}.", request.method());
        return Err(Refusal::new("InvalidRequest", message));
    }
    ["X-TC-Action", "X-TC-Version", "X-TC-Timestamp"]
        .into_iter()
        .try_for_each(|name| header(request, name).map(drop))
}

fn check_operation(request: &Request<Bytes>) -> Result<(), Refusal> {
    if header(request, "X-TC-Version")? != VERSION {
        return Err("NoSuchVersion".into());
    }
    if header(request, "X-TC-Action")? != ACTION {
        return Err("InvalidAction".into());
    }
    Ok(())
}
