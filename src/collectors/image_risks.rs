//! `DescribeImageRiskSummary`: what was found in local images, by kind and severity.

use super::{Action, Answer, Body, BySeverity, Family, Fields, FindingKind, Per};

/// The latest answer.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageRisks {
    /// In the order of [`FindingKind::ALL`]; `None` if the list could not be read.
    pub risks: [Option<BySeverity>; 3],
}

impl Answer for ImageRisks {
    const NAME: &'static str = "image_risks";
    const ACTIONS: &'static [Action] = &[Action {
        name: "DescribeImageRiskSummary",
        body: Body::Fixed("{}"),
    }];
    const PER: Per = Per::Account;
    const FAMILIES: &'static [Family<ImageRisks>] = &FAMILIES;

    fn read(fields: &mut Fields<'_>, _: Option<&ImageRisks>) -> ImageRisks {
        ImageRisks {
            risks: [
                by_level(fields, "VulnerabilityCnt"),
                by_level(fields, "MalwareVirusCnt"),
                by_level(fields, "RiskCnt"),
            ],
        }
    }
}

/// A list with an item for each severity. The API may leave out those without risks, so a severity
/// that is not listed has none; one whose count cannot be read is not known.
fn by_level(fields: &mut Fields<'_>, field: &'static str) -> Option<BySeverity> {
    let mut counts = [Some(0.0); 4];
    let is_list = fields.each(field, |item| {
        let levels = [
            ("CRITICAL", 0),
            ("HIGH", 1),
            ("MEDIUM", 2),
            ("MIDDLE", 2),
            ("LOW", 3),
        ];
        let level: Option<usize> = item.one_of("Level", &levels);
        let count = item.count("Cnt");
        if let Some(level) = level {
            counts[level] = match (counts[level], count) {
                (Some(sum), Some(count)) => Some(sum + count),
                _ => None,
            };
        }
    });
    let [critical, high, medium, low] = counts;
    is_list.then_some(BySeverity {
        critical,
        high,
        medium,
        low,
    })
}

const FAMILIES: [Family<ImageRisks>; 1] = [Family::fresh(
    "tcss_image_risks",
    "Number of risks found in local images.",
    |answer, samples| {
        for (kind, risks) in FindingKind::ALL.iter().zip(answer.risks) {
            if let Some(risks) = risks {
                risks.add_to(&[("kind", kind.as_str())], samples);
            }
        }
    },
)];
