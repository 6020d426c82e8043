//! What `scan` prints.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    clock::Moment,
    collectors::{Sample, vul_scan_info as vul},
    store::{JobEntry, Snapshot, Table},
};

const HEAD: [&str; 8] = [
    "ACCOUNT",
    "SCAN",
    "STATUS",
    "PROGRESS",
    "RISK IMAGES",
    "VULNERABILITIES (LOCAL/REGISTRY)",
    "UP",
    "ERROR",
];

/// One row a scan.
pub(super) fn table(table: &Table, now: Moment) -> String {
    let scans = table.jobs.iter().filter(|job| std::ptr::eq(job.collector, &raw const vul::COLLECTOR));
    let rows = scans.map(|job| row(job, &job.snapshot(), now));
    let rows: Vec<[String; 8]> = [HEAD.map(str::to_owned)].into_iter().chain(rows).collect();
    let widths: [usize; 8] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let line = |row: &[String; 8]| {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

fn row(job: &JobEntry, snapshot: &Snapshot, now: Moment) -> [String; 8] {
    let samples = snapshot.fresh(now, job.stale_after).map_or(&[][..], |data| &data.samples);
    let values = |family: usize| {
        let values = samples.iter().filter(move |sample| sample.family == family).map(|sample| sample.value);
        values.map(|value| value.to_string()).collect::<Vec<_>>().join("/")
    };
    let status = samples.iter().find(|sample| sample.family == vul::STATUS && sample.value > 0.0);
    let progress = samples.iter().find(|sample| sample.family == vul::PROGRESS);
    [
        job.account.to_string(),
        job.scan.to_string(),
        status.and_then(|sample| sample.labels.split('"').nth(1)).unwrap_or("-").to_owned(),
        progress.map_or_else(|| "-".into(), |sample| format!("{:.0} %", sample.value * 100.0)),
        or_dash(values(vul::RISK_IMAGES)),
        or_dash(values(vul::FOUND_VULNERABILITIES)),
        if snapshot.is_up() { "yes" } else { "no" }.into(),
        failure(snapshot).map(|(reason, message)| format!("{reason}: {message}")).unwrap_or_default(),
    ]
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "-".into() } else { text }
}

/// One object a scan: what it is, how the poll went, and its samples as they are on `/metrics`.
pub(super) fn json(table: &Table, now: Moment) -> String {
    let scans: Vec<Scan> = table.jobs.iter().map(|job| Scan::of(job, &job.snapshot(), now)).collect();
    serde_json::to_string_pretty(&scans).expect("text and numbers are JSON") + "\n"
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "named as the label")]
struct Scan {
    account: String,
    scan: String,
    up: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<String>,
    samples: Map<String, Value>,
}

impl Scan {
    fn of(job: &JobEntry, snapshot: &Snapshot, now: Moment) -> Scan {
        let failure = failure(snapshot);
        let data = snapshot.fresh(now, job.stale_after);
        let named = |sample: &Sample| {
            let name = job.collector.families[sample.family].name;
            let name =
                if sample.labels.is_empty() { name.into() } else { format!("{name}{{{}}}", sample.labels) };
            (name, json!(sample.value))
        };
        Scan {
            account: job.account.to_string(),
            scan: job.scan.to_string(),
            up: snapshot.is_up(),
            reason: failure.as_ref().map(|(reason, _)| reason.clone()),
            error: failure.map(|(_, message)| message),
            as_of: data.map(|data| data.as_of.wall.to_string()),
            samples: data.into_iter().flat_map(|data| &data.samples).map(named).collect(),
        }
    }
}

fn failure(snapshot: &Snapshot) -> Option<(String, String)> {
    let error = snapshot.failure()?;
    let request_id = error.request_id.as_ref().map(|id| format!(" (RequestId {id})")).unwrap_or_default();
    Some((error.reason.to_string(), format!("{error}{request_id}")))
}
