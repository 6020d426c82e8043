//! Which scans are shown, and in which order: those that need a person first.

use std::sync::Arc;

use super::query::Query;
use crate::{
    collectors::{Answer as _, Pace, VulScan},
    domain::Moment,
    store::{JobEntry, Snapshot, Table},
};

/// Rows on a page. What a page costs to write does not grow with the number of accounts.
pub(super) const PAGE: usize = 200;

/// How the exporter stands with a scan, in the order of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub(super) enum State {
    /// The last poll failed.
    Failing,
    /// It succeeded, too long ago.
    Stale,
    /// There was none yet.
    Waiting,
    /// It succeeded, and the scan runs.
    Scanning,
    /// It succeeded, and no scan runs.
    Fine,
}

impl State {
    pub(super) const ALL: [State; 5] = [
        State::Failing,
        State::Stale,
        State::Waiting,
        State::Scanning,
        State::Fine,
    ];

    fn of(job: &JobEntry, snapshot: &Snapshot, now: Moment) -> State {
        if snapshot.last.is_none() {
            State::Waiting
        } else if snapshot.failure().is_some() {
            State::Failing
        } else {
            match snapshot.fresh(now, job.stale_after).map(|data| data.pace) {
                None => State::Stale,
                Some(Pace::Scanning { .. }) => State::Scanning,
                Some(Pace::Idle) => State::Fine,
            }
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            State::Failing => "failing",
            State::Stale => "stale",
            State::Waiting => "waiting",
            State::Scanning => "scanning",
            State::Fine => "fine",
        }
    }
}

/// One scan as it is at this moment.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) job: &'a JobEntry,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) state: State,
}

/// The scans of one page, and how many others there are.
#[derive(Debug)]
pub(super) struct Listing<'a> {
    /// Scans in each state, by [`State`], whatever the filter says.
    pub(super) counts: [usize; State::ALL.len()],
    /// Scans that the filter lets through.
    pub(super) n_matching: usize,
    /// From 1.
    pub(super) page: usize,
    pub(super) n_pages: usize,
    pub(super) rows: Vec<Row<'a>>,
}

impl<'a> Listing<'a> {
    pub(super) fn of(table: &'a Table, now: Moment, query: &Query) -> Listing<'a> {
        let needle = query.filter.to_lowercase();
        let mut counts = [0; State::ALL.len()];
        let mut rows = Vec::new();
        for job in table
            .jobs
            .iter()
            .filter(|job| job.collector.name == VulScan::NAME)
        {
            let snapshot = job.snapshot();
            let state = State::of(job, &snapshot, now);
            counts[state as usize] += 1;
            if is_named(job, &needle) {
                rows.push(Row {
                    job,
                    snapshot,
                    state,
                });
            }
        }
        rows.sort_by_key(|row| row.state); // stable: in the order of the configuration otherwise
        let n_matching = rows.len();
        let n_pages = n_matching.div_ceil(PAGE).max(1);
        let page = query.page.min(n_pages);
        let rows = rows
            .into_iter()
            .skip((page - 1) * PAGE)
            .take(PAGE)
            .collect();
        Listing {
            counts,
            n_matching,
            page,
            n_pages,
            rows,
        }
    }

    pub(super) fn n_in(&self, state: State) -> usize {
        self.counts[state as usize]
    }

    pub(super) fn total(&self) -> usize {
        self.counts.iter().sum()
    }

    /// Number of the first row on this page, from 1.
    pub(super) fn first(&self) -> usize {
        (self.page - 1) * PAGE + 1
    }
}

/// Whether the name of the account or of the scan has `needle`, which is in lower case, somewhere in it.
fn is_named(job: &JobEntry, needle: &str) -> bool {
    let has = |name: &str| name.to_lowercase().contains(needle);
    needle.is_empty()
        || has(job.account.as_str())
        || job.scan.as_ref().is_some_and(|scan| has(scan.as_str()))
}
