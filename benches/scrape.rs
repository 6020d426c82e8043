//! What a scrape costs, by number of accounts: rendering alone, and with gzip as it is served.
//!
//! `cargo bench` prints the median of some rounds, in microseconds. The numbers are for comparing two states of the
//! code on one machine, not for more.

#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a benchmark"
)]

use std::{
    io::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use jiff::{Timestamp, tz::TimeZone};
use tcss_exporter::{
    cli::output,
    client::Client,
    collectors,
    config::{Account, CollectorConfig, Config, Poll},
    credentials::Source,
    domain::{AccountInfo, AccountName, Clock, Endpoint, Rate, Scan, ScanName},
    exposition::{Format, Scrape},
    poller::Context,
    signer::{Credentials, Secret},
    supervisor::Supervisor,
    telemetry::Telemetry,
};

const ROUNDS: usize = 21;
const ANSWER: &[u8] = br#"{"Response":{"LocalImageScanCount":120,"IgnoreVulCount":4,
    "ScanStartTime":"2021-05-01 00:00:00","ScanEndTime":"","FoundRiskImageCount":22,"FoundVulCount":310,
    "ScanProgress":33.5,"RegistryImageScanCount":40,"LocalTaskID":1001,"Status":"SCANNING","RemainingTime":540,
    "RegistryTaskID":18548,"RegistryFoundVulCount":75,"RequestId":"b6cffd6d-b5a4-41d2-8ffc-21e5cbdee3b5"}}"#;

fn main() {
    for n_accounts in [1, 10, 100, 1_000, 10_000] {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(measure(n_accounts));
    }
}

async fn measure(n_accounts: usize) {
    let clock = Clock::starting_at(Timestamp::from_second(1_764_000_000).unwrap());
    let telemetry = Arc::new(Telemetry::new(&collectors::action_names()).unwrap());
    let handler =
        Arc::new(|_: http::Request<Bytes>| http::Response::new(Bytes::from_static(ANSWER)));
    let client = Client::in_process(clock, Arc::clone(&telemetry), handler);
    let context = Arc::new(Context::new(client, clock, telemetry));
    let mut supervisor = Supervisor::new(Arc::clone(&context));
    supervisor
        .apply(Config::of((0..n_accounts).map(account).collect()))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_hours(1)).await;
    let store = supervisor.store();
    let scrape = || Scrape::new(&store, context.telemetry.gather(), clock.now());
    let text = scrape().text(Format::Text);
    let series = text.lines().filter(|line| !line.starts_with('#')).count();
    let plain = median(|| {
        scrape()
            .pages(Format::OpenMetrics)
            .map(|page| page.len())
            .sum()
    });
    let gzip = median(|| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        scrape()
            .pages(Format::OpenMetrics)
            .for_each(|page| encoder.write_all(&page).unwrap());
        encoder.finish().unwrap().len()
    });
    let line = format!(
        "{n_accounts:6} accounts {series:7} series {:9} bytes: {plain:9.1} us, with gzip {gzip:9.1} us",
        text.len()
    );
    output::print_line(line).unwrap();
}

/// Microseconds.
#[expect(clippy::disallowed_methods, reason = "tokio's clock is paused")]
fn median(work: impl Fn() -> usize) -> f64 {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begin = Instant::now();
            std::hint::black_box(work());
            begin.elapsed()
        })
        .collect();
    times.sort();
    times[ROUNDS / 2].as_secs_f64() * 1e6
}

fn account(index: usize) -> Account {
    let hour = Duration::from_hours(1);
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
        requests_per_second: Rate::DEFAULT,
        time_zone: TimeZone::fixed(jiff::tz::offset(8)),
        info: AccountInfo::default(),
        scans: vec![Scan {
            name: ScanName::parse("latest").unwrap(),
            local_task_id: None,
            registry_task_id: None,
        }],
        collectors: vec![CollectorConfig {
            collector: &collectors::ALL[0],
            poll: Poll {
                interval: hour,
                scanning_interval: hour,
                timeout: hour / 60,
                stale_after: 3 * hour,
            },
            limit: 0,
        }],
    }
}
