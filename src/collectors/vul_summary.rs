//! `DescribeVulSummary` and `DescribeVulLevelSummary`: vulnerabilities by category and severity.
//!
//! An emergency vulnerability is also a system or web vulnerability, so the categories overlap.

use super::{Action, Answer, Body, BySeverity, BySource, Family, Fields, Per};

/// The value of the label `category`, in the order of the requests.
const CATEGORIES: [&str; 3] = ["system", "web", "emergency"];

/// The latest answer.
#[derive(Clone, Debug, PartialEq)]
pub struct VulSummary {
    /// In the order of the categories.
    pub vulnerabilities: [BySeverity; 3],
    /// As the API counts them, which is not the sum of the categories.
    pub all_vulnerabilities: Option<f64>,
    /// Of the system and of web applications: those to fix first.
    pub focus: [Option<f64>; 2],
    pub with_public_exploit: Option<f64>,
    pub with_remote_exploit: Option<f64>,
    /// Images with critical or high vulnerabilities.
    pub serious_images: BySource<f64>,
}

const fn level_summary(body: &'static str) -> Action {
    Action {
        name: "DescribeVulLevelSummary",
        body: Body::Fixed(body),
    }
}

impl Answer for VulSummary {
    const NAME: &'static str = "vul_summary";
    const ACTIONS: &'static [Action] = &[
        level_summary(r#"{"CategoryType":"SYSTEM"}"#),
        level_summary(r#"{"CategoryType":"WEB"}"#),
        level_summary(r#"{"CategoryType":"EMERGENCY"}"#),
        Action {
            name: "DescribeVulSummary",
            body: Body::Fixed("{}"),
        },
    ];
    const PER: Per = Per::Account;
    const FAMILIES: &'static [Family<VulSummary>] = &FAMILIES;

    fn read(fields: &mut Fields<'_>, _: Option<&VulSummary>) -> VulSummary {
        let levels = [
            "CriticalLevelVulCount",
            "HighLevelVulCount",
            "MediumLevelVulCount",
            "LowLevelVulCount",
        ];
        let mut vulnerabilities = [BySeverity::default(); 3];
        for (index, of_category) in vulnerabilities.iter_mut().enumerate() {
            *of_category = BySeverity::of_vulnerabilities(fields.response(index), levels);
        }
        fields.response(3);
        VulSummary {
            vulnerabilities,
            all_vulnerabilities: fields.count("VulTotalCount"),
            focus: [
                fields.count("SystemVulnerabilityFocusCount"),
                fields.count("WebVulnerabilityFocusCount"),
            ],
            with_public_exploit: fields.count("PocExpLevelVulCount"),
            with_remote_exploit: fields.count("RemoteExpLevelVulCount"),
            serious_images: BySource {
                local: fields.count("SeriousVulnerabilityLocalImageCount"),
                registry: fields.count("SeriousVulnerabilityRegistryImageCount"),
            },
        }
    }
}

const FAMILIES: [Family<VulSummary>; 6] = [
    Family::fresh(
        "tcss_vul_summary_vulnerabilities",
        "Number of vulnerabilities.",
        |summary, samples| {
            for (category, counts) in CATEGORIES.iter().zip(summary.vulnerabilities) {
                counts.add_to(&[("category", category)], samples);
            }
        },
    ),
    Family::fresh(
        "tcss_vul_summary_all_vulnerabilities",
        "Number of vulnerabilities of all categories, as counted by the API.",
        |summary, samples| samples.add(summary.all_vulnerabilities),
    ),
    Family::fresh(
        "tcss_vul_summary_focus_vulnerabilities",
        "Number of vulnerabilities that the service recommends to fix first.",
        |summary, samples| {
            for (category, count) in CATEGORIES.iter().zip(summary.focus) {
                samples.add_with(&[("category", category)], count);
            }
        },
    ),
    Family::fresh(
        "tcss_vul_summary_public_exploit_vulnerabilities",
        "Number of vulnerabilities with a public proof of concept or exploit.",
        |summary, samples| samples.add(summary.with_public_exploit),
    ),
    Family::fresh(
        "tcss_vul_summary_remote_exploit_vulnerabilities",
        "Number of vulnerabilities with a remote exploit.",
        |summary, samples| samples.add(summary.with_remote_exploit),
    ),
    Family::fresh(
        "tcss_vul_summary_serious_images",
        "Number of images affected by critical or high vulnerabilities.",
        |summary, samples| summary.serious_images.add_to(samples),
    ),
];
