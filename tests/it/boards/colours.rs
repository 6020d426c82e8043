//! A colour has the same meaning on every board.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tcss_exporter::domain::Reason;

use super::{Board, array, text};

#[test]
fn a_name_has_one_colour_on_all_boards() {
    let mut colours = BTreeMap::new();
    for (place, panel) in Board::all().iter().flat_map(Board::panels) {
        for (name, colour) in fixed(panel).into_iter().chain(mapped(panel)) {
            let known = colours
                .entry(name.clone())
                .or_insert_with(|| colour.clone());
            assert_eq!(*known, colour, "{place}: {name}");
        }
    }
    for name in [
        "local",
        "registry",
        "critical",
        "warning",
        "threshold",
        "scanned",
        "scanning",
        "canceled",
    ] {
        assert!(colours.contains_key(name), "{name} has a colour");
    }
}

#[test]
fn every_reason_has_a_color_of_its_own() {
    let panels: Vec<Value> = Board::all()
        .iter()
        .flat_map(Board::panels)
        .map(|(_, panel)| panel.clone())
        .collect();
    let colors: BTreeMap<String, String> = panels.iter().flat_map(fixed).collect();
    let of_reasons: BTreeSet<&String> = Reason::ALL.iter().map(|it| &colors[it.as_str()]).collect();
    assert_eq!(of_reasons.len(), Reason::ALL.len());
}

/// Grafana draws merged values in the color of their threshold, whatever they are mapped to.
#[test]
fn state_timelines_have_the_colors_of_their_mappings() {
    let mut n_timelines = 0;
    for (place, panel) in Board::all().iter().flat_map(Board::panels) {
        if panel["type"] != "state-timeline" {
            continue;
        }
        n_timelines += 1;
        let defaults = &panel["fieldConfig"]["defaults"];
        assert_eq!(defaults["color"]["mode"], "fixed", "{place}");
        // The color of missing data, which is not that of a state.
        assert_eq!(defaults["color"]["fixedColor"], "transparent", "{place}");
        assert!(!array(&defaults["mappings"]).is_empty(), "{place}");
        assert!(
            panel["options"]["perPage"].as_u64().unwrap() <= 21,
            "{place}"
        );
    }
    assert_eq!(n_timelines, 3);
}

/// Two accounts whose names have the same hash would have the same color.
#[test]
fn accounts_are_colored_by_order() {
    for (place, panel) in Board::all().iter().flat_map(Board::panels) {
        if panel["type"] == "timeseries" {
            let mode = &panel["fieldConfig"]["defaults"]["color"]["mode"];
            assert_eq!(mode, "palette-classic", "{place}");
        }
    }
}

#[test]
fn every_panel_sets_the_colors_of_known_names() {
    let boards = Board::all();
    let known: BTreeMap<String, String> = boards
        .iter()
        .flat_map(Board::panels)
        .flat_map(|(_, panel)| fixed(panel))
        .collect();
    for (place, panel) in boards.iter().flat_map(Board::panels) {
        let here: BTreeMap<String, String> = fixed(panel).into_iter().collect();
        for legend in array(&panel["targets"])
            .iter()
            .map(|target| text(&target["legendFormat"]))
        {
            let names = match legend {
                "{{source}}" => vec!["local", "registry"],
                "{{severity}}" => vec!["critical", "warning", "info", "high", "medium", "low"],
                "{{reason}}" => Reason::ALL.map(Reason::as_str).to_vec(),
                name => vec![name],
            };
            for name in names.into_iter().filter(|name| known.contains_key(*name)) {
                assert!(here.contains_key(name), "{place}: {name}");
            }
        }
    }
}

/// Colours of series by name.
fn fixed(panel: &Value) -> Vec<(String, String)> {
    let overrides = array(&panel["fieldConfig"]["overrides"]).iter();
    let named = overrides.filter(|it| it["matcher"]["id"] == "byName");
    let colour = |it: &Value| {
        let properties = array(&it["properties"]).iter();
        let colour = properties
            .clone()
            .find(|property| property["id"] == "color")?;
        Some((
            text(&it["matcher"]["options"]).to_owned(),
            text(&colour["value"]["fixedColor"]).to_owned(),
        ))
    };
    named.filter_map(colour).collect()
}

/// Colours of words that represent values.
fn mapped(panel: &Value) -> Vec<(String, String)> {
    let properties = array(&panel["fieldConfig"]["overrides"])
        .iter()
        .flat_map(|it| array(&it["properties"]));
    let of_fields = properties
        .filter(|it| it["id"] == "mappings")
        .map(|it| &it["value"]);
    let lists = of_fields.chain(panel["fieldConfig"]["defaults"].get("mappings"));
    let mappings = lists
        .flat_map(|list| array(list))
        .filter(|mapping| mapping["type"] == "value");
    let options = mappings.flat_map(|mapping| mapping["options"].as_object().unwrap().values());
    options
        .map(|it| (text(&it["text"]).to_owned(), text(&it["color"]).to_owned()))
        .collect()
}
