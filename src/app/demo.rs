//! `demo`: the exporter against the stand-in API, with accounts that show what there is to see.

use std::future;

use tokio::net::TcpListener;

use super::{Failure, listen, serve::Server, simulate};
use crate::{
    cli::{DemoArgs, output},
    config::{self, Account, Config, Overrides},
    credentials::Source,
    domain::{AccountName, Clock, Shard},
    signer::Credentials,
    simulator::Scenario,
    supervisor::ConfigSource,
    web::LoadedWebConfig,
};

pub(super) async fn run(flags: DemoArgs) -> Result<(), Failure> {
    let scenario = Scenario::demo();
    let api = TcpListener::bind("127.0.0.1:0").await?;
    let config =
        config(&scenario, listen::url("http", api.local_addr()?)).map_err(Failure::run_time)?;
    let web_config = LoadedWebConfig::load(flags.web.config.file.as_deref())
        .await
        .map_err(Failure::bad_input)?;
    let mut server = Server::bind(&flags.web, web_config, Clock::system(), Shard::WHOLE).await?;
    output::print(welcome(&server, flags.web.telemetry_path.as_str(), &config))?;
    tokio::spawn(
        async move { simulate::serve(api, &scenario, flags.speed, future::pending()).await },
    );
    server.apply(config.clone()).await?;
    server.run(ConfigSource::Fixed(config)).await
}

fn welcome(server: &Server, telemetry_path: &str, config: &Config) -> String {
    let names: Vec<&str> = config
        .accounts
        .iter()
        .map(|account| account.name.as_str())
        .collect();
    let urls = server.urls();
    let open: String = urls
        .iter()
        .map(|url| format!("  open    {url}/ and {url}{telemetry_path}\n"))
        .collect();
    format!(
        "tcss-exporter demo: the data are simulated, nothing leaves this machine\n{open}  look at tcss_up and \
         tcss_vul_scan_progress_ratio of the accounts {}\n  note    acquired fails on purpose: its keys lack the \
         permission\n  stop    Ctrl-C\n",
        names.join(", ")
    )
}

/// One account for each identity that the scenario plays, as the configuration has it by default, but polled so
/// often that something moves while one looks.
fn config(scenario: &Scenario, endpoint: String) -> Result<Config, String> {
    let overrides = Overrides::default()
        .with("api", "endpoint", Some(endpoint))
        .with("poll", "interval", Some("5s"))
        .with("poll", "scanning_interval", Some("2s"))
        .with("poll", "timeout", Some("5s"))
        .with("poll", "stale_after", Some("30s"));
    let default = config::load(None, &overrides)
        .map_err(|problems| problems.to_string())?
        .config
        .accounts
        .remove(0);
    let account = |(name, credentials): (&str, &Credentials)| {
        let credentials = Source::Static(credentials.clone());
        Ok(Account {
            name: AccountName::parse(name)?,
            credentials,
            ..default.clone()
        })
    };
    Ok(Config {
        accounts: scenario
            .identities()
            .map(account)
            .collect::<Result<_, String>>()?,
    })
}
