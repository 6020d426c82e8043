//! A set of bounded size.

use std::collections::{HashSet, VecDeque};

/// Identifies a login without its password.
pub(super) type LoginDigest = [u8; 32];

/// The last `capacity` digests that were inserted.
#[derive(Debug)]
pub(super) struct BoundedSet {
    capacity: usize,
    members: HashSet<LoginDigest>,
    /// Oldest first.
    order: VecDeque<LoginDigest>,
}

impl BoundedSet {
    pub(super) fn new(capacity: usize) -> BoundedSet {
        BoundedSet {
            capacity,
            members: HashSet::new(),
            order: VecDeque::new(),
        }
    }

    pub(super) fn insert(&mut self, digest: LoginDigest) {
        // A repeated digest keeps its age, so `order` has no duplicates.
        if !self.members.insert(digest) {
            return;
        }
        self.order.push_back(digest);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.members.remove(&oldest);
        }
    }

    pub(super) fn contains(&self, digest: &LoginDigest) -> bool {
        self.members.contains(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_member_is_dropped_first() {
        let mut set = BoundedSet::new(3);
        for n in [1, 2, 3, 3, 3, 4] {
            set.insert([n; 32]);
        }
        assert_eq!(
            [1, 2, 3, 4].map(|n| set.contains(&[n; 32])),
            [false, true, true, true]
        );
        for n in 0..=255 {
            set.insert([n; 32]);
        }
        assert_eq!((set.members.len(), set.order.len()), (3, 3));
    }
}
