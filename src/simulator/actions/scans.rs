//! Scans and their settings.

use serde_json::{Value, json};

use crate::simulator::{
    parameters::Parameters,
    reply::{SimulatedError, VulScanInfo, date, whole_seconds},
    scan::PlayStatus,
    scenario::{Found, Tasks},
    situation::Situation,
};

pub(super) fn vul_scan_info(
    situation: &Situation<'_>,
    parameters: &Parameters,
) -> Result<Value, SimulatedError> {
    let tasks = Tasks {
        // As in the API's own answers, 0 means that there is no task.
        local: parameters.integer("LocalTaskID").filter(|id| *id > 0),
        registry: parameters.integer("RegistryTaskID").filter(|id| *id > 0),
    };
    let identity = situation.identity;
    let info = match identity.scan(tasks, situation.elapsed) {
        Found::NotScanned => VulScanInfo::not_scanned(),
        Found::NoSuchTask => return Err("InvalidParameterValue.DataNotFound".into()),
        Found::Scan(run, since_first) => {
            let progress = run.scan.at(since_first.saturating_sub(run.started));
            VulScanInfo::new(
                situation.wall(run.started),
                &progress,
                identity.task_ids(run),
            )
        }
    };
    Ok(serde_json::to_value(info).expect("text and numbers are JSON"))
}

pub(super) fn image_scan_task(situation: &Situation<'_>, _: &Parameters) -> Value {
    let Some((run, since)) = situation.latest() else {
        return json!({"TaskID": "", "LastScanTime": "", "Status": "", "SubStatus": ""});
    };
    let (status, result) = match run.scan.at(since).status {
        PlayStatus::Scanning => ("SCANNING", ""),
        PlayStatus::Scanned => ("END", run.scan.image_scan_result),
        PlayStatus::Canceled => ("END", "Cancel"),
    };
    json!({
        "TaskID": situation.identity.task_ids(run).local.to_string(),
        "LastScanTime": date(situation.wall(run.started)),
        "Status": status,
        "SubStatus": result,
    })
}

pub(super) fn image_scan_status(
    situation: &Situation<'_>,
    parameters: &Parameters,
) -> Result<Value, SimulatedError> {
    let Some((run, since)) = situation.latest() else {
        return Ok(json!({
            "ImageTotal": 0, "ImageScanCnt": 0, "Status": "", "Schedule": 0, "SuccessCount": 0,
            "RiskCount": 0, "LeftSeconds": 0,
        }));
    };
    let id = situation.identity.task_ids(run).local.to_string();
    if parameters.text("TaskID").is_some_and(|task| task != id) {
        return Err("InvalidParameterValue.DataNotFound".into());
    }
    let progress = run.scan.at(since);
    let scanned = part(progress.counts.local_images, progress.permille);
    let risk = progress.counts.risk_images.min(scanned);
    let status = match progress.status {
        PlayStatus::Scanning => "SCANNING",
        PlayStatus::Scanned | PlayStatus::Canceled => "END",
    };
    Ok(json!({
        "ImageTotal": progress.counts.local_images,
        "ImageScanCnt": scanned,
        "Status": status,
        "Schedule": progress.permille / 10,
        "SuccessCount": scanned - risk,
        "RiskCount": risk,
        "LeftSeconds": whole_seconds(progress.remaining),
    }))
}

pub(super) fn virus_scan(situation: &Situation<'_>, _: &Parameters) -> Value {
    let assets = &situation.identity.assets;
    let Some((run, since)) = situation.latest() else {
        return json!({
            "ContainerTotal": 0, "RiskContainerCnt": 0, "Status": "SCAN_NONE", "Schedule": 0,
            "ContainerScanCnt": 0, "RiskCnt": 0, "LeftSeconds": 0, "StartTime": "", "EndTime": "",
            "ScanType": "CYCLE",
        });
    };
    let progress = run.scan.at(since);
    let status = match progress.status {
        PlayStatus::Scanning => "SCAN_SCANNING",
        PlayStatus::Scanned => "SCAN_FINISH",
        PlayStatus::Canceled => "SCAN_CANCELED",
    };
    let malware = part(assets.malware, progress.permille);
    let mut end = String::new();
    if let Some(length) = progress.ended_after {
        end = situation.wall(run.started + length).to_string();
    }
    json!({
        "ContainerTotal": assets.containers,
        "RiskContainerCnt": malware.min(assets.containers),
        "Status": status,
        "Schedule": progress.permille / 10,
        "ContainerScanCnt": part(assets.containers, progress.permille),
        "RiskCnt": malware,
        "LeftSeconds": whole_seconds(progress.remaining),
        // RFC 3339, unlike the other actions.
        "StartTime": situation.wall(run.started).to_string(),
        "EndTime": end,
        "ScanType": "CYCLE",
    })
}

fn part(whole: u32, permille: u32) -> u32 {
    u32::try_from(u64::from(whole) * u64::from(permille) / 1000).unwrap_or(whole)
}

pub(super) fn local_setting(situation: &Situation<'_>, _: &Parameters) -> Value {
    json!({
        "Enable": situation.identity.has_scheduled_scans,
        "ScanTime": "16:40",
        "ScanPeriod": 1,
        "ScanVirus": true,
        "ScanRisk": true,
        "ScanVul": true,
        "All": true,
        "Images": [],
        "ContainerRunning": false,
        "ScanScope": 0,
        "ScanEndTime": "",
        "ExcludeImages": [],
        "LastScanTime": last_scan(situation),
        "ScanResult": situation.scheduled_result(),
        "ClusterIDs": [],
    })
}

pub(super) fn registry_setting(situation: &Situation<'_>, _: &Parameters) -> Value {
    json!({
        "Enable": situation.identity.has_scheduled_scans,
        "ScanTime": "17:10",
        "ScanPeriod": 1,
        "ScanType": ["CVE", "VIRUS", "RISK"],
        "All": true,
        "Images": [],
        "Id": [],
        "Latest": false,
        "ScanEndTime": "",
        "RegistryType": ["tcr"],
        "ContainerRunning": false,
        "ScanScope": 0,
        "Namespace": [],
        "ExcludeImageAssetIds": [],
        "LastScanTime": last_scan(situation),
        "ScanResult": situation.scheduled_result(),
    })
}

/// When the last scan was started; empty if there was none.
fn last_scan(situation: &Situation<'_>) -> String {
    match situation.latest() {
        Some((run, _)) => date(situation.wall(run.started)),
        None => String::new(),
    }
}
