//! `scan`: polls every account once and prints the result.

use super::{Failure, discover, once::Once, report, serve::config_source};
use crate::{
    cli::{OutputFormat, ScanArgs, output},
    collectors::{Answer as _, VulScan},
    config::Account,
    exposition::{Format, Scrape},
};

pub(super) async fn run(flags: ScanArgs) -> Result<(), Failure> {
    let source = config_source(&flags.config)?;
    let config = source.load().await.map_err(Failure::bad_input)?;
    let once = Once::poll(&config, |account| Some(shown(account, flags.output))).await?;
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
    discover::check(&once.discoveries)?;
    once.outcome()
}

/// The account with the collectors that the output has room for.
fn shown(mut account: Account, output: OutputFormat) -> Account {
    // The other collectors have answers that do not fit into the table.
    if output != OutputFormat::Metrics {
        let collectors = &mut account.collectors;
        collectors.retain(|config| config.collector.name == VulScan::NAME);
    }
    account
}
