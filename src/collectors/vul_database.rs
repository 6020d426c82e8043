//! `DescribeVulImageSummary`: the vulnerability library, and the images to which it is applied.

use std::time::Duration;

use jiff::Timestamp;

use super::{Action, Answer, Body, Family, Fields, HOURLY, Per};

/// The latest answer.
#[derive(Clone, Debug, PartialEq)]
pub struct VulDatabase {
    pub update: Option<Timestamp>,
    pub vulnerabilities: Option<f64>,
    pub scanned_images: Option<f64>,
    pub licensed_images: Option<f64>,
    pub serious_images: Option<f64>,
}

impl Answer for VulDatabase {
    const NAME: &'static str = "vul_database";
    const ACTIONS: &'static [Action] = &[Action {
        name: "DescribeVulImageSummary",
        body: Body::Fixed("{}"),
    }];
    const PER: Per = Per::Account;
    const INTERVAL: Option<Duration> = HOURLY;
    const FAMILIES: &'static [Family<VulDatabase>] = &FAMILIES;

    fn read(fields: &mut Fields<'_>, _: Option<&VulDatabase>) -> VulDatabase {
        VulDatabase {
            update: fields.time("VulLibraryUpdateTime"),
            vulnerabilities: fields.count("SupportVulTotalCount"),
            scanned_images: fields.count("ScannedImageCount"),
            licensed_images: fields.count("AllAuthorizedImageCount"),
            serious_images: fields.count("SeriousVulImageCount"),
        }
    }
}

const FAMILIES: [Family<VulDatabase>; 5] = [
    Family::fresh(
        "tcss_vul_database_update_timestamp_seconds",
        "Unix time at which the vulnerability library was updated.",
        |database, samples| samples.add_time(database.update),
    ),
    Family::fresh(
        "tcss_vul_database_vulnerabilities",
        "Number of vulnerabilities in the vulnerability library.",
        |database, samples| samples.add(database.vulnerabilities),
    ),
    Family::fresh(
        "tcss_vul_database_scanned_images",
        "Number of images that have been scanned for vulnerabilities.",
        |database, samples| samples.add(database.scanned_images),
    ),
    Family::fresh(
        "tcss_vul_database_licensed_images",
        "Number of images that have a licence.",
        |database, samples| samples.add(database.licensed_images),
    ),
    Family::fresh(
        "tcss_vul_database_serious_images",
        "Number of images affected by critical or high vulnerabilities.",
        |database, samples| samples.add(database.serious_images),
    ),
];
