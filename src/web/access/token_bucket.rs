//! The rate limit of requests.

use std::{sync::Mutex, time::Duration};

use tokio::time::Instant;

use crate::{config::web::RateLimit, sync::lock};

/// Holds up to `burst` tokens. Each request takes one, and one is added every `interval`.
///
/// Only the time at which the bucket will be full again is stored (the generic cell rate
/// algorithm), so nothing has to add tokens.
#[derive(Debug)]
pub(super) struct TokenBucket {
    limit: RateLimit,
    full_at: Mutex<Instant>,
}

impl TokenBucket {
    /// A full bucket.
    pub(super) fn new(limit: RateLimit) -> TokenBucket {
        TokenBucket {
            limit,
            full_at: Mutex::new(Instant::now()),
        }
    }

    pub(super) fn limit(&self) -> RateLimit {
        self.limit
    }

    /// Takes a token. False if there is none.
    pub(super) fn take(&self) -> bool {
        let now = Instant::now();
        let mut full_at = lock(&self.full_at);
        if full_at.saturating_duration_since(now) > self.refill_time_of_all_but_one() {
            return false;
        }
        // A time in the past means a full bucket; idle time does not add more tokens.
        *full_at = (*full_at).max(now) + self.limit.interval;
        true
    }

    /// A bucket that takes longer than this to fill up is empty.
    fn refill_time_of_all_but_one(&self) -> Duration {
        self.limit.interval * (self.limit.burst.get() - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use tokio::time::advance;

    use super::*;

    fn bucket(interval: Duration, burst: u32) -> TokenBucket {
        TokenBucket::new(RateLimit {
            interval,
            burst: NonZeroU32::new(burst).unwrap(),
        })
    }

    fn taken(bucket: &TokenBucket) -> usize {
        (0..100).take_while(|_| bucket.take()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_allowed_and_then_one_request_per_interval() {
        let bucket = bucket(Duration::from_secs(1), 5);
        assert_eq!(taken(&bucket), 5);
        advance(Duration::from_millis(999)).await;
        assert_eq!(taken(&bucket), 0);
        advance(Duration::from_millis(1)).await;
        assert_eq!(taken(&bucket), 1);
        advance(Duration::from_millis(2_500)).await;
        assert_eq!(taken(&bucket), 2);
        advance(Duration::from_millis(500)).await;
        assert_eq!(taken(&bucket), 1, "half a token was left over");
        advance(Duration::from_hours(24)).await;
        assert_eq!(taken(&bucket), 5, "never more than the burst");
    }

    #[tokio::test(start_paused = true)]
    async fn the_largest_limit_does_not_overflow() {
        assert_eq!(taken(&bucket(Duration::from_hours(24), 1_000_000)), 100);
        assert_eq!(taken(&bucket(Duration::from_nanos(1), 1)), 1);
    }
}
