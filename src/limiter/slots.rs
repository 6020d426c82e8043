//! Evenly spaced departures, and never too many on their way.

use std::{collections::VecDeque, time::Duration};

use tokio::{
    sync::{Mutex, oneshot},
    time::{Instant, sleep_until, timeout_at},
};

use super::Pace;

/// The API counts over any window of this length.
const WINDOW: Duration = Duration::from_secs(1);

/// What has not ended by then has arrived, or never will: a server that hangs must not stop everybody else.
const LONGEST_WAY: Duration = Duration::from_secs(2);

/// A queue of departures.
#[derive(Debug, Default)]
pub(super) struct Slots(Mutex<Past>);

/// What has left.
#[derive(Debug, Default)]
struct Past {
    /// The last departures, oldest first; as many as the limit.
    flights: VecDeque<Flight>,
    /// Where the last one stood on an even grid: timers wake late, and the grid does not inherit that.
    grid: Option<Instant>,
}

/// A request that has left. It arrives at some time before it ends: later over a new connection than over a kept
/// one, so that only its end says when it arrived at the latest.
#[derive(Debug)]
enum Flight {
    UnderWay {
        departure: Instant,
        end: oneshot::Receiver<Instant>,
    },
    Ended(Instant),
}

impl Flight {
    /// When it had arrived for certain; waits for that.
    async fn landed(&mut self) -> Instant {
        match self {
            Flight::Ended(at) => *at,
            Flight::UnderWay { departure, end } => {
                let latest = *departure + LONGEST_WAY;
                let landed = timeout_at(latest, end)
                    .await
                    .ok()
                    .and_then(Result::ok)
                    .unwrap_or(latest);
                *self = Flight::Ended(landed);
                landed
            }
        }
    }
}

/// Tells the queue when the request has ended: when this is dropped.
#[derive(Debug)]
pub(super) struct Ticket(Option<oneshot::Sender<Instant>>);

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(sender) = self.0.take() {
            // The queue may have forgotten the flight, with a lower limit.
            let _ = sender.send(Instant::now());
        }
    }
}

impl Slots {
    /// Waits for the next departure at the pace that holds when its turn has come. The lock is first come, first
    /// served, and held while waiting: that is the queue.
    pub(super) async fn next(&self, pace: impl Fn() -> Pace) -> (Instant, Ticket) {
        let mut past = self.0.lock().await;
        let pace = pace();
        let landed = past.landed(pace.limit).await;
        let ready = past.ready(pace, landed);
        sleep_until(ready.unwrap_or_else(Instant::now)).await;
        let departure = Instant::now();
        let (ended, end) = oneshot::channel();
        past.record(
            ready.unwrap_or(departure),
            departure,
            pace,
            Flight::UnderWay { departure, end },
        );
        (departure, Ticket(Some(ended)))
    }
}

impl Past {
    /// When the request had arrived that left `limit` departures ago; waits for that. None where there were fewer.
    async fn landed(&mut self, limit: usize) -> Option<Instant> {
        let index = self.flights.len().checked_sub(limit)?;
        Some(self.flights[index].landed().await)
    }

    /// The earliest next departure; none where anything goes.
    fn ready(&self, pace: Pace, landed: Option<Instant>) -> Option<Instant> {
        let even = self.grid.map(|grid| grid + pace.period);
        even.max(landed.map(|at| at + WINDOW))
    }

    /// A late departure moves the grid only by what exceeds half a period: small delays are caught up, long ones
    /// are not, so that no burst follows them.
    fn record(&mut self, ready: Instant, departure: Instant, pace: Pace, flight: Flight) {
        let catch_up = (pace.period / 2).min(Duration::from_millis(25));
        self.grid = Some(ready.max(departure.checked_sub(catch_up).unwrap_or(departure)));
        self.flights.push_back(flight);
        while self.flights.len() > pace.limit {
            self.flights.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Rate;

    fn most_in_any_second(arrivals: &[Instant]) -> usize {
        let within = |first: usize| {
            let window = arrivals[first..]
                .iter()
                .take_while(|at| **at - arrivals[first] < WINDOW);
            window.count()
        };
        (0..arrivals.len()).map(within).max().unwrap_or(0)
    }

    fn paused(work: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(work);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        /// However long requests take, and whenever within that time they arrive, no window of one second has more
        /// arrivals than the rate.
        #[test]
        fn no_second_ever_sees_more_than_the_rate(
            rate in 1u32..=20,
            flights in prop::collection::vec((prop_oneof![6 => 0u64..30, 1 => 0u64..3_000], 0.0..1.0f64), 1..120),
        ) {
            paused(async move {
                let pace = Pace::of(Rate::new(rate).unwrap(), 1.0);
                let slots = Slots::default();
                let mut arrivals = Vec::new();
                for (takes, share) in flights {
                    let (departure, ticket) = slots.next(|| pace).await;
                    let takes = Duration::from_millis(takes);
                    arrivals.push(departure + takes.min(LONGEST_WAY).mul_f64(share));
                    tokio::spawn(async move {
                        sleep_until(departure + takes).await;
                        drop(ticket);
                    });
                }
                arrivals.sort();
                assert!(most_in_any_second(&arrivals) <= rate as usize);
            });
        }

        /// Two departures are never closer than about half the period, even after a long stall.
        #[test]
        fn a_stall_is_not_followed_by_a_burst(stall in 0u64..5_000) {
            let pace = Pace::of(Rate::MAX, 1.0);
            let mut past = Past::default();
            let start = Instant::now();
            past.record(start, start, pace, Flight::Ended(start));
            let ready = past.ready(pace, None).unwrap();
            let late = ready + Duration::from_millis(stall);
            past.record(ready, late, pace, Flight::Ended(late));
            prop_assert!(past.ready(pace, None).unwrap() - late >= pace.period.mul_f64(0.49));
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

    #[tokio::test(start_paused = true)]
    async fn a_server_that_hangs_slows_the_queue_and_does_not_stop_it() {
        let slots = Slots::default();
        let mut flights = Vec::new();
        for _ in 0..=20 {
            flights.push(slots.next(|| Pace::of(Rate::MAX, 1.0)).await);
        }
        let gap = flights[20].0 - flights[0].0;
        assert!(
            (LONGEST_WAY + WINDOW..LONGEST_WAY + WINDOW * 2).contains(&gap),
            "{gap:?}"
        );
    }
}
