//! Reads the configuration, at the start and again.

use std::{path::PathBuf, time::Duration};

use tokio::time::timeout;

use crate::{
    cli::ConfigFlags,
    config::{self, Config, Overrides},
};

/// A file system that hangs must not keep a reload waiting for ever: whoever asked over HTTP still gets the answer.
const PATIENCE: Duration = Duration::from_secs(20);

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

    /// Reads it, and logs what works and is probably not meant. The problems are for people, a line each.
    pub(super) async fn load(&self) -> Result<Config, Vec<String>> {
        let (file, overrides) = match self {
            Reload::Fixed(config) => return Ok(config.clone()),
            Reload::File(file, overrides) => (file.clone(), overrides.clone()),
        };
        let loading = tokio::task::spawn_blocking(move || config::load(file.as_deref(), &overrides));
        let Ok(loaded) = timeout(PATIENCE, loading).await else {
            return Err(vec![format!("the configuration could not be read within {} s", PATIENCE.as_secs())]);
        };
        let loaded = loaded.expect("a panic ends the process");
        let loaded =
            loaded.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        Ok(loaded.config)
    }
}
