//! Boards as Grafana requires them: schema, positions, variables, links.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    BOARDS, Board, array,
    asked::{Query, VARIABLES},
    text,
};

/// Units of Grafana that the boards use; it shows others as a suffix.
const UNITS: [&str; 8] = [
    "none",
    "locale",
    "string",
    "s",
    "percentunit",
    "reqps",
    "bytes",
    "dateTimeFromNow",
];

/// Macros of Grafana that are used in links.
const LINK_MACROS: [&str; 2] = ["__url_time_range", "__data"];

#[test]
fn every_board_can_be_imported_provisioned_and_mounted() {
    for (board, (_, uid)) in Board::all().iter().zip(BOARDS) {
        let json = &board.json;
        assert_eq!(json["schemaVersion"], 39, "{}", board.name);
        assert_eq!(json["uid"], uid, "{}", board.name);
        assert_eq!(json["editable"], false, "{}", board.name);
        assert_eq!(json["tags"], json!(["tcss"]), "{}", board.name);
        for absent in ["__inputs", "__requires", "__elements", "id"] {
            assert!(
                json.get(absent).is_none(),
                "{}: {absent} belongs to one Grafana",
                board.name
            );
        }
        assert!(
            text(&json["title"]).starts_with("TCSS / "),
            "{}",
            board.name
        );
        assert!(is_sentence(&json["description"]), "{}", board.name);
    }
}

#[test]
fn every_panel_says_what_it_shows_in_a_known_unit() {
    for (place, panel) in Board::all().iter().flat_map(Board::panels) {
        assert!(!text(&panel["title"]).is_empty(), "{place}");
        assert!(
            is_sentence(&panel["description"]),
            "{place}: {}",
            panel["description"]
        );
        let defaults = &panel["fieldConfig"]["defaults"];
        assert!(
            !text(&defaults["noValue"]).is_empty(),
            "{place}: what is shown without data"
        );
        let overrides = array(&panel["fieldConfig"]["overrides"]);
        let properties = overrides.iter().flat_map(|it| array(&it["properties"]));
        let units = properties
            .filter(|it| it["id"] == "unit")
            .map(|it| text(&it["value"]));
        for unit in units.chain([text(&defaults["unit"])]) {
            assert!(UNITS.contains(&unit), "{place}: {unit}");
        }
        for target in array(&panel["targets"]) {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{place}");
        }
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{place}");
    }
}

fn is_sentence(value: &Value) -> bool {
    let text = text(value);
    text.starts_with(char::is_uppercase) && text.ends_with('.')
}

#[test]
fn panels_have_ids_of_their_own_and_fill_the_24_columns_without_overlap() {
    for board in Board::all() {
        let mut ids = BTreeSet::new();
        let mut taken = BTreeMap::new();
        for panel in array(&board.json["panels"]) {
            let place = format!("{}: {}", board.name, text(&panel["title"]));
            assert!(
                ids.insert(panel["id"].as_u64().unwrap()),
                "{place}: id {}",
                panel["id"]
            );
            let [x, y, w, h] =
                ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
            assert!(w > 0 && h > 0 && x + w <= 24, "{place}");
            for cell in (y..y + h).flat_map(|y| (x..x + w).map(move |x| (y, x))) {
                let before = taken.insert(cell, place.clone());
                assert_eq!(before, None, "{place} overlaps at row and column {cell:?}");
            }
        }
        let (last, _) = *taken.keys().next_back().unwrap();
        let n_cells = usize::try_from((last + 1) * 24).unwrap();
        assert_eq!(taken.len(), n_cells, "{}: no holes", board.name);
    }
}

/// What the query of each variable must select by. Everything else changes with the variables before it.
const CHAINED: [(&str, &[&str]); 6] = [
    ("job", &[]),
    ("instance", &["job=~\"$job\""]),
    (
        "value",
        &["job=~\"$job\"", "instance=~\"$instance\"", "$label"],
    ),
    (
        "members",
        &[
            "job=~\"$job\"",
            "instance=~\"$instance\"",
            "$label=~\"$value\"",
            "$label!~\"$value\"",
        ],
    ),
    (
        "account",
        &[
            "job=~\"$job\"",
            "instance=~\"$instance\"",
            "account=~\"${members:pipe}\"",
        ],
    ),
    (
        "scan",
        &[
            "job=~\"$job\"",
            "instance=~\"$instance\"",
            "account=~\"$account\"",
            "account=~\"${members:pipe}\"",
        ],
    ),
];

#[test]
fn each_variable_is_chained_to_those_before_it_and_takes_several_values_or_all() {
    let names = [
        "datasource",
        "job",
        "instance",
        "label",
        "value",
        "members",
        "account",
        "scan",
        "runbook",
    ];
    for board in Board::all() {
        let list = array(&board.json["templating"]["list"]);
        let found: Vec<&str> = list.iter().map(|it| text(&it["name"])).collect();
        assert_eq!(found, names, "{}", board.name);
        assert_eq!(
            (&list[0]["type"], &list[0]["query"]),
            (&json!("datasource"), &json!("prometheus"))
        );
        for (name, selectors) in CHAINED {
            let variable = list.iter().find(|it| it["name"] == name).unwrap();
            let query = text(&variable["query"]["query"]);
            for selector in selectors {
                assert!(
                    query.contains(selector),
                    "{name}: {query} selects by {selector}"
                );
            }
            assert_eq!(variable["datasource"]["uid"], "${datasource}", "{query}");
            assert_eq!(
                (&variable["multi"], &variable["includeAll"]),
                (&json!(true), &json!(true)),
                "{query}"
            );
            // All is short, however many there are. Absent labels match too.
            let all = match name {
                "members" => Value::Null,
                "value" => json!(".*"),
                _ => json!(".+"),
            };
            assert_eq!(variable["allValue"], all, "{query}");
        }
    }
}

#[test]
fn every_variable_in_a_query_is_defined() {
    for query in Query::all() {
        let _panics_at_unknown_ones = query.sent("1m");
    }
}

#[test]
fn the_boards_are_joined_by_a_tag_and_every_link_leads_to_one_of_them() {
    let mut followed = BTreeSet::new();
    for board in Board::all() {
        let [link] = array(&board.json["links"]) else {
            panic!("{}: one link", board.name)
        };
        assert_eq!(
            (&link["type"], &link["tags"]),
            (&json!("dashboards"), &json!(["tcss"])),
            "{}",
            board.name
        );
        assert_eq!(
            (&link["keepTime"], &link["includeVars"]),
            (&json!(true), &json!(true)),
            "{}",
            board.name
        );
        for (place, panel) in board.panels() {
            let properties = array(&panel["fieldConfig"]["overrides"]).iter();
            let properties = properties
                .flat_map(|it| array(&it["properties"]))
                .filter(|it| it["id"] == "links");
            for link in properties.flat_map(|it| array(&it["value"])) {
                let url = text(&link["url"]);
                followed.insert((board.name, target_of(url)));
                check_link(&place, panel, url);
            }
        }
    }
    let account = "tcss-account".to_owned();
    let expected = [
        ("overview", account.clone()),
        ("overview", "runbook".to_owned()),
        ("account", account.clone()),
        ("risk", account),
        ("risk", "runbook".to_owned()),
    ];
    assert_eq!(followed, BTreeSet::from(expected));
}

/// A link leads to a board, or to the section of an alert in the runbook.
fn target_of(url: &str) -> String {
    if url == "${runbook}#${__data.fields.Alert}" {
        return "runbook".to_owned();
    }
    let path = url.strip_prefix("/d/").expect("a path");
    let (uid, _) = path.split_once('?').expect("parameters");
    assert!(
        BOARDS.iter().any(|(_, it)| *it == uid),
        "{url} leads to a board"
    );
    uid.to_owned()
}

#[test]
fn links_of_alerts_lead_to_the_same_runbook_as_their_annotations() {
    for board in Board::all() {
        let list = array(&board.json["templating"]["list"]);
        let runbook = list.iter().find(|it| it["name"] == "runbook").unwrap();
        let url = text(&runbook["query"]);
        assert!(url.starts_with("https://"), "{url}");
        assert!(url.ends_with("/docs/runbook.md"), "{url}");
    }
}

/// What a link names exists: variables here and there, macros, and the columns of the table.
fn check_link(place: &str, panel: &Value, url: &str) {
    for part in url.split("${").skip(1) {
        let name = part.split(['}', ':', '.']).next().unwrap();
        let is_variable = VARIABLES.iter().any(|(it, _)| *it == name);
        let is_known =
            is_variable || ["datasource", "runbook"].contains(&name) || LINK_MACROS.contains(&name);
        assert!(is_known, "{place}: {name} in {url}");
    }
    for name in url
        .split("&var-")
        .skip(1)
        .map(|part| part.split('=').next().unwrap())
    {
        assert!(
            VARIABLES.iter().any(|(it, _)| *it == name),
            "{place}: {name} in {url}"
        );
    }
    let columns = &panel["transformations"][1]["options"]["renameByName"];
    let columns: BTreeSet<&str> = columns.as_object().unwrap().values().map(text).collect();
    for column in url
        .split("__data.fields.")
        .skip(1)
        .map(|part| part.split([':', '}']).next().unwrap())
    {
        assert!(columns.contains(column), "{place}: no column {column}");
    }
}

#[test]
fn the_ends_of_scans_are_marked_at_their_second() {
    let of_scans = ["overview", "account"];
    for board in Board::all() {
        if !of_scans.contains(&board.name) {
            continue;
        }
        let marks = array(&board.json["annotations"]["list"]);
        let names: Vec<&str> = marks.iter().map(|mark| text(&mark["name"])).collect();
        assert_eq!(names, ["Scan completed", "Scan canceled"], "{}", board.name);
        for mark in marks {
            assert_eq!(mark["useValueForTime"], true, "{mark}");
            let expression = text(&mark["expr"]);
            assert!(expression.starts_with(
                "1000 * (max by (account, scan) (tcss_vul_scan_end_timestamp_seconds{"
            ));
            // Otherwise the marks of many scans would hide the graph.
            assert!(expression.ends_with("<= 20)"), "{expression}");
            let titles = array(&mark["filter"]["ids"]).iter().map(|id| {
                let panels = board.panels();
                let panel = panels.iter().find(|(_, panel)| panel["id"] == *id);
                panel
                    .unwrap_or_else(|| panic!("{}: no panel {id}", board.name))
                    .1["title"]
                    .clone()
            });
            assert!(
                titles.into_iter().any(|title| title == "Risk images"),
                "{}",
                board.name
            );
        }
    }
}

/// Grafana leaves the name out if there is only one bar.
#[test]
fn a_single_bar_has_a_name() {
    let mut n_bars = 0;
    for (place, panel) in Board::all().iter().flat_map(Board::panels) {
        if panel["type"] == "bargauge" {
            n_bars += 1;
            let name = &panel["fieldConfig"]["defaults"]["displayName"];
            assert_eq!(name, "${__series.name}", "{place}");
        }
    }
    assert_eq!(n_bars, 2);
}

#[test]
fn tables_of_problems_start_with_the_worst() {
    let mut n_tables = 0;
    for (place, panel) in Board::all().iter().flat_map(Board::panels) {
        let sort = &panel["options"]["sortBy"][0];
        let columns = &panel["transformations"][1]["options"]["renameByName"];
        let has_severity = columns
            .as_object()
            .is_some_and(|it| it.values().any(|column| column == "Severity"));
        if has_severity {
            n_tables += 1;
            assert_eq!(
                *sort,
                json!({"displayName": "Severity", "desc": true}),
                "{place}"
            );
        }
    }
    assert_eq!(n_tables, 7);
}
