//! Files to configuration: the only part that reads anything.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    time::Duration,
};

use glob::{MatchOptions, Pattern};

use super::{
    Config, Region, Shard, check, file,
    problem::{Origin, Problem, Problems},
    raw::{self, RawAccount, RawConfig, Settings},
    scalar,
    tree::{Document, Setting},
    warnings,
};

/// What flags say; each replaces the file's value for all accounts, and gives way to an account's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    pub endpoint: Option<String>,
    pub region: Option<String>,
    pub time_zone: Option<String>,
    pub interval: Option<Duration>,
    pub scanning_interval: Option<Duration>,
    pub timeout: Option<Duration>,
    pub stale_after: Option<Duration>,
}

/// A configuration that holds.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it says.
    pub config: Config,
    /// What works and is probably not meant; one line each.
    pub warnings: Vec<String>,
    /// Every file that was read, in that order.
    pub files: Vec<PathBuf>,
}

/// Reads the file and the account files that it names. Without a file, and with one that names no accounts, there
/// is one account, `default`.
pub fn load(file: Option<&Path>, overrides: &Overrides) -> Result<Loaded, Problems> {
    let mut loading = Loading::default();
    let flags = overrides.settings(&mut loading.problems);
    let mut raw = file.map(|file| loading.config(file)).unwrap_or_default();
    if raw.accounts.is_empty() {
        raw.accounts.push(RawAccount::only());
    }
    let config = check::config(&raw, &flags, &mut loading.problems);
    Problems::none_of(loading.problems)?;
    Ok(Loaded {
        warnings: warnings::of(&config),
        config,
        files: loading.files,
    })
}

impl Loaded {
    /// What `shard` has of it, and what is to be said of that.
    #[must_use]
    pub fn of_shard(mut self, shard: Shard) -> Loaded {
        if shard.is_whole() {
            return self;
        }
        let mut warnings = warnings::of_spreading(&self.config, shard);
        self.config
            .accounts
            .retain(|account| shard.owns(&account.name));
        warnings.extend(warnings::of(&self.config));
        Loaded { warnings, ..self }
    }
}

impl Overrides {
    fn settings(&self, problems: &mut Vec<Problem>) -> Settings {
        let mut reader = Flags { problems };
        Settings {
            endpoint: reader.read("--api.endpoint", self.endpoint.clone(), Ok),
            region: reader.read("--api.region", self.region.as_deref(), Region::parse),
            time_zone: reader.read(
                "--api.time-zone",
                self.time_zone.as_deref(),
                scalar::time_zone,
            ),
            interval: reader.read("--poll.interval", self.interval, raw::interval),
            scanning_interval: reader.read(
                "--poll.scanning-interval",
                self.scanning_interval,
                raw::scanning_interval,
            ),
            timeout: reader.read("--poll.timeout", self.timeout, raw::timeout),
            stale_after: reader.read("--poll.stale-after", self.stale_after, Ok),
            ..Settings::default()
        }
    }
}

struct Flags<'a> {
    problems: &'a mut Vec<Problem>,
}

impl Flags<'_> {
    fn read<V, T>(
        &mut self,
        flag: &str,
        value: Option<V>,
        parse: impl FnOnce(V) -> Result<T, String>,
    ) -> Option<Setting<T>> {
        value.map(|value| Setting::of(Origin::flag(flag), parse(value), self.problems))
    }
}

#[derive(Default)]
struct Loading {
    files: Vec<PathBuf>,
    problems: Vec<Problem>,
}

impl Loading {
    fn config(&mut self, file: &Path) -> RawConfig {
        let Some(document) = self.document(file, file::read) else {
            return RawConfig::default();
        };
        let mut raw = RawConfig::read(document.at(), &mut self.problems);
        let patterns = std::mem::take(&mut raw.account_files);
        let directory = file.parent().unwrap_or(Path::new(""));
        for path in self.account_files(directory, &patterns) {
            raw.accounts.extend(self.accounts(&path));
        }
        if let (Some(pattern), true) = (patterns.first(), raw.accounts.is_empty()) {
            let message = "no file has an account in it; add one, or leave account_files out";
            self.problems.push(pattern.origin.problem(message));
        }
        raw
    }

    fn accounts(&mut self, file: &Path) -> Vec<RawAccount> {
        let document = self.document(file, file::read_regular);
        document
            .map(|document| raw::accounts(document.at(), &mut self.problems))
            .unwrap_or_default()
    }

    /// Each file once, however many patterns match it.
    fn account_files(&mut self, directory: &Path, patterns: &[Setting<String>]) -> Vec<PathBuf> {
        let mut seen = HashSet::new();
        let mut files = Vec::new();
        for Setting { value, origin } in patterns {
            let Some(pattern) = value else { continue };
            match matches(directory, pattern) {
                Ok(found) => {
                    files.extend(found.into_iter().filter(|file| seen.insert(file.clone())))
                }
                Err(message) => self.problems.push(origin.problem(message)),
            }
        }
        files
    }

    fn document(
        &mut self,
        file: &Path,
        read: fn(&Path, usize) -> Result<Vec<u8>, Problem>,
    ) -> Option<Document> {
        let order = self.files.len();
        self.files.push(file.to_owned());
        let document = read(file, order).and_then(|bytes| file::document(file, order, bytes));
        document.map_err(|problem| self.problems.push(problem)).ok()
    }
}

/// The files that match, in the order of their names; dot files only where the pattern names the dot.
fn matches(directory: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let directory = Pattern::escape(&directory.to_string_lossy());
    let absolute = Path::new(&directory).join(pattern);
    let options = MatchOptions {
        require_literal_leading_dot: true,
        ..MatchOptions::new()
    };
    let found = glob::glob_with(&absolute.to_string_lossy(), options).map_err(|error| {
        format!(
            "{pattern:?} is no pattern: {}; write one such as accounts.d/*.yml",
            error.msg
        )
    })?;
    let files: Vec<PathBuf> = found
        .collect::<Result<_, _>>()
        .map_err(|error| format!("{pattern:?}: {error}"))?;
    if files.is_empty() {
        return Err(format!(
            "{pattern:?} matches no file; patterns are relative to the configuration file"
        ));
    }
    Ok(files)
}
