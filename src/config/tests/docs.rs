//! The documentation compared with the code.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use super::{Overrides, load, load_text};
use crate::{collectors, domain::format_duration};

fn docs() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md")).unwrap()
}

/// The words in backticks in the first column of tables.
fn documented_keys(docs: &str) -> Vec<&str> {
    let (_, file) = docs.split_once("## File").unwrap();
    let first_cells = file
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    first_cells
        .flat_map(|cell| cell.split(", "))
        .map(|key| key.trim_matches('`'))
        .collect()
}

/// The keys of a map, as the message on an unknown one lists them. `yaml` has an unknown key in that map.
pub(super) fn known_keys(yaml: &str) -> Vec<String> {
    let problems = load_text(yaml).unwrap_err();
    let (_, list) = problems.split_once("known keys: ").expect(yaml);
    let list = list.lines().next().unwrap();
    list.split(", ").map(str::to_owned).collect()
}

#[test]
fn the_documentation_names_every_key_and_no_other() {
    let mut expected = Vec::new();
    for (prefix, yaml) in [
        ("poll.", "poll: {unknown: 1}\n"),
        ("api.", "api: {unknown: 1}\n"),
        ("uin_lookup.", "uin_lookup: {unknown: 1}\n"),
        ("", "unknown: 1\n"),
        ("", "accounts: [{name: a, unknown: 1}]\n"),
        (
            "collectors.NAME.",
            "collectors: {risk_images: {unknown: 1}}\n",
        ),
        (
            "scans[].",
            "accounts: [{name: a, scans: [{name: b, unknown: 1}]}]\n",
        ),
    ] {
        for key in known_keys(yaml) {
            if !["poll", "api"].contains(&key.as_str()) {
                expected.push(format!("{prefix}{key}"));
            }
        }
    }
    expected.sort();
    let docs = docs();
    let mut documented = documented_keys(&docs);
    documented.sort_unstable();
    assert_eq!(documented, expected);
}

#[test]
fn the_documented_example_loads_without_a_warning() {
    let docs = docs();
    let (_, docs) = docs.split_once("### Example\n").unwrap();
    let examples: Vec<&str> = docs
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("accounts.d")).unwrap();
    fs::write(directory.path().join("tcss-exporter.yml"), examples[0]).unwrap();
    fs::write(directory.path().join("accounts.d/team-a.yml"), examples[1]).unwrap();
    let file = directory.path().join("tcss-exporter.yml");
    let loaded = load(Some(&file), &Overrides::default()).unwrap();
    let names: Vec<&str> = loaded
        .config
        .accounts
        .iter()
        .map(|account| account.name.as_str())
        .collect();
    assert_eq!(names, ["prod", "international", "team-a"]);
    assert!(loaded.warnings.is_empty());
}

/// The rows of a table whose first cell is a collector.
fn rows_of_collectors(docs: &str) -> Vec<(&str, Vec<&str>)> {
    let mut rows = Vec::new();
    for line in docs.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if line.starts_with('|') && collectors::find(cells[0]).is_some() {
            rows.push((cells[0], cells[1..].to_vec()));
        }
    }
    rows
}

#[test]
fn the_documentation_has_the_defaults_of_every_collector() {
    let docs = docs();
    let mut expected = Vec::new();
    for collector in &collectors::ALL {
        let interval = collector.interval.unwrap_or(Duration::from_mins(1));
        let limit = match collector.limit {
            Some(limit) => format!("{}, at most {}", limit.default, limit.max),
            None => String::new(),
        };
        expected.push((
            collector.name,
            format!("`{}`", format_duration(interval)),
            limit,
        ));
    }
    let mut documented = Vec::new();
    for (name, cells) in rows_of_collectors(&docs) {
        let interval = cells[0].split(',').next().unwrap().to_owned();
        documented.push((name, interval, cells[1].to_owned()));
    }
    assert_eq!(documented, expected);
}

#[test]
fn the_documentation_has_the_permissions_of_every_collector() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/credentials.md");
    let docs = fs::read_to_string(file).unwrap();
    let mut expected = Vec::new();
    for collector in &collectors::ALL {
        let actions: BTreeSet<String> = collector
            .actions
            .iter()
            .map(|action| format!("`tcss:{}`", action.name))
            .collect();
        expected.push((collector.name, actions));
    }
    let mut documented = Vec::new();
    for (name, cells) in rows_of_collectors(&docs) {
        let actions = cells[0].split(", ").map(str::to_owned).collect();
        documented.push((name, actions));
    }
    assert_eq!(documented, expected);
}

/// The keys of a discovery are on a page of their own.
#[test]
fn the_documentation_names_every_key_of_a_discovery_and_no_other() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/discovery.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, keys) = page.split_once("## Keys").unwrap();
    let (keys, _) = keys.split_once("\n## ").unwrap();
    let rows = keys.lines();
    let mut documented: Vec<&str> = rows
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let mut expected = known_keys("discovery: [{organization: {unknown: 1}}]\n");
    expected.extend(known_keys(
        "discovery: [{http: {url: 'https://a.example', unknown: 1}}]\n",
    ));
    expected.sort();
    expected.dedup();
    documented.sort_unstable();
    assert_eq!(documented, expected);
}

#[test]
fn the_documented_discoveries_load_without_a_warning() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/discovery.md");
    let page = fs::read_to_string(page).unwrap();
    let mut n_examples = 0;
    for block in page.split("```yaml\n").skip(1) {
        let loaded = load_text(block.split("```").next().unwrap()).unwrap();
        assert_eq!(loaded.warnings, [""; 0]);
        assert_eq!(loaded.config.discoveries.len(), 1);
        n_examples += 1;
    }
    assert_eq!(n_examples, 2);
}
