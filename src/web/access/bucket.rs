//! The rate limit: a bucket of tokens.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::config::web::RateLimit;

/// Holds `burst` tokens; each request takes one, and every `interval` one comes back.
#[derive(Debug)]
pub(super) struct Bucket {
    interval: Duration,
    /// How long it takes to fill all of it but one.
    tolerance: Duration,
    full_at: Mutex<Instant>,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(RateLimit { interval, burst }: RateLimit) -> Bucket {
        let tolerance = interval * (burst.get() - 1);
        Bucket {
            interval,
            tolerance,
            full_at: Mutex::new(Instant::now()),
        }
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&self) -> bool {
        let now = Instant::now();
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_there = full_at.saturating_duration_since(now) <= self.tolerance;
        if is_there {
            *full_at = (*full_at).max(now) + self.interval;
        }
        is_there
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use tokio::time::advance;

    use super::*;

    fn bucket(interval: Duration, burst: u32) -> Bucket {
        Bucket::new(RateLimit {
            interval,
            burst: NonZeroU32::new(burst).unwrap(),
        })
    }

    fn taken(bucket: &Bucket) -> usize {
        std::iter::from_fn(|| bucket.take().then_some(()))
            .take(100)
            .count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_let_through_and_then_one_an_interval() {
        let bucket = bucket(Duration::from_secs(1), 5);
        assert_eq!(taken(&bucket), 5);
        advance(Duration::from_millis(999)).await;
        assert_eq!(taken(&bucket), 0);
        advance(Duration::from_millis(1)).await;
        assert_eq!(taken(&bucket), 1);
        advance(Duration::from_millis(2_500)).await;
        assert_eq!(taken(&bucket), 2);
        advance(Duration::from_millis(500)).await;
        assert_eq!(taken(&bucket), 1, "half a token was saved");
        advance(Duration::from_hours(24)).await;
        assert_eq!(taken(&bucket), 5, "never more than the burst");
    }

    #[tokio::test(start_paused = true)]
    async fn the_largest_limit_there_is_can_be_counted() {
        assert_eq!(taken(&bucket(Duration::from_hours(24), 1_000_000)), 100);
        assert_eq!(taken(&bucket(Duration::from_nanos(1), 1)), 1);
    }
}
