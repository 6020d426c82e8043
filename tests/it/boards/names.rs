//! Every metric and label in a query exists in what a real exporter exposes, and what it exposes is used.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    asked::Query,
    live::World,
    promql::{Parts, Selector, parts},
    rules::{self, Rule},
};

/// Replaces `$__rate_interval` where ranges are checked.
const RATE_INTERVAL: Duration = Duration::from_secs(7_777);

const PARTIAL: &str =
    "while a scan runs, the counts are partial; those of completed scans are used";

const TOTAL: &str = "a total, or the whole of which the board shows the part that matters";
const SAME: &str = "another collector counts the same";
const CHOICE: &str = "what a user has decided, rather than a risk";
const LIST: &str = "for queries that ask how complete the list of images is";

/// Metrics that no board and no rule uses, and the reason.
const NOT_USED: [(&str, &str); 32] = [
    ("tcss_assets_all_containers", TOTAL),
    ("tcss_assets_containers", TOTAL),
    ("tcss_assets_hosts", TOTAL),
    ("tcss_assets_images", TOTAL),
    ("tcss_assets_last_image_scan_timestamp_seconds", SAME),
    ("tcss_assets_recommended_fix_images", SAME),
    ("tcss_assets_unsafe_images", SAME),
    ("tcss_assets_untrusted_images", CHOICE),
    ("tcss_image_scan_safe_images", TOTAL),
    ("tcss_scan_settings_kind_enabled", CHOICE),
    ("tcss_summary_all_images", TOTAL),
    ("tcss_summary_clusters", TOTAL),
    ("tcss_summary_containers", TOTAL),
    ("tcss_summary_unscanned_clusters", CHOICE),
    ("tcss_summary_vulnerable_images", SAME),
    ("tcss_virus_scan_end_timestamp_seconds", SAME),
    ("tcss_vul_database_licensed_images", SAME),
    ("tcss_vul_database_scanned_images", SAME),
    ("tcss_vul_database_serious_images", SAME),
    ("tcss_vul_database_vulnerabilities", TOTAL),
    ("tcss_vul_scan_image_list_end_timestamp_seconds", LIST),
    ("tcss_vul_scan_image_list_images", LIST),
    ("tcss_vul_scan_image_list_read_images", LIST),
    ("tcss_vul_summary_all_vulnerabilities", TOTAL),
    ("tcss_vul_scan_found_vulnerabilities", PARTIAL),
    ("tcss_vul_scan_ignored_vulnerabilities", PARTIAL),
    ("tcss_vul_scan_risk_images", PARTIAL),
    ("tcss_vul_scan_scanned_images", PARTIAL),
    (
        "process_virtual_memory_bytes",
        "virtual address space is not memory usage",
    ),
    (
        "process_virtual_memory_max_bytes",
        "the limit is hardly ever set",
    ),
    (
        "tcss_api_request_duration_seconds_count",
        "tcss_api_requests_total is the same count",
    ),
    (
        "tcss_api_request_duration_seconds_sum",
        "quantiles are more useful than the mean",
    ),
];

/// Labels that users choose.
const OF_USERS: [(&str, &[&str]); 1] = [("tcss_account_info", &["team", "expect_scans"])];

/// Metrics that the exporter of this test does not expose, since it discovers no accounts.
const ONLY_WITH_DISCOVERY: [(&str, &[&str]); 3] = [
    ("tcss_account_missing", &["account"]),
    ("tcss_discovery_last_refresh_successful", &["discovery"]),
    (
        "tcss_discovery_refresh_failures_total",
        &["discovery", "reason"],
    ),
];

/// Metrics that only a replica with `--ha.kubernetes-lease` exposes, and their labels.
const OF_REPLICAS: [(&str, &[&str]); 4] = [
    ("tcss_exporter_leader", &["lease"]),
    ("tcss_exporter_lease_last_renewal_timestamp_seconds", &[]),
    ("tcss_exporter_lease_changes_total", &[]),
    ("tcss_exporter_lease_failures_total", &["reason"]),
];

/// Metrics that the exporter of this test does not expose, since it serves no TLS.
const ONLY_WITH_TLS: [(&str, &[&str]); 1] = [(
    "tcss_exporter_web_certificate_expiry_timestamp_seconds",
    &[],
)];

/// Labels that queries add.
const ADDED: [&str; 6] = ["severity", "problem", "part", "whole", "more", "alertname"];

/// What Prometheus itself has, and its labels.
const OF_PROMETHEUS: [(&str, &[&str]); 3] = [
    ("up", &[]),
    ("ALERTS_FOR_STATE", &["alertname", "account", "scan"]),
    (
        "ALERTS",
        &[
            "alertname",
            "alertstate",
            "severity",
            "component",
            "account",
            "scan",
        ],
    ),
];

/// Names of series, and the labels of each.
type Series = BTreeMap<String, BTreeSet<String>>;

/// The metrics of an exporter with succeeding and failing polls.
async fn exposed() -> Series {
    let world = World::start().await;
    let text = world.scrape().await;
    let mut series = Series::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_at(line.find(['{', ' ']).unwrap());
        let labels = rest
            .split("=\"")
            .map(|part| part.rsplit(['{', ',']).next().unwrap());
        let n_labels = rest.matches("=\"").count();
        let known = series.entry(name.to_owned()).or_default();
        known.extend(labels.take(n_labels).map(str::to_owned));
    }
    series
}

/// Every query of every board and rule, parsed, and its place.
fn queries() -> Vec<(String, Parts)> {
    let of_boards = Query::all().into_iter().map(|query| {
        let parts = parts(&query.place, &query.sent("7777s"));
        (query.place, parts)
    });
    let of_rules = Rule::all().into_iter().map(|rule| {
        let place = format!("rule {}", rule.name());
        let parts = parts(&place, &rule.expr);
        (place, parts)
    });
    of_boards.chain(of_rules).collect()
}

/// Thresholds of some scans, which users record themselves; the rules read them where they exist.
fn is_own_threshold(name: &str, recorded: &BTreeSet<String>) -> bool {
    let Some(threshold) = name.strip_prefix("tcss:threshold:") else {
        return false;
    };
    recorded.contains(&format!("tcss:scan_threshold:{threshold}"))
        || recorded.contains(&format!("tcss:account_threshold:{threshold}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_and_label_in_a_query_exists() {
    let exposed = exposed().await;
    let recorded: BTreeSet<String> = Rule::all()
        .into_iter()
        .filter_map(|rule| rule.record)
        .collect();
    let every_label: BTreeSet<String> = exposed.values().flatten().cloned().collect();
    let of_rules = [
        "job", "instance", "account", "scan", "source", "status", "action", "reason", "file",
    ];
    let of_prometheus: BTreeMap<_, _> = OF_PROMETHEUS
        .into_iter()
        .chain(OF_USERS)
        .chain(ONLY_WITH_DISCOVERY)
        .chain(OF_REPLICAS)
        .chain(ONLY_WITH_TLS)
        .collect();
    for (place, parts) in queries() {
        for Selector { name, matchers, .. } in &parts.selectors {
            let known = exposed.get(name);
            let of_prometheus = of_prometheus.get(name.as_str());
            let is_known = known.is_some() || of_prometheus.is_some();
            assert!(
                is_known || recorded.contains(name) || is_own_threshold(name, &recorded),
                "{place}: there is no {name}"
            );
            for (label, ..) in matchers {
                let is_label = ["job", "instance"].contains(&label.as_str())
                    || known.is_some_and(|labels| labels.contains(label))
                    || of_prometheus.is_some_and(|labels| labels.contains(&label.as_str()))
                    || (known.is_none() && of_rules.contains(&label.as_str()));
                assert!(is_label, "{place}: {name} has no label {label}");
            }
        }
        for label in &parts.labels {
            let is_label = every_label.contains(label)
                || ADDED.contains(&label.as_str())
                || of_rules.contains(&label.as_str())
                || of_prometheus
                    .values()
                    .any(|labels| labels.contains(&label.as_str()));
            assert!(is_label, "{place}: no metric has a label {label}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_is_shown_or_used_in_a_rule() {
    let exposed = exposed().await;
    let used: BTreeSet<String> = queries()
        .into_iter()
        .flat_map(|(_, parts)| parts.selectors)
        .map(|selector| selector.name)
        .collect();
    for (name, why) in NOT_USED {
        assert!(
            exposed.contains_key(name),
            "{name} does not exist, so it need not be excused: {why}"
        );
        assert!(
            !used.contains(name),
            "{name} is used, so it need not be excused: {why}"
        );
    }
    let is_excused = |name: &String| NOT_USED.iter().any(|(it, _)| it == name);
    let unused: Vec<_> = exposed
        .keys()
        .filter(|name| !used.contains(*name) && !is_excused(name))
        .collect();
    assert_eq!(unused, [""; 0], "shown on no board and used in no rule");
}

/// The boards' queries only: rules are for all jobs.
fn on_boards() -> Vec<(Query, Parts)> {
    let taken_apart = |query: Query| {
        let parts = parts(&query.place, &query.sent("7777s"));
        (query, parts)
    };
    Query::all().into_iter().map(taken_apart).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_selector_obeys_the_variables_of_the_labels_that_it_has() {
    let exposed = exposed().await;
    for (query, parts) in on_boards()
        .iter()
        .filter(|(query, _)| !query.place.contains("variable"))
    {
        for Selector { name, matchers, .. } in &parts.selectors {
            let is_alert = name.starts_with("ALERTS");
            let of_scans: &[&str] = &["account", "scan"];
            let chosen: &[&str] = match exposed.get(name) {
                None if name.starts_with("tcss:threshold:") => &[],
                None if is_alert || name.starts_with("tcss:scan_threshold:") => of_scans,
                Some(labels) if labels.contains("scan") => &["job", "instance", "account", "scan"],
                Some(labels) if labels.contains("account") => &["job", "instance", "account"],
                _ => &["job", "instance"],
            };
            let of_polls = ["tcss_up", "tcss_poll", "tcss_unexpected"];
            let is_of_polls = of_polls.iter().any(|prefix| name.starts_with(prefix));
            for label in chosen {
                // An alert may be of no account, and a collector of no scan.
                let is_optional = is_of_polls
                    && *label == "scan"
                    && matchers
                        .iter()
                        .any(|(label, _, value)| label == "scan" && value == ".+|");
                let all = if is_alert || is_optional { ".+|" } else { ".+" };
                let values: Vec<(&str, &str)> = matchers
                    .iter()
                    .filter(|(it, ..)| it == label)
                    .map(|(_, operator, value)| (operator.as_str(), value.as_str()))
                    .collect();
                // By the account itself, and by its labels.
                let n_variables = if *label == "account" { 2 } else { 1 };
                let expected = vec![("=~", all); n_variables];
                assert_eq!(values, expected, "{}: {name}, {label}", query.place);
            }
        }
    }
}

/// Rules may be missing or evaluated elsewhere. Thresholds have defaults.
#[test]
fn boards_read_no_recorded_series_but_thresholds() {
    let rules = rules::text();
    let mut n_thresholds = 0;
    for (query, parts) in on_boards() {
        for Selector { name, .. } in &parts.selectors {
            let Some(recorded) = name.strip_prefix("tcss:") else {
                continue;
            };
            let (kind, threshold) = recorded.split_once(':').unwrap();
            assert!(
                ["threshold", "scan_threshold"].contains(&kind),
                "{}: {name}",
                query.place
            );
            n_thresholds += 1;
            let default = default_on_boards(&query.expression, name);
            assert!(
                is_default_in_rules(&rules, threshold, &default),
                "{}: {threshold} is {default} without rules",
                query.place
            );
        }
    }
    assert!(n_thresholds >= 20, "{n_thresholds}");
}

/// The number behind `or` after a threshold.
fn default_on_boards(expression: &str, name: &str) -> String {
    let mut uses = expression.split(name).skip(1);
    // Names start with other names.
    let rest = uses
        .find(|rest| rest.starts_with(['{', ')']))
        .expect("a use");
    let (_, rest) = rest.split_once(" or ").expect("a default");
    let rest = rest.strip_prefix("vector(").unwrap_or(rest);
    rest.split([' ', ')']).next().unwrap().to_owned()
}

fn is_default_in_rules(rules: &str, threshold: &str, default: &str) -> bool {
    let records = rules.lines().zip(rules.lines().skip(1));
    let mut expressions = records
        .filter(|(record, _)| record.split([' ', ':']).any(|word| word == threshold))
        .map(|(_, expression)| expression);
    expressions.any(|it| {
        it.contains(&format!("vector({default})")) || it.contains(&format!("or {default} * group"))
    })
}

#[test]
fn counters_are_shown_as_rates_over_the_rate_interval_and_nothing_else_is() {
    for (query, parts) in on_boards() {
        for Selector {
            name,
            range,
            function,
            ..
        } in parts.selectors
        {
            // Exporters that are down, and gauges that bridge gaps or compare with the last day.
            let is_over_time = function.is_some_and(|it| it.ends_with("_over_time"));
            let is_kept = name == "tcss_exporter_build_info"
                || name == "tcss_poll_last_success_timestamp_seconds"
                || name == "tcss_up"
                || name.starts_with("tcss_vul_scan_completed_");
            if is_kept && is_over_time {
                continue;
            }
            let is_counter = name.ends_with("_total") || name.ends_with("_bucket");
            let is_rate = function.is_some_and(|it| ["rate", "increase"].contains(&it));
            assert_eq!(
                is_counter, is_rate,
                "{}: {name} in {function:?}",
                query.place
            );
            // The number of series that are left out is that of the whole range.
            let is_whole_range = range == Some(Duration::from_secs(3_600));
            assert!(
                range == is_counter.then_some(RATE_INTERVAL) || is_counter && is_whole_range,
                "{}: {name}",
                query.place
            );
        }
    }
}

/// Other programs that Prometheus scrapes expose these metrics, too.
#[test]
fn metrics_of_other_programs_are_only_selected_from_exporters() {
    let mut n_shared = 0;
    for (query, parts) in on_boards() {
        let is_shared = |name: &str| name == "up" || name.starts_with("process_");
        let n = parts
            .selectors
            .iter()
            .filter(|it| is_shared(&it.name))
            .count();
        let joined = "and on (job, instance) last_over_time(tcss_exporter_build_info{";
        assert_eq!(
            query.expression.matches(joined).count(),
            n,
            "{}: {}",
            query.place,
            query.expression
        );
        n_shared += n;
    }
    assert!(n_shared >= 6, "{n_shared}");
}

/// Replicas report the same scans, so their gauges must not be added up. Each makes requests of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_count_once() {
    let exposed = exposed().await;
    for (query, parts) in on_boards()
        .into_iter()
        .filter(|(query, _)| !query.place.contains("variable"))
    {
        for Selector {
            name, aggregation, ..
        } in parts.selectors
        {
            let Some(labels) = exposed.get(&name) else {
                continue;
            };
            if !labels.contains("account")
                || name.starts_with("tcss_api_") && name.ends_with("_total")
            {
                continue;
            }
            let (operation, by) =
                aggregation.unwrap_or_else(|| panic!("{}: {name} as it is", query.place));
            assert!(
                ["max", "min", "group", "topk"].contains(&operation.as_str()),
                "{}: {operation} of {name}",
                query.place
            );
            for label in ["account", "scan"]
                .into_iter()
                .filter(|label| labels.contains(*label))
            {
                assert!(
                    by.iter().any(|it| it == label),
                    "{}: {name} by {by:?}",
                    query.place
                );
            }
        }
    }
}
