//! Snapshots + registry + time → bytes. The only place that knows the text format.
//!
//! The lines of jobs are rendered in blocks and kept until one of the jobs was polled again; a
//! scrape copies them. The text is made page by page.

use std::sync::Arc;

use prometheus::proto::MetricFamily;

use crate::{
    collectors::{self, Collector, FamilyHead},
    domain::Moment,
    store::{Snapshot, Store},
};

mod accounts;
mod blocks;
mod fleet;
mod format;
mod polls;
mod registry;
mod text;
mod writer;

pub use blocks::LineCache;
pub use format::Format;

use accounts::AccountCounters;
use blocks::CachedLines;
use fleet::{AccountCounts, Counts, DiscoveryCounters};
use text::{FamilyOf, Kind};
use writer::Writer;

/// A page is sent when it has at least this many bytes. Each one is handed from thread to thread,
/// which costs as much as rendering some tens of kilobytes.
const PAGE: usize = 256 * 1024;
/// A page ends after the row that fills it, which is a family of a block.
const SPARE: usize = 64 * 1024;
/// The capacity of a buffer for a page.
pub const PAGE_CAPACITY: usize = PAGE + SPARE;

/// Everything that one scrape exposes, as it is at one moment.
#[derive(Debug)]
pub struct Scrape {
    lines: CachedLines,
    /// One for each discovery of the table.
    discoveries: Vec<DiscoveryCounters>,
    registry: Vec<MetricFamily>,
}

impl Scrape {
    /// The state of `store`, together with the gathered registry.
    pub fn new(store: &Store, registry: Vec<MetricFamily>, now: Moment) -> Scrape {
        Scrape::cached(store, &LineCache::default(), registry, now)
    }

    /// The same, with lines that earlier scrapes have rendered.
    pub fn cached(
        store: &Store,
        cache: &LineCache,
        registry: Vec<MetricFamily>,
        now: Moment,
    ) -> Scrape {
        let table = store.table();
        // Read now, not page by page: a scrape that takes long must not mix several moments.
        let lines = cache.lines(&table, now);
        Scrape {
            discoveries: fleet::discoveries(&table, &lines.counts),
            lines,
            registry,
        }
    }

    /// What a standby exposes: no series of an account.
    pub fn of_standby(store: &Store, registry: Vec<MetricFamily>) -> Scrape {
        let table = store.table();
        let lines = CachedLines {
            counts: Arc::new(Counts::of(&table)),
            ..CachedLines::default()
        };
        Scrape {
            discoveries: fleet::discoveries(&table, &lines.counts),
            lines,
            registry,
        }
    }

    /// The text in `format`, page by page.
    pub fn pages(self, format: Format) -> Pages {
        let sections = self.sections();
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
        let mut text = Vec::new();
        for page in self.pages(format) {
            text.extend_from_slice(&page);
        }
        String::from_utf8(text).expect("labels and help texts are UTF-8")
    }

    /// The families in their order, each once: a family must not be interrupted by another.
    fn sections(&self) -> Vec<Section> {
        let mut sections = Vec::new();
        for collector in &collectors::ALL {
            for (index, head) in collector.families().enumerate() {
                sections.push(Section::Answers {
                    collector,
                    index,
                    head,
                });
            }
        }
        for (index, family) in polls::FAMILIES.iter().enumerate() {
            sections.push(Section::Polls { index, family });
        }
        for (index, family) in accounts::FAMILIES.iter().enumerate() {
            sections.push(Section::Accounts { index, family });
        }
        sections.push(Section::Counts(&fleet::ACCOUNTS));
        for family in &fleet::DISCOVERIES {
            sections.push(Section::Discoveries(family));
        }
        for index in 0..self.registry.len() {
            sections.push(Section::Registry(index));
        }
        sections
    }
}

/// A family, and where its rows come from.
#[derive(Clone, Debug)]
enum Section {
    /// A row is a block.
    Answers {
        collector: &'static Collector,
        index: usize,
        head: FamilyHead,
    },
    /// A row is a block.
    Polls {
        index: usize,
        family: &'static FamilyOf<Snapshot>,
    },
    /// A row is a block.
    Accounts {
        index: usize,
        family: &'static FamilyOf<AccountCounters>,
    },
    Counts(&'static FamilyOf<AccountCounts>),
    Discoveries(&'static FamilyOf<DiscoveryCounters>),
    Registry(usize),
}

impl Section {
    fn n_rows(&self, scrape: &Scrape) -> usize {
        match self {
            Section::Answers { .. } | Section::Polls { .. } => scrape.lines.jobs.len(),
            Section::Accounts { .. } => scrape.lines.accounts.len(),
            Section::Counts(_) => scrape.lines.counts.accounts.len(),
            Section::Discoveries(_) => scrape.discoveries.len(),
            Section::Registry(_) => 1,
        }
    }

    fn write(&self, row: usize, scrape: &Scrape, writer: &mut Writer) {
        match self {
            Section::Answers {
                collector,
                index,
                head,
            } => {
                let block = &scrape.lines.jobs[row];
                // The rows are the blocks of all collectors.
                if block.collector == *collector {
                    let lines = block.of_answers(*index);
                    write_lines(writer, head.name, Kind::Gauge, head.help, lines);
                }
            }
            Section::Polls { index, family } => {
                let lines = scrape.lines.jobs[row].of_polls(*index);
                write_lines(writer, family.name, family.kind, family.help, lines);
            }
            Section::Accounts { index, family } => {
                let lines = scrape.lines.accounts[row].of_family(*index);
                write_lines(writer, family.name, family.kind, family.help, lines);
            }
            Section::Counts(family) => {
                let counts = &scrape.lines.counts.accounts[row];
                write_family(writer, family, counts, &counts.labels);
            }
            Section::Discoveries(family) => {
                let discovery = &scrape.discoveries[row];
                write_family(writer, family, discovery, &discovery.labels);
            }
            Section::Registry(index) => registry::write(writer, &scrape.registry[*index]),
        }
    }
}

fn write_family<T>(writer: &mut Writer, family: &FamilyOf<T>, of: &T, labels: &[u8]) {
    writer.family(family.name, family.kind, family.help, labels, |samples| {
        (family.samples)(of, samples);
    });
}

fn write_lines(writer: &mut Writer, name: &str, kind: Kind, help: &str, lines: &[u8]) {
    if !lines.is_empty() {
        writer.head(name, kind, help);
        writer.lines(lines);
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
        let mut page = Vec::with_capacity(PAGE_CAPACITY);
        self.fill(&mut page).then_some(page)
    }
}

impl Pages {
    /// Replaces the content of `page` with the next page. False if there was none left.
    pub fn fill(&mut self, page: &mut Vec<u8>) -> bool {
        page.clear();
        self.writer.swap(page);
        let has_page = self.write_page();
        self.writer.swap(page);
        has_page
    }

    /// Whether the last page was written.
    pub fn is_finished(&self) -> bool {
        self.is_done
    }

    fn write_page(&mut self) -> bool {
        while let Some(section) = self.sections.get(self.section) {
            // A page may have ended within the family, whose head must not be repeated then.
            if self.row == 0 {
                self.writer.next_family();
            }
            for row in self.row..section.n_rows(&self.scrape) {
                section.write(row, &self.scrape, &mut self.writer);
                if self.writer.len() >= PAGE {
                    // The next call continues with the row after this one.
                    self.row = row + 1;
                    return true;
                }
            }
            self.section += 1;
            self.row = 0;
        }
        if self.is_done {
            return false;
        }
        // Once: `# EOF` of OpenMetrics must be the last line.
        self.is_done = true;
        self.writer.end();
        true
    }
}

#[cfg(test)]
mod tests;
