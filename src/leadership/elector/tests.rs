use jiff::Timestamp;

use super::*;
use crate::domain::Clock;

const DURATION: Duration = Duration::from_secs(15);
const CAN_SERVE: LocalState = LocalState {
    can_serve: true,
    is_cut_off: false,
};
const NOT_READY: LocalState = LocalState {
    can_serve: false,
    is_cut_off: false,
};
const CUT_OFF: LocalState = LocalState {
    can_serve: false,
    is_cut_off: true,
};

/// The API server: the latest version of the Lease.
#[derive(Default)]
struct Server {
    record: Option<LeaseRecord>,
    version: u64,
}

impl Server {
    fn write(&mut self, record: &LeaseRecord) -> Option<LeaseRecord> {
        let latest = self.record.as_ref().and_then(LeaseRecord::version);
        if record.version() != latest {
            return None;
        }
        self.version += 1;
        let mut object: serde_json::Value = serde_json::from_str(&record.to_json()).unwrap();
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let record = LeaseRecord::parse(object.to_string().as_bytes()).unwrap();
        self.record = Some(record.clone());
        Some(record)
    }
}

/// One replica that is never delayed.
struct Replica {
    elector: Elector,
    local: LocalState,
}

impl Replica {
    fn new(identity: &str, now: Moment) -> Replica {
        let key = LeaseKey {
            namespace: "default".into(),
            name: "tcss".into(),
        };
        Replica {
            elector: Elector::new(key, identity.into(), LeaseTimes::new(DURATION), now),
            local: CAN_SERVE,
        }
    }

    /// Sends what is due at `now`.
    fn act(&mut self, server: &mut Server, now: Moment) {
        loop {
            match self.elector.next(now, self.local) {
                NextStep::Wait(_) => return,
                NextStep::Read => self.elector.has_read(now, server.record.clone()),
                NextStep::Write(record) => match server.write(&record) {
                    Some(record) => self.elector.has_written(now, now, record),
                    None => self.elector.has_failed(now, now, Rejection::Conflict),
                },
            }
        }
    }

    fn standing(&self, now: Moment) -> Standing {
        self.elector.standing(now)
    }
}

fn start() -> Moment {
    Clock::starting_at(Timestamp::from_second(1_764_000_000).unwrap()).now()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Lets `replicas` act every 100 ms from `from` until `to`, both counted from `start`.
fn play(
    server: &mut Server,
    replicas: &mut [&mut Replica],
    start: Moment,
    from: u64,
    to: u64,
) -> Moment {
    for step in from * 10..=to * 10 {
        let now = start.after(Duration::from_millis(step * 100));
        for replica in replicas.iter_mut() {
            replica.act(server, now);
        }
    }
    start.after(seconds(to))
}

fn standby_of(leader: &str) -> Standing {
    Standing::Standby {
        leader: Some(leader.into()),
    }
}

#[test]
fn a_lease_that_does_not_exist_is_taken_and_renewed() {
    let start = start();
    let mut server = Server::default();
    let mut a = Replica::new("a", start);
    let mut b = Replica::new("b", start);
    let now = play(&mut server, &mut [&mut a, &mut b], start, 0, 60);
    assert_eq!(a.standing(now), Standing::Leader);
    assert_eq!(b.standing(now), standby_of("a"));
    assert!((29..=32).contains(&server.version), "{}", server.version);
    assert_eq!(b.elector.holder_changes(), 0);
}

/// The start, and after a minute, the server and two replicas; the first one leads.
fn a_minute_with_two() -> (Moment, Server, Replica, Replica) {
    let start = start();
    let mut server = Server::default();
    let mut a = Replica::new("a", start);
    let mut b = Replica::new("b", start);
    play(&mut server, &mut [&mut a, &mut b], start, 0, 60);
    (start, server, a, b)
}

#[test]
fn a_standby_takes_over_one_duration_after_the_last_sign_of_life() {
    let (start, mut server, _, mut b) = a_minute_with_two();
    // The leader dies.
    let now = play(&mut server, &mut [&mut b], start, 60, 72);
    assert_eq!(b.standing(now), standby_of("a"));
    let now = play(&mut server, &mut [&mut b], start, 72, 78);
    assert_eq!(b.standing(now), Standing::Leader);
    assert_eq!(b.elector.holder_changes(), 1);
}

#[test]
fn a_lease_that_was_given_back_is_taken_at_the_next_look() {
    let start = start();
    let mut server = Server::default();
    let mut a = Replica::new("a", start);
    let mut b = Replica::new("b", start);
    let now = play(&mut server, &mut [&mut a, &mut b], start, 0, 60);
    server.write(&a.elector.release(now).unwrap()).unwrap();
    let now = play(&mut server, &mut [&mut b], start, 60, 63);
    assert_eq!(b.standing(now), Standing::Leader);
    assert_eq!(
        a.elector.standing(now),
        Standing::Unconfirmed,
        "until it knows"
    );
}

/// A renewal time is for people: only what the replica saw itself counts.
#[test]
fn clocks_that_differ_change_nothing() {
    for offset in [-3_600i64, 3_600] {
        let start = start();
        let skewed = Moment {
            wall: Timestamp::from_second(start.wall.as_second() + offset).unwrap(),
            ..start
        };
        let mut server = Server::default();
        let mut a = Replica::new("a", start);
        let mut b = Replica::new("b", skewed);
        for step in 0..600 {
            let later = Duration::from_millis(step * 100);
            a.act(&mut server, start.after(later));
            b.act(&mut server, skewed.after(later));
        }
        assert_eq!(b.standing(skewed.after(seconds(60))), standby_of("a"));
    }
}

#[test]
fn a_wall_clock_that_is_set_does_not_take_the_lease_from_a_live_leader() {
    let start = start();
    let mut server = Server::default();
    let mut a = Replica::new("a", start);
    let mut b = Replica::new("b", start);
    play(&mut server, &mut [&mut a, &mut b], start, 0, 10);
    let jumped = Moment {
        wall: Timestamp::from_second(start.wall.as_second() + 3_600).unwrap(),
        ..start
    };
    let now = play(&mut server, &mut [&mut a, &mut b], jumped, 10, 60);
    assert_eq!(a.standing(now), Standing::Leader);
    assert_eq!(b.standing(now), standby_of("a"));
}

#[test]
fn after_a_suspension_a_leader_is_unconfirmed_before_it_reads_anything() {
    let start = start();
    let mut server = Server::default();
    let mut a = Replica::new("a", start);
    let now = play(&mut server, &mut [&mut a], start, 0, 10);
    // The monotonic clock has stopped.
    let woken = Moment {
        wall: now.wall + seconds(60),
        ..now
    };
    assert_eq!(a.standing(woken), Standing::Unconfirmed);
}

#[test]
fn a_leader_without_an_api_server_is_unconfirmed_and_goes_on_until_it_reads_of_another() {
    let (start, mut server, mut a, mut b) = a_minute_with_two();
    assert_eq!(a.standing(start.after(seconds(68))), Standing::Leader);
    let now = play(&mut server, &mut [&mut b], start, 60, 100);
    assert_eq!(a.standing(now), Standing::Unconfirmed);
    assert_eq!(b.standing(now), Standing::Leader);
    let now = play(&mut server, &mut [&mut a, &mut b], start, 100, 104);
    assert_eq!(a.standing(now), standby_of("b"));
}

/// The lease has expired for the standby, but the leader could not renew it.
#[test]
fn after_an_outage_of_the_api_server_the_leader_has_time_to_renew() {
    let (start, mut server, mut a, mut b) = a_minute_with_two();
    play(&mut server, &mut [&mut b], start, 60, 63);
    // Both are without an answer until 100. Then the standby is the first to get one.
    let now = play(&mut server, &mut [&mut b], start, 100, 105);
    assert_eq!(b.standing(now), Standing::Standby { leader: None });
    let now = play(&mut server, &mut [&mut a, &mut b], start, 105, 200);
    assert_eq!(a.standing(now), Standing::Leader);
    assert_eq!(b.standing(now), standby_of("a"));
    // If the leader is gone, the standby takes over a little later.
    play(&mut server, &mut [&mut b], start, 200, 202);
    let now = play(&mut server, &mut [&mut b], start, 240, 250);
    assert_eq!(b.standing(now), Standing::Leader);
}

#[test]
fn a_write_whose_answer_was_lost_is_recognized() {
    let start = start();
    let mut server = Server::default();
    let mut a = Replica::new("a", start);
    let now = play(&mut server, &mut [&mut a], start, 0, 10);
    let now = now.after(seconds(2));
    let NextStep::Write(record) = a.elector.next(now, CAN_SERVE) else {
        panic!("a renewal is due");
    };
    server.write(&record).unwrap();
    let failed = now.after(seconds(3));
    let rejection = Rejection::Failed { retry_after: None };
    a.elector.has_failed(now, failed, rejection);
    let now = play(&mut server, &mut [&mut a], start, 15, 20);
    assert_eq!(a.standing(now), Standing::Leader);
    assert_eq!(a.elector.holder_changes(), 0);
    assert!(!a.elector.has_twin());
}

#[test]
fn another_process_with_the_same_identity_is_another_process() {
    let start = start();
    let mut server = Server::default();
    let mut a = Replica::new("a", start);
    let mut twin = Replica::new("a", start);
    let now = play(&mut server, &mut [&mut a, &mut twin], start, 0, 60);
    assert_eq!(a.standing(now), Standing::Leader);
    assert_eq!(twin.standing(now), standby_of("a"));
    assert!(twin.elector.has_twin());
    assert!(!a.elector.has_twin());
}

/// With `--ha.identity`, a restarted process finds the lease of its earlier life.
#[test]
fn a_restarted_process_waits_for_its_earlier_lease_and_is_no_twin() {
    let start = start();
    let mut server = Server::default();
    let mut a = Replica::new("a", start);
    play(&mut server, &mut [&mut a], start, 0, 10);
    let mut again = Replica::new("a", start.after(seconds(10)));
    let now = play(&mut server, &mut [&mut again], start, 10, 24);
    assert_eq!(again.standing(now), standby_of("a"));
    let now = play(&mut server, &mut [&mut again], start, 24, 30);
    assert_eq!(again.standing(now), Standing::Leader);
    assert!(!again.elector.has_twin());
}

#[test]
fn a_replica_that_cannot_serve_takes_only_what_is_free_for_two_durations() {
    let start = start();
    let mut server = Server::default();
    let mut a = Replica::new("a", start);
    a.local = NOT_READY;
    let now = play(&mut server, &mut [&mut a], start, 0, 29);
    assert_eq!(a.standing(now), Standing::Standby { leader: None });
    let now = play(&mut server, &mut [&mut a], start, 29, 34);
    assert_eq!(a.standing(now), Standing::Leader);
    let mut b = Replica::new("b", now);
    let now = play(&mut server, &mut [&mut a, &mut b], start, 34, 60);
    assert_eq!(a.standing(now), Standing::Leader, "kept, once it is taken");
}

#[test]
fn a_leader_that_is_cut_off_from_the_api_hands_over() {
    let (start, mut server, mut a, mut b) = a_minute_with_two();
    a.local = CUT_OFF;
    let now = play(&mut server, &mut [&mut a, &mut b], start, 60, 68);
    assert_eq!(b.standing(now), Standing::Leader);
    assert_eq!(a.standing(now), standby_of("b"));
}

#[test]
fn if_all_are_cut_off_the_leader_goes_on_speaking_and_takes_its_lease_again() {
    let (start, mut server, mut a, mut b) = a_minute_with_two();
    a.local = CUT_OFF;
    b.local = CUT_OFF;
    let now = play(&mut server, &mut [&mut a, &mut b], start, 60, 70);
    assert_eq!(a.standing(now), Standing::Offering, "it is still exposed");
    let now = play(&mut server, &mut [&mut a, &mut b], start, 70, 3_600);
    assert_eq!(a.standing(now), Standing::Leader);
    assert_eq!(b.elector.holder_changes(), 0);
    // It reaches the API again, and loses it once more.
    a.local = CAN_SERVE;
    play(&mut server, &mut [&mut a, &mut b], start, 3_600, 3_700);
    a.local = CUT_OFF;
    b.local = CAN_SERVE;
    let now = play(&mut server, &mut [&mut a, &mut b], start, 3_700, 3_710);
    assert_eq!(b.standing(now), Standing::Leader);
}

#[test]
fn a_lease_that_a_person_deletes_or_empties_is_taken_again_at_once() {
    let start = start();
    let mut server = Server::default();
    let mut a = Replica::new("a", start);
    let mut b = Replica::new("b", start);
    play(&mut server, &mut [&mut a], start, 0, 10);
    let emptied = server.record.clone().unwrap();
    let mut object: serde_json::Value = serde_json::from_str(&emptied.to_json()).unwrap();
    object["spec"]["holderIdentity"] = "".into();
    let emptied = LeaseRecord::parse(object.to_string().as_bytes()).unwrap();
    server.write(&emptied).unwrap();
    let now = play(&mut server, &mut [&mut a, &mut b], start, 10, 20);
    assert!(
        [a.standing(now), b.standing(now)].contains(&Standing::Leader),
        "one of them took it"
    );
    server.record = None;
    let now = play(&mut server, &mut [&mut a, &mut b], start, 20, 30);
    let standings = [a.standing(now), b.standing(now)];
    assert!(standings.contains(&Standing::Leader), "{standings:?}");
}

/// A request to give the lease back may still be on its way when the next read does not show it.
#[test]
fn after_a_release_without_an_answer_only_a_successful_write_confirms_the_lease() {
    let start = start();
    let mut server = Server::default();
    let mut a = Replica::new("a", start);
    let now = play(&mut server, &mut [&mut a], start, 0, 10);
    a.local = CUT_OFF;
    let now = now.after(seconds(2));
    let NextStep::Write(release) = a.elector.next(now, CUT_OFF) else {
        panic!("it is given back");
    };
    assert_eq!(release.holder(), "");
    assert_eq!(a.standing(now), Standing::Unconfirmed);
    let rejection = Rejection::Failed { retry_after: None };
    a.elector.has_failed(now, now, rejection);
    a.elector.has_read(now, server.record.clone());
    assert_eq!(a.standing(now), Standing::Unconfirmed);
    a.local = CAN_SERVE;
    let now = now.after(seconds(1));
    a.act(&mut server, now);
    assert_eq!(a.standing(now), Standing::Leader);
}
