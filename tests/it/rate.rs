//! The limit is never exceeded, in real time and over a simulated day.

use std::{sync::Arc, time::Duration};

use tcss_exporter::{
    client::Handler,
    domain::Rate,
    simulator::{Scenario, Simulator, Speed},
};

use crate::support::{
    World, account, frozen_clock,
    process::{CANARY, SECRET_ID, file, get, path, serving, simulator, until},
    scan, sum,
};

/// 50 accounts of one identity whose scans run, polled as often as possible, at the highest rate.
fn busy_config(endpoint: &str) -> String {
    let account = |index: u32| format!("  - name: busy-{index}\n");
    let accounts: String = (0..50).map(account).collect();
    format!(
        "poll: {{interval: 5s, scanning_interval: 1s, stale_after: 1m}}\n\
         api: {{endpoint: \"{endpoint}\", requests_per_second: 20}}\naccounts:\n{accounts}"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_seconds_of_the_shortest_intervals_stay_within_twenty_a_second() {
    let scenario = file(&format!(
        "identities:\n  - {{name: busy, secret_id: {SECRET_ID}, secret_key: {CANARY}-key,\n     \
         scans: [{{takes: 10h, local_images: 3}}]}}\n"
    ));
    let (_api, api) = simulator(&["--scenario", path(&scenario)]);
    let config = file(&busy_config(&api));
    let (_exporter, exporter) = serving(&["--config.file", path(&config)]);
    until(&format!("{exporter}/metrics"), "requests", |text| {
        (sum(text, "tcss_api_requests_total") > 40.0).then_some(())
    })
    .await;
    let arrivals = |stats: &str| -> (f64, u64) {
        let stats: serde_json::Value = serde_json::from_str(stats).unwrap();
        let most = stats["identities"]
            .as_object()
            .unwrap()
            .values()
            .next()
            .unwrap()["most_in_one_second"]
            .as_u64();
        (stats["arrivals"].as_f64().unwrap(), most.unwrap())
    };
    let (before, _) = arrivals(&get(&format!("{api}/-/stats")).await);
    let begin = tokio::time::Instant::now();
    tokio::time::sleep(Duration::from_secs(32)).await;
    let (after, most) = arrivals(&get(&format!("{api}/-/stats")).await);
    let per_second = (after - before) / begin.elapsed().as_secs_f64();
    assert!(most <= 20, "{most} arrivals in one second");
    assert!(per_second >= 19.0, "only {per_second} arrivals a second");
    let text = get(&format!("{exporter}/metrics")).await;
    assert_eq!(sum(&text, "tcss_api_request_failures_total"), 0.0);
}

/// An API that throttles every request, and counts.
const THROTTLING: &str = "
identities:
  - name: throttled
    secret_id: throttled
    secret_key: key-of-throttled
    failures: [{code: RequestLimitExceeded}]
";

#[tokio::test(start_paused = true)]
async fn a_simulated_day_of_throttling_stays_within_the_limit_and_retries_little() {
    let clock = frozen_clock();
    let scenario = Scenario::parse(THROTTLING).unwrap();
    let api = Arc::new(Simulator::new(&scenario, Speed::REAL_TIME, clock.now()));
    let handler: Handler = {
        let api = Arc::clone(&api);
        Arc::new(move |request| api.respond(&request, clock.now()).response)
    };
    let mut world = World::in_process(clock, handler);
    let mut throttled = account("throttled", "tcss.example");
    throttled.requests_per_second = Rate::MAX;
    throttled.collectors[0].poll.interval = Duration::from_secs(20);
    throttled.scans = (0..20)
        .map(|index| scan(&format!("scan-{index}")))
        .collect();
    world.poll(vec![throttled]).await;
    tokio::time::sleep(Duration::from_hours(24)).await;
    let text = world.text();
    let (polls, retries) = (
        sum(&text, "tcss_polls_total"),
        sum(&text, "tcss_api_retries_total"),
    );
    let stats = api.stats();
    assert!(
        stats.identities["throttled"].most_in_one_second <= 20,
        "{stats:?}"
    );
    assert!(polls > 10_000.0, "{polls} polls");
    assert!(
        retries > 0.0 && retries < 0.1 * polls,
        "{retries} retries of {polls} polls"
    );
    assert_eq!(sum(&text, "tcss_poll_failures_total"), polls);
    let under_way = sum(&text, "tcss_api_requests_total") - polls - retries;
    assert!(
        (0.0..=20.0).contains(&under_way),
        "{under_way} of 20 polls wait for their retry"
    );
}
