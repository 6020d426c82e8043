//! Shared by the tests.

pub(crate) mod alertmanager;
pub(crate) mod driver;
pub(crate) mod process;
pub(crate) mod prometheus;
pub(crate) mod raw;
pub(crate) mod receiver;
pub(crate) mod relay;
pub(crate) mod site;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::{Timestamp, tz::TimeZone};
use tcss_exporter::{
    client::{Client, Handler},
    collectors,
    config::{Account, CollectorConfig, Config, Poll},
    credentials::{Providers, Source},
    domain::{AccountInfo, AccountName, Clock, Endpoint, Language, Rate, Scan, ScanName},
    exposition::{Format, Scrape},
    limiter::Limiters,
    poller::{Context, Job, PollGate},
    signer::{Credentials, Secret},
    supervisor::{self, Supervisor},
    telemetry::Telemetry,
};

/// A frozen start for clocks that move with tokio's.
pub(crate) const START: i64 = 1_764_000_000;

/// The defaults of the configuration.
pub(crate) const POLL: Poll = Poll {
    interval: Duration::from_secs(60),
    scanning_interval: Duration::from_secs(10),
    timeout: Duration::from_secs(10),
    stale_after: Duration::from_secs(300),
};

/// Settings with which a job polls only once during a test.
pub(crate) const RARELY: &str = "poll: {interval: 1h, stale_after: 3h}";

pub(crate) fn credentials(id: &str) -> Credentials {
    Credentials {
        secret_id: id.into(),
        secret_key: Secret::new(format!("key-of-{id}")),
        token: None,
    }
}

pub(crate) fn scan(name: &str) -> Scan {
    Scan {
        name: ScanName::parse(name).unwrap(),
        local_task_id: None,
        registry_task_id: None,
    }
}

/// An account named after its `SecretId`, with one scan.
pub(crate) fn account(id: &str, endpoint: &str) -> Account {
    Account {
        name: AccountName::parse(id).unwrap(),
        credentials: Source::Static(credentials(id)),
        endpoint: Endpoint::parse(endpoint, false).unwrap(),
        region: None,
        language: Language::English,
        requests_per_second: Rate::DEFAULT,
        time_zone: TimeZone::fixed(jiff::tz::offset(8)),
        scans: vec![scan("latest")],
        info: AccountInfo::default(),
        uin_lookup: None,
        collectors: vec![CollectorConfig {
            collector: &collectors::ALL[0],
            poll: POLL,
            limit: 0,
        }],
    }
}

/// The first job of an account, with a limiter of its own.
pub(crate) fn job(context: &Context, account: Account) -> Job {
    let limiters = Arc::<Limiters>::default();
    let providers = Providers::new(context.refresh_context(&limiters));
    supervisor::jobs(&Arc::new(account), &limiters, &providers).remove(0)
}

/// An exporter and its clock.
pub(crate) struct World {
    pub(crate) supervisor: Supervisor,
    pub(crate) context: Arc<Context>,
}

impl World {
    /// Requests are answered by `handler`; time is tokio's, which the test may have paused.
    pub(crate) fn in_process(clock: Clock, handler: Handler) -> World {
        World::with(clock, |clock, telemetry| {
            Client::in_process(clock, telemetry, handler)
        })
    }

    /// The same, polling while `gate` is open.
    pub(crate) fn gated(clock: Clock, gate: PollGate, handler: Handler) -> World {
        let telemetry = Arc::new(Telemetry::new(&[]).unwrap());
        let client = Client::in_process(clock, Arc::clone(&telemetry), handler);
        let mut context = Context::new(client, clock, telemetry);
        context.gate = gate;
        World::of(context)
    }

    /// Requests go over the network, in real time.
    pub(crate) fn on_the_network() -> World {
        World::with(Clock::system(), |clock, telemetry| {
            Client::new(clock, telemetry).unwrap()
        })
    }

    fn with(clock: Clock, client: impl FnOnce(Clock, Arc<Telemetry>) -> Client) -> World {
        let telemetry = Arc::new(Telemetry::new(&[]).unwrap());
        let client = client(clock, Arc::clone(&telemetry));
        World::of(Context::new(client, clock, telemetry))
    }

    fn of(context: Context) -> World {
        let context = Arc::new(context);
        World {
            supervisor: Supervisor::new(Arc::clone(&context)),
            context,
        }
    }

    pub(crate) async fn poll(&mut self, accounts: Vec<Account>) {
        self.supervisor.apply(Config::of(accounts)).await.unwrap();
    }

    pub(crate) fn text(&self) -> String {
        Scrape::new(
            &self.supervisor.store(),
            self.context.telemetry.gather(),
            self.context.clock.now(),
        )
        .text(Format::Text)
    }
}

pub(crate) fn frozen_clock() -> Clock {
    Clock::starting_at(Timestamp::from_second(START).unwrap())
}

/// The value of the one sample whose line begins with `series`.
pub(crate) fn value(text: &str, series: &str) -> Option<f64> {
    let mut lines = text
        .lines()
        .filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    let value = lines.next()?.parse().unwrap();
    assert_eq!(lines.next(), None, "{series} comes twice");
    Some(value)
}

/// The sum of all samples of the family `name`.
pub(crate) fn sum(text: &str, name: &str) -> f64 {
    let samples = text
        .lines()
        .filter(|line| line.split(['{', ' ']).next() == Some(name));
    samples
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum()
}

/// The configuration of an account with `n` scans, each polled only once during a test. The metrics of 8,000 scans are
/// about 13 MB, more than the buffers of a socket hold.
pub(crate) fn config_of_scans(n: usize) -> String {
    let scan = |index| format!("    - {{name: scan-{index}, local_task_id: {index}}}\n");
    let scans: String = (1..=n).map(scan).collect();
    format!("{RARELY}\naccounts:\n- name: large\n  scans:\n{scans}")
}

/// An answer whose every count is `count`.
pub(crate) fn answer(status: &str, progress: f64, remaining: f64, count: u64) -> Bytes {
    let response = serde_json::json!({ "Response": {
        "LocalImageScanCount": count, "IgnoreVulCount": count, "ScanStartTime": "2021-05-01 00:00:00",
        "ScanEndTime": "", "FoundRiskImageCount": count, "FoundVulCount": count, "ScanProgress": progress,
        "RegistryImageScanCount": count, "LocalTaskID": 0, "Status": status, "RemainingTime": remaining,
        "RegistryTaskID": 7, "RegistryFoundVulCount": count, "RequestId": "b6cffd6d-b5a4-41d2-8ffc-21e5cbdee3b5",
    }});
    Bytes::from(response.to_string())
}

/// An error of the API.
pub(crate) fn error(code: &str) -> Bytes {
    let response = serde_json::json!({ "Response": {
        "Error": { "Code": code, "Message": "no" }, "RequestId": "b6cffd6d-b5a4-41d2-8ffc-21e5cbdee3b5",
    }});
    Bytes::from(response.to_string())
}
