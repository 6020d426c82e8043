//! When a request may be sent.
//!
//! The API counts requests per access region, calling identity and action, when they arrive. So
//! there is one [`Limiter`] for each of those, and everything that shares it queues there. A
//! [`Permit`] is the right to send one request; only a limiter makes one, and the client sends
//! nothing without.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tokio::{sync::oneshot, time::Instant};

use crate::{
    domain::{Endpoint, Rate},
    sync::lock,
};

mod budget;
mod departures;
mod slowdown;

use budget::RetryBudget;
use departures::Departures;
use slowdown::Slowdown;

/// What the API counts by: access region, calling identity and action. The identity is the
/// `SecretId` of a long-term key, or the role of temporary ones.
type Key = (Endpoint, String, &'static str);

/// All limiters. They outlive their members for a while: what was sent through them still counts
/// after a reload.
#[derive(Debug, Default)]
pub struct Limiters(Mutex<HashMap<Key, Arc<Limiter>>>);

impl Limiters {
    /// Joins the limiter of `identity`, whose rate is the lowest that a current member wants.
    pub fn join(
        &self,
        endpoint: &Endpoint,
        identity: &str,
        action: &'static str,
        rate: Rate,
    ) -> Member {
        let key = (endpoint.clone(), identity.to_owned(), action);
        let limiter = Arc::clone(lock(&self.0).entry(key).or_default());
        *lock(&limiter.wanted).entry(rate).or_default() += 1;
        Member {
            limiter,
            identity: identity.to_owned(),
            rate,
        }
    }

    /// Drops the limiters that no member uses any more, once what was sent through them no longer
    /// matters.
    pub fn drop_unused(&self) {
        lock(&self.0).retain(|_, limiter| {
            // No member can join meanwhile: that takes the lock of the map.
            let is_used = Arc::strong_count(limiter) > 1;
            let last = *lock(&limiter.last_departure);
            is_used || last.is_some_and(|last| last.elapsed() < MEMORY)
        });
    }
}

/// How long a limiter without members is kept: its slowdown recovers within this time.
const MEMORY: Duration = Duration::from_mins(5);

/// Limits everything that the API counts together.
#[derive(Debug, Default)]
pub struct Limiter {
    /// How many members want which rate: ten thousand may be members, and each asks for the rate.
    wanted: Mutex<BTreeMap<Rate, usize>>,
    departures: tokio::sync::Mutex<Departures>,
    last_departure: Mutex<Option<Instant>>,
    slowdown: Mutex<Slowdown>,
    budget: Mutex<RetryBudget>,
}

/// A member of a limiter; the rate that it wants counts until it is dropped.
#[derive(Debug)]
pub struct Member {
    limiter: Arc<Limiter>,
    identity: String,
    rate: Rate,
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut wanted = lock(&self.limiter.wanted);
        let Some(n_members) = wanted.get_mut(&self.rate) else {
            return;
        };
        *n_members -= 1;
        if *n_members == 0 {
            wanted.remove(&self.rate);
        }
    }
}

/// The right to send one request, now. Keep it until the request has ended.
#[derive(Debug)]
pub struct Permit {
    departure: Instant,
    waited: Duration,
    ended: Option<oneshot::Sender<Instant>>,
}

impl Permit {
    /// When the request is sent.
    pub fn departure(&self) -> Instant {
        self.departure
    }

    /// How long the rate limiter made it wait.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(ended) = self.ended.take() {
            // The limiter may have forgotten the request after its rate was lowered.
            let _ = ended.send(Instant::now());
        }
    }
}

impl Member {
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Waits for a permit, in the order of the calls. A caller that stops waiting leaves no gap.
    pub async fn acquire(&self) -> Permit {
        let called = Instant::now();
        // The lock is fair and is held while waiting: it is the queue.
        let mut departures = self.limiter.departures.lock().await;
        // Read after the wait: throttling may have lowered the rate in the meantime.
        let (rate, factor) = self.limiter.current(Instant::now());
        let (departure, ended) = departures.next(rate, factor).await;
        *lock(&self.limiter.last_departure) = Some(departure);
        let waited = departure.saturating_duration_since(called);
        Permit {
            departure,
            waited,
            ended: Some(ended),
        }
    }

    /// The rate limit in force, in requests per second.
    pub fn requests_per_second(&self, now: Instant) -> f64 {
        let (rate, factor) = self.limiter.current(now);
        requests_per_second(rate, factor)
    }

    /// The API throttled the request that was sent at `departure`: the rate is halved and recovers
    /// slowly.
    pub fn throttled(&self, departure: Instant) {
        lock(&self.limiter.slowdown).throttled(departure, Instant::now());
    }

    /// A poll starts, and adds to the retry budget.
    pub fn poll_started(&self) {
        lock(&self.limiter.budget).deposit();
    }

    /// Takes one retry from the budget, if there is one.
    pub fn take_retry(&self) -> bool {
        lock(&self.limiter.budget).withdraw()
    }
}

impl Limiter {
    /// The rate, and the share of it that is in force after throttling.
    fn current(&self, now: Instant) -> (Rate, f64) {
        // The map is sorted, so the first rate is the lowest.
        let lowest = lock(&self.wanted).keys().next().copied();
        (
            lowest.unwrap_or(Rate::DEFAULT),
            lock(&self.slowdown).factor(now),
        )
    }
}

/// The limiter that one account uses for one action. Which one that is depends on the identity of
/// its credentials, which may be known only later and may change.
#[derive(Debug)]
pub struct AccountLimiter {
    limiters: Arc<Limiters>,
    endpoint: Endpoint,
    action: &'static str,
    rate: Rate,
    member: ArcSwapOption<Member>,
}

impl AccountLimiter {
    /// A member of no limiter yet.
    pub fn new(
        limiters: Arc<Limiters>,
        endpoint: Endpoint,
        action: &'static str,
        rate: Rate,
    ) -> AccountLimiter {
        AccountLimiter {
            limiters,
            endpoint,
            action,
            rate,
            member: ArcSwapOption::empty(),
        }
    }

    /// The account's membership in the limiter of `identity`; it leaves any other.
    pub fn member(&self, identity: &str) -> Arc<Member> {
        let current = self.member.load_full();
        if let Some(member) = current
            && member.identity == identity
        {
            return member;
        }
        // Joined before the old membership is dropped. Two concurrent calls may both join; the
        // membership that loses is dropped again, which is harmless.
        let member = self
            .limiters
            .join(&self.endpoint, identity, self.action, self.rate);
        let member = Arc::new(member);
        self.member.store(Some(Arc::clone(&member)));
        member
    }

    /// The rate limit in force, in requests per second; the configured one while the identity is
    /// not known.
    pub fn requests_per_second(&self, now: Instant) -> f64 {
        match &*self.member.load() {
            Some(member) => member.requests_per_second(now),
            None => requests_per_second(self.rate, 1.0),
        }
    }
}

fn requests_per_second(rate: Rate, factor: f64) -> f64 {
    factor / rate.period().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> Endpoint {
        Endpoint::parse(Endpoint::DEFAULT, false).unwrap()
    }

    fn join(limiters: &Limiters, requests: u32) -> Member {
        limiters.join(&endpoint(), "id", "Describe", Rate::new(requests).unwrap())
    }

    fn account(limiters: &Arc<Limiters>, requests: u32) -> AccountLimiter {
        let rate = Rate::new(requests).unwrap();
        AccountLimiter::new(Arc::clone(limiters), endpoint(), "Describe", rate)
    }

    fn rounded(requests_per_second: f64) -> f64 {
        (requests_per_second * 10.0).round() / 10.0
    }

    fn rate_of(member: &Member) -> f64 {
        rounded(member.requests_per_second(Instant::now()))
    }

    #[test]
    fn the_highest_rate_is_nineteen_and_a_half() {
        let member = join(&Limiters::default(), 20);
        assert!((member.requests_per_second(Instant::now()) - 19.5).abs() < 1e-3);
    }

    #[test]
    fn the_lowest_rate_that_a_member_wants_is_in_force_while_it_is_one() {
        let limiters = Limiters::default();
        let fast = join(&limiters, 20);
        let slow = [join(&limiters, 4), join(&limiters, 4)];
        assert_eq!(rate_of(&fast), 3.9);
        for slow in slow {
            assert_eq!(rate_of(&fast), 3.9);
            drop(slow);
        }
        assert_eq!(rate_of(&fast), 19.5);
    }

    #[test]
    fn an_account_changes_its_limiter_with_its_identity() {
        let limiters = Arc::new(Limiters::default());
        let (fast, slow) = (account(&limiters, 20), account(&limiters, 4));
        let rates = || {
            let now = Instant::now();
            (
                rounded(fast.requests_per_second(now)),
                rounded(slow.requests_per_second(now)),
            )
        };
        let first = fast.member("other");
        assert_eq!(rates(), (19.5, 3.9));
        slow.member("one");
        assert!(
            Arc::ptr_eq(&first, &fast.member("other")),
            "the identity is the same"
        );
        fast.member("one");
        assert_eq!(rates(), (3.9, 3.9), "they share a limiter");
        slow.member("another");
        assert_eq!(rates(), (19.5, 3.9), "they share it no longer");
    }

    #[tokio::test(start_paused = true)]
    async fn leaving_and_joining_again_does_not_start_afresh() {
        let limiters = Limiters::default();
        let mut departures = Vec::new();
        for _ in 0..10 {
            departures.push(join(&limiters, 1).acquire().await.departure());
        }
        for pair in departures.windows(2) {
            assert!(pair[1] - pair[0] > Duration::from_secs(1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_limiter_without_members_is_dropped_after_a_while() {
        let limiters = Limiters::default();
        let member = join(&limiters, 1);
        member.acquire().await;
        let n_limiters = || lock(&limiters.0).len();
        tokio::time::advance(MEMORY).await;
        limiters.drop_unused();
        assert_eq!(n_limiters(), 1, "it has a member");
        member.acquire().await;
        drop(member);
        limiters.drop_unused();
        assert_eq!(n_limiters(), 1, "it was used a moment ago");
        tokio::time::advance(MEMORY).await;
        limiters.drop_unused();
        assert_eq!(n_limiters(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_stops_waiting_leaves_no_gap() {
        let member = join(&Limiters::default(), 1);
        let first = member.acquire().await.departure();
        let waiting = tokio::time::timeout(Duration::from_millis(100), member.acquire());
        assert!(waiting.await.is_err());
        let next = member.acquire().await.departure();
        assert!(next - first < Duration::from_millis(1_100));
    }
}
