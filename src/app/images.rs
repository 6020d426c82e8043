//! `images`: the worst local images of the last completed scan of every account.

use super::{Failure, discover, once::Once, report, serve::config_source};
use crate::{
    cli::{ImagesArgs, ListFormat, output},
    collectors::{self, Answer as _, RiskImages},
    config::{Account, CollectorConfig},
};

pub(super) async fn run(flags: ImagesArgs) -> Result<(), Failure> {
    let source = config_source(&flags.config)?;
    let config = source.load().await.map_err(Failure::bad_input)?;
    let once = Once::poll(&config, |account| selected(account, &flags)).await?;
    discover::check(&once.discoveries)?;
    if once.jobs.is_empty() {
        return Err(nothing_selected(&flags));
    }
    let text = match flags.output {
        ListFormat::Table => report::images(&once.jobs),
        ListFormat::Json => output::printable_json(&report::images_json(&once.jobs)).into_owned(),
    };
    output::print(text)?;
    once.outcome()
}

/// The account with the one collector that has images, whether it is switched on or not.
fn selected(mut account: Account, flags: &ImagesArgs) -> Option<Account> {
    if let Some(name) = &flags.account
        && account.name.as_str() != name
    {
        return None;
    }
    if let Some(name) = &flags.scan {
        account.scans.retain(|scan| scan.name.as_str() == name);
    }
    if account.scans.is_empty() {
        return None;
    }
    let collector = collectors::find(RiskImages::NAME)?;
    let configured = account.collectors.iter();
    let configured = configured
        .filter(|config| config.collector == collector)
        .map(|config| config.limit)
        .next();
    let default = collector.limit?.default;
    // Every account has at least one collector, and all have the same timeout.
    let poll = account.collectors.first()?.poll;
    account.collectors = vec![CollectorConfig {
        collector,
        poll,
        limit: flags.limit.or(configured).unwrap_or(default),
    }];
    Some(account)
}

fn nothing_selected(flags: &ImagesArgs) -> Failure {
    let mut what = Vec::new();
    if let Some(name) = &flags.account {
        what.push(format!("no account named {name:?}"));
    }
    if let Some(name) = &flags.scan {
        what.push(format!("no scan named {name:?}"));
    }
    if what.is_empty() {
        what.push("no account".to_owned());
    }
    Failure::bad_input([format!("there is {}", what.join(" with "))])
}
