//! Wires everything: the only module that knows all the others.

use std::{fmt, process::ExitCode, sync::Arc};

use crate::{
    cli::{Command, LogFlags, output},
    client::Client,
    clock::Clock,
    collectors,
    config::Shard,
    poller::Context,
    telemetry::Telemetry,
};

mod check;
mod demo;
pub mod exporter;
mod listen;
mod logging;
mod once;
mod reload;
mod report;
mod scan;
mod serve;
mod shard;
mod signals;
mod simulate;

/// Does what the command line says. 0: fine. 1: failed at run time. 2: bad usage or configuration.
pub fn run(command: Command) -> ExitCode {
    logging::init(log_flags(&command));
    match run_to_the_end(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let lines = failure.lines.iter().map(|line| format!("tcss-exporter: {line}\n"));
            let _ = output::print_error(lines.collect::<String>());
            ExitCode::from(failure.code)
        }
    }
}

fn run_to_the_end(command: Command) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(dispatch(command));
    // Not waiting for what blocks a thread, such as a look-up of a name in a DNS that is gone.
    runtime.shutdown_background();
    outcome
}

async fn dispatch(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(flags) => serve::run(flags).await,
        Command::Demo(flags) => demo::run(flags).await,
        Command::Check(flags) => check::run(flags).await,
        Command::Scan(flags) => scan::run(flags).await,
        Command::Simulate(flags) => simulate::run(flags).await,
    }
}

fn log_flags(command: &Command) -> &LogFlags {
    match command {
        Command::Serve(flags) => &flags.log,
        Command::Demo(flags) => &flags.log,
        Command::Check(flags) => &flags.log,
        Command::Scan(flags) => &flags.log,
        Command::Simulate(flags) => &flags.log,
    }
}

/// Why a command ends, and with which exit code. The lines are for people.
#[derive(Debug)]
struct Failure {
    code: u8,
    lines: Vec<String>,
}

impl Failure {
    fn run_time(line: impl fmt::Display) -> Failure {
        Failure { code: 1, lines: vec![line.to_string()] }
    }

    /// Everything was said already.
    fn silent(code: u8) -> Failure {
        Failure { code, lines: Vec::new() }
    }

    fn bad_input<T: fmt::Display>(problems: impl IntoIterator<Item = T>) -> Failure {
        Failure { code: 2, lines: problems.into_iter().map(|problem| problem.to_string()).collect() }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::run_time(error)
    }
}

/// What jobs share that talk to the network.
fn context(clock: Clock, shard: Shard) -> Result<Arc<Context>, Failure> {
    let actions = collectors::ALL.map(|collector| collector.action);
    let telemetry = Arc::new(Telemetry::new(&actions).map_err(Failure::run_time)?);
    telemetry.sharded(shard);
    let client = Client::new(clock, Arc::clone(&telemetry)).map_err(Failure::run_time)?;
    Ok(Arc::new(Context { client, clock, telemetry }))
}
