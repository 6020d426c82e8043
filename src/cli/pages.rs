//! What the command line says of itself to shells and to `man`.

use std::io::{self, Write};

use clap::{Arg, CommandFactory};
use clap_complete::Shell;
use clap_mangen::{
    Man,
    roff::{Roff, roman},
};

use super::Cli;
use crate::build_info;

const NAME: &str = "tcss-exporter";
const MEMORY: &str = "memory takes it all";

/// A script that completes commands and flags, to be read by `shell`.
pub fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), NAME, &mut script);
    // For bash, clap_complete writes a name with a hyphen in two ways, and then knows no flags of commands:
    // https://github.com/clap-rs/clap/issues/6421
    text(script).replace("tcss__subcmd__exporter", "tcss__exporter")
}

/// The manual page, in roff.
pub fn man() -> String {
    let mut root = Cli::command();
    root.build();
    let page = Man::new(root.clone()).source(format!("{NAME} {}", build_info::VERSION));
    let mut head = Vec::new();
    page.render_title(&mut head).expect(MEMORY);
    let parts = [
        Man::render_name_section,
        Man::render_synopsis_section,
        Man::render_description_section,
        Man::render_options_section,
    ];
    let parts: String = parts
        .into_iter()
        .map(|part| without_preamble(&page, part))
        .collect();
    text(head) + &parts + &commands(&root) + &environment() + &exit_status()
}

/// Each part defines again how an apostrophe is written; once is enough.
fn without_preamble(page: &Man, part: fn(&Man, &mut dyn Write) -> io::Result<()>) -> String {
    let mut written = Vec::new();
    part(page, &mut written).expect(MEMORY);
    let text = text(written);
    let lines = text
        .lines()
        .filter(|line| !line.starts_with(".ie ") && !line.starts_with(".el "));
    lines.map(|line| format!("{line}\n")).collect()
}

/// A section for each command: what it does, its own flags, and those that stand above.
fn commands(root: &clap::Command) -> String {
    let is_shared = |arg: &Arg| {
        arg.get_long().is_some_and(|long| {
            root.get_arguments()
                .any(|of_root| of_root.get_long() == Some(long))
        })
    };
    let section = |command: &clap::Command| {
        let shared: Vec<_> = command
            .get_arguments()
            .filter(|arg| is_shared(arg))
            .filter_map(Arg::get_long)
            .collect();
        let mut head = Roff::new();
        head.control("SH", [format!("{NAME} {}", command.get_name()).as_str()]);
        head.text([roman(format!(
            "{}.",
            command
                .get_about()
                .map(ToString::to_string)
                .unwrap_or_default()
        ))]);
        if shared.len() > 1 {
            head.control("PP", []);
            head.text([roman(format!(
                "Options as above: --{}.",
                shared.join(", --")
            ))]);
        }
        head.to_roff() + &own_options(command, is_shared)
    };
    let commands = root
        .get_subcommands()
        .filter(|command| !["serve", "help"].contains(&command.get_name()));
    commands.map(section).collect()
}

fn own_options(command: &clap::Command, is_shared: impl Fn(&Arg) -> bool) -> String {
    let own = command.clone().mut_args(|arg| {
        let is_shared = is_shared(&arg);
        arg.hide(is_shared)
    });
    let options = without_preamble(&Man::new(own), Man::render_options_section);
    options
        .lines()
        .filter(|line| !line.starts_with(".SH "))
        .map(|line| format!("{line}\n"))
        .collect()
}

fn environment() -> String {
    let mut roff = Roff::new();
    roff.control("SH", ["ENVIRONMENT"]);
    roff.text([roman(
        "Every flag but --help and --version is also a variable: TCSS_EXPORTER_ and its name in capitals, with _ for . and -. \
         --poll.interval is TCSS_EXPORTER_POLL_INTERVAL.",
    )]);
    roff.to_roff()
}

fn exit_status() -> String {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    for (code, when) in super::EXIT_CODES {
        roff.control("TP", []);
        roff.text([roman(code.to_string())]);
        roff.text([roman(when)]);
    }
    roff.to_roff()
}

fn text(written: Vec<u8>) -> String {
    String::from_utf8(written).expect("the parts are text")
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_gets_a_script_with_commands_and_flags() {
        for shell in Shell::value_variants() {
            let script = completions(*shell);
            for word in ["check", "live", "web.listen-address", "simulate"] {
                assert!(script.contains(word), "{shell} has no {word}");
            }
        }
    }

    #[test]
    fn the_manual_page_has_every_command_once_with_all_of_its_flags() {
        let page = man().replace("\\-", "-");
        assert!(page.contains(" [serve] [FLAGS]"), "{page}");
        let mut root = Cli::command();
        root.build();
        for command in root
            .get_subcommands()
            .filter(|command| !["serve", "help"].contains(&command.get_name()))
        {
            let heading = format!(".SH \"tcss-exporter {}\"\n", command.get_name());
            let [_, section] = page.split(&heading).collect::<Vec<_>>()[..] else {
                panic!("{heading}{page}")
            };
            let section = section.split(".SH ").next().unwrap();
            for long in command
                .get_arguments()
                .filter_map(Arg::get_long)
                .filter(|long| *long != "help")
            {
                assert!(
                    section.contains(&format!("--{long}")),
                    "{heading}--{long}\n{section}"
                );
            }
        }
        for (code, when) in crate::cli::EXIT_CODES {
            assert!(page.contains(&format!(".TP\n{code}\n{when}\n")), "{code}");
        }
    }
}
