//! From the scenario of the runbook to the notification: simulator, exporter, Prometheus with the rules, Alertmanager
//! with the example, and a webhook, all real. Time passes 60 times as fast as it is written in rules and scenarios.

use std::{fs, process::Command};

use super::{
    rules::{root, rule_file},
    runbook::scenario,
};
use crate::support::{
    alertmanager::Alertmanager,
    process::{CANARY, Running, exporter, file, path, run, serving_as, simulator},
    prometheus::Prometheus,
    receiver::Receiver,
};

/// The whole path from a scan to a notification. Stopped at the end of the test.
struct World {
    config: tempfile::NamedTempFile,
    exporter: Running,
    receiver: Receiver,
    alertmanager: Alertmanager,
    _rest: (Running, Prometheus, tempfile::NamedTempFile),
}

impl World {
    /// With one account for each of `alerts`: it is named after the alert that its scenario makes fire.
    async fn start(alerts: &[&str]) -> World {
        let identities: String = alerts.iter().map(|alert| identity(alert)).collect();
        let scenario = file(&format!("identities:\n{identities}"));
        let (api, endpoint) = simulator(&["--speed=60", "--scenario", path(&scenario)]);
        let accounts: String = alerts
            .iter()
            .map(|alert| account(alert, &endpoint))
            .collect();
        let config = file(&format!(
            "poll: {{interval: 1s, scanning_interval: 1s, timeout: 1s, stale_after: 5s}}\n\
             api: {{endpoint: \"{endpoint}\"}}\naccounts:\n{accounts}"
        ));
        let mut command = exporter();
        for alert in alerts {
            command.env(format!("{alert}_ID"), format!("AKID{alert}"));
            command.env(format!("{alert}_KEY"), format!("{CANARY}-{alert}"));
        }
        let (exporter, url) = serving_as(command.args(["--config.file", path(&config)]));

        let receiver = Receiver::start().await;
        let example = fs::read_to_string(root().join("dashboards/alertmanager.yml")).unwrap();
        let example = example.replace("http://127.0.0.1:5001", &receiver.url);
        let alertmanager = Alertmanager::start(&faster(&example));
        let rules = file(&faster(&fs::read_to_string(rule_file()).unwrap()));
        let prometheus = Prometheus::start_with(&format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
             rule_files: [\"{}\"]\n\
             scrape_configs: [{{job_name: tcss, static_configs: [{{targets: [\"{}\"]}}]}}]\n\
             alerting: {{alertmanagers: [{{static_configs: [{{targets: [\"{}\"]}}]}}]}}\n",
            path(&rules),
            url.trim_start_matches("http://"),
            alertmanager.address,
        ));
        World {
            config,
            exporter,
            receiver,
            alertmanager,
            _rest: (api, prometheus, rules),
        }
    }

    /// Waits until the alert of the account with the same name has been delivered to `receiver`.
    async fn delivers(&self, alert: &str, receiver: &str) {
        let delivered = self.receiver.until(alert, &[("account", alert)]).await;
        assert_eq!(delivered.to, receiver, "{delivered:?}");
    }

    /// Waits until Alertmanager inhibits `alert` of `account`, which must not have been delivered.
    async fn holds_back(&self, alert: &str, account: &str) {
        self.alertmanager
            .until_inhibited(alert, &[("account", account)])
            .await;
        self.never_delivered(alert, &[("account", account)]);
    }

    fn never_delivered(&self, alert: &str, labels: &[(&str, &str)]) {
        assert!(
            self.receiver.find(alert, labels).is_none(),
            "{alert} {labels:?} was delivered"
        );
    }
}

/// The identity of a scenario of the runbook, with a name and keys of its own.
fn identity(alert: &str) -> String {
    let scenario = scenario(alert);
    let identity = scenario.strip_prefix("identities:\n").unwrap();
    let identity = identity.replace("name: default", &format!("name: {alert}"));
    let identity = identity.replace("secret_id: AKIDtry", &format!("secret_id: AKID{alert}"));
    identity.replace("secret_key: try", &format!("secret_key: {CANARY}-{alert}"))
}

/// With keys from the environment, or where they must expire, from the metadata service.
fn account(alert: &str, endpoint: &str) -> String {
    let credentials = match alert {
        "TcssCredentialsExpiring" => format!("{{cvm_role: {{endpoint: \"{endpoint}\"}}}}"),
        _ => format!("{{env: {{secret_id: {alert}_ID, secret_key: {alert}_KEY}}}}"),
    };
    format!("  - {{name: {alert}, credentials: {credentials}}}\n")
}

/// The output of `dashboards/rules/faster` for a file.
fn faster(text: &str) -> String {
    let script = root().join("dashboards/rules/faster");
    let (status, output) = run(
        "python3",
        Command::new("python3").arg(script).arg("60"),
        text,
    );
    assert!(status.success(), "{output}");
    output
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_of_the_runbook_are_delivered_and_their_consequences_are_not() {
    let world = World::start(&[
        "TcssRiskImagesIncreased",
        "TcssRiskImagesHigh",
        "TcssVulnerabilitiesIncreased",
        "TcssIgnoredVulnerabilitiesIncreased",
        "TcssCoverageDropped",
        "TcssScanStale",
        "TcssScanStuck",
        "TcssScanSlow",
        "TcssScanCanceled",
        "TcssCredentialsFailing",
        "TcssPermissionMissing",
        "TcssCredentialsExpiring",
        "TcssPollsFailing",
        "TcssDataStale",
    ])
    .await;
    for alert in [
        "TcssRiskImagesHigh",
        "TcssCredentialsFailing",
        "TcssPermissionMissing",
        "TcssCredentialsExpiring",
        "TcssRiskImagesIncreased",
    ] {
        world.delivers(alert, "on-call").await;
    }
    for alert in [
        "TcssVulnerabilitiesIncreased",
        "TcssIgnoredVulnerabilitiesIncreased",
        "TcssCoverageDropped",
        "TcssScanStale",
        "TcssScanSlow",
        "TcssScanCanceled",
        "TcssPollsFailing",
        "TcssScanStuck",
    ] {
        world.delivers(alert, "team").await;
    }

    world
        .holds_back("TcssRiskImagesFound", "TcssRiskImagesHigh")
        .await;
    world
        .holds_back("TcssPollsFailing", "TcssPermissionMissing")
        .await;
    world
        .holds_back("TcssPollsFailing", "TcssCredentialsFailing")
        .await;
    world
        .holds_back("TcssDataStale", "TcssCredentialsFailing")
        .await;
    world.holds_back("TcssDataStale", "TcssDataStale").await;
    world.holds_back("TcssScanStale", "TcssScanStuck").await;

    let delivered = world.receiver.find("TcssRiskImagesIncreased", &[]).unwrap();
    assert_eq!(delivered.labels["severity"], "critical");
    assert_eq!(
        delivered.annotations["summary"],
        "Images at risk of TcssRiskImagesIncreased/latest rose by 1"
    );
    assert_eq!(
        delivered.annotations["runbook_url"],
        "https://example.com/tcss-exporter/docs/runbook.md#tcssriskimagesincreased"
    );
    assert_eq!(
        delivered.annotations["dashboard_url"],
        "https://grafana.example.com/d/tcss-account?var-account=TcssRiskImagesIncreased&var-scan=latest"
    );
    world.never_delivered(
        "TcssRiskImagesIncreased",
        &[("account", "TcssRiskImagesHigh")],
    );
    world.never_delivered("TcssRiskImagesFound", &[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_exporter_fires_only_its_own_alert_and_hides_no_finding() {
    let world = World::start(&["TcssThrottled", "TcssApiErrors", "TcssRiskImagesHigh"]).await;
    world.delivers("TcssRiskImagesHigh", "on-call").await;
    for alert in ["TcssThrottled", "TcssApiErrors"] {
        assert_eq!(world.receiver.until(alert, &[]).await.to, "team", "{alert}");
    }

    let config = fs::read_to_string(world.config.path()).unwrap();
    fs::write(world.config.path(), format!("{config}nonsense: 1\n")).unwrap();
    world.exporter.signal("HUP");
    let reload = world
        .receiver
        .until("TcssReloadFailed", &[("file", "configuration")])
        .await;
    assert_eq!(reload.to, "team");

    // On a slow machine, the alert may also have fired before the first scrape.
    world.receiver.forget();
    world.exporter.signal("KILL");
    let down = world
        .receiver
        .until("TcssExporterDown", &[("job", "tcss")])
        .await;
    assert_eq!(down.to, "on-call");
    world
        .alertmanager
        .until_inhibited("TcssExporterAbsent", &[])
        .await;
    world
        .holds_back("TcssDataStale", "TcssRiskImagesHigh")
        .await;
    world
        .alertmanager
        .until_active("TcssRiskImagesHigh", &[("account", "TcssRiskImagesHigh")])
        .await;
    world.never_delivered("TcssExporterAbsent", &[]);
    world.never_delivered("TcssDataStale", &[]);
}
