//! Which scans the page shows, and in which order: failing ones first.

use std::sync::Arc;

use super::{query::StatusQuery, scan};
use crate::{
    domain::{Moment, Text},
    store::{JobEntry, Snapshot, Table},
};

/// Bounds the size of a page, whatever the number of accounts.
pub(super) const ROWS_PER_PAGE: usize = 200;

/// Where a scan is listed, in the order of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub(super) enum RowState {
    /// The last poll failed.
    Failing,
    /// The last poll succeeded too long ago.
    Stale,
    /// The last poll succeeded, and a scan is running that has made no progress for too long.
    Stalled,
    /// There was no poll yet.
    Waiting,
    /// The last poll succeeded, and a scan is running.
    Scanning,
    /// The last poll succeeded, and no scan is running.
    Ok,
}

impl RowState {
    pub(super) const ALL: [RowState; 6] = [
        RowState::Failing,
        RowState::Stale,
        RowState::Stalled,
        RowState::Waiting,
        RowState::Scanning,
        RowState::Ok,
    ];

    pub(super) fn new(job: &JobEntry, snapshot: &Snapshot, now: Moment) -> RowState {
        if snapshot.last.is_none() {
            return RowState::Waiting;
        }
        // Before staleness: the page explains a failure, and a scan that fails becomes stale soon.
        if snapshot.failure().is_some() {
            return RowState::Failing;
        }
        match snapshot.fresh(now, job.stale_after) {
            None => RowState::Stale,
            Some(data) if scan::is_stalled(data, now) => RowState::Stalled,
            Some(data) if scan::is_scanning(data) => RowState::Scanning,
            Some(_) => RowState::Ok,
        }
    }

    /// After a number: "3 failing".
    pub(super) const fn label(self) -> Text {
        match self {
            RowState::Failing => Text::new("failing", "失败"),
            RowState::Stale => Text::new("stale", "陈旧"),
            RowState::Stalled => Text::new("stalled", "停滞"),
            RowState::Waiting => Text::new("waiting", "等待中"),
            RowState::Scanning => Text::new("scanning", "扫描中"),
            RowState::Ok => Text::new("OK", "正常"),
        }
    }

    /// The class in the style sheet.
    pub(super) const fn class(self) -> &'static str {
        match self {
            RowState::Ok => "ok",
            _ => self.label().en,
        }
    }
}

/// One scan at the time of the page.
#[derive(Debug)]
pub(super) struct StatusRow<'a> {
    pub(super) job: &'a JobEntry,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) state: RowState,
}

/// The scans of one page, and how many others there are.
#[derive(Debug)]
pub(super) struct StatusListing<'a> {
    /// Scans by [`RowState`], regardless of the filter.
    counts: [usize; RowState::ALL.len()],
    /// Scans that match the filter.
    pub(super) n_matching: usize,
    /// From 1.
    pub(super) page: usize,
    pub(super) n_pages: usize,
    pub(super) rows: Vec<StatusRow<'a>>,
}

impl<'a> StatusListing<'a> {
    pub(super) fn new(table: &'a Table, now: Moment, query: &StatusQuery) -> StatusListing<'a> {
        let filter = query.filter.to_lowercase();
        let mut counts = [0; RowState::ALL.len()];
        let mut rows = Vec::new();
        for job in &table.jobs {
            if !scan::has_scan(job) {
                continue;
            }
            let snapshot = job.snapshot();
            let state = RowState::new(job, &snapshot, now);
            counts[state as usize] += 1;
            if matches(job, &filter) {
                rows.push(StatusRow {
                    job,
                    snapshot,
                    state,
                });
            }
        }
        // The sort is stable: rows with the same state stay in the order of the configuration.
        rows.sort_by_key(|row| row.state);
        let n_matching = rows.len();
        let n_pages = n_matching.div_ceil(ROWS_PER_PAGE).max(1);
        // An old link may point past the last page.
        let page = query.page.min(n_pages);
        rows.drain(..(page - 1) * ROWS_PER_PAGE);
        rows.truncate(ROWS_PER_PAGE);
        StatusListing {
            counts,
            n_matching,
            page,
            n_pages,
            rows,
        }
    }

    pub(super) fn count(&self, state: RowState) -> usize {
        self.counts[state as usize]
    }

    /// All scans, regardless of the filter.
    pub(super) fn total(&self) -> usize {
        self.counts.iter().sum()
    }

    /// The number of the first row on this page, from 1.
    pub(super) fn first(&self) -> usize {
        (self.page - 1) * ROWS_PER_PAGE + 1
    }
}

/// Whether the name of the account or of the scan contains `filter`, which is in lower case.
fn matches(job: &JobEntry, filter: &str) -> bool {
    filter.is_empty()
        || job.account.as_str().to_lowercase().contains(filter)
        || scan::scan_name(job).to_lowercase().contains(filter)
}
