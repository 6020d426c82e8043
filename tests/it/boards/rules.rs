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

/// The file of rules. The only other one is the same in Chinese.
pub(super) fn text() -> String {
    let directory = dashboards().join("rules");
    let paths = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|it| it == "yml"))
        .collect();
    paths.sort();
    let expected = ["tcss.yml", "tcss.zh-CN.yml"].map(|name| directory.join(name));
    assert_eq!(paths, expected);
    fs::read_to_string(&paths[0]).unwrap()
}
