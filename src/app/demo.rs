//! `demo`: the exporter against the simulated API, with one account per typical situation.

use std::{fmt::Write as _, future};

use tokio::net::TcpListener;

use super::{Failure, listen, serve::Server, signals::Signals, simulate};
use crate::{
    cli::{DemoArgs, output},
    collectors,
    config::{self, Account, CollectorConfig, Config, Overrides, Poll},
    credentials::Source,
    domain::{AccountName, Shard},
    simulator::Scenario,
    supervisor::{ConfigSource, FileChanges},
    web::LoadedWebConfig,
};

pub(super) async fn run(flags: DemoArgs, signals: Signals) -> Result<(), Failure> {
    let scenario = Scenario::demo();
    let api = TcpListener::bind("127.0.0.1:0").await?;
    let config =
        config(&scenario, listen::url("http", api.local_addr()?)).map_err(Failure::run_time)?;
    let web_config = LoadedWebConfig::load(flags.web.config.file.as_deref())
        .await
        .map_err(Failure::bad_input)?;
    let mut server = Server::bind(&flags.web, web_config, Shard::WHOLE, None, signals).await?;
    // The URLs are known only now: the ports may have been chosen by the system.
    output::print(welcome(&server, flags.web.telemetry_path.as_str(), &config))?;
    tokio::spawn(
        async move { simulate::serve(api, &scenario, flags.speed, future::pending()).await },
    );
    server.apply(config.clone()).await?;
    server
        .run(ConfigSource::Fixed(config), FileChanges::none())
        .await
}

fn welcome(server: &Server, telemetry_path: &str, config: &Config) -> String {
    let mut names = Vec::new();
    for account in &config.accounts {
        names.push(account.name.as_str());
    }
    let mut open = String::new();
    for url in server.urls() {
        let _ = writeln!(open, "  open    {url}/ and {url}{telemetry_path}");
    }
    format!(
        "tcss-exporter demo: the data are simulated, nothing leaves this machine\n{open}  look at tcss_up and \
         tcss_vul_scan_progress_ratio of the accounts {}\n  note    acquired fails on purpose: its keys lack the \
         permission\n  stop    Ctrl-C\n",
        names.join(", ")
    )
}

/// One account for each identity of the scenario, with the default settings, except that it is polled often enough to
/// watch it change. The first one has every collector.
fn config(scenario: &Scenario, endpoint: String) -> Result<Config, String> {
    let overrides = Overrides::default()
        .with("api", "endpoint", Some(endpoint))
        .with("poll", "interval", Some("5s"))
        .with("poll", "scanning_interval", Some("2s"))
        .with("poll", "timeout", Some("5s"))
        .with("poll", "stale_after", Some("30s"));
    let mut loaded = match config::load(None, &overrides) {
        Ok(loaded) => loaded,
        Err(problems) => return Err(problems.to_string()),
    };
    // Without a file, the configuration has exactly one account, with all defaults.
    let default = loaded.config.accounts.remove(0);
    let mut accounts = Vec::new();
    for (index, (name, credentials)) in scenario.identities().enumerate() {
        let mut account = Account {
            name: AccountName::parse(name)?,
            credentials: Source::Static(credentials.clone()),
            ..default.clone()
        };
        if index == 0 {
            account.collectors = every_collector(account.collectors[0].poll);
        }
        accounts.push(account);
    }
    Ok(Config::of(accounts))
}

/// All of them, polled as often as the scans.
fn every_collector(poll: Poll) -> Vec<CollectorConfig> {
    let mut configs = Vec::new();
    for collector in &collectors::ALL {
        let limit = collector.limit.map_or(0, |limit| limit.default);
        configs.push(CollectorConfig {
            collector,
            poll,
            limit,
        });
    }
    configs
}
