//! `DescribeAssetImageScanSetting` and `DescribeImageRegistryTimingScanTask`: the scheduled scans of
//! local images and of images in registries.

use std::time::Duration;

use jiff::Timestamp;

use super::{Action, Answer, Body, Family, Fields, FindingKind, HOURLY, Per};

/// The values of the label `result`: those of the API, and the last one for any other.
const RESULTS: [&str; 5] = [
    "Success",
    "InsufficientLicense",
    "ImageNeedIsEmpty",
    "InternalError",
    "UNKNOWN",
];

/// The latest answer.
#[derive(Clone, Debug, PartialEq)]
pub struct ScanSettings {
    pub local: ScheduledScan,
    pub registry: ScheduledScan,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ScheduledScan {
    pub is_enabled: Option<bool>,
    /// In the order of [`FindingKind::ALL`].
    pub looks_for: [Option<bool>; 3],
    pub last_scan: Option<Timestamp>,
    /// One of [`RESULTS`]; `None` before the first scan.
    pub last_result: Option<&'static str>,
}

impl ScanSettings {
    fn by_source(&self) -> [(&'static str, &ScheduledScan); 2] {
        [("local", &self.local), ("registry", &self.registry)]
    }
}

impl Answer for ScanSettings {
    const NAME: &'static str = "scan_settings";
    const ACTIONS: &'static [Action] = &[
        Action {
            name: "DescribeAssetImageScanSetting",
            body: Body::Fixed("{}"),
        },
        Action {
            name: "DescribeImageRegistryTimingScanTask",
            body: Body::Fixed("{}"),
        },
    ];
    const PER: Per = Per::Account;
    const INTERVAL: Option<Duration> = HOURLY;
    const FAMILIES: &'static [Family<ScanSettings>] = &FAMILIES;

    fn read(fields: &mut Fields<'_>, _: Option<&ScanSettings>) -> ScanSettings {
        let looks_for = [
            fields.boolean("ScanVul"),
            fields.boolean("ScanVirus"),
            fields.boolean("ScanRisk"),
        ];
        let local = ScheduledScan::read(fields, looks_for);
        let looks_for = scan_types(fields.response(1));
        ScanSettings {
            local,
            registry: ScheduledScan::read(fields, looks_for),
        }
    }
}

impl ScheduledScan {
    fn read(fields: &mut Fields<'_>, looks_for: [Option<bool>; 3]) -> ScheduledScan {
        ScheduledScan {
            is_enabled: fields.boolean("Enable"),
            looks_for,
            // Both are missing in the documented examples.
            last_scan: fields.if_present("LastScanTime", Fields::time),
            last_result: fields
                .if_present("ScanResult", |fields, field| fields.state(field, &RESULTS)),
        }
    }
}

/// A list of types, which the API writes in capitals in one place and in small letters in another.
fn scan_types(fields: &mut Fields<'_>) -> [Option<bool>; 3] {
    let Some(types) = fields.texts("ScanType") else {
        return [None; 3];
    };
    let mut looks_for = [Some(false); 3];
    for name in types {
        match name.to_ascii_lowercase().as_str() {
            "cve" | "vul" => looks_for[0] = Some(true),
            "virus" => looks_for[1] = Some(true),
            "risk" => looks_for[2] = Some(true),
            _ => fields.unexpected("ScanType"),
        }
    }
    looks_for
}

const FAMILIES: [Family<ScanSettings>; 4] = [
    Family::fresh(
        "tcss_scan_settings_scheduled_scan_enabled",
        "Whether scheduled scans are enabled.",
        |settings, samples| {
            for (source, scan) in settings.by_source() {
                samples.add_flag(&[("source", source)], scan.is_enabled);
            }
        },
    ),
    Family::fresh(
        "tcss_scan_settings_kind_enabled",
        "Whether scheduled scans look for findings of a kind.",
        |settings, samples| {
            for (source, scan) in settings.by_source() {
                for (kind, is_enabled) in FindingKind::ALL.iter().zip(scan.looks_for) {
                    let labels = [("source", source), ("kind", kind.as_str())];
                    samples.add_flag(&labels, is_enabled);
                }
            }
        },
    ),
    Family::fresh(
        "tcss_scan_settings_last_scan_timestamp_seconds",
        "Unix time of the last scheduled scan.",
        |settings, samples| {
            for (source, scan) in settings.by_source() {
                samples.add_time_with(&[("source", source)], scan.last_scan);
            }
        },
    ),
    Family::fresh(
        "tcss_scan_settings_last_scan_result",
        "Result of the last scheduled scan: 1 for the current result, 0 for all others.",
        |settings, samples| {
            for (source, scan) in settings.by_source() {
                samples.add_state(&[("source", source)], "result", &RESULTS, scan.last_result);
            }
        },
    ),
];
