//! Laws of several replicas, in paused time.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use tcss_exporter::{
    client::ApiError,
    collectors,
    domain::{AccountName, Reason, ScanName},
    store::{JobEntry, Outcome, Store, Table},
};
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;
use tracing::{
    Event, Level, Metadata,
    span::{Attributes, Id, Record},
};

use super::{
    api::{Fault, LeaseStore},
    replica::{PATH, Replica, always, empty_store, exposed, fine},
};
use crate::support::{World, account, answer, frozen_clock};

const STEP: Duration = Duration::from_millis(20);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn api() -> &'static LeaseStore {
    Box::leak(Box::default())
}

/// Waits until `condition` is true. How long it took.
async fn until(what: &str, condition: impl Fn() -> bool) -> Duration {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < seconds(600), "{what}");
        sleep(STEP).await;
    }
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_crash_is_followed_by_a_new_leader_within_19_s_and_a_stop_within_5_s() {
    let api = api();
    let mut leader = Replica::start(api, "replica-0", 0);
    until("the first leader", || leader.speaks()).await;
    let (mut after_crash, mut after_stop) = (Duration::ZERO, Duration::ZERO);
    for index in 1..=400 {
        let standby = Replica::start(api, &format!("replica-{index}"), 0);
        sleep(seconds(20) + Duration::from_millis(fastrand::u64(..3_000))).await;
        assert!(leader.speaks() && !standby.speaks());
        let start = Instant::now();
        if index % 2 == 0 {
            drop(leader);
            until("a leader after a crash", || standby.speaks()).await;
            after_crash = after_crash.max(start.elapsed());
        } else {
            leader.terminate().await;
            until("a leader after a stop", || standby.speaks()).await;
            after_stop = after_stop.max(start.elapsed());
        }
        leader = standby;
    }
    assert!(
        after_crash > seconds(14),
        "not before the lease expires: {after_crash:?}"
    );
    assert!(after_crash <= seconds(19), "{after_crash:?}");
    assert!(after_stop <= seconds(5), "{after_stop:?}");
    eprintln!("200 crashes: at most {after_crash:?}; 200 stops: at most {after_stop:?}");
}

/// An exporter with one account, whose API answers.
async fn polling_world() -> World {
    let respond = |_: Request<Bytes>| Response::new(answer("SCANNED", 100.0, 0.0, 3));
    let mut world = World::in_process(frozen_clock(), Arc::new(respond));
    world
        .poll(vec![account("prod", "http://127.0.0.1:9")])
        .await;
    world
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_away_for_an_hour_ends_no_series() {
    let api = api();
    let world = polling_world().await;
    let a = Replica::with(api, "a", 0, false, world.supervisor.store());
    until("a leader", || a.speaks()).await;
    let b = Replica::with(api, "b", 0, false, world.supervisor.store());
    sleep(seconds(60)).await;
    let before = exposed(&a, &world);
    assert!(before.len() > 20, "{before:?}");
    for fault in [Fault::Silent, Fault::Reset, Fault::Unavailable] {
        for replica in [&a, &b] {
            replica.set_weather(always(fault));
        }
        for _ in 0..720 {
            sleep(seconds(5)).await;
            assert_eq!(exposed(&a, &world), before);
            assert_eq!(exposed(&b, &world), [""; 0]);
        }
        assert_eq!(a.metric("tcss_exporter_leader"), 1.0);
        for replica in [&a, &b] {
            assert!(replica.metric("tcss_exporter_lease_failures_total") > 100.0);
            replica.set_weather(fine());
        }
        sleep(seconds(30)).await;
        assert!(a.speaks() && !b.speaks());
    }
    for replica in [&a, &b] {
        assert_eq!(replica.metric("tcss_exporter_lease_changes_total"), 0.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cold_leader_that_cannot_renew_stops_polling_before_another_can_begin() {
    let api = api();
    let a = Replica::start(api, "a", 0);
    until("a leader", || a.gate.is_open()).await;
    let b = Replica::start(api, "b", 3_600);
    sleep(seconds(30)).await;
    assert!(!b.gate.is_open());
    a.set_weather(always(Fault::Silent));
    let closed = until("that it stops", || !a.gate.is_open()).await;
    assert!((seconds(7)..=seconds(10)).contains(&closed), "{closed:?}");
    assert!(a.speaks(), "what it has is exposed until it is stale");
    let opened = closed + until("that the other begins", || b.gate.is_open()).await;
    assert!((seconds(13)..=seconds(19)).contains(&opened), "{opened:?}");
    a.set_weather(fine());
    until("that it reads of the other", || !a.speaks()).await;
}

#[tokio::test(start_paused = true)]
async fn without_the_api_server_the_values_of_a_cold_leader_end_when_they_are_stale() {
    let api = api();
    let a = Replica::with(api, "a", 0, true, empty_store());
    let respond = |_: Request<Bytes>| Response::new(answer("SCANNED", 100.0, 0.0, 3));
    let mut world = World::gated(frozen_clock(), a.gate.clone(), Arc::new(respond));
    world
        .poll(vec![account("prod", "http://127.0.0.1:9")])
        .await;
    let exposes = |metric: &str| {
        exposed(&a, &world)
            .iter()
            .any(|series| series.starts_with(metric))
    };
    let until_exposed = async |expected: bool| -> u64 {
        for second in 0..600 {
            if exposes("tcss_vul_scan_risk_images{") == expected {
                return second;
            }
            sleep(seconds(1)).await;
        }
        panic!("values exposed: {}, expected {expected}", !expected);
    };
    until_exposed(true).await;
    sleep(seconds(60)).await;
    a.set_weather(always(Fault::Silent));
    // The last poll was up to a minute before the last renewal expired.
    let ended = until_exposed(false).await;
    assert!((230..=312).contains(&ended), "{ended}");
    for _ in 0..300 {
        sleep(seconds(10)).await;
        assert!(exposes("tcss_up{") && !exposes("tcss_vul_scan_risk_images{"));
    }
    a.set_weather(fine());
    until_exposed(true).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_is_no_change() {
    let api = api();
    let a = Replica::start(api, "a", 0);
    let b = Replica::start(api, "b", 0);
    until("a leader", || a.speaks() || b.speaks()).await;
    let first = a.speaks();
    for replica in [&a, &b] {
        let mut n = 0;
        replica.set_weather(Arc::new(Mutex::new(move || {
            n += 1;
            (n % 3 == 0).then_some(Fault::AnswerLost)
        })));
    }
    for _ in 0..600 {
        sleep(seconds(1)).await;
        assert_eq!((a.speaks(), b.speaks()), (first, !first));
    }
    assert_eq!(a.metric("tcss_exporter_lease_changes_total"), 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_lease_with_labels_an_owner_and_unknown_fields_keeps_them() {
    let api = api();
    let a = Replica::start(api, "a", 0);
    until("a leader", || a.speaks()).await;
    api.edit(PATH, |lease| {
        lease["metadata"]["labels"] = serde_json::json!({"team": "pay"});
        lease["metadata"]["ownerReferences"] = serde_json::json!([{"kind": "Deployment"}]);
        lease["spec"]["strategy"] = "OldestEmulationVersion".into();
    });
    sleep(seconds(30)).await;
    let lease = api.get(PATH).unwrap();
    a.terminate().await;
    for lease in [lease, api.get(PATH).unwrap()] {
        assert_eq!(lease["metadata"]["labels"]["team"], "pay");
        assert_eq!(
            lease["metadata"]["ownerReferences"][0]["kind"],
            "Deployment"
        );
        assert_eq!(lease["spec"]["strategy"], "OldestEmulationVersion");
    }
    assert_eq!(api.holder(PATH), "");
}

/// The memory of this process in bytes.
fn resident_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = status.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4_096
}

/// Counts log lines.
struct LineCounter(Arc<AtomicUsize>);

impl tracing::Subscriber for LineCounter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Relaxed);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_renewals_cost_no_memory_and_no_log_line() {
    let n_lines = Arc::<AtomicUsize>::default();
    let _guard = tracing::subscriber::set_default(LineCounter(Arc::clone(&n_lines)));
    let api = api();
    let a = Replica::start(api, "a", 0);
    until("a leader", || a.speaks()).await;
    sleep(seconds(2_000)).await;
    assert!(n_lines.load(Relaxed) > 0, "it became the leader");
    let (requests, memory) = (api.requests(), resident_memory());
    n_lines.store(0, Relaxed);
    // More than two days.
    sleep(seconds(200_000)).await;
    let renewals = api.requests() - requests;
    let growth = resident_memory().saturating_sub(memory);
    eprintln!("{renewals} renewals, {growth} bytes more");
    assert!(renewals >= 99_500, "{renewals}");
    // Other tests of this process run at the same time.
    assert!(growth < 64 << 20, "{growth} bytes");
    assert_eq!(n_lines.load(Relaxed), 0, "log lines");
    assert_eq!(a.metric("tcss_exporter_lease_failures_total"), 0.0);
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_about_the_lease_a_replica_exposes_nothing() {
    let api = api();
    let a = Replica::with(api, "a", 0, true, empty_store());
    a.set_weather(always(Fault::Forbidden));
    for _ in 0..600 {
        sleep(seconds(1)).await;
        assert!(!a.speaks() && !a.gate.is_open());
        assert!(!a.leadership.is_ready_without_data());
    }
    assert_eq!(a.metric("tcss_exporter_leader"), 0.0);
    a.set_weather(fine());
    until("a leader", || a.speaks()).await;
    assert!(a.leadership.is_ready_without_data());
}

/// A replica that was not polled yet leaves the lease to one that was.
#[tokio::test(start_paused = true)]
async fn a_replica_without_data_does_not_take_over_from_one_that_stops() {
    let api = api();
    let a = Replica::with(api, "a", 0, false, empty_store());
    until("a leader", || a.speaks()).await;
    let starting = Replica::with(api, "starting", 0, false, Arc::new(Store::default()));
    let b = Replica::with(api, "b", 0, false, empty_store());
    sleep(seconds(20)).await;
    a.terminate().await;
    until("the next leader", || b.speaks()).await;
    drop(b);
    // Nobody else is there, so one without data is better than none.
    let waited = until("the last leader", || starting.speaks()).await;
    assert!(waited > seconds(40), "{waited:?}");
}

/// The polls of one account, every 10 s, all of which succeed or fail.
struct Polls {
    store: Arc<Store>,
    reaches_the_api: Arc<Mutex<bool>>,
    _task: AbortOnDropHandle<()>,
}

impl Polls {
    fn start() -> Polls {
        let (name, scan) = (AccountName::parse("prod"), ScanName::parse("latest"));
        let stale_after = seconds(300);
        let collector = &collectors::ALL[0];
        let entry = JobEntry::new(&name.unwrap(), Some(&scan.unwrap()), collector, stale_after);
        let entry = Arc::new(entry);
        let mut table = Table::default();
        table.jobs.push(Arc::clone(&entry));
        let store = Arc::new(Store::default());
        store.replace(table);
        let reaches_the_api = Arc::new(Mutex::new(true));
        let clock = frozen_clock();
        let reaches = Arc::clone(&reaches_the_api);
        let task = tokio::spawn(async move {
            loop {
                let at = clock.now();
                let result = if *reaches.lock().unwrap() {
                    let zone = jiff::tz::TimeZone::UTC;
                    let reading = tcss_exporter::collectors::Reading {
                        time_zone: &zone,
                        as_of: at.wall,
                        limit: 0,
                    };
                    let parsed = collector.read(&[vec![r#"{"Status":"NOT_SCAN"}"#]], reading, None);
                    Ok(parsed.unwrap())
                } else {
                    Err(ApiError {
                        reason: Reason::Network,
                        code: None,
                        status: None,
                        is_of_credentials: false,
                        is_stale_connection: false,
                        message: "no route to host".into(),
                        request_id: None,
                        as_of: at,
                    })
                };
                let took = seconds(0);
                let mut next = entry.snapshot().after(Outcome { at, took, result });
                next.interval = seconds(10);
                entry.replace(next);
                sleep(seconds(10)).await;
            }
        });
        Polls {
            store,
            reaches_the_api,
            _task: AbortOnDropHandle::new(task),
        }
    }

    fn set(&self, reaches_the_api: bool) {
        *self.reaches_the_api.lock().unwrap() = reaches_the_api;
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_without_egress_hands_over_and_one_of_two_without_it_goes_on() {
    let api = api();
    let (polls_a, polls_b) = (Polls::start(), Polls::start());
    let a = Replica::with(api, "a", 0, false, Arc::clone(&polls_a.store));
    until("a leader", || a.speaks()).await;
    let b = Replica::with(api, "b", 0, false, Arc::clone(&polls_b.store));
    sleep(seconds(60)).await;
    polls_a.set(false);
    let took = until("that b takes over", || b.speaks()).await;
    assert!((seconds(60)..=seconds(80)).contains(&took), "{took:?}");
    until("that a reads it", || !a.speaks()).await;
    // Now no replica reaches the API, for an hour.
    polls_b.set(false);
    for _ in 0..36_000 {
        assert!(
            a.speaks() || b.speaks(),
            "there is always one that tells what is wrong"
        );
        sleep(Duration::from_millis(100)).await;
    }
    let changes = b.metric("tcss_exporter_lease_changes_total");
    assert!(changes <= 2.0, "{changes}");
}
