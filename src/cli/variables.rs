//! The environment variables of flags.

use std::env;

use clap::{ArgMatches, parser::ValueSource};

/// Without the variables that are empty: templates set them for values that they do not have.
pub(super) fn without_empty(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| {
            let is_empty = match arg.get_env() {
                Some(name) => env::var_os(name).is_some_and(|value| value.is_empty()),
                None => false,
            };
            if is_empty {
                arg.env(None::<&'static str>)
            } else {
                arg
            }
        })
        .mut_subcommands(without_empty)
}

/// The flags whose values come from their variables.
pub(super) fn used(command: &clap::Command, matches: &ArgMatches) -> Vec<String> {
    if let Some((name, matches)) = matches.subcommand()
        && let Some(command) = command.find_subcommand(name)
    {
        return used(command, matches);
    }
    let mut flags = Vec::new();
    for arg in command.get_arguments() {
        if let Some(long) = arg.get_long()
            && matches
                .try_contains_id(arg.get_id().as_str())
                .unwrap_or(false)
            && matches.value_source(arg.get_id().as_str()) == Some(ValueSource::EnvVariable)
        {
            flags.push(format!("--{long}"));
        }
    }
    flags
}
