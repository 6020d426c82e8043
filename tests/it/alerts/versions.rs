//! The rules under Prometheus 2, and under Prometheus 3 with and without concurrent evaluation.

use std::{collections::BTreeSet, path::Path, time::Duration};

use super::{
    delivery::{Monitored, fast_rules},
    rules::prometheus3,
};
use crate::support::prometheus::Prometheus;

/// Scenarios whose alerts depend on different series and thresholds.
const ALERTS: [&str; 12] = [
    "TcssRiskImagesIncreased",
    "TcssRiskImagesHigh",
    "TcssCoverageDropped",
    "TcssScanStale",
    "TcssScanStuck",
    "TcssScanSlow",
    "TcssScanCanceled",
    "TcssCredentialsFailing",
    "TcssDataStale",
    "TcssMalwareFound",
    "TcssScheduledScanFailed",
    "TcssLicencesUsedUp",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_2_and_3_fire_the_same_alerts_also_with_concurrent_evaluation() {
    let monitored = Monitored::start(&ALERTS);
    let rules = fast_rules();
    let config = monitored.prometheus(&rules);
    let third = prometheus3("prometheus");
    let concurrent = ["--enable-feature=concurrent-rule-eval"];
    let servers = [
        Prometheus::start_with(&config),
        Prometheus::start_program(&third, &[], &config),
        Prometheus::start_program(Path::new(&third), &concurrent, &config),
    ];
    for server in &servers {
        for alert in ALERTS {
            let expression = format!(
                "count(count by (alertname) (ALERTS{{alertname=\"{alert}\",account=\"{alert}\",alertstate=\"firing\"}}))"
            );
            server.until(&expression, 1.0).await;
        }
    }
    // Another alert may fire a second later at one of them.
    for _ in 0..60 {
        let [second, third, concurrent] = fired_at(&servers).await;
        if second == third && third == concurrent {
            return;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let [second, third, concurrent] = fired_at(&servers).await;
    assert_eq!(second, third);
    assert_eq!(third, concurrent);
}

async fn fired_at(servers: &[Prometheus; 3]) -> [BTreeSet<String>; 3] {
    let [second, third, concurrent] = servers;
    [
        fired(second).await,
        fired(third).await,
        fired(concurrent).await,
    ]
}

/// The alerts that have fired since the start, except that there is no exporter before the first scrape.
async fn fired(server: &Prometheus) -> BTreeSet<String> {
    let fired =
        "max_over_time(ALERTS{alertname!=\"TcssExporterAbsent\",alertstate=\"firing\"}[10m])";
    let samples = server.query(fired).await;
    samples
        .iter()
        .map(|sample| format!("{:?}", sample.identity()))
        .collect()
}
