//! Slows down when the API throttles, and recovers slowly.

use std::time::Duration;

use tokio::time::Instant;

/// From half the rate back to all of it.
const RECOVERY: Duration = Duration::from_mins(5);
/// The lowest share of the rate: at the default rate, one request in about two seconds.
const MIN_FACTOR: f64 = 1.0 / 16.0;

/// The share of the rate that is in force. It is linear in time: what was halved once is back at 1
/// after [`RECOVERY`].
#[derive(Debug, Default)]
pub(super) struct Slowdown {
    /// When the rate was last halved, and the factor since then.
    last: Option<(Instant, f64)>,
}

impl Slowdown {
    pub(super) fn factor(&self, now: Instant) -> f64 {
        let Some((at, factor)) = self.last else {
            return 1.0;
        };
        let elapsed = now.saturating_duration_since(at).as_secs_f64();
        (factor + 0.5 * elapsed / RECOVERY.as_secs_f64()).min(1.0)
    }

    pub(super) fn throttled(&mut self, departure: Instant, now: Instant) {
        // A request that was sent before the last halving says nothing about the rate since then.
        if self.last.is_some_and(|(at, _)| departure <= at) {
            return;
        }
        let factor = (self.factor(now) / 2.0).max(MIN_FACTOR);
        self.last = Some((now, factor));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-9
    }

    #[test]
    fn it_is_halved_then_recovers_in_five_minutes() {
        let start = Instant::now();
        let mut slowdown = Slowdown::default();
        assert!(close(slowdown.factor(start), 1.0));
        slowdown.throttled(start, start);
        assert!(close(slowdown.factor(start), 0.5));
        assert!(close(
            slowdown.factor(start + Duration::from_secs(150)),
            0.75
        ));
        assert!(close(
            slowdown.factor(start + Duration::from_secs(301)),
            1.0
        ));
    }

    #[test]
    fn requests_in_flight_together_halve_it_once() {
        let start = Instant::now();
        let answered = start + Duration::from_millis(100);
        let mut slowdown = Slowdown::default();
        for _ in 0..5 {
            slowdown.throttled(start, answered);
        }
        assert!(close(slowdown.factor(answered), 0.5));
        slowdown.throttled(
            answered + Duration::from_millis(1),
            answered + Duration::from_millis(1),
        );
        assert!(slowdown.factor(answered + Duration::from_millis(1)) < 0.26);
    }

    #[test]
    fn it_never_stops_requests() {
        let mut now = Instant::now();
        let mut slowdown = Slowdown::default();
        for _ in 0..100 {
            now += Duration::from_millis(10);
            slowdown.throttled(now, now);
        }
        assert!(close(slowdown.factor(now), MIN_FACTOR));
    }
}
