//! What arrives and is issued, counted; and what is drawn by chance for each request.

use std::collections::BTreeMap;

use serde::Serialize;
use tokio::time::Instant;

use super::{limit::Arrivals, scenario::Scenario, sts::Action};

/// What arrived since the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Requests, whatever the answer; those of unknown callers too, but none of the three below.
    pub arrivals: u64,
    /// Requests to STS.
    pub assume_role: u64,
    /// Requests to STS.
    pub assume_role_with_web_identity: u64,
    /// Requests to the metadata service; one renewal takes one or two.
    pub metadata: u64,
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
    /// How often temporary credentials of its role were issued.
    pub issued: u64,
}

#[derive(Debug)]
pub(super) struct State {
    random: fastrand::Rng,
    n_arrivals: u64,
    n_assume_role: u64,
    n_assume_role_with_web_identity: u64,
    n_metadata: u64,
    /// In the order of the identities.
    by_identity: Vec<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    arrivals: Arrivals,
    n_issued: u64,
}

/// What is drawn and counted for one request.
pub(super) struct Arrival {
    pub(super) request_id: u128,
    pub(super) n_in_a_second: usize,
    pub(super) dice: f64,
    pub(super) jitter: f64,
}

impl State {
    pub(super) fn new(scenario: &Scenario) -> State {
        State {
            random: fastrand::Rng::with_seed(scenario.seed),
            n_arrivals: 0,
            n_assume_role: 0,
            n_assume_role_with_web_identity: 0,
            n_metadata: 0,
            by_identity: scenario
                .identities
                .iter()
                .map(|_| Counts::default())
                .collect(),
        }
    }

    pub(super) fn arrive(&mut self, identity: Option<usize>, now: Instant) -> Arrival {
        self.n_arrivals += 1;
        let counts = identity.and_then(|index| self.by_identity.get_mut(index));
        let n_in_a_second = counts.map_or(1, |counts| counts.arrivals.count(now));
        Arrival {
            n_in_a_second,
            ..self.draw()
        }
    }

    pub(super) fn arrive_at_sts(&mut self, action: Action) -> Arrival {
        match action {
            Action::AssumeRole => self.n_assume_role += 1,
            Action::AssumeRoleWithWebIdentity => self.n_assume_role_with_web_identity += 1,
        }
        self.draw()
    }

    pub(super) fn arrive_at_metadata(&mut self) -> Arrival {
        self.n_metadata += 1;
        self.draw()
    }

    /// Counts credentials of an identity's role.
    pub(super) fn issue(&mut self, identity: usize) {
        if let Some(counts) = self.by_identity.get_mut(identity) {
            counts.n_issued += 1;
        }
    }

    fn draw(&mut self) -> Arrival {
        Arrival {
            request_id: self.random.u128(..),
            n_in_a_second: 1,
            dice: self.random.f64(),
            jitter: self.random.f64(),
        }
    }

    pub(super) fn stats(&self, scenario: &Scenario) -> Stats {
        let of = |counts: &Counts| IdentityStats {
            arrivals: counts.arrivals.total(),
            most_in_one_second: counts.arrivals.most_in_a_second(),
            issued: counts.n_issued,
        };
        let names = scenario
            .identities
            .iter()
            .map(|identity| identity.name.clone());
        Stats {
            arrivals: self.n_arrivals,
            assume_role: self.n_assume_role,
            assume_role_with_web_identity: self.n_assume_role_with_web_identity,
            metadata: self.n_metadata,
            identities: names.zip(self.by_identity.iter().map(of)).collect(),
        }
    }
}
