//! Files to configuration: the only part that reads anything.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use glob::{MatchOptions, Pattern};

use super::{
    Config, Shard, check,
    raw::{self, RawAccount, RawConfig, Settings},
    warnings,
};
use crate::yaml::{self, Problem, Problems, Setting, ValueReader, YamlFile};

/// Settings that flags give. Each replaces the file's value for all accounts; an account's own value takes precedence.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Section, key and value, as in the file.
    settings: Vec<(&'static str, &'static str, String)>,
    /// The flags whose values come from environment variables.
    from_environment: Vec<String>,
}

/// Where the values come from makes no difference.
impl PartialEq for Overrides {
    fn eq(&self, other: &Overrides) -> bool {
        self.settings == other.settings
    }
}

impl Eq for Overrides {}

/// A valid configuration.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub config: Config,
    /// About what works but is probably not intended; one line each.
    pub warnings: Vec<String>,
    /// Every file that was read, in that order.
    pub files: Vec<PathBuf>,
}

/// Reads the file and the account files that it names. Without a file, and with one that names no accounts, there
/// is one account, `default`.
pub fn load(file: Option<&Path>, overrides: &Overrides) -> Result<Loaded, Problems> {
    let mut loader = Loader::default();
    let mut flags = YamlFile::of_flags(&overrides.settings);
    flags.set_from_environment(overrides.from_environment.clone());
    let flags = Settings::read_flags(flags.value(), &mut loader.problems);
    let mut raw = match file {
        Some(file) => loader.config(file),
        None => RawConfig::default(),
    };
    // Also after problems: the checks below then still report what is wrong with the defaults.
    if raw.accounts.is_empty() && raw.discovery.is_empty() {
        raw.accounts.push(RawAccount::only());
    }
    let config = check::config(&raw, &flags, &mut loader.problems);
    Problems::none_of(loader.problems)?;
    Ok(Loaded {
        warnings: warnings::of(&config),
        config,
        files: loader.files,
    })
}

impl Loaded {
    /// The accounts of `shard`, with the warnings about them.
    #[must_use]
    pub fn of_shard(mut self, shard: Shard) -> Loaded {
        if shard.is_whole() {
            return self;
        }
        // Before the other accounts are dropped: the limit is shared with them.
        let mut warnings = warnings::of_spreading(&self.config, shard);
        self.config.shard = shard;
        self.config
            .accounts
            .retain(|account| shard.owns(&account.name));
        warnings.extend(warnings::of(&self.config));
        Loaded { warnings, ..self }
    }
}

impl Overrides {
    /// Adds the value of the flag `--SECTION.KEY`, if it is given. Durations are written as in the file.
    #[must_use]
    pub fn with(
        mut self,
        section: &'static str,
        key: &'static str,
        value: Option<impl ToString>,
    ) -> Overrides {
        if let Some(value) = value {
            self.settings.push((section, key, value.to_string()));
        }
        self
    }

    /// Names the flags, such as `--poll.interval`, whose values come from environment variables, so that
    /// problems name the variables.
    #[must_use]
    pub fn from_environment(mut self, flags: &[String]) -> Overrides {
        self.from_environment = flags.to_vec();
        self
    }
}

#[derive(Default)]
struct Loader {
    files: Vec<PathBuf>,
    problems: Vec<Problem>,
}

impl Loader {
    fn config(&mut self, file: &Path) -> RawConfig {
        let Some(document) = self.parse(file, yaml::read_file) else {
            return RawConfig::default();
        };
        let mut raw = RawConfig::read(document.value(), &mut self.problems);
        // Patterns are resolved here, not by `raw`, which reads no files.
        let patterns = std::mem::take(&mut raw.account_files);
        let directory = file.parent().unwrap_or(Path::new(""));
        for path in self.account_files(directory, &patterns) {
            raw.accounts.extend(self.accounts(&path));
        }
        if let Some(pattern) = patterns.first()
            && raw.accounts.is_empty()
        {
            let message = "no file contains an account; add one, or remove account_files";
            self.problems.push(pattern.origin.problem(message));
        }
        raw
    }

    fn accounts(&mut self, file: &Path) -> Vec<RawAccount> {
        match self.parse(file, yaml::read_regular_file) {
            Some(document) => raw::read_accounts(document.value(), &mut self.problems),
            None => Vec::new(),
        }
    }

    /// Each file once, however many patterns match it.
    fn account_files(&mut self, directory: &Path, patterns: &[Setting<String>]) -> Vec<PathBuf> {
        let mut seen = HashSet::new();
        let mut files = Vec::new();
        for Setting { value, origin } in patterns {
            let Some(pattern) = value else { continue };
            match matches(directory, pattern) {
                Ok(found) => {
                    for file in found {
                        if seen.insert(file.clone()) {
                            files.push(file);
                        }
                    }
                }
                Err(message) => self.problems.push(origin.problem(message)),
            }
        }
        files
    }

    fn parse(
        &mut self,
        file: &Path,
        read: fn(&Path, usize) -> Result<Vec<u8>, Problem>,
    ) -> Option<YamlFile> {
        let order = self.files.len();
        // Also files that cannot be read: a reload should notice when they are fixed.
        self.files.push(file.to_owned());
        let parsed = read(file, order).and_then(|bytes| YamlFile::parse(file, order, bytes));
        match parsed {
            Ok(document) => Some(document),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }
}

/// The files that match, in the order of their names; dot files only where the pattern names the dot.
pub(super) fn matches(directory: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    // The directory is a name, not a pattern: it may contain brackets.
    let directory = Pattern::escape(&directory.to_string_lossy());
    let absolute = Path::new(&directory).join(pattern);
    let options = MatchOptions {
        // Editors leave hidden files beside the one that they edit, and volumes of ConfigMaps
        // contain hidden directories.
        require_literal_leading_dot: true,
        ..MatchOptions::new()
    };
    let found = glob::glob_with(&absolute.to_string_lossy(), options).map_err(|error| {
        format!(
            "{pattern:?} is not a valid pattern ({}), expected for example accounts.d/*.yml",
            error.msg
        )
    })?;
    let mut files = Vec::new();
    for file in found {
        files.push(file.map_err(|error| format!("{pattern:?}: {error}"))?);
    }
    // A typo in a pattern would otherwise drop all accounts of a team.
    if files.is_empty() {
        return Err(format!(
            "{pattern:?} matches no file; patterns are relative to the configuration file"
        ));
    }
    Ok(files)
}

/// The patterns of account files that a configuration file names.
pub(super) fn account_files_of(
    value: ValueReader<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<Setting<String>> {
    let Some(file) = value.as_map(problems) else {
        return Vec::new();
    };
    raw::read_account_files(&file, problems)
}
