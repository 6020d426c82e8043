//! The boards and rules in `dashboards/`: they match their source, they query only what exists, and a real Prometheus
//! answers every query.

use std::{fs, path::PathBuf, process::Command};

use serde_json::Value;

mod asked;
mod chinese;
mod colours;
mod fleet;
mod layout;
mod live;
mod names;
mod promql;
mod readme;
mod rules;

/// The files, and the uid of each.
const BOARDS: [(&str, &str); 4] = [
    ("overview", "tcss-overview"),
    ("account", "tcss-account"),
    ("risk", "tcss-risk"),
    ("exporter", "tcss-exporter"),
];

fn dashboards() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("dashboards")
}

/// One board.
struct Board {
    name: &'static str,
    json: Value,
}

impl Board {
    fn all() -> Vec<Board> {
        let read = |(name, _)| {
            let path = dashboards().join(format!("{name}.json"));
            let text = fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            Board {
                name,
                json: serde_json::from_str(&text).unwrap(),
            }
        };
        BOARDS.into_iter().map(read).collect()
    }

    /// Panels with data, and where they are, for messages.
    fn panels(&self) -> Vec<(String, &Value)> {
        let panels = array(&self.json["panels"])
            .iter()
            .filter(|panel| panel["type"] != "row");
        panels
            .map(|panel| (format!("{}: {}", self.name, text(&panel["title"])), panel))
            .collect()
    }
}

#[track_caller]
fn array(value: &Value) -> &[Value] {
    value
        .as_array()
        .unwrap_or_else(|| panic!("not a list: {value}"))
}

#[track_caller]
fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a text: {value}"))
}

#[test]
fn the_boards_are_what_their_source_says() {
    let source = dashboards().join("source");
    let output = Command::new("python3").arg(source).arg("--check").output();
    let output = output
        .unwrap_or_else(|error| panic!("cannot start python3: {error}; tests/run installs it"));
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
