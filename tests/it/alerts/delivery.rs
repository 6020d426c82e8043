//! From the scenario of the runbook to the notification: simulator, exporter, Prometheus with the rules, Alertmanager
//! with the example, and a webhook, all real. Time passes 60 times as fast as it is written in rules and scenarios.

use std::{fs, ops::Deref, process::Command, time::Duration};

use super::{
    rules::{root, rule_file, runbook, succeeding},
    runbook::{is_of_further_collectors, scenario},
};
use crate::support::{
    alertmanager::Alertmanager,
    process::{CANARY, Running, exporter, file, path, run, serving_as, simulator},
    prometheus::Prometheus,
    receiver::Receiver,
};

/// A simulated API and an exporter that polls it. Stopped at the end of the test.
pub(super) struct Monitored {
    config: tempfile::NamedTempFile,
    exporter: Running,
    /// Host and port of the exporter.
    pub(super) target: String,
    _api: Running,
}

impl Monitored {
    /// With one account for each of `alerts`, named after the alert that its scenario makes fire.
    pub(super) fn start(alerts: &[&str]) -> Monitored {
        let identities: String = alerts.iter().map(|alert| identity(alert)).collect();
        Monitored::playing(alerts, &identities, |endpoint| {
            alerts
                .iter()
                .map(|alert| account(alert, endpoint))
                .collect()
        })
    }

    /// With the keys of `alerts`, these identities of the API, and these accounts of the exporter.
    fn playing(
        alerts: &[&str],
        identities: &str,
        accounts: impl FnOnce(&str) -> String,
    ) -> Monitored {
        let scenario = file(&format!("identities:\n{identities}"));
        let (api, endpoint) = simulator(&["--speed=60", "--scenario", path(&scenario)]);
        let accounts = accounts(&endpoint);
        let config = file(&format!(
            "poll: {{interval: 1s, scanning_interval: 1s, timeout: 1s, stale_after: 5s}}\n\
             api: {{endpoint: \"{endpoint}\"}}\naccounts:\n{accounts}"
        ));
        Monitored::configured(alerts, api, config)
    }

    /// With the keys of `names`.
    pub(super) fn configured(
        names: &[&str],
        api: Running,
        config: tempfile::NamedTempFile,
    ) -> Monitored {
        let mut command = exporter();
        for name in names {
            command.env(format!("{name}_ID"), format!("AKID{name}"));
            command.env(format!("{name}_KEY"), format!("{CANARY}-{name}"));
        }
        let (exporter, url) = serving_as(command.args(["--config.file", path(&config)]));
        Monitored {
            config,
            exporter,
            target: url.trim_start_matches("http://").to_owned(),
            _api: api,
        }
    }

    /// A configuration of Prometheus that scrapes the exporter and evaluates `rules`.
    pub(super) fn prometheus(&self, rules: &tempfile::NamedTempFile) -> String {
        prometheus(&[&self.target], rules)
    }
}

/// A configuration of Prometheus that scrapes `targets` and evaluates `rules`.
fn prometheus(targets: &[&str], rules: &tempfile::NamedTempFile) -> String {
    format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
         rule_files: [\"{}\"]\n\
         scrape_configs: [{{job_name: tcss, static_configs: [{{targets: {targets:?}}}]}}]\n",
        path(rules),
    )
}

/// The rules, 60 times as fast.
pub(super) fn fast_rules() -> tempfile::NamedTempFile {
    file(&faster(&fs::read_to_string(rule_file()).unwrap()))
}

/// Everything between a scan and a notification. Stopped at the end of the test.
struct World {
    monitored: Monitored,
    delivery: Delivery,
}

impl Deref for World {
    type Target = Delivery;

    fn deref(&self) -> &Delivery {
        &self.delivery
    }
}

impl World {
    async fn start(alerts: &[&str]) -> World {
        World::of(Monitored::start(alerts)).await
    }

    async fn of(monitored: Monitored) -> World {
        let delivery = Delivery::start(&[&monitored.target]).await;
        World {
            monitored,
            delivery,
        }
    }
}

/// Everything between a scrape and a notification. Stopped at the end of the test.
pub(super) struct Delivery {
    pub(super) receiver: Receiver,
    pub(super) alertmanager: Alertmanager,
    _prometheus: (Prometheus, tempfile::NamedTempFile),
}

impl Delivery {
    /// Scrapes `targets`, which are a host and a port.
    pub(super) async fn start(targets: &[&str]) -> Delivery {
        let receiver = Receiver::start().await;
        let example = fs::read_to_string(root().join("dashboards/alertmanager.yml")).unwrap();
        let example = example.replace("http://127.0.0.1:5001", &receiver.url);
        let alertmanager = Alertmanager::start(&faster(&example));
        let rules = fast_rules();
        let prometheus = Prometheus::start_with(&format!(
            "{}alerting: {{alertmanagers: [{{static_configs: [{{targets: [\"{}\"]}}]}}]}}\n",
            prometheus(targets, &rules),
            alertmanager.address,
        ));
        Delivery {
            receiver,
            alertmanager,
            _prometheus: (prometheus, rules),
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

    /// Waits until the groups have sent what arrived after the first notification, and counts.
    pub(super) async fn sends_at_most(&self, max: usize) {
        tokio::time::sleep(Duration::from_secs(6)).await;
        // On a busy machine, five seconds may pass before the first scrape: five minutes of the
        // rules' time without an exporter. That notification is not about the accounts.
        let mut sent = self.receiver.notifications();
        assert!(sent.iter().all(|names| !names.is_empty()));
        sent.retain(|names| names.iter().any(|name| name != "TcssExporterAbsent"));
        assert!((1..=max).contains(&sent.len()), "{sent:?}");
    }

    /// The names of the alerts that were delivered as firing, except the one about the time before
    /// the first scrape; see [`Delivery::sends_at_most`].
    pub(super) fn delivered(&self) -> Vec<String> {
        let mut names = self.receiver.firing();
        names.retain(|name| name != "TcssExporterAbsent");
        names.into_iter().collect()
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
    let mut collectors = String::new();
    if is_of_further_collectors(alert) {
        let names = tcss_exporter::collectors::ALL.iter().map(|it| it.name);
        let further = names.filter(|name| *name != "vul_scan");
        let entries: Vec<String> = further
            .map(|name| format!("{name}: {{interval: 1s}}"))
            .collect();
        collectors = format!(", collectors: {{vul_scan: {{}}, {}}}", entries.join(", "));
    }
    format!("  - {{name: {alert}, credentials: {credentials}{collectors}}}\n")
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
        world.delivers(alert, "operations").await;
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
        format!("{}#tcssriskimagesincreased", runbook())
    );
    assert!(!delivered.annotations.contains_key("dashboard_url"));
    world.never_delivered(
        "TcssRiskImagesIncreased",
        &[("account", "TcssRiskImagesHigh")],
    );
    world.never_delivered("TcssRiskImagesFound", &[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_on_further_collectors_are_delivered_and_their_consequences_are_not() {
    let world = World::start(&[
        "TcssExploitableVulnerabilities",
        "TcssMalwareFound",
        "TcssImageScanFailed",
        "TcssScheduledScanOff",
        "TcssLicenceExpiring",
        "TcssLicencesUsedUp",
    ])
    .await;
    world.delivers("TcssMalwareFound", "on-call").await;
    for (exploit, receiver) in [("remote", "on-call"), ("public", "operations")] {
        let alert = "TcssExploitableVulnerabilities";
        let labels = [("account", alert), ("exploit", exploit)];
        assert_eq!(world.receiver.until(alert, &labels).await.to, receiver);
    }
    for failed in ["scan", "images"] {
        let alert = "TcssImageScanFailed";
        let labels = [("account", alert), ("failed", failed)];
        assert_eq!(world.receiver.until(alert, &labels).await.to, "operations");
    }
    for alert in [
        "TcssLicenceExpiring",
        "TcssLicencesUsedUp",
        "TcssScheduledScanOff",
    ] {
        world.delivers(alert, "operations").await;
    }
    world
        .holds_back("TcssScheduledScanFailed", "TcssLicencesUsedUp")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_exporter_fires_only_its_own_alert_and_hides_no_finding() {
    let world = World::start(&["TcssThrottled", "TcssApiErrors", "TcssRiskImagesHigh"]).await;
    world.delivers("TcssRiskImagesHigh", "on-call").await;
    for alert in ["TcssThrottled", "TcssApiErrors"] {
        assert_eq!(
            world.receiver.until(alert, &[]).await.to,
            "operations",
            "{alert}"
        );
    }

    let config = fs::read_to_string(world.monitored.config.path()).unwrap();
    fs::write(
        world.monitored.config.path(),
        format!("{config}nonsense: 1\n"),
    )
    .unwrap();
    world.monitored.exporter.signal("HUP");
    let reload = world
        .receiver
        .until("TcssReloadFailed", &[("file", "configuration")])
        .await;
    assert_eq!(reload.to, "operations");

    // On a slow machine, the alert may also have fired before the first scrape.
    world.receiver.forget();
    world.monitored.exporter.signal("KILL");
    let down = world
        .receiver
        .until("TcssExporterDown", &[("severity", "critical")])
        .await;
    assert_eq!(down.to, "on-call");
    assert!(down.annotations["summary"].ends_with("is down: 3 accounts are not monitored"));
    world
        .alertmanager
        .until_inhibited("TcssExporterDown", &[("severity", "warning")])
        .await;
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

/// Three hundred accounts with these credentials. Time passes 60 times as fast, and the rate limit
/// does not: at the highest rate, each is polled every 16 minutes of the rules' time.
fn three_hundred_accounts(credentials: &str) -> String {
    let settings =
        "requests_per_second: 20, interval: 16s, scanning_interval: 16s, stale_after: 80s";
    (0..300)
        .map(|n| format!("  - {{name: a{n}, credentials: {credentials}, {settings}}}\n"))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_dead_key_of_three_hundred_accounts_sends_at_most_two_notifications() {
    let identity = format!(
        "  - name: shared\n    secret_id: AKIDshared\n    secret_key: {CANARY}-shared\n    \
         failures:\n      - {{code: AuthFailure.SecretIdNotFound, from: 20m}}\n"
    );
    let monitored = Monitored::playing(&["shared"], &identity, |_| {
        three_hundred_accounts("{env: {secret_id: shared_ID, secret_key: shared_KEY}}")
    });
    let world = World::of(monitored).await;
    let delivered = world
        .receiver
        .until("TcssManyAccountsFailing", &[("reason", "auth")])
        .await;
    assert_eq!(delivered.to, "on-call");
    for alert in ["TcssCredentialsFailing", "TcssPollsFailing"] {
        world
            .alertmanager
            .until_inhibited(alert, &[("account", "a299")])
            .await;
    }
    world.sends_at_most(2).await;
}

/// Three hundred accounts with one role, for which no further keys are issued.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expiring_credentials_of_three_hundred_accounts_send_few_notifications() {
    let identity = identity("TcssCredentialsExpiring");
    let identity = format!("{}\n", identity.trim_end());
    let monitored = Monitored::playing(&[], &identity, |endpoint| {
        three_hundred_accounts(&format!("{{cvm_role: {{endpoint: \"{endpoint}\"}}}}"))
    });
    let world = World::of(monitored).await;
    let delivered = world
        .receiver
        .until("TcssManyAccountsFailing", &[("reason", "expiring")])
        .await;
    assert_eq!(delivered.to, "on-call");
    assert_eq!(
        delivered.annotations["summary"],
        "300 accounts are failing (expiring)"
    );
    world
        .alertmanager
        .until_inhibited("TcssCredentialsExpiring", &[("account", "a299")])
        .await;
    world.never_delivered("TcssCredentialsExpiring", &[]);
    // The credentials have expired by now, and the polls fail for that reason.
    world.sends_at_most(3).await;
    world.never_delivered("TcssCredentialsFailing", &[]);
}

#[test]
fn alerts_are_routed_by_severity_and_by_the_team_of_the_account() {
    let check = |labels: &str, expected: &str| {
        let path = root().join("dashboards/alertmanager.yml");
        let config = format!("--config.file={}", path.display());
        let mut arguments = vec!["config", "routes", "test", &config];
        arguments.extend(labels.split(' '));
        let output = succeeding("amtool", &arguments);
        assert_eq!(output.lines().next(), Some(expected), "{labels}");
    };
    let high = "alertname=TcssRiskImagesHigh severity=critical risk=yes";
    check(&format!("{high} team=payments"), "team-payments");
    check(&format!("{high} team=none"), "on-call");
    let dropped = "alertname=TcssCoverageDropped severity=warning risk=yes";
    check(&format!("{dropped} team=payments"), "team-payments");
    check(&format!("{dropped} team=none"), "operations");
    check("alertname=TcssExporterDown severity=critical", "on-call");
    check("alertname=TcssApiErrors severity=warning", "operations");
    check(
        "alertname=TcssRiskImagesFound severity=info team=payments",
        "discard",
    );
}

/// The receivers for messengers are comments, since they need a secret.
#[test]
fn amtool_accepts_each_receiver_that_is_commented_out() {
    let text = fs::read_to_string(root().join("dashboards/alertmanager.yml")).unwrap();
    let (before, rest) = text
        .split_once("      - url: http://127.0.0.1:5001/team-payments\n")
        .unwrap();
    let (comments, after) = rest.split_once("  - name: discard").unwrap();
    let before = before.trim_end().strip_suffix("webhook_configs:").unwrap();
    let lines = comments.lines().map(|line| line.replacen("# ", "", 1));
    let blocks: Vec<String> = lines
        .filter(|line| {
            !line.ends_with("):") && !line.contains(" is built in") && !line.contains(" needs ")
        })
        .collect();
    let blocks = blocks.join("\n");
    let blocks: Vec<&str> = blocks.split("\n    webhook_configs:").collect();
    assert_eq!(blocks.len(), 3, "{blocks:?}");
    for (n, block) in blocks.iter().enumerate() {
        let key = if n == 0 { "" } else { "    webhook_configs:" };
        let config = file(&format!("{before}\n{key}{block}\n  - name: discard{after}"));
        succeeding("amtool", &["check-config", path(&config)]);
    }
}

/// For each inhibition rule of the example: an alert, one that it inhibits, and one that
/// it does not.
const INHIBITIONS: [[&str; 3]; 21] = [
    [
        "TcssExporterAbsent",
        "TcssApiErrors severity=warning",
        "TcssRiskImagesHigh severity=critical risk=yes",
    ],
    [
        "TcssExporterDown severity=warning job=tcss instance=a",
        "TcssExporterAbsent severity=critical",
        // Which inhibits everything else, although it is inhibited itself.
        "TcssRiskImagesHigh severity=critical risk=yes",
    ],
    [
        "TcssExporterDown severity=critical job=tcss instance=a",
        "TcssExporterDown severity=warning job=tcss instance=a",
        "TcssExporterDown severity=warning job=tcss instance=b",
    ],
    [
        "TcssExporterDown severity=warning job=tcss instance=a",
        "TcssReloadFailed file=configuration job=tcss instance=a",
        "TcssReloadFailed file=configuration job=tcss instance=b",
    ],
    [
        "TcssExporterDown severity=critical job=tcss instance=a",
        "TcssShardMissing severity=critical job=tcss",
        "TcssShardMissing severity=critical job=other",
    ],
    [
        "TcssShardMissing severity=critical job=tcss",
        "TcssAccountsVanished severity=warning",
        "TcssRiskImagesFound severity=info risk=yes",
    ],
    [
        "TcssNoLeader severity=critical job=tcss lease=tcss-exporter",
        "TcssDataStale account=prod scan=latest",
        "TcssRiskImagesHigh severity=critical risk=yes",
    ],
    [
        "TcssNoLeader severity=critical job=tcss lease=tcss-exporter",
        "TcssLeaseFailing job=tcss lease=tcss-exporter",
        "TcssLeaseFailing job=tcss lease=other",
    ],
    [
        "TcssExporterDown severity=warning job=tcss instance=a",
        "TcssStandbyMissing job=tcss lease=tcss-exporter",
        "TcssStandbyMissing job=other lease=tcss-exporter",
    ],
    [
        "TcssReloadIncomplete severity=warning job=tcss",
        "TcssReloadFailed file=configuration job=tcss instance=a",
        "TcssReloadFailed file=web job=tcss instance=a",
    ],
    [
        "TcssManyAccountsFailing reason=permission",
        "TcssPermissionMissing reason=permission account=prod",
        "TcssCredentialsFailing reason=auth account=prod",
    ],
    [
        "TcssManyAccountsFailing reason=expiring",
        "TcssCredentialsExpiring account=prod",
        "TcssPollsFailing account=prod scan=latest",
    ],
    [
        "TcssManyAccountsFailing reason=network",
        "TcssPollsFailing account=prod scan=latest",
        "TcssScanStuck account=prod scan=latest",
    ],
    [
        "TcssPermissionMissing reason=permission account=prod",
        "TcssDataStale account=prod scan=latest",
        "TcssDataStale account=other scan=latest",
    ],
    [
        "TcssPollsFailing account=prod scan=latest",
        "TcssDataStale account=prod scan=latest",
        "TcssDataStale account=prod scan=nightly",
    ],
    [
        "TcssScanStuck account=prod scan=latest",
        "TcssScanSlow account=prod scan=latest",
        "TcssScanSlow account=prod scan=nightly",
    ],
    [
        "TcssDiscoveryRefused job=tcss instance=a discovery=org",
        "TcssDiscoveryFailing job=tcss instance=a discovery=org",
        "TcssDiscoveryFailing job=tcss instance=b discovery=org",
    ],
    [
        "TcssLicenceExpiring severity=critical account=prod",
        "TcssLicenceExpiring severity=warning account=prod",
        "TcssLicenceExpiring severity=warning account=other",
    ],
    [
        "TcssLicencesUsedUp account=prod",
        "TcssScheduledScanFailed account=prod source=local result=InsufficientLicense",
        "TcssScheduledScanFailed account=prod source=local result=Failed",
    ],
    [
        "TcssScheduledScanOff account=prod source=local",
        "TcssScheduledScanFailed account=prod source=local result=Failed",
        "TcssScheduledScanFailed account=prod source=registry result=Failed",
    ],
    [
        "TcssRiskImagesHigh account=prod scan=latest",
        "TcssRiskImagesFound account=prod scan=latest",
        "TcssRiskImagesFound account=other scan=latest",
    ],
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_inhibition_applies_to_its_consequence_and_to_nothing_else() {
    let example = fs::read_to_string(root().join("dashboards/alertmanager.yml")).unwrap();
    let n_rules = example.matches("- source_matchers:").count();
    assert_eq!(
        n_rules,
        INHIBITIONS.len(),
        "add a row for each inhibition rule"
    );
    for alerts in INHIBITIONS {
        let alertmanager = Alertmanager::start(&example);
        let labels = alerts.map(|alert| {
            let (name, labels) = alert.split_once(' ').unwrap_or((alert, ""));
            let pairs = labels.split_whitespace();
            let pairs: Vec<_> = pairs.map(|pair| pair.split_once('=').unwrap()).collect();
            (name, pairs)
        });
        let all: Vec<_> = labels
            .iter()
            .map(|(name, pairs)| {
                let pairs = pairs.iter().copied();
                pairs.chain([("alertname", *name)]).collect()
            })
            .collect();
        alertmanager.fire(&all).await;
        let [(cause, of_cause), (consequence, of_it), (other, of_other)] = &labels;
        alertmanager.until_inhibited(consequence, of_it).await;
        alertmanager.until_active(cause, of_cause).await;
        alertmanager.until_active(other, of_other).await;
    }
}
