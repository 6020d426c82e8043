//! `check`: validates the configuration; `--live` also polls the first scan of every account.

use std::collections::HashSet;

use super::{Failure, certificates, lines, once::Once, report, shard};
use crate::{
    cli::{CheckArgs, output},
    client, config,
    credentials::Environment,
    domain::{Clock, Shard},
    web::LoadedWebConfig,
};

/// The most warnings about credentials that are missing.
const MAX_MISSING: usize = 10;

pub(super) async fn run(flags: CheckArgs) -> Result<(), Failure> {
    let loaded = config::load(flags.config.file.as_deref(), &flags.config.overrides());
    let loaded = match loaded {
        Ok(loaded) => Ok(loaded),
        Err(problems) => Err(lines(problems.iter())),
    };
    let web = LoadedWebConfig::load(flags.web.file.as_deref()).await;
    let (loaded, web) = super::both(loaded, web)?;
    let shard = shard::of(&flags.config)?;
    // Problems are reported for the whole file: all shards read it. Only the counts are the shard's.
    let n_accounts = loaded.config.accounts.len();
    let loaded = loaded.of_shard(shard);
    let overloads = loaded.config.overloads();
    if !overloads.is_empty() {
        return Err(Failure::bad_input(overloads));
    }
    let accounts = loaded.config.accounts;
    let mut warnings = loaded.warnings;
    warnings.extend(missing_here(&accounts).await);
    warnings.extend(certificates::warnings());
    if let Err(error) = client::check_proxy_variables() {
        warnings.push(format!("serve would not start here: {error}"));
    }
    if let Some(web) = &web {
        warnings.extend(lines(web.config().warnings(Clock::system().now().wall)));
    }
    for warning in &warnings {
        output::print_line(format_args!("warning: {warning}"))?;
    }
    let mut n_scans = 0;
    for account in &accounts {
        n_scans += account.scans.len();
    }
    let rest = if shard.is_whole() {
        String::new()
    } else {
        format!(" in shard {shard}, of {}", count(n_accounts, "account"))
    };
    output::print_line(format_args!(
        "configuration ok: {}, {}{rest}",
        count(accounts.len(), "account"),
        count(n_scans, "scan"),
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
        live(accounts, shard).await?;
    }
    if flags.strict && !warnings.is_empty() {
        let n = count(warnings.len(), "warning");
        return Err(Failure::bad_input([format!(
            "{n}, which --strict does not allow"
        )]));
    }
    Ok(())
}

/// Accounts with which `serve` would not start here and now: one line for each distinct source.
async fn missing_here(accounts: &[config::Account]) -> Vec<String> {
    let environment = Environment::of_the_process();
    let mut seen = HashSet::new();
    let mut warnings = Vec::new();
    for account in accounts {
        if warnings.len() == MAX_MISSING || !seen.insert(&account.credentials) {
            continue;
        }
        if let Some(error) = account.credentials.missing_here(&environment).await {
            warnings.push(format!(
                "account \"{}\" has no credentials here, and serve would not start: {error}",
                account.name
            ));
        }
    }
    warnings
}

fn count(n: usize, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}

/// Polls the first scan of each account.
async fn live(mut accounts: Vec<config::Account>, shard: Shard) -> Result<(), Failure> {
    // Credentials, permissions and network are the account's, so one scan shows whether they work.
    for account in &mut accounts {
        account.scans.truncate(1);
    }
    let once = Once::poll(accounts, shard).await?;
    output::print(report::accounts(&once.jobs, once.context.clock.now()))?;
    if once.is_good() {
        Ok(())
    } else {
        Err(Failure::silent(2))
    }
}
