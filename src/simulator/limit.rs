//! Counts requests in a sliding second.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

const WINDOW: Duration = Duration::from_secs(1);

/// How many arrivals of one second are remembered: it bounds the memory that a flood takes.
const MAX_REMEMBERED: usize = 10_000;

/// The arrivals of one identity, for one action or for all.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    recent: VecDeque<Instant>,
    total: u64,
    most_in_a_second: usize,
}

impl Arrivals {
    /// Counts an arrival, and returns how many there were in the second that ends with it, itself included. Refused
    /// requests count too: a client that continues at full speed stays refused.
    pub(super) fn count(&mut self, now: Instant) -> usize {
        self.forget_before(now);
        // The server counts on arrival, so the limit does not depend on how long an answer takes.
        self.recent.push_back(now);
        self.total += 1;
        self.most_in_a_second = self.most_in_a_second.max(self.recent.len());
        self.recent.len()
    }

    /// The second is open at its start: what arrived exactly one second ago is no longer in it.
    fn forget_before(&mut self, now: Instant) {
        while let Some(oldest) = self.recent.front() {
            let is_old = now.saturating_duration_since(*oldest) >= WINDOW;
            if !is_old && self.recent.len() < MAX_REMEMBERED {
                return;
            }
            self.recent.pop_front();
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    pub(super) fn most_in_a_second(&self) -> usize {
        self.most_in_a_second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_exact_at_the_border_of_the_second() {
        let start = Instant::now();
        let mut arrivals = Arrivals::default();
        assert!(
            (1..=20).all(|n| arrivals.count(start) == n),
            "twenty at once"
        );
        assert_eq!(
            arrivals.count(start + Duration::from_nanos(999_999_999)),
            21,
            "within the second"
        );
        assert_eq!(
            arrivals.count(start + Duration::from_secs(1)),
            2,
            "a second after the twenty"
        );
        assert_eq!((arrivals.total(), arrivals.most_in_a_second()), (22, 21));
    }

    #[test]
    fn evenly_spaced_arrivals_at_the_limit_all_pass() {
        let start = Instant::now();
        let mut arrivals = Arrivals::default();
        assert!((0..200).all(|n| arrivals.count(start + n * Duration::from_millis(50)) <= 20));
        assert_eq!(arrivals.most_in_a_second(), 20);
    }

    #[test]
    fn a_client_that_continues_at_full_speed_stays_refused() {
        let start = Instant::now();
        let mut arrivals = Arrivals::default();
        let admitted = (0..90)
            .filter(|n| arrivals.count(start + *n * Duration::from_millis(33)) <= 20)
            .count();
        assert_eq!(admitted, 20);
    }

    #[test]
    fn a_flood_takes_bounded_memory() {
        let start = Instant::now();
        let mut arrivals = Arrivals::default();
        for _ in 0..3 * MAX_REMEMBERED {
            arrivals.count(start);
        }
        assert_eq!(
            (arrivals.recent.len(), arrivals.total()),
            (MAX_REMEMBERED, 30_000)
        );
    }
}
