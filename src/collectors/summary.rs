//! `DescribeTcssSummary`: the overview of the console.
//!
//! `ImageCnt` is not the sum of `LocalImageCnt` and `RepositoryImageCnt`, in the documented example
//! either.

use super::{Action, Answer, Body, BySource, Family, Fields, Per};

/// The latest answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    pub images: BySource<f64>,
    /// As the API counts them, which is not the sum of the sources.
    pub all_images: Option<f64>,
    pub scanned_images: Option<f64>,
    pub unscanned_images: Option<f64>,
    pub risk_images: BySource<f64>,
    pub vulnerable_images: Option<f64>,
    pub containers: Option<f64>,
    pub risk_containers: Option<f64>,
    pub clusters: Option<f64>,
    pub risk_clusters: Option<f64>,
    pub unscanned_clusters: Option<f64>,
    pub unhandled_runtime_events: Option<f64>,
}

impl Answer for Summary {
    const NAME: &'static str = "summary";
    const ACTIONS: &'static [Action] = &[Action {
        name: "DescribeTcssSummary",
        body: Body::Fixed("{}"),
    }];
    const PER: Per = Per::Account;
    const FAMILIES: &'static [Family<Summary>] = &FAMILIES;

    fn read(fields: &mut Fields<'_>, _: Option<&Summary>) -> Summary {
        Summary {
            images: BySource {
                local: fields.count("LocalImageCnt"),
                registry: fields.count("RepositoryImageCnt"),
            },
            all_images: fields.count("ImageCnt"),
            scanned_images: fields.count("ScannedImageCnt"),
            unscanned_images: fields.count("UnScannedImageCnt"),
            risk_images: BySource {
                local: fields.count("RiskLocalImageCnt"),
                registry: fields.count("RiskRepositoryImageCnt"),
            },
            vulnerable_images: fields.count("VulRiskImageCnt"),
            containers: fields.count("ContainerCnt"),
            risk_containers: fields.count("RiskContainerCnt"),
            clusters: fields.count("ClusterCnt"),
            risk_clusters: fields.count("RiskClusterCnt"),
            unscanned_clusters: fields.count("UnScannedClusterCnt"),
            unhandled_runtime_events: fields.count("RuntimeUnhandleEventCnt"),
        }
    }
}

const FAMILIES: [Family<Summary>; 12] = [
    Family::fresh(
        "tcss_summary_images",
        "Number of images.",
        |summary, samples| summary.images.add_to(samples),
    ),
    Family::fresh(
        "tcss_summary_all_images",
        "Number of images of all sources, as counted by the API.",
        |summary, samples| samples.add(summary.all_images),
    ),
    Family::fresh(
        "tcss_summary_scanned_images",
        "Number of images that have been scanned.",
        |summary, samples| samples.add(summary.scanned_images),
    ),
    Family::fresh(
        "tcss_summary_unscanned_images",
        "Number of images that have not been scanned.",
        |summary, samples| samples.add(summary.unscanned_images),
    ),
    Family::fresh(
        "tcss_summary_risk_images",
        "Number of images at risk.",
        |summary, samples| summary.risk_images.add_to(samples),
    ),
    Family::fresh(
        "tcss_summary_vulnerable_images",
        "Number of images affected by vulnerabilities.",
        |summary, samples| samples.add(summary.vulnerable_images),
    ),
    Family::fresh(
        "tcss_summary_containers",
        "Number of containers.",
        |summary, samples| samples.add(summary.containers),
    ),
    Family::fresh(
        "tcss_summary_risk_containers",
        "Number of containers at risk.",
        |summary, samples| samples.add(summary.risk_containers),
    ),
    Family::fresh(
        "tcss_summary_clusters",
        "Number of clusters.",
        |summary, samples| samples.add(summary.clusters),
    ),
    Family::fresh(
        "tcss_summary_risk_clusters",
        "Number of clusters at risk.",
        |summary, samples| samples.add(summary.risk_clusters),
    ),
    Family::fresh(
        "tcss_summary_unscanned_clusters",
        "Number of clusters that have not been checked.",
        |summary, samples| samples.add(summary.unscanned_clusters),
    ),
    Family::fresh(
        "tcss_summary_unhandled_runtime_events",
        "Number of high-severity runtime events that have not been handled.",
        |summary, samples| samples.add(summary.unhandled_runtime_events),
    ),
];
