//! The commands and examples in the README and in `docs/` work.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tcss_exporter::domain::{Language, Reason};

use crate::support::process::{exporter, file, path};

const PAGES: [&str; 21] = [
    "README.md",
    "README.zh-CN.md",
    "CHANGELOG.md",
    "dashboards/README.md",
    "docs/command-line.md",
    "docs/configuration.md",
    "docs/credentials.md",
    "docs/development.md",
    "docs/discovery.md",
    "docs/install.md",
    "docs/metrics.md",
    "docs/operation.md",
    "docs/runbook.md",
    "docs/simulator.md",
    "docs/web.md",
    "docs/zh-CN/configuration.md",
    "docs/zh-CN/credentials.md",
    "docs/zh-CN/install.md",
    "docs/zh-CN/metrics.md",
    "docs/zh-CN/runbook.md",
    "packaging/helm/tcss-exporter/README.md",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// The blocks of `language` in the README.
fn blocks(language: &str) -> Vec<String> {
    let start = format!("```{language}\n");
    let text = page("README.md");
    text.split(&start)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

/// The one YAML block of the README that has `key`.
fn yaml(key: &str) -> String {
    let mut blocks = blocks("yaml");
    blocks.retain(|block| block.contains(key));
    assert_eq!(blocks.len(), 1, "{key}");
    blocks.remove(0)
}

fn promtool(arguments: &[&str]) -> Output {
    let output = Command::new("promtool").args(arguments).output();
    output.unwrap_or_else(|error| panic!("cannot start promtool: {error}; tests/run installs it"))
}

#[track_caller]
fn succeeds(output: &Output) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
}

#[test]
fn prometheus_accepts_the_scrape_configuration() {
    let config = file(&yaml("scrape_configs:"));
    succeeds(&promtool(&["check", "config", path(&config)]));
}

#[test]
fn prometheus_accepts_the_queries() {
    // Lines that begin at the margin begin a query, unless they are part of the one before.
    let queries: Vec<String> = blocks("promql")
        .concat()
        .replace("\n  ", " ")
        .lines()
        .map(|query| serde_json::json!({"record": "query", "expr": query}).to_string())
        .collect();
    assert!(queries.len() >= 6, "{queries:?}");
    for query in &queries {
        let rules = file(&format!("groups: [{{name: README, rules: [{query}]}}]\n"));
        succeeds(&promtool(&["check", "rules", path(&rules)]));
    }
}

#[test]
fn the_exporter_accepts_the_configuration_of_several_accounts() {
    let config = file(&yaml("accounts:"));
    succeeds(
        &exporter()
            .args(["check", "--config.file", path(&config)])
            .output()
            .unwrap(),
    );
}

#[test]
fn the_stateful_set_has_as_many_replicas_as_its_shards() {
    let text = page("packaging/kubernetes/shards.yaml");
    let (_, rest) = text.split_once("kind: StatefulSet").unwrap();
    let word = |mark: &str| {
        let (_, rest) = rest.split_once(mark).unwrap();
        rest.split([']', '\n', ',']).next().unwrap().to_owned()
    };
    assert_eq!(word("replicas: "), word("--shard=auto/"));
    let mut command = exporter();
    command.args(["check", &format!("--shard=auto/{}", word("--shard=auto/"))]);
    succeeds(&command.env("HOSTNAME", "tcss-exporter-0").output().unwrap());
}

#[test]
fn the_readme_explains_every_reason_as_the_exporter_does_and_no_other() {
    let english = "what it means | what to do";
    check_reasons("README.md", english, Language::English);
    check_reasons("README.zh-CN.md", "含义 | 处理方法", Language::Chinese);
}

fn check_reasons(name: &str, titles: &str, language: Language) {
    let readme = page(name);
    let head = format!("| `reason` | {titles} |\n|---|---|---|\n");
    let (_, table) = readme.split_once(&head).expect(name);
    let (table, _) = table.split_once("\n\n").unwrap();
    let plain = table.replace('`', "");
    let rows: Vec<Vec<&str>> = plain
        .lines()
        .map(|row| row.split('|').map(str::trim).collect())
        .collect();
    assert_eq!(
        rows.iter().map(|row| row[1]).collect::<Vec<_>>(),
        Reason::ALL.map(Reason::as_str)
    );
    for (row, reason) in rows.iter().zip(Reason::ALL) {
        assert_eq!(row[2], reason.meaning().of(language), "{reason}");
        let advice = reason.advice().of(language);
        assert!(row[3].starts_with(advice), "{reason}: {}", row[3]);
    }
}

#[test]
fn every_flag_that_a_page_names_exists() {
    let help = |command: &[&str]| {
        String::from_utf8(
            exporter()
                .args(command)
                .arg("--help")
                .output()
                .unwrap()
                .stdout,
        )
        .unwrap()
    };
    let commands: [&[&str]; 11] = [
        &[],
        &["demo"],
        &["check"],
        &["scan"],
        &["accounts"],
        &["images"],
        &["plan"],
        &["simulate"],
        &["health"],
        &["completions"],
        &["man"],
    ];
    let mut known: BTreeSet<String> = commands
        .iter()
        .flat_map(|command| flags(&help(command)))
        .collect();
    let of_other_programs = [
        "--release",
        "--from-file",
        "--lib",
        "--test",
        "--AttachRoleName", // of tccli, as the five others in this form
        "--IdentityIds",
        "--MemberUins",
        "--PolicyDocument",
        "--PolicyName",
        "--RoleName",
        "--all-targets",
        "--build",
        "--bundle",
        "--cap-drop",
        "--certificate-identity-regexp",
        "--certificate-oidc-issuer",
        "--check",
        "--collectors", // of dashboards/source, as --output
        "--detach",
        "--env",
        "--filename",
        "--force",
        "--from-literal",
        "--git",
        "--ignore-missing",
        "--keep", // of dashboards/try
        "--list",
        "--memory",
        "--name",
        "--namespace",
        "--now",
        "--output",
        "--publish",
        "--read-only",
        "--repo",
        "--reset-then-reuse-values",
        "--restart",
        "--rm",
        "--root",
        "--security-opt",
        "--set",
        "--silent",
        "--volume",
        "--volumes",
    ];
    known.extend(of_other_programs.map(str::to_owned));
    known.insert("--version".to_owned());
    for name in PAGES {
        for flag in flags(&page(name)) {
            assert!(known.contains(&flag), "{name}: {flag}");
        }
    }
}

fn flags(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '.'));
    let flags =
        words.filter(|word| word.starts_with("--") && word[2..].starts_with(char::is_alphabetic));
    flags
        .map(|flag| flag.trim_end_matches('.').to_owned())
        .collect()
}

#[test]
fn every_link_has_a_file_and_a_heading_as_target() {
    for name in PAGES {
        let directory = root().join(name).parent().unwrap().to_owned();
        for target in links(&page(name)) {
            let (file, heading) = target.split_once('#').unwrap_or((&target, ""));
            let linked: PathBuf = if file.is_empty() {
                root().join(name)
            } else {
                directory.join(file)
            };
            assert!(linked.is_file(), "{name}: {target}");
            assert!(
                heading.is_empty() || headings(&linked).contains(heading),
                "{name}: {target}"
            );
        }
    }
}

/// Targets within the project.
fn links(text: &str) -> Vec<String> {
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    targets
        .filter(|target| !target.contains("://"))
        .map(str::to_owned)
        .collect()
}

fn headings(page: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(page).unwrap();
    let anchor = |heading: &str| {
        heading
            .trim_start_matches('#')
            .trim()
            .to_lowercase()
            .replace(' ', "-")
    };
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(anchor)
        .collect()
}
