//! Logins that wait for their turn, shared out fairly among clients.

use std::{collections::HashMap, net::IpAddr};

use super::bounded_set::LoginDigest;

/// Logins of all clients that may wait.
pub(super) const MAX_WAITING: usize = 256;
/// Logins of one client that may wait. With hashes of cost 10, the last of them is answered before
/// Prometheus' default scrape timeout of 10 s.
pub(super) const MAX_WAITING_PER_CLIENT: usize = 64;

/// The network of a client; none for Unix sockets.
type ClientNetwork = Option<IpAddr>;

/// Takes turns among clients, and for each client among user names, however many logins each has.
///
/// User names are not looked up, so the order does not tell which users exist.
#[derive(Debug)]
pub(super) struct LoginQueue<T> {
    /// Oldest first.
    waiting: Vec<QueuedLogin<T>>,
    n_turns: u64,
    /// The last turns of clients and of their users, as long as more of their logins wait.
    client_turns: HashMap<ClientNetwork, u64>,
    user_turns: HashMap<(ClientNetwork, LoginDigest), u64>,
}

#[derive(Debug)]
struct QueuedLogin<T> {
    client: ClientNetwork,
    user: LoginDigest,
    login: T,
}

impl<T> Default for LoginQueue<T> {
    fn default() -> LoginQueue<T> {
        LoginQueue {
            waiting: Vec::new(),
            n_turns: 0,
            client_turns: HashMap::new(),
            user_turns: HashMap::new(),
        }
    }
}

impl<T> LoginQueue<T> {
    /// Queues a login. False if it has to be refused. If the queue is full, it may displace the last
    /// login of the client with the most logins.
    pub(super) fn push(&mut self, client: ClientNetwork, user: LoginDigest, login: T) -> bool {
        let n_waiting = self.n_waiting(client);
        if n_waiting >= MAX_WAITING_PER_CLIENT {
            return false;
        }
        if self.waiting.len() >= MAX_WAITING && !self.displace(n_waiting + 1) {
            return false;
        }
        self.waiting.push(QueuedLogin {
            client,
            user,
            login,
        });
        true
    }

    /// The login whose turn it is.
    pub(super) fn pop(&mut self) -> Option<T> {
        let mut next = None;
        let mut first = (u64::MAX, u64::MAX);
        for (index, queued) in self.waiting.iter().enumerate() {
            let turns = self.last_turns(queued);
            // Among equals, the oldest comes first.
            if turns < first || next.is_none() {
                (next, first) = (Some(index), turns);
            }
        }
        let QueuedLogin {
            client,
            user,
            login,
        } = self.waiting.remove(next?);
        self.n_turns += 1;
        self.client_turns.insert(client, self.n_turns);
        self.user_turns.insert((client, user), self.n_turns);
        self.forget_idle(client, user);
        Some(login)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// When the client and the user of a login last had a turn; 0 if they had none.
    fn last_turns(&self, queued: &QueuedLogin<T>) -> (u64, u64) {
        let client = self.client_turns.get(&queued.client);
        let user = self.user_turns.get(&(queued.client, queued.user));
        (client.copied().unwrap_or(0), user.copied().unwrap_or(0))
    }

    /// Bounds the maps by the queue.
    fn forget_idle(&mut self, client: ClientNetwork, user: LoginDigest) {
        let mut is_user_waiting = false;
        let mut is_client_waiting = false;
        for queued in &self.waiting {
            is_client_waiting |= queued.client == client;
            is_user_waiting |= queued.client == client && queued.user == user;
        }
        if !is_user_waiting {
            self.user_turns.remove(&(client, user));
        }
        if !is_client_waiting {
            self.client_turns.remove(&client);
        }
    }

    fn n_waiting(&self, client: ClientNetwork) -> usize {
        let mut n = 0;
        for queued in &self.waiting {
            n += usize::from(queued.client == client);
        }
        n
    }

    /// Drops the last login of the client with the most logins, if those are more than `n`.
    fn displace(&mut self, n: usize) -> bool {
        let mut counts = HashMap::new();
        for queued in &self.waiting {
            *counts.entry(queued.client).or_insert(0) += 1;
        }
        let mut most = (n, None);
        for (index, queued) in self.waiting.iter().enumerate() {
            let count = counts[&queued.client];
            let is_last_of_most = most.1.is_some() && count == most.0;
            if count > most.0 || is_last_of_most {
                most = (count, Some(index));
            }
        }
        let Some(index) = most.1 else {
            return false;
        };
        let dropped = self.waiting.remove(index);
        self.forget_idle(dropped.client, dropped.user);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u8) -> IpAddr {
        [10, 0, 0, n].into()
    }

    fn order(queue: &mut LoginQueue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn clients_take_turns_however_many_logins_each_has() {
        let mut queue = LoginQueue::default();
        for login in ["a1", "a2", "a3", "a4"] {
            assert!(queue.push(Some(address(1)), [1; 32], login));
        }
        assert_eq!(queue.pop(), Some("a1"));
        assert!(queue.push(Some(address(2)), [1; 32], "b1"));
        assert!(queue.push(Some(address(2)), [1; 32], "b2"));
        assert!(queue.push(None, [1; 32], "unix"));
        assert_eq!(order(&mut queue), ["b1", "unix", "a2", "b2", "a3", "a4"]);
        assert!(queue.client_turns.is_empty() && queue.user_turns.is_empty());
    }

    #[test]
    fn users_of_one_client_take_turns() {
        let mut queue = LoginQueue::default();
        for login in ["a1", "a2", "a3"] {
            queue.push(Some(address(1)), [1; 32], login);
        }
        assert_eq!(queue.pop(), Some("a1"));
        queue.push(Some(address(1)), [2; 32], "b1");
        queue.push(Some(address(1)), [2; 32], "b2");
        assert_eq!(order(&mut queue), ["b1", "a2", "b2", "a3"]);
    }

    #[test]
    fn a_client_cannot_fill_the_queue_and_a_full_queue_admits_other_clients() {
        let mut queue = LoginQueue::default();
        for n in 0..MAX_WAITING_PER_CLIENT + 5 {
            let is_queued = queue.push(Some(address(1)), [1; 32], "a");
            assert_eq!(is_queued, n < MAX_WAITING_PER_CLIENT);
        }
        for n in 2..=4 {
            for _ in 0..MAX_WAITING_PER_CLIENT {
                assert!(queue.push(Some(address(n)), [1; 32], "a"));
            }
        }
        assert_eq!(queue.len(), MAX_WAITING);
        for n in 5..50 {
            assert!(queue.push(Some(address(n)), [1; 32], "new"), "{n}");
            assert_eq!(queue.len(), MAX_WAITING);
        }
        assert_eq!(
            queue.n_waiting(Some(address(30))),
            1,
            "it is not displaced by others"
        );
        let served = order(&mut queue);
        let last_new = served.iter().rposition(|login| *login == "new").unwrap();
        assert!(last_new < 50, "{last_new}");
    }

    #[test]
    fn a_full_queue_of_clients_with_one_login_each_refuses_more() {
        let mut queue = LoginQueue::default();
        for n in 0..MAX_WAITING {
            let address = u32::try_from(n).unwrap().to_be_bytes();
            assert!(queue.push(Some(address.into()), [1; 32], "a"));
        }
        assert!(!queue.push(Some(address(1)), [1; 32], "a"));
    }
}
