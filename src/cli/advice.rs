//! What to do about a command line that cannot be parsed, where clap does not say so.

use std::{env, ffi::OsString};

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::yaml::flag_variable;

/// Adds a tip, and names the environment variable where the value came from one.
pub(super) fn improve(mut error: clap::Error, arguments: &[OsString]) -> clap::Error {
    if let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg)
        && let Some(name) = variable(flag, arguments)
    {
        let text = format!("{name} ({flag})");
        error.insert(ContextKind::InvalidArg, ContextValue::String(text));
    }
    if let Some(tip) = tip(&error) {
        let tips = ContextValue::StyledStrs(vec![tip.into()]);
        error.insert(ContextKind::Suggested, tips);
    }
    error
}

/// The variable that the value of `flag` came from, such as `--poll.interval <DURATION>`.
fn variable(flag: &str, arguments: &[OsString]) -> Option<String> {
    let flag = flag.split([' ', '=']).next()?;
    if !flag.starts_with("--") {
        return None;
    }
    for argument in arguments {
        let text = argument.to_string_lossy();
        // The command line takes precedence.
        if text.split('=').next() == Some(flag) {
            return None;
        }
    }
    let name = flag_variable(flag);
    env::var_os(&name)?;
    Some(name)
}

fn tip(error: &clap::Error) -> Option<String> {
    let word = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::ArgumentConflict => Some(
            "write the command first, for example tcss-exporter check --config.file=FILE".into(),
        ),
        ErrorKind::InvalidSubcommand | ErrorKind::UnknownArgument => {
            let word = word(ContextKind::InvalidSubcommand).or(word(ContextKind::InvalidArg))?;
            match word {
                "version" => Some("to print the version, use --version".into()),
                "-v" => Some(
                    "to print the version, use --version; for more log messages, use --log.level=debug"
                        .into(),
                ),
                file if !file.starts_with('-') && file.contains(['.', '/']) => Some(format!(
                    "to use a configuration file, write --config.file={file}"
                )),
                _ => None,
            }
        }
        _ => None,
    }
}
