//! How many requests a second may be sent.

use std::{num::NonZeroU32, time::Duration};

/// By how much the way of requests to the API may differ.
const JITTER: Duration = Duration::from_micros(25_641);

/// The most requests that may arrive in any one second: 1 to 20.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(NonZeroU32);

impl Rate {
    /// The API's own limit, and so the highest rate there is.
    pub const MAX: Rate = Rate(NonZeroU32::new(20).expect("not zero"));
    /// Half of the limit: the console and other tools of the same identity count too.
    pub const DEFAULT: Rate = Rate(NonZeroU32::new(10).expect("not zero"));

    /// A rate of `requests` a second.
    pub fn new(requests: u32) -> Option<Rate> {
        NonZeroU32::new(requests)
            .map(Rate)
            .filter(|rate| *rate <= Rate::MAX)
    }

    /// Requests per second.
    pub fn per_second(self) -> u32 {
        self.0.get()
    }

    /// Between two requests, so that no window of one second sees more arrivals than the rate although they jitter
    /// on their way: a pace of `rate / (1 + jitter)` does that. 20 a second become 19.5.
    pub fn period(self) -> Duration {
        (Duration::from_secs(1) + JITTER) / self.per_second()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_at_least_one_and_at_most_the_limit() {
        assert_eq!(
            [0, 1, 20, 21].map(|n| Rate::new(n).is_some()),
            [false, true, true, false]
        );
    }
}
