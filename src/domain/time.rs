//! The one place that reads the wall clock.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// One instant on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Wall-clock time: for signatures and for timestamps that people read.
    pub wall: Timestamp,
    /// The clock of timers.
    pub monotonic: Instant,
}

impl Moment {
    /// Time since `earlier`, by the clock that says more: the monotonic one stops while a machine is
    /// suspended, and the wall clock can be set back.
    pub fn age_of(self, earlier: Moment) -> Duration {
        let monotonic = self.monotonic.saturating_duration_since(earlier.monotonic);
        let wall = Duration::try_from(self.wall.duration_since(earlier.wall)).unwrap_or_default();
        monotonic.max(wall)
    }

    /// The moment `later` from here, on both clocks. Saturates.
    #[must_use]
    pub fn after(self, later: Duration) -> Moment {
        Moment {
            wall: self.wall.checked_add(later).unwrap_or(Timestamp::MAX),
            monotonic: self.monotonic.checked_add(later).unwrap_or(self.monotonic),
        }
    }
}

/// Unix time in seconds, to the millisecond, which an `f64` represents.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of Unix time fit")]
pub fn unix_seconds(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1e3
}

/// The system's clocks, or a wall clock that a test sets and that moves with tokio's clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Option<Moment>,
}

impl Clock {
    /// The system's clocks.
    pub const fn system() -> Clock {
        Clock { origin: None }
    }

    /// A wall clock that reads `wall` now and moves with tokio's clock, which tests can pause.
    pub fn starting_at(wall: Timestamp) -> Clock {
        Clock {
            origin: Some(Moment {
                wall,
                monotonic: Instant::now(),
            }),
        }
    }

    /// Now.
    pub fn now(&self) -> Moment {
        let monotonic = Instant::now();
        match self.origin {
            Some(origin) => origin.after(monotonic.saturating_duration_since(origin.monotonic)),
            None => Moment {
                wall: system_time(),
                monotonic,
            },
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn system_time() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(monotonic: Instant, wall: i64) -> Moment {
        Moment {
            wall: Timestamp::from_second(wall).unwrap(),
            monotonic,
        }
    }

    #[test]
    fn age_is_what_the_more_pessimistic_clock_says() {
        let start = Instant::now();
        let later = start + Duration::from_secs(10);
        let then = moment(start, 1_000);
        assert_eq!(moment(later, 1_010).age_of(then), Duration::from_secs(10));
        assert_eq!(
            moment(later, 4_600).age_of(then),
            Duration::from_hours(1),
            "suspended for an hour"
        );
        assert_eq!(
            moment(later, 500).age_of(then),
            Duration::from_secs(10),
            "wall clock set back"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_test_clock_moves_with_tokio() {
        let clock = Clock::starting_at(Timestamp::from_second(1_764_000_000).unwrap());
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(clock.now().wall.as_second(), 1_764_000_090);
    }
}
