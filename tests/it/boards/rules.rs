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
    let names = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".yml")).collect();
    names.sort();
    assert_eq!(names, ["tcss.yml", "tcss.zh-CN.yml"]);
    fs::read_to_string(directory.join("tcss.yml")).unwrap()
}
