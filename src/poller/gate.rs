//! Whether polls may be sent: always, unless another replica of this exporter polls instead.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{RwLock, RwLockReadGuard, watch},
    time::{sleep, sleep_until},
};

use crate::domain::{Clock, Moment};

/// The API limits the requests in each window of this length.
const LIMIT_WINDOW: Duration = Duration::from_secs(1);

/// Whether this replica may poll, where only one of several does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Poll until the lease is this old.
    Until {
        /// When the request was sent with which the lease was renewed.
        renewed: Moment,
        valid_for: Duration,
        /// The first polls are spread over this time.
        spread: Duration,
    },
    /// Another replica may be polling. The data of this one are kept.
    Suspended,
    /// Another replica polls. The data of this one are of no use any more.
    Forbidden,
}

/// The gate through which each poll goes. Without a limit, it is always open.
#[derive(Clone, Debug, Default)]
pub struct PollGate {
    limit: Option<Limit>,
}

#[derive(Clone, Debug)]
struct Limit {
    permission: watch::Receiver<Permission>,
    clock: Clock,
    /// Polls hold it for reading, so that [`GateKeeper::close`] can wait for their end.
    in_flight: Arc<RwLock<()>>,
}

/// Opens and closes a gate.
#[derive(Debug)]
pub struct GateKeeper {
    permission: watch::Sender<Permission>,
    in_flight: Arc<RwLock<()>>,
}

impl GateKeeper {
    /// A gate that is closed.
    pub fn new(clock: Clock) -> (GateKeeper, PollGate) {
        let (sender, receiver) = watch::channel(Permission::Forbidden);
        let in_flight = Arc::<RwLock<()>>::default();
        let limit = Limit {
            permission: receiver,
            clock,
            in_flight: Arc::clone(&in_flight),
        };
        let keeper = GateKeeper {
            permission: sender,
            in_flight,
        };
        (keeper, PollGate { limit: Some(limit) })
    }

    pub fn set(&self, permission: Permission) {
        // The candidate sets it after every step. Without a change, the jobs that wait must not be
        // woken.
        self.permission.send_if_modified(|current| {
            let is_new = *current != permission;
            *current = permission;
            is_new
        });
    }

    /// Closes the gate and waits until no poll is in flight, and none of the last second counts any
    /// more: the API limits the requests of all replicas together.
    pub async fn close(&self) {
        let was_open = matches!(*self.permission.borrow(), Permission::Until { .. });
        self.set(Permission::Suspended);
        drop(self.in_flight.write().await);
        if was_open {
            sleep(LIMIT_WINDOW).await;
        }
    }
}

impl PollGate {
    /// What is allowed at the moment; `None` without a limit.
    pub fn permission(&self) -> Option<Permission> {
        let limit = self.limit.as_ref()?;
        Some(*limit.permission.borrow())
    }

    /// Whether a poll may be sent now.
    pub fn is_open(&self) -> bool {
        match &self.limit {
            Some(limit) => limit.is_open(),
            None => true,
        }
    }

    /// Waits until a poll may be sent. Returns the time over which to spread the first polls.
    pub(super) async fn opened(&self) -> Duration {
        let Some(limit) = &self.limit else {
            return Duration::ZERO;
        };
        let mut permission = limit.permission.clone();
        loop {
            let current = *permission.borrow_and_update();
            if let Permission::Until { spread, .. } = current
                && limit.is_open()
            {
                return spread;
            }
            // Needs no timer: time closes a gate, but never opens one.
            changed(&mut permission).await;
        }
    }

    /// Waits until the data are of no use any more.
    pub(super) async fn forbidden(&self) {
        let Some(limit) = &self.limit else {
            return std::future::pending().await;
        };
        let mut permission = limit.permission.clone();
        while *permission.borrow_and_update() != Permission::Forbidden {
            changed(&mut permission).await;
        }
    }

    /// The result of `poll`; `None` if the gate closes first, or is closed, and `poll` was dropped.
    pub(super) async fn pass<T>(&self, poll: impl Future<Output = T>) -> Option<T> {
        let Some(limit) = &self.limit else {
            return Some(poll.await);
        };
        let _in_flight = limit.enter().await?;
        tokio::select! {
            result = poll => Some(result),
            () = limit.closed() => None,
        }
    }
}

impl Limit {
    fn is_open(&self) -> bool {
        match *self.permission.borrow() {
            // By both clocks: after a suspension of the machine, the lease is another's.
            Permission::Until {
                renewed, valid_for, ..
            } => self.clock.now().age_of(renewed) < valid_for,
            Permission::Suspended | Permission::Forbidden => false,
        }
    }

    async fn enter(&self) -> Option<RwLockReadGuard<'_, ()>> {
        let guard = self.in_flight.read().await;
        // Afterwards: the gate may have been closed in between.
        self.is_open().then_some(guard)
    }

    /// Waits until the gate is closed.
    async fn closed(&self) {
        let mut permission = self.permission.clone();
        loop {
            let Permission::Until {
                renewed, valid_for, ..
            } = *permission.borrow_and_update()
            else {
                return;
            };
            if !self.is_open() {
                return;
            }
            tokio::select! {
                () = sleep_until(renewed.monotonic + valid_for) => {}
                () = changed(&mut permission) => {}
            }
        }
    }
}

async fn changed(permission: &mut watch::Receiver<Permission>) {
    // Without a keeper, nothing changes any more.
    if permission.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use tokio::time::{Instant, sleep, timeout};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn closed() -> (Clock, GateKeeper, PollGate) {
        let clock = Clock::starting_at(Timestamp::from_second(1_764_000_000).unwrap());
        let (keeper, gate) = GateKeeper::new(clock);
        (clock, keeper, gate)
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_every_poll_passes() {
        let gate = PollGate::default();
        assert_eq!(gate.opened().await, Duration::ZERO);
        assert_eq!(gate.pass(async { 1 }).await, Some(1));
        assert_eq!(gate.permission(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_poll_ends_when_the_lease_does() {
        let (clock, keeper, gate) = closed();
        assert_eq!(gate.pass(async { 1 }).await, None);
        keeper.set(Permission::Until {
            renewed: clock.now(),
            valid_for: 10 * SECOND,
            spread: SECOND,
        });
        assert_eq!(gate.pass(async { 1 }).await, Some(1));
        let start = Instant::now();
        assert_eq!(gate.pass(sleep(60 * SECOND)).await, None);
        assert_eq!(start.elapsed(), 10 * SECOND);
        assert!(!gate.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_lets_polls_go_on() {
        let (clock, keeper, gate) = closed();
        let renew = async {
            for _ in 0..20 {
                keeper.set(Permission::Until {
                    renewed: clock.now(),
                    valid_for: 10 * SECOND,
                    spread: SECOND,
                });
                sleep(2 * SECOND).await;
            }
        };
        let poll = async {
            assert_eq!(gate.opened().await, SECOND);
            gate.pass(sleep(30 * SECOND)).await
        };
        let (poll, ()) = tokio::join!(poll, renew);
        assert_eq!(poll, Some(()));
    }

    #[tokio::test(start_paused = true)]
    async fn closing_waits_for_the_polls_in_flight() {
        let (clock, keeper, gate) = closed();
        keeper.set(Permission::Until {
            renewed: clock.now(),
            valid_for: 10 * SECOND,
            spread: SECOND,
        });
        let task = tokio::spawn(async move { gate.pass(sleep(60 * SECOND)).await });
        sleep(SECOND).await;
        let start = Instant::now();
        timeout(10 * SECOND, keeper.close()).await.unwrap();
        assert_eq!(task.await.unwrap(), None);
        // And until its request does not count any more, which is so if the gate is closed already.
        assert_eq!(start.elapsed(), SECOND);
        keeper.close().await;
        assert_eq!(start.elapsed(), SECOND);
    }
}
