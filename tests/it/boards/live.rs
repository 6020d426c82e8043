//! A real Prometheus with the rules scrapes a real exporter, whose accounts cover all states. Every query of every board
//! has a result, now and over a range.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    support::prometheus::{Prometheus, Sample},
    support::{
        process::{CANARY, Running, exporter, file, get, path, serving_as, simulator, until},
        raw::{Act, Raw, http, ok},
    },
};

use super::{
    asked::{Query, When, labels_of_legend},
    rules,
};

/// Accounts, and what the simulated API plays for each.
const ACCOUNTS: [(&str, &str); 7] = [
    (
        "repeating",
        "scans: [{takes: 3s, pause: 3s, local_images: 12, registry_images: 5, local_vulnerabilities: 31, \
                   registry_vulnerabilities: 7, ignored_vulnerabilities: 2, risk_images: 9}, {takes: 3s, pause: 3s, \
                   local_images: 8, registry_images: 5, local_vulnerabilities: 40, risk_images: 11}]",
    ),
    (
        "running",
        "started_ago: 10m, scheduled_scans: false, scans: [{takes: 60m, local_images: 4, risk_images: 3}]",
    ),
    (
        "canceled",
        "started_ago: 60m, repeat: false, scans: [{takes: 10m, cancel_at: 40, local_images: 4}]",
    ),
    (
        "late",
        "started_ago: 10d, repeat: false, assets: {malware: 1, failed_images: 1, unscanned_images: 2}, \
         scans: [{takes: 10m, local_images: 4, risk_images: 2, local_vulnerabilities: 60}]",
    ),
    ("never", ""),
    ("locked-out", "failures: [{code: UnauthorizedOperation}]"),
    (
        "unlucky",
        "failures: [{code: RequestLimitExceeded, fraction: 0.2}, {code: InternalError, fraction: 0.2}]",
    ),
];

/// Accounts with all collectors.
const WITH_ALL_COLLECTORS: [&str; 2] = ["running", "late"];

/// How often a query without data is repeated, once a second.
const ATTEMPTS: usize = 180;

/// An account whose answers lack a field.
const ODD: &str = "odd";

/// Accounts with a role, and what is special about it: keys that last, and keys that are soon refreshed while some
/// attempts fail.
const ROLES: [(&str, &str); 2] = [
    ("lasting", "token_lifetime: 2h"),
    (
        "brief",
        "token_lifetime: 4s, failures: [{code: InternalError.GetRoleError, fraction: 0.3}]",
    ),
];

/// A simulated API, and an exporter that polls all accounts every second.
pub(super) struct World {
    _api: Running,
    _odd_api: Raw,
    _exporter: Running,
    url: String,
}

impl World {
    /// Ready: every account was polled.
    pub(super) async fn start() -> World {
        let identity = |(name, plays): (&str, &str)| {
            format!(
                "  - {{name: {name}, secret_id: AKID{name}, secret_key: {CANARY}-{name}, {plays}}}\n"
            )
        };
        let role = |(name, keys): (&str, &str)| {
            let arn = role_arn(name);
            format!("  - {{name: {name}, role: {{arn: '{arn}', assumed_by: [running], {keys}}}}}\n")
        };
        let identities = ACCOUNTS
            .into_iter()
            .map(identity)
            .chain(ROLES.into_iter().map(role));
        let scenario = file(&format!("identities:\n{}", identities.collect::<String>()));
        let (api, api_url) = simulator(&["--scenario", path(&scenario)]);
        let odd_api = Raw::start(Act::Send(ok(&lacking_a_field()))).await;

        let simulated = ACCOUNTS
            .iter()
            .map(|(name, _)| account(name, &api_url, &keys(name)));
        let with_roles = ROLES.iter().map(|(name, _)| {
            let (arn, source) = (role_arn(name), keys("running"));
            let kind = format!(
                "assume_role: {{role_arn: '{arn}', endpoint: '{api_url}', source: {{{source}}}}}"
            );
            account(name, &api_url, &kind)
        });
        let odd = account(ODD, &odd_api.url(), &keys(ODD));
        let accounts: String = simulated.chain(with_roles).chain([odd]).collect();
        let config = file(&format!(
            "poll: {{interval: 1s, scanning_interval: 1s}}\naccounts:\n{accounts}"
        ));
        let mut command = exporter();
        for name in ACCOUNTS.iter().map(|(name, _)| *name).chain([ODD]) {
            let [id, key] = variables(name);
            command
                .env(id, format!("AKID{name}"))
                .env(key, format!("{CANARY}-{name}"));
        }
        let web_config = file("http_server_config: {headers: {X-Frame-Options: deny}}\n");
        command.args([
            "--config.file",
            path(&config),
            "--web.config.file",
            path(&web_config),
        ]);
        let (exporter, url) = serving_as(&mut command);
        until(&format!("{url}/-/ready"), "ready", |body| {
            (body == "ready\n").then_some(())
        })
        .await;
        World {
            _api: api,
            _odd_api: odd_api,
            _exporter: exporter,
            url,
        }
    }

    /// What it exposes, once it has counted a scrape.
    pub(super) async fn scrape(&self) -> String {
        let metrics = format!("{}/metrics", self.url);
        get(&metrics).await;
        get(&metrics).await
    }
}

fn role_arn(name: &str) -> String {
    format!("qcs::cam::uin/100000000001:roleName/{name}")
}

/// An account of the configuration.
fn account(name: &str, endpoint: &str, credentials: &str) -> String {
    let collectors = if WITH_ALL_COLLECTORS.contains(&name) {
        format!(", collectors: {{{}}}", all_collectors())
    } else {
        String::new()
    };
    format!(
        "  - {{name: {name}, endpoint: '{endpoint}', credentials: {{{credentials}}}{collectors}}}\n"
    )
}

/// Each polls every few seconds.
fn all_collectors() -> String {
    let names = tcss_exporter::collectors::ALL.iter().map(|it| it.name);
    let entries: Vec<String> = names
        .map(|name| match name {
            "vul_scan" => "vul_scan: {}".to_owned(),
            name => format!("{name}: {{interval: 2s}}"),
        })
        .collect();
    entries.join(", ")
}

/// Credentials from an account's own variables.
fn keys(account: &str) -> String {
    let [id, key] = variables(account);
    format!("env: {{secret_id: {id}, secret_key: {key}}}")
}

/// The names of the environment variables of an account's keys.
fn variables(account: &str) -> [String; 2] {
    ["ID", "KEY"].map(|what| format!("{}_{what}", account.to_uppercase().replace('-', "_")))
}

fn lacking_a_field() -> Vec<u8> {
    let mut answer: serde_json::Value =
        serde_json::from_slice(&crate::support::answer("SCANNED", 100.0, 0.0, 3)).unwrap();
    answer["Response"]
        .as_object_mut()
        .unwrap()
        .remove("IgnoreVulCount")
        .expect("was there");
    answer.to_string().into_bytes()
}

/// Metrics that the exporter of this test does not expose, since it has no lease.
fn of_leader() -> Vec<u8> {
    let metrics = b"tcss_exporter_leader{lease=\"tcss\"} 1\n";
    http(
        "200 OK",
        "Content-Type: text/plain; version=0.0.4\r\n",
        metrics,
    )
}

/// The rules, without the time that an alert waits.
fn hasty_rules() -> String {
    let waits = |line: &&str| {
        ["for:", "keep_firing_for:"]
            .iter()
            .any(|it| line.trim_start().starts_with(it))
    };
    rules::text()
        .lines()
        .filter(|line| !waits(line))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_query_of_every_board_is_answered_by_a_real_prometheus() {
    let world = World::start().await;
    let leader = Raw::start(Act::Send(of_leader())).await;
    let rules = file(&hasty_rules());
    let prometheus = Prometheus::start_with(&format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\nrule_files: [\"{}\"]\n\
         scrape_configs: [{{job_name: tcss, static_configs: [{{targets: [\"{}\", \"{}\"]}}]}}]\n",
        path(&rules),
        world.url.trim_start_matches("http://"),
        leader.address,
    ));
    // Until two scans of one account have completed, and so until everything else has happened.
    let completed = "tcss_vul_scan_completed_risk_images{account='repeating'}[1d]";
    let rose = format!("count(max_over_time({completed}) > min_over_time({completed}))");
    prometheus.until(&rose, 1.0).await;

    let queries = Query::all();
    // These accounts are too few for series to be left out, and have no labels.
    let mut unanswered: Vec<&Query> = queries
        .iter()
        .filter(|it| !it.is_left_out() && !it.place.ends_with("variable value"))
        .collect();
    for _ in 0..ATTEMPTS {
        let mut still = Vec::new();
        for query in unanswered {
            if !is_answered(&prometheus, query).await {
                still.push(query);
            }
        }
        unanswered = still;
        if unanswered.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let unanswered: Vec<_> = unanswered.iter().map(|query| &query.place).collect();
    assert_eq!(unanswered, [""; 0], "no data");
    nothing_is_found_without_a_completed_scan(&prometheus, &queries).await;
}

/// The API says 0 of an account that was never scanned. On a board, that would be an account without risk.
async fn nothing_is_found_without_a_completed_scan(prometheus: &Prometheus, queries: &[Query]) {
    let findings: Vec<_> = queries
        .iter()
        .filter(|it| {
            it.expression.contains("completed_risk_images") && !it.expression.contains("tcss_up")
        })
        .collect();
    assert!(findings.len() >= 5);
    for query in findings {
        for sample in prometheus.query(&query.sent("10s")).await {
            let is_unfinished = ["never", "running", "canceled"].contains(&sample.label("account"));
            assert!(!is_unfinished, "{}: {sample:?}", query.place);
        }
    }
}

/// Whether there is data now. All data, now and before, must be numbers, and series must have distinct names.
async fn is_answered(prometheus: &Prometheus, query: &Query) -> bool {
    let expression = query.sent("10s");
    let samples = prometheus.query(&expression).await;
    for sample in &samples {
        check(query, sample.value().is_finite(), sample);
    }
    if query.when == When::Range {
        for series in prometheus.range(&expression, 10).await {
            check(query, series.values().all(f64::is_finite), &series);
        }
    }
    the_legend_tells_series_apart(query, &samples);
    !samples.is_empty()
}

#[track_caller]
fn check(query: &Query, is_finite: bool, answer: &impl std::fmt::Debug) {
    assert!(
        is_finite,
        "{}: {} is {answer:?}",
        query.place, query.expression
    );
}

fn the_legend_tells_series_apart(query: &Query, samples: &[Sample]) {
    // A variable offers each value once.
    let is_variable = query.place.contains("variable");
    let mut names = BTreeSet::new();
    for sample in samples.iter().filter(|_| query.legend != "__auto") {
        let labels = labels_of_legend(&query.legend);
        let values: Vec<&str> = labels.iter().map(|label| sample.label(label)).collect();
        assert!(
            values.iter().all(|value| !value.is_empty()),
            "{}: {labels:?} of {sample:?}",
            query.place
        );
        assert!(
            names.insert(values) || is_variable,
            "{}: another one is called like {sample:?}",
            query.place
        );
    }
}

/// A mark is at the second at which a scan ended, even if Prometheus noticed it later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_scan_is_marked_at_its_second() {
    let world = World::start().await;
    let prometheus = Prometheus::start(&[("tcss", &world.url)]);
    let queries = Query::all();
    for (name, account) in [
        ("Scan completed", "repeating"),
        ("Scan canceled", "canceled"),
    ] {
        let place = format!("overview: annotation {name}");
        let query = queries
            .iter()
            .find(|query| query.place == place)
            .expect("a board has it");
        let mark = query
            .sent("10s")
            .replace("account=~\".+\"", &format!("account=~\"{account}\""));
        let end = format!(
            "1000 * max by (account, scan) (tcss_vul_scan_end_timestamp_seconds{{account='{account}'}})"
        );
        prometheus
            .until(&format!("count(({mark}) == {end})"), 1.0)
            .await;
    }
}
