//! Command lines as users type them.

use std::{env, process};

use clap::{Arg, CommandFactory, error::ErrorKind};

use super::*;
use crate::config::Overrides;

mod docs;

fn parse(line: &str) -> Result<Command, clap::Error> {
    try_parse_from(line.split_whitespace())
}

#[track_caller]
fn serve(line: &str) -> ServeArgs {
    match parse(line) {
        Ok(Command::Serve(serve)) => serve,
        other => panic!("{line}: {other:?}"),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "for comparing")]
fn on(addresses: &[&str]) -> Result<Sockets, &'static str> {
    Ok(Sockets::Addresses(
        addresses
            .iter()
            .map(|address| address.parse().unwrap())
            .collect(),
    ))
}

fn interval(text: &str) -> Overrides {
    Overrides::default().with("poll", "interval", Some(text))
}

fn flags() -> Vec<Arg> {
    let mut root = Cli::command();
    root.build();
    let commands = [&root].into_iter().chain(root.get_subcommands());
    commands
        .flat_map(clap::Command::get_arguments)
        .filter(|arg| arg.get_long().is_some())
        .cloned()
        .collect()
}

#[test]
fn the_definition_is_valid() {
    Cli::command().debug_assert();
}

#[test]
fn serve_is_the_default_command() {
    assert_eq!(serve("tcss-exporter"), serve("tcss-exporter serve"));
    let plain = serve("tcss-exporter --api.endpoint=x --web.max-requests 7");
    assert_eq!(
        plain,
        serve("tcss-exporter serve --api.endpoint=x --web.max-requests=7")
    );
    let endpoint = Overrides::default().with("api", "endpoint", Some("x"));
    assert_eq!(plain.config.overrides(), endpoint);
}

#[test]
fn defaults_match_the_documentation() {
    let ServeArgs {
        config,
        ha,
        web,
        log,
        core_dumps,
        auto_reload_interval,
    } = serve("tcss-exporter");
    assert!(!core_dumps && auto_reload_interval.is_zero());
    assert!(!core_dumps);
    assert_eq!((ha.lease, ha.identity), (None, None));
    assert_eq!(ha.duration.get().as_secs(), 15);
    assert_eq!(ha.standby, super::StandbyMode::Hot);
    assert_eq!(config.file, None);
    assert_eq!(config.overrides(), Overrides::default());
    assert_eq!(web.sockets(), on(&[":10058"]));
    assert_eq!(web.config.file, None);
    assert_eq!(web.telemetry_path.as_str(), "/metrics");
    assert_eq!(web.max_requests.get(), 40);
    assert!(!web.enable_lifecycle && !web.disable_exporter_metrics);
    assert_eq!((log.level, log.format), (LogLevel::Info, LogFormat::Logfmt));
}

#[test]
fn every_command_accepts_its_flags() {
    for line in [
        "tcss-exporter demo --speed 60 --web.listen-address :0 --log.level trace",
        "tcss-exporter check --live --config.file c.yml --web.config.file w.yml --api.time-zone -03:00",
        "tcss-exporter --web.config.file w.yml --web.listen-address unix:/run/tcss.sock",
        "tcss-exporter demo --web.systemd-socket",
        "tcss-exporter --ha.kubernetes-lease a/b --ha.lease-duration 30s --ha.standby cold --ha.identity x",
        "tcss-exporter scan --output json --poll.timeout 5s --log.format json",
        "tcss-exporter health --web.listen-address :1 --web.listen-address unix:/run/tcss.sock",
        "tcss-exporter completions zsh",
        "tcss-exporter man",
        "tcss-exporter simulate --listen-address 127.0.0.1:0 --speed 0.5 --secret-id a --secret-key b",
    ] {
        parse(line).expect(line);
    }
    let web = serve("tcss-exporter --web.listen-address :1 --web.listen-address [::1]:2").web;
    assert_eq!(web.sockets(), on(&[":1", "[::1]:2"]));
    let overrides = serve("tcss-exporter --poll.stale-after 1h30m")
        .config
        .overrides();
    let stale_after = Overrides::default().with("poll", "stale_after", Some("1h 30m"));
    assert_eq!(overrides, stale_after);
}

#[test]
fn mistakes_are_answered_with_what_to_write() {
    for (line, expected) in [
        ("tcss-exporter version", "use --version"),
        ("tcss-exporter -v", "use --version"),
        ("tcss-exporter tcss.yml", "--config.file=tcss.yml"),
        ("tcss-exporter check ./tcss.yml", "--config.file=./tcss.yml"),
        (
            "tcss-exporter --api.endpoint x check",
            "write the command first",
        ),
        ("tcss-exporter --shard -1/3", "expected"),
        ("tcss-exporter --poll.stale-after 5M", "write m for minutes"),
        ("tcss-exporter --poll.interval 5", "5 has no unit"),
        ("tcss-exporter --poll.interval 1day", "write d"),
    ] {
        let error = parse(line).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
        assert!(error.to_string().contains(expected), "{line}: {error}");
    }
}

#[test]
fn help_names_the_variables_of_the_credentials() {
    for line in [
        "tcss-exporter --help",
        "tcss-exporter serve --help",
        "tcss-exporter check --help",
        "tcss-exporter scan --help",
    ] {
        let help = parse(line).unwrap_err().to_string();
        for part in [
            "TENCENTCLOUD_SECRET_ID",
            "TENCENTCLOUD_SECRET_KEY",
            "Documentation: ",
        ] {
            assert!(help.contains(part), "{line}: {help}");
        }
    }
    let page = pages::man().replace("\\-", "-");
    assert!(
        page.contains("TENCENTCLOUD_SECRET_ID") && page.contains("SSL_CERT_FILE"),
        "{page}"
    );
}

#[test]
fn systemd_sockets_and_addresses_are_mutually_exclusive() {
    let sockets = |line| serve(line).web.sockets();
    assert_eq!(
        sockets("tcss-exporter --web.systemd-socket"),
        Ok(Sockets::Systemd)
    );
    assert!(sockets("tcss-exporter --web.systemd-socket --web.listen-address :1").is_err());
}

#[test]
fn bad_usage_is_an_error() {
    for (line, expected) in [
        ("tcss-exporter --nope", ErrorKind::UnknownArgument),
        ("tcss-exporter nope", ErrorKind::InvalidSubcommand),
        (
            "tcss-exporter --poll.interval 60",
            ErrorKind::ValueValidation,
        ),
        (
            "tcss-exporter --web.max-requests 0",
            ErrorKind::ValueValidation,
        ),
        (
            "tcss-exporter --web.telemetry-path /-/ready",
            ErrorKind::ValueValidation,
        ),
        (
            "tcss-exporter --web.listen-address localhost",
            ErrorKind::ValueValidation,
        ),
        ("tcss-exporter --log.level loud", ErrorKind::InvalidValue),
        (
            "tcss-exporter completions",
            ErrorKind::MissingRequiredArgument,
        ),
        ("tcss-exporter completions csh", ErrorKind::InvalidValue),
        (
            "tcss-exporter simulate --speed 0",
            ErrorKind::ValueValidation,
        ),
        (
            "tcss-exporter check --web.max-requests 1",
            ErrorKind::UnknownArgument,
        ),
        (
            "tcss-exporter --api.endpoint x check",
            ErrorKind::ArgumentConflict,
        ),
        (
            "tcss-exporter simulate --listen-address unix:/run/tcss.sock",
            ErrorKind::ValueValidation,
        ),
    ] {
        let error = parse(line).expect_err(line);
        assert_eq!(
            (error.kind(), error.exit_code(), error.use_stderr()),
            (expected, 2, true),
            "{line}: {error}"
        );
    }
}

#[test]
fn help_and_version_exit_with_0() {
    for line in [
        "tcss-exporter --help",
        "tcss-exporter -h",
        "tcss-exporter scan --help",
        "tcss-exporter --version",
    ] {
        let answer = parse(line).expect_err(line);
        assert_eq!(
            (answer.exit_code(), answer.use_stderr()),
            (0, false),
            "{line}"
        );
    }
    let version = parse("tcss-exporter --version").unwrap_err().to_string();
    assert_eq!(version, format!("tcss-exporter {}\n", build_info::SUMMARY));
    assert!(version.contains(concat!(
        "tcss-exporter ",
        env!("CARGO_PKG_VERSION"),
        " (revision "
    )));
}

#[test]
fn help_lists_commands_and_flags_with_their_defaults() {
    let help = Cli::command().render_help().to_string();
    assert!(help.contains("\n  demo "), "{help}");
    // Lines are wrapped to the width of the terminal.
    let words: Vec<&str> = help.split_whitespace().collect();
    let help = words.join(" ");
    for part in [
        "tcss-exporter [serve] [FLAGS]",
        "--web.listen-address <ADDRESS>",
        "[default: :10058]",
        "TCSS_EXPORTER_LOG_LEVEL",
        "possible values: trace, debug, info, warn, error]",
    ] {
        assert!(help.contains(part), "{part}\n{help}");
    }
}

#[test]
fn every_help_text_is_a_sentence() {
    let mut texts = Vec::new();
    let mut root = Cli::command();
    root.build();
    for command in root.get_subcommands() {
        texts.extend(command.get_about().map(ToString::to_string));
    }
    for flag in flags() {
        texts.extend(flag.get_help().map(ToString::to_string));
    }
    for text in texts {
        let (sentence, _) = text.split_once(" [default").unwrap_or((&text, ""));
        let is_of_clap = text.starts_with("Print ");
        assert!(sentence.ends_with('.') || is_of_clap, "{text}");
    }
}

#[test]
fn every_flag_has_an_environment_variable() {
    for flag in flags() {
        let long = flag.get_long().unwrap();
        let expected = format!(
            "TCSS_EXPORTER_{}",
            long.replace(['.', '-'], "_").to_uppercase()
        );
        let expected = (!["help", "version"].contains(&long)).then_some(expected);
        assert_eq!(
            flag.get_env().map(|name| name.to_str().unwrap().to_owned()),
            expected,
            "--{long}"
        );
    }
}

/// A process cannot safely set its own environment, so this test runs itself in another.
#[test]
fn a_flag_takes_precedence_over_its_environment_variable() {
    if env::var_os("TCSS_EXPORTER_POLL_INTERVAL").is_none() {
        let child = process::Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "cli::tests::a_flag_takes_precedence_over_its_environment_variable",
            ])
            .env("TCSS_EXPORTER_POLL_INTERVAL", "2m")
            .env("TCSS_EXPORTER_WEB_LISTEN_ADDRESS", ":1,localhost:2")
            .env("TCSS_EXPORTER_WEB_ENABLE_LIFECYCLE", "1")
            .env("TCSS_EXPORTER_WEB_SYSTEMD_SOCKET", "false")
            .output()
            .unwrap();
        assert!(
            child.status.success(),
            "{}",
            String::from_utf8_lossy(&child.stdout)
        );
        return;
    }
    let from_environment = serve("tcss-exporter serve");
    assert_eq!(from_environment, serve("tcss-exporter"));
    assert_eq!(from_environment.config.overrides(), interval("2m"));
    assert_eq!(from_environment.web.sockets(), on(&[":1", "localhost:2"]));
    assert!(from_environment.web.enable_lifecycle);
    let from_flags = serve("tcss-exporter --poll.interval 3m --web.listen-address :3");
    assert_eq!(from_flags.config.overrides(), interval("3m"));
    assert_eq!(from_flags.web.sockets(), on(&[":3"]));
    assert!(matches!(
        parse("tcss-exporter simulate"),
        Ok(Command::Simulate(_))
    ));
}
