//! The documentation compared with the code.

use std::{collections::BTreeSet, fs, path::Path};

use super::super::client_certs::ClientAuth;

fn docs() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/web.md")).unwrap()
}

#[test]
fn the_documentation_names_every_key_and_no_other() {
    let docs = docs();
    let (_, keys_on) = docs.split_once("## Keys").unwrap();
    let (table, _) = keys_on.split_once("## Client").unwrap();
    let cells = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let documented: BTreeSet<&str> = cells
        .flat_map(|cell| cell.split(", "))
        .map(|key| key.trim_matches('`'))
        .collect();

    let mut expected: BTreeSet<String> = ["tls_server_config", "basic_auth_users"]
        .map(str::to_owned)
        .into();
    for (section, yaml) in [
        ("tls_server_config", "tls_server_config: {unknown: 1}\n"),
        ("http_server_config", "http_server_config: {unknown: 1}\n"),
        (
            "http_server_config.headers",
            "http_server_config: {headers: {unknown: 1}}\n",
        ),
        ("rate_limit", "rate_limit: {unknown: 1}\n"),
    ] {
        for key in super::known_keys(yaml) {
            expected.insert(format!("{section}.{key}"));
        }
    }
    assert_eq!(documented, expected.iter().map(String::as_str).collect());
}

#[test]
fn the_documentation_names_every_supported_value() {
    let docs = docs();
    let (_, after) = docs.split_once("Cipher suites: ").unwrap();
    let (lists, _) = after.split_once("\n\n").unwrap();
    for (key, list) in [
        (
            "cipher_suites",
            lists.split_once("Key exchanges").unwrap().0,
        ),
        (
            "curve_preferences",
            lists.split_once("Key exchanges").unwrap().1,
        ),
    ] {
        let supported = super::supported(key);
        let documented: BTreeSet<&str> = list.split('`').skip(1).step_by(2).collect();
        assert_eq!(
            documented,
            supported.iter().map(String::as_str).collect(),
            "{key}"
        );
    }
    for (name, _) in ClientAuth::NAMES {
        assert!(docs.contains(&format!("\n| `{name}` |")), "{name}");
    }
}

#[test]
fn the_documented_examples_load() {
    let docs = docs();
    let blocks = docs
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    let examples: Vec<&str> = blocks
        .filter(|block| !block.starts_with("scrape_configs"))
        .collect();
    assert_eq!(examples.len(), 4);
    for example in examples {
        super::loads_with(example, ["server.crt", "server.key", "client-ca.crt"]);
    }
}
