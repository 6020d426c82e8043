//! The real binary against the fake API server, in real time.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    api::Fault,
    pod::{Pod, in_pod},
    replica::PATH,
    server::ApiServer,
};
use crate::support::{
    process::{CANARY, SCANNED, arrivals, exporter, fetch, get, run, simulating},
    prometheus::Prometheus,
    value,
};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn is_leader(text: &str) -> Option<f64> {
    value(text, "tcss_exporter_leader{lease=\"tcss-exporter\"}")
}

/// Lines about accounts without their values, sorted.
fn series(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| line.contains("account=\""));
    let mut series: Vec<&str> = lines.map(|line| line.rsplit_once(' ').unwrap().0).collect();
    series.sort_unstable();
    series
}

/// A stop, a crash and an API server that is away; a real Prometheus sees the gaps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_replicas_exposes_the_accounts_and_the_other_takes_over() {
    let (_tcss, tcss) = simulating(SCANNED);
    let api = ApiServer::start().await;
    let endpoint = format!("--api.endpoint={tcss}");
    let a = Pod::start(&api, "pod-a", &[&endpoint]);
    a.until(true).await;
    let b = Pod::start(&api, "pod-b", &[&endpoint]);
    sleep(seconds(6)).await;

    // The standby exposes nothing of an account, and says that it could.
    let (leading, standby) = (a.metrics().await, b.metrics().await);
    assert!(series(&leading).len() > 20);
    assert!(!standby.contains("account="), "{standby}");
    assert!(!standby.contains("\ntcss_up"), "{standby}");
    assert_eq!(
        (is_leader(&leading), is_leader(&standby)),
        (Some(1.0), Some(0.0))
    );
    let fine = "tcss_exporter_accounts{source=\"config\",state=\"fine\"}";
    assert_eq!(
        (value(&leading, fine), value(&standby, fine)),
        (Some(1.0), Some(1.0))
    );
    let renewal = "tcss_exporter_lease_last_renewal_timestamp_seconds";
    assert!(value(&standby, renewal).unwrap() > 1.7e9);
    assert_eq!(fetch(&format!("{}/-/ready", b.url), &[]).await.0, 200);
    let page = get(&b.url).await;
    let holder = api.store.holder(PATH);
    assert!(
        holder.starts_with("pod-a_") && holder.len() == "pod-a_12345678".len(),
        "{holder}"
    );
    assert!(page.contains(&format!(
        "<b>Standby</b>: <bdi>{holder}</bdi> exposes the accounts"
    )));
    assert!(page.contains("latest"), "its own polls");
    assert!(
        get(&a.url)
            .await
            .contains("<b>Leader</b> of <bdi>tcss-exporter</bdi>")
    );

    let prometheus = Prometheus::start_as_one("tcss", &[&a.url, &b.url]);
    prometheus.until("count(tcss_up)", 1.0).await;
    let started = Instant::now();

    // An API server that is away changes nothing.
    for pod in ["pod-a", "pod-b"] {
        api.set_fault(pod, Some(Fault::Reset));
    }
    for _ in 0..20 {
        sleep(seconds(1)).await;
        assert!(a.speaks().await && !b.speaks().await);
    }
    for pod in ["pod-a", "pod-b"] {
        api.set_fault(pod, None);
    }
    sleep(seconds(6)).await;
    assert!(a.speaks().await && !b.speaks().await);

    // A stop.
    let Pod {
        running: mut stopping,
        url: address_of_a,
        ..
    } = a;
    let stop = Instant::now();
    stopping.signal("TERM");
    b.until(true).await;
    let after_stop = stop.elapsed();
    assert_eq!(stopping.wait().code(), Some(0));
    drop(stopping);

    // The next crashes.
    let address = address_of_a.trim_start_matches("http://");
    let listen = format!("--web.listen-address={address}");
    let c = Pod::start(&api, "pod-c", &[&endpoint, &listen]);
    sleep(seconds(8)).await;
    assert!(b.speaks().await && !c.speaks().await);
    let before = series(&b.metrics().await).len();
    b.running.signal("KILL");
    let crash = Instant::now();
    c.until(true).await;
    let after_crash = crash.elapsed();
    sleep(seconds(3)).await;
    assert_eq!(series(&c.metrics().await).len(), before, "the same series");

    let gap = longest_gap(&prometheus, started.elapsed().as_secs()).await;
    eprintln!("after a stop {after_stop:?}, after a crash {after_crash:?}, longest gap {gap} s");
    // The machine may be busy.
    assert!(after_stop < seconds(8), "{after_stop:?}");
    assert!(
        (seconds(12)..seconds(24)).contains(&after_crash),
        "{after_crash:?}"
    );
    assert!((5..=30).contains(&gap), "{gap}");
}

/// The most seconds in a row without the account, as a query sees it.
async fn longest_gap(prometheus: &Prometheus, seconds: u64) -> usize {
    let series = prometheus
        .range("count(tcss_up) or vector(0)", seconds)
        .await;
    let mut longest = 0;
    let mut gap = 0;
    for value in series[0].values() {
        gap = if value == 0.0 { gap + 1 } else { 0 };
        longest = longest.max(gap);
    }
    longest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_and_a_ca_that_are_replaced_are_read_again() {
    let (_tcss, tcss) = simulating(SCANNED);
    let api = ApiServer::start().await;
    let mut pod = Pod::start(&api, "pod-a", &[&format!("--api.endpoint={tcss}")]);
    pod.until(true).await;
    let failures = |text: &str, reason: &str| {
        let series = format!("tcss_exporter_lease_failures_total{{reason=\"{reason}\"}}");
        value(text, &series).unwrap()
    };
    assert_eq!(failures(&pod.metrics().await, "unauthorized"), 0.0);
    sleep(seconds(6)).await;
    assert_eq!(api.connections(), 1, "it is kept");

    let token = std::fs::read_to_string(pod.directory.join("token")).unwrap();
    api.revoke(&token);
    wait_for_log(
        &mut pod,
        "cannot read or renew the lease",
        "reason=unauthorized",
    );
    std::fs::write(pod.directory.join("token"), api.token("other")).unwrap();
    wait_for_log(&mut pod, "the API server answers again", "");

    api.replace_authority();
    // Only new connections see the new certificate.
    api.set_fault("other", Some(Fault::Reset));
    wait_for_log(&mut pod, "cannot read or renew the lease", "reason=tls");
    api.write_ca(&pod.directory);
    api.set_fault("other", None);
    sleep(seconds(6)).await;
    assert!(pod.speaks().await);

    for (fault, reason) in [
        (Fault::Huge, "decode"),
        (Fault::Html, "decode"),
        (Fault::Forbidden, "forbidden"),
        (Fault::Silent, "timeout"),
    ] {
        let before = failures(&pod.metrics().await, reason);
        api.set_fault("other", Some(fault));
        let start = Instant::now();
        while failures(&pod.metrics().await, reason) == before {
            assert!(start.elapsed() < seconds(60), "{fault:?}");
            sleep(Duration::from_millis(200)).await;
        }
        assert!(pod.speaks().await, "{fault:?}");
    }
    api.set_fault("other", None);
    let log = pod.running.output();
    assert!(
        log.contains("allow the service account the verbs get, update and create"),
        "{log}"
    );
    assert!(!log.contains(CANARY), "{log}");
}

fn wait_for_log(pod: &mut Pod, message: &str, field: &str) {
    pod.running.wait_for(message, |log| {
        log.lines()
            .any(|line| line.contains(message) && line.contains(field))
            .then_some(())
    });
}

#[test]
fn without_a_service_account_the_start_fails_with_advice() {
    let flags = [
        "--ha.kubernetes-lease=tcss",
        "--web.listen-address=127.0.0.1:0",
    ];
    let refused = |command: &mut std::process::Command| {
        let (status, output) = run("tcss-exporter", command.args(flags), "");
        assert_eq!(status.code(), Some(2), "{output}");
        assert!(
            output.contains("works only in a pod with a service account token"),
            "{output}"
        );
        output
    };
    let output = refused(exporter().env_remove("KUBERNETES_SERVICE_HOST"));
    assert!(
        output.contains("KUBERNETES_SERVICE_HOST is not set"),
        "{output}"
    );
    for missing in ["token", "ca.crt", "namespace"] {
        let directory = tempfile::tempdir().unwrap();
        for name in ["token", "ca.crt", "namespace"] {
            std::fs::write(directory.path().join(name), "text").unwrap();
        }
        let expect = |what: &str| {
            let mut command = in_pod(directory.path(), &[]);
            command.env("KUBERNETES_SERVICE_HOST", "127.0.0.1");
            command.env("KUBERNETES_SERVICE_PORT", "443");
            let output = refused(&mut command);
            let path = "/var/run/secrets/kubernetes.io/serviceaccount";
            assert!(
                output.contains(&format!("{path}/{missing} {what}")),
                "{output}"
            );
        };
        std::fs::write(directory.path().join(missing), "\n").unwrap();
        expect("is empty");
        std::fs::remove_file(directory.path().join(missing)).unwrap();
        expect("cannot be read: No such file");
    }
}

/// Each replica has a simulator of its own, which counts its polls.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cold_standby_polls_nothing_until_it_leads() {
    let (_tcss_a, tcss_a) = simulating(SCANNED);
    let (_tcss_b, tcss_b) = simulating(SCANNED);
    let api = ApiServer::start().await;
    let cold = "--ha.standby=cold";
    let a = Pod::start(&api, "pod-a", &[cold, &format!("--api.endpoint={tcss_a}")]);
    a.until(true).await;
    let b = Pod::start(&api, "pod-b", &[cold, &format!("--api.endpoint={tcss_b}")]);
    sleep(seconds(6)).await;
    let up = "tcss_up{account=\"default\",collector=\"vul_scan\",scan=\"latest\"}";
    assert_eq!(value(&a.metrics().await, up), Some(1.0));
    assert!(arrivals(&tcss_a).await >= 2);
    assert_eq!(arrivals(&tcss_b).await, 0);
    assert_eq!(fetch(&format!("{}/-/ready", b.url), &[]).await.0, 200);
    let standby = b.metrics().await;
    assert!(!standby.contains("account="), "{standby}");
    let waiting = "tcss_exporter_accounts{source=\"config\",state=\"waiting\"}";
    assert_eq!(value(&standby, waiting), Some(1.0));

    let Pod {
        running: mut stopping,
        ..
    } = a;
    stopping.signal("TERM");
    b.until(true).await;
    assert_eq!(stopping.wait().code(), Some(0));
    let polled_by_a = arrivals(&tcss_a).await;
    let start = Instant::now();
    while value(&b.metrics().await, up) != Some(1.0) {
        assert!(start.elapsed() < seconds(20), "{}", b.running.output());
        sleep(Duration::from_millis(100)).await;
    }
    assert!(arrivals(&tcss_b).await >= 1);
    assert_eq!(arrivals(&tcss_a).await, polled_by_a);

    // Without the API server, it stops when its lease expires.
    api.set_fault("pod-b", Some(Fault::Reset));
    sleep(seconds(13)).await;
    let polled_by_b = arrivals(&tcss_b).await;
    sleep(seconds(5)).await;
    assert_eq!(arrivals(&tcss_b).await, polled_by_b);
    assert!(b.speaks().await, "until its values are stale");
    api.set_fault("pod-b", None);
    let start = Instant::now();
    while arrivals(&tcss_b).await == polled_by_b {
        assert!(start.elapsed() < seconds(20), "{}", b.running.output());
        sleep(Duration::from_millis(100)).await;
    }
}
