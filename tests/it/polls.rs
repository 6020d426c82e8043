//! What polls do, and when, in paused time.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use tcss_exporter::{
    client::Handler,
    config::{Account, Config},
    domain::{Rate, Reason},
    store::Snapshot,
};
use tokio::time::{Instant, sleep, sleep_until};

use crate::support::{POLL, World, account, answer, error, frozen_clock, scan, sum};

/// What a handler has seen so far.
type Noted<T> = Arc<Mutex<Vec<T>>>;

/// Returns the answers in order, repeats the last one, and records when each request arrived.
fn scripted(answers: Vec<Bytes>) -> (Handler, Noted<Instant>) {
    let arrivals = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&arrivals);
    let handler: Handler = Arc::new(move |_| {
        let mut noted = noted.lock().unwrap();
        noted.push(Instant::now());
        http::Response::new(answers[(noted.len() - 1).min(answers.len() - 1)].clone())
    });
    (handler, arrivals)
}

/// Answers by account, which signs with a key of the same name, and records the account and time of each request.
fn by_account(answer: fn(&str) -> Bytes) -> (Handler, Noted<(String, Instant)>) {
    let arrivals = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&arrivals);
    let handler: Handler = Arc::new(move |request| {
        let authorization = request.headers()["Authorization"].to_str().unwrap();
        let (_, credential) = authorization.split_once("Credential=").unwrap();
        let name = credential.split('/').next().unwrap();
        noted
            .lock()
            .unwrap()
            .push((name.to_owned(), Instant::now()));
        http::Response::new(answer(name))
    });
    (handler, arrivals)
}

fn good() -> Bytes {
    answer("SCANNED", 100.0, 0.0, 1)
}

fn alone() -> Account {
    account("prod", "tcss.example")
}

fn snapshot(world: &World) -> Arc<Snapshot> {
    world.supervisor.store().table().jobs[0].snapshot()
}

fn failure(world: &World) -> Option<Reason> {
    snapshot(world)
        .last
        .as_ref()
        .unwrap()
        .failure
        .as_ref()
        .map(|error| error.reason)
}

#[tokio::test(start_paused = true)]
async fn a_throttled_request_is_retried_after_a_second_at_half_the_rate() {
    let (handler, arrivals) = scripted(vec![error("RequestLimitExceeded"), good()]);
    let mut world = World::in_process(frozen_clock(), handler);
    world.poll(vec![alone()]).await;
    let rate = |world: &World| sum(&world.text(), "tcss_api_rate_limit_requests_per_second");
    let before = rate(&world);
    sleep(Duration::from_secs(5)).await;
    let arrivals = arrivals.lock().unwrap().clone();
    assert_eq!(
        (arrivals.len(), failure(&world), snapshot(&world).polls),
        (2, None, 1)
    );
    assert!(arrivals[1] - arrivals[0] >= Duration::from_millis(750));
    assert!(rate(&world) < 0.55 * before);
    sleep(Duration::from_secs(301)).await;
    assert!(
        (rate(&world) - before).abs() < 1e-9,
        "climbs back in five minutes"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failing_server_gets_three_requests_within_the_timeout_of_a_poll() {
    let (handler, arrivals) = scripted(vec![error("InternalError")]);
    let mut world = World::in_process(frozen_clock(), handler);
    world.poll(vec![alone()]).await;
    sleep(Duration::from_secs(30)).await;
    assert_eq!(
        (arrivals.lock().unwrap().len(), failure(&world)),
        (3, Some(Reason::Server))
    );
    assert!(snapshot(&world).last.as_ref().unwrap().took < POLL.timeout);
    sleep(POLL.interval).await;
    assert_eq!(
        arrivals.lock().unwrap().len(),
        4,
        "the budget is spent: one request a poll"
    );
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_is_retried_less_and_less_often() {
    let (handler, arrivals) = scripted(vec![error("AuthFailure.SecretIdNotFound")]);
    let mut world = World::in_process(frozen_clock(), handler);
    world.poll(vec![alone()]).await;
    sleep(Duration::from_hours(1)).await;
    let arrivals = arrivals.lock().unwrap().clone();
    let gaps: Vec<u64> = arrivals
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_secs())
        .collect();
    assert_eq!(gaps, [60, 120, 240, 480, 600, 600, 600, 600]);
    assert_eq!(sum(&world.text(), "tcss_poll_interval_seconds"), 600.0);
}

#[tokio::test(start_paused = true)]
async fn a_running_scan_is_polled_more_often_and_when_it_ends() {
    let scanning = |remaining| answer("SCANNING", 50.0, remaining, 1);
    let (handler, arrivals) =
        scripted(vec![scanning(600.0), scanning(14.0), scanning(4.0), good()]);
    let mut world = World::in_process(frozen_clock(), handler);
    world.poll(vec![alone()]).await;
    sleep(Duration::from_secs(100)).await;
    let arrivals = arrivals.lock().unwrap().clone();
    let gaps: Vec<u64> = arrivals
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_secs())
        .collect();
    assert_eq!(gaps, [10, 10, 4, 60]);
}

#[tokio::test(start_paused = true)]
async fn many_accounts_are_spread_over_the_interval() {
    let (handler, arrivals) = scripted(vec![good()]);
    let mut world = World::in_process(frozen_clock(), handler);
    world
        .poll(
            (0..600)
                .map(|index| account(&format!("account-{index}"), "tcss.example"))
                .collect(),
        )
        .await;
    sleep(Duration::from_secs(180)).await;
    let arrivals = arrivals.lock().unwrap().clone();
    let begin = arrivals[0];
    for second in 0..180 {
        let within = |at: &&Instant| (**at - begin).as_secs() == second;
        let count = arrivals.iter().filter(within).count();
        assert!(
            (7..=13).contains(&count),
            "{count} polls in second {second}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_starts_at_its_announced_time() {
    let (handler, _) = scripted(vec![good()]);
    let mut world = World::in_process(frozen_clock(), handler);
    let long = |id| {
        let mut account = account(id, "tcss.example");
        account.collectors[0].poll.interval = Duration::from_mins(10);
        account
    };
    world.poll(vec![long("first"), long("second")]).await;
    let job = Arc::clone(&world.supervisor.store().table().jobs[1]);
    assert_eq!(job.next_poll(), None, "not known before its task runs");
    sleep(Duration::from_millis(1)).await;
    for n_polls in 0..4 {
        let next = job.next_poll().unwrap();
        sleep_until(next - Duration::from_millis(1)).await;
        assert_eq!(job.snapshot().polls, n_polls);
        sleep_until(next + Duration::from_secs(1)).await;
        assert_eq!(job.snapshot().polls, n_polls + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_data_counters_and_schedule_of_what_did_not_change() {
    let (handler, arrivals) = scripted(vec![good()]);
    let mut world = World::in_process(frozen_clock(), handler);
    let other = |interval: u64| {
        let mut other = account("other", "tcss.example");
        other.collectors[0].poll.interval = Duration::from_secs(interval);
        other
    };
    world.poll(vec![alone()]).await;
    sleep(Duration::from_secs(90)).await;
    let before = snapshot(&world);
    for interval in [120, 180] {
        world
            .supervisor
            .apply(Config::of(vec![alone(), other(interval)]))
            .await
            .unwrap();
    }
    assert!(Arc::ptr_eq(&before, &snapshot(&world)));
    let changes = world
        .supervisor
        .apply(Config::of(vec![alone()]))
        .await
        .unwrap();
    assert_eq!((changes.kept, changes.started, changes.stopped), (1, 0, 1));
    assert_eq!(changes.removed.len(), 1);
    sleep(Duration::from_secs(31)).await;
    assert_eq!(snapshot(&world).polls, 3);
    let arrivals = arrivals.lock().unwrap().clone();
    assert!(
        arrivals
            .iter()
            .any(|at| *at - arrivals[0] == Duration::from_secs(120)),
        "on the old schedule"
    );
    assert!(!world.text().contains("account=\"other\""));
}

/// After fixing a permission and reloading, users expect to see the effect immediately, not after ten minutes.
#[tokio::test(start_paused = true)]
async fn a_reload_polls_permanently_failing_accounts_soon_and_no_others() {
    let (handler, arrivals) = by_account(|name| match name {
        "good" => good(),
        "busy" => error("InternalError"),
        _ => error("UnauthorizedOperation"),
    });
    let mut world = World::in_process(frozen_clock(), handler);
    let names: Vec<String> = (0..100)
        .map(|index| format!("locked-out-{index}"))
        .collect();
    let names = names.iter().map(String::as_str).chain(["good", "busy"]);
    let accounts: Vec<Account> = names.map(|name| account(name, "tcss.example")).collect();
    world.poll(accounts.clone()).await;
    sleep(Duration::from_secs(3_630)).await;
    let begin = Instant::now();
    arrivals.lock().unwrap().clear();
    world.supervisor.apply(Config::of(accounts)).await.unwrap();
    sleep(Duration::from_secs(20)).await;
    let arrivals = arrivals.lock().unwrap().clone();
    let of = |name: &str| -> Vec<Duration> {
        let of_it = arrivals.iter().filter(|(account, _)| account == name);
        of_it.map(|(_, at)| *at - begin).collect()
    };
    for index in 0..100 {
        let polls = of(&format!("locked-out-{index}"));
        assert!(
            matches!(polls[..], [at] if at < Duration::from_secs(6)),
            "{index}: {polls:?}"
        );
    }
    // The order is another one at each reload.
    let mut times: Vec<Duration> = (0..100)
        .map(|n| of(&format!("locked-out-{n}"))[0])
        .collect();
    times.sort();
    let (first, last) = (times[0], times[99]);
    assert!(
        last > first + Duration::from_secs(4),
        "spread: {first:?} to {last:?}"
    );
    assert_eq!(
        (of("good"), of("busy")),
        (Vec::new(), Vec::new()),
        "have their turn at the end of each minute"
    );
}

#[tokio::test(start_paused = true)]
async fn reloads_in_a_row_cause_one_poll_and_none_of_a_fixed_account() {
    let (handler, arrivals) = scripted(vec![error("UnauthorizedOperation"), good()]);
    let mut world = World::in_process(frozen_clock(), handler);
    let config = || Config::of(vec![alone()]);
    world.supervisor.apply(config()).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    for _ in 0..3 {
        world.supervisor.apply(config()).await.unwrap();
    }
    sleep(Duration::from_secs(30)).await;
    world.supervisor.apply(config()).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!((arrivals.lock().unwrap().len(), failure(&world)), (2, None));
}

#[tokio::test(start_paused = true)]
async fn a_reload_that_changes_an_interval_keeps_the_data_of_the_scan() {
    let (handler, _) = scripted(vec![good()]);
    let mut world = World::in_process(frozen_clock(), handler);
    let mut account = alone();
    world.poll(vec![account.clone()]).await;
    sleep(Duration::from_secs(1)).await;
    account.collectors[0].poll.interval = Duration::from_secs(30);
    account.scans.push(scan("other"));
    world
        .supervisor
        .apply(Config::of(vec![account.clone()]))
        .await
        .unwrap();
    assert!(
        world.supervisor.store().is_ready(),
        "still, with a scan that was not tried"
    );
    let polls = |world: &World| {
        world
            .supervisor
            .store()
            .table()
            .jobs
            .iter()
            .map(|job| job.snapshot().polls)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        polls(&world),
        [1, 0],
        "known of the one, nothing of the new one"
    );
    account.region = Some(tcss_exporter::domain::Region::parse("ap-guangzhou").unwrap());
    world
        .supervisor
        .apply(Config::of(vec![account]))
        .await
        .unwrap();
    assert_eq!(polls(&world), [0, 0], "another region is another question");
}

#[tokio::test(start_paused = true)]
async fn accounts_of_one_identity_share_its_rate_and_others_do_not_wait_for_them() {
    let (handler, arrivals) = scripted(vec![good()]);
    let mut world = World::in_process(frozen_clock(), handler);
    let busy = |name: &str| {
        let mut account = alone();
        account.name = tcss_exporter::domain::AccountName::parse(name).unwrap();
        account.requests_per_second = Rate::new(2).unwrap();
        account.collectors[0].poll.interval = Duration::from_secs(1);
        account.scans = (0..10)
            .map(|index| scan(&format!("scan-{index}")))
            .collect();
        account
    };
    let mut quick = account("quick", "tcss.example");
    quick.collectors[0].poll.interval = Duration::from_secs(1);
    world.poll(vec![busy("a"), busy("b"), quick]).await;
    sleep(Duration::from_secs(100)).await;
    let total = arrivals.lock().unwrap().len();
    assert!(
        (290..=300).contains(&total),
        "100 of the quick one and 2 a second of the busy ones: {total}"
    );
    let text = world.text();
    assert!(sum(&text, "tcss_api_rate_limiter_wait_seconds_total") > 1_000.0);
    assert_eq!(sum(&text, "tcss_api_requests_total"), total as f64);
}

/// As `docker pause` or SIGSTOP does to the whole process.
#[tokio::test(start_paused = true)]
async fn after_a_pause_longer_than_the_interval_polls_are_spread_as_before() {
    let polls = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&polls);
    let handler: Handler = Arc::new(move |_| {
        seen.lock().unwrap().push(Instant::now());
        http::Response::new(answer("SCANNED", 100.0, 0.0, 1))
    });
    let mut world = World::in_process(frozen_clock(), handler);
    let accounts = (0..2_000).map(|n| account(&format!("a-{n}"), "tcss.example"));
    world.poll(accounts.collect()).await;
    sleep(Duration::from_secs(130)).await;
    // All timers fire together.
    tokio::time::advance(Duration::from_secs(150)).await;
    let resumed = Instant::now();
    sleep(Duration::from_secs(300)).await;
    let polls = polls.lock().unwrap();
    let after: Vec<_> = polls.iter().filter(|at| **at >= resumed).copied().collect();
    assert!(
        after.len() >= 2_000 * 4,
        "{} polls in five minutes",
        after.len()
    );
    for (index, first) in after.iter().enumerate() {
        let near = after[index..]
            .iter()
            .take_while(|at| **at - *first < Duration::from_millis(100));
        let n = near.count();
        assert!(n <= 100, "{n} of 2000 accounts poll within 100 ms");
    }
}
