//! Snapshots + registry + now → text. Pure; comes in pages, so that a large exposition is never whole in memory.

use std::sync::Arc;

use prometheus::proto::MetricFamily;

use crate::{
    collectors,
    domain::Moment,
    store::{Data, JobEntry, Snapshot, Store, Table},
};

mod accounts;
mod format;
mod jobs;
mod registry;
mod writer;

pub use format::Format;
use writer::{Family, Writer};

/// A page is sent when it has at least this many bytes.
const PAGE: usize = 64 * 1024;

/// What a scrape sees: everything as it is at one moment.
#[derive(Debug)]
pub struct Scrape {
    table: Arc<Table>,
    /// One for each job of the table.
    jobs: Vec<Known>,
    /// One for each account of the table.
    accounts: Vec<accounts::Reading>,
    registry: Vec<MetricFamily>,
}

/// What is known of a job.
#[derive(Debug)]
struct Known {
    snapshot: Arc<Snapshot>,
    /// Unless they are stale.
    data: Option<Arc<Data>>,
    /// How many of their samples are written: families come in the order of the samples. To look for them costs more
    /// than to write them where there are thousands of jobs.
    n_written: usize,
}

impl Known {
    fn of(job: &JobEntry, now: Moment) -> Known {
        let snapshot = job.snapshot();
        let data = snapshot.fresh(now, job.stale_after).cloned();
        Known {
            snapshot,
            data,
            n_written: 0,
        }
    }
}

impl Scrape {
    /// What `store` and the gathered registry hold.
    pub fn new(store: &Store, registry: Vec<MetricFamily>, now: Moment) -> Scrape {
        let table = store.table();
        let jobs = table.jobs.iter().map(|job| Known::of(job, now)).collect();
        let accounts = table
            .accounts
            .iter()
            .map(|account| accounts::Reading::new(account, now.monotonic))
            .collect();
        Scrape {
            table,
            jobs,
            accounts,
            registry,
        }
    }

    /// The text in `format`, page by page.
    pub fn pages(self, format: Format) -> Pages {
        let sections = Section::all(&self);
        Pages {
            scrape: self,
            sections,
            section: 0,
            row: 0,
            writer: Writer::new(format),
            is_done: false,
        }
    }

    /// The whole text in `format`.
    pub fn text(self, format: Format) -> String {
        let bytes: Vec<u8> = self.pages(format).flatten().collect();
        String::from_utf8(bytes).expect("labels and help texts are UTF-8")
    }
}

/// One family, and how its rows are written.
#[derive(Clone, Copy, Debug)]
enum Section {
    Samples { collector: usize, family: usize },
    Job(&'static Family<jobs::Row>),
    Account(&'static Family<accounts::Row>),
    Registry(usize),
}

impl Section {
    fn all(scrape: &Scrape) -> Vec<Section> {
        let families = |(collector, it): (usize, &collectors::Collector)| {
            (0..it.families.len()).map(move |family| Section::Samples { collector, family })
        };
        let samples = collectors::ALL.into_iter().enumerate().flat_map(families);
        let jobs = jobs::FAMILIES.iter().map(Section::Job);
        let accounts = accounts::FAMILIES.iter().map(Section::Account);
        let registry = (0..scrape.registry.len()).map(Section::Registry);
        samples
            .chain(jobs)
            .chain(accounts)
            .chain(registry)
            .collect()
    }

    fn n_rows(self, scrape: &Scrape) -> usize {
        match self {
            Section::Samples { .. } | Section::Job(_) => scrape.table.jobs.len(),
            Section::Account(_) => scrape.accounts.len(),
            Section::Registry(_) => 1,
        }
    }

    fn write(self, row: usize, scrape: &mut Scrape, writer: &mut Writer) {
        match self {
            Section::Samples { collector, family } => {
                let (job, known) = (&scrape.table.jobs[row], &mut scrape.jobs[row]);
                let collector = collectors::ALL[collector];
                if let Some(data) = known
                    .data
                    .as_ref()
                    .filter(|_| std::ptr::eq(job.collector, collector))
                {
                    let rest = &data.samples[known.n_written..];
                    let labels = &job.labels;
                    known.n_written += jobs::write_samples(
                        writer,
                        labels,
                        &collector.families[family],
                        family,
                        rest,
                    );
                }
            }
            Section::Job(family) => {
                family.write(writer, &scrape.table.jobs[row], &scrape.jobs[row].snapshot);
            }
            Section::Account(family) => family.write(writer, &scrape.accounts[row]),
            Section::Registry(index) => registry::write(writer, &scrape.registry[index]),
        }
    }
}

/// The pages of one exposition.
#[derive(Debug)]
pub struct Pages {
    scrape: Scrape,
    sections: Vec<Section>,
    section: usize,
    row: usize,
    writer: Writer,
    is_done: bool,
}

impl Iterator for Pages {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        while let Some(section) = self.sections.get(self.section) {
            if self.row == 0 {
                self.writer.next_family();
            }
            for row in self.row..section.n_rows(&self.scrape) {
                section.write(row, &mut self.scrape, &mut self.writer);
                if self.writer.len() >= PAGE {
                    self.row = row + 1;
                    return Some(self.writer.take());
                }
            }
            (self.section, self.row) = (self.section + 1, 0);
        }
        if std::mem::replace(&mut self.is_done, true) {
            return None;
        }
        self.writer.end();
        Some(self.writer.take())
    }
}

#[cfg(test)]
mod docs_test;
#[cfg(test)]
mod tests;
