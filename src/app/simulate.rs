//! `simulate`: the simulated API alone.

use std::{path::Path, sync::Arc};

use tokio::net::TcpListener;

use super::{
    Failure, listen,
    signals::{Request, Signals},
};
use crate::{
    cli::{SimulateArgs, output},
    domain::Clock,
    signer::Secret,
    simulator::{self, Scenario, Simulator, Speed},
};

pub(super) async fn run(flags: SimulateArgs, mut signals: Signals) -> Result<(), Failure> {
    let secret_id = flags
        .secret_id
        .as_deref()
        .unwrap_or(simulator::DEFAULT_SECRET_ID);
    let secret_key = flags
        .secret_key
        .as_deref()
        .unwrap_or(simulator::DEFAULT_SECRET_KEY);
    let scenario = match &flags.scenario {
        Some(file) => read(file)?,
        None => Scenario::builtin_default(secret_id, Secret::new(secret_key.into())),
    };
    let listener = listen::bind(&flags.listen_address).await?;
    let url = listen::url("http", listener.local_addr()?);
    output::print_line(format_args!(
        "simulated API on {url}; what has arrived: {url}{}",
        simulator::STATS_PATH
    ))?;
    // The keys of a scenario file are the user's own and may be real ones, so they are not shown.
    if flags.scenario.is_none() {
        output::print_line(format_args!(
            "try: TENCENTCLOUD_SECRET_ID={secret_id} TENCENTCLOUD_SECRET_KEY={secret_key} \
             tcss-exporter --api.endpoint={url}"
        ))?;
    }
    serve(listener, &scenario, flags.speed, async move {
        // A scenario cannot be reloaded, so SIGHUP is ignored.
        while signals.next().await != Request::Stop {}
    })
    .await;
    Ok(())
}

/// Serves `scenario` on `listener` until `stop`. Its time starts now.
pub(super) async fn serve(
    listener: TcpListener,
    scenario: &Scenario,
    speed: Speed,
    stop: impl Future<Output = ()>,
) {
    let clock = Clock::system();
    let simulator = Arc::new(Simulator::new(scenario, speed, clock.now()));
    simulator::serve(listener, simulator, clock, stop).await;
}

fn read(file: &Path) -> Result<Scenario, Failure> {
    match Scenario::load(file) {
        Ok(scenario) => Ok(scenario),
        Err(problems) => Err(Failure::bad_input(problems.iter())),
    }
}
