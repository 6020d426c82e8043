//! `docs/credentials.md` compared with the code.

use std::{fs, path::Path};

use super::{Overrides, YamlFile, docs::known_keys, load};

/// In the order of the page.
fn kinds() -> Vec<String> {
    known_keys("credentials: {unknown: 1}\n")
}

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/credentials.md")).unwrap()
}

/// The part of the page about one kind.
fn section<'a>(page: &'a str, kind: &str) -> &'a str {
    let heading = if kind == "chain" {
        "Default chain"
    } else {
        kind
    };
    let (_, rest) = page
        .split_once(&format!("\n## {heading}\n"))
        .unwrap_or_else(|| panic!("no section on {kind}"));
    rest.split("\n## ").next().unwrap()
}

/// The code blocks of `language`, without the indentation of a list.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let block = |(start, _): (usize, &str)| {
        let line = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let indent = &text[line..start];
        let lines = text[start + fence.len()..]
            .lines()
            .take_while(|line| line.trim() != "```");
        lines
            .map(|line| line.strip_prefix(indent).unwrap_or(line).to_owned() + "\n")
            .collect()
    };
    text.match_indices(&fence).map(block).collect()
}

#[test]
fn the_page_has_every_kind_with_its_keys_and_no_others() {
    let page = page();
    for kind in kinds() {
        let rows = section(&page, &kind)
            .lines()
            .filter_map(|line| line.strip_prefix("| `"));
        let documented: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
        let known = known_keys(&format!("credentials: {{{kind}: {{unknown: 1}}}}\n"));
        assert_eq!(documented, known, "{kind}");
    }
}

#[test]
fn every_kind_has_an_example() {
    let page = page();
    for kind in kinds() {
        let examples = blocks(section(&page, &kind), "yaml");
        let name = format!("{kind}:");
        assert!(examples.iter().any(|text| text.contains(&name)), "{kind}");
    }
}

#[test]
fn every_example_of_a_configuration_loads() {
    let examples = blocks(&page(), "yaml");
    let (manifests, examples): (Vec<_>, Vec<_>) = examples
        .into_iter()
        .partition(|example| example.starts_with("apiVersion:"));
    assert_eq!((manifests.len(), examples.len()), (1, kinds().len() + 1));
    for example in examples {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &example).unwrap();
        if let Err(problems) = load(Some(file.path()), &Overrides::default()) {
            panic!("{example}{problems}");
        }
    }
    for manifest in manifests {
        YamlFile::parse(Path::new("manifest.yml"), 0, manifest.into_bytes()).unwrap();
    }
}

#[test]
fn every_policy_is_json_of_version_2() {
    let policies = blocks(&page(), "json");
    assert_eq!(policies.len(), 5);
    for policy in policies {
        let policy: serde_json::Value = serde_json::from_str(&policy).unwrap();
        assert_eq!(policy["version"], "2.0");
        for statement in policy["statement"].as_array().unwrap() {
            assert_eq!(statement["effect"], "allow");
            assert!(
                statement.get("resource").is_some() != statement.get("principal").is_some(),
                "{statement}"
            );
        }
    }
}
