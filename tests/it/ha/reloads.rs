//! Reloads of hot replicas while the leader changes, in paused time.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use tcss_exporter::{
    config::{self, Config},
    credentials::Source,
    domain::{AccountName, Rate},
    supervisor::ConfigSource,
};
use tokio::time::{Instant, sleep};

use super::{
    api::{Fault, LeaseStore},
    failovers::{Arrival, most_in_a_second},
    replica::{Replica, always, exposed, fine},
};
use crate::support::{World, account, answer, credentials, frozen_clock, scan};

/// What one replica may send in any second, and what the API allows.
const RATE: usize = 10;
const LIMIT: usize = 20;
/// All accounts share one identity. With these intervals, they need almost its whole rate.
const N_ACCOUNTS: std::ops::RangeInclusive<usize> = 25..=36;
const INTERVALS: [u64; 2] = [4, 5];

const STEP: Duration = Duration::from_millis(50);
/// From one look at all series to the next, unless something has happened in between.
const LOOK: Duration = Duration::from_millis(500);
/// How long two may expose the accounts while both reach the API server.
const OVERLAP: Duration = Duration::from_secs(5);

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// Up to `longest` seconds from now.
fn soon(longest: f64) -> Instant {
    Instant::now() + seconds(longest * fastrand::f64())
}

/// What a configuration says about an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Settings {
    scan: usize,
    interval: u64,
}

/// The accounts of a configuration, by their number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Accounts(BTreeMap<usize, Settings>);

impl Accounts {
    /// Accounts are added, removed, and changed.
    fn changed(&self) -> Accounts {
        let mut accounts = self.clone();
        for _ in 0..fastrand::usize(1..=6) {
            let n_accounts = accounts.0.len();
            let numbers: Vec<usize> = accounts.0.keys().copied().collect();
            let any = fastrand::choice(numbers);
            match (fastrand::usize(..4), any) {
                (0, _) if n_accounts < *N_ACCOUNTS.end() => accounts.add(),
                (1, Some(number)) if n_accounts > *N_ACCOUNTS.start() => {
                    accounts.0.remove(&number);
                }
                (2, Some(number)) => accounts.0.get_mut(&number).unwrap().scan += 1,
                (3, Some(number)) => {
                    let interval = &mut accounts.0.get_mut(&number).unwrap().interval;
                    *interval = INTERVALS[usize::from(*interval == INTERVALS[0])];
                }
                _ => {}
            }
        }
        accounts
    }

    /// A removed one may come back.
    fn add(&mut self) {
        let number = fastrand::usize(..2 * N_ACCOUNTS.end());
        let interval = INTERVALS[0];
        self.0
            .entry(number)
            .or_insert(Settings { scan: 0, interval });
    }

    /// As they are read from a file.
    fn source(&self) -> ConfigSource {
        let mut accounts: Vec<config::Account> = Vec::new();
        for (number, settings) in &self.0 {
            let mut account = account("shared", "http://127.0.0.1:9");
            account.name = AccountName::parse(&format!("account-{number}")).unwrap();
            account.credentials = Source::Static(credentials("shared"));
            account.requests_per_second = Rate::new(10).unwrap();
            account.scans = vec![scan(&format!("scan-{}", settings.scan))];
            account.collectors[0].poll.interval = Duration::from_secs(settings.interval);
            accounts.push(account);
        }
        ConfigSource::Fixed(Config::of(accounts))
    }

    /// The values of the labels `account` and `scan` of all series that may be exposed.
    fn labels(&self) -> BTreeSet<(String, String)> {
        let mut labels = BTreeSet::new();
        for (number, settings) in &self.0 {
            let account = format!("account-{number}");
            labels.insert((account.clone(), String::new()));
            labels.insert((account, format!("scan-{}", settings.scan)));
        }
        labels
    }

    /// How many of them poll the same scan as in `earlier`, so that their data remain valid.
    fn n_kept(&self, earlier: &Accounts) -> usize {
        let is_kept = |number: &usize, settings: &Settings| {
            let before = earlier.0.get(number);
            before.is_some_and(|before| before.scan == settings.scan)
        };
        let accounts = self.0.iter();
        accounts.filter(|(number, it)| is_kept(number, it)).count()
    }
}

/// The value of the label `name`, which ends with `="`.
fn label(series: &str, name: &str) -> String {
    let Some((_, rest)) = series.split_once(name) else {
        return String::new();
    };
    rest.split('"').next().unwrap().to_owned()
}

/// A hot replica and its configuration.
struct Polling {
    replica: Replica,
    world: World,
    in_force: Accounts,
    /// How many accounts have had data since before the last reload.
    n_kept: usize,
    /// When it is reloaded.
    reload: Option<Instant>,
}

impl Polling {
    async fn start(
        lease: &'static LeaseStore,
        index: usize,
        accounts: &Accounts,
        arrivals: &Arc<Mutex<Vec<Arrival>>>,
    ) -> Polling {
        let arrivals = Arc::clone(arrivals);
        let respond = move |_: Request<Bytes>| {
            arrivals.lock().unwrap().push((Instant::now(), index));
            Response::new(answer("SCANNED", 100.0, 0.0, 3))
        };
        let mut world = World::in_process(frozen_clock(), Arc::new(respond));
        world.supervisor.reload(&accounts.source()).await.unwrap();
        let store = world.supervisor.store();
        Polling {
            replica: Replica::with(lease, &format!("replica-{index}"), 0, false, store),
            world,
            in_force: accounts.clone(),
            n_kept: 0,
            reload: None,
        }
    }

    /// Whether it was reloaded now.
    async fn reload_if_due(&mut self, accounts: &Accounts) -> bool {
        if self.reload.is_none_or(|at| Instant::now() < at) {
            return false;
        }
        self.reload = None;
        let supervisor = &mut self.world.supervisor;
        supervisor.reload(&accounts.source()).await.unwrap();
        self.n_kept = accounts.n_kept(&self.in_force);
        self.in_force = accounts.clone();
        true
    }

    /// Panics if it exposes anything that it must not. How many accounts have data.
    fn check(&self, what: &str) -> usize {
        let series = exposed(&self.replica, &self.world);
        if !self.replica.speaks() {
            assert_eq!(series, [""; 0], "{what}: a standby");
            return 0;
        }
        let allowed = self.in_force.labels();
        let mut n_up = 0;
        for line in series {
            let labels = (label(&line, "account=\""), label(&line, "scan=\""));
            assert!(allowed.contains(&labels), "{what}: {line}");
            n_up += usize::from(line.starts_with("tcss_vul_scan_risk_images{"));
        }
        assert!(n_up >= self.n_kept, "{what}: {n_up} of {}", self.n_kept);
        n_up
    }
}

/// What happens to the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Stop,
    Crash,
    /// It cannot reach the API server for a while.
    CutOff,
}

/// Two replicas, and what was seen of them.
struct Pair {
    leader: Option<Polling>,
    standby: Polling,
    /// Since when both expose the accounts although both reach the API server.
    overlap_since: Option<Instant>,
    longest_overlap: Duration,
    last_speakers: (bool, bool),
    last_look: Instant,
}

impl Pair {
    fn speakers(&self) -> (bool, bool) {
        let leader = self.leader.as_ref();
        let is_leader = leader.is_some_and(|leader| leader.replica.speaks());
        (is_leader, self.standby.replica.speaks())
    }

    /// Panics if a law is broken.
    fn look(&mut self, has_changed: bool, is_cut_off: bool, what: &str) {
        let speakers = self.speakers();
        if speakers == (true, true) && !is_cut_off {
            let since = *self.overlap_since.get_or_insert_with(Instant::now);
            self.longest_overlap = self.longest_overlap.max(since.elapsed());
            assert!(since.elapsed() <= OVERLAP, "{what}: both for too long");
        } else {
            self.overlap_since = None;
        }
        if !has_changed && speakers == self.last_speakers && self.last_look.elapsed() < LOOK {
            return;
        }
        self.last_speakers = speakers;
        self.last_look = Instant::now();
        for replica in self.leader.iter().chain([&self.standby]) {
            replica.check(what);
        }
    }

    /// One change of the leader, and a reload of each replica before, while or after it. How long no replica exposed the
    /// accounts.
    async fn fail_over(&mut self, event: Event, wanted: &Accounts, what: &str) -> Duration {
        let longest = if event == Event::Stop { 4.0 } else { 24.0 };
        for replica in self.leader.iter_mut().chain([&mut self.standby]) {
            replica.reload = Some(soon(longest));
        }
        let end = Instant::now() + seconds(longest + 16.0);
        let at = soon(longest / 3.0);
        // By then, the standby has taken over.
        let heal = at + seconds(20.0 + 2.0 * fastrand::f64());
        let mut due = Some(at);
        let mut is_cut_off = false;
        let mut gap = Duration::ZERO;
        while Instant::now() < end {
            let mut has_changed = false;
            if due.is_some_and(|due| Instant::now() >= due) {
                due = None;
                has_changed = true;
                match event {
                    Event::Stop => self.leader.take().unwrap().replica.terminate().await,
                    Event::Crash => self.leader = None,
                    Event::CutOff => {
                        is_cut_off = true;
                        let fault = *fastrand::choice(&[Fault::Silent, Fault::Reset]).unwrap();
                        self.leader().replica.set_weather(always(fault));
                    }
                }
            }
            if is_cut_off && Instant::now() >= heal {
                is_cut_off = false;
                self.leader().replica.set_weather(fine());
            }
            for replica in self.leader.iter_mut().chain([&mut self.standby]) {
                has_changed |= replica.reload_if_due(wanted).await;
            }
            self.look(has_changed, is_cut_off, what);
            if self.speakers() == (false, false) {
                gap += STEP;
            }
            sleep(STEP).await;
        }
        gap
    }

    fn leader(&self) -> &Polling {
        self.leader.as_ref().unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn reloads_of_hot_replicas_while_the_leader_changes_are_in_force_and_end_no_other_series() {
    let lease: &'static LeaseStore = Box::leak(Box::default());
    let arrivals = Arc::<Mutex<Vec<Arrival>>>::default();
    let mut wanted = Accounts::default();
    while wanted.0.len() < 30 {
        wanted.add();
    }
    let mut n_started = 0;
    let mut start = async |accounts: &Accounts| {
        n_started += 1;
        Polling::start(lease, n_started, accounts, &arrivals).await
    };
    let leader = start(&wanted).await;
    sleep(seconds(20.0)).await;
    let mut pair = Pair {
        leader: Some(leader),
        standby: start(&wanted).await,
        overlap_since: None,
        longest_overlap: Duration::ZERO,
        last_speakers: (true, false),
        last_look: Instant::now(),
    };
    let mut longest_gaps = [Duration::ZERO; 3];
    for round in 0..60 {
        // The standby has polled everything.
        sleep(seconds(12.0 + 3.0 * fastrand::f64())).await;
        assert_eq!(pair.speakers(), (true, false), "before round {round}");
        let event = [Event::Stop, Event::Crash, Event::CutOff][round % 3];
        wanted = wanted.changed();
        let what = format!("round {round}, {event:?}");
        let gap = pair.fail_over(event, &wanted, &what).await;
        let longest = &mut longest_gaps[round % 3];
        *longest = gap.max(*longest);

        assert_eq!(pair.speakers(), (false, true), "{what}: in the end");
        for replica in pair.leader.iter().chain([&pair.standby]) {
            assert_eq!(replica.in_force, wanted, "{what}: it was reloaded");
            let n_entries = replica.world.supervisor.store().table().accounts.len();
            assert_eq!(n_entries, wanted.0.len(), "{what}");
        }
        assert_eq!(pair.standby.check(&what), wanted.0.len(), "{what}");
        // The other one is the standby now, or a new one takes its place.
        let other = match pair.leader.take() {
            Some(other) => other,
            None => start(&wanted).await,
        };
        pair.leader = Some(std::mem::replace(&mut pair.standby, other));
        pair.last_speakers = (true, false);
    }
    let [after_stop, after_crash, after_cut] = longest_gaps;
    let overlap = pair.longest_overlap;
    let arrivals = arrivals.lock().unwrap();
    let most = most_in_a_second(&arrivals);
    let mut most_of_one = 0;
    for index in 1..=n_started {
        let own = arrivals.iter().filter(|(_, replica)| *replica == index);
        let own: Vec<Arrival> = own.copied().collect();
        most_of_one = most_of_one.max(most_in_a_second(&own));
    }
    eprintln!(
        "gaps of at most {after_stop:?} after a stop, {after_crash:?} after a crash; both for {overlap:?}; \
         {} requests, at most {most_of_one} of one replica and {most} of both in one second",
        arrivals.len()
    );
    assert!(after_stop <= seconds(5.0), "{after_stop:?}");
    assert!(
        (seconds(14.0)..=seconds(19.0)).contains(&after_crash),
        "{after_crash:?}"
    );
    assert_eq!(after_cut, Duration::ZERO, "the one that is cut off goes on");
    assert!(most_of_one <= RATE, "{most_of_one} of one replica");
    assert!(most <= LIMIT, "{most} of both");
    // If they hardly polled, nothing was tested.
    assert!(most_of_one >= RATE - 1, "{most_of_one}");
}
