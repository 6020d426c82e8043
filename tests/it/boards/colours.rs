//! A colour has the same meaning on every board.

use std::collections::BTreeMap;

use serde_json::Value;

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

/// Series that appear on several panels have the same colour on each.
#[test]
fn every_panel_sets_the_colour_of_known_names() {
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
                "{{severity}}" => vec!["critical", "warning", "info"],
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
