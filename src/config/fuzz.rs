//! Configurations from bytes alone, for fuzzing.

use std::path::Path;

use super::{
    Config, check,
    raw::{RawAccount, RawConfig, Settings},
    warnings,
};
use crate::yaml::{Problems, YamlFile};

/// Reads these bytes as a file. Account files are not looked for.
pub(crate) fn config(bytes: &[u8]) -> Result<Config, Problems> {
    let mut problems = Vec::new();
    let mut raw = RawConfig::default();
    match YamlFile::parse(Path::new("config.yml"), 0, bytes.to_vec()) {
        Ok(document) => raw = RawConfig::read(document.value(), &mut problems),
        Err(problem) => problems.push(problem),
    }
    if raw.accounts.is_empty() {
        raw.accounts.push(RawAccount::only());
    }
    let config = check::config(&raw, &Settings::default(), &mut problems);
    Problems::none_of(problems)?;
    warnings::of(&config);
    Ok(config)
}
