//! What the account has, and what it has paid for.

use std::time::Duration;

use serde_json::{Value, json};

use crate::simulator::{
    parameters::Parameters,
    reply::date,
    situation::{Situation, signed},
};

/// A licence is bought for this time.
const LICENCE_LENGTH: Duration = Duration::from_hours(365 * 24);

pub(super) fn summary(situation: &Situation<'_>, _: &Parameters) -> Value {
    let (counts, assets) = (situation.counts(), &situation.identity.assets);
    let (local, registry) = situation.risk_images();
    let scanned = counts.local_images + counts.registry_images;
    let is_scanned = scanned > 0;
    let vulnerabilities = situation.by_severity();
    json!({
        "ImageCnt": situation.n_images(),
        "ScannedImageCnt": scanned,
        "UnScannedImageCnt": assets.unscanned_images,
        "LocalImageCnt": counts.local_images + assets.unscanned_images,
        "RepositoryImageCnt": counts.registry_images,
        "RiskLocalImageCnt": local,
        "RiskRepositoryImageCnt": registry,
        "ContainerCnt": assets.containers,
        "RiskContainerCnt": local.min(assets.containers),
        "ClusterCnt": assets.clusters,
        "RiskClusterCnt": local.min(assets.clusters),
        "UnScannedVulCnt": 0,
        "RiskVulCnt": vulnerabilities.iter().sum::<u32>(),
        "UnScannedBaseLineCnt": 0,
        "RiskBaseLineCnt": 0,
        "RuntimeUnhandleEventCnt": assets.malware,
        "UnScannedClusterCnt": 0,
        "ScanImageStatus": is_scanned,
        "ScanClusterStatus": true,
        "ScanBaseLineStatus": false,
        "ScanVulStatus": is_scanned,
        "VulRiskImageCnt": local + registry,
    })
}

pub(super) fn assets(situation: &Situation<'_>, _: &Parameters) -> Value {
    let (counts, assets) = (situation.counts(), &situation.identity.assets);
    let risk = counts.risk_images;
    let paused = assets.containers / 50;
    let stopped = assets.containers / 10;
    let last_scan = match situation.latest() {
        Some((run, _)) => date(situation.wall(run.started)),
        None => String::new(),
    };
    json!({
        "AppCnt": assets.containers / 2,
        "ContainerCnt": assets.containers,
        "ContainerPause": paused,
        "ContainerRunning": assets.containers - paused - stopped,
        "ContainerStop": stopped,
        "CreateTime": "2021-06-04 17:24:40",
        "DbCnt": 3,
        "ImageCnt": situation.n_images(),
        "HostOnline": assets.hosts,
        "HostCnt": assets.hosts,
        "ImageHasRiskInfoCnt": risk / 10,
        "ImageHasVirusCnt": assets.malware.min(risk),
        "ImageHasVulsCnt": risk,
        "ImageUntrustCnt": 0,
        "ListenPortCnt": assets.containers,
        "ProcessCnt": assets.containers * 3,
        "WebServiceCnt": assets.containers / 5,
        "LatestImageScanTime": last_scan,
        "ImageUnsafeCnt": risk,
        "HostUnInstallCnt": assets.hosts_without_agent,
        "SuperNodeCnt": 0,
        "SuperNodeRunningCnt": 0,
        "TodayNewImageCnt": 0,
        "TodayUnsafeImageCnt": 0,
        "RecommendedFixImageCnt": risk / 2,
        "ScannedImageCnt": counts.local_images + counts.registry_images,
        "UnScannedImageCnt": assets.unscanned_images,
    })
}

pub(super) fn purchase(situation: &Situation<'_>, _: &Parameters) -> Value {
    let licence = &situation.identity.licence;
    let expires = signed(licence.expires_in);
    let expires = situation.start.checked_add(expires);
    let expires = expires.unwrap_or(situation.start);
    let begin = expires.checked_sub(signed(LICENCE_LENGTH));
    let cores = situation.identity.assets.hosts * 8;
    let (state, sub_state) = if situation.has_licence() {
        (3, "NORMAL")
    } else {
        (4, "ISOLATE")
    };
    json!({
        "State": state,
        "AllCoresCnt": cores,
        "CoresCnt": cores,
        "UndefendCoresCnt": 0,
        "AuthorizedCoresCnt": cores,
        "GivenAuthorizedCoresCnt": 0,
        "CurrentFlexibleCoresCnt": 0,
        "ImageCnt": situation.n_images(),
        "AuthorizedImageCnt": situation.n_images().min(licence.images),
        "ExpirationTime": date(expires),
        "PurchasedAuthorizedCnt": licence.images,
        "AutomaticRenewal": 0,
        "GivenAuthorizedCnt": 0,
        "BeginTime": date(begin.unwrap_or(situation.start)),
        "SubState": sub_state,
        "InquireKey": "sv_yunjing_css_pem",
        "DefendPolicy": "All",
        "FlexibleCoresLimit": 0,
        "DefendClusterCoresCnt": 0,
        "DefendHostCoresCnt": cores,
        "TrialCoresCnt": 0,
        "NoContainerCoresCnt": 0,
    })
}

pub(super) fn licences(situation: &Situation<'_>, _: &Parameters) -> Value {
    let (counts, licence) = (situation.counts(), &situation.identity.licence);
    let unscanned = situation.identity.assets.unscanned_images;
    let used = situation.n_images().min(licence.images);
    // An expired licence is no longer valid for any image.
    let valid = if situation.has_licence() {
        licence.images
    } else {
        0
    };
    json!({
        "TotalAuthorizedCnt": valid,
        "UsedAuthorizedCnt": used.min(valid),
        "ScannedImageCnt": counts.local_images + counts.registry_images,
        "NotScannedImageCnt": unscanned,
        "NotScannedLocalImageCnt": unscanned,
        "TrialAuthorizedCnt": 0,
        "UsedTrialAuthorizedCnt": 0,
        "PurchasedAuthorizedCnt": licence.images,
        "UsedPurchasedAuthorizedCnt": used.min(valid),
        "CanApplyFreeImageAuthorize": false,
        "ImageScanInquireInfo": {
            "InquireKey": "sv_yunjing_cssil_image",
            "Capcity": 10_000,
            "Useage": situation.n_images(),
            "StartTime": "2021-06-04 17:24:40",
            "EndTime": "2031-06-04 17:24:40",
            "PurchaseStatus": "Normal",
            "ResourceID": "427c59056cbd64e30b3990e8d7b25c19",
            "PayNum": 10_000,
            "TrialNum": 0,
            "PayUsage": situation.n_images(),
        },
        "RepeatImageIdCnt": 0,
    })
}
