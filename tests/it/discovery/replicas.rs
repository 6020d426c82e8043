//! Lists that change while the leader of two replicas does, in paused time.

use std::{collections::BTreeSet, fmt::Write as _};

use super::Fleet;
use crate::ha::{LeaseStore, Replica, exposed};

/// Members that stay.
const N_MEMBERS: u64 = 20;
const KEYS: &str = "refresh_interval: 10s, keep_for: 30s, defaults: {interval: 20s}";
/// The organization has not changed since, and members that left are forgotten.
const END: u64 = 420;

/// Every 7 seconds, a member joins; it leaves after 2 minutes.
fn organization() -> String {
    let mut members = String::new();
    for n in 1..=N_MEMBERS {
        write!(members, "{{uin: {n}}}, ").unwrap();
    }
    for n in 0..30 {
        let (uin, joins) = (100 + n, 7 * n);
        let leaves = joins + 120;
        write!(
            members,
            "{{uin: {uin}, joins: {joins}s, leaves: {leaves}s}}, "
        )
        .unwrap();
    }
    format!("members: [{members}]")
}

/// Panics if `replica` exposes other accounts than those that it polls, or as a standby any.
fn check(replica: &Replica, fleet: &Fleet) {
    let mut accounts = BTreeSet::new();
    for series in exposed(replica, &fleet.world) {
        let (_, rest) = series.split_once("account=\"").unwrap();
        accounts.insert(rest.split('"').next().unwrap().to_owned());
    }
    let mut expected = BTreeSet::new();
    if replica.speaks() {
        expected.extend(fleet.accounts());
    }
    assert_eq!(accounts, expected);
}

/// How many seconds passed until the standby had taken over.
async fn change_of_leader(is_stop: bool) -> u64 {
    let lease: &'static LeaseStore = Box::leak(Box::default());
    let organization = organization();
    let mut a = Fleet::start(&organization, KEYS, "").await;
    let mut b = Fleet::start(&organization, KEYS, "").await;
    tokio::join!(a.run_until(30), b.run_until(30));
    let leader = Replica::with(lease, "a", 0, false, a.world.supervisor.store());
    tokio::join!(a.run_until(40), b.run_until(40));
    let standby = Replica::with(lease, "b", 0, false, b.world.supervisor.store());
    let change = 90 + fastrand::u64(..60);
    for second in 41..=change {
        tokio::join!(a.run_until(second), b.run_until(second));
        assert_eq!((leader.speaks(), standby.speaks()), (true, false));
        check(&leader, &a);
        check(&standby, &b);
    }
    if is_stop {
        leader.terminate().await;
    } else {
        drop(leader);
    }
    drop(a);
    let mut took = None;
    for second in change + 1..change + 30 {
        b.run_until(second).await;
        check(&standby, &b);
        if standby.speaks() && took.is_none() {
            took = Some(second - change);
            for n in 1..=N_MEMBERS {
                assert_eq!(b.value(&format!("tcss_up{{account=\"{n}\"")), Some(1.0));
            }
        }
    }
    b.run_until(END).await;
    check(&standby, &b);
    let members: Vec<String> = (1..=N_MEMBERS).map(|n| n.to_string()).collect();
    assert_eq!(b.accounts(), members);
    took.unwrap()
}

#[tokio::test(start_paused = true)]
async fn lists_that_change_while_the_leader_does_are_in_force_at_the_next_one() {
    for (is_stop, longest) in [(true, 5), (false, 19)] {
        for round in 0..4 {
            let took = change_of_leader(is_stop).await;
            assert!(took <= longest, "round {round}: {took} s");
        }
    }
}
