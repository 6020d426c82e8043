//! What was found in images.

use serde_json::{Value, json};

use crate::simulator::{
    parameters::Parameters,
    reply::{SimulatedError, date},
    scan::PlayStatus,
    scenario::{Found, Tasks},
    situation::{SeverityCounts, SimulatedImage, Situation, signed},
};

const DEFAULT_LIMIT: u64 = 10;
const MAX_LIMIT: u64 = 100;

/// The vulnerabilities of a category. One in four is in a web application; of the critical ones,
/// one in three is an emergency, which belongs to another category too.
fn of_category(all: SeverityCounts, category: &str) -> SeverityCounts {
    match category {
        "WEB" => all.map(|count| count / 4),
        "EMERGENCY" => [all[0] / 3, 0, 0, 0],
        _ => all.map(|count| count - count / 4),
    }
}

pub(super) fn levels(situation: &Situation<'_>, parameters: &Parameters) -> Value {
    let category = parameters.text("CategoryType").unwrap_or_default();
    let [critical, high, medium, low] = of_category(situation.by_severity(), category);
    json!({
        "CriticalLevelVulCount": critical,
        "HighLevelVulCount": high,
        "MediumLevelVulCount": medium,
        "LowLevelVulCount": low,
    })
}

pub(super) fn vul_summary(situation: &Situation<'_>, _: &Parameters) -> Value {
    let all = situation.by_severity();
    let serious = |counts: SeverityCounts| counts[0] + counts[1];
    let (system, web) = (of_category(all, "SYSTEM"), of_category(all, "WEB"));
    let (local, registry) = situation.risk_images();
    json!({
        "VulTotalCount": all.iter().sum::<u32>(),
        "SeriousVulCount": serious(all),
        "SuggestVulCount": system[0] + web[0],
        "PocExpLevelVulCount": serious(all) / 4,
        "RemoteExpLevelVulCount": serious(all) / 20,
        "SeriousVulNewestImageCount": local + registry,
        "SystemVulnerabilityFocusCount": system[0],
        "WebVulnerabilityFocusCount": web[0],
        "SeriousVulnerabilityLocalImageCount": local,
        "SeriousVulnerabilityRegistryImageCount": registry,
        "EmergencyVulnerabilityCount": of_category(all, "EMERGENCY")[0],
    })
}

pub(super) fn risks(situation: &Situation<'_>, _: &Parameters) -> Value {
    let mut vulnerabilities = [0; 4];
    for image in situation.local_images(situation.counts()) {
        for (sum, count) in vulnerabilities.iter_mut().zip(image.findings) {
            *sum += count;
        }
    }
    let malware = situation.identity.assets.malware;
    json!({
        "VulnerabilityCnt": by_level(vulnerabilities),
        "MalwareVirusCnt": by_level([malware, 0, 0, 0]),
        "RiskCnt": by_level([0, 0, situation.counts().risk_images / 10, 0]),
    })
}

/// Levels without risks are left out.
fn by_level(counts: SeverityCounts) -> Vec<Value> {
    let mut list = Vec::new();
    for (level, count) in ["CRITICAL", "HIGH", "MEDIUM", "LOW"].iter().zip(counts) {
        if count > 0 {
            list.push(json!({"Level": level, "Cnt": count}));
        }
    }
    list
}

pub(super) fn database(situation: &Situation<'_>, _: &Parameters) -> Value {
    let all = situation.by_severity();
    let age = signed(situation.identity.vul_library_age);
    let update = situation.start.checked_sub(age);
    let update = update.unwrap_or(situation.start);
    let counts = situation.counts();
    let (local, registry) = situation.risk_images();
    json!({
        "SeriousVulImageCount": local + registry,
        "ScannedImageCount": counts.local_images + counts.registry_images,
        "VulTotalCount": all.iter().sum::<u32>(),
        "SysTemVulCount": of_category(all, "SYSTEM").iter().sum::<u32>(),
        "WebVulCount": of_category(all, "WEB").iter().sum::<u32>(),
        "AllAuthorizedImageCount": situation.n_images().min(situation.identity.licence.images),
        "EmergencyVulCount": of_category(all, "EMERGENCY")[0],
        "SupportVulTotalCount": 70_678,
        "VulLibraryUpdateTime": date(update),
    })
}

pub(super) fn list(
    situation: &Situation<'_>,
    parameters: &Parameters,
) -> Result<Value, SimulatedError> {
    let task_id = parameters.integer("TaskID");
    let tasks = Tasks {
        local: task_id,
        registry: None,
    };
    let limit = parameters.integer("Limit").unwrap_or(DEFAULT_LIMIT);
    if limit > MAX_LIMIT {
        return Err("InvalidParameterValue.LengthLimit".into());
    }
    let offset = parameters.integer("Offset").unwrap_or(0);
    let is_ascending = match (parameters.text("By"), parameters.text("Order")) {
        (None | Some("VulCount"), None | Some("DESC" | "desc")) => false,
        (None | Some("VulCount"), Some("ASC" | "asc")) => true,
        _ => return Err("InvalidParameterValue".into()),
    };
    let Found::Scan(run, since_first) = situation.identity.scan(tasks, situation.elapsed) else {
        return Err("InvalidParameterValue.DataNotFound".into());
    };
    let progress = run.scan.at(since_first.saturating_sub(run.started));
    let mut images = situation.local_images(progress.counts);
    images.sort_by_key(|image| std::cmp::Reverse(image.findings.iter().sum::<u32>()));
    if is_ascending {
        images.reverse();
    }
    let started = date(situation.wall(run.started));
    let ended = match progress.ended_after {
        Some(length) => date(situation.wall(run.started + length)),
        None => String::new(),
    };
    let mut page = Vec::new();
    let (offset, limit) = (index(offset), index(limit));
    for image in images.iter().skip(offset).take(limit) {
        page.push(item(image, progress.status, &started, &ended, task_id));
    }
    Ok(json!({"TotalCount": images.len(), "List": page}))
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn item(
    image: &SimulatedImage,
    status: PlayStatus,
    started: &str,
    ended: &str,
    task_id: Option<u64>,
) -> Value {
    let status = match status {
        _ if image.is_failed => "FAILED",
        PlayStatus::Scanning => "SCANNING",
        PlayStatus::Scanned => "FINISHED",
        PlayStatus::Canceled => "CANCELED",
    };
    let [critical, high, medium, low] = image.findings;
    json!({
        "ImageID": image.id,
        "ImageName": image.name,
        "Size": 123_456_789.0,
        "ScanStatus": status,
        "ScanDuration": 5.0,
        "HighLevelVulCount": high,
        "MediumLevelVulCount": medium,
        "LowLevelVulCount": low,
        "CriticalLevelVulCount": critical,
        "TaskID": task_id,
        "ScanStartTime": started,
        "ScanEndTime": ended,
        "ErrorStatus": if image.is_failed { "TIMEOUT" } else { "" },
    })
}

pub(super) fn ranking(situation: &Situation<'_>, parameters: &Parameters) -> Value {
    const NAMES: [(&str, &str, &str); 4] = [
        ("SYSTEM", "OpenSSL heap overflow (simulated)", "CRITICAL"),
        ("SYSTEM", "glibc stack overflow (simulated)", "HIGH"),
        ("WEB", "Log4j remote code execution (simulated)", "CRITICAL"),
        ("EMERGENCY", "xz-utils backdoor (simulated)", "CRITICAL"),
    ];
    let category = parameters.text("CategoryType").unwrap_or_default();
    let n_risk = situation.counts().risk_images;
    let mut list = Vec::new();
    for (number, (of, name, level)) in (1..).zip(NAMES) {
        let n_images = n_risk / number;
        if of == category && n_images > 0 {
            list.push(json!({
                "VulName": name,
                "Level": level,
                "AffectedImageCount": n_images,
                "AffectedContainerCount": n_images.min(situation.identity.assets.containers),
                "ID": 1_000_000 + number,
                "PocID": format!("pcmgr-{}", 500_000 + number),
            }));
        }
    }
    json!({"List": list})
}
