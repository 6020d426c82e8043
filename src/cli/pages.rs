//! The completion scripts and the manual page.

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
const INFALLIBLE: &str = "writing to memory cannot fail";

/// A script for `shell` that completes commands and flags.
pub fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), NAME, &mut script);
    // For bash, clap_complete writes a name with a hyphen in two ways and then does not complete the flags of commands:
    // https://github.com/clap-rs/clap/issues/6421
    let script = text(script).replace("tcss__subcmd__exporter", "tcss__exporter");
    if shell == Shell::Fish {
        return fish(&script);
    }
    script
}

/// fish's `argparse`, with which the script of `clap_complete` looks for the command, accepts no names with dots and
/// then completes nothing. Here, the command is always the first word, so no parser is needed to find it.
fn fish(script: &str) -> String {
    let (_, completions) = script
        .split_once("\ncomplete ")
        .expect("the script completes something");
    format!("{FISH_FUNCTIONS}\ncomplete {completions}")
}

const FISH_FUNCTIONS: &str = "\
# Succeeds unless the command line begins with a command, which it prints.
function __fish_tcss_exporter_needs_command
    set -l words (commandline -opc)
    set -e words[1]
    if set -q words[1]; and not string match -q -- '-*' $words[1]
        echo $words[1]
        return 1
    end
    return 0
end

function __fish_tcss_exporter_using_subcommand
    set -l command (__fish_tcss_exporter_needs_command)
    test -z \"$command\"
    and return 1
    contains -- $command[1] $argv
end
";

/// The manual page, in roff.
pub fn man() -> String {
    let mut root = Cli::command();
    root.build();
    let page = Man::new(root.clone()).source(format!("{NAME} {}", build_info::VERSION));
    let mut head = Vec::new();
    page.render_title(&mut head).expect(INFALLIBLE);
    let mut parts = String::new();
    for part in [
        Man::render_name_section,
        Man::render_synopsis_section,
        Man::render_description_section,
        Man::render_options_section,
    ] {
        parts += &without_preamble(&page, part);
    }
    text(head) + &parts + &commands(&root) + &environment() + &exit_status() + &examples()
}

/// Without the definition of the apostrophe, which each part repeats.
fn without_preamble(page: &Man, part: fn(&Man, &mut dyn Write) -> io::Result<()>) -> String {
    let mut written = Vec::new();
    part(page, &mut written).expect(INFALLIBLE);
    let mut lines = String::new();
    for line in text(written).lines() {
        if !line.starts_with(".ie ") && !line.starts_with(".el ") {
            lines += line;
            lines.push('\n');
        }
    }
    lines
}

/// A section for each command: its description, the names of shared flags, and its own flags.
fn commands(root: &clap::Command) -> String {
    let mut sections = String::new();
    for command in root.get_subcommands() {
        if !["serve", "help"].contains(&command.get_name()) {
            sections += &section(root, command);
        }
    }
    sections
}

fn section(root: &clap::Command, command: &clap::Command) -> String {
    let mut shared = Vec::new();
    for arg in command.get_arguments() {
        if is_shared(root, arg) {
            shared.extend(arg.get_long());
        }
    }
    let mut head = Roff::new();
    head.control("SH", [format!("{NAME} {}", command.get_name()).as_str()]);
    if let Some(about) = command.get_about() {
        head.text([roman(about.to_string())]);
    }
    if shared.len() > 1 {
        head.control("PP", []);
        let shared = shared.join(", --");
        head.text([roman(format!("Options as above: --{shared}."))]);
    }
    head.to_roff() + &own_options(root, command)
}

/// Whether the flag is one of `serve`, which are described once.
fn is_shared(root: &clap::Command, arg: &Arg) -> bool {
    let mut of_root = root.get_arguments().map(Arg::get_long);
    arg.get_long().is_some() && of_root.any(|long| long == arg.get_long())
}

fn own_options(root: &clap::Command, command: &clap::Command) -> String {
    // Hidden flags are not rendered; removing arguments is not possible in clap.
    let own = command.clone().mut_args(|arg| {
        let is_shared = is_shared(root, &arg);
        arg.hide(is_shared)
    });
    let options = without_preamble(&Man::new(own), Man::render_options_section);
    let mut lines = String::new();
    for line in options.lines() {
        if !line.starts_with(".SH ") {
            lines += line;
            lines.push('\n');
        }
    }
    lines
}

fn environment() -> String {
    let mut roff = Roff::new();
    roff.control("SH", ["ENVIRONMENT"]);
    roff.text([roman(
        "Every flag except --help and --version can also be set by an environment variable: TCSS_EXPORTER_ followed by its \
         name in upper case, with _ instead of . and -. For example, --poll.interval is TCSS_EXPORTER_POLL_INTERVAL.",
    )]);
    for (name, meaning) in [
        (
            "TENCENTCLOUD_SECRET_ID",
            "SecretId of the credentials, unless the configuration file names others.",
        ),
        ("TENCENTCLOUD_SECRET_KEY", "SecretKey of the credentials."),
        ("TENCENTCLOUD_TOKEN", "Token of temporary credentials."),
        (
            "TENCENTCLOUD_ROLE_ARN",
            "Role that these credentials assume.",
        ),
        (
            "HTTPS_PROXY, NO_PROXY",
            "Proxy for API calls, and hosts that are called directly.",
        ),
        (
            "SSL_CERT_FILE, SSL_CERT_DIR",
            "CA certificates to trust instead of those of the system.",
        ),
    ] {
        roff.control("TP", []);
        roff.text([roman(name)]);
        roff.text([roman(meaning)]);
    }
    roff.to_roff()
}

fn examples() -> String {
    let mut roff = Roff::new();
    roff.control("SH", ["EXAMPLES"]);
    for (line, meaning) in [
        ("tcss-exporter demo", "Try it without an account."),
        (
            "tcss-exporter check --live --config.file=tcss-exporter.yml",
            "Check a configuration and every account in it.",
        ),
        ("tcss-exporter --config.file=tcss-exporter.yml", "Run it."),
    ] {
        roff.control("TP", []);
        roff.text([roman(line)]);
        roff.text([roman(meaning)]);
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(
        "The directory docs of the source, or /usr/share/doc/tcss-exporter.",
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
    String::from_utf8(written).expect("all parts are UTF-8")
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
