//! Boards, rules and the example for Alertmanager in Chinese: they differ from the English ones in their texts alone, and
//! no text is left in English.

use std::{collections::BTreeSet, fs, process::Command};

use serde_json::{Value, json};

use super::{BOARDS, array, dashboards, text};
use crate::support::process::{file, path, run};

/// Texts that are the same in both languages, apart from those without letters.
const SAME: [&str; 8] = [
    "API",
    "CPU",
    "ID",
    "Job",
    "TCSS",
    "TCSS / Exporter",
    "{{account}} {{scan}}",
    "${__series.name}",
];

/// Keys whose values are texts.
const TEXTS: [&str; 13] = [
    "description",
    "displayName",
    "label",
    "legendFormat",
    "name",
    "noValue",
    "options",
    "renameByName",
    "summary",
    "text",
    "title",
    "titleFormat",
    "value",
];

/// What differs, as pairs of texts. Panics where anything else does.
struct Differences {
    texts: Vec<(String, String)>,
    same: BTreeSet<String>,
}

impl Differences {
    fn between(english: &Value, chinese: &Value) -> Differences {
        let mut differences = Differences {
            texts: Vec::new(),
            same: BTreeSet::new(),
        };
        differences.compare("", "", english, chinese);
        differences
    }

    /// `key` is that of the value or of the list it is in, `parent` the one above.
    #[track_caller]
    fn compare(&mut self, parent: &str, key: &str, english: &Value, chinese: &Value) {
        match (english, chinese) {
            (Value::Object(english), Value::Object(chinese)) => {
                let keys = |map: &serde_json::Map<String, Value>| -> BTreeSet<String> {
                    map.keys().cloned().collect()
                };
                assert_eq!(keys(english), keys(chinese), "{key}");
                for (name, value) in english {
                    self.compare(key, name, value, &chinese[name]);
                }
            }
            (Value::Array(english), Value::Array(chinese)) => {
                // Series that are named by a label get a name in Chinese.
                let named = chinese.len().checked_sub(english.len());
                let renames = chinese.iter().skip(english.len());
                for rename in renames.clone() {
                    assert_eq!((key, &rename["id"]), ("properties", &json!("displayName")));
                    assert!(is_chinese(text(&rename["value"])), "{rename}");
                }
                assert_eq!(named, Some(renames.count()), "{key}: {chinese:?}");
                for (english, chinese) in english.iter().zip(chinese) {
                    self.compare(parent, key, english, chinese);
                }
            }
            (Value::String(english), Value::String(chinese)) => {
                self.compare_text(parent, key, english, chinese);
            }
            _ => assert_eq!(english, chinese, "{parent} {key}"),
        }
    }

    #[track_caller]
    fn compare_text(&mut self, parent: &str, key: &str, english: &str, chinese: &str) {
        let is_text = TEXTS.contains(&key) || parent == "renameByName";
        if english == chinese {
            let has_letters = without_placeholders(english).contains(char::is_alphabetic);
            if has_letters && ["title", "description", "label", "noValue"].contains(&key) {
                self.same.insert(english.to_owned());
            }
            return;
        }
        match key {
            "uid" | "tags" => assert_eq!(format!("{english}-zh"), chinese),
            "expr" => assert_eq!(without_problems(english), without_problems(chinese)),
            "url" => assert_eq!(without_columns(english), without_columns(chinese)),
            "runbook_url" | "query" => {
                assert_eq!(english.replace("/docs/", "/docs/zh-CN/"), chinese);
            }
            "text" | "value" if english.starts_with("https://") => {
                assert_eq!(english.replace("/docs/", "/docs/zh-CN/"), chinese);
            }
            _ => {
                assert!(is_text, "{parent} {key}: {english} and {chinese}");
                self.texts.push((english.to_owned(), chinese.to_owned()));
            }
        }
    }

    fn check_texts(&self) {
        for (english, chinese) in &self.texts {
            let rest = without_placeholders(chinese).trim().to_owned();
            let is_short = english.starts_with("{{part}} of") || english.starts_with("web {{");
            assert!(is_chinese(&rest) || is_short, "{english}: {chinese}");
            assert_eq!(
                sorted(placeholders_of(english)),
                sorted(placeholders_of(chinese))
            );
            for part in ["...", " ,", " .", "\u{3000}"] {
                assert!(!rest.contains(part), "{chinese}");
            }
            let last = chinese.chars().last();
            assert!(english.ends_with('.') == (last == Some('。')), "{chinese}");
        }
    }
}

fn is_chinese(text: &str) -> bool {
    text.contains(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)) || text.ends_with(" EXP")
}

/// `{{ … }}` and `${…}`.
fn placeholders_of(text: &str) -> Vec<String> {
    let go = text
        .split("{{")
        .skip(1)
        .map(|rest| rest.split("}}").next().unwrap());
    let grafana = text
        .split("${")
        .skip(1)
        .map(|rest| rest.split('}').next().unwrap());
    let numbers = text.split('$').skip(1).filter(|rest| rest.starts_with('1'));
    go.chain(grafana)
        .map(str::to_owned)
        .chain(numbers.map(|_| "$1".to_owned()))
        .collect()
}

fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort();
    list
}

fn without_placeholders(text: &str) -> String {
    let mut rest = text.to_owned();
    for placeholder in placeholders_of(text) {
        rest = rest.replace(&format!("{{{{{placeholder}}}}}"), "");
        rest = rest.replace(&format!("${{{placeholder}}}"), "");
    }
    rest
}

/// A query without the names that it gives to problems.
fn without_problems(query: &str) -> String {
    let mark = "\"problem\", \"";
    let mut parts = query.split(mark);
    let mut rest = parts.next().unwrap().to_owned();
    for part in parts {
        rest.push_str(mark);
        rest.push_str(part.split_once('"').unwrap().1);
    }
    rest
}

/// A link without the names of columns and the language of the board.
fn without_columns(url: &str) -> String {
    let mark = "__data.fields.";
    let mut parts = url.split(mark);
    let mut rest = parts.next().unwrap().replace("-zh?", "?");
    for part in parts {
        rest.push_str(mark);
        rest.push_str(part.trim_start_matches(|c: char| c != ':' && c != '}'));
    }
    rest
}

fn read_board(name: &str) -> Value {
    let text = fs::read_to_string(dashboards().join(format!("{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn read_yaml(name: &str) -> Value {
    let text = fs::read_to_string(dashboards().join(name)).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

#[test]
fn the_boards_in_chinese_differ_in_their_texts_alone() {
    for (name, _) in BOARDS {
        let (english, chinese) = (read_board(name), read_board(&format!("zh-CN/{name}")));
        let differences = Differences::between(&english, &chinese);
        assert!(differences.texts.len() > 50, "{name}");
        differences.check_texts();
        for text in &differences.same {
            assert!(SAME.contains(&text.as_str()), "{name}: {text} is English");
        }
    }
}

/// Otherwise the settings of a column would be lost, and its links would lead nowhere.
#[test]
fn what_refers_to_a_column_or_a_series_uses_its_chinese_name() {
    for (board, _) in BOARDS {
        let (english, chinese) = (read_board(board), read_board(&format!("zh-CN/{board}")));
        let panels = array(&english["panels"])
            .iter()
            .zip(array(&chinese["panels"]));
        for (english, chinese) in panels.filter(|(panel, _)| panel["type"] != "row") {
            assert_eq!(
                referred(english).len(),
                referred(chinese).len(),
                "{board}: {}",
                english["title"]
            );
            let named = named(chinese);
            for name in referred(chinese) {
                assert!(named.contains(&name), "{board}: {name} in {named:?}");
            }
        }
    }
}

/// Names of columns and series.
fn named(panel: &Value) -> BTreeSet<String> {
    let legends = array(&panel["targets"])
        .iter()
        .map(|it| text(&it["legendFormat"]));
    let mut names: BTreeSet<String> = legends.map(str::to_owned).collect();
    let labels = [
        ("{{source}}", &["local", "registry"][..]),
        (
            "{{severity}}",
            &["critical", "warning", "info", "high", "medium", "low"],
        ),
        (
            "{{reason}}",
            &tcss_exporter::domain::Reason::ALL.map(tcss_exporter::domain::Reason::as_str),
        ),
    ];
    for (legend, values) in labels {
        if names.contains(legend) {
            names.extend(values.iter().map(|&value| value.to_owned()));
        }
    }
    if let Some(columns) = panel["transformations"][1]["options"]["renameByName"].as_object() {
        names.extend(columns.values().map(|it| text(it).to_owned()));
    }
    names
}

/// The names that overrides, sorting and links refer to.
fn referred(panel: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for found in array(&panel["fieldConfig"]["overrides"]) {
        if found["matcher"]["id"] == "byName" {
            names.insert(text(&found["matcher"]["options"]).to_owned());
        }
        for link in array(&found["properties"])
            .iter()
            .filter(|it| it["id"] == "links")
            .flat_map(|it| array(&it["value"]))
        {
            let fields = text(&link["url"]).split("__data.fields.").skip(1);
            names.extend(fields.map(|it| it.split([':', '}']).next().unwrap().to_owned()));
        }
    }
    let sort = panel["options"]["sortBy"].as_array();
    names.extend(
        sort.into_iter()
            .flatten()
            .map(|it| text(&it["displayName"]).to_owned()),
    );
    names
}

/// Grafana cuts the title of a column that is too narrow. Characters have 14 pixels, or half of it; a column has a
/// margin of 12 pixels, and 20 more for an arrow if the table is sorted by it.
#[test]
fn titles_of_columns_fit_into_their_width() {
    let mut n_columns = 0;
    for (board, _) in BOARDS {
        for panel in array(&read_board(&format!("zh-CN/{board}"))["panels"]) {
            let Some(overrides) = panel["fieldConfig"]["overrides"].as_array() else {
                continue;
            };
            for found in overrides {
                let width = array(&found["properties"])
                    .iter()
                    .find(|it| it["id"] == "custom.width");
                let Some(width) = width.and_then(|it| it["value"].as_u64()) else {
                    continue;
                };
                let title = text(&found["matcher"]["options"]);
                let needed: u64 = title
                    .chars()
                    .map(|c| if c.is_ascii() { 8 } else { 14 })
                    .sum();
                let sort = array(&panel["options"]["sortBy"]);
                let is_sorted = sort.iter().any(|it| it["displayName"] == title);
                let needed = needed + if is_sorted { 32 } else { 12 };
                assert!(
                    needed <= width,
                    "{board}: {title} needs {needed} of {width}"
                );
                n_columns += 1;
            }
        }
    }
    assert!(n_columns > 50);
}

#[test]
fn the_rules_in_chinese_differ_in_summaries_and_links_to_the_runbook_alone() {
    let (english, chinese) = (
        read_yaml("rules/tcss.yml"),
        read_yaml("rules/tcss.zh-CN.yml"),
    );
    let differences = Differences::between(&english, &chinese);
    let alerts = array(&english["groups"])
        .iter()
        .flat_map(|group| array(&group["rules"]))
        .filter(|rule| rule.get("alert").is_some());
    assert_eq!(differences.texts.len(), alerts.count());
    differences.check_texts();
}

#[test]
fn promtool_accepts_the_rules_in_chinese() {
    let rules = dashboards().join("rules/tcss.zh-CN.yml");
    let own = format!(
        "{}/target/prometheus3/usr/bin/promtool",
        env!("CARGO_MANIFEST_DIR")
    );
    for program in ["promtool", &own] {
        let mut promtool = Command::new(program);
        promtool.args(["check", "rules", rules.to_str().unwrap()]);
        let (status, said) = run(program, &mut promtool, "");
        assert!(status.success(), "{said}");
    }
}

#[test]
fn the_example_for_alertmanager_in_chinese_has_other_receivers_of_the_same_names() {
    let mut english = read_yaml("alertmanager.yml");
    let mut chinese = read_yaml("alertmanager.zh-CN.yml");
    let names = |config: &Value| -> Vec<String> {
        let receivers = array(&config["receivers"]).iter();
        receivers.map(|it| text(&it["name"]).to_owned()).collect()
    };
    assert_eq!(names(&english), names(&chinese));
    for config in [&mut english, &mut chinese] {
        config.as_object_mut().unwrap().remove("receivers");
    }
    assert_eq!(english, chinese);
    let example = dashboards().join("alertmanager.zh-CN.yml");
    let mut amtool = Command::new("amtool");
    amtool.args(["check-config", example.to_str().unwrap()]);
    let (status, said) = run("amtool", &mut amtool, "");
    assert!(status.success(), "{said}");
}

#[test]
fn the_message_for_wecom_is_short_and_names_what_fires() {
    let config = read_yaml("alertmanager.zh-CN.yml");
    let message = text(&config["receivers"][0]["wechat_configs"][0]["message"]);
    let alert = |status: &str, n: usize| {
        json!({
            "status": status,
            "annotations": {"summary": format!("prod-{n}/latest 的风险镜像增加了 3 个，概要写得比较长")},
        })
    };
    let alerts: Vec<Value> = (0..30)
        .map(|n| alert(if n == 1 { "resolved" } else { "firing" }, n))
        .collect();
    let data = json!({
        "receiver": "on-call",
        "status": "firing",
        "alerts": alerts,
        "commonLabels": {"alertname": "TcssRiskImagesIncreased", "severity": "critical"},
        "commonAnnotations": {"runbook_url": "https://example.com/runbook.md#tcssriskimagesincreased"},
    });
    let data = file(&data.to_string());
    let templates = file("");
    let mut amtool = Command::new("amtool");
    amtool.args(["template", "render"]);
    amtool.args(["--template.glob", path(&templates)]);
    amtool.args(["--template.data", path(&data)]);
    amtool.args(["--template.text", message]);
    let (status, said) = run("amtool", &mut amtool, "");
    assert!(status.success(), "{said}");
    assert!(
        said.starts_with("【触发】29 条【恢复】1 条\n告警：TcssRiskImagesIncreased\n级别：严重\n")
    );
    assert!(
        said.contains("\n触发：prod-0/latest 的风险镜像增加了 3 个，概要写得比较长\n恢复：prod-1/")
    );
    assert!(
        said.trim_end()
            .ends_with("\n处理手册：https://example.com/runbook.md#tcssriskimagesincreased")
    );
    assert!(said.len() <= 2048, "{} bytes: {said}", said.len());
}
