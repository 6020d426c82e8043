//! Polls with credentials that expire, change or are absent, in paused time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use tcss_exporter::{
    client::Handler,
    config::{Account, Config},
    credentials::{AssumeRole, EnvVariables, KeyFiles, Source, Sts},
    domain::Reason,
    simulator::{Scenario, Simulator, Stats},
};
use tokio::time::{Instant, sleep};

use super::{ROLE_ARN, scenario};
use crate::support::{
    START, World, account, answer, credentials, error, frozen_clock,
    process::{CANARY, SECRET_ID},
    scan, sum, value,
};

fn role(source: Source) -> Source {
    Source::AssumeRole(Box::new(AssumeRole {
        role_arn: ROLE_ARN.into(),
        session_name: "tcss-exporter".into(),
        external_id: None,
        duration: AssumeRole::DEFAULT_DURATION,
        sts: Sts::default(),
        is_discovered: false,
        source,
    }))
}

fn base() -> Source {
    let mut keys = credentials(SECRET_ID);
    keys.secret_key = tcss_exporter::signer::Secret::new(format!("{CANARY}-key"));
    Source::Static(keys)
}

fn with(name: &str, credentials: Source) -> Account {
    Account {
        credentials,
        ..account(name, "tcss.example")
    }
}

/// An exporter against a simulator with [`scenario`], and the requests that the simulator has received.
fn simulated(role: &str) -> (World, Arc<Simulator>) {
    let clock = frozen_clock();
    let scenario = Scenario::parse(&scenario(role)).unwrap();
    let simulator = Arc::new(Simulator::new(&scenario, "1".parse().unwrap(), clock.now()));
    let cloud = Arc::clone(&simulator);
    let handler: Handler = Arc::new(move |request| cloud.respond(&request, clock.now()).response);
    (World::in_process(clock, handler), simulator)
}

fn failures(world: &World) -> f64 {
    sum(&world.text(), "tcss_poll_failures_total")
}

#[tokio::test(start_paused = true)]
async fn a_token_that_expires_during_a_run_fails_no_poll() {
    let (mut world, simulator) = simulated("token_lifetime: 3m");
    world
        .poll(
            (0..20)
                .map(|n| with(&format!("a{n}"), role(base())))
                .collect(),
        )
        .await;
    let expiry = || {
        value(
            &world.text(),
            "tcss_credentials_expiry_timestamp_seconds{account=\"a0\"}",
        )
    };
    for minute in 1..=60 {
        sleep(Duration::from_mins(1)).await;
        let left = expiry().unwrap() - START as f64 - f64::from(minute) * 60.0;
        assert!(
            (30.0..180.0).contains(&left),
            "{left} s left after {minute} minutes"
        );
    }
    let text = world.text();
    assert_eq!(
        (failures(&world), sum(&text, "tcss_api_retries_total")),
        (0.0, 0.0)
    );
    assert!(sum(&text, "tcss_polls_total") >= 1_180.0);
    assert_eq!(sum(&text, "tcss_credentials_refresh_failures_total"), 0.0);
    let Stats { assume_role, .. } = simulator.stats();
    assert!(
        (25..=29).contains(&assume_role),
        "one renewal for all, each 126 to 144 s: {assume_role}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failing_sts_fails_no_poll_while_the_old_keys_are_valid() {
    let (mut world, _) =
        simulated("token_lifetime: 30m, failures: [{code: InternalError, from: 10m, for: 18m}]");
    world.poll(vec![with("a", role(base()))]).await;
    sleep(Duration::from_hours(2)).await;
    assert_eq!(failures(&world), 0.0);
    assert!(sum(&world.text(), "tcss_credentials_refresh_failures_total") >= 2.0);
}

#[tokio::test(start_paused = true)]
async fn without_keys_polls_fail_for_that_reason_and_recover_by_themselves() {
    let (mut world, _) = simulated("failures: [{code: InternalError, from: 0s, for: 10m}]");
    world
        .poll(vec![with("a", role(base())), with("b", base())])
        .await;
    sleep(Duration::from_mins(9)).await;
    let text = world.text();
    let failing = "tcss_poll_failing{account=\"a\",collector=\"vul_scan\",scan=\"latest\",reason=\"credentials\"}";
    assert_eq!(value(&text, failing), Some(1.0));
    assert_eq!(
        value(
            &text,
            "tcss_up{account=\"b\",collector=\"vul_scan\",scan=\"latest\"}"
        ),
        Some(1.0),
        "unharmed"
    );
    assert_eq!(
        value(
            &text,
            "tcss_api_requests_total{account=\"a\",action=\"DescribeVulScanInfo\"}"
        ),
        Some(0.0)
    );
    sleep(Duration::from_secs(60 + 76)).await;
    assert_eq!(
        value(
            &world.text(),
            "tcss_up{account=\"a\",collector=\"vul_scan\",scan=\"latest\"}"
        ),
        Some(1.0)
    );
}

/// Answers each request to STS with new keys, and requests to TCSS with `tcss`, which gets the number of earlier requests.
struct Scripted {
    n_sts: Arc<AtomicUsize>,
    n_tcss: Arc<AtomicUsize>,
}

impl Scripted {
    fn handler(tcss: impl Fn(usize) -> Bytes + Send + Sync + 'static) -> (Handler, Scripted) {
        let (n_sts, n_tcss) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let counts = Scripted {
            n_sts: Arc::clone(&n_sts),
            n_tcss: Arc::clone(&n_tcss),
        };
        let handler: Handler = Arc::new(move |request| {
            http::Response::new(match request.headers()["X-TC-Action"].as_bytes() {
                b"AssumeRole" => {
                    let n = n_sts.fetch_add(1, Relaxed);
                    let role = serde_json::json!({ "Response": { "RequestId": "r", "ExpiredTime": START + 1_000_000,
                        "Credentials": { "TmpSecretId": format!("id{n}"), "TmpSecretKey": "k", "Token": "t" } } });
                    Bytes::from(role.to_string())
                }
                _ => tcss(n_tcss.fetch_add(1, Relaxed)),
            })
        });
        (handler, counts)
    }

    fn counts(&self) -> (usize, usize) {
        (self.n_sts.load(Relaxed), self.n_tcss.load(Relaxed))
    }
}

fn token_failure() -> Bytes {
    error("AuthFailure.TokenFailure")
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_not_accepted_is_refreshed_and_the_request_repeated_within_the_poll() {
    let good = || answer("SCANNED", 100.0, 0.0, 1);
    let (handler, script) =
        Scripted::handler(move |n| if n == 3 { token_failure() } else { good() });
    let mut world = World::in_process(frozen_clock(), handler);
    world.poll(vec![with("a", role(base()))]).await;
    sleep(Duration::from_secs(60 * 10 + 30)).await;
    assert_eq!(
        (script.counts(), failures(&world)),
        ((2, 12), 0.0),
        "11 polls, one of them twice"
    );
    assert_eq!(sum(&world.text(), "tcss_api_retries_total"), 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_never_accepted_is_refreshed_only_once_per_poll() {
    let (handler, script) = Scripted::handler(|_| token_failure());
    let mut world = World::in_process(frozen_clock(), handler);
    world
        .poll(vec![with("a", role(base())), with("b", base())])
        .await;
    sleep(Duration::from_secs(30)).await;
    assert_eq!(
        script.counts(),
        (2, 3),
        "one renewal, one more try; long-term keys cannot be renewed"
    );
    sleep(Duration::from_hours(1)).await;
    let n_polls = sum(&world.text(), "tcss_polls_total");
    let (n_sts, n_tcss) = script.counts();
    assert!(n_polls <= 24.0, "tried less and less often: {n_polls}");
    assert!(
        n_sts <= 12 && n_tcss as f64 <= 2.0 * n_polls,
        "{n_sts} {n_tcss}"
    );
}

struct Keys(tempfile::TempDir);

impl Keys {
    fn new() -> Keys {
        Keys(tempfile::tempdir().unwrap())
    }

    fn source(&self) -> Source {
        let path = |name: &str| self.0.path().join(name);
        Source::Files(KeyFiles {
            secret_id: path("id"),
            secret_key: path("key"),
            token: None,
        })
    }

    fn write(&self, id: &str, key: &str) {
        std::fs::write(self.0.path().join("id"), id).unwrap();
        std::fs::write(self.0.path().join("key"), key).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn other_keys_end_a_back_off_immediately() {
    let (mut world, _) = simulated("");
    let keys = Keys::new();
    keys.write(SECRET_ID, "wrong");
    world.poll(vec![with("a", keys.source())]).await;
    sleep(Duration::from_mins(20)).await;
    let failure = |world: &World| {
        let snapshot = world.supervisor.store().table().jobs[0].snapshot();
        snapshot
            .last
            .as_ref()
            .unwrap()
            .failure
            .as_ref()
            .map(|error| error.reason)
    };
    assert_eq!(failure(&world), Some(Reason::Auth));
    assert_eq!(sum(&world.text(), "tcss_poll_interval_seconds"), 600.0);
    // The first half of the change, and then the second, before the first has been read twice.
    keys.write("AKIDnext", "wrong");
    sleep(Duration::from_millis(500)).await;
    keys.write("AKIDnext", &format!("{CANARY}-next"));
    let begin = Instant::now();
    while failure(&world).is_some() {
        assert!(
            begin.elapsed() < Duration::from_secs(10),
            "a change is used at once"
        );
        sleep(Duration::from_millis(100)).await;
    }
    let n_polls = sum(&world.text(), "tcss_polls_total");
    keys.write(SECRET_ID, &format!("{CANARY}-key"));
    sleep(Duration::from_secs(50)).await;
    assert_eq!(
        sum(&world.text(), "tcss_polls_total"),
        n_polls,
        "a good account keeps its schedule"
    );
    sleep(Duration::from_secs(20)).await;
    assert_eq!(failures(&world), 5.0, "none since");
}

#[tokio::test(start_paused = true)]
async fn keys_that_appear_later_are_used_when_they_appear() {
    let (mut world, _) = simulated("");
    let keys = Keys::new();
    world
        .poll(vec![with("a", keys.source()), with("b", base())])
        .await;
    sleep(Duration::from_mins(30)).await;
    let text = world.text();
    assert_eq!(
        value(
            &text,
            "tcss_up{account=\"b\",collector=\"vul_scan\",scan=\"latest\"}"
        ),
        Some(1.0)
    );
    let failures = |account: &str| {
        value(
            &world.text(),
            &format!("tcss_credentials_refresh_failures_total{{account=\"{account}\"}}"),
        )
    };
    assert!(failures("a") >= Some(300.0), "each look counts");
    assert_eq!(failures("b"), None, "these are never refreshed");
    keys.write(SECRET_ID, &format!("{CANARY}-key"));
    sleep(Duration::from_secs(8)).await;
    assert_eq!(
        value(
            &world.text(),
            "tcss_up{account=\"a\",collector=\"vul_scan\",scan=\"latest\"}"
        ),
        Some(1.0)
    );
}

/// Rotated long-term keys have another identity; new keys of a role have the same one.
#[tokio::test(start_paused = true)]
async fn an_account_queues_in_the_lane_of_its_identity() {
    let (mut world, _) = simulated("token_lifetime: 1m");
    let slow = |mut account: Account| {
        account.requests_per_second = tcss_exporter::domain::Rate::new(2).unwrap();
        account
    };
    let keys = Keys::new();
    keys.write(SECRET_ID, &format!("{CANARY}-key"));
    world
        .poll(vec![
            with("base", base()),
            slow(with("files", keys.source())),
            with("role", role(base())),
        ])
        .await;
    let rate = |account: &str| {
        value(
            &world.text(),
            &format!("tcss_api_rate_limit_requests_per_second{{account=\"{account}\"}}"),
        )
        .map(|rate| (rate * 100.0).round() / 100.0)
    };
    assert_eq!(
        [rate("base"), rate("files"), rate("role")],
        [Some(9.75), Some(1.95), Some(9.75)],
        "before"
    );
    sleep(Duration::from_mins(3)).await;
    assert_eq!(
        [rate("base"), rate("files"), rate("role")],
        [Some(1.95), Some(1.95), Some(9.75)],
        "shared"
    );
    keys.write("AKIDnext", &format!("{CANARY}-next"));
    sleep(Duration::from_mins(3)).await;
    assert_eq!(
        [rate("base"), rate("files"), rate("role")],
        [Some(9.75), Some(1.95), Some(9.75)],
        "apart"
    );
    assert_eq!(failures(&world), 0.0);
}

#[tokio::test(start_paused = true)]
async fn keys_of_a_removed_account_are_not_refreshed() {
    let (mut world, simulator) = simulated("token_lifetime: 3m");
    world
        .poll(vec![with("a", role(base())), with("b", base())])
        .await;
    sleep(Duration::from_mins(1)).await;
    world.poll(vec![with("b", base())]).await;
    sleep(Duration::from_hours(1)).await;
    assert_eq!(simulator.stats().assume_role, 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_reload_leaves_nothing_of_its_credentials() {
    let (mut world, _) = simulated("");
    world.poll(vec![with("b", base())]).await;
    let missing = EnvVariables {
        secret_id: "NO_SUCH_ID".into(),
        secret_key: "NO_SUCH_KEY".into(),
        token: vec![],
        honours_role: false,
        ..EnvVariables::default()
    };
    let provider = Arc::downgrade(&world.supervisor.providers().provider(&role(base())));
    let accounts = vec![
        with("a", role(base())),
        with("b", base()),
        with("c", Source::Env(missing)),
    ];
    world
        .supervisor
        .apply(Config::of(accounts))
        .await
        .unwrap_err();
    assert!(provider.upgrade().is_none(), "the next one looks anew");
}

/// A queue at one request per second, in which most requests wait for longer than a token is valid.
#[tokio::test(start_paused = true)]
async fn a_token_that_expires_while_a_poll_waits_for_its_turn_costs_no_request() {
    let (mut world, _) = simulated("token_lifetime: 1m");
    let mut account = with("a", role(base()));
    account.requests_per_second = tcss_exporter::domain::Rate::new(1).unwrap();
    account.collectors[0].poll.interval = Duration::from_mins(5);
    account.scans = (0..200)
        .map(|index| scan(&format!("scan-{index}")))
        .collect();
    world.poll(vec![account]).await;
    sleep(Duration::from_mins(15)).await;
    let text = world.text();
    assert!(sum(&text, "tcss_polls_total") >= 500.0);
    assert_eq!(
        (failures(&world), sum(&text, "tcss_api_retries_total")),
        (0.0, 0.0)
    );
}
