//! The command line: commands and flags. `app` runs the commands.

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
    time::Duration,
};

use clap::{
    Args, CommandFactory, FromArgMatches as _, Parser, Subcommand,
    builder::{BoolishValueParser, RangedU64ValueParser},
};
use clap_complete::Shell;

mod advice;
mod flags;
pub mod output;
pub mod pages;
mod values;
mod variables;

pub use flags::{ConfigFlags, HaFlags, LogFlags, Sockets, WebConfigFlags, WebFlags};
use values::parse_auto_reload_interval;
pub use values::{
    AccountFormat, LeaseName, ListFormat, ListenAddress, LogFormat, LogLevel, OutputFormat,
    StandbyMode, TelemetryPath, WebAddress,
};

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
    match matched(&arguments) {
        Ok(command) => Ok(command),
        Err(error) => Err(advice::improve(error, &arguments)),
    }
}

fn matched(arguments: &[OsString]) -> Result<Command, clap::Error> {
    // Environment variables of `serve` must not count here, so these command lines have a parser of
    // their own.
    let starts_with_command = arguments.get(1).is_some_and(|first| is_command(first));
    let definition = if starts_with_command {
        CommandLine::command()
    } else {
        Cli::command()
    };
    let mut definition = variables::without_empty(definition);
    let matches = definition.try_get_matches_from_mut(arguments)?;
    let from_environment = variables::used(&definition, &matches);
    let mut command = if starts_with_command {
        CommandLine::from_arg_matches(&matches)?.command
    } else {
        let cli = Cli::from_arg_matches(&matches)?;
        cli.command.unwrap_or(Command::Serve(cli.serve))
    };
    if let Some(config) = command.config_mut() {
        config.from_environment = from_environment;
    }
    Ok(command)
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
    override_usage = "tcss-exporter [serve] [FLAGS]\n       tcss-exporter <COMMAND> [FLAGS]",
    after_help = HELP
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    serve: ServeArgs,
}

/// After the flags, in help.
const HELP: &str = "\
Credentials are read from TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY, or as the configuration file says.

Examples:
  tcss-exporter demo
  TENCENTCLOUD_SECRET_ID=... TENCENTCLOUD_SECRET_KEY=... tcss-exporter
  tcss-exporter check --live --config.file=tcss-exporter.yml

Documentation: the directory docs of the source, or /usr/share/doc/tcss-exporter.";

#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum Command {
    #[command(
        about = "Run the exporter. This is the default command.",
        after_help = HELP
    )]
    Serve(ServeArgs),
    #[command(
        about = "Run the exporter against the built-in simulated API, without a real account."
    )]
    Demo(DemoArgs),
    #[command(
        about = "Check configuration and web configuration, and print every problem.",
        after_help = HELP
    )]
    Check(CheckArgs),
    #[command(
        about = "Poll every account once and print the results.",
        after_help = HELP
    )]
    Scan(ScanArgs),
    #[command(
        about = "List the accounts of the configuration and of its discoveries.",
        after_help = HELP
    )]
    Accounts(AccountsArgs),
    #[command(
        about = "List the worst local images of the last completed scan of every account.",
        after_help = HELP
    )]
    Images(ImagesArgs),
    #[command(
        about = "Compare the requests that a configuration needs with the limit, without any API call."
    )]
    Plan(PlanArgs),
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

impl Command {
    fn config_mut(&mut self) -> Option<&mut ConfigFlags> {
        match self {
            Command::Serve(flags) => Some(&mut flags.config),
            Command::Check(flags) => Some(&mut flags.config),
            Command::Scan(flags) => Some(&mut flags.config),
            Command::Accounts(flags) => Some(&mut flags.config),
            Command::Images(flags) => Some(&mut flags.config),
            Command::Plan(flags) => Some(&mut flags.config),
            _ => None,
        }
    }
}

/// Exit codes and their meaning.
pub const EXIT_CODES: [(u8, &str); 3] = [
    (0, "Success, also after SIGTERM or SIGINT."),
    (1, "Failure at run time."),
    (
        2,
        "Bad usage or configuration. With check --live, also a failed call. With check --strict, also a warning.",
    ),
];

#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct ServeArgs {
    #[command(flatten)]
    pub config: ConfigFlags,
    #[command(flatten)]
    pub ha: HaFlags,
    #[command(flatten)]
    pub web: WebFlags,
    #[command(flatten)]
    pub log: LogFlags,

    #[arg(
        long = "config.auto-reload-interval",
        env = "TCSS_EXPORTER_CONFIG_AUTO_RELOAD_INTERVAL",
        value_name = "DURATION",
        value_parser = parse_auto_reload_interval,
        default_value = "0s",
        help = "Interval at which to check the configuration file and the account files for changes, and to reload them. 0s disables it."
    )]
    pub auto_reload_interval: Duration,

    #[arg(
        long = "debug.core-dumps",
        env = "TCSS_EXPORTER_DEBUG_CORE_DUMPS",
        value_parser = BoolishValueParser::new(),
        help = "Allow core dumps and debuggers. Core dumps contain the credentials."
    )]
    pub core_dumps: bool,
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

    #[arg(
        long, env = "TCSS_EXPORTER_STRICT", value_parser = BoolishValueParser::new(),
        help = "Exit with 2 if there are warnings."
    )]
    pub strict: bool,

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

#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct AccountsArgs {
    #[arg(
        long,
        env = "TCSS_EXPORTER_OUTPUT",
        value_name = "FORMAT",
        default_value = "table",
        value_enum,
        help = "Output format. yaml prints the discovered accounts as an account file."
    )]
    pub output: AccountFormat,

    #[command(flatten)]
    pub config: ConfigFlags,
    #[command(flatten)]
    pub log: LogFlags,
}

#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct ImagesArgs {
    #[arg(
        long,
        env = "TCSS_EXPORTER_ACCOUNT",
        value_name = "NAME",
        help = "Only list images of this account."
    )]
    pub account: Option<String>,

    #[arg(
        long,
        env = "TCSS_EXPORTER_SCAN",
        value_name = "NAME",
        help = "Only list images of this scan."
    )]
    pub scan: Option<String>,

    #[arg(
        long,
        env = "TCSS_EXPORTER_LIMIT",
        value_name = "N",
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=100),
        help = "Maximum number of images per scan, 1 to 100. By default, that of the collector risk_images."
    )]
    pub limit: Option<usize>,

    #[arg(
        long,
        env = "TCSS_EXPORTER_OUTPUT",
        value_name = "FORMAT",
        default_value = "table",
        value_enum,
        help = "Output format."
    )]
    pub output: ListFormat,

    #[command(flatten)]
    pub config: ConfigFlags,
    #[command(flatten)]
    pub log: LogFlags,
}

#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct PlanArgs {
    #[command(flatten)]
    pub config: ConfigFlags,
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
