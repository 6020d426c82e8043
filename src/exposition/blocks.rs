//! The sample lines of jobs, kept from scrape to scrape.
//!
//! The text has one family after another, the store one job after another. With thousands of jobs,
//! going through all of them once per family costs more in cache misses than writing the lines. So
//! the lines of some neighbouring jobs are rendered together, family by family, and rendered again
//! only after one of these jobs was polled.

use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    polls,
    text::{label_set, write_samples},
};
use crate::{
    collectors::{Collector, Lifetime},
    domain::Moment,
    store::{JobEntry, Snapshot, Table},
};

/// Few enough for their snapshots to stay in the cache of the CPU while they are rendered.
const JOBS_PER_BLOCK: usize = 64;

/// The blocks of the last scrape, which the next one uses as far as they are current.
#[derive(Debug, Default)]
pub struct LineCache {
    last: Mutex<TableBlocks>,
}

#[derive(Debug, Default)]
struct TableBlocks {
    table: Arc<Table>,
    blocks: Vec<Arc<LineBlock>>,
}

impl LineCache {
    /// The lines of all jobs of `table` at `now`, in the order of the jobs. No block has jobs of two
    /// collectors.
    pub(super) fn blocks(&self, table: &Arc<Table>, now: Moment) -> Vec<Arc<LineBlock>> {
        // Scrapes at the same time wait for each other, and need not render the same again.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&last.table, table) {
            *last = TableBlocks {
                table: Arc::clone(table),
                blocks: Vec::new(),
            };
            for jobs in block_ranges(&table.jobs) {
                let block = LineBlock::render(&table.jobs, jobs, now);
                last.blocks.push(Arc::new(block));
            }
            return last.blocks.clone();
        }
        for block in &mut last.blocks {
            if !block.is_current(&table.jobs, now) {
                // Scrapes that are still being sent keep the old one.
                *block = Arc::new(LineBlock::render(&table.jobs, block.jobs.clone(), now));
            }
        }
        last.blocks.clone()
    }
}

/// The jobs of each block.
fn block_ranges(jobs: &[Arc<JobEntry>]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    for (index, job) in jobs.iter().enumerate() {
        if index - start == JOBS_PER_BLOCK || job.collector != jobs[start].collector {
            ranges.push(start..index);
            start = index;
        }
    }
    if start < jobs.len() {
        ranges.push(start..jobs.len());
    }
    ranges
}

/// The lines of some jobs of one collector, which are neighbours in the table.
#[derive(Debug)]
pub(super) struct LineBlock {
    pub(super) collector: &'static Collector,
    jobs: Range<usize>,
    /// What was rendered, one for each job.
    rendered: Vec<JobState>,
    text: Box<[u8]>,
    /// Where the lines of each family end: first those of the collector, then
    /// [`polls::FAMILIES`].
    ends: Box<[usize]>,
}

/// All that the lines of a job depend on.
#[derive(Debug)]
struct JobState {
    snapshot: Arc<Snapshot>,
    is_fresh: bool,
}

impl JobState {
    fn of(job: &JobEntry, now: Moment) -> JobState {
        let snapshot = job.snapshot();
        let is_fresh = snapshot.fresh(now, job.stale_after).is_some();
        JobState { snapshot, is_fresh }
    }

    fn is_current(&self, job: &JobEntry, now: Moment) -> bool {
        let is_fresh = self.snapshot.fresh(now, job.stale_after).is_some();
        is_fresh == self.is_fresh && job.has_snapshot(&self.snapshot)
    }
}

impl LineBlock {
    fn is_current(&self, jobs: &[Arc<JobEntry>], now: Moment) -> bool {
        let jobs = &jobs[self.jobs.clone()];
        let mut states = jobs.iter().zip(&self.rendered);
        states.all(|(job, rendered)| rendered.is_current(job, now))
    }

    fn render(all_jobs: &[Arc<JobEntry>], range: Range<usize>, now: Moment) -> LineBlock {
        let jobs = &all_jobs[range.clone()];
        let collector = jobs[0].collector;
        let mut rendered = Vec::with_capacity(jobs.len());
        let mut labels = Vec::with_capacity(jobs.len());
        for job in jobs {
            rendered.push(JobState::of(job, now));
            labels.push(JobLabels::of(job));
        }
        let mut text = Vec::new();
        let mut ends = Vec::new();
        for (index, head) in collector.families().enumerate() {
            for (state, labels) in rendered.iter().zip(&labels) {
                // Stale data are withheld, so that an alert on them sees nothing instead of a value
                // that is no longer true. Facts about the past stay true.
                if !state.is_fresh && head.lifetime == Lifetime::Fresh {
                    continue;
                }
                let Some(data) = state.snapshot.latest() else {
                    continue;
                };
                write_samples(&mut text, head.name, &labels.of_answer, |samples| {
                    collector.samples(&data.answer, index, samples);
                });
            }
            ends.push(text.len());
        }
        for family in &polls::FAMILIES {
            for (state, labels) in rendered.iter().zip(&labels) {
                write_samples(&mut text, family.name, &labels.of_poll, |samples| {
                    (family.samples)(&state.snapshot, samples);
                });
            }
            ends.push(text.len());
        }
        LineBlock {
            collector,
            jobs: range,
            rendered,
            text: text.into(),
            ends: ends.into(),
        }
    }

    /// The lines of the family with this index among those of the collector.
    pub(super) fn of_answers(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start..self.ends[index]]
    }

    /// The lines of the family with this index in [`polls::FAMILIES`].
    pub(super) fn of_polls(&self, index: usize) -> &[u8] {
        self.of_answers(self.collector.n_families() + index)
    }
}

/// Labels as they are written, the same for all lines of a job.
struct JobLabels {
    of_answer: Vec<u8>,
    of_poll: Vec<u8>,
}

impl JobLabels {
    fn of(job: &JobEntry) -> JobLabels {
        let mut labels = vec![("account", job.account.as_str())];
        if let Some(scan) = &job.scan {
            labels.push(("scan", scan.as_str()));
        }
        // The families of a collector belong to it by name; those about polls are shared by all.
        let of_answer = label_set(&labels);
        labels.insert(1, ("collector", job.collector.name));
        JobLabels {
            of_answer,
            of_poll: label_set(&labels),
        }
    }
}
