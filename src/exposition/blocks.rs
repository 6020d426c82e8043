//! The sample lines of jobs and accounts, kept from scrape to scrape.
//!
//! The text has one family after another, the store one job after another. With thousands of jobs,
//! going through all of them once per family costs more in cache misses than writing the lines. So
//! the lines of some neighbouring jobs are rendered together, family by family, and rendered again
//! only after one of these jobs was polled. The lines of accounts are kept in the same way.

use std::{
    mem,
    ops::Range,
    sync::{Arc, Mutex},
};

use super::{
    accounts::AccountBlock,
    fleet::{Counts, JobState},
    polls,
    text::{label_set, write_samples},
};
use crate::{
    collectors::{Collector, Lifetime},
    domain::Moment,
    store::{JobEntry, Snapshot, Table, is_fresh},
    sync::lock,
};

/// Few enough for their snapshots to stay in the cache of the CPU while they are rendered.
const JOBS_PER_BLOCK: usize = 64;

/// The lines of the last scrape, which the next one uses as far as they are current.
#[derive(Debug, Default)]
pub struct LineCache {
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    table: Arc<Table>,
    lines: CachedLines,
    /// Where lines are rendered.
    draft: FamilyLines,
}

/// The lines of everything in a table.
#[derive(Clone, Debug, Default)]
pub(super) struct CachedLines {
    /// The lines of all jobs, in the order of the table. No block has jobs of two collectors.
    pub(super) jobs: Vec<Arc<LineBlock>>,
    /// The lines of all accounts, in the order of the table.
    pub(super) accounts: Vec<Arc<AccountBlock>>,
    pub(super) counts: Arc<Counts>,
}

impl LineCache {
    /// The lines of `table` at `now`.
    pub(super) fn lines(&self, table: &Arc<Table>, now: Moment) -> CachedLines {
        // Scrapes at the same time wait for each other, and need not render the same again.
        let last = &mut *lock(&self.last);
        if Arc::ptr_eq(&last.table, table) {
            last.lines.update(table, now, &mut last.draft);
        } else {
            last.table = Arc::clone(table);
            // First of all, so that old and new lines are not in memory together.
            last.lines = CachedLines::default();
            last.lines = CachedLines::render(table, now, &mut last.draft);
        }
        last.lines.clone()
    }
}

impl CachedLines {
    fn render(table: &Table, now: Moment, draft: &mut FamilyLines) -> CachedLines {
        let mut lines = CachedLines::default();
        for jobs in block_ranges(&table.jobs) {
            let mut block = LineBlock::render(&table.jobs, jobs, now, draft);
            block.lines.copy_from(draft);
            lines.jobs.push(Arc::new(block));
        }
        for accounts in table.accounts.chunks(JOBS_PER_BLOCK) {
            let mut block = AccountBlock::render(accounts, draft);
            block.lines.copy_from(draft);
            lines.accounts.push(Arc::new(block));
        }
        lines.count(table);
        lines
    }

    /// Renders the blocks again that have changed. Scrapes that are still being sent keep the old
    /// ones.
    fn update(&mut self, table: &Table, now: Moment, draft: &mut FamilyLines) {
        let mut counts_changed = false;
        for block in &mut self.jobs {
            if !block.is_current(&table.jobs, now) {
                let mut new = LineBlock::render(&table.jobs, block.jobs.clone(), now, draft);
                counts_changed |= !new.states().eq(block.states());
                new.lines = FamilyLines::reuse(block, |block| &mut block.lines);
                new.lines.copy_from(draft);
                *block = Arc::new(new);
            }
        }
        let accounts = table.accounts.chunks(JOBS_PER_BLOCK);
        for (block, accounts) in self.accounts.iter_mut().zip(accounts) {
            if !block.is_current(accounts) {
                let mut new = AccountBlock::render(accounts, draft);
                counts_changed |= !new.infos().eq(block.infos());
                new.lines = FamilyLines::reuse(block, |block| &mut block.lines);
                new.lines.copy_from(draft);
                *block = Arc::new(new);
            }
        }
        // Counting looks at every job, and the counts change only when an account fails, recovers
        // or its description changes.
        if counts_changed {
            self.count(table);
        }
    }

    /// Counts what was rendered, not what is in the table by now: the next comparison is with what
    /// was rendered.
    fn count(&mut self, table: &Table) {
        let jobs = self.jobs.iter().flat_map(|block| block.states());
        let infos = self.accounts.iter().flat_map(|block| block.infos());
        self.counts = Arc::new(Counts::new(table, jobs, infos));
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
    rendered: Vec<RenderedJob>,
    /// First the families of the collector, then [`polls::FAMILIES`].
    lines: FamilyLines,
}

/// Lines of some families, each of them in one piece.
#[derive(Debug, Default)]
pub(super) struct FamilyLines {
    text: Vec<u8>,
    /// Where the lines of each family end.
    ends: Vec<usize>,
}

impl FamilyLines {
    /// The lines of `block`, for their memory, if no scrape uses it any more. New memory for each
    /// block that changed would be dozens of megabytes a second in a large exporter, freed by other
    /// threads than those that allocated it.
    fn reuse<B>(block: &mut Arc<B>, lines: impl FnOnce(&mut B) -> &mut FamilyLines) -> FamilyLines {
        match Arc::get_mut(block) {
            Some(block) => mem::take(lines(block)),
            None => FamilyLines::default(),
        }
    }

    /// The same lines in memory of about their size. A vector that grows while it is rendered would
    /// keep up to twice as much.
    fn copy_from(&mut self, draft: &FamilyLines) {
        let len = draft.text.len();
        if !(len..=2 * len).contains(&self.text.capacity()) {
            // Dropped first. The next lines are about as long, and may use the same memory.
            self.text = Vec::new();
            self.text = Vec::with_capacity(len + len / 8);
        }
        self.text.clear();
        self.text.extend_from_slice(&draft.text);
        self.ends.clone_from(&draft.ends);
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// Adds the next family, whose lines `write` appends to the text.
    pub(super) fn add_family(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.text);
        self.ends.push(self.text.len());
    }

    pub(super) fn of_family(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start..self.ends[index]]
    }
}

/// What tells whether the lines of a job are current. Not the snapshot itself: until the next
/// scrape, it would be in memory beside the one that has replaced it.
#[derive(Debug)]
struct RenderedJob {
    /// See [`JobEntry::version`].
    version: u64,
    /// Of the data.
    as_of: Option<Moment>,
    is_fresh: bool,
    /// What [`Counts`] depend on.
    state: JobState,
}

impl RenderedJob {
    /// With the snapshot that is to be rendered.
    fn of(job: &JobEntry, now: Moment) -> (RenderedJob, Arc<Snapshot>) {
        // Before the snapshot: see there.
        let version = job.version();
        let snapshot = job.snapshot();
        let mut rendered = RenderedJob {
            version,
            as_of: snapshot.last_success(),
            is_fresh: false,
            state: JobState::of(&snapshot),
        };
        rendered.is_fresh = rendered.is_fresh_at(job, now);
        (rendered, snapshot)
    }

    fn is_fresh_at(&self, job: &JobEntry, now: Moment) -> bool {
        self.as_of
            .is_some_and(|as_of| is_fresh(as_of, now, job.stale_after))
    }

    fn is_current(&self, job: &JobEntry, now: Moment) -> bool {
        // Data become stale by time alone, without another poll.
        job.version() == self.version && self.is_fresh_at(job, now) == self.is_fresh
    }
}

impl LineBlock {
    fn is_current(&self, jobs: &[Arc<JobEntry>], now: Moment) -> bool {
        let jobs = &jobs[self.jobs.clone()];
        let mut states = jobs.iter().zip(&self.rendered);
        states.all(|(job, rendered)| rendered.is_current(job, now))
    }

    /// One for each job.
    fn states(&self) -> impl Iterator<Item = JobState> {
        self.rendered.iter().map(|job| job.state)
    }

    /// Renders the jobs in `range` into `draft`. The block has no lines yet.
    fn render(
        all_jobs: &[Arc<JobEntry>],
        range: Range<usize>,
        now: Moment,
        draft: &mut FamilyLines,
    ) -> LineBlock {
        draft.clear();
        let jobs = &all_jobs[range.clone()];
        let collector = jobs[0].collector;
        let mut rendered = Vec::with_capacity(jobs.len());
        let mut snapshots = Vec::with_capacity(jobs.len());
        let mut labels = Vec::with_capacity(jobs.len());
        for job in jobs {
            let (state, snapshot) = RenderedJob::of(job, now);
            rendered.push(state);
            snapshots.push(snapshot);
            labels.push(JobLabels::of(job));
        }
        for (index, head) in collector.families().enumerate() {
            draft.add_family(|text| {
                for ((state, snapshot), labels) in rendered.iter().zip(&snapshots).zip(&labels) {
                    // Stale data are withheld, so that an alert on them sees nothing instead of a
                    // value that is no longer true. Facts about the past stay true.
                    if !state.is_fresh && head.lifetime == Lifetime::Fresh {
                        continue;
                    }
                    let Some(data) = snapshot.latest() else {
                        continue;
                    };
                    write_samples(text, head.name, &labels.of_answer, |samples| {
                        collector.samples(&data.answer, index, samples);
                    });
                }
            });
        }
        for family in &polls::FAMILIES {
            draft.add_family(|text| {
                for (snapshot, labels) in snapshots.iter().zip(&labels) {
                    write_samples(text, family.name, &labels.of_poll, |samples| {
                        (family.samples)(snapshot, samples);
                    });
                }
            });
        }
        LineBlock {
            collector,
            jobs: range,
            rendered,
            lines: FamilyLines::default(),
        }
    }

    /// The lines of the family with this index among those of the collector.
    pub(super) fn of_answers(&self, index: usize) -> &[u8] {
        self.lines.of_family(index)
    }

    /// The lines of the family with this index in [`polls::FAMILIES`].
    pub(super) fn of_polls(&self, index: usize) -> &[u8] {
        self.lines.of_family(self.collector.n_families() + index)
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
