//! The examples in `dashboards/README.md` are accepted.

use std::{fs, process::Command};

use serde_json::Value;

use super::{array, dashboards, rules, text};
use crate::support::process::{file, path, run};

/// The blocks of `language`.
fn blocks(language: &str) -> Vec<String> {
    let page = fs::read_to_string(dashboards().join("README.md")).unwrap();
    let start = format!("```{language}\n");
    page.split(&start)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

#[test]
fn prometheus_accepts_the_scrape_configuration() {
    let configurations: Vec<_> = blocks("yaml")
        .into_iter()
        .filter(|block| block.contains("scrape_configs:"))
        .collect();
    assert_eq!(configurations.len(), 1);
    for configuration in configurations {
        let configuration = file(&configuration);
        let mut promtool = Command::new("promtool");
        promtool.args(["check", "config", "--syntax-only", path(&configuration)]);
        let (status, said) = run("promtool", &mut promtool, "");
        assert!(status.success(), "{said}");
    }
}

#[test]
fn the_examples_for_grafana_and_kubernetes_are_valid_yaml() {
    for block in blocks("yaml") {
        let value: Value =
            serde_saphyr::from_str(&block).unwrap_or_else(|error| panic!("{error}: {block}"));
        assert!(value.is_object(), "{block}");
    }
}

#[test]
fn the_prometheus_rule_holds_all_groups() {
    let [script] = &blocks("sh")[..] else {
        panic!("one script")
    };
    let script = script.replace("kubectl apply -f -", "cat");
    let mut sh = Command::new("sh");
    sh.args(["-euc", &script])
        .current_dir(dashboards().parent().unwrap());
    let (status, rule) = run("sh", &mut sh, "");
    assert!(status.success(), "{rule}");
    let rule: Value = serde_saphyr::from_str(&rule).unwrap();
    assert_eq!(text(&rule["kind"]), "PrometheusRule");
    let n_groups = rules::text().matches("\n  - name: ").count();
    assert_eq!(array(&rule["spec"]["groups"]).len(), n_groups);
}
