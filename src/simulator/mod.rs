//! A stand-in for the API: it checks requests as the API does, and plays scans from a scenario.
//!
//! The core is [`Simulator::respond`]: request and time in, reply out. It has no I/O and no clock, and gives the same
//! replies for the same scenario and requests. [`serve`] puts it on a socket.

use std::{
    borrow::Cow,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request};
use jiff::Timestamp;
use serde_json::Value;

use crate::{domain::Moment, signer::Credentials};

mod actions;
mod authorization;
mod error_codes;
mod issuing;
mod limit;
mod metadata;
mod organization;
mod parameters;
mod reply;
mod scan;
mod scenario;
mod server;
mod situation;
mod speed;
mod stats;
mod sts;
mod temporary;
#[cfg(test)]
mod tests;

use actions::SimulatedAction;
use authorization::{Claim, header};
pub use error_codes::{ERROR_CODES, ErrorCode, STS_ERROR_CODES};
pub use reply::Reply;
use reply::SimulatedError;
pub use scenario::Scenario;
use scenario::ScriptedFailure;
pub use server::serve;
use situation::Situation;
pub use speed::Speed;
use stats::SimulatorState;
pub use stats::{ActionStats, IdentityStats, Stats};
use temporary::Temporary;

/// The `SecretId` of the built-in scenario.
pub const DEFAULT_SECRET_ID: &str = "AKIDsimulated00000000000000000000000";
/// Its `SecretKey`. It gives access to nothing but a simulator.
pub const DEFAULT_SECRET_KEY: &str = "simulatedSecretKey00000000000000";
/// The path of the statistics.
pub const STATS_PATH: &str = "/-/stats";

const SERVICE: &str = "tcss";
const VERSION: &str = "2020-11-01";

/// The largest body that is read, in bytes.
const MAX_BODY: usize = 1024 * 1024;

/// The stand-in API.
#[derive(Debug)]
pub struct Simulator {
    /// Already at the speed at which it is played.
    scenario: Scenario,
    start: Moment,
    state: Mutex<SimulatorState>,
}

impl Simulator {
    /// Starts to play `scenario` at `start`.
    pub fn new(scenario: &Scenario, speed: Speed, start: Moment) -> Simulator {
        let state = Mutex::new(SimulatorState::new(scenario));
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
        if let Some(request) = metadata::MetadataRequest::of(path) {
            return self.metadata(request, now.wall);
        }
        if let Some(action) = organization::action_of(request) {
            return self.organization(request, action, now);
        }
        match sts::StsAction::of(request) {
            Some(action) => self.assume(request, action, now),
            None => self.describe(request, now),
        }
    }

    /// What arrived since the start.
    pub fn stats(&self) -> Stats {
        self.state().stats(&self.scenario)
    }

    fn describe(&self, request: &Request<Bytes>, now: Moment) -> Reply {
        let caller = self.caller(request);
        let identity = match &caller {
            Ok(caller) => Some(caller.index),
            Err(_) => None,
        };
        // A request without an action is refused later, but it has arrived.
        let action = header(request, "X-TC-Action").unwrap_or_default();
        let arrival = self.state().arrive(identity, action, now.monotonic);
        let mut delay = Duration::ZERO;
        if let Some(index) = identity {
            let identity = &self.scenario.identities[index];
            delay = identity.latency + identity.latency_jitter.mul_f64(arrival.jitter);
        }
        let outcome = match caller {
            Err(error) => Err(error),
            Ok(_) if arrival.n_in_a_second > self.scenario.requests_per_second => {
                Err("RequestLimitExceeded".into())
            }
            Ok(caller) => self.answer(request, &caller, now.wall, arrival.dice),
        };
        Reply {
            response: reply::envelope(outcome, arrival.request_id, request),
            delay,
        }
    }

    fn answer(
        &self,
        request: &Request<Bytes>,
        caller: &Caller<'_>,
        now: Timestamp,
        dice: f64,
    ) -> Result<Value, SimulatedError> {
        // Form, caller, version, action, parameters: the order of the checks is not documented.
        check_protocol(request)?;
        caller.verify(request, SERVICE, now)?;
        check_version(request, VERSION)?;
        let Some(action) = SimulatedAction::find(header(request, "X-TC-Action")?) else {
            return Err("InvalidAction".into());
        };
        let identity = &self.scenario.identities[caller.index];
        self.fail(&identity.failures, Some(action.name), now, dice)?;
        let situation = Situation {
            identity,
            start: self.start.wall,
            elapsed: self.elapsed(now),
        };
        action.answer(request, &situation)
    }

    /// The identity that a request claims to come from.
    fn caller<'a>(&'a self, request: &'a Request<Bytes>) -> Result<Caller<'a>, SimulatedError> {
        let claim = Claim::of(request)?;
        for (index, identity) in self.scenario.identities.iter().enumerate() {
            if let Some(credentials) = identity.credentials()
                && credentials.secret_id == claim.secret_id
            {
                return Ok(Caller {
                    claim,
                    index,
                    credentials: Cow::Borrowed(credentials),
                    expires: None,
                });
            }
        }
        // The ID is only a claim here; key and token are checked with the signature.
        if let Some(issued) = Temporary::parse(claim.secret_id)
            && let Some(identity) = self.scenario.identities.get(issued.identity)
            && identity.role().is_some()
        {
            return Ok(Caller {
                claim,
                index: issued.identity,
                credentials: Cow::Owned(issued.credentials(self.scenario.seed)),
                expires: Some(issued.expires),
            });
        }
        Err("AuthFailure.SecretIdNotFound".into())
    }

    /// The first of `failures` that applies now to `action`, if any.
    fn fail(
        &self,
        failures: &[ScriptedFailure],
        action: Option<&str>,
        now: Timestamp,
        dice: f64,
    ) -> Result<(), SimulatedError> {
        let elapsed = self.elapsed(now);
        for failure in failures {
            let is_concerned = failure.action.is_none() || failure.action == action;
            if is_concerned && failure.applies(elapsed, dice) {
                return Err(failure.code.into());
            }
        }
        Ok(())
    }

    fn elapsed(&self, now: Timestamp) -> Duration {
        Duration::try_from(now.duration_since(self.start.wall)).unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, SimulatorState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who claims to have signed a request.
struct Caller<'a> {
    claim: Claim<'a>,
    /// The index of the identity.
    index: usize,
    credentials: Cow<'a, Credentials>,
    /// `None` for long-term keys.
    expires: Option<Timestamp>,
}

impl Caller<'_> {
    fn verify(
        &self,
        request: &Request<Bytes>,
        service: &str,
        now: Timestamp,
    ) -> Result<(), SimulatedError> {
        self.claim
            .verify(request, service, &self.credentials, now)?;
        // After the signature: a stranger must not learn when credentials expire.
        if self.expires.is_some_and(|expires| expires <= now) {
            return Err("AuthFailure.TokenFailure".into());
        }
        Ok(())
    }
}

fn check_protocol(request: &Request<Bytes>) -> Result<(), SimulatedError> {
    // The server replaces larger bodies by one that is just too large.
    if request.body().len() > MAX_BODY {
        return Err("RequestSizeLimitExceeded".into());
    }
    let content_type = match *request.method() {
        Method::POST => "application/json",
        Method::GET => "application/x-www-form-urlencoded",
        _ => return Err("UnsupportedProtocol".into()),
    };
    let header_value = header(request, "Content-Type")?;
    let essence = header_value.split(';').next().unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case(content_type) {
        let message = format!(
            "The Content-Type of a {} must be {content_type}.",
            request.method()
        );
        return Err(SimulatedError::new("InvalidRequest", message));
    }
    for name in ["X-TC-Action", "X-TC-Version", "X-TC-Timestamp"] {
        header(request, name)?;
    }
    Ok(())
}

fn check_version(request: &Request<Bytes>, expected: &str) -> Result<(), SimulatedError> {
    if header(request, "X-TC-Version")? == expected {
        Ok(())
    } else {
        Err("NoSuchVersion".into())
    }
}
