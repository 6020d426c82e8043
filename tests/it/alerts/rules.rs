//! The rule file and its unit tests.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

use crate::support::process::run;

pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The rules as they are shipped.
pub(super) fn rule_file() -> PathBuf {
    root().join("dashboards/rules/tcss.yml")
}

/// Runs a command that must succeed. Returns its output.
pub(super) fn succeeding(program: &str, arguments: &[&str]) -> String {
    let (status, output) = run(program, Command::new(program).args(arguments), "");
    assert!(status.success(), "{program} {arguments:?}\n{output}");
    output
}

#[derive(Deserialize)]
struct RuleFile {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    alert: Option<String>,
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    annotations: Annotations,
}

#[derive(Default, Deserialize)]
struct Labels {
    #[serde(default)]
    severity: String,
    #[serde(default)]
    component: String,
}

#[derive(Default, Deserialize)]
struct Annotations {
    #[serde(default)]
    summary: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    runbook_url: String,
    #[serde(default)]
    dashboard_url: String,
}

/// An alerting rule.
pub(super) struct Alert {
    pub(super) name: String,
    labels: Labels,
    annotations: Annotations,
}

/// In the order of the file.
pub(super) fn alerts() -> Vec<Alert> {
    let file: RuleFile = read(&rule_file());
    let rules = file.groups.into_iter().flat_map(|group| group.rules);
    rules
        .filter_map(
            |Rule {
                 alert,
                 labels,
                 annotations,
             }| {
                Some(Alert {
                    name: alert?,
                    labels,
                    annotations,
                })
            },
        )
        .collect()
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file of unit tests of `promtool`.
#[derive(Deserialize)]
struct UnitTests {
    tests: Vec<UnitTest>,
}

#[derive(Deserialize)]
struct UnitTest {
    #[serde(default)]
    alert_rule_test: Vec<AlertCase>,
    #[serde(default)]
    promql_expr_test: Vec<QueryCase>,
}

#[derive(Deserialize)]
struct AlertCase {
    alertname: String,
    #[serde(default)]
    exp_alerts: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct QueryCase {
    expr: String,
    exp_samples: Vec<serde::de::IgnoredAny>,
}

fn unit_test_files() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("tests/rules")).unwrap();
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}

#[test]
fn promtool_accepts_the_rules() {
    let path = rule_file();
    succeeding(
        "promtool",
        &[
            "check",
            "rules",
            "--lint=all",
            "--lint-fatal",
            path.to_str().unwrap(),
        ],
    );
}

#[test]
fn the_rules_pass_their_unit_tests() {
    let files = unit_test_files();
    let mut arguments = vec!["test", "rules"];
    arguments.extend(files.iter().map(|file| file.to_str().unwrap()));
    succeeding("promtool", &arguments);
}

#[test]
fn each_alert_has_a_case_where_it_fires_and_one_where_it_does_not() {
    let files = unit_test_files();
    let tests: Vec<UnitTest> = files
        .iter()
        .flat_map(|file| read::<UnitTests>(file).tests)
        .collect();
    for Alert { name, .. } in alerts() {
        let is_expected = |fires: bool| {
            let alert =
                |case: &AlertCase| case.alertname == name && case.exp_alerts.is_empty() != fires;
            let firing = format!("alertname=\"{name}\",alertstate=\"firing\"");
            let query = |case: &QueryCase| {
                case.expr.contains(&firing) && case.exp_samples.is_empty() != fires
            };
            tests.iter().any(|test| {
                test.alert_rule_test.iter().any(alert) || test.promql_expr_test.iter().any(query)
            })
        };
        assert!(is_expected(true), "no unit test has {name} fire");
        assert!(is_expected(false), "no unit test has {name} stay quiet");
    }
}

#[test]
fn each_alert_says_what_to_do_and_where_to_look() {
    let alerts = alerts();
    assert!(alerts.len() >= 22);
    for Alert {
        name,
        labels,
        annotations,
    } in alerts
    {
        let Annotations {
            summary,
            description,
            runbook_url,
            dashboard_url,
        } = annotations;
        assert!(name.starts_with("Tcss"), "{name}");
        assert!(
            ["critical", "warning", "info"].contains(&labels.severity.as_str()),
            "{name}: {}",
            labels.severity
        );
        let components = ["scan", "credentials", "api", "exporter"];
        assert!(
            components.contains(&labels.component.as_str()),
            "{name}: {}",
            labels.component
        );
        assert!(
            !summary.is_empty() && description.ends_with('.'),
            "{name}: {summary} {description}"
        );
        assert!(
            runbook_url.ends_with(&format!("#{}", name.to_lowercase())),
            "{name}: {runbook_url}"
        );
        assert!(
            dashboard_url.contains("/d/tcss-"),
            "{name}: {dashboard_url}"
        );
    }
}

#[test]
fn amtool_accepts_the_example_for_alertmanager() {
    let path = root().join("dashboards/alertmanager.yml");
    succeeding("amtool", &["check-config", path.to_str().unwrap()]);
}

/// A name with a typo would silence nothing, and the mistake would go unnoticed.
#[test]
fn the_example_for_alertmanager_names_only_alerts_that_exist() {
    let text = fs::read_to_string(root().join("dashboards/alertmanager.yml")).unwrap();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let named: Vec<&str> = words
        .filter(|word| word.len() > 4 && word.starts_with("Tcss"))
        .collect();
    assert!(named.len() >= 10, "{named:?}");
    let alerts = alerts();
    for name in named {
        assert!(alerts.iter().any(|alert| alert.name == name), "{name}");
    }
}
