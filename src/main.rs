//! The binary: reads the command line and does what it says.

use std::process::ExitCode;

use tcss_exporter::{app, cli};

fn main() -> ExitCode {
    app::run(cli::parse())
}
