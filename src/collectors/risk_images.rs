//! `DescribeVulScanLocalImageList`: which local images of the last completed scan are worst.
//!
//! Each poll asks `DescribeVulScanInfo` whether there is a new completed scan. Only then is the
//! list read, page by page, once. The API has no such list of a scan for images in
//! registries.

use std::{collections::HashSet, num::NonZeroU64};

use bytes::Bytes;
use jiff::Timestamp;

use super::{
    Action, Answer, Body, BySeverity, Family, Fields, Limit, Per, Question, ScanStatus, vul_scan,
};

/// Images per request; the most that the API allows.
const PAGE: usize = 100;
/// A list that is longer is read up to here, those with the most vulnerabilities first.
const MAX_PAGES: usize = 10;

/// The values of the label `error`: those of the API, and the last one for any other.
const ERRORS: [&str; 4] = ["TIMEOUT", "TOO_MANY", "OFFLINE", "UNKNOWN"];

/// The latest answer.
#[derive(Clone, Debug, PartialEq)]
pub struct RiskImages {
    /// Of the last scan that was seen completed; `None` before, and if it had no local images.
    pub list: Option<ImageList>,
}

/// The images of one completed scan.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageList {
    pub run: Option<ScanRun>,
    /// As the API counts them.
    pub n_images: Option<f64>,
    pub n_read: u32,
    /// In the order of `ERRORS`.
    pub n_failed: [u32; 4],
    /// The worst first; at most as many as the limit.
    pub worst: Vec<RiskImage>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RiskImage {
    pub name: String,
    pub id: String,
    pub vulnerabilities: BySeverity,
}

/// What tells one scan from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanRun {
    pub task_id: NonZeroU64,
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
}

impl Answer for RiskImages {
    const NAME: &'static str = "risk_images";
    const ACTIONS: &'static [Action] = &[
        Action {
            name: "DescribeVulScanInfo",
            body: Body::OfScan(vul_scan::body),
        },
        Action {
            name: "DescribeVulScanLocalImageList",
            body: Body::Pages(page),
        },
    ];
    const PER: Per = Per::Scan;
    const LIMIT: Option<Limit> = Some(Limit {
        default: 20,
        max: 100,
    });
    const FAMILIES: &'static [Family<RiskImages>] = &FAMILIES;

    fn read(fields: &mut Fields<'_>, before: Option<&RiskImages>) -> RiskImages {
        let status = fields.one_of("Status", &ScanStatus::DOCUMENTED);
        let run = ScanRun::read(fields);
        // A scan without local images has no list.
        let has_none =
            status == Some(ScanStatus::Scanned) && fields.peek_count("LocalTaskID") == Some(0.0);
        // No page was requested if the list of this scan is known, or if a new scan has not
        // completed. Either way, the earlier list stays.
        let list = if fields.n_pages(1) > 0 {
            Some(ImageList::read(fields, run))
        } else if let Some(before) = before
            && !has_none
        {
            before.list.clone()
        } else {
            None
        };
        RiskImages { list }
    }
}

impl ScanRun {
    fn read(fields: &mut Fields<'_>) -> Option<ScanRun> {
        let (task_id, start, end) = (
            fields.id("LocalTaskID"),
            fields.time("ScanStartTime"),
            fields.time("ScanEndTime"),
        );
        Some(ScanRun {
            task_id: task_id?,
            start,
            end,
        })
    }
}

/// The next page of a list that was not read yet.
fn page(question: &mut Question<'_>) -> Option<Bytes> {
    let fields = question.fields.response(0);
    if fields.one_of("Status", &ScanStatus::DOCUMENTED)? != ScanStatus::Scanned {
        return None;
    }
    let run = ScanRun::read(fields)?;
    let n_pages = fields.n_pages(1);
    if n_pages > 0 {
        // Of the last page: the list may have changed since the first one was read.
        let total = fields.page(1, n_pages - 1).count("TotalCount")?;
        let mut n_images = 0;
        fields.each("List", |_| n_images += 1);
        // A short page is the last one, whatever the total says.
        if n_pages == MAX_PAGES || n_images < PAGE || total <= as_f64(n_pages * PAGE) {
            return None;
        }
    } else if let Some(before) = question.before::<RiskImages>()
        && let Some(list) = &before.list
        // The list of a completed scan does not change, so it is read once.
        && list.run == Some(run)
    {
        return None;
    }
    let body = serde_json::json!({
        "TaskID": run.task_id.get(),
        "Limit": PAGE,
        "Offset": n_pages * PAGE,
        // The worst first, since a long list is not read to its end.
        "By": "VulCount",
        "Order": "DESC",
    });
    Some(body.to_string().into())
}

impl ImageList {
    fn read(fields: &mut Fields<'_>, run: Option<ScanRun>) -> ImageList {
        let mut seen = HashSet::new();
        let mut list = ImageList {
            run,
            n_images: fields.page(1, 0).count("TotalCount"),
            n_read: 0,
            n_failed: [0; 4],
            worst: Vec::new(),
        };
        for page in 0..fields.n_pages(1) {
            // An API that sends more than was asked for must not cost more.
            let mut n_images = 0;
            fields.page(1, page).each("List", |item| {
                n_images += 1;
                if n_images <= PAGE {
                    list.add(item, &mut seen);
                }
            });
        }
        let limit = fields.limit();
        // Stable, so that images that are equally bad keep the order of the API.
        list.worst
            .sort_by_key(|image| std::cmp::Reverse(image.badness()));
        list.worst.truncate(limit);
        list
    }

    fn add(&mut self, item: &mut Fields<'_>, seen: &mut HashSet<(String, String)>) {
        let image = RiskImage::read(item);
        // The same image on several pages, if the list changed meanwhile, is one image.
        if let Some(image) = &image
            && !seen.insert((image.name.clone(), image.id.clone()))
        {
            return;
        }
        self.n_read += 1;
        self.count_failure(item);
        if let Some(image) = image
            && image.has_vulnerabilities()
        {
            self.worst.push(image);
        }
    }

    fn count_failure(&mut self, item: &mut Fields<'_>) {
        // The documentation has two sets of names for the same states.
        let states = [
            ("WAIT_SCAN", false),
            ("SCANNING", false),
            ("SCANNED", false),
            ("FINISHED", false),
            ("CANCELED", false),
            ("SCAN_ERR", true),
            ("FAILED", true),
        ];
        if item.one_of("ScanStatus", &states) != Some(true) {
            return;
        }
        let errors = [("TIMEOUT", 0), ("TOO_MANY", 1), ("OFFLINE", 2)];
        let error = item.one_of("ErrorStatus", &errors).unwrap_or(3);
        self.n_failed[error] += 1;
    }
}

impl RiskImage {
    /// Without name and ID, the image could not be identified.
    fn read(item: &mut Fields<'_>) -> Option<RiskImage> {
        let (name, id) = (item.text("ImageName"), item.text("ImageID"));
        let vulnerabilities = BySeverity::of_vulnerabilities(
            item,
            [
                "CriticalLevelVulCount",
                "HighLevelVulCount",
                "MediumLevelVulCount",
                "LowLevelVulCount",
            ],
        );
        Some(RiskImage {
            name: name?,
            id: id?,
            vulnerabilities,
        })
    }

    fn has_vulnerabilities(&self) -> bool {
        self.badness() != [0; 4]
    }

    /// By critical, then high, then the others. A count that could not be read counts as none.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count is a whole number that is not negative"
    )]
    fn badness(&self) -> [u64; 4] {
        let counts = self.vulnerabilities;
        let by_severity = [counts.critical, counts.high, counts.medium, counts.low];
        by_severity.map(|count| count.unwrap_or(0.0) as u64)
    }
}

#[expect(clippy::cast_precision_loss, reason = "at most a few thousand")]
fn as_f64(n: usize) -> f64 {
    n as f64
}

const FAMILIES: [Family<RiskImages>; 5] = [
    Family::lasting(
        "tcss_vul_scan_image_vulnerabilities",
        "Number of vulnerabilities of one of the worst local images of the last completed scan.",
        |answer, samples| {
            let Some(list) = &answer.list else { return };
            for image in &list.worst {
                let labels = [("image", image.name.as_str()), ("image_id", &image.id)];
                image.vulnerabilities.add_to(&labels, samples);
            }
        },
    ),
    Family::lasting(
        "tcss_vul_scan_image_list_images",
        "Number of local images of the last completed scan.",
        |answer, samples| {
            if let Some(list) = &answer.list {
                samples.add(list.n_images);
            }
        },
    ),
    Family::lasting(
        "tcss_vul_scan_image_list_read_images",
        "Number of local images of the last completed scan that the exporter has read.",
        |answer, samples| {
            if let Some(list) = &answer.list {
                samples.add(f64::from(list.n_read));
            }
        },
    ),
    Family::lasting(
        "tcss_vul_scan_image_list_failed_images",
        "Number of local images whose scan failed in the last completed scan.",
        |answer, samples| {
            let Some(list) = &answer.list else { return };
            for (error, count) in ERRORS.iter().zip(list.n_failed) {
                samples.add_with(&[("error", error)], f64::from(count));
            }
        },
    ),
    Family::lasting(
        "tcss_vul_scan_image_list_end_timestamp_seconds",
        "Unix time at which the scan of the image list ended.",
        |answer, samples| {
            if let Some(list) = &answer.list {
                samples.add_time(list.run.and_then(|run| run.end));
            }
        },
    ),
];
