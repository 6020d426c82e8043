//! `check`: says what is wrong with the configuration; `--live` also tries every account.

use super::{Failure, lines, once::Once, report, shard};
use crate::{
    cli::{CheckArgs, output},
    config::{self},
    domain::{Clock, Shard},
    web::LoadedWebConfig,
};

pub(super) async fn run(flags: CheckArgs) -> Result<(), Failure> {
    let loaded = config::load(flags.config.file.as_deref(), &flags.config.overrides());
    let loaded = loaded.map_err(|problems| lines(problems.iter()));
    let web = LoadedWebConfig::load(flags.web.file.as_deref()).await;
    let (loaded, web) = super::both(loaded, web)?;
    let shard = shard::of(&flags.config)?;
    let n_accounts = loaded.config.accounts.len();
    let loaded = loaded.of_shard(shard);
    for warning in &loaded.warnings {
        output::print_line(format_args!("warning: {warning}"))?;
    }
    if let Some(web) = &web {
        for warning in web.config().warnings(Clock::system().now().wall) {
            output::print_line(format_args!("warning: {warning}"))?;
        }
    }
    let accounts = loaded.config.accounts;
    let scans: usize = accounts.iter().map(|account| account.scans.len()).sum();
    let rest = if shard.is_whole() {
        String::new()
    } else {
        format!(" in shard {shard}, of {}", count(n_accounts, "account"))
    };
    let (accounts_said, scans) = (count(accounts.len(), "account"), count(scans, "scan"));
    output::print_line(format_args!(
        "configuration ok: {accounts_said}, {scans}{rest}"
    ))?;
    if let Some(web) = web {
        let (tls, users) = (web.config().tls.is_some(), web.config().users.len());
        let tls = if tls { "TLS" } else { "plain HTTP" };
        output::print_line(format_args!(
            "web configuration ok: {tls}, {}",
            count(users, "user")
        ))?;
    }
    if flags.live {
        live(accounts, shard).await
    } else {
        Ok(())
    }
}

fn count(n: usize, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}

/// One call for each account: that of its first scan.
async fn live(mut accounts: Vec<config::Account>, shard: Shard) -> Result<(), Failure> {
    accounts
        .iter_mut()
        .for_each(|account| account.scans.truncate(1));
    let once = Once::poll(accounts, shard).await?;
    output::print(report::accounts(&once.jobs, once.context.clock.now()))?;
    if once.is_good() {
        Ok(())
    } else {
        Err(Failure::silent(2))
    }
}
