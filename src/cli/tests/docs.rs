//! `docs/command-line.md` compared with the code.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use clap::{Arg, ArgAction, CommandFactory};

use super::{Cli, EXIT_CODES};

/// Of a flag: its variable, its default, and the commands that take it.
type Flag = (String, String, BTreeSet<String>);

/// Without a command.
const ROOT: &str = "";

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/command-line.md")).unwrap()
}

fn commands() -> Vec<clap::Command> {
    let mut root = Cli::command();
    root.build();
    root.get_subcommands()
        .filter(|command| command.get_name() != "help")
        .cloned()
        .collect()
}

fn known() -> BTreeMap<String, Flag> {
    let mut flags: BTreeMap<String, Flag> = BTreeMap::new();
    for command in commands() {
        for arg in command.get_arguments() {
            let Some(long) = arg.get_long() else { continue };
            let variable = arg
                .get_env()
                .map(|name| name.to_str().unwrap().to_owned())
                .unwrap_or_default();
            let flag = flags
                .entry(format!("--{long}"))
                .or_insert_with(|| (variable, default(arg), BTreeSet::new()));
            flag.2.insert(command.get_name().to_owned());
        }
    }
    flags.insert(
        "--version".into(),
        (String::new(), String::new(), [ROOT.to_owned()].into()),
    );
    flags
}

/// The default of clap, or the one in the help if the file may override it.
fn default(arg: &Arg) -> String {
    if let ([value], true) = (arg.get_default_values(), arg.get_action().takes_values()) {
        return value.to_str().unwrap().to_owned();
    }
    let help = arg.get_help().unwrap().to_string();
    match (help.split_once("[default: "), arg.get_action()) {
        (Some((_, rest)), _) => rest.trim_end_matches(']').to_owned(),
        (None, ArgAction::SetTrue) => "false".into(),
        (None, _) => String::new(),
    }
}

/// The words between back-ticks.
fn code(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn documented() -> BTreeMap<String, Flag> {
    let page = page();
    let mut flags = BTreeMap::new();
    for section in page.split("\n## Flags ").skip(1) {
        let (heading, rest) = section.split_once('\n').unwrap();
        let commands: BTreeSet<String> = if heading == "without a command" {
            [ROOT.to_owned()].into()
        } else {
            code(heading).into_iter().collect()
        };
        for row in rest
            .split("\n## ")
            .next()
            .unwrap()
            .lines()
            .filter(|line| line.starts_with("| `--"))
        {
            let cells: Vec<&str> = row.split(" |").collect();
            let word = |cell: usize| code(cells[cell]).concat();
            let before = flags.insert(word(0), (word(1), word(2), commands.clone()));
            assert_eq!(before, None, "{row} is listed twice");
        }
    }
    flags
}

#[test]
fn the_page_has_every_flag_with_its_variable_its_default_and_its_commands() {
    let (documented, known) = (documented(), known());
    for (flag, expected) in &known {
        assert_eq!(documented.get(flag), Some(expected), "{flag}");
    }
    assert_eq!(
        documented.keys().collect::<Vec<_>>(),
        known.keys().collect::<Vec<_>>()
    );
}

/// Those in the first column of the table under `head`.
fn first_column(head: &str) -> Vec<String> {
    let page = page();
    let (_, table) = page.split_once(head).unwrap();
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with("| "));
    rows.map(|row| {
        row.split(" |")
            .next()
            .unwrap()
            .trim_matches(['|', ' ', '`'])
            .to_owned()
    })
    .collect()
}

#[test]
fn the_page_has_every_command_and_exit_code() {
    let names: Vec<_> = commands()
        .iter()
        .map(|command| command.get_name().to_owned())
        .collect();
    assert_eq!(first_column("| command | what it does |"), names);
    assert_eq!(
        first_column("| code | when |"),
        EXIT_CODES.map(|(code, _)| code.to_string())
    );
}
