//! When a request may leave.
//!
//! The API counts requests per access region, calling identity and action, by arrival, so there is one [`Lane`]
//! for each of those and everything that shares it queues there. A [`Slot`] is the right to send one request;
//! only a lane makes one, and the client sends nothing without.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::domain::{Endpoint, Rate};

mod budget;
mod seat;
mod slots;
mod slowdown;

use budget::RetryBudget;
pub use seat::{Seat, Taken};
use slots::{Slots, Ticket};
use slowdown::Slowdown;

/// What the API counts by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LaneKey {
    /// The access region.
    pub endpoint: Endpoint,
    /// Who calls: the `SecretId` of a long-term key, the role of temporary ones.
    pub identity: String,
    /// The API action.
    pub action: &'static str,
}

/// Every lane there has been. None is ever dropped: what has left through it still counts after a reload.
#[derive(Debug, Default)]
pub struct Lanes(Mutex<HashMap<LaneKey, Arc<Lane>>>);

impl Lanes {
    /// Joins the lane of `key`, whose rate is the lowest that any present member wants.
    pub fn join(&self, key: LaneKey, rate: Rate) -> Membership {
        let mut lanes = lock(&self.0);
        let lane = Arc::clone(lanes.entry(key).or_default());
        *lane.wanted().entry(rate).or_default() += 1;
        Membership { lane, rate }
    }
}

/// A member's hold on its lane; the rate it wants counts until this is dropped.
#[derive(Debug)]
pub struct Membership {
    lane: Arc<Lane>,
    rate: Rate,
}

impl Membership {
    /// The lane.
    pub fn lane(&self) -> &Lane {
        &self.lane
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut wanted = self.lane.wanted();
        let Some(n_members) = wanted.get_mut(&self.rate) else {
            return;
        };
        *n_members -= 1;
        if *n_members == 0 {
            wanted.remove(&self.rate);
        }
    }
}

/// One queue for everything that the API counts together.
#[derive(Debug, Default)]
pub struct Lane {
    /// How many members want which rate. Ten thousand may be members, and each of them asks for the pace.
    wanted: Mutex<BTreeMap<Rate, usize>>,
    slots: Slots,
    slowdown: Mutex<Slowdown>,
    budget: Mutex<RetryBudget>,
}

/// The right to send one request, now. Kept until the request has ended.
#[derive(Debug)]
pub struct Slot {
    departure: Instant,
    waited: Duration,
    _ticket: Ticket,
}

impl Slot {
    /// When the request leaves.
    pub fn departure(&self) -> Instant {
        self.departure
    }

    /// How long it waited for its turn.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

impl Lane {
    /// Waits for a turn, first come first served. Whoever stops waiting leaves no gap.
    pub async fn slot(&self) -> Slot {
        let asked = Instant::now();
        let pace = || self.pace(Instant::now());
        let (departure, ticket) = self.slots.next(pace).await;
        Slot {
            departure,
            waited: departure.saturating_duration_since(asked),
            _ticket: ticket,
        }
    }

    /// The pace in force, in requests per second.
    pub fn requests_per_second(&self, now: Instant) -> f64 {
        self.pace(now).requests_per_second()
    }

    /// The API throttled the request that left at `departure`: the rate halves, and climbs back slowly.
    /// What left before the last halving tells nothing new.
    pub fn throttled(&self, departure: Instant) {
        lock(&self.slowdown).throttled(departure, Instant::now());
    }

    /// A poll begins, and pays into the retry budget.
    pub fn poll_begins(&self) {
        lock(&self.budget).deposit();
    }

    /// Takes one retry from the budget, if there is one.
    pub fn take_retry(&self) -> bool {
        lock(&self.budget).withdraw()
    }

    fn limit(&self) -> Rate {
        self.wanted()
            .first_key_value()
            .map_or(Rate::DEFAULT, |(rate, _)| *rate)
    }

    fn pace(&self, now: Instant) -> Pace {
        Pace::of(self.limit(), lock(&self.slowdown).factor(now))
    }

    fn wanted(&self) -> std::sync::MutexGuard<'_, BTreeMap<Rate, usize>> {
        lock(&self.wanted)
    }
}

/// A poisoned lock is entered all the same: a panic ends the process anyway.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How densely requests leave.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// At most this many in any second.
    limit: usize,
    /// Between two departures.
    period: Duration,
}

impl Pace {
    fn of(limit: Rate, factor: f64) -> Pace {
        Pace {
            limit: limit.per_second() as usize,
            period: limit.period().div_f64(factor),
        }
    }

    fn requests_per_second(self) -> f64 {
        1.0 / self.period.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> LaneKey {
        LaneKey {
            endpoint: Endpoint::parse(Endpoint::DEFAULT, false).unwrap(),
            identity: "id".into(),
            action: "Describe",
        }
    }

    fn rate(requests: u32) -> Rate {
        Rate::new(requests).unwrap()
    }

    fn rounded(lane: &Lane) -> f64 {
        (lane.requests_per_second(Instant::now()) * 100.0).round() / 100.0
    }

    #[test]
    fn the_highest_pace_is_nineteen_and_a_half() {
        let lanes = Lanes::default();
        let member = lanes.join(key(), rate(20));
        assert!((member.lane().requests_per_second(Instant::now()) - 19.5).abs() < 1e-3);
    }

    #[test]
    fn the_most_careful_member_sets_the_rate_while_it_is_there() {
        let lanes = Lanes::default();
        let fast = lanes.join(key(), rate(20));
        let slow = [4, 4].map(|requests| lanes.join(key(), rate(requests)));
        assert!((rounded(fast.lane()) - 3.9).abs() < 1e-9);
        for slow in slow {
            assert!((rounded(fast.lane()) - 3.9).abs() < 1e-9);
            drop(slow);
        }
        assert!((rounded(fast.lane()) - 19.5).abs() < 1e-9);
    }

    #[tokio::test(start_paused = true)]
    async fn leaving_and_joining_again_does_not_start_afresh() {
        let lanes = Lanes::default();
        let mut departures = Vec::new();
        for _ in 0..10 {
            let member = lanes.join(key(), rate(1));
            departures.push(member.lane().slot().await.departure());
        }
        for pair in departures.windows(2) {
            assert!(pair[1] - pair[0] > Duration::from_secs(1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiter_that_gives_up_leaves_no_gap() {
        let lanes = Lanes::default();
        let member = lanes.join(key(), rate(1));
        let lane = member.lane();
        let first = lane.slot().await.departure();
        assert!(
            tokio::time::timeout(Duration::from_millis(100), lane.slot())
                .await
                .is_err()
        );
        let next = lane.slot().await;
        assert!(next.departure() - first < Duration::from_millis(1_100));
    }
}
