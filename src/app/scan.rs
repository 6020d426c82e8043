//! `scan`: polls every account once and prints the result.

use super::{Failure, once::Once, reload::Reload, report};
use crate::{
    cli::{OutputFormat, ScanArgs, output},
    exposition::{Format, Scrape},
};

pub(super) async fn run(flags: ScanArgs) -> Result<(), Failure> {
    let reload = Reload::of(&flags.config)?;
    let config = reload.load().await.map_err(Failure::bad_input)?;
    let once = Once::poll(config.accounts, reload.shard()).await?;
    let now = once.context.clock.now();
    let text = match flags.output {
        OutputFormat::Table => report::scans(&once.jobs, now),
        OutputFormat::Json => report::json(&once.jobs, now),
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
