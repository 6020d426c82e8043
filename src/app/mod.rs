//! Wires everything: the only module that knows all the others.

use std::{
    fmt::{self, Write as _},
    process::ExitCode,
    sync::Arc,
};

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
mod limits;
mod listen;
mod log_queue;
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
            // One write, so that the lines of several processes do not mix in a shared log.
            let mut text = String::new();
            for line in &failure.lines {
                let _ = writeln!(text, "tcss-exporter: {line}");
            }
            // If stderr is closed, the exit code still says that the command failed.
            let _ = output::print_error(text);
            ExitCode::from(failure.code)
        }
    }
}

/// The error when the system allows no further thread.
const THREAD_LIMIT: &str = "cannot start a thread: raise the limit on processes (ulimit -u, \
    the pids limit of the container, TasksMax= of the systemd unit); Docker before 20.10.10 refuses \
    threads of new programs, so upgrade it or use --security-opt seccomp=unconfined";

fn run_and_log(command: Command) -> Result<(), Failure> {
    let mut _log = None;
    if let Some(flags) = log_flags(&command) {
        let log = logging::init(flags);
        // The only thing that can fail is the thread that writes the log.
        _log = Some(log.map_err(|error| Failure::run_time(format!("{THREAD_LIMIT} ({error})")))?);
    }
    limits::raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime =
        runtime.map_err(|error| Failure::run_time(format!("cannot start the runtime: {error}")))?;
    let outcome = runtime.block_on(dispatch(command));
    // Blocked threads are not waited for: a name lookup can hang for minutes if DNS is down.
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
        Command::Completions(_) | Command::Man => None,
    }
}

/// Why a command failed, and its exit code. Each line is printed to stderr.
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

    /// The command has already printed what is wrong.
    fn silent(code: u8) -> Failure {
        Failure {
            code,
            lines: Vec::new(),
        }
    }

    fn bad_input<T: fmt::Display>(problems: impl IntoIterator<Item = T>) -> Failure {
        Failure {
            code: 2,
            lines: lines(problems),
        }
    }
}

/// One line per problem.
fn lines<T: ToString>(problems: impl IntoIterator<Item = T>) -> Vec<String> {
    let mut lines = Vec::new();
    for problem in problems {
        lines.push(problem.to_string());
    }
    lines
}

/// Both, or the problems of both.
fn both<A, B>(a: Result<A, Vec<String>>, b: Result<B, Vec<String>>) -> Result<(A, B), Failure> {
    // Reporting only the first would cost the user a second run to find the other.
    let problems = match (a, b) {
        (Ok(a), Ok(b)) => return Ok((a, b)),
        (Err(problems), Ok(_)) | (Ok(_), Err(problems)) => problems,
        (Err(mut problems), Err(others)) => {
            problems.extend(others);
            problems
        }
    };
    Err(Failure::bad_input(problems))
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::run_time(error)
    }
}

/// What all jobs share to call the API and to count their requests.
fn context(clock: Clock, shard: Shard) -> Result<Arc<Context>, Failure> {
    let actions = collectors::action_names();
    let telemetry = Arc::new(Telemetry::new(&actions).map_err(Failure::run_time)?);
    telemetry.set_shard(shard);
    let client = Client::new(clock, Arc::clone(&telemetry)).map_err(Failure::run_time)?;
    Ok(Arc::new(Context::new(client, clock, telemetry)))
}
