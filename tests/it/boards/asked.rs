//! The queries that boards send to Prometheus: those of panels, variables and annotations.

use serde_json::Value;

use super::{Board, array, text};

/// Variables of the boards that queries contain, and what Grafana sends while nothing is selected.
pub(super) const VARIABLES: [(&str, &str); 7] = [
    ("job", ".+"),
    ("instance", ".+"),
    ("label", "team"),
    ("value", ".*"),
    ("members:pipe", ".+"),
    ("account", ".+"),
    ("scan", ".+"),
];

/// The name of a series that tells how many others are left out.
pub(super) const LEFT_OUT: &str = "{{more}} more";

/// The range of a board.
const RANGE: &str = "1h";

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

    /// The expression as Grafana sends it while nothing is selected. Any other dollar is a mistake, except for groups
    /// of regular expressions.
    pub(super) fn sent(&self, rate_interval: &str) -> String {
        self.sent_with(rate_interval, &[])
    }

    /// The expression as Grafana sends it with these values of variables.
    pub(super) fn sent_with(&self, rate_interval: &str, values: &[(&str, &str)]) -> String {
        let mut sent = String::new();
        let mut rest = self.expression.as_str();
        while let Some((before, after)) = rest.split_once('$') {
            sent.push_str(before);
            if after.starts_with(|c: char| c.is_ascii_digit()) {
                sent.push('$');
                rest = after;
                continue;
            }
            let (name, behind) = variable_name(after);
            sent.push_str(match name {
                "__rate_interval" => rate_interval,
                "__range" => RANGE,
                name => value_of(name, values.iter().chain(&VARIABLES)).unwrap_or_else(|| {
                    panic!("{}: unknown ${name}: {}", self.place, self.expression)
                }),
            });
            rest = behind;
        }
        sent + rest
    }

    pub(super) fn is_left_out(&self) -> bool {
        self.legend == LEFT_OUT
    }
}

/// The name of a variable that `text` starts with, and the rest: `name` or `{name:format}`.
fn variable_name(text: &str) -> (&str, &str) {
    if let Some(text) = text.strip_prefix('{') {
        return text.split_once('}').expect("closed");
    }
    let length = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    text.split_at(length.unwrap_or(text.len()))
}

fn value_of<'a>(
    name: &str,
    mut values: impl Iterator<Item = &'a (&'a str, &'a str)>,
) -> Option<&'a str> {
    values.find(|(it, _)| *it == name).map(|(_, value)| *value)
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
        let (selector, label) = values_of(variable);
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

/// The expression and the label of `label_values(selector, label)` or `query_result(expression)`.
fn values_of(variable: &Value) -> (&str, &str) {
    let query = text(&variable["query"]["query"]);
    let (function, rest) = query.split_once('(').expect("a function");
    let inner = rest.strip_suffix(')').expect("closed");
    match function {
        "label_values" => {
            let (selector, label) = inner.rsplit_once(", ").expect("two arguments");
            (selector, if label == "$label" { "team" } else { label })
        }
        "query_result" => (inner, "account"),
        function => panic!("{function}: {query}"),
    }
}

/// The labels in double braces.
pub(super) fn labels_of_legend(legend: &str) -> Vec<&str> {
    legend
        .split("{{")
        .skip(1)
        .map(|rest| rest.split_once("}}").expect("closed").0)
        .collect()
}
