//! Evenly spaced requests, and never too many that may arrive within one second.

use std::{collections::VecDeque, time::Duration};

use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};

use crate::domain::Rate;

/// The API counts over any window of this length.
const WINDOW: Duration = Duration::from_secs(1);

/// How much of a late departure is caught up with at most.
const MAX_CATCH_UP: Duration = Duration::from_millis(25);

/// The last requests that were sent, and when the next one may be.
#[derive(Debug, Default)]
pub(super) struct Departures {
    /// Oldest first; as many as the highest rate of TCSS, so that a rate that is raised again still
    /// sees what was sent before it was lowered.
    sent: VecDeque<Sent>,
    /// Where the last departure was on an even grid: timers fire late, and the grid must not
    /// accumulate that.
    grid: Option<Instant>,
}

/// A request that was sent. It arrives at some time before it ends, and that can take as long as
/// its timeout: a look-up, a connection or a handshake may hang first. So only its end says when it
/// has arrived at the latest.
#[derive(Debug)]
enum Sent {
    InFlight(oneshot::Receiver<Instant>),
    Ended(Instant),
}

impl Sent {
    /// When it had certainly arrived; waits for that.
    async fn arrived(&mut self) -> Instant {
        let end = match self {
            Sent::Ended(at) => return *at,
            Sent::InFlight(end) => end,
        };
        // A sender that was dropped without a word belongs to a request that ended before now.
        let arrived = end.await.unwrap_or_else(|_| Instant::now());
        *self = Sent::Ended(arrived);
        arrived
    }
}

impl Departures {
    /// Waits until the next request may be sent at `factor` times `rate`. Send into the channel
    /// when it has ended.
    pub(super) async fn next(
        &mut self,
        rate: Rate,
        factor: f64,
    ) -> (Instant, oneshot::Sender<Instant>) {
        let limit = rate.per_second() as usize;
        let period = rate.period().div_f64(factor);
        let arrived = self.arrived(limit).await;
        let ready = self.ready(period, arrived);
        if let Some(ready) = ready {
            sleep_until(ready).await;
        }
        // Everything below happens without waiting: a caller that gives up before this point
        // leaves no trace, and one that gets this far has a departure.
        let departure = Instant::now();
        let (ended, end) = oneshot::channel();
        self.record(ready.unwrap_or(departure), departure, period);
        self.push(Sent::InFlight(end), limit);
        (departure, ended)
    }

    /// When the request that was sent `limit` departures ago had arrived; waits for that. `None`
    /// if there were fewer.
    async fn arrived(&mut self, limit: usize) -> Option<Instant> {
        let index = self.sent.len().checked_sub(limit)?;
        Some(self.sent[index].arrived().await)
    }

    /// The earliest time of the next departure; `None` if nothing restricts it.
    fn ready(&self, period: Duration, arrived: Option<Instant>) -> Option<Instant> {
        let mut ready = None;
        if let Some(grid) = self.grid {
            ready = Some(grid + period);
        }
        // The grid alone is not enough: a request that took long to arrive may arrive together with
        // later ones. So the window that began when it arrived must be over.
        if let Some(arrived) = arrived {
            ready = ready.max(Some(arrived + WINDOW));
        }
        ready
    }

    /// A late departure moves the grid by no more than what exceeds half a period: short delays
    /// are caught up, long ones are not, so that no burst follows them.
    fn record(&mut self, ready: Instant, departure: Instant, period: Duration) {
        let catch_up = (period / 2).min(MAX_CATCH_UP);
        let earliest = departure.checked_sub(catch_up).unwrap_or(departure);
        self.grid = Some(ready.max(earliest));
    }

    fn push(&mut self, sent: Sent, limit: usize) {
        self.sent.push_back(sent);
        while self.sent.len() > limit.max(Rate::MAX.per_second() as usize) {
            self.sent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn most_in_any_second(arrivals: &[Instant]) -> usize {
        let within = |first: usize| {
            let window = arrivals[first..].iter();
            window
                .take_while(|at| **at - arrivals[first] < WINDOW)
                .count()
        };
        (0..arrivals.len()).map(within).max().unwrap_or(0)
    }

    fn paused(work: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(work);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        /// For any duration of requests, and any arrival time within it, no window of one second has
        /// more arrivals than the rate.
        #[test]
        fn no_second_ever_sees_more_than_the_rate(
            rate in prop_oneof![4 => 1u32..=20, 1 => Just(100)],
            requests in prop::collection::vec(
                (prop_oneof![6 => 0u64..30, 1 => 0u64..3_000, 1 => 0u64..30_000], 0.0..=1.0f64),
                1..120,
            ),
        ) {
            paused(async move {
                let rate = Rate::new(rate).unwrap_or(Rate::ASSUME_ROLE);
                let mut departures = Departures::default();
                let mut arrivals = Vec::new();
                for (takes, share) in requests {
                    let (departure, ended) = departures.next(rate, 1.0).await;
                    let takes = Duration::from_millis(takes);
                    arrivals.push(departure + takes.mul_f64(share));
                    tokio::spawn(async move {
                        sleep_until(departure + takes).await;
                        let _ = ended.send(Instant::now());
                    });
                }
                arrivals.sort();
                assert!(most_in_any_second(&arrivals) <= rate.per_second() as usize);
            });
        }

        /// Two departures are never closer than about half the period, even after a long stall.
        #[test]
        fn a_stall_is_not_followed_by_a_burst(stall in 0u64..5_000) {
            let period = Rate::MAX.period();
            let mut departures = Departures::default();
            let start = Instant::now();
            departures.record(start, start, period);
            let ready = departures.ready(period, None).unwrap();
            let late = ready + Duration::from_millis(stall);
            departures.record(ready, late, period);
            prop_assert!(departures.ready(period, None).unwrap() - late >= period.mul_f64(0.49));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_average_is_the_rate_although_timers_fire_late() {
        let mut departures = Departures::default();
        let start = Instant::now();
        for _ in 0..=195 {
            let (departure, ended) = departures.next(Rate::MAX, 1.0).await;
            let _ = ended.send(departure);
        }
        let took = start.elapsed().as_secs_f64();
        assert!((9.99..10.05).contains(&took), "195 periods took {took} s");
    }

    /// All of them may arrive in the second in which the hang ends.
    #[tokio::test(start_paused = true)]
    async fn requests_that_hang_are_no_more_than_the_rate() {
        let mut departures = Departures::default();
        let mut requests = Vec::new();
        for _ in 0..20 {
            requests.push(departures.next(Rate::MAX, 1.0).await);
        }
        let hang = Duration::from_secs(29);
        let next = tokio::time::timeout(hang, departures.next(Rate::MAX, 1.0)).await;
        assert!(next.is_err(), "none of the 20 has ended");
        let end = Instant::now();
        for (_, ended) in requests {
            let _ = ended.send(end);
        }
        let (departure, _) = departures.next(Rate::MAX, 1.0).await;
        assert!(departure >= end + WINDOW);
    }
}
