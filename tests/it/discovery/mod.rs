//! Accounts that are found while the exporter runs.

mod lists;
mod live;
mod many;
mod replicas;

use std::{fs, sync::Arc, time::Duration};

use http::Request;
use tcss_exporter::{
    config::{self, Config, Overrides},
    simulator::{Scenario, Simulator, Speed},
};
use tokio::time::{Instant, timeout_at};

use crate::support::{World, frozen_clock};

/// An exporter whose requests a simulated organization answers, in this process and in tokio's time.
struct Fleet {
    world: World,
    simulator: Arc<Simulator>,
    start: Instant,
}

impl Fleet {
    /// `organization` are keys of the scenario, `discovery` keys of the configuration, and `accounts` further accounts.
    async fn start(organization: &str, discovery: &str, accounts: &str) -> Fleet {
        let scenario = format!(
            "identities: [{{name: base, secret_id: AKIDbase, secret_key: key-base}}]\n\
             organization: {{manager: base, {organization}}}\n"
        );
        let scenario = Scenario::parse(&scenario).unwrap_or_else(|problems| panic!("{problems}"));
        let clock = frozen_clock();
        let simulator = Arc::new(Simulator::new(&scenario, Speed::REAL_TIME, clock.now()));
        let answering = Arc::clone(&simulator);
        let world = World::in_process(
            clock,
            Arc::new(move |request: Request<_>| answering.respond(&request, clock.now()).response),
        );
        let mut fleet = Fleet {
            world,
            simulator,
            start: Instant::now(),
        };
        fleet.reload(discovery, accounts).await;
        fleet
    }

    /// As an operator does.
    async fn reload(&mut self, discovery: &str, accounts: &str) {
        let config = configuration(discovery, accounts);
        self.world.supervisor.apply(config).await.unwrap();
    }

    /// Runs until `seconds` after the start.
    async fn run_until(&mut self, seconds: u64) {
        let end = self.start + Duration::from_secs(seconds);
        let supervisor = &mut self.world.supervisor;
        let running = async {
            loop {
                let list = supervisor.next_list().await;
                supervisor.take_list(list).await;
            }
        };
        let _ = timeout_at(end, running).await;
    }

    fn text(&self) -> String {
        self.world.text()
    }

    /// The value of a series, by the beginning of its line.
    fn value(&self, series: &str) -> Option<f64> {
        let text = self.text();
        let line = text.lines().find(|line| line.starts_with(series))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    fn is_ready(&self) -> bool {
        self.world.supervisor.store().is_ready()
    }

    /// The accounts that are polled.
    fn accounts(&self) -> Vec<String> {
        let table = self.world.supervisor.store().table();
        let accounts = table.accounts.iter();
        accounts.map(|account| account.name.to_string()).collect()
    }

    fn n_assume_role(&self) -> u64 {
        self.simulator.stats().assume_role
    }
}

fn configuration(discovery: &str, accounts: &str) -> Config {
    let file = tempfile::NamedTempFile::new().unwrap();
    let accounts = if accounts.is_empty() {
        String::new()
    } else {
        format!("accounts: {accounts}\n")
    };
    let yaml = format!(
        "credentials: {{static: {{secret_id: AKIDbase, secret_key: key-base}}}}\n\
         discovery: [{{organization: {{{discovery}}}}}]\n{accounts}"
    );
    fs::write(file.path(), yaml).unwrap();
    match config::load(Some(file.path()), &Overrides::default()) {
        Ok(loaded) => loaded.config,
        Err(problems) => panic!("{problems}"),
    }
}
