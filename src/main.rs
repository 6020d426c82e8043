//! The binary: reads the command line and does what it says.

use std::process::ExitCode;

use tcss_exporter::{app, cli};

/// Returns memory that one thread allocates and another frees. Under scrapes of ten thousand accounts,
/// the heap of glibc grows instead, as its arenas are per thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    app::run(cli::parse())
}
