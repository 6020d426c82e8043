//! Evenly spaced departures.

use std::{collections::VecDeque, time::Duration};

use tokio::{
    sync::Mutex,
    time::{Instant, sleep_until},
};

use super::Pace;

/// No more than the limit may leave within this time. Less than the full jitter allowance, so that a timer that
/// is a few milliseconds late now and then does not slow the average.
const WINDOW: Duration = Duration::from_millis(1_020);

/// A queue of departures.
#[derive(Debug, Default)]
pub(super) struct Slots(Mutex<Past>);

/// What has left.
#[derive(Debug, Default)]
struct Past {
    /// The last departures, oldest first; as many as the limit.
    departures: VecDeque<Instant>,
    /// Where the last one stood on an even grid: timers wake late, and the grid does not inherit that.
    grid: Option<Instant>,
}

impl Slots {
    /// Waits for the next departure at the pace that holds when its turn has come. The lock is first come, first
    /// served, and held while waiting: that is the queue.
    pub(super) async fn next(&self, pace: impl Fn() -> Pace) -> Instant {
        let mut past = self.0.lock().await;
        let pace = pace();
        let ready = past.ready(pace);
        sleep_until(ready.unwrap_or_else(Instant::now)).await;
        let departure = Instant::now();
        past.record(ready.unwrap_or(departure), departure, pace);
        departure
    }
}

impl Past {
    /// The earliest next departure; none where anything goes.
    fn ready(&self, pace: Pace) -> Option<Instant> {
        let even = self.grid.map(|grid| grid + pace.period);
        let oldest =
            self.departures.len().checked_sub(pace.limit).map(|index| self.departures[index] + WINDOW);
        even.max(oldest)
    }

    /// A late departure moves the grid only by what exceeds half a period: small delays are caught up, long ones
    /// are not, so that no burst follows them.
    fn record(&mut self, ready: Instant, departure: Instant, pace: Pace) {
        let catch_up = (pace.period / 2).min(Duration::from_millis(25));
        self.grid = Some(ready.max(departure.checked_sub(catch_up).unwrap_or(departure)));
        self.departures.push_back(departure);
        while self.departures.len() > pace.limit {
            self.departures.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::Rate;

    fn most_in_any_second(departures: &[Instant]) -> usize {
        let second = Duration::from_secs(1);
        (0..departures.len())
            .map(|first| {
                departures[first..].iter().take_while(|at| **at - departures[first] < second).count()
            })
            .max()
            .unwrap_or(0)
    }

    proptest! {
        /// Whatever the machine does between a wake-up and the departure, and whatever jitter of up to 20 ms
        /// there is on the way, no window of one second has more arrivals than the rate.
        #[test]
        fn no_second_ever_sees_more_than_the_rate(
            rate in 1u32..=20,
            lateness in prop::collection::vec(prop_oneof![9 => 0u64..3, 1 => 0u64..400], 1..200),
            jitter in prop::collection::vec(0u64..20, 200),
        ) {
            let pace = Pace::of(Rate::new(rate).unwrap(), 1.0);
            let mut past = Past::default();
            let mut now = Instant::now();
            let mut arrivals = Vec::new();
            for (late, jitter) in lateness.iter().zip(&jitter) {
                let ready = past.ready(pace).unwrap_or(now);
                now = ready.max(now) + Duration::from_millis(*late);
                past.record(ready, now, pace);
                arrivals.push(now + Duration::from_millis(*jitter));
            }
            arrivals.sort();
            prop_assert!(most_in_any_second(&arrivals) <= rate as usize);
        }

        /// Two departures are never closer than about half the period, even after a long stall.
        #[test]
        fn a_stall_is_not_followed_by_a_burst(stall in 0u64..5_000) {
            let pace = Pace::of(Rate::MAX, 1.0);
            let mut past = Past::default();
            let start = Instant::now();
            past.record(start, start, pace);
            let ready = past.ready(pace).unwrap();
            let late = ready + Duration::from_millis(stall);
            past.record(ready, late, pace);
            prop_assert!(past.ready(pace).unwrap() - late >= pace.period.mul_f64(0.49));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_average_is_the_pace_although_timers_wake_late() {
        let slots = Slots::default();
        let start = Instant::now();
        for _ in 0..=195 {
            slots.next(|| Pace::of(Rate::MAX, 1.0)).await;
        }
        let took = start.elapsed().as_secs_f64();
        assert!((9.99..10.05).contains(&took), "195 periods took {took} s");
    }
}
