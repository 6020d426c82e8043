//! Wires everything: the only module that knows all the others.

use std::{fmt, process::ExitCode, sync::Arc};

use crate::{
    cli::{Command, LogFlags, output, pages},
    client::Client,
    collectors,
    domain::{Clock, Shard},
    poller::Context,
    telemetry::Telemetry,
};

mod check;
mod demo;
mod health;
mod listen;
mod log_queue;
mod logfmt;
mod logging;
mod once;
mod report;
mod scan;
mod serve;
mod shard;
mod signals;
mod simulate;

/// Does what the command line says. 0: fine. 1: failed at run time. 2: bad usage or configuration.
pub fn run(command: Command) -> ExitCode {
    match run_and_log(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let lines = failure
                .lines
                .iter()
                .map(|line| format!("tcss-exporter: {line}\n"));
            let _ = output::print_error(lines.collect::<String>());
            ExitCode::from(failure.code)
        }
    }
}

fn run_and_log(command: Command) -> Result<(), Failure> {
    let _log = log_flags(&command).map(logging::init).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
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
        Command::Health(flags) => health::run(flags).await,
        Command::Completions(flags) => Ok(output::print(pages::completions(flags.shell))?),
        Command::Man => Ok(output::print(pages::man())?),
    }
}

fn log_flags(command: &Command) -> Option<&LogFlags> {
    match command {
        Command::Serve(flags) => Some(&flags.log),
        Command::Demo(flags) => Some(&flags.log),
        Command::Check(flags) => Some(&flags.log),
        Command::Scan(flags) => Some(&flags.log),
        Command::Simulate(flags) => Some(&flags.log),
        Command::Health(_) | Command::Completions(_) | Command::Man => None,
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
        Failure {
            code: 1,
            lines: vec![line.to_string()],
        }
    }

    /// Everything was said already.
    fn silent(code: u8) -> Failure {
        Failure {
            code,
            lines: Vec::new(),
        }
    }

    fn bad_input<T: fmt::Display>(problems: impl IntoIterator<Item = T>) -> Failure {
        Failure {
            code: 2,
            lines: problems
                .into_iter()
                .map(|problem| problem.to_string())
                .collect(),
        }
    }
}

/// For people, a line each.
fn lines<T: ToString>(problems: impl IntoIterator<Item = T>) -> Vec<String> {
    problems
        .into_iter()
        .map(|problem| problem.to_string())
        .collect()
}

/// Both, or the problems of both.
fn both<A, B>(a: Result<A, Vec<String>>, b: Result<B, Vec<String>>) -> Result<(A, B), Failure> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (a, b) => Err(Failure::bad_input(
            [a.err(), b.err()].into_iter().flatten().flatten(),
        )),
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::run_time(error)
    }
}

/// What jobs share that talk to the network.
fn context(clock: Clock, shard: Shard) -> Result<Arc<Context>, Failure> {
    let actions = collectors::action_names();
    let telemetry = Arc::new(Telemetry::new(&actions).map_err(Failure::run_time)?);
    telemetry.set_shard(shard);
    let client = Client::new(clock, Arc::clone(&telemetry)).map_err(Failure::run_time)?;
    Ok(Arc::new(Context {
        client,
        clock,
        telemetry,
    }))
}
