//! Counts what arrives and is issued, and draws random numbers for each request.

use std::collections::BTreeMap;

use serde::Serialize;
use tokio::time::Instant;

use super::{
    actions::SimulatedAction, limit::Arrivals, organization, scenario::Scenario, sts::StsAction,
};

/// Requests for an action that does not exist share one limit and one entry, so that made-up names take no memory.
const OTHER: &str = "other";

/// What arrived since the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Requests to the API, refused ones and those of unknown callers included.
    pub arrivals: u64,
    /// Requests to STS.
    pub assume_role: u64,
    /// The most of them in any sliding second.
    pub assume_role_most_in_one_second: usize,
    /// Requests to STS.
    pub assume_role_with_web_identity: u64,
    /// Requests to the metadata service; one refresh takes one or two.
    pub metadata: u64,
    /// By the name of the identity.
    pub identities: BTreeMap<String, IdentityStats>,
}

/// What arrived from one identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IdentityStats {
    /// Refused requests included.
    pub arrivals: u64,
    /// The most arrivals in any sliding second, of all actions together; 10 000 may be more.
    pub most_in_one_second: usize,
    /// How often temporary credentials of its role were issued.
    pub issued: u64,
    /// By the name of the action, or `other`. The limit applies to each.
    pub actions: BTreeMap<&'static str, ActionStats>,
}

/// What arrived from one identity for one action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ActionStats {
    pub arrivals: u64,
    pub most_in_one_second: usize,
}

fn known_action(name: &str) -> &'static str {
    if let Some(action) = SimulatedAction::find(name) {
        return action.name;
    }
    let known = organization::ACTIONS.into_iter();
    known
        .into_iter()
        .find(|known| *known == name)
        .unwrap_or(OTHER)
}

#[derive(Debug)]
pub(super) struct SimulatorState {
    random: fastrand::Rng,
    n_arrivals: u64,
    assume_role: Arrivals,
    n_assume_role_with_web_identity: u64,
    n_metadata: u64,
    /// In the order of the identities.
    identities: Vec<IdentityCounts>,
}

#[derive(Debug, Default)]
struct IdentityCounts {
    all: Arrivals,
    by_action: BTreeMap<&'static str, Arrivals>,
    n_issued: u64,
}

/// What is counted and drawn for one request.
pub(super) struct Arrival {
    pub(super) request_id: u128,
    /// Of its identity and action, itself included.
    pub(super) n_in_a_second: usize,
    pub(super) dice: f64,
    pub(super) jitter: f64,
}

impl SimulatorState {
    pub(super) fn new(scenario: &Scenario) -> SimulatorState {
        let mut identities = Vec::new();
        identities.resize_with(scenario.identities.len(), IdentityCounts::default);
        SimulatorState {
            random: fastrand::Rng::with_seed(scenario.seed),
            n_arrivals: 0,
            assume_role: Arrivals::default(),
            n_assume_role_with_web_identity: 0,
            n_metadata: 0,
            identities,
        }
    }

    /// Counts a request for `action`, whether such an action exists or not. Unknown callers have no limit.
    pub(super) fn arrive(
        &mut self,
        identity: Option<usize>,
        action: &str,
        now: Instant,
    ) -> Arrival {
        self.n_arrivals += 1;
        // Drawn for every request, known caller or not, so that the same requests get the same
        // numbers.
        let mut arrival = self.draw();
        if let Some(index) = identity
            && let Some(counts) = self.identities.get_mut(index)
        {
            // The text comes from outside.
            let action = known_action(action);
            // Counted before the limit is applied, since refused requests count as well.
            counts.all.count(now);
            arrival.n_in_a_second = counts.by_action.entry(action).or_default().count(now);
        }
        arrival
    }

    pub(super) fn arrive_at_sts(&mut self, action: StsAction, now: Instant) -> Arrival {
        match action {
            StsAction::AssumeRole => {
                self.assume_role.count(now);
            }
            StsAction::AssumeRoleWithWebIdentity => self.n_assume_role_with_web_identity += 1,
        }
        self.draw()
    }

    pub(super) fn arrive_at_metadata(&mut self) -> Arrival {
        self.n_metadata += 1;
        self.draw()
    }

    /// Counts credentials of an identity's role.
    pub(super) fn issue(&mut self, identity: usize) {
        if let Some(counts) = self.identities.get_mut(identity) {
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
        let mut identities = BTreeMap::new();
        for (identity, counts) in scenario.identities.iter().zip(&self.identities) {
            identities.insert(identity.name.clone(), counts.stats());
        }
        Stats {
            arrivals: self.n_arrivals,
            assume_role: self.assume_role.total(),
            assume_role_most_in_one_second: self.assume_role.most_in_a_second(),
            assume_role_with_web_identity: self.n_assume_role_with_web_identity,
            metadata: self.n_metadata,
            identities,
        }
    }
}

impl IdentityCounts {
    fn stats(&self) -> IdentityStats {
        let mut actions = BTreeMap::new();
        for (action, arrivals) in &self.by_action {
            let stats = ActionStats {
                arrivals: arrivals.total(),
                most_in_one_second: arrivals.most_in_a_second(),
            };
            actions.insert(*action, stats);
        }
        IdentityStats {
            arrivals: self.all.total(),
            most_in_one_second: self.all.most_in_a_second(),
            issued: self.n_issued,
            actions,
        }
    }
}
