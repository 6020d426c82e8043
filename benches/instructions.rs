//! Fixed work whose instructions `tests/instructions` counts. It runs the one with the name in the first argument, and
//! prints how many samples or polls that were.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    dead_code,
    reason = "a benchmark, which uses a part of its support"
)]

mod support;

use std::{hint::black_box, io::Write as _};

use flate2::{Compression, write::GzEncoder};
use support::Exporter;
use tcss_exporter::{
    cli::output,
    exposition::{Format, LineCache, Scrape},
};
use tokio::runtime::Runtime;

const N_ACCOUNTS: usize = 1_000;

fn main() {
    let runtime = support::runtime();
    let exporter = runtime.block_on(Exporter::start(N_ACCOUNTS));
    let cache = LineCache::default();
    let polls_before = exporter.n_polls();
    match std::env::args().nth(1).as_deref() {
        Some("first-scrape") => counted_scrape(&exporter, &cache),
        Some("later-scrape") => {
            scrape(&exporter, &cache, |_| {});
            counted_scrape(&exporter, &cache);
        }
        Some("gzip-scrape") => counted_gzip_scrape(&exporter, &cache),
        Some("polls") => {
            counted_polls(&runtime, &exporter);
            print(exporter.n_polls() - polls_before);
            return;
        }
        // `cargo test` and `cargo bench` pass options of their own.
        _ => return,
    }
    let mut text = Vec::new();
    scrape(&exporter, &cache, |page| text.extend_from_slice(page));
    let lines = text.split(|byte| *byte == b'\n');
    print(
        lines
            .filter(|line| !line.is_empty() && !line.starts_with(b"#"))
            .count() as u64,
    );
}

fn print(count: u64) {
    output::print_line(count.to_string()).unwrap();
}

fn scrape(exporter: &Exporter, cache: &LineCache, mut send: impl FnMut(&[u8])) {
    let store = exporter.supervisor.store();
    // Without the metrics of the process: valgrind cannot emulate all that they ask the kernel.
    let scrape = Scrape::cached(&store, cache, Vec::new(), exporter.clock.now());
    let mut pages = scrape.pages(Format::OpenMetrics);
    let mut page = Vec::new();
    while pages.fill(&mut page) {
        send(&page);
    }
}

#[inline(never)]
fn counted_scrape(exporter: &Exporter, cache: &LineCache) {
    scrape(exporter, cache, |page| {
        black_box(page);
    });
}

#[inline(never)]
fn counted_gzip_scrape(exporter: &Exporter, cache: &LineCache) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    scrape(exporter, cache, |page| encoder.write_all(page).unwrap());
    black_box(encoder.finish().unwrap());
}

/// One of each account, without a network.
#[inline(never)]
fn counted_polls(runtime: &Runtime, exporter: &Exporter) {
    runtime.block_on(exporter.poll_each());
}
