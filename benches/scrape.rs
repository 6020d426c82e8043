//! What a scrape costs, by number of accounts: the first one, which renders every line; a later one, which copies lines;
//! and both with gzip, as they are served.
//!
//! `cargo bench` prints medians in microseconds. The numbers are for comparing two states of the code on one machine.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

mod support;

use support::{Exporter, gzip, plain};
use tcss_exporter::{
    cli::output,
    exposition::{Format, LineCache, Scrape},
};

fn main() {
    for n_accounts in [1, 10, 100, 1_000, 10_000, 100_000] {
        support::runtime().block_on(measure(n_accounts));
    }
}

async fn measure(n_accounts: usize) {
    let exporter = Exporter::start(n_accounts).await;
    let store = exporter.supervisor.store();
    let registry = || exporter.context.telemetry.gather();
    let cache = LineCache::default();
    let now = exporter.clock.now();
    let first = || Scrape::new(&store, registry(), now);
    let later = || Scrape::cached(&store, &cache, registry(), now);
    let text = first().text(Format::Text);
    let n_samples = text.lines().filter(|line| !line.starts_with('#')).count();
    let calls = u32::try_from(10_000 / n_accounts).unwrap().max(1);
    output::print_line(format!(
        "{n_accounts:6} accounts {n_samples:7} samples {:10} bytes: \
         first {:9.1}, later {:9.1}, with gzip {:9.1} and {:9.1}",
        text.len(),
        support::median(calls, || plain(first())),
        support::median(calls, || plain(later())),
        support::median(calls, || gzip(first())),
        support::median(calls, || gzip(later())),
    ))
    .unwrap();
}
