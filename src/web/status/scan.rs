//! Which jobs the page shows, and what their answers say.

use crate::{
    collectors::{Answer as _, Pace, VulScan},
    store::{Data, JobEntry},
};

/// Whether the job polls a scan. Other jobs have no row on the page.
pub(super) fn has_scan(job: &JobEntry) -> bool {
    job.collector.name == VulScan::NAME
}

pub(super) fn is_scanning(data: &Data) -> bool {
    matches!(data.pace, Pace::Scanning { .. })
}

/// The name of the scan; empty for a job that does not poll one.
pub(super) fn scan_name(job: &JobEntry) -> &str {
    match &job.scan {
        Some(scan) => scan.as_str(),
        None => "",
    }
}
