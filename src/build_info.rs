//! What this program was built from; set by the build script.

/// The version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit, or `unknown`. The environment variable of this name decides it where there is no git.
pub const REVISION: &str = env!("TCSS_EXPORTER_REVISION");

/// The compiler's version, such as `1.95.0`.
pub const RUST_VERSION: &str = env!("TCSS_EXPORTER_RUSTC");

/// All of them, as `--version` prints them.
pub const SUMMARY: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (revision ",
    env!("TCSS_EXPORTER_REVISION"),
    ", rustc ",
    env!("TCSS_EXPORTER_RUSTC"),
    ")"
);
