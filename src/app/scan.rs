//! `scan`: polls every account once and prints the result.

use super::{Failure, once::Once, report, serve::config_source};
use crate::{
    cli::{OutputFormat, ScanArgs, output},
    collectors::{Answer as _, VulScan},
    exposition::{Format, Scrape},
};

pub(super) async fn run(flags: ScanArgs) -> Result<(), Failure> {
    let source = config_source(&flags.config)?;
    let config = source.load().await.map_err(Failure::bad_input)?;
    let mut accounts = config.accounts;
    // The other collectors have answers that do not fit into the table.
    if flags.output != OutputFormat::Metrics {
        for account in &mut accounts {
            let configs = &mut account.collectors;
            configs.retain(|config| config.collector.name == VulScan::NAME);
        }
    }
    let once = Once::poll(accounts, source.shard()).await?;
    let now = once.context.clock.now();
    let text = match flags.output {
        OutputFormat::Table => report::scans(&once.jobs, now),
        OutputFormat::Json => output::printable_json(&report::json(&once.jobs, now)).into_owned(),
        OutputFormat::Metrics => Scrape::new(
            &once.store,
            once.context.telemetry.gather_without_exporter(),
            now,
        )
        .text(Format::Text),
    };
    output::print(text)?;
    if once.is_good() {
        Ok(())
    } else {
        Err(Failure::silent(1))
    }
}
