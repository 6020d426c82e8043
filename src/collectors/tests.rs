//! Laws that hold for every collector, with the examples of the API's documentation.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, json};

use super::*;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/collectors")
}

/// The example in the documentation of an action.
fn example(action: &str) -> Map<String, Value> {
    let text = fs::read_to_string(fixtures().join(format!("{action}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// One example for each action.
fn examples(collector: &Collector) -> Vec<Map<String, Value>> {
    let actions = collector.actions.iter();
    actions.map(|action| example(action.name)).collect()
}

fn read(collector: &Collector, responses: &[Map<String, Value>]) -> Result<Parsed, AnswerError> {
    let texts: Vec<String> = responses
        .iter()
        .map(|response| serde_json::to_string(response).unwrap())
        .collect();
    let texts: Vec<Vec<&str>> = texts.iter().map(|text| vec![text.as_str()]).collect();
    read_texts(collector, &texts)
}

fn read_texts(collector: &Collector, texts: &[Vec<&str>]) -> Result<Parsed, AnswerError> {
    let zone = TimeZone::fixed(jiff::tz::offset(8));
    let reading = Reading {
        time_zone: &zone,
        as_of: Timestamp::from_second(1_764_000_000).unwrap(),
        limit: collector.limit.map_or(0, |limit| limit.default),
    };
    collector.read(texts, reading, None)
}

/// A line for each sample and each unexpected field. No series comes twice.
fn lines(collector: &Collector, parsed: &Parsed) -> Vec<String> {
    let mut lines = Vec::new();
    let mut series = BTreeSet::new();
    for (index, family) in collector.families().enumerate() {
        let mut sink = |labels: Labels<'_>, value: f64| {
            let mut line = family.name.to_owned();
            for (name, value) in labels {
                write!(line, " {name}={value}").unwrap();
            }
            assert!(value.is_finite() && value >= 0.0, "{line} {value}");
            assert!(series.insert(line.clone()), "{line} comes twice");
            writeln!(line, " {value}").unwrap();
            lines.push(line);
        };
        collector.samples(&parsed.answer, index, &mut Samples::new(&mut sink));
    }
    for field in &parsed.unexpected {
        lines.push(format!("unexpected {field}\n"));
    }
    lines
}

fn lines_of(collector: &Collector, responses: &[Map<String, Value>]) -> Vec<String> {
    let parsed = read(collector, responses).unwrap();
    lines(collector, &parsed)
}

#[test]
fn names_of_collectors_and_families_are_unique() {
    let mut names: Vec<&str> = ALL.iter().map(|collector| collector.name).collect();
    for collector in &ALL {
        for family in collector.families() {
            assert!(family.name.starts_with("tcss_"), "{}", family.name);
            assert!(family.help.ends_with('.'), "{}", family.help);
            names.push(family.name);
        }
    }
    let n_names = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), n_names);
}

#[test]
fn the_first_request_of_every_poll_depends_on_no_response() {
    for collector in &ALL {
        let first = &collector.actions[0].body;
        assert!(
            matches!(first, Body::Fixed(_) | Body::OfScan(_)),
            "{collector:?}"
        );
    }
}

/// The expected lines of a collector are in a file beside the examples.
#[test]
fn every_example_of_the_documentation_becomes_the_expected_metrics() {
    for collector in &ALL {
        let found = lines_of(collector, &examples(collector)).concat();
        let file = fixtures().join(format!("{}.txt", collector.name));
        let expected = fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(
            found,
            expected,
            "{}: read, and expected by {}",
            collector.name,
            file.display()
        );
    }
}

/// The list may change while its pages are read.
#[test]
fn an_image_on_two_pages_counts_once() {
    let collector = Collector::of::<RiskImages>();
    let info = serde_json::to_string(&example("DescribeVulScanInfo")).unwrap();
    let image = |id: u32| {
        format!(
            r#"{{"ImageName": "shop", "ImageID": "{id}", "CriticalLevelVulCount": 1, "ScanStatus": "FAILED"}}"#
        )
    };
    let page = |ids: [u32; 2]| {
        format!(
            r#"{{"TotalCount": 4, "List": [{}]}}"#,
            ids.map(image).join(",")
        )
    };
    let pages = [page([1, 2]), page([2, 3])];
    let texts = [vec![&*info], pages.iter().map(String::as_str).collect()];
    let lines = lines(&collector, &read_texts(&collector, &texts).unwrap()).concat();
    for expected in [
        "tcss_vul_scan_image_list_images 4\n",
        "tcss_vul_scan_image_list_read_images 3\n",
        "tcss_vul_scan_image_list_failed_images error=UNKNOWN 3\n",
    ] {
        assert!(lines.contains(expected), "{expected}\n{lines}");
    }
}

/// Values that no field of any type has, and those that only some have.
fn odd_values() -> Vec<Value> {
    let mut values = vec![
        json!(null),
        json!("5"),
        json!("\u{1b}[31m\"\\\n"),
        json!(""),
        json!(true),
        json!([]),
        json!([null]),
        json!({}),
        json!(-1),
        json!(-0.5),
        json!(0.5),
        json!(101),
        json!(1.5e300),
        json!(u64::MAX),
        json!(i64::MIN),
        json!("x".repeat(100_000)),
    ];
    values.push(serde_json::from_str("[[[[1]]]]").unwrap());
    values
}

/// Fields whose samples depend on another field too.
const DEPENDENT: [(&str, &str); 4] = [
    ("Status", "LeftSeconds"),
    ("Schedule", "ContainerScanCnt"),
    ("Schedule", "ImageScanCnt"),
    ("Status", "RemainingTime"),
];

#[test]
fn a_field_that_is_missing_or_odd_harms_no_other() {
    for collector in &ALL {
        let examples = examples(collector);
        let all: BTreeSet<String> = lines_of(collector, &examples).into_iter().collect();
        let known = collector.fields();
        // For each field of each response, the lines that it may change.
        let mut lost: BTreeMap<(usize, String), BTreeSet<String>> = BTreeMap::new();
        for (index, example) in examples.iter().enumerate() {
            for field in example.keys() {
                let mut variants = vec![None];
                variants.extend(odd_values().into_iter().map(Some));
                for value in variants {
                    let mut odd = examples.clone();
                    match &value {
                        None => odd[index].remove(field),
                        Some(value) => odd[index].insert(field.clone(), value.clone()),
                    };
                    // With its only field, a response has lost all that it says.
                    let Ok(parsed) = read(collector, &odd) else {
                        continue;
                    };
                    let now = lines(collector, &parsed);
                    for line in now
                        .iter()
                        .filter_map(|line| line.strip_prefix("unexpected "))
                    {
                        assert!(known.contains(&line.trim_end()), "{collector:?}: {line}");
                    }
                    let now: BTreeSet<String> = now.into_iter().collect();
                    lost.entry((index, field.clone()))
                        .or_default()
                        .extend(all.difference(&now).cloned());
                }
            }
        }
        // Whether there is a list depends on all fields of the first response.
        if collector.name == RiskImages::NAME {
            continue;
        }
        for (field, changes) in &lost {
            for (other, others) in lost.iter().filter(|(other, _)| *other > field) {
                let is_dependent = DEPENDENT.iter().any(|(a, b)| {
                    [(&field.1, &other.1), (&other.1, &field.1)]
                        .contains(&(&a.to_string(), &b.to_string()))
                });
                let both: Vec<_> = changes.intersection(others).collect();
                assert!(
                    both.is_empty() || is_dependent,
                    "{collector:?}: both {field:?} and {other:?} change {both:?}"
                );
            }
        }
    }
}

/// An odd field of an item or object loses nothing that the whole list or object does not give.
#[test]
fn an_odd_field_of_a_list_or_an_object_harms_nothing_outside_it() {
    let mut n_variants = 0;
    for collector in &ALL {
        let examples = examples(collector);
        let all: BTreeSet<String> = lines_of(collector, &examples).into_iter().collect();
        let known = collector.fields();
        for (index, example) in examples.iter().enumerate() {
            for (field, value) in example {
                let object = match value {
                    Value::Array(items) => items.first().and_then(Value::as_object),
                    value => value.as_object(),
                };
                let Some(object) = object else { continue };
                let mut without = examples.clone();
                without[index].remove(field);
                // With its only field, a response is no answer, and everything may be lost.
                let without: BTreeSet<String> = match read(collector, &without) {
                    Ok(parsed) => lines(collector, &parsed).into_iter().collect(),
                    Err(_) => BTreeSet::new(),
                };
                for name in object.keys() {
                    for odd in [None].into_iter().chain(odd_values().into_iter().map(Some)) {
                        n_variants += 1;
                        let mut responses = examples.clone();
                        set_within(&mut responses[index][field], name, odd.as_ref());
                        let lines = lines_of(collector, &responses);
                        for line in lines.iter().filter_map(|it| it.strip_prefix("unexpected ")) {
                            assert!(known.contains(&line.trim_end()), "{collector:?}: {line}");
                        }
                        let now: BTreeSet<String> = lines.into_iter().collect();
                        for line in all.difference(&now) {
                            assert!(
                                !without.contains(line),
                                "{collector:?}: {field}.{name} {odd:?}: {line}"
                            );
                        }
                    }
                }
            }
        }
    }
    assert!(n_variants > 500, "{n_variants}");
}

/// Changes or removes a field of an object, or of every item of a list.
fn set_within(value: &mut Value, name: &str, to: Option<&Value>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| set_within(item, name, to)),
        Value::Object(members) => {
            match to {
                Some(to) => members.insert(name.to_owned(), to.clone()),
                None => members.remove(name),
            };
        }
        _ => {}
    }
}

#[test]
fn a_response_without_any_known_field_is_no_answer() {
    for collector in &ALL {
        let examples = examples(collector);
        for index in 0..examples.len() {
            let mut without = examples.clone();
            without[index] = Map::from_iter([("RequestId".to_owned(), json!("r"))]);
            let error = read(collector, &without).unwrap_err().to_string();
            let expected = format!(
                "the response has none of the fields of {}",
                collector.actions[index].name
            );
            assert_eq!(error, expected);
        }
        for odd in ["[]", "null", "5", "\"\"", "{", ""] {
            let texts = vec![vec![odd]; examples.len()];
            assert!(
                read_texts(collector, &texts).is_err(),
                "{collector:?} {odd}"
            );
        }
    }
}

/// Every list, however long, becomes a bounded number of samples.
#[test]
fn lists_may_be_empty_or_long() {
    const LENGTH: usize = 100_000;
    for collector in &ALL {
        let examples = examples(collector);
        for (index, example) in examples.iter().enumerate() {
            for (field, value) in example {
                let Some(first) = value.as_array().and_then(|list| list.first()) else {
                    continue;
                };
                let first = first.to_string();
                let mut different = String::new();
                for number in 0..LENGTH {
                    let name = format!("\"VulName\":\"{number}\",\"ImageID\":\"{number}\",\"");
                    let item = first.replacen('"', &name, 1);
                    different.push_str(if first.starts_with('{') {
                        &item
                    } else {
                        &first
                    });
                    different.push(',');
                }
                different.pop();
                for list in [String::new(), vec!["null"; LENGTH].join(","), different] {
                    let n_lines = lines_with(collector, &examples, index, field, &list);
                    assert!(n_lines < 500, "{collector:?} {field}: {n_lines} lines");
                }
            }
        }
    }
}

/// The number of lines if the list `field` of one response has the items `list`.
fn lines_with(
    collector: &Collector,
    examples: &[Map<String, Value>],
    index: usize,
    field: &str,
    list: &str,
) -> usize {
    let mut texts = Vec::new();
    for (number, example) in examples.iter().enumerate() {
        let mut example = example.clone();
        if number == index {
            example.remove(field);
        }
        let text = serde_json::to_string(&example).unwrap();
        if number == index {
            texts.push(format!("{{\"{field}\":[{list}],{}", &text[1..]));
        } else {
            texts.push(text);
        }
    }
    let texts: Vec<Vec<&str>> = texts.iter().map(|text| vec![text.as_str()]).collect();
    let parsed = read_texts(collector, &texts).unwrap();
    lines(collector, &parsed).len()
}

#[test]
fn the_names_of_all_fields_are_known_without_a_response() {
    for collector in &ALL {
        let known = collector.fields();
        let mut in_examples = BTreeSet::new();
        for example in examples(collector) {
            names(&Value::Object(example), &mut in_examples);
        }
        // Optional fields that the examples leave out.
        let absent = ["LastScanTime", "ScanResult"];
        for field in &known {
            assert!(
                in_examples.contains(*field) || absent.contains(field),
                "{collector:?}: {field}"
            );
        }
        assert!(known.len() >= 4, "{collector:?}: {known:?}");
    }
}

/// The keys of all objects in `value`.
fn names(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                found.insert(name.clone());
                names(value, found);
            }
        }
        Value::Array(items) => {
            for item in items {
                names(item, found);
            }
        }
        _ => {}
    }
}

/// The other half of the law is in the tests of `vul_scan`.
#[test]
fn a_malware_or_image_scan_in_the_future_is_noticed() {
    for (name, field) in [("virus_scan", "StartTime"), ("image_scan", "LastScanTime")] {
        let collector = ALL.iter().find(|it| it.name == name).unwrap();
        // The examples are read as of 2025-11-25 00:00 in UTC+8.
        for (time, is_ahead) in [
            ("2025-11-25 07:58:00", true),
            ("2025-11-24 23:58:00", false),
        ] {
            let mut responses = examples(collector);
            responses[0].insert(field.into(), json!(time));
            let parsed = read(collector, &responses).unwrap();
            assert_eq!(parsed.starts_ahead.is_some(), is_ahead, "{name} {time}");
        }
    }
}
