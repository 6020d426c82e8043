//! What the benchmarks share: an exporter without a network, whose API answers at once, and what a server does with a
//! scrape.

#![allow(dead_code, reason = "each benchmark uses a part")]

use std::{
    hint::black_box,
    io::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use jiff::{Timestamp, tz::TimeZone};
use tcss_exporter::{
    client::Client,
    collectors,
    config::{Account, CollectorConfig, Config, Poll},
    credentials::Source,
    domain::{AccountInfo, AccountName, Clock, Endpoint, Language, Rate, Scan, ScanName},
    exposition::{Format, Scrape},
    poller::Context,
    signer::{Credentials, Secret},
    supervisor::Supervisor,
    telemetry::Telemetry,
};

const ROUNDS: usize = 21;
const HOUR: Duration = Duration::from_hours(1);

/// A scan that has ended, so that the next poll is an interval later.
pub(crate) const ANSWER: &str = r#"{"LocalImageScanCount":120,"IgnoreVulCount":4,
    "ScanStartTime":"2021-05-01 00:00:00","ScanEndTime":"2021-05-01 01:00:00","FoundRiskImageCount":22,
    "FoundVulCount":310,"ScanProgress":100,"RegistryImageScanCount":40,"LocalTaskID":1001,"Status":"SCANNED",
    "RemainingTime":0,"RegistryTaskID":18548,"RegistryFoundVulCount":75,
    "RequestId":"b6cffd6d-b5a4-41d2-8ffc-21e5cbdee3b5"}"#;

/// 2025-11-24, a moment like any other.
pub(crate) const NOW: Timestamp = Timestamp::constant(1_764_000_000, 0);

/// An exporter whose accounts are polled once an hour, in a runtime whose time is paused.
pub(crate) struct Exporter {
    pub(crate) supervisor: Supervisor,
    pub(crate) context: Arc<Context>,
    pub(crate) clock: Clock,
}

impl Exporter {
    pub(crate) async fn start(n_accounts: usize) -> Exporter {
        let clock = Clock::starting_at(NOW);
        let telemetry = Arc::new(Telemetry::new(&collectors::action_names()).unwrap());
        let response = Bytes::from(format!(r#"{{"Response":{ANSWER}}}"#));
        let handler =
            Arc::new(move |_: http::Request<Bytes>| http::Response::new(response.clone()));
        let client = Client::in_process(clock, Arc::clone(&telemetry), handler);
        let context = Arc::new(Context::new(client, clock, telemetry));
        let mut supervisor = Supervisor::new(Arc::clone(&context));
        supervisor
            .apply(Config::of((0..n_accounts).map(account).collect()))
            .await
            .unwrap();
        let exporter = Exporter {
            supervisor,
            context,
            clock,
        };
        exporter.poll_each().await;
        exporter
    }

    /// Lets an hour pass, in which each account is polled.
    pub(crate) async fn poll_each(&self) {
        tokio::time::sleep(HOUR).await;
    }

    /// The polls of all accounts so far.
    pub(crate) fn n_polls(&self) -> u64 {
        let table = self.supervisor.store().table();
        table.jobs.iter().map(|job| job.snapshot().polls).sum()
    }
}

/// One thread, and time that passes as soon as there is nothing to do.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

/// Renders each page and hands it on, as a server does.
pub(crate) fn pages(scrape: Scrape, mut send: impl FnMut(&[u8])) {
    let mut pages = scrape.pages(Format::OpenMetrics);
    let mut page = Vec::new();
    while pages.fill(&mut page) {
        send(&page);
    }
}

/// The same without a client.
pub(crate) fn plain(scrape: Scrape) {
    pages(scrape, |page| {
        black_box(page);
    });
}

/// The same with compression.
pub(crate) fn gzip(scrape: Scrape) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    pages(scrape, |page| {
        encoder.write_all(page).unwrap();
        black_box(encoder.get_ref());
        encoder.get_mut().clear();
    });
    black_box(encoder.finish().unwrap());
}

/// The median time of one call of `work`, which is called `calls` times per round, in microseconds.
#[expect(clippy::disallowed_methods, reason = "tokio's clock is paused")]
pub(crate) fn median(calls: u32, mut work: impl FnMut()) -> f64 {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begin = Instant::now();
            for _ in 0..calls {
                work();
            }
            begin.elapsed() / calls
        })
        .collect();
    times.sort();
    times[ROUNDS / 2].as_secs_f64() * 1e6
}

pub(crate) fn account(index: usize) -> Account {
    let secret_key = Secret::new("key".into());
    Account {
        name: AccountName::parse(&format!("account-{index}")).unwrap(),
        credentials: Source::Static(Credentials {
            secret_id: format!("id-{index}"),
            secret_key,
            token: None,
        }),
        endpoint: Endpoint::parse(Endpoint::DEFAULT, false).unwrap(),
        region: None,
        language: Language::English,
        requests_per_second: Rate::DEFAULT,
        time_zone: TimeZone::fixed(jiff::tz::offset(8)),
        info: AccountInfo::default(),
        uin_lookup: None,
        scans: vec![Scan {
            name: ScanName::parse("latest").unwrap(),
            local_task_id: None,
            registry_task_id: None,
        }],
        collectors: vec![CollectorConfig {
            collector: &collectors::ALL[0],
            poll: Poll {
                interval: HOUR,
                scanning_interval: HOUR,
                timeout: HOUR / 60,
                stale_after: 3 * HOUR,
            },
            limit: 0,
        }],
    }
}
