//! The documentation compared with the code.

use std::{fs, path::Path};

use super::{Overrides, keys, load};

fn docs() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md")).unwrap()
}

/// What stands in backticks in the first column of tables.
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

#[test]
fn the_documentation_names_every_key_and_no_other() {
    let below = |prefix: &str, block: &keys::Block| -> Vec<String> {
        block
            .keys
            .iter()
            .map(|key| format!("{prefix}{key}"))
            .collect()
    };
    let mut expected = below("poll.", &keys::POLL);
    expected.extend(below("api.", &keys::API));
    expected.extend(
        below("", &keys::FILE)
            .into_iter()
            .filter(|key| key != "poll" && key != "api"),
    );
    expected.extend(below("", &keys::ACCOUNT));
    expected.extend(below("scans[].", &keys::SCAN));
    expected.sort();
    let docs = docs();
    let mut documented = documented_keys(&docs);
    documented.sort_unstable();
    assert_eq!(documented, expected);
}

#[test]
fn the_documented_example_loads_without_a_warning() {
    let docs = docs();
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
