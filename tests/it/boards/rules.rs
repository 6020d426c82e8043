//! The recording rules and alerts in `dashboards/rules/`.

use std::fs;

use serde::Deserialize;

use super::dashboards;

#[derive(Deserialize)]
struct File {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
pub(super) struct Rule {
    pub(super) record: Option<String>,
    pub(super) alert: Option<String>,
    pub(super) expr: String,
}

impl Rule {
    pub(super) fn all() -> Vec<Rule> {
        let file: File = serde_saphyr::from_str(&text()).unwrap();
        file.groups
            .into_iter()
            .flat_map(|group| group.rules)
            .collect()
    }

    /// The name of the recorded metric or of the alert.
    pub(super) fn name(&self) -> &str {
        self.record
            .as_deref()
            .or(self.alert.as_deref())
            .expect("a rule has a name")
    }
}

/// The file of rules; the only one.
pub(super) fn text() -> String {
    let directory = dashboards().join("rules");
    let paths = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|it| it == "yml"))
        .collect();
    let [path] = &paths[..] else {
        panic!("one file: {paths:?}")
    };
    fs::read_to_string(path).unwrap()
}
