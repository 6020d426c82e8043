//! Tells the program which revision it is built from, and by which compiler.

use std::{env, path::Path, process::Command};

#[expect(
    clippy::disallowed_macros,
    reason = "how a build script talks to cargo"
)]
fn main() {
    let revision = env::var("TCSS_EXPORTER_REVISION")
        .ok()
        .filter(|revision| !revision.is_empty());
    let revision = revision
        .or_else(|| run("git", &["rev-parse", "HEAD"]))
        .unwrap_or_else(|| "unknown".into());
    println!("cargo::rustc-env=TCSS_EXPORTER_REVISION={revision}");
    println!(
        "cargo::rustc-env=TCSS_EXPORTER_RUSTC={}",
        rustc_version().unwrap_or_else(|| "unknown".into())
    );

    println!("cargo::rerun-if-env-changed=TCSS_EXPORTER_REVISION");
    println!("cargo::rerun-if-changed=build.rs");
    // The reflog of HEAD grows with every commit and checkout. Where a file is missing, Cargo would always run this.
    for file in ["HEAD", "logs/HEAD"] {
        let path = run("git", &["rev-parse", "--git-path", file]);
        if let Some(path) = path.filter(|path| Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
}

/// `1.95.0` of `rustc 1.95.0 (59807616e 2026-04-14)`.
fn rustc_version() -> Option<String> {
    let line = run(&env::var("RUSTC").ok()?, &["--version"])?;
    line.split_whitespace().nth(1).map(str::to_owned)
}

fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
