//! The command line: commands and flags. `app` runs the commands.

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use clap::{Args, CommandFactory, Parser, Subcommand, builder::BoolishValueParser};
use clap_complete::Shell;

mod flags;
pub mod output;
pub mod pages;
mod values;

pub use flags::{ConfigFlags, LogFlags, Sockets, WebConfigFlags, WebFlags};
pub use values::{ListenAddress, LogFormat, LogLevel, OutputFormat, TelemetryPath, WebAddress};

use crate::{build_info, simulator::Speed};

/// Parses the command line. Help and version go to stdout and exit with 0, bad usage goes to stderr and exits with 2.
pub fn parse() -> Command {
    try_parse_from(std::env::args_os()).unwrap_or_else(|error| error.exit())
}

/// Parses arguments, the first of which is the name of the program.
pub fn try_parse_from(
    arguments: impl IntoIterator<Item: Into<OsString>>,
) -> Result<Command, clap::Error> {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    // Environment variables of `serve` must not count here, so these command lines have a parser of
    // their own.
    if let Some(first) = arguments.get(1)
        && is_command(first)
    {
        return CommandLine::try_parse_from(arguments).map(|line| line.command);
    }
    let cli = Cli::try_parse_from(arguments)?;
    Ok(cli.command.unwrap_or(Command::Serve(cli.serve)))
}

fn is_command(name: &OsStr) -> bool {
    CommandLine::command()
        .get_subcommands()
        .any(|command| command.get_name() == name)
}

/// A command line that starts with a command. It ignores environment variables of flags of other commands.
#[derive(Debug, Parser)]
#[command(name = "tcss-exporter", version = build_info::SUMMARY)]
struct CommandLine {
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
    serve: ServeArgs,
}

#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum Command {
    #[command(about = "Run the exporter. This is the default command.")]
    Serve(ServeArgs),
    #[command(
        about = "Run the exporter against the built-in simulated API, without a real account."
    )]
    Demo(DemoArgs),
    #[command(about = "Check configuration and web configuration, and print every problem.")]
    Check(CheckArgs),
    #[command(about = "Poll every account once and print the results.")]
    Scan(ScanArgs),
    #[command(about = "Run only the simulated API.")]
    Simulate(SimulateArgs),
    #[command(
        about = "Check that the exporter on this machine is healthy, for container health checks."
    )]
    Health(HealthArgs),
    #[command(about = "Generate a completion script for a shell.")]
    Completions(CompletionsArgs),
    #[command(about = "Generate the manual page.")]
    Man,
}

/// Exit codes and their meaning.
pub const EXIT_CODES: [(u8, &str); 3] = [
    (0, "Success, also after SIGTERM or SIGINT."),
    (1, "Failure at run time."),
    (
        2,
        "Bad usage or configuration. With check --live, also a failed call.",
    ),
];

#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct ServeArgs {
    #[command(flatten)]
    pub config: ConfigFlags,
    #[command(flatten)]
    pub web: WebFlags,
    #[command(flatten)]
    pub log: LogFlags,
}

#[derive(Args, Clone, Debug, PartialEq)]
pub struct DemoArgs {
    #[arg(
        long,
        env = "TCSS_EXPORTER_SPEED",
        value_name = "FACTOR",
        default_value = "1",
        help = "Factor by which simulated time runs faster than real time."
    )]
    pub speed: Speed,

    #[command(flatten)]
    pub web: WebFlags,
    #[command(flatten)]
    pub log: LogFlags,
}

#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct CheckArgs {
    #[arg(
        long, env = "TCSS_EXPORTER_LIVE", value_parser = BoolishValueParser::new(),
        help = "Also get credentials and make one API call per account."
    )]
    pub live: bool,

    #[command(flatten)]
    pub config: ConfigFlags,
    #[command(flatten)]
    pub web: WebConfigFlags,
    #[command(flatten)]
    pub log: LogFlags,
}

#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct ScanArgs {
    #[arg(
        long,
        env = "TCSS_EXPORTER_OUTPUT",
        value_name = "FORMAT",
        default_value = "table",
        value_enum,
        help = "Output format."
    )]
    pub output: OutputFormat,

    #[command(flatten)]
    pub config: ConfigFlags,
    #[command(flatten)]
    pub log: LogFlags,
}

#[derive(Args, Clone, Debug, PartialEq)]
pub struct SimulateArgs {
    #[arg(
        long,
        env = "TCSS_EXPORTER_LISTEN_ADDRESS",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:10059",
        help = "Address on which to expose the simulated API."
    )]
    pub listen_address: ListenAddress,

    #[arg(
        long,
        env = "TCSS_EXPORTER_SPEED",
        value_name = "FACTOR",
        default_value = "1",
        help = "Factor by which simulated time runs faster than real time."
    )]
    pub speed: Speed,

    #[arg(
        long,
        env = "TCSS_EXPORTER_SECRET_ID",
        value_name = "ID",
        conflicts_with = "scenario",
        help = "Made-up SecretId to accept instead of the built-in one."
    )]
    pub secret_id: Option<String>,

    #[arg(
        long,
        env = "TCSS_EXPORTER_SECRET_KEY",
        hide_env_values = true,
        value_name = "KEY",
        conflicts_with = "scenario",
        help = "Made-up SecretKey to accept instead of the built-in one. Do not use a real one."
    )]
    pub secret_key: Option<String>,

    #[arg(
        long,
        env = "TCSS_EXPORTER_SCENARIO",
        value_name = "FILE",
        help = "Path to a scenario file with accounts and their scans."
    )]
    pub scenario: Option<PathBuf>,

    #[command(flatten)]
    pub log: LogFlags,
}

#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct HealthArgs {
    #[arg(
        long = "web.listen-address",
        env = "TCSS_EXPORTER_WEB_LISTEN_ADDRESS",
        value_name = "ADDRESS",
        value_delimiter = ',',
        default_value = ":10058",
        help = "Address on which the exporter listens: HOST:PORT or unix:PATH. Repeatable for multiple addresses."
    )]
    pub listen_addresses: Vec<WebAddress>,
}

#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct CompletionsArgs {
    #[arg(help = "Shell for which to generate the script.")]
    pub shell: Shell,
}

#[cfg(test)]
mod tests;
