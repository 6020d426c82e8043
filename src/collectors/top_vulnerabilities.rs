//! `DescribeVulTopRanking`: the vulnerabilities that affect most, by category.

use std::time::Duration;

use super::{Action, Answer, Body, Family, Fields, HOURLY, Limit, Per, Samples};

/// The value of the label `category`, in the order of the requests.
const CATEGORIES: [&str; 3] = ["system", "web", "emergency"];

/// The latest answer.
#[derive(Clone, Debug, PartialEq)]
pub struct TopVulnerabilities {
    /// In the order of the categories, each at most as long as the limit.
    pub rankings: [Vec<TopVulnerability>; 3],
}

#[derive(Clone, Debug, PartialEq)]
pub struct TopVulnerability {
    pub name: String,
    /// The service's own ID of the vulnerability.
    pub poc_id: String,
    pub severity: &'static str,
    pub affected_images: Option<f64>,
    pub affected_containers: Option<f64>,
}

const fn ranking(body: &'static str) -> Action {
    Action {
        name: "DescribeVulTopRanking",
        body: Body::Fixed(body),
    }
}

impl Answer for TopVulnerabilities {
    const NAME: &'static str = "top_vulnerabilities";
    const ACTIONS: &'static [Action] = &[
        ranking(r#"{"CategoryType":"SYSTEM"}"#),
        ranking(r#"{"CategoryType":"WEB"}"#),
        ranking(r#"{"CategoryType":"EMERGENCY"}"#),
    ];
    const PER: Per = Per::Account;
    const INTERVAL: Option<Duration> = HOURLY;
    const LIMIT: Option<Limit> = Some(Limit {
        default: 10,
        max: 50,
    });
    const FAMILIES: &'static [Family<TopVulnerabilities>] = &FAMILIES;

    fn read(fields: &mut Fields<'_>, _: Option<&TopVulnerabilities>) -> TopVulnerabilities {
        let mut rankings = [Vec::new(), Vec::new(), Vec::new()];
        for (index, ranking) in rankings.iter_mut().enumerate() {
            *ranking = read_ranking(fields.response(index));
        }
        TopVulnerabilities { rankings }
    }
}

/// The first ones, in the order of the API, which ranks them.
fn read_ranking(fields: &mut Fields<'_>) -> Vec<TopVulnerability> {
    let limit = fields.limit();
    let mut ranking: Vec<TopVulnerability> = Vec::new();
    fields.each("List", |item| {
        if ranking.len() < limit
            && let Some(vulnerability) = TopVulnerability::read(item)
        {
            // Twice the same labels would be twice the same series.
            let is_listed = ranking.iter().any(|other| vulnerability.is_same_as(other));
            if !is_listed {
                ranking.push(vulnerability);
            }
        }
    });
    ranking
}

impl TopVulnerability {
    /// Without its name, it could not be identified.
    fn read(item: &mut Fields<'_>) -> Option<TopVulnerability> {
        let levels = [
            ("CRITICAL", "critical"),
            ("HIGH", "high"),
            ("MIDDLE", "medium"),
            ("MEDIUM", "medium"),
            ("LOW", "low"),
        ];
        let (name, poc_id) = (item.text("VulName"), item.text("PocID"));
        let severity = item.one_of("Level", &levels);
        let affected_images = item.count("AffectedImageCount");
        let affected_containers = item.count("AffectedContainerCount");
        Some(TopVulnerability {
            name: name?,
            poc_id: poc_id.unwrap_or_default(),
            severity: severity.unwrap_or("unknown"),
            affected_images,
            affected_containers,
        })
    }

    fn is_same_as(&self, other: &TopVulnerability) -> bool {
        self.name == other.name && self.poc_id == other.poc_id && self.severity == other.severity
    }
}

impl TopVulnerabilities {
    fn add_to(&self, samples: &mut Samples<'_>, count: fn(&TopVulnerability) -> Option<f64>) {
        for (category, ranking) in CATEGORIES.iter().zip(&self.rankings) {
            for vulnerability in ranking {
                let labels = [
                    ("category", *category),
                    ("severity", vulnerability.severity),
                    ("vulnerability", vulnerability.name.as_str()),
                    ("poc_id", vulnerability.poc_id.as_str()),
                ];
                samples.add_with(&labels, count(vulnerability));
            }
        }
    }
}

const FAMILIES: [Family<TopVulnerabilities>; 2] = [
    Family::fresh(
        "tcss_top_vulnerabilities_affected_images",
        "Number of images affected by a top vulnerability.",
        |answer, samples| answer.add_to(samples, |vulnerability| vulnerability.affected_images),
    ),
    Family::fresh(
        "tcss_top_vulnerabilities_affected_containers",
        "Number of containers affected by a top vulnerability.",
        |answer, samples| answer.add_to(samples, |vulnerability| vulnerability.affected_containers),
    ),
];
