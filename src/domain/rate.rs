//! How many requests per second may be sent.

use std::{num::NonZeroU32, time::Duration};

/// How much the latency of requests to the API may vary.
const JITTER: Duration = Duration::from_micros(25_641);

/// The maximum number of requests that may arrive in any sliding second: 1 to 20.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(NonZeroU32);

impl Rate {
    /// The limit of the API.
    pub const MAX: Rate = Rate(NonZeroU32::new(20).expect("not zero"));
    /// For `AssumeRole` of STS, whose documented limit is 600 per second: the roles of 3000 accounts
    /// take 30 s.
    pub const ASSUME_ROLE: Rate = Rate(NonZeroU32::new(100).expect("not zero"));
    /// Half of the limit: the console and other tools of the same identity count too.
    pub const DEFAULT: Rate = Rate(NonZeroU32::new(10).expect("not zero"));

    /// `None` outside of 1 to 20.
    pub fn new(requests: u32) -> Option<Rate> {
        let rate = Rate(NonZeroU32::new(requests)?);
        if rate > Rate::MAX {
            return None;
        }
        Some(rate)
    }

    pub fn per_second(self) -> u32 {
        self.0.get()
    }

    /// The time between two requests. With `rate / (1 + jitter)` requests per second, no sliding second has more
    /// arrivals than the rate although latency varies: 20 per second become 19.5.
    pub fn period(self) -> Duration {
        (Duration::from_secs(1) + JITTER) / self.per_second()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_from_one_to_the_limit() {
        assert_eq!(
            [0, 1, 20, 21].map(|n| Rate::new(n).is_some()),
            [false, true, true, false]
        );
    }
}
