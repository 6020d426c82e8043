//! Reads the configuration, at the start and again.

use std::path::PathBuf;

use crate::{
    cli::ConfigFlags,
    config::{self, Config, Overrides, Problems},
};

/// Where the configuration comes from.
#[derive(Clone, Debug)]
pub(super) enum Reload {
    /// Always the same.
    Fixed(Config),
    /// A file, if there is one, and what flags say instead of it.
    File(Option<PathBuf>, Overrides),
}

impl Reload {
    pub(super) fn of(flags: &ConfigFlags) -> Reload {
        Reload::File(flags.file.clone(), flags.overrides())
    }

    /// Reads it, and logs what works and is probably not meant.
    pub(super) async fn load(&self) -> Result<Config, Problems> {
        let (file, overrides) = match self {
            Reload::Fixed(config) => return Ok(config.clone()),
            Reload::File(file, overrides) => (file.clone(), overrides.clone()),
        };
        let loaded = tokio::task::spawn_blocking(move || config::load(file.as_deref(), &overrides));
        let loaded = loaded.await.expect("a panic ends the process")?;
        loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        Ok(loaded.config)
    }
}
