//! Counts that the API splits in the same ways in several answers.

use super::{Fields, Labels, Samples};

/// A value for local images and one for images in registries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BySource<T> {
    pub local: Option<T>,
    pub registry: Option<T>,
}

impl BySource<f64> {
    pub(super) fn add_to(self, samples: &mut Samples<'_>) {
        samples.add_with(&[("source", "local")], self.local);
        samples.add_with(&[("source", "registry")], self.registry);
    }
}

/// A count for each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BySeverity {
    pub critical: Option<f64>,
    pub high: Option<f64>,
    pub medium: Option<f64>,
    pub low: Option<f64>,
}

impl BySeverity {
    /// From the fields that several answers share.
    pub(super) fn of_vulnerabilities(fields: &mut Fields<'_>, names: [&'static str; 4]) -> Self {
        let [critical, high, medium, low] = names;
        BySeverity {
            critical: fields.count(critical),
            high: fields.count(high),
            medium: fields.count(medium),
            low: fields.count(low),
        }
    }

    pub(super) fn add_to(self, labels: Labels<'_>, samples: &mut Samples<'_>) {
        for (severity, count) in [
            ("critical", self.critical),
            ("high", self.high),
            ("medium", self.medium),
            ("low", self.low),
        ] {
            let mut labels = labels.to_vec();
            labels.push(("severity", severity));
            samples.add_with(&labels, count);
        }
    }
}

/// What a scan looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingKind {
    Vulnerability,
    Malware,
    SensitiveData,
}

impl FindingKind {
    pub const ALL: [FindingKind; 3] = [
        FindingKind::Vulnerability,
        FindingKind::Malware,
        FindingKind::SensitiveData,
    ];

    /// The value of the label `kind`.
    pub const fn as_str(self) -> &'static str {
        match self {
            FindingKind::Vulnerability => "vulnerability",
            FindingKind::Malware => "malware",
            FindingKind::SensitiveData => "sensitive_data",
        }
    }
}
