//! The rule file and its unit tests.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use promql_parser::parser::Expr;
use serde::Deserialize;
use serde_json::Value;

use crate::support::process::{file, path, run};

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
    record: Option<String>,
    expr: String,
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
    runbook_url: String,
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
                 ..
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

/// Debian's stable Prometheus 2, and Prometheus 3 where tests/prometheus3 puts it.
pub(super) fn promtools() -> [PathBuf; 2] {
    ["promtool".into(), prometheus3("promtool")]
}

/// A program of Prometheus 3.
pub(super) fn prometheus3(program: &str) -> PathBuf {
    let path = root().join("target/prometheus3/usr/bin").join(program);
    assert!(
        path.is_file(),
        "{} does not exist; tests/prometheus3 downloads it",
        path.display()
    );
    path
}

#[test]
fn both_promtools_accept_the_rules() {
    for promtool in promtools() {
        let rules = rule_file();
        let arguments = ["check", "rules", "--lint=all", "--lint-fatal"];
        succeeding(
            promtool.to_str().unwrap(),
            &[&arguments[..], &[rules.to_str().unwrap()]].concat(),
        );
    }
}

#[test]
fn the_rules_pass_their_unit_tests_under_prometheus_2_and_3() {
    let files = unit_test_files();
    thread::scope(|scope| {
        for promtool in promtools() {
            scope.spawn({
                let files = &files;
                move || test_rules(&promtool, files)
            });
        }
    });
}

/// With other offsets between scrapes and evaluations, `increase` extrapolates differently and
/// ranges contain other samples.
#[test]
fn the_rules_pass_their_unit_tests_with_scrapes_between_evaluations() {
    let directory = tempfile::tempdir().unwrap();
    let files: Vec<PathBuf> = unit_test_files()
        .iter()
        .map(|file| {
            let moved = directory.path().join(file.file_name().unwrap());
            fs::write(&moved, with_scrapes_between_evaluations(file)).unwrap();
            moved
        })
        .collect();
    thread::scope(|scope| {
        for promtool in promtools() {
            scope.spawn({
                let files = &files;
                move || test_rules(&promtool, files)
            });
        }
    });
}

fn test_rules(promtool: &Path, files: &[PathBuf]) {
    let mut arguments = vec!["test", "rules"];
    arguments.extend(files.iter().map(|file| file.to_str().unwrap()));
    succeeding(promtool.to_str().unwrap(), &arguments);
}

/// The interval of the samples of a shifted test, and how much earlier than evaluations they are.
const SHIFT: usize = 20;

/// The unit tests of `file`, with all samples but the first ones 20 seconds earlier.
fn with_scrapes_between_evaluations(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let lines: Vec<String> = text.lines().map(with_quoted_values).collect();
    let mut tests: Value = serde_saphyr::from_str(&lines.join("\n")).unwrap();
    for path in tests["rule_files"].as_array_mut().unwrap() {
        let absolute = file.parent().unwrap().join(path.as_str().unwrap());
        *path = Value::from(absolute.to_str().unwrap());
    }
    for test in tests["tests"].as_array_mut().unwrap() {
        let minutes = test["interval"].as_str().unwrap().strip_suffix('m');
        let slots = minutes.unwrap().parse::<usize>().unwrap() * 60 / SHIFT;
        test["interval"] = Value::from(format!("{SHIFT}s"));
        let series = test.get_mut("input_series").and_then(Value::as_array_mut);
        for series in series.into_iter().flatten() {
            let values = series["values"].as_str().unwrap();
            series["values"] = Value::from(shifted(values, slots));
        }
    }
    tests.to_string()
}

/// A line of a test file whose values are text: `0x49` is a number in YAML, but 50 zeros for promtool.
fn with_quoted_values(line: &str) -> String {
    match line.split_once("values: ") {
        Some((series, values)) if values.ends_with('}') => {
            let values = values.trim_end_matches('}').trim_matches('\'');
            format!("{series}values: '{values}'}}")
        }
        _ => line.to_owned(),
    }
}

/// Values in promtool's notation with `slots` times as many samples, of which one in `slots` is
/// present: the last one before each multiple.
fn shifted(values: &str, slots: usize) -> String {
    let values: Vec<String> = values.split_whitespace().flat_map(expanded).collect();
    let mut moved = values[0].clone();
    for value in &values[1..] {
        let gap = if moved.contains(' ') {
            slots - 1
        } else {
            slots - 2
        };
        moved.push_str(&" _".repeat(gap));
        moved.push(' ');
        moved.push_str(value);
    }
    moved
}

/// The single values of `5`, `stale`, `_x3`, `5x3` or `5+60x3`.
fn expanded(item: &str) -> Vec<String> {
    let Some((value, times)) = item.split_once('x') else {
        return vec![item.to_owned()];
    };
    let times: usize = times.parse().unwrap();
    if value == "_" {
        return vec![value.to_owned(); times];
    }
    // A sign behind the first digit is that of the step; one behind an `e` is that of an exponent.
    let step = value[1..].find('+').map(|at| at + 1);
    let Some(step) = step else {
        return vec![value.to_owned(); times + 1];
    };
    let start: f64 = value[..step].parse().unwrap();
    let step: f64 = value[step..].parse().unwrap();
    (0..=times)
        .map(|n| (start + step * n as f64).to_string())
        .collect()
}

#[test]
fn samples_are_shifted_as_the_notation_means_them() {
    let check = |values, expected| assert_eq!(shifted(values, 3), expected, "{values}");
    check("5x2", "5 _ 5 _ _ 5");
    check("0+60x2 stale", "0 _ 60 _ _ 120 _ _ stale");
    check("_x2 -1e6x1", "_ _ _ _ _ -1e6 _ _ -1e6");
}

/// Other rulers than Prometheus evaluate rules in another order, or all at once.
#[test]
fn only_thresholds_are_recorded_and_no_expression_reads_other_results_of_rules() {
    let file: RuleFile = read(&rule_file());
    let rules: Vec<Rule> = file.groups.into_iter().flat_map(|it| it.rules).collect();
    let recorded: Vec<&str> = rules.iter().filter_map(|it| it.record.as_deref()).collect();
    assert!(recorded.len() >= 10, "{recorded:?}");
    for name in &recorded {
        assert!(is_threshold(name), "{name} is recorded");
    }
    for rule in &rules {
        let name = rule.alert.as_ref().or(rule.record.as_ref()).unwrap();
        for series in series_in(&rule.expr) {
            let is_of_rules = series.contains(':');
            assert!(
                is_threshold(&series) || !is_of_rules,
                "{name} reads {series}"
            );
            assert_ne!(rule.record.as_ref(), Some(&series), "{name} reads itself");
            assert_ne!(series, "ALERTS", "{name} reads alerts");
            assert_ne!(series, "ALERTS_FOR_STATE", "{name} reads alerts");
        }
    }
}

fn is_threshold(series: &str) -> bool {
    series
        .split_once("threshold:")
        .is_some_and(|(kind, _)| ["tcss:", "tcss:scan_", "tcss:account_"].contains(&kind))
}

/// The names of the series that an expression reads.
fn series_in(expression: &str) -> Vec<String> {
    let parsed = promql_parser::parser::parse(expression);
    let mut names = Vec::new();
    collect_series(&parsed.unwrap(), &mut names);
    assert!(
        !names.is_empty() || expression.starts_with("vector("),
        "{expression}"
    );
    names
}

fn collect_series(expression: &Expr, names: &mut Vec<String>) {
    match expression {
        Expr::VectorSelector(selector) => names.push(selector.name.clone().unwrap()),
        Expr::MatrixSelector(selector) => names.push(selector.vs.name.clone().unwrap()),
        Expr::Aggregate(it) => collect_series(&it.expr, names),
        Expr::Unary(it) => collect_series(&it.expr, names),
        Expr::Paren(it) => collect_series(&it.expr, names),
        Expr::Subquery(it) => collect_series(&it.expr, names),
        Expr::Call(it) => it.args.args.iter().for_each(|it| collect_series(it, names)),
        Expr::Binary(it) => {
            collect_series(&it.lhs, names);
            collect_series(&it.rhs, names);
        }
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
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
fn each_alert_says_what_is_wrong_and_links_to_its_section_of_the_runbook() {
    let alerts = alerts();
    assert!(alerts.len() >= 40);
    for Alert {
        name,
        labels,
        annotations,
    } in alerts
    {
        assert!(name.starts_with("Tcss"), "{name}");
        let severities = ["critical", "warning", "info"];
        assert!(severities.contains(&labels.severity.as_str()), "{name}");
        let components = ["scan", "licence", "credentials", "api", "exporter"];
        assert!(components.contains(&labels.component.as_str()), "{name}");
        assert!(!annotations.summary.is_empty(), "{name}");
        let section = format!("{}#{}", runbook(), name.to_lowercase());
        assert_eq!(annotations.runbook_url, section, "{name}");
    }
}

/// Where the runbook is once the project is published.
pub(super) fn runbook() -> String {
    let repository = match env!("CARGO_PKG_REPOSITORY") {
        "" => "https://github.com/tcss-exporter/tcss-exporter",
        repository => repository,
    };
    format!("{repository}/blob/main/docs/runbook.md")
}

#[test]
fn the_command_of_the_readme_adds_a_link_to_a_dashboard_to_each_alert() {
    let readme = fs::read_to_string(root().join("dashboards/README.md")).unwrap();
    let command = readme.lines().find(|line| line.starts_with("    sed -E "));
    let mut sh = Command::new("sh");
    sh.args(["-euc", command.unwrap()]).current_dir(root());
    let (status, rules) = run("sh", &mut sh, "");
    assert!(status.success(), "{rules}");
    let n_links = rules.matches("dashboard_url: ").count();
    assert_eq!(n_links, alerts().len());
    let rules = file(&rules);
    for promtool in promtools() {
        succeeding(
            promtool.to_str().unwrap(),
            &["check", "rules", path(&rules)],
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
