//! `DescribePurchaseStateInfo` and `DescribeImageAuthorizedInfo`: what is paid for, and how much of
//! it is used.

use std::time::Duration;

use jiff::Timestamp;

use super::{Action, Answer, Body, Family, Fields, HOURLY, Per};

/// The values of the label `state`. The API numbers all but the last one.
const STATES: [&str; 6] = [
    "trial_available",
    "purchase_required",
    "trial",
    "active",
    "expired",
    "unknown",
];

/// The latest answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Licence {
    /// One of `STATES`.
    pub state: &'static str,
    pub expiry: Option<Timestamp>,
    pub is_renewed: Option<bool>,
    pub protected_cores: Option<f64>,
    pub unprotected_cores: Option<f64>,
    pub image_licences: Option<f64>,
    pub used_image_licences: Option<f64>,
    pub images_with_scanning: Option<f64>,
    pub images_without_scanning: Option<f64>,
    pub image_scans: ImageScanQuota,
}

/// Image scans are paid for separately.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ImageScanQuota {
    pub capacity: Option<f64>,
    pub used: Option<f64>,
    pub expiry: Option<Timestamp>,
}

impl Answer for Licence {
    const NAME: &'static str = "licence";
    const ACTIONS: &'static [Action] = &[
        Action {
            name: "DescribePurchaseStateInfo",
            body: Body::Fixed("{}"),
        },
        Action {
            name: "DescribeImageAuthorizedInfo",
            body: Body::Fixed("{}"),
        },
    ];
    const PER: Per = Per::Account;
    const INTERVAL: Option<Duration> = HOURLY;
    const FAMILIES: &'static [Family<Licence>] = &FAMILIES;

    fn read(fields: &mut Fields<'_>, _: Option<&Licence>) -> Licence {
        let state = state(fields);
        let expiry = fields.time("ExpirationTime");
        let is_renewed = is_renewed(fields);
        let protected_cores = fields.count("CoresCnt");
        let unprotected_cores = fields.count("UndefendCoresCnt");
        fields.response(1);
        Licence {
            state,
            expiry,
            is_renewed,
            protected_cores,
            unprotected_cores,
            image_licences: fields.count("TotalAuthorizedCnt"),
            used_image_licences: fields.count("UsedAuthorizedCnt"),
            images_with_scanning: fields.count("ScannedImageCnt"),
            images_without_scanning: fields.count("NotScannedImageCnt"),
            image_scans: image_scans(fields),
        }
    }
}

fn state(fields: &mut Fields<'_>) -> &'static str {
    for (number, state) in [0.0, 1.0, 2.0, 3.0, 4.0].iter().zip(STATES) {
        if fields.peek_count("State") == Some(*number) {
            // `peek_count` does not count as reading the field, and a response without a field
            // that was read is refused.
            fields.count("State");
            return state;
        }
    }
    fields.unexpected("State");
    "unknown"
}

/// 0 is the default, 1 is renewed automatically, 2 is explicitly not renewed.
fn is_renewed(fields: &mut Fields<'_>) -> Option<bool> {
    let renewal = fields.count("AutomaticRenewal")?;
    if renewal > 2.0 {
        fields.unexpected("AutomaticRenewal");
        return None;
    }
    Some(renewal == 1.0)
}

fn image_scans(fields: &mut Fields<'_>) -> ImageScanQuota {
    let mut quota = ImageScanQuota::default();
    // The API misspells both names.
    fields.object("ImageScanInquireInfo", |info| {
        quota = ImageScanQuota {
            capacity: info.count("Capcity"),
            used: info.count("Useage"),
            expiry: info.time("EndTime"),
        };
    });
    quota
}

const FAMILIES: [Family<Licence>; 10] = [
    Family::fresh(
        "tcss_licence_state",
        "State of the licence: 1 for the current state, 0 for all others.",
        |licence, samples| samples.add_state(&[], "state", &STATES, Some(licence.state)),
    ),
    Family::fresh(
        "tcss_licence_expiry_timestamp_seconds",
        "Unix time at which the licence expires.",
        |licence, samples| samples.add_time(licence.expiry),
    ),
    Family::fresh(
        "tcss_licence_automatic_renewal",
        "Whether the licence is renewed automatically.",
        |licence, samples| samples.add_flag(&[], licence.is_renewed),
    ),
    Family::fresh(
        "tcss_licence_cores",
        "Number of CPU cores by whether they are protected.",
        |licence, samples| {
            samples.add_with(&[("state", "protected")], licence.protected_cores);
            samples.add_with(&[("state", "unprotected")], licence.unprotected_cores);
        },
    ),
    Family::fresh(
        "tcss_licence_image_licences",
        "Number of valid image licences.",
        |licence, samples| samples.add(licence.image_licences),
    ),
    Family::fresh(
        "tcss_licence_used_image_licences",
        "Number of image licences in use.",
        |licence, samples| samples.add(licence.used_image_licences),
    ),
    Family::fresh(
        "tcss_licence_images",
        "Number of images by whether scanning is enabled for them.",
        |licence, samples| {
            samples.add_with(&[("scanning", "enabled")], licence.images_with_scanning);
            samples.add_with(&[("scanning", "disabled")], licence.images_without_scanning);
        },
    ),
    Family::fresh(
        "tcss_licence_image_scan_capacity",
        "Number of image scans that are paid for.",
        |licence, samples| samples.add(licence.image_scans.capacity),
    ),
    Family::fresh(
        "tcss_licence_used_image_scan_capacity",
        "Number of image scans used of those that are paid for.",
        |licence, samples| samples.add(licence.image_scans.used),
    ),
    Family::fresh(
        "tcss_licence_image_scan_expiry_timestamp_seconds",
        "Unix time at which the image scans that are paid for expire.",
        |licence, samples| samples.add_time(licence.image_scans.expiry),
    ),
];
