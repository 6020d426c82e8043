//! Random faults, in paused time.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use fastrand::Rng;
use tcss_exporter::poller::PollGate;
use tokio::time::{Instant, sleep};

use super::{
    api::{Fault, LeaseStore},
    replica::{PATH, Replica, Weather, always, empty_store, fine},
};

/// How long faults go on.
const FAULTY: Duration = Duration::from_secs(120);
/// How long it takes at most until a replica speaks again.
const RECOVERY: Duration = Duration::from_secs(20);
/// How long two may speak while both reach the API server.
const OVERLAP: Duration = Duration::from_secs(5);
const STEP: Duration = Duration::from_millis(50);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn any_fault(dice: &mut Rng) -> Fault {
    match dice.u64(..16) {
        0 => Fault::Conflict,
        1 => Fault::NotFound,
        2 => Fault::Unauthorized,
        3 => Fault::Forbidden,
        4 => Fault::Invalid,
        5 => Fault::ServerError,
        6 => Fault::Unavailable,
        7 => Fault::TooManyRequests,
        8 => Fault::CutJson,
        9 => Fault::Html,
        10 => Fault::Delay(millis(100 + dice.u64(..30_000))),
        11 => Fault::Silent,
        12 => Fault::Reset,
        13 | 14 => Fault::AnswerLost,
        _ => Fault::Late(millis(dice.u64(..30_000))),
    }
}

/// All requests fail in one way, or each of them in one or another, or not.
fn any_weather(mut dice: Rng) -> Weather {
    if dice.u64(..2) == 0 {
        return always(any_fault(&mut dice));
    }
    Arc::new(Mutex::new(move || {
        if dice.u64(..3) > 0 {
            return None;
        }
        Some(any_fault(&mut dice))
    }))
}

/// What was seen.
#[derive(Debug, Default)]
struct Seen {
    longest_overlap: Duration,
    longest_recovery: Duration,
    takeovers: u64,
}

struct Place {
    replica: Option<Replica>,
    name: usize,
    lives: u64,
    change: Instant,
    is_fine: bool,
    is_cold: bool,
}

impl Place {
    fn start(&mut self, api: &'static LeaseStore, dice: &mut Rng) {
        self.lives += 1;
        let identity = format!("replica-{}-{}", self.name, self.lives);
        // Clocks differ by up to an hour.
        let skew = i64::try_from(dice.u64(..7_200)).unwrap() - 3_600;
        let store = empty_store();
        self.replica = Some(Replica::with(api, &identity, skew, self.is_cold, store));
        self.is_fine = true;
    }

    fn change(&mut self, api: &'static LeaseStore, dice: &mut Rng, dying: &mut Vec<PollGate>) {
        self.change = Instant::now() + millis(500 + dice.u64(..30_000));
        let Some(replica) = &self.replica else {
            return self.start(api, dice);
        };
        match dice.u64(..10) {
            // A crash.
            0 => self.replica = None,
            1 => {
                let replica = self.replica.take().unwrap();
                dying.push(replica.gate.clone());
                tokio::spawn(replica.terminate());
            }
            2..=5 => {
                replica.set_weather(fine());
                self.is_fine = true;
            }
            _ => {
                replica.set_weather(any_weather(dice.fork()));
                self.is_fine = false;
            }
        }
    }

    fn is_well(&self) -> bool {
        self.replica.is_none() || self.is_fine
    }
}

/// Three replicas, hot or cold, and a schedule of faults. Panics if a law is broken.
async fn play(seed: u64) -> Seen {
    // The same seed gives the same schedule, and the same jitter.
    let mut dice = Rng::with_seed(seed);
    fastrand::seed(seed);
    let mut dying = Vec::new();
    let api: &'static LeaseStore = Box::leak(Box::default());
    let mut places = Vec::new();
    for name in 0..3 {
        let mut place = Place {
            replica: None,
            name,
            lives: 0,
            change: Instant::now() + millis(dice.u64(..20_000)),
            is_fine: true,
            is_cold: seed.is_multiple_of(2),
        };
        place.start(api, &mut dice);
        places.push(place);
    }
    let mut found = Seen::default();
    let start = Instant::now();
    let mut all_well_since = start;
    let mut overlap_since = None;
    let mut has_recovered = false;
    let mut last_speaker = None;
    while start.elapsed() < FAULTY + RECOVERY * 2 {
        let now = Instant::now();
        if start.elapsed() < FAULTY {
            for place in &mut places {
                if now >= place.change {
                    place.change(api, &mut dice, &mut dying);
                }
            }
        } else if !has_recovered {
            for place in &mut places {
                if place.replica.is_none() {
                    place.start(api, &mut dice);
                }
                place.replica.as_ref().unwrap().set_weather(fine());
                place.is_fine = true;
            }
        }
        if !places.iter().all(Place::is_well) {
            all_well_since = now;
        }
        let mut speakers = Vec::new();
        let mut n_polling = dying.iter().filter(|gate| gate.is_open()).count();
        for place in &places {
            if let Some(replica) = &place.replica {
                if replica.speaks() {
                    speakers.push((place.name, place.lives));
                }
                n_polling += usize::from(replica.gate.is_open());
            }
        }
        assert!(
            n_polling <= 1,
            "seed {seed}: {n_polling} poll after {:?}",
            start.elapsed()
        );
        if speakers.len() > 1 {
            let since = *overlap_since.get_or_insert(now);
            let overlap = now - all_well_since.max(since);
            found.longest_overlap = found.longest_overlap.max(overlap);
            assert!(
                overlap <= OVERLAP,
                "seed {seed}: {speakers:?} speak after {:?}",
                start.elapsed()
            );
        } else {
            overlap_since = None;
        }
        if let [speaker] = speakers[..]
            && last_speaker != Some(speaker)
        {
            last_speaker = Some(speaker);
            found.takeovers += 1;
        }
        if start.elapsed() >= FAULTY && !has_recovered && !speakers.is_empty() {
            has_recovered = true;
            found.longest_recovery = start.elapsed().saturating_sub(FAULTY);
        }
        assert!(
            has_recovered || start.elapsed() < FAULTY + RECOVERY,
            "seed {seed}: nobody speaks {RECOVERY:?} after the last fault; the lease is {:?}",
            api.get(PATH)
        );
        sleep(STEP).await;
    }
    let speaking = places
        .iter()
        .filter(|place| place.replica.as_ref().is_some_and(Replica::speaks));
    assert_eq!(speaking.count(), 1, "seed {seed}: in the end");
    found
}

#[test]
fn random_faults_of_the_api_server_never_make_two_poll_and_leave_one_that_speaks() {
    let n_schedules = match std::env::var("HA_SCHEDULES") {
        Ok(n) => n.parse().unwrap(),
        Err(_) => 300,
    };
    let first: u64 = match std::env::var("HA_FIRST") {
        Ok(n) => n.parse().unwrap(),
        Err(_) => 0,
    };
    let mut all = Seen::default();
    for seed in first..first + n_schedules {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let one = runtime.block_on(play(seed));
        all.longest_overlap = all.longest_overlap.max(one.longest_overlap);
        all.longest_recovery = all.longest_recovery.max(one.longest_recovery);
        all.takeovers += one.takeovers;
    }
    // If faults had no effect, nothing was tested.
    assert!(all.takeovers > n_schedules, "{all:?}");
    eprintln!("{n_schedules} schedules: {all:?}");
}
