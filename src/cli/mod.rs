//! The command line: flags and commands. What the commands do is wired in `app`.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, CommandFactory, Parser, Subcommand, builder::BoolishValueParser};
use clap_complete::Shell;

mod flags;
pub mod output;
pub mod pages;
mod values;

pub use flags::{ConfigFlags, LogFlags, Sockets, WebConfigFlags, WebFlags};
pub use values::{ListenAddress, LogFormat, LogLevel, OutputFormat, TelemetryPath, WebAddress};

use crate::{build_info, simulator::Speed};

/// Reads the command line. Help and version go to stdout and end the process with 0, bad usage goes to stderr and
/// ends it with 2.
pub fn parse() -> Command {
    try_parse_from(std::env::args_os()).unwrap_or_else(|error| error.exit())
}

/// Reads the arguments, of which the first is the program's name.
pub fn try_parse_from(
    arguments: impl IntoIterator<Item: Into<OsString>>,
) -> Result<Command, clap::Error> {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let names_a_command = arguments
        .get(1)
        .and_then(|first| first.to_str())
        .is_some_and(is_command);
    if names_a_command {
        return Named::try_parse_from(arguments).map(|named| named.command);
    }
    Cli::try_parse_from(arguments).map(Cli::chosen)
}

fn is_command(name: &str) -> bool {
    Named::command()
        .get_subcommands()
        .any(|command| command.get_name() == name)
}

/// A command line that begins with a command: the environment variables of other commands say nothing to it.
#[derive(Debug, Parser)]
#[command(name = "tcss-exporter", version = build_info::SUMMARY)]
struct Named {
    #[command(subcommand)]
    command: Command,
}

/// Prometheus exporter for vulnerability scans of Tencent Cloud Container Security (TCSS)
#[derive(Debug, Parser)]
#[command(
    name = "tcss-exporter",
    version = build_info::SUMMARY,
    about,
    args_conflicts_with_subcommands = true,
    override_usage = "tcss-exporter [serve] [FLAGS]\n       tcss-exporter <COMMAND> [FLAGS]"
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    serve: Serve,
}

impl Cli {
    fn chosen(self) -> Command {
        self.command.unwrap_or(Command::Serve(self.serve))
    }
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum Command {
    /// Run the exporter; this is what happens without a command
    Serve(Serve),
    /// Run the exporter against the built-in simulated API: no account needed
    Demo(Demo),
    /// Check the configuration and print every problem
    Check(Check),
    /// Poll every account once and print the result
    Scan(Scan),
    /// Run only the simulated API
    Simulate(Simulate),
    /// Print a script that completes commands and flags in a shell
    Completions(Completions),
    /// Print the manual page
    Man,
}

/// What a command's exit code says.
pub const EXIT_CODES: [(u8, &str); 3] = [
    (0, "All went well, or SIGTERM or SIGINT came."),
    (1, "Something failed at run time."),
    (
        2,
        "Bad usage or configuration; with check --live, also a call that failed.",
    ),
];

/// `serve`.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Serve {
    #[command(flatten)]
    pub config: ConfigFlags,
    #[command(flatten)]
    pub web: WebFlags,
    #[command(flatten)]
    pub log: LogFlags,
}

/// `demo`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Demo {
    /// Simulated seconds that pass in one
    #[arg(
        long,
        env = "TCSS_EXPORTER_SPEED",
        value_name = "FACTOR",
        default_value = "1"
    )]
    pub speed: Speed,

    #[command(flatten)]
    pub web: WebFlags,
    #[command(flatten)]
    pub log: LogFlags,
}

/// `check`.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Also get credentials and make one call per account
    #[arg(long, env = "TCSS_EXPORTER_LIVE", value_parser = BoolishValueParser::new())]
    pub live: bool,

    #[command(flatten)]
    pub config: ConfigFlags,
    #[command(flatten)]
    pub web: WebConfigFlags,
    #[command(flatten)]
    pub log: LogFlags,
}

/// `scan`.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Form of the result
    #[arg(
        long,
        env = "TCSS_EXPORTER_OUTPUT",
        value_name = "FORMAT",
        default_value = "table",
        value_enum
    )]
    pub output: OutputFormat,

    #[command(flatten)]
    pub config: ConfigFlags,
    #[command(flatten)]
    pub log: LogFlags,
}

/// `simulate`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Simulate {
    /// Address to listen on
    #[arg(
        long,
        env = "TCSS_EXPORTER_LISTEN_ADDRESS",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:10059"
    )]
    pub listen_address: ListenAddress,

    /// Simulated seconds that pass in one
    #[arg(
        long,
        env = "TCSS_EXPORTER_SPEED",
        value_name = "FACTOR",
        default_value = "1"
    )]
    pub speed: Speed,

    /// Made-up key ID to accept instead of the simulator's own
    #[arg(
        long,
        env = "TCSS_EXPORTER_SECRET_ID",
        value_name = "ID",
        conflicts_with = "scenario"
    )]
    pub secret_id: Option<String>,

    /// Made-up secret key to accept instead of the simulator's own; never give a real one
    #[arg(
        long,
        env = "TCSS_EXPORTER_SECRET_KEY",
        hide_env_values = true,
        value_name = "KEY",
        conflicts_with = "scenario"
    )]
    pub secret_key: Option<String>,

    /// File that says how accounts and their scans behave
    #[arg(long, env = "TCSS_EXPORTER_SCENARIO", value_name = "FILE")]
    pub scenario: Option<PathBuf>,

    #[command(flatten)]
    pub log: LogFlags,
}

/// `completions`.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Completions {
    /// Shell that will read the script
    pub shell: Shell,
}

#[cfg(test)]
mod docs_test;
#[cfg(test)]
mod tests;
