//! How long to wait before trying again.

use std::time::Duration;

/// Exponential back-off: the delay doubles with each failure in a row, up to a maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    initial: Duration,
    max: Duration,
}

impl Backoff {
    pub const fn new(initial: Duration, max: Duration) -> Backoff {
        Backoff { initial, max }
    }

    /// The delay after `failures` failures in a row, counted from 1.
    pub fn delay(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.initial.saturating_mul(1 << doublings).min(self.max)
    }

    /// The same with up to 25 % more or less, so that clients that failed together do not retry
    /// together.
    pub fn jittered(self, failures: u32) -> Duration {
        self.delay(failures).mul_f64(0.75 + 0.5 * fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_up_to_the_maximum() {
        let backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(60));
        for (failures, seconds) in [(0, 2), (1, 2), (2, 4), (5, 32), (6, 60), (u32::MAX, 60)] {
            assert_eq!(
                backoff.delay(failures),
                Duration::from_secs(seconds),
                "{failures}"
            );
        }
    }

    #[test]
    fn jitter_is_at_most_a_quarter() {
        let backoff = Backoff::new(Duration::from_secs(100), Duration::from_secs(100));
        for _ in 0..1_000 {
            let seconds = backoff.jittered(1).as_secs_f64();
            assert!((75.0..=125.0).contains(&seconds), "{seconds}");
        }
    }
}
