//! Fixed work whose instructions `tests/instructions` counts. It runs the one with the name in the first argument, and
//! prints how many samples or polls that were.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

mod support;

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
            support::plain(scrape(&exporter, &cache));
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
    let text = scrape(&exporter, &cache).text(Format::OpenMetrics);
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    print(samples.count() as u64);
}

fn print(count: u64) {
    output::print_line(count.to_string()).unwrap();
}

fn scrape(exporter: &Exporter, cache: &LineCache) -> Scrape {
    let store = exporter.supervisor.store();
    // Without the metrics of the process: valgrind cannot emulate all that they ask the kernel.
    Scrape::cached(&store, cache, Vec::new(), exporter.clock.now())
}

#[inline(never)]
fn counted_scrape(exporter: &Exporter, cache: &LineCache) {
    support::plain(scrape(exporter, cache));
}

#[inline(never)]
fn counted_gzip_scrape(exporter: &Exporter, cache: &LineCache) {
    support::gzip(scrape(exporter, cache));
}

/// One of each account, without a network.
#[inline(never)]
fn counted_polls(runtime: &Runtime, exporter: &Exporter) {
    runtime.block_on(exporter.poll_each());
}
