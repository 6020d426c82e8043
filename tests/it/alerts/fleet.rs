//! Alerts about discoveries and replicas, up to the notification: one for each cause.

use std::time::Duration;

use tokio::time::sleep;

use super::{
    delivery::{Delivery, Monitored},
    runbook::scenario,
};
use crate::{
    ha::{ApiServer, Fault, PATH, Pod},
    support::{
        process::{CANARY, SCANNED, file, path, simulating, simulator},
        raw::refusing,
    },
};

/// An exporter that polls the members of the organization in `scenario`.
fn discovering(scenario: &str) -> Monitored {
    let scenario =
        file(&scenario.replace("secret_key: try", &format!("secret_key: {CANARY}-base")));
    let (api, endpoint) = simulator(&["--speed=60", "--scenario", path(&scenario)]);
    let config = file(&format!(
        "poll: {{interval: 3s, scanning_interval: 3s, timeout: 3s, stale_after: 15s}}\n\
         api: {{endpoint: \"{endpoint}\"}}\n\
         discovery:\n- organization: {{endpoint: \"{endpoint}\", sts_endpoint: \"{endpoint}\", refresh_interval: 10s, \
         credentials: {{env: {{secret_id: base_ID, secret_key: base_KEY}}}}}}\n"
    ));
    Monitored::configured(&["base"], api, config)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_of_a_discovery_is_one_notification() {
    let base = scenario("TcssMembersWithoutRole");
    let (identity, _) = base.split_once("organization:").unwrap();
    let without_role = discovering(&format!(
        "{identity}organization: {{manager: base, generate: {{count: 300, without_role: 100}}}}\n"
    ));
    let failing = discovering(&scenario("TcssDiscoveryFailing"));
    let refused = discovering(&scenario("TcssDiscoveryRefused"));
    let missing = discovering(&scenario("TcssAccountMissing"));
    let all = [&without_role, &failing, &refused, &missing];
    let delivery = Delivery::start(&all.map(|exporter| &*exporter.target)).await;

    let instance = [("instance", &*refused.target)];
    let delivered = delivery
        .receiver
        .until("TcssDiscoveryRefused", &instance)
        .await;
    assert_eq!(delivered.to, "on-call");
    delivery
        .alertmanager
        .until_inhibited("TcssDiscoveryFailing", &instance)
        .await;
    let delivered = delivery
        .receiver
        .until("TcssDiscoveryFailing", &[("instance", &failing.target)])
        .await;
    assert_eq!(delivered.to, "operations");
    let delivered = delivery.receiver.until("TcssMembersWithoutRole", &[]).await;
    assert_eq!(delivered.to, "operations");
    assert_eq!(
        delivered.annotations["summary"],
        "100 discovered accounts have no role for tcss; they are not monitored"
    );
    // The uins of generated members start with these digits: no account has an alert of its own.
    for alert in delivery.alertmanager.alerts().await {
        let account = alert.get("account").map(String::as_str).unwrap_or_default();
        assert!(!account.starts_with("100001"), "{alert:?}");
    }
    // Alerts with the severity info send no notification.
    delivery
        .alertmanager
        .until_active("TcssAccountMissing", &[("account", "100000000002")])
        .await;
    delivery.sends_at_most(3).await;
    assert_eq!(
        delivery.delivered(),
        [
            "TcssDiscoveryFailing",
            "TcssDiscoveryRefused",
            "TcssMembersWithoutRole"
        ]
    );
    assert!(
        delivery
            .receiver
            .find("TcssDiscoveryFailing", &instance)
            .is_none()
    );
}

/// No replica leads; the standby is missing; the leader crashes while the API server is away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_of_replicas_is_one_notification() {
    let (_tcss, tcss) = simulating(SCANNED);
    let endpoint = format!("--api.endpoint={tcss}");
    let api = ApiServer::start().await;
    let names = ["pod-a", "pod-b", "pod-c"];
    let away = |fault| {
        for name in names {
            api.set_fault(name, fault);
        }
    };
    away(Some(Fault::Reset));
    let a = Pod::start(&api, "pod-a", &[&endpoint]);
    let b = Pod::start(&api, "pod-b", &[&endpoint]);
    let targets = [&a, &b].map(|pod| pod.url.trim_start_matches("http://"));
    let delivery = Delivery::start(&targets).await;

    let delivered = delivery.receiver.until("TcssNoLeader", &[]).await;
    assert_eq!(delivered.to, "on-call");
    for target in targets {
        delivery
            .alertmanager
            .until_inhibited("TcssLeaseFailing", &[("instance", target)])
            .await;
    }
    delivery.sends_at_most(1).await;
    assert_eq!(delivery.delivered(), ["TcssNoLeader"]);

    away(None);
    let (leader, standby) = loop {
        if a.speaks().await {
            break (&a, &b);
        }
        if b.speaks().await {
            break (&b, &a);
        }
        sleep(Duration::from_millis(200)).await;
    };
    delivery.receiver.until_resolved("TcssNoLeader").await;
    delivery.receiver.forget();
    standby.running.signal("KILL");
    let instance = standby.url.trim_start_matches("http://");
    let delivered = delivery
        .receiver
        .until("TcssExporterDown", &[("instance", instance)])
        .await;
    // The accounts are monitored all the same.
    assert_eq!(
        (&*delivered.to, &*delivered.labels["severity"]),
        ("operations", "warning")
    );
    delivery
        .alertmanager
        .until_inhibited("TcssStandbyMissing", &[])
        .await;
    assert_eq!(delivery.delivered(), ["TcssExporterDown"]);

    // Another one takes its place, and cannot reach the API server when the leader crashes.
    let listen = format!("--web.listen-address={instance}");
    let _back = Pod::start(&api, "pod-c", &[&endpoint, &listen]);
    delivery.receiver.until_resolved("TcssExporterDown").await;
    delivery.receiver.forget();
    away(Some(Fault::Reset));
    leader.running.signal("KILL");
    let down = [
        ("instance", leader.url.trim_start_matches("http://")),
        ("severity", "critical"),
    ];
    assert_eq!(
        delivery.receiver.until("TcssExporterDown", &down).await.to,
        "on-call"
    );
    assert_eq!(
        delivery.receiver.until("TcssNoLeader", &[]).await.to,
        "on-call"
    );
    delivery
        .alertmanager
        .until_inhibited("TcssDataStale", &[("account", "default")])
        .await;
    delivery
        .alertmanager
        .until_inhibited("TcssStandbyMissing", &[])
        .await;
    // Two causes: one replica is down, and the other cannot lead.
    assert_eq!(delivery.delivered(), ["TcssExporterDown", "TcssNoLeader"]);
}

/// Two leaders of one lease, as in a cluster that was split; and a standby that cannot poll.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_leaders_and_a_standby_that_cannot_poll_are_one_notification_each() {
    let (_tcss, tcss) = simulating(SCANNED);
    let endpoint = format!("--api.endpoint={tcss}");
    let (_socket, refused) = refusing();
    let unreachable = format!("--api.endpoint=http://{refused}");
    let (api, other) = (ApiServer::start().await, ApiServer::start().await);
    let a = Pod::start(&api, "pod-a", &[&endpoint]);
    a.until(true).await;
    let broken = Pod::start(&api, "pod-b", &[&unreachable]);
    let delivery =
        Delivery::start(&[&a, &broken].map(|pod| pod.url.trim_start_matches("http://"))).await;
    let instance = [("instance", broken.url.trim_start_matches("http://"))];
    let delivered = delivery
        .receiver
        .until("TcssStandbyBroken", &instance)
        .await;
    assert_eq!(delivered.to, "operations");
    delivery.sends_at_most(1).await;
    assert_eq!(delivery.delivered(), ["TcssStandbyBroken"]);

    let c = Pod::start(&other, "pod-c", &[&endpoint]);
    let delivery =
        Delivery::start(&[&a, &c].map(|pod| pod.url.trim_start_matches("http://"))).await;
    let delivered = delivery.receiver.until("TcssSeveralLeaders", &[]).await;
    assert_eq!(delivered.to, "operations");
    assert!(delivered.annotations["summary"].starts_with("2 replicas of tcss-exporter"));
    delivery.sends_at_most(1).await;
    assert_eq!(delivery.delivered(), ["TcssSeveralLeaders"]);
}

/// A lease that passes from one replica to the other and back. Each change overlaps, so the accounts are always exposed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_changes_again_and_again_is_one_notification() {
    let (_tcss, tcss) = simulating(SCANNED);
    let endpoint = format!("--api.endpoint={tcss}");
    let flags = ["--ha.lease-duration=10s", &endpoint];
    let api = ApiServer::start().await;
    let names = ["pod-a", "pod-b"];
    let a = Pod::start(&api, names[0], &flags);
    a.until(true).await;
    let b = Pod::start(&api, names[1], &flags);
    let replicas = [&a, &b];
    let delivery =
        Delivery::start(&replicas.map(|pod| pod.url.trim_start_matches("http://"))).await;
    let alert = "TcssLeaderChanging";
    let mut n_changes = 0;
    let delivered = loop {
        if let Some(delivered) = delivery.receiver.find(alert, &[]) {
            break delivered;
        }
        assert!(n_changes < 40, "{alert} does not arrive");
        let (leader, next) = (n_changes % 2, (n_changes + 1) % 2);
        // It goes on, because it cannot read that the lease is free.
        api.set_fault(names[leader], Some(Fault::Reset));
        api.store
            .edit(PATH, |lease| lease["spec"]["holderIdentity"] = "".into());
        replicas[next].until(true).await;
        api.set_fault(names[leader], None);
        replicas[leader].until(false).await;
        n_changes += 1;
        // For a few scrapes, there is one leader.
        sleep(Duration::from_secs(3)).await;
    };
    assert!(n_changes > 4, "{n_changes}");
    assert_eq!(
        (&*delivered.to, &*delivered.labels["severity"]),
        ("operations", "warning")
    );
    let summary = &delivered.annotations["summary"];
    assert!(
        summary.starts_with("The leader of tcss changed "),
        "{summary}"
    );
    delivery.sends_at_most(1).await;
    assert_eq!(delivery.delivered(), [alert]);
}
