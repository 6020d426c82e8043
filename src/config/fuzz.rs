//! Configurations from bytes alone, for fuzzing.

use std::path::Path;

use super::{
    Config, check, file,
    problem::Problems,
    raw::{RawAccount, RawConfig, Settings},
    warnings,
};

/// What a file of these bytes says. Account files are not looked for.
pub(crate) fn config(bytes: &[u8]) -> Result<Config, Problems> {
    let mut problems = Vec::new();
    let document = file::document(Path::new("config.yml"), 0, bytes.to_vec());
    let document = document.map_err(|problem| problems.push(problem)).ok();
    let mut raw = document
        .map(|document| RawConfig::read(document.at(), &mut problems))
        .unwrap_or_default();
    if raw.accounts.is_empty() {
        raw.accounts.push(RawAccount::only());
    }
    let config = check::config(&raw, &Settings::default(), &mut problems);
    Problems::none_of(problems)?;
    warnings::of(&config);
    Ok(config)
}
