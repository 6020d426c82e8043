//! Which of several replicas exposes the accounts, decided by a Lease of Kubernetes.
//!
//! Every replica polls (hot standby), or only the leader does (cold standby). `elector` decides
//! and is pure; `client` talks to the API server; [`Candidate`] connects the two and tells the
//! rest of the process.
//!
//! An API server that does not answer changes nothing in what a hot replica exposes: a leader that
//! cannot renew its lease goes on until it reads of another. So two replicas may expose the same
//! accounts for a while, and alert rules and dashboards take two instances as one. Only a cold
//! replica stops polling when its lease has expired, and before another can have taken it.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::{
    select,
    time::{sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

mod client;
mod elector;
mod reach;
mod record;

pub use client::{BoxedResponse, ClusterAccess, LeaseClient, LeaseFailure, LeaseHandler};
pub use elector::{LeaseTimes, Standing};
pub use record::LeaseKey;

use client::LeaseError;
use elector::{Elector, NextStep};
use reach::ApiReach;

use crate::{
    domain::{Clock, Moment, format_duration},
    poller::{GateKeeper, Permission},
    store::Store,
    telemetry::LeaseMetrics,
};

/// After a cold replica has become the leader, this many of its jobs poll in a second.
const STARTS_PER_SECOND: u32 = 10;
/// Yet all of them within this time.
const MAX_SPREAD: Duration = Duration::from_mins(1);

/// Requests that fail now and then are logged no more often than this.
const LOG_INTERVAL: Duration = Duration::from_mins(1);
/// An API server that hangs must not hold up the end of the process.
const GIVE_BACK_TIMEOUT: Duration = Duration::from_secs(4);
const NOT_GIVEN_BACK: &str =
    "cannot give the lease back, another replica takes over when it expires";

/// What this replica exposes and says about itself; shared with the web server.
#[derive(Clone, Debug)]
pub struct Leadership {
    shared: Arc<SharedStanding>,
}

#[derive(Debug)]
struct SharedStanding {
    key: LeaseKey,
    identity: String,
    is_cold: bool,
    state: ArcSwap<State>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    standing: Standing,
    has_seen_the_lease: bool,
}

impl Leadership {
    /// A replica whose standing does not change.
    #[cfg(test)]
    pub(crate) fn fixed(standing: Standing) -> Leadership {
        let key = LeaseKey {
            namespace: "default".into(),
            name: "tcss".into(),
        };
        let state = State {
            standing,
            has_seen_the_lease: true,
        };
        Leadership {
            shared: Arc::new(SharedStanding {
                key,
                identity: "pod-a".into(),
                is_cold: false,
                state: ArcSwap::from_pointee(state),
            }),
        }
    }

    /// Whether this replica exposes the accounts.
    pub fn exposes_accounts(&self) -> bool {
        !matches!(self.standing(), Standing::Standby { .. })
    }

    pub fn standing(&self) -> Standing {
        self.shared.state.load().standing.clone()
    }

    /// Whether this replica is ready although it has no data: a cold standby has none.
    pub fn is_ready_without_data(&self) -> bool {
        self.shared.is_cold && self.shared.state.load().has_seen_the_lease
    }

    /// The name of the Lease.
    pub fn lease(&self) -> &str {
        &self.shared.key.name
    }
}

/// What a replica needs to take part in an election.
#[derive(Debug)]
pub struct CandidateSettings {
    pub key: LeaseKey,
    /// Differs from those of all other replicas.
    pub identity: String,
    pub times: LeaseTimes,
    pub client: LeaseClient,
    /// For a cold standby, which polls only while it leads.
    pub gate: Option<GateKeeper>,
    pub store: Arc<Store>,
    pub metrics: LeaseMetrics,
    pub clock: Clock,
}

/// Takes part in the election until it is stopped.
#[derive(Debug)]
pub struct Candidate {
    elector: Elector,
    times: LeaseTimes,
    client: LeaseClient,
    gate: Option<GateKeeper>,
    store: Arc<Store>,
    reach: ApiReach,
    metrics: LeaseMetrics,
    clock: Clock,
    leadership: Leadership,
    log: FailureLog,
    has_warned_of_twin: bool,
}

impl Candidate {
    pub fn new(settings: CandidateSettings) -> Candidate {
        let CandidateSettings {
            key,
            identity,
            times,
            client,
            gate,
            store,
            metrics,
            clock,
        } = settings;
        let now = clock.now();
        let elector = Elector::new(key.clone(), identity.clone(), times, now);
        let state = State {
            standing: elector.standing(now),
            has_seen_the_lease: false,
        };
        metrics.set_leader(false);
        Candidate {
            elector,
            times,
            client,
            store,
            reach: ApiReach::default(),
            metrics,
            clock,
            leadership: Leadership {
                shared: Arc::new(SharedStanding {
                    key,
                    identity,
                    is_cold: gate.is_some(),
                    state: ArcSwap::from_pointee(state),
                }),
            },
            gate,
            log: FailureLog::default(),
            has_warned_of_twin: false,
        }
    }

    pub fn leadership(&self) -> Leadership {
        self.leadership.clone()
    }

    /// Takes part until `stop`, and then gives the lease back, so that another replica need not wait
    /// until it expires.
    pub async fn run(mut self, stop: CancellationToken) {
        let stopped = stop.cancelled();
        let mut stopped = std::pin::pin!(stopped);
        loop {
            select! {
                // A request that is under way is dropped. What came of it shows when the lease is
                // given back.
                () = &mut stopped => break,
                () = self.step() => {}
            }
            self.publish();
        }
        let lease = self.leadership.lease().to_owned();
        if timeout(GIVE_BACK_TIMEOUT, self.give_back()).await.is_err() {
            tracing::warn!(lease, "{NOT_GIVEN_BACK}");
        }
    }

    /// Waits, or sends one request.
    async fn step(&mut self) {
        let now = self.clock.now();
        let local = self.local_state(now);
        match self.elector.next(now, local) {
            NextStep::Wait(until) => {
                let mut until = until;
                // A standing also ends by time alone, without a request that would end this wait.
                // Only the end of a step publishes it.
                if let Some(change) = self.elector.standing_expires()
                    && change > now.monotonic
                {
                    until = until.min(change);
                }
                sleep_until(until).await;
            }
            NextStep::Read => {
                let result = self.client.read().await;
                self.has_read(now, result);
            }
            NextStep::Write(record) => {
                if let Some(gate) = &self.gate
                    && record.holder().is_empty()
                {
                    // Another replica may poll as soon as the lease is free.
                    gate.close().await;
                }
                let result = self.client.write(&record).await;
                self.has_written(now, result);
            }
        }
    }

    fn local_state(&mut self, now: Moment) -> elector::LocalState {
        let mut local = self.reach.state(&self.store, now);
        if self.gate.is_some() && self.elector.confirmed().is_none() {
            // A cold standby makes no polls that could say anything.
            local.can_serve = true;
        }
        local
    }

    fn has_read(&mut self, sent: Moment, result: Result<Option<record::LeaseRecord>, LeaseError>) {
        let now = self.clock.now();
        match result {
            Ok(record) => {
                self.elector.has_read(now, record);
                self.log.succeeded(now);
            }
            Err(error) => self.has_failed(sent, now, &error),
        }
    }

    fn has_written(&mut self, sent: Moment, result: Result<record::LeaseRecord, LeaseError>) {
        let now = self.clock.now();
        match result {
            Ok(record) => {
                self.elector.has_written(sent, now, record);
                self.log.succeeded(now);
            }
            Err(error) => self.has_failed(sent, now, &error),
        }
    }

    fn has_failed(&mut self, sent: Moment, now: Moment, error: &LeaseError) {
        self.elector.has_failed(sent, now, error.rejection());
        self.metrics.failed(error.reason.as_str());
        self.log.failed(now, error);
    }

    /// Tells the rest of the process.
    fn publish(&mut self) {
        let now = self.clock.now();
        let state = State {
            standing: self.elector.standing(now),
            has_seen_the_lease: self.elector.has_seen_the_lease(),
        };
        if let Some(gate) = &self.gate {
            // Before the early return below: a renewal extends the permission, but does not change
            // the state.
            gate.set(self.permission(&state.standing));
        }
        if let Some(renewal) = self.elector.last_renewal() {
            self.metrics.set_last_renewal(renewal);
        }
        self.metrics.set_changes(self.elector.holder_changes());
        if self.elector.has_twin() && !self.has_warned_of_twin {
            self.has_warned_of_twin = true;
            let identity = &self.leadership.shared.identity;
            tracing::error!(
                identity,
                "another process uses the same identity, set --ha.identity to a different value for each"
            );
        }
        let shared = &self.leadership.shared;
        let before = shared.state.load_full();
        if *before == state {
            return;
        }
        log_change(shared, &before.standing, &state.standing);
        shared.state.store(Arc::new(state));
        self.metrics.set_leader(self.leadership.exposes_accounts());
    }

    /// What a cold replica may do.
    fn permission(&self, standing: &Standing) -> Permission {
        match (standing, self.elector.confirmed()) {
            (Standing::Leader, Some(renewed)) => Permission::Until {
                renewed,
                valid_for: self.times.confirmed(),
                spread: self.spread(),
            },
            // Another replica may have polled since, so the data must not be exposed when this one
            // leads again.
            (Standing::Standby { .. }, _) => Permission::Forbidden,
            // This replica has the lease, or no other has been seen to take it: its data may still
            // be the latest.
            _ => Permission::Suspended,
        }
    }

    fn spread(&self) -> Duration {
        let n_jobs = u32::try_from(self.store.table().jobs.len()).unwrap_or(u32::MAX);
        MAX_SPREAD.min(Duration::from_secs(1).saturating_mul(n_jobs) / STARTS_PER_SECOND)
    }

    async fn give_back(mut self) {
        if let Some(gate) = &self.gate {
            // Only now may another replica poll.
            gate.close().await;
        }
        // The second attempt is against the version that the first was refused for.
        for _ in 0..2 {
            let now = self.clock.now();
            // This replica does not hold the lease. Writing would take it from the replica that
            // does.
            let Some(record) = self.elector.release(now) else {
                return;
            };
            match self.client.write(&record).await {
                Ok(_) => {
                    tracing::info!(lease = self.leadership.lease(), "gave the lease back");
                    return;
                }
                Err(error) => tracing::debug!(
                    reason = error.reason.as_str(),
                    error = error.message,
                    "cannot give the lease back"
                ),
            }
            let Ok(record) = self.client.read().await else {
                break;
            };
            self.elector.has_read(self.clock.now(), record);
        }
        tracing::warn!(lease = self.leadership.lease(), "{NOT_GIVEN_BACK}");
    }
}

fn log_change(shared: &SharedStanding, before: &Standing, after: &Standing) {
    let lease = &shared.key.name;
    let identity = &shared.identity;
    match (before, after) {
        (Standing::Unconfirmed, Standing::Leader) => {
            tracing::info!(lease, identity, "the lease is renewed again");
        }
        (_, Standing::Leader) => {
            tracing::info!(lease, identity, "became the leader, exposing the accounts");
        }
        (_, Standing::Unconfirmed) if shared.is_cold => {
            tracing::warn!(
                lease,
                identity,
                "the lease could not be renewed in time, polls are suspended"
            );
        }
        (_, Standing::Unconfirmed) => {
            tracing::warn!(
                lease,
                identity,
                "the lease could not be renewed in time, exposing the accounts until there is another leader"
            );
        }
        (_, Standing::Offering) => {
            tracing::warn!(
                lease,
                identity,
                "no poll has reached the API for a minute, offering the lease to another replica"
            );
        }
        (
            Standing::Standby { leader: None },
            Standing::Standby {
                leader: Some(leader),
            },
        ) => {
            tracing::info!(lease, identity, leader, "another replica is the leader");
        }
        (Standing::Standby { .. }, Standing::Standby { .. }) => {}
        (_, Standing::Standby { leader }) => {
            let leader = leader.as_deref();
            tracing::info!(
                lease,
                identity,
                leader,
                "stopped leading, no longer exposing the accounts"
            );
        }
    }
}

/// Logs when requests begin to fail, and when they succeed again.
#[derive(Debug, Default)]
struct FailureLog {
    failing_since: Option<Moment>,
    /// Whether the failures since then were logged.
    is_logged: bool,
    /// When each reason was last logged.
    logged: Vec<(LeaseFailure, Moment)>,
}

impl FailureLog {
    fn failed(&mut self, now: Moment, error: &LeaseError) {
        let reason = error.reason.as_str();
        let message = &error.message;
        // Replicas that write at the same time are normal.
        let is_failure = error.reason != LeaseFailure::Conflict;
        // A single failure is made up for by the next attempt.
        let is_lasting = self.failing_since.is_some();
        if is_failure {
            self.failing_since.get_or_insert(now);
        }
        if !is_failure || !is_lasting || !self.is_due(now, error.reason) {
            tracing::debug!(reason, error = message, "request to the API server failed");
            return;
        }
        self.is_logged = true;
        let advice = error.reason.advice();
        tracing::error!(
            reason,
            error = message,
            advice,
            "cannot read or renew the lease"
        );
    }

    /// Whether to log `reason`: once while requests fail, and not again within a minute if they
    /// succeed now and then.
    fn is_due(&mut self, now: Moment, reason: LeaseFailure) -> bool {
        let since = self.failing_since.unwrap_or(now);
        for (logged, at) in &mut self.logged {
            if *logged != reason {
                continue;
            }
            let is_old = at.monotonic < since.monotonic && now.age_of(*at) >= LOG_INTERVAL;
            if is_old {
                *at = now;
            }
            return is_old;
        }
        self.logged.push((reason, now));
        true
    }

    fn succeeded(&mut self, now: Moment) {
        let Some(since) = self.failing_since.take() else {
            return;
        };
        if std::mem::take(&mut self.is_logged) {
            let failed_for = format_duration(now.age_of(since));
            tracing::info!(failed_for, "the API server answers again");
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn logged(failures: &[(u64, Option<LeaseFailure>)]) -> Vec<u64> {
        let start = Clock::starting_at(Timestamp::from_second(1_764_000_000).unwrap()).now();
        let mut log = FailureLog::default();
        let mut lines = Vec::new();
        for (second, failure) in failures {
            let now = start.after(Duration::from_secs(*second));
            let Some(reason) = failure else {
                log.succeeded(now);
                continue;
            };
            let before = log.logged.clone();
            log.failed(now, &LeaseError::new(*reason, "no"));
            if log.logged != before {
                lines.push(*second);
            }
        }
        lines
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_logged_once_while_they_last() {
        use LeaseFailure::{Conflict, Network, Timeout};
        let outage: Vec<_> = (0..3_600).map(|second| (second, Some(Network))).collect();
        assert_eq!(logged(&outage), [1], "from the second on");
        let alternating: Vec<_> = (0..3_600)
            .map(|second| {
                (
                    second,
                    Some(if second % 2 == 0 { Network } else { Timeout }),
                )
            })
            .collect();
        assert_eq!(logged(&alternating), [1, 2]);
        let conflicts: Vec<_> = (0..100).map(|second| (second, Some(Conflict))).collect();
        assert_eq!(logged(&conflicts), [0; 0]);
        let single: Vec<_> = (0..100)
            .map(|second| (second, (second % 2 == 0).then_some(Network)))
            .collect();
        assert_eq!(logged(&single), [0; 0]);
        // Two of three fail.
        let flapping: Vec<_> = (0..300)
            .map(|second| (second, (second % 3 != 0).then_some(Network)))
            .collect();
        assert_eq!(logged(&flapping).len(), 5, "once a minute");
    }
}
