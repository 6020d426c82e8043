//! The documentation compared with the code.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
    time::Duration,
};

use super::{super::*, ANSWER, World};
use crate::{
    client::ApiError,
    domain::{AccountInfo, AccountName, AccountOrigin, Reason, RefreshFailure, ScanName, Uin},
    store::{DiscoveryEntry, JobEntry, Outcome},
    telemetry::Telemetry,
};

/// Type, labels and first words of the meaning, by name.
type Families = BTreeMap<String, (String, BTreeSet<String>, String)>;

fn docs(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// The rows of the tables of metrics.
fn documented() -> Families {
    let mut families = Families::new();
    for line in docs("docs/metrics.md")
        .lines()
        .filter(|line| line.starts_with("| `"))
    {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, labels, meaning] = cells[..] else {
            panic!("not four cells: {line}")
        };
        let labels = labels
            .split(", ")
            .map(|label| label.trim_matches('`').to_owned());
        let labels = labels.filter(|label| !label.is_empty()).collect();
        let row = (kind.to_owned(), labels, meaning.to_owned());
        let is_twice = families
            .insert(name.trim_matches('`').to_owned(), row)
            .is_some();
        assert!(!is_twice, "{name} stands twice");
    }
    families
}

/// The families of the code: from their tables, since some have no series; with the labels of the series that one account
/// that answered and one that failed have.
fn of_the_code() -> Families {
    let mut families = Families::new();
    let mut add = |name: &str, kind: &str, labels: &[&str], help: &str| {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        families.insert(name.to_owned(), (kind.to_owned(), labels, help.to_owned()));
    };
    for collector in &collectors::ALL {
        let labels: &[&str] = match collector.per {
            collectors::Per::Account => &["account"],
            collectors::Per::Scan => &["account", "scan"],
        };
        for family in collector.families() {
            add(family.name, "gauge", labels, family.help);
        }
    }
    for family in &polls::FAMILIES {
        let labels = ["account", "collector", "scan"];
        add(family.name, family.kind.as_str(), &labels, family.help);
    }
    for family in &accounts::FAMILIES {
        add(family.name, family.kind.as_str(), &["account"], family.help);
    }
    let family = &fleet::ACCOUNTS;
    add(
        family.name,
        family.kind.as_str(),
        &["source", "state"],
        family.help,
    );
    for family in &fleet::DISCOVERIES {
        add(
            family.name,
            family.kind.as_str(),
            &["discovery"],
            family.help,
        );
    }

    let telemetry = Telemetry::new(&collectors::action_names()).unwrap();
    let world = World::new(&["answered", "failed"]);
    let mut table = (*world.store.table()).clone();
    let label = Arc::from("organization");
    let entry = DiscoveryEntry::new(&label, AccountOrigin::Organization);
    table.discoveries.push(Arc::new(entry));
    world.store.replace(table);
    world.store.table().accounts[0].set_info(AccountInfo {
        uin: Uin::new(1),
        discovery: Some(label),
        ..AccountInfo::default()
    });
    telemetry.web_config_loaded(world.now);
    let lease = telemetry.register_lease("tcss", &["network"]).unwrap();
    lease.set_last_renewal(world.now);
    telemetry.set_web_certificate_expiry(Some(world.now.wall));
    let registry = telemetry.gather();
    for family in &registry {
        let kind = format!("{:?}", family.get_field_type()).to_lowercase();
        add(family.name(), &kind, &[], family.help());
    }
    let scanned = ANSWER.replace("SCANNING", "SCANNED");
    world.answers(
        0,
        &scanned.replace("\"FoundVulCount\":7", "\"FoundVulCount\":null"),
    );
    world.outcome(1, Err(ApiError::of(Reason::Network)));
    let scrape = Scrape::new(&world.store, registry, world.now.after(Duration::ZERO));
    let mut text = scrape.text(Format::Text);
    for collector in &collectors::ALL[1..] {
        text.push_str(&example_lines(collector));
    }
    for (name, label) in text.lines().flat_map(labels) {
        let family = families
            .get_mut(&name)
            .unwrap_or_else(|| panic!("{name} is in no table"));
        family.1.insert(label);
    }
    families
}

/// The lines of a job whose responses are the documented examples, with what they leave out.
fn example_lines(collector: &'static Collector) -> String {
    let mut texts = Vec::new();
    for action in collector.actions {
        let example = docs(&format!("tests/fixtures/collectors/{}.json", action.name));
        let typical = example
            .replace(
                "\"Enable\"",
                "\"LastScanTime\": \"\", \"ScanResult\": \"Success\", \"Enable\"",
            )
            .replace(
                "\"LastScanTime\": \"\"",
                "\"LastScanTime\": \"2024-10-11 14:34:15\"",
            )
            .replace("\"LocalTaskID\": 0", "\"LocalTaskID\": 1")
            .replace("\"HighLevelVulCount\": 0", "\"HighLevelVulCount\": 1")
            .replace("\"AutomaticRenewal\": 194", "\"AutomaticRenewal\": 1")
            .replace("\"NOT_SCAN\"", "\"SCANNED\"");
        texts.push(typical);
    }
    let texts: Vec<Vec<&str>> = texts.iter().map(|text| vec![text.as_str()]).collect();
    let reading = collectors::Reading {
        time_zone: &jiff::tz::TimeZone::UTC,
        as_of: jiff::Timestamp::UNIX_EPOCH,
        limit: 10,
    };
    let parsed = collector.read(&texts, reading, None).unwrap();
    let scan = ScanName::parse("latest").unwrap();
    let scan = (collector.per == collectors::Per::Scan).then_some(&scan);
    let name = AccountName::parse("example").unwrap();
    let job = JobEntry::new(&name, scan, collector, Duration::from_secs(300));
    let now = World::new(&[]).now;
    job.replace(Snapshot::default().after(Outcome {
        at: now,
        took: Duration::ZERO,
        result: Ok(parsed),
    }));
    let mut lines = String::new();
    let mut table = crate::store::Table::default();
    table.jobs.push(Arc::new(job));
    let blocks = LineCache::default().lines(&Arc::new(table), now).jobs;
    for (index, family) in collector.families().enumerate() {
        let of_family = str::from_utf8(blocks[0].of_answers(index)).unwrap();
        let may_be_absent = family.name.contains("remaining");
        assert!(!of_family.is_empty() || may_be_absent, "{}", family.name);
        lines.push_str(of_family);
    }
    lines
}

/// The labels of a line, each with the family; `le` belongs to the format.
fn labels(line: &str) -> Vec<(String, String)> {
    let Some((name, rest)) = line.split_once('{').filter(|_| !line.starts_with('#')) else {
        return Vec::new();
    };
    let name = ["_bucket", "_sum", "_count"]
        .into_iter()
        .find_map(|suffix| {
            name.strip_suffix(suffix)
                .filter(|name| name.ends_with("_seconds"))
        })
        .unwrap_or(name);
    let names = rest
        .split("=\"")
        .map(|part| part.rsplit([',', '"']).next().unwrap_or(part));
    let mut names: Vec<&str> = names.collect();
    names.pop(); // what follows the last value
    names
        .into_iter()
        .filter(|label| *label != "le")
        .map(|label| (name.to_owned(), label.to_owned()))
        .collect()
}

#[cfg(target_os = "linux")] // elsewhere there is no process_*
#[test]
fn the_documentation_names_every_metric_with_its_type_and_labels_and_no_other() {
    let (documented, code) = (documented(), of_the_code());
    let missing = |from: &Families, of: &Families| -> Vec<String> {
        of.keys()
            .filter(|name| !from.contains_key(*name))
            .cloned()
            .collect()
    };
    assert_eq!(
        missing(&documented, &code),
        [""; 0],
        "in the code and not documented"
    );
    assert_eq!(
        missing(&code, &documented),
        [""; 0],
        "documented and not in the code"
    );
    for (name, (kind, labels, help)) in code {
        let (documented_kind, documented_labels, meaning) = &documented[&name];
        assert_eq!(
            (documented_kind, documented_labels),
            (&kind, &labels),
            "{name}: documented; in the code"
        );
        assert!(
            meaning.starts_with(&help),
            "{name}: the meaning begins with the help text: {help}"
        );
    }
}

#[test]
fn the_documentation_names_the_values_of_labels() {
    let docs = docs("docs/metrics.md");
    let reasons = Reason::ALL.into_iter().map(Reason::as_str);
    let fields = collectors::ALL
        .iter()
        .flat_map(collectors::Collector::fields);
    let failures = RefreshFailure::all().into_iter();
    let failures = failures.map(RefreshFailure::as_str);
    for value in reasons.chain(failures).chain(fields) {
        assert!(docs.contains(&format!("`{value}`")), "{value}");
    }
}

/// No page may contain a query for a metric that does not exist.
#[test]
fn every_page_names_metrics_that_exist() {
    let known = documented();
    for page in [
        "README.md",
        "README.zh-CN.md",
        "docs/configuration.md",
        "docs/discovery.md",
        "docs/metrics.md",
        "docs/operation.md",
        "docs/simulator.md",
        "docs/web.md",
        "docs/zh-CN/configuration.md",
        "docs/zh-CN/credentials.md",
        "docs/zh-CN/install.md",
        "docs/zh-CN/metrics.md",
    ] {
        let text = docs(page);
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
        for word in words.filter(|word| word.starts_with("tcss_") && !word.contains("::")) {
            assert!(known.contains_key(word), "{page}: {word}");
        }
    }
}
