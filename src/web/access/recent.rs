//! A set that forgets.

use std::collections::{HashSet, VecDeque};

/// What an attempt is remembered by.
pub(super) type Digest = [u8; 32];

/// The last so many that were put in.
#[derive(Debug)]
pub(super) struct Recent {
    capacity: usize,
    known: HashSet<Digest>,
    order: VecDeque<Digest>,
}

impl Recent {
    pub(super) fn new(capacity: usize) -> Recent {
        Recent {
            capacity,
            known: HashSet::new(),
            order: VecDeque::new(),
        }
    }

    pub(super) fn insert(&mut self, digest: Digest) {
        if !self.known.insert(digest) {
            return;
        }
        self.order.push_back(digest);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    pub(super) fn contains(&self, digest: &Digest) -> bool {
        self.known.contains(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_first() {
        let mut recent = Recent::new(3);
        let digest = |n: u8| [n; 32];
        for n in [1, 2, 3, 3, 3, 4] {
            recent.insert(digest(n));
        }
        assert_eq!(
            [1, 2, 3, 4].map(|n| recent.contains(&digest(n))),
            [false, true, true, true]
        );
        for n in 0..=255 {
            recent.insert(digest(n));
        }
        assert_eq!((recent.known.len(), recent.order.len()), (3, 3));
    }
}
