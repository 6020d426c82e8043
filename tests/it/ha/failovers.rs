//! Fail-overs of cold replicas that poll, in paused time: what arrives at the API, and reloads at that moment.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use tcss_exporter::config::Account;
use tcss_exporter::credentials::Source;
use tcss_exporter::domain::{AccountName, Rate};
use tokio::time::{Instant, sleep};

use super::{
    api::LeaseStore,
    replica::{Replica, empty_store},
};
use crate::support::{World, account, answer, credentials, frozen_clock};

/// What the API allows in any second.
const LIMIT: usize = 20;
const N_ACCOUNTS: usize = 60;
const SECOND: Duration = Duration::from_secs(1);

/// A request: when it arrived, and which replica sent it.
pub(super) type Arrival = (Instant, usize);

/// A cold replica and what it polls.
struct Polling {
    replica: Replica,
    world: World,
}

impl Polling {
    async fn start(
        lease: &'static LeaseStore,
        index: usize,
        n_accounts: usize,
        arrivals: &Arc<Mutex<Vec<Arrival>>>,
    ) -> Polling {
        let replica = Replica::with(lease, &format!("replica-{index}"), 0, true, empty_store());
        let arrivals = Arc::clone(arrivals);
        let respond = move |_: Request<Bytes>| {
            arrivals.lock().unwrap().push((Instant::now(), index));
            Response::new(answer("SCANNED", 100.0, 0.0, 3))
        };
        let gate = replica.gate.clone();
        let mut world = World::gated(frozen_clock(), gate, Arc::new(respond));
        world.poll(accounts(n_accounts)).await;
        Polling { replica, world }
    }

    /// The accounts that were polled successfully.
    fn n_polled(&self) -> usize {
        let table = self.world.supervisor.store().table();
        let jobs = table.jobs.iter();
        jobs.filter(|job| job.snapshot().is_up()).count()
    }
}

/// Accounts that share one identity, and together need almost the whole limit.
fn accounts(n_accounts: usize) -> Vec<Account> {
    let mut accounts = Vec::with_capacity(n_accounts);
    for index in 0..n_accounts {
        let mut account = account("shared", "http://127.0.0.1:9");
        account.name = AccountName::parse(&format!("account-{index}")).unwrap();
        account.credentials = Source::Static(credentials("shared"));
        account.requests_per_second = Rate::new(20).unwrap();
        account.collectors[0].poll.interval = 4 * SECOND;
        accounts.push(account);
    }
    accounts
}

pub(super) fn most_in_a_second(arrivals: &[Arrival]) -> usize {
    let mut most = 0;
    let mut first = 0;
    for (last, (at, _)) in arrivals.iter().enumerate() {
        while arrivals[first].0 + SECOND <= *at {
            first += 1;
        }
        most = most.max(last - first + 1);
    }
    most
}

/// Panics if a replica still polled after its successor had begun.
fn check_order(arrivals: &[Arrival]) {
    let mut latest = 0;
    for (at, index) in arrivals {
        assert!(
            *index >= latest,
            "replica {index} polls after {latest} at {at:?}"
        );
        latest = *index;
    }
}

#[tokio::test(start_paused = true)]
async fn two_hundred_fail_overs_keep_the_limit_and_a_reload_at_that_moment_is_in_force() {
    let lease: &'static LeaseStore = Box::leak(Box::default());
    let arrivals = Arc::<Mutex<Vec<Arrival>>>::default();
    let mut n_accounts = N_ACCOUNTS;
    let mut leader = Polling::start(lease, 0, n_accounts, &arrivals).await;
    sleep(20 * SECOND).await;
    for index in 1..=200 {
        let mut standby = Polling::start(lease, index, n_accounts, &arrivals).await;
        sleep(10 * SECOND + SECOND.mul_f64(3.0 * fastrand::f64())).await;
        assert_eq!((leader.n_polled(), standby.n_polled()), (n_accounts, 0));
        // Before, while or after the lease changes hands.
        let is_stop = index % 2 == 1;
        let longest = if is_stop { 4.0 } else { 20.0 };
        let reload = Instant::now() + SECOND.mul_f64(longest * fastrand::f64());
        if is_stop {
            leader.replica.terminate().await;
        } else {
            drop(leader);
        }
        let wanted = N_ACCOUNTS + fastrand::usize(0..15);
        let mut start = Some(reload);
        let deadline = Instant::now() + 40 * SECOND;
        while start.is_some() || standby.n_polled() != wanted {
            if start.is_some_and(|start| Instant::now() >= start) {
                standby.world.poll(accounts(wanted)).await;
                start = None;
            }
            assert!(
                Instant::now() < deadline,
                "fail-over {index}: {} of {wanted} accounts polled",
                standby.n_polled()
            );
            sleep(Duration::from_millis(50)).await;
        }
        n_accounts = wanted;
        assert_eq!(
            standby.world.supervisor.store().table().accounts.len(),
            wanted
        );
        leader = standby;
    }
    let arrivals = arrivals.lock().unwrap();
    check_order(&arrivals);
    let most = most_in_a_second(&arrivals);
    eprintln!("{} requests, at most {most} in one second", arrivals.len());
    assert!(most <= LIMIT, "{most} requests in one second");
    // If the replicas hardly polled, nothing was tested.
    assert!(arrivals.len() > 200 * N_ACCOUNTS, "{}", arrivals.len());
}
