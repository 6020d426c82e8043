//! A stand-in for the API: it checks requests as the API does, and plays scans from a scenario.
//!
//! The core is [`Simulator::respond`]: request and time in, reply out; no I/O and no clock, and the same replies
//! for the same scenario and requests. [`serve`] puts it on a socket.

use std::{
    borrow::Cow,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request};
use jiff::{SignedDuration, Timestamp};

use crate::{domain::Moment, signer::Credentials};

mod authorization;
mod error_codes;
mod issuing;
mod limit;
mod metadata;
mod parameters;
mod reply;
mod scan;
mod scenario;
mod server;
mod speed;
mod stats;
mod sts;
mod temporary;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_issuing;

use authorization::{Claim, header};
pub use error_codes::{ERROR_CODES, ErrorCode, STS_ERROR_CODES};
pub use reply::Reply;
use reply::{Answer, Refusal};
pub use scenario::Scenario;
use scenario::{Failure, Found, Identity};
pub use server::serve;
pub use speed::Speed;
use stats::State;
pub use stats::{IdentityStats, Stats};
use temporary::Temporary;

/// The `SecretId` of the built-in scenario.
pub const DEFAULT_SECRET_ID: &str = "AKIDsimulated00000000000000000000000";
/// Its `SecretKey`. It opens nothing but a simulator.
pub const DEFAULT_SECRET_KEY: &str = "simulatedSecretKey00000000000000";
/// Where the statistics are.
pub const STATS_PATH: &str = "/-/stats";

const SERVICE: &str = "tcss";
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

impl Simulator {
    /// Starts to play `scenario` at `start`.
    pub fn new(scenario: &Scenario, speed: Speed, start: Moment) -> Simulator {
        let state = Mutex::new(State::new(scenario));
        Simulator {
            scenario: scenario.at_speed(speed),
            start,
            state,
        }
    }

    /// Answers `request`, which arrived `now`.
    pub fn respond(&self, request: &Request<Bytes>, now: Moment) -> Reply {
        let path = request.uri().path();
        if path == STATS_PATH {
            return Reply {
                response: reply::json(&self.stats()),
                delay: Duration::ZERO,
            };
        }
        if let Some(ask) = metadata::Ask::of(path) {
            return self.metadata(ask, now.wall);
        }
        match sts::Action::of(request) {
            Some(action) => self.assume(request, action, now.wall),
            None => self.describe(request, now),
        }
    }

    /// What arrived since the start.
    pub fn stats(&self) -> Stats {
        self.state().stats(&self.scenario)
    }

    fn describe(&self, request: &Request<Bytes>, now: Moment) -> Reply {
        let caller = self.caller(request);
        let arrival = self.state().arrive(
            caller.as_ref().ok().map(|caller| caller.index),
            now.monotonic,
        );
        let delay = caller.as_ref().map_or(Duration::ZERO, |caller| {
            let Identity {
                latency,
                latency_jitter,
                ..
            } = &self.scenario.identities[caller.index];
            *latency + latency_jitter.mul_f64(arrival.jitter)
        });
        let outcome = caller.and_then(|caller| {
            if arrival.n_in_a_second > self.scenario.requests_per_second {
                return Err("RequestLimitExceeded".into());
            }
            self.answer(request, &caller, now.wall, arrival.dice)
        });
        Reply {
            response: reply::envelope(outcome, arrival.request_id),
            delay,
        }
    }

    fn answer(
        &self,
        request: &Request<Bytes>,
        caller: &Caller<'_>,
        now: Timestamp,
        dice: f64,
    ) -> Result<Answer, Refusal> {
        check_protocol(request)?;
        caller.verify(request, SERVICE, now)?;
        check_version(request, VERSION)?;
        if header(request, "X-TC-Action")? != ACTION {
            return Err("InvalidAction".into());
        }
        let identity = &self.scenario.identities[caller.index];
        self.fail(&identity.failures, now, dice)?;
        let elapsed = self.elapsed(now);
        match identity.scan(parameters::parse(request)?, elapsed) {
            Found::NotScanned => Ok(Answer::not_scanned()),
            Found::NoSuchTask => Err("InvalidParameterValue.DataNotFound".into()),
            Found::Scan(run, since_first) => {
                let progress = run.scan.at(since_first.saturating_sub(run.started));
                Ok(Answer::new(
                    self.wall(identity, run.started),
                    &progress,
                    identity.task_ids(run),
                ))
            }
        }
    }

    /// Whom the request names, and which identity that is. A caller that is not known has no limit to exceed.
    fn caller<'a>(&'a self, request: &'a Request<Bytes>) -> Result<Caller<'a>, Refusal> {
        let claim = Claim::of(request)?;
        let known = self
            .scenario
            .identities
            .iter()
            .map(Identity::credentials)
            .enumerate();
        let mut known = known.filter_map(|(index, credentials)| Some((index, credentials?)));
        if let Some((index, credentials)) =
            known.find(|(_, credentials)| credentials.secret_id == claim.secret_id)
        {
            return Ok(Caller {
                claim,
                index,
                credentials: Cow::Borrowed(credentials),
                expires: None,
            });
        }
        let temporary = Temporary::parse(claim.secret_id);
        let issued = temporary.filter(|temporary| {
            let identity = self.scenario.identities.get(temporary.identity);
            identity.is_some_and(|identity| identity.role().is_some())
        });
        let issued = issued.ok_or_else(|| Refusal::from("AuthFailure.SecretIdNotFound"))?;
        Ok(Caller {
            claim,
            index: issued.identity,
            credentials: Cow::Owned(issued.credentials(self.scenario.seed)),
            expires: Some(issued.expires),
        })
    }

    /// The first of `failures` that applies now, if any.
    fn fail(&self, failures: &[Failure], now: Timestamp, dice: f64) -> Result<(), Refusal> {
        let elapsed = self.elapsed(now);
        match failures
            .iter()
            .find(|failure| failure.strikes(elapsed, dice))
        {
            Some(failure) => Err(failure.code.into()),
            None => Ok(()),
        }
    }

    fn elapsed(&self, now: Timestamp) -> Duration {
        Duration::try_from(now.duration_since(self.start.wall)).unwrap_or_default()
    }

    /// The date of what happens `since_first` after the start of the identity's first scan.
    fn wall(&self, identity: &Identity, since_first: Duration) -> Timestamp {
        let signed = |duration| SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
        let since_start =
            signed(since_first + identity.starts_in).saturating_sub(signed(identity.started_ago));
        self.start
            .wall
            .checked_add(since_start)
            .unwrap_or(self.start.wall)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who signed a request, or says so.
struct Caller<'a> {
    claim: Claim<'a>,
    /// Of the identity.
    index: usize,
    credentials: Cow<'a, Credentials>,
    /// Of temporary credentials.
    expires: Option<Timestamp>,
}

impl Caller<'_> {
    fn verify(
        &self,
        request: &Request<Bytes>,
        service: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.claim
            .verify(request, service, &self.credentials, now)?;
        if self.expires.is_some_and(|expires| expires <= now) {
            return Err("AuthFailure.TokenFailure".into());
        }
        Ok(())
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
    let essence = header(request, "Content-Type")?
        .split(';')
        .next()
        .unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case(content_type) {
        let message = format!(
            "The Content-Type of a {} must be {content_type}.",
            request.method()
        );
        return Err(Refusal::new("InvalidRequest", message));
    }
    ["X-TC-Action", "X-TC-Version", "X-TC-Timestamp"]
        .into_iter()
        .try_for_each(|name| header(request, name).map(drop))
}

fn check_version(request: &Request<Bytes>, expected: &str) -> Result<(), Refusal> {
    if header(request, "X-TC-Version")? == expected {
        Ok(())
    } else {
        Err("NoSuchVersion".into())
    }
}
