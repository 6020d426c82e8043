//! `DescribeAssetSummary`: images, containers and hosts.
//!
//! `ContainerCnt` is not the sum of the containers by state, in the documented example either.

use jiff::Timestamp;

use super::{Action, Answer, Body, Family, Fields, FindingKind, Per};

/// The latest answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Assets {
    pub images: Option<f64>,
    pub unsafe_images: Option<f64>,
    pub untrusted_images: Option<f64>,
    pub scanned_images: Option<f64>,
    pub unscanned_images: Option<f64>,
    pub recommended_fix_images: Option<f64>,
    /// In the order of [`FindingKind::ALL`].
    pub images_with_findings: [Option<f64>; 3],
    /// Running, paused, stopped.
    pub containers: [Option<f64>; 3],
    /// As the API counts them, which is not the sum of the states.
    pub all_containers: Option<f64>,
    pub hosts: Option<f64>,
    pub online_hosts: Option<f64>,
    pub hosts_without_agent: Option<f64>,
    pub last_image_scan: Option<Timestamp>,
}

impl Answer for Assets {
    const NAME: &'static str = "assets";
    const ACTIONS: &'static [Action] = &[Action {
        name: "DescribeAssetSummary",
        body: Body::Fixed("{}"),
    }];
    const PER: Per = Per::Account;
    const FAMILIES: &'static [Family<Assets>] = &FAMILIES;

    fn read(fields: &mut Fields<'_>, _: Option<&Assets>) -> Assets {
        Assets {
            images: fields.count("ImageCnt"),
            unsafe_images: fields.count("ImageUnsafeCnt"),
            untrusted_images: fields.count("ImageUntrustCnt"),
            scanned_images: fields.if_present("ScannedImageCnt", Fields::count),
            unscanned_images: fields.count("UnScannedImageCnt"),
            recommended_fix_images: fields.if_present("RecommendedFixImageCnt", Fields::count),
            images_with_findings: [
                fields.count("ImageHasVulsCnt"),
                fields.count("ImageHasVirusCnt"),
                fields.count("ImageHasRiskInfoCnt"),
            ],
            containers: [
                fields.count("ContainerRunning"),
                fields.count("ContainerPause"),
                fields.count("ContainerStop"),
            ],
            all_containers: fields.count("ContainerCnt"),
            hosts: fields.count("HostCnt"),
            online_hosts: fields.count("HostOnline"),
            hosts_without_agent: fields.count("HostUnInstallCnt"),
            last_image_scan: fields.time("LatestImageScanTime"),
        }
    }
}

const FAMILIES: [Family<Assets>; 13] = [
    Family::fresh(
        "tcss_assets_images",
        "Number of images.",
        |assets, samples| {
            samples.add(assets.images);
        },
    ),
    Family::fresh(
        "tcss_assets_unsafe_images",
        "Number of images at risk.",
        |assets, samples| samples.add(assets.unsafe_images),
    ),
    Family::fresh(
        "tcss_assets_untrusted_images",
        "Number of images that are not trusted.",
        |assets, samples| samples.add(assets.untrusted_images),
    ),
    Family::fresh(
        "tcss_assets_scanned_images",
        "Number of images that have been scanned.",
        |assets, samples| samples.add(assets.scanned_images),
    ),
    Family::fresh(
        "tcss_assets_unscanned_images",
        "Number of images that have not been scanned.",
        |assets, samples| samples.add(assets.unscanned_images),
    ),
    Family::fresh(
        "tcss_assets_recommended_fix_images",
        "Number of images that the service recommends to fix.",
        |assets, samples| samples.add(assets.recommended_fix_images),
    ),
    Family::fresh(
        "tcss_assets_images_with_findings",
        "Number of images with findings of a kind.",
        |assets, samples| {
            for (kind, count) in FindingKind::ALL.iter().zip(assets.images_with_findings) {
                samples.add_with(&[("kind", kind.as_str())], count);
            }
        },
    ),
    Family::fresh(
        "tcss_assets_containers",
        "Number of containers by state.",
        |assets, samples| {
            for (state, count) in ["running", "paused", "stopped"]
                .iter()
                .zip(assets.containers)
            {
                samples.add_with(&[("state", state)], count);
            }
        },
    ),
    Family::fresh(
        "tcss_assets_all_containers",
        "Number of containers of all states, as counted by the API.",
        |assets, samples| samples.add(assets.all_containers),
    ),
    Family::fresh(
        "tcss_assets_hosts",
        "Number of hosts.",
        |assets, samples| {
            samples.add(assets.hosts);
        },
    ),
    Family::fresh(
        "tcss_assets_online_hosts",
        "Number of hosts that are online.",
        |assets, samples| samples.add(assets.online_hosts),
    ),
    Family::fresh(
        "tcss_assets_hosts_without_agent",
        "Number of hosts on which the agent is not installed.",
        |assets, samples| samples.add(assets.hosts_without_agent),
    ),
    Family::fresh(
        "tcss_assets_last_image_scan_timestamp_seconds",
        "Unix time of the last image scan.",
        |assets, samples| samples.add_time(assets.last_image_scan),
    ),
];
