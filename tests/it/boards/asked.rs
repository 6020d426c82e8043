//! The queries that boards send to Prometheus: those of panels, variables and annotations.

use serde_json::Value;

use super::{Board, array, text};

/// Variables of the boards that are used in queries.
pub(super) const VARIABLES: [&str; 4] = ["job", "instance", "account", "scan"];

/// How Prometheus evaluates it for Grafana.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum When {
    Now,
    Range,
}

pub(super) struct Query {
    /// For messages.
    pub(super) place: String,
    /// As it is written, with variables.
    pub(super) expression: String,
    pub(super) when: When,
    /// The name of its series, with labels in double braces.
    pub(super) legend: String,
}

impl Query {
    /// All queries of all boards.
    pub(super) fn all() -> Vec<Query> {
        Board::all().iter().flat_map(of_board).collect()
    }

    /// The expression as Grafana sends it when All is chosen everywhere; anything else with a dollar is a mistake.
    pub(super) fn sent(&self, rate_interval: &str) -> String {
        let mut sent = String::new();
        let mut rest = self.expression.as_str();
        while let Some((before, after)) = rest.split_once('$') {
            let length = after
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .unwrap_or(after.len());
            let (name, behind) = after.split_at(length);
            let value = match name {
                "__rate_interval" => rate_interval,
                name if VARIABLES.contains(&name) => ".+",
                name => panic!(
                    "{}: unknown variable ${name} in {}",
                    self.place, self.expression
                ),
            };
            sent.extend([before, value]);
            rest = behind;
        }
        sent + rest
    }
}

fn of_board(board: &Board) -> Vec<Query> {
    let query = |place: String, expression: &str, when, legend: &str| Query {
        place,
        expression: expression.to_owned(),
        when,
        legend: legend.to_owned(),
    };
    let mut queries = Vec::new();
    for (place, panel) in board.panels() {
        for target in array(&panel["targets"]) {
            assert_ne!(
                target["instant"], target["range"],
                "{place}: now or over the range"
            );
            let when = if target["instant"] == true {
                When::Now
            } else {
                When::Range
            };
            let place = format!("{place}, {}", text(&target["refId"]));
            queries.push(query(
                place,
                text(&target["expr"]),
                when,
                text(&target["legendFormat"]),
            ));
        }
    }
    for variable in array(&board.json["templating"]["list"])
        .iter()
        .filter(|it| it["type"] == "query")
    {
        let place = format!("{}: variable {}", board.name, text(&variable["name"]));
        let (selector, label) = label_values(variable);
        queries.push(query(
            place,
            selector,
            When::Now,
            &format!("{{{{{label}}}}}"),
        ));
    }
    for annotation in array(&board.json["annotations"]["list"]) {
        let place = format!("{}: annotation {}", board.name, text(&annotation["name"]));
        queries.push(query(
            place,
            text(&annotation["expr"]),
            When::Range,
            text(&annotation["textFormat"]),
        ));
    }
    queries
}

/// The selector and the label of `label_values(selector, label)`.
fn label_values(variable: &Value) -> (&str, &str) {
    let query = text(&variable["query"]["query"]);
    let inner = query
        .strip_prefix("label_values(")
        .and_then(|rest| rest.strip_suffix(')'));
    inner
        .and_then(|inner| inner.rsplit_once(", "))
        .unwrap_or_else(|| panic!("not label_values: {query}"))
}

/// The labels in double braces.
pub(super) fn labels_of_legend(legend: &str) -> Vec<&str> {
    legend
        .split("{{")
        .skip(1)
        .map(|rest| rest.split_once("}}").expect("closed").0)
        .collect()
}
