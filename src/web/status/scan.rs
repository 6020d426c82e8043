//! Which jobs the page shows, and what their answers say.

use std::time::Duration;

use crate::{
    collectors::{Answer as _, Pace, VulScan},
    domain::Moment,
    store::{Data, JobEntry},
};

/// A running scan without progress for longer than this is stalled, as for the alert
/// `TcssScanStuck` by default.
const STALLED_AFTER: Duration = Duration::from_mins(30);

/// Whether the job polls a scan. Other jobs have no row on the page.
pub(super) fn has_scan(job: &JobEntry) -> bool {
    job.collector.name == VulScan::NAME
}

pub(super) fn is_scanning(data: &Data) -> bool {
    matches!(data.pace, Pace::Scanning { .. })
}

pub(super) fn is_stalled(data: &Data, now: Moment) -> bool {
    match data.answer.get::<VulScan>() {
        Some(scan) => stalled_for(scan, now).is_some(),
        None => false,
    }
}

/// How long the running scan has made no progress, if that is too long.
pub(super) fn stalled_for(scan: &VulScan, now: Moment) -> Option<Duration> {
    let change = scan.progress_change?;
    // The clock may have been set back since.
    let age = Duration::try_from(now.wall.duration_since(change.at)).ok()?;
    (age > STALLED_AFTER).then_some(age)
}

/// The name of the scan; empty for a job that does not poll one.
pub(super) fn scan_name(job: &JobEntry) -> &str {
    match &job.scan {
        Some(scan) => scan.as_str(),
        None => "",
    }
}
