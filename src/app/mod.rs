//! Wires everything: the only module that knows all the others.

use std::{
    fmt::{self, Write as _},
    process::ExitCode,
    sync::Arc,
};

use crate::{
    cli::{Command, LogFlags, output, pages},
    client::{Client, InitError},
    domain::{Clock, Shard},
    poller::{Context, PollGate},
    telemetry::Telemetry,
};

mod accounts;
mod certificates;
mod check;
mod demo;
mod discover;
mod election;
mod health;
mod images;
mod limits;
mod listen;
mod log_queue;
mod logfmt;
mod logging;
mod once;
mod plan;
mod report;
mod scan;
mod serve;
mod shard;
mod signals;
mod simulate;

use signals::Signals;

/// Does what the command line says. 0: fine. 1: failed at run time. 2: bad usage or configuration.
pub fn run(command: Command) -> ExitCode {
    match run_and_log(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // One write, so that the lines of several processes do not mix in a shared log.
            let mut text = String::new();
            for line in &failure.lines {
                // Names of files may contain anything.
                let _ = writeln!(text, "tcss-exporter: {}", output::printable(line));
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
    forbid_core_dumps(&command);
    limits::raise_descriptor_limit();
    // The log first: it needs a thread, and where there is none, the error must name the limit.
    let mut _log = None;
    if let Some(flags) = log_flags(&command) {
        let log = logging::init(flags, is_one_shot(&command));
        _log = Some(log.map_err(|error| Failure::run_time(format!("{THREAD_LIMIT} ({error})")))?);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime =
        runtime.map_err(|error| Failure::run_time(format!("cannot start the runtime: {error}")))?;
    // Before anything else runs: a signal that comes during the start must neither end the process
    // by force nor be lost, even in process 1, where signals without a handler do nothing.
    let signals = {
        let _guard = runtime.enter();
        match log_flags(&command) {
            Some(_) => Some(Signals::listen()?),
            None => None,
        }
    };
    let outcome = runtime.block_on(dispatch(command, signals));
    // Blocked threads are not waited for: a name lookup can hang for minutes if DNS is down.
    runtime.shutdown_background();
    outcome
}

/// Core dumps contain the credentials.
fn forbid_core_dumps(command: &Command) {
    if let Command::Serve(flags) = command
        && flags.core_dumps
    {
        return;
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // Fails on no Linux that is in use; without it, the exporter is as safe as others.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// Whether the command ends by itself and prints what it finds.
fn is_one_shot(command: &Command) -> bool {
    matches!(
        command,
        Command::Check(_) | Command::Scan(_) | Command::Accounts(_) | Command::Images(_)
    )
}

async fn dispatch(command: Command, signals: Option<Signals>) -> Result<(), Failure> {
    match (command, signals) {
        (Command::Serve(flags), Some(signals)) => serve::run(flags, signals).await,
        (Command::Demo(flags), Some(signals)) => demo::run(flags, signals).await,
        (Command::Simulate(flags), Some(signals)) => simulate::run(flags, signals).await,
        (Command::Check(flags), Some(signals)) => unless_stopped(check::run(flags), signals).await,
        (Command::Scan(flags), Some(signals)) => unless_stopped(scan::run(flags), signals).await,
        (Command::Accounts(flags), Some(signals)) => {
            unless_stopped(accounts::run(flags), signals).await
        }
        (Command::Images(flags), Some(signals)) => {
            unless_stopped(images::run(flags), signals).await
        }
        (Command::Plan(flags), _) => plan::run(&flags),
        (Command::Health(flags), _) => health::run(flags).await,
        (Command::Completions(flags), _) => Ok(output::print(pages::completions(flags.shell))?),
        (Command::Man, _) => Ok(output::print(pages::man())?),
        (_, None) => Err(Failure::run_time("signals cannot be received")),
    }
}

/// Runs a command that ends by itself, unless a signal comes first.
async fn unless_stopped(
    command: impl Future<Output = Result<(), Failure>>,
    mut signals: Signals,
) -> Result<(), Failure> {
    tokio::select! {
        outcome = command => outcome,
        _ = signals.next() => Err(Failure::run_time("stopped by a signal before the end")),
    }
}

fn log_flags(command: &Command) -> Option<&LogFlags> {
    match command {
        Command::Serve(flags) => Some(&flags.log),
        Command::Demo(flags) => Some(&flags.log),
        Command::Check(flags) => Some(&flags.log),
        Command::Scan(flags) => Some(&flags.log),
        Command::Accounts(flags) => Some(&flags.log),
        Command::Images(flags) => Some(&flags.log),
        Command::Simulate(flags) => Some(&flags.log),
        Command::Plan(_) | Command::Health(_) | Command::Completions(_) | Command::Man => None,
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
fn context(clock: Clock, shard: Shard, gate: PollGate) -> Result<Arc<Context>, Failure> {
    // Which actions are called is known when there is a configuration.
    let telemetry = Arc::new(Telemetry::new(&[]).map_err(Failure::run_time)?);
    telemetry.set_shard(shard);
    let client = match Client::new(clock, Arc::clone(&telemetry)) {
        Ok(client) => client,
        // The environment is part of the configuration.
        Err(error @ InitError::Proxy(_)) => return Err(Failure::bad_input([error])),
        Err(error) => return Err(Failure::run_time(error)),
    };
    let mut context = Context::new(client, clock, telemetry);
    context.gate = gate;
    Ok(Arc::new(context))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, dumpable_behavior};

    use super::*;
    use crate::cli;

    #[test]
    fn core_dumps_are_forbidden_unless_the_flag_allows_them() {
        let before = dumpable_behavior().unwrap();
        let allowed = cli::try_parse_from(["tcss-exporter", "--debug.core-dumps"]).unwrap();
        forbid_core_dumps(&allowed);
        assert_eq!(dumpable_behavior().unwrap(), before);
        forbid_core_dumps(&cli::try_parse_from(["tcss-exporter"]).unwrap());
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
