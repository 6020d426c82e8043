//! Reads the configuration, at the start and at each reload.

use std::{path::PathBuf, sync::LazyLock, time::Duration};

use tokio::time::timeout;

use super::{Refusal, Supervisor, Trigger};
use crate::{
    config::{self, Config, Overrides},
    domain::Shard,
    workers::WorkerPool,
};

/// A read that hangs keeps its thread. Further ones wait, and time out.
static READERS: LazyLock<WorkerPool> = LazyLock::new(|| WorkerPool::new("config", 2));

/// A file system that hangs must not hold up the start or a reload: the client of `/-/reload`
/// still gets an answer.
pub const LOAD_TIMEOUT: Duration = Duration::from_secs(15);

/// A log line names this many accounts at most.
const MAX_NAMED: usize = 10;

/// Where the configuration comes from.
#[derive(Clone, Debug)]
pub enum ConfigSource {
    /// It is always the same.
    Fixed(Config),
    /// Files, what flags override, and the share of the accounts that counts.
    File {
        path: Option<PathBuf>,
        overrides: Overrides,
        shard: Shard,
    },
}

impl ConfigSource {
    pub fn shard(&self) -> Shard {
        match self {
            ConfigSource::Fixed(_) => Shard::WHOLE,
            ConfigSource::File { shard, .. } => *shard,
        }
    }

    /// Reads it, and logs its warnings. Fails with one line per problem.
    pub async fn load(&self) -> Result<Config, Vec<String>> {
        let (path, overrides, shard) = match self {
            ConfigSource::Fixed(config) => return Ok(config.clone()),
            ConfigSource::File {
                path,
                overrides,
                shard,
            } => (path.clone(), overrides.clone(), *shard),
        };
        let loading = READERS.run(move || {
            config::load(path.as_deref(), &overrides).map(|loaded| loaded.of_shard(shard))
        });
        let Ok(loaded) = timeout(LOAD_TIMEOUT, loading).await else {
            let seconds = LOAD_TIMEOUT.as_secs();
            return Err(vec![format!(
                "the configuration could not be read within {seconds} s"
            )]);
        };
        let loaded = loaded.map_err(|problems| lines(problems.iter()))?;
        // For this shard only: each has a limit of its own.
        let overloads = loaded.config.overloads();
        if !overloads.is_empty() {
            return Err(overloads);
        }
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        // Not an error: with few accounts and many replicas, some replicas have none.
        if loaded.config.accounts.is_empty() && loaded.config.discoveries.is_empty() {
            let shard = shard.to_string();
            tracing::warn!(
                shard,
                "no account belongs to this shard, so it polls nothing"
            );
        }
        Ok(loaded.config)
    }
}

impl Supervisor {
    /// Reads the configuration again, as an operator wants, and puts it in force. If that fails,
    /// nothing changes; the problems are one line each.
    pub async fn reload(&mut self, source: &ConfigSource) -> Result<(), Vec<String>> {
        self.reload_for(source, Trigger::Operator).await
    }

    /// The same because a file has changed. A configuration that drops many accounts is refused.
    pub async fn reload_changed(&mut self, source: &ConfigSource) -> Result<(), Vec<String>> {
        self.reload_for(source, Trigger::File).await
    }

    async fn reload_for(
        &mut self,
        source: &ConfigSource,
        trigger: Trigger,
    ) -> Result<(), Vec<String>> {
        let result = self.load_and_apply(source, trigger).await;
        if let Err(problems) = &result {
            self.context.telemetry.config_refused();
            for problem in problems {
                tracing::error!(
                    problem,
                    "configuration not reloaded, the previous one stays in force"
                );
            }
        }
        result
    }

    async fn load_and_apply(
        &mut self,
        source: &ConfigSource,
        trigger: Trigger,
    ) -> Result<(), Vec<String>> {
        let config = source.load().await?;
        // Whether a chain finds any credentials is known only after it was tried, and the plan
        // refuses accounts that cannot have them.
        self.probe_credentials(&config).await;
        let changes = match self.put_in_force(config, trigger).await {
            Ok(changes) => changes,
            Err(Refusal::Plan(errors)) => return Err(lines(errors)),
            Err(Refusal::Loss { dropped, of }) => {
                return Err(vec![format!(
                    "{dropped} of {of} accounts are no longer in the changed files, which may be incomplete; \
                     if this is intended, reload by SIGHUP or POST /-/reload"
                )]);
            }
        };
        self.context
            .telemetry
            .config_loaded(self.context.clock.now());
        let (kept, started, stopped) = (changes.kept, changes.started, changes.stopped);
        tracing::info!(kept, started, stopped, "configuration reloaded");
        if !changes.removed.is_empty() {
            // Their series end; only this line says why.
            let accounts = first_names(&changes.removed);
            tracing::warn!(
                count = changes.removed.len(),
                accounts,
                "accounts were removed"
            );
        }
        Ok(())
    }
}

/// The first of them, for a log line.
pub(super) fn first_names<T: ToString>(all: &[T]) -> String {
    let mut names = Vec::new();
    for name in all.iter().take(MAX_NAMED) {
        names.push(name.to_string());
    }
    if all.len() > MAX_NAMED {
        names.push("…".into());
    }
    names.join(", ")
}

fn lines<T: ToString>(problems: impl IntoIterator<Item = T>) -> Vec<String> {
    let mut lines = Vec::new();
    for problem in problems {
        lines.push(problem.to_string());
    }
    lines
}
