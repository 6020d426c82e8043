//! Reads the configuration, at the start and again.

use std::{path::PathBuf, time::Duration};

use tokio::time::timeout;

use super::{Failure, lines, shard};
use crate::{
    cli::ConfigFlags,
    config::{self, Config, Overrides},
    domain::Shard,
};

/// A file system that hangs must not keep the start or a reload waiting for ever: whoever asked over HTTP still gets the
/// answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

/// Where the configuration comes from.
#[derive(Clone, Debug)]
pub(super) enum Reload {
    /// Always the same.
    Fixed(Config),
    /// A file, if there is one, what flags say instead of it, and which share of its accounts counts.
    File(Option<PathBuf>, Overrides, Shard),
}

impl Reload {
    pub(super) fn of(flags: &ConfigFlags) -> Result<Reload, Failure> {
        Ok(Reload::File(
            flags.file.clone(),
            flags.overrides(),
            shard::of(flags)?,
        ))
    }

    pub(super) fn shard(&self) -> Shard {
        match self {
            Reload::Fixed(_) => Shard::WHOLE,
            Reload::File(.., shard) => *shard,
        }
    }

    /// Reads it, and logs what works and is probably not meant. The problems are for people, a line each.
    pub(super) async fn load(&self) -> Result<Config, Vec<String>> {
        let (file, overrides, shard) = match self {
            Reload::Fixed(config) => return Ok(config.clone()),
            Reload::File(file, overrides, shard) => (file.clone(), overrides.clone(), *shard),
        };
        let loading = tokio::task::spawn_blocking(move || {
            config::load(file.as_deref(), &overrides).map(|loaded| loaded.of_shard(shard))
        });
        let Ok(loaded) = timeout(PATIENCE, loading).await else {
            return Err(vec![format!(
                "the configuration could not be read within {} s",
                PATIENCE.as_secs()
            )]);
        };
        let loaded = loaded.expect("a panic ends the process");
        let loaded = loaded.map_err(|problems| lines(problems.iter()))?;
        loaded
            .warnings
            .iter()
            .for_each(|warning| tracing::warn!("{warning}"));
        if loaded.config.accounts.is_empty() {
            tracing::warn!(
                shard = shard.to_string(),
                "no account belongs to this shard, so it polls nothing"
            );
        }
        Ok(loaded.config)
    }
}
