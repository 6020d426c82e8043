//! An account's place in the lanes, which follows its identity.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::time::Instant;

use super::{Lane, LaneKey, Lanes, Membership, Pace};
use crate::domain::{Endpoint, Rate};

/// Where one account's requests for one action queue. Which lane that is depends on whose credentials it has, which is
/// known only once they are there, and may change.
#[derive(Debug)]
pub struct Seat {
    lanes: Arc<Lanes>,
    endpoint: Endpoint,
    action: &'static str,
    rate: Rate,
    taken: ArcSwapOption<Taken>,
}

/// A seat in the lane of one identity.
#[derive(Debug)]
pub struct Taken {
    identity: String,
    membership: Membership,
}

impl Taken {
    /// The lane.
    pub fn lane(&self) -> &Lane {
        self.membership.lane()
    }
}

impl Seat {
    /// In no lane yet.
    pub fn new(lanes: Arc<Lanes>, endpoint: Endpoint, action: &'static str, rate: Rate) -> Seat {
        Seat {
            lanes,
            endpoint,
            action,
            rate,
            taken: ArcSwapOption::empty(),
        }
    }

    /// The API action.
    pub fn action(&self) -> &'static str {
        self.action
    }

    /// The seat in the lane of `identity`; the one in another lane is given up.
    pub fn take(&self, identity: &str) -> Arc<Taken> {
        if let Some(taken) = self
            .taken
            .load_full()
            .filter(|taken| taken.identity == identity)
        {
            return taken;
        }
        let key = LaneKey {
            endpoint: self.endpoint.clone(),
            identity: identity.to_owned(),
            action: self.action,
        };
        let membership = self.lanes.join(key, self.rate);
        let taken = Arc::new(Taken {
            identity: identity.to_owned(),
            membership,
        });
        self.taken.store(Some(Arc::clone(&taken)));
        taken
    }

    /// The pace in force, in requests per second; the configured one where there is no lane yet.
    pub fn requests_per_second(&self, now: Instant) -> f64 {
        match &*self.taken.load() {
            Some(taken) => taken.lane().requests_per_second(now),
            None => Pace::of(self.rate, 1.0).requests_per_second(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(lanes: &Arc<Lanes>, rate: u32) -> Seat {
        let endpoint = Endpoint::parse(Endpoint::DEFAULT, false).unwrap();
        Seat::new(
            Arc::clone(lanes),
            endpoint,
            "Describe",
            Rate::new(rate).unwrap(),
        )
    }

    fn rounded(seat: &Seat) -> f64 {
        (seat.requests_per_second(Instant::now()) * 10.0).round() / 10.0
    }

    #[test]
    fn a_seat_shows_its_own_pace_until_it_is_taken_and_then_that_of_the_lane() {
        let lanes = Arc::new(Lanes::default());
        let (fast, slow) = (seat(&lanes, 20), seat(&lanes, 4));
        let other = fast.take("other");
        assert_eq!((rounded(&fast), rounded(&slow)), (19.5, 3.9));
        slow.take("one");
        assert!(
            Arc::ptr_eq(&other, &fast.take("other")),
            "the same as long as the identity is"
        );
        fast.take("one");
        assert_eq!(
            (rounded(&fast), rounded(&slow)),
            (3.9, 3.9),
            "they share a lane now"
        );
        slow.take("another");
        assert_eq!(
            (rounded(&fast), rounded(&slow)),
            (19.5, 3.9),
            "and now they do not"
        );
    }
}
