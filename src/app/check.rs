//! `check`: validates the configuration; `--live` also polls the first scan of every account.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use tokio::task::JoinSet;

use super::{Failure, certificates, discover, lines, once::Once, report, shard};
use crate::{
    cli::{CheckArgs, output},
    client,
    config::{self, Config},
    credentials::Environment,
    domain::{Clock, Reason},
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
    let mut config = loaded.config;
    let accounts = &config.accounts;
    let mut warnings = loaded.warnings;
    warnings.extend(missing_here(&config).await);
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
    for account in accounts {
        n_scans += account.scans.len();
    }
    let rest = if shard.is_whole() {
        String::new()
    } else {
        format!(" in shard {shard}, of {}", count(n_accounts, "account"))
    };
    let discoveries = match config.discoveries.len() {
        0 => String::new(),
        1 => ", 1 discovery".into(),
        n => format!(", {n} discoveries"),
    };
    output::print_line(format_args!(
        "configuration ok: {}, {}{discoveries}{rest}",
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
        warnings.extend(live(&mut config).await?);
    }
    if flags.strict && !warnings.is_empty() {
        let n = count(warnings.len(), "warning");
        return Err(Failure::bad_input([format!(
            "{n}, which --strict does not allow"
        )]));
    }
    Ok(())
}

/// Accounts and discoveries with which `serve` would not start here and now: one line for each
/// distinct source.
async fn missing_here(config: &Config) -> Vec<String> {
    let environment = Environment::of_the_process();
    let mut seen = HashSet::new();
    let mut warnings = Vec::new();
    for (owner, source) in config.credentials_sources() {
        if warnings.len() == MAX_MISSING || !seen.insert(source) {
            continue;
        }
        if let Some(error) = source.missing_here(&environment).await {
            warnings.push(format!(
                "{owner} has no credentials here, and serve would not start: {error}"
            ));
        }
    }
    warnings
}

fn count(n: usize, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}

/// Polls the first scan of each account. Returns warnings about accounts without the role or uin.
async fn live(config: &mut Config) -> Result<Vec<String>, Failure> {
    // Credentials, permissions and network are the account's, so one scan shows whether they work.
    for account in &mut config.accounts {
        account.scans.truncate(1);
    }
    for discovery in &mut config.discoveries {
        discovery.template.scans.truncate(1);
    }
    let once = Once::poll(config, Some).await?;
    // An organization may have thousands of members, so only those that need attention are shown.
    let mut shown = Vec::new();
    let mut without_role: HashMap<Arc<str>, Vec<String>> = HashMap::new();
    let mut is_good = true;
    for job in &once.jobs {
        let failure = job.entry.snapshot().failure().cloned();
        let Some(discovery) = &job.account.info.discovery else {
            is_good &= failure.is_none();
            shown.push(job.clone());
            continue;
        };
        match failure {
            None => {}
            Some(error) if error.reason == Reason::NoRole => {
                let names = without_role.entry(Arc::clone(discovery)).or_default();
                names.push(job.account.name.to_string());
            }
            Some(_) => {
                is_good = false;
                shown.push(job.clone());
            }
        }
    }
    if !shown.is_empty() {
        output::print(report::accounts(&shown, once.context.clock.now()))?;
    }
    let mut warnings = unknown_uins(&once).await;
    for warning in &warnings {
        output::print_line(format_args!("warning: {warning}"))?;
    }
    for discovery in &once.discoveries {
        let names = without_role.remove(&discovery.label).unwrap_or_default();
        let Ok(found) = &discovery.outcome else {
            is_good = false;
            continue;
        };
        let label = &discovery.label;
        let with_role = found.accounts.saturating_sub(names.len());
        output::print_line(format_args!(
            "discovery {label}: {} in {}, {with_role} with role, {} without, {} excluded, {} skipped",
            count(found.accounts, "account"),
            count(found.requests, "request"),
            names.len(),
            found.excluded,
            found.skipped,
        ))?;
        if !names.is_empty() {
            let n = names.len();
            let first = names
                .into_iter()
                .take(MAX_MISSING)
                .collect::<Vec<_>>()
                .join(", ");
            let more = if n > MAX_MISSING { ", …" } else { "" };
            let warning = format!(
                "discovery \"{label}\": {} without the role: {first}{more}",
                count(n, "account")
            );
            output::print_line(format_args!("warning: {warning}"))?;
            warnings.push(warning);
        }
    }
    let problems = discover::problems(&once.discoveries);
    if is_good {
        Ok(warnings)
    } else {
        Err(Failure {
            code: 2,
            lines: problems,
        })
    }
}

/// About accounts whose uin is to be looked up, and cannot be. Those whose polls fail are reported
/// already.
async fn unknown_uins(once: &Once) -> Vec<String> {
    let mut lookups = JoinSet::new();
    for job in &once.jobs {
        let Some(lookup) = job.uin_lookup.clone() else {
            continue;
        };
        if !job.entry.snapshot().is_up() {
            continue;
        }
        let (job, context) = (job.clone(), Arc::clone(&once.context));
        lookups.spawn(async move {
            let error = lookup.ask(&job, &context).await.err()?;
            let name = &job.account.name;
            Some(format!(
                "account \"{name}\": its uin could not be looked up: {error}"
            ))
        });
    }
    let mut warnings: Vec<String> = lookups.join_all().await.into_iter().flatten().collect();
    warnings.sort();
    let n_more = warnings.len().saturating_sub(MAX_MISSING);
    if n_more > 0 {
        warnings.truncate(MAX_MISSING);
        warnings.push(format!(
            "the uins of {n_more} more accounts could not be looked up"
        ));
    }
    warnings
}
