//! The runbook: a section for each alert, and in it a scenario that makes it fire.

use std::{
    fs,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use tcss_exporter::simulator::Scenario;

use super::rules::{alerts, root};
use crate::support::process::run;

/// The parts of each section, in this order.
const PARTS: [&str; 7] = [
    "Meaning",
    "Impact",
    "First look",
    "Likely causes",
    "Fix",
    "Tuning",
    "Make it fire",
];

/// The sections about alerts: name and text.
fn sections() -> Vec<(String, String)> {
    let page = fs::read_to_string(root().join("docs/runbook.md")).unwrap();
    let sections = page
        .split("\n## ")
        .skip(1)
        .filter_map(|section| section.split_once('\n'));
    let sections = sections.filter(|(heading, _)| heading.starts_with("Tcss"));
    sections
        .map(|(heading, text)| (heading.to_owned(), text.to_owned()))
        .collect()
}

/// The scenario that makes `alert` fire, as the runbook has it.
pub(super) fn scenario(alert: &str) -> String {
    let scenario = sections()
        .into_iter()
        .find(|(name, _)| name == alert)
        .and_then(|(_, text)| yaml(&text));
    scenario.unwrap_or_else(|| panic!("the runbook has no scenario for {alert}"))
}

/// Whether the section of `alert` says that it requires a further collector.
pub(super) fn is_of_further_collectors(alert: &str) -> bool {
    let mut sections = sections().into_iter();
    let section = sections.find(|(name, _)| name == alert);
    section.is_some_and(|(_, text)| text.contains("](metrics.md#"))
}

fn yaml(section: &str) -> Option<String> {
    let (_, rest) = section.split_once("```yaml\n")?;
    Some(rest.split("```").next()?.to_owned())
}

#[test]
fn the_runbook_has_a_section_for_each_alert_and_no_other() {
    let headings: Vec<_> = sections().into_iter().map(|(name, _)| name).collect();
    let mut names: Vec<_> = alerts().into_iter().map(|alert| alert.name).collect();
    names.dedup(); // TcssExporterDown has two severities.
    assert_eq!(headings, names, "in the order of the rule file");
}

#[test]
fn each_section_has_all_seven_parts_and_none_is_empty() {
    for (name, text) in sections() {
        let parts: Vec<(&str, &str)> = text
            .split("\n**")
            .skip(1)
            .filter_map(|part| part.split_once(".**"))
            .collect();
        assert_eq!(
            parts.iter().map(|(part, _)| *part).collect::<Vec<_>>(),
            PARTS,
            "{name}"
        );
        for (part, says) in parts {
            assert!(says.trim().len() > 10, "{name}: {part} says {says:?}");
        }
    }
}

/// Otherwise Markdown would not treat it as a block, and the queries would run together in one line.
#[test]
fn every_block_of_the_runbook_begins_on_a_line_of_its_own() {
    for (name, text) in sections() {
        let odd = text
            .lines()
            .find(|line| line.contains("```") && !line.starts_with("```"));
        assert_eq!(odd, None, "{name}");
    }
}

#[test]
fn every_section_has_a_scenario_that_the_simulator_plays() {
    for (name, text) in sections() {
        let scenario = yaml(&text).unwrap_or_else(|| panic!("{name} has no scenario"));
        Scenario::parse(&scenario).unwrap_or_else(|problems| panic!("{problems:?}\n{scenario}"));
    }
}

/// How many trials run at once; most of their time, they wait.
const TRIALS_AT_ONCE: usize = 6;

/// The second trial would fail if the first one left something behind.
#[test]
fn every_alert_can_be_tried_twice_in_a_row() {
    let names: Vec<String> = sections().into_iter().map(|(name, _)| name).collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..TRIALS_AT_ONCE {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    try_alert(name);
                    try_alert(name);
                }
            });
        }
    });
}

#[track_caller]
fn try_alert(name: &str) {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(root().join("dashboards/try"));
    command.env("TMPDIR", directory.path());
    command.args([
        "--timeout=150",
        "--exporter",
        env!("CARGO_BIN_EXE_tcss-exporter"),
    ]);
    // These alerts need their own speed: three wait for a day, and the other one needs some requests.
    let at_own_speed = [
        "TcssNeverScanned",
        "TcssAccountsVanished",
        "TcssUnscannedImages",
        "TcssThrottled",
    ];
    if !at_own_speed.contains(&name) {
        command.arg("--speed=240");
    }
    let (status, output) = run("dashboards/try", command.arg(name), "");
    assert!(status.success(), "{name}: {output}");
    let fires = format!("{name} fires after ");
    assert!(output.starts_with(&fires), "{name}: {output}");
    assert!(
        output.contains(&format!("#{}", name.to_lowercase())),
        "{output}"
    );
    let left = fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(left, 0, "{name} left files behind");
}

#[test]
fn prometheus_accepts_the_queries_of_the_runbook() {
    let queries: Vec<_> = sections()
        .into_iter()
        .flat_map(|(_, text)| {
            let blocks = text
                .split("```promql\n")
                .skip(1)
                .filter_map(|rest| rest.split("```").next());
            blocks
                .flat_map(str::lines)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(queries.len() >= 24, "{queries:?}");
    for query in queries {
        promql_parser::parser::parse(&query).unwrap_or_else(|error| panic!("{query}: {error}"));
    }
}
