//! Warnings about what works but is probably not intended.

use std::collections::HashSet;

use super::{
    Account, Config, Rate, Shard,
    plan::{LimitGroup, exceeds},
};

/// The most warnings of one kind: a mistake in a default would otherwise be reported for every account, at every
/// reload.
const MAX_PER_KIND: usize = 10;

/// One line each, in the order of the accounts.
pub(super) fn of(config: &Config) -> Vec<String> {
    let mut warnings = plain_http(config);
    warnings.extend(keys_in_the_file(config));
    let mut overloads = Vec::new();
    for group in config.limit_groups() {
        overloads.extend(group.scanning_overload());
    }
    warnings.extend(shortened(overloads));
    warnings
}

/// About accounts that share a limit and belong to several shards. Each shard knows only its own accounts, so this
/// needs the whole configuration.
pub(super) fn of_spreading(config: &Config, shard: Shard) -> Vec<String> {
    let mut warnings = Vec::new();
    for group in config.limit_groups() {
        warnings.extend(group.spreading(shard));
    }
    shortened(warnings)
}

/// About accounts that a leader and a hot standby poll at the same time.
pub(super) fn of_hot_standby(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    for group in config.limit_groups() {
        warnings.extend(group.hot_standby());
    }
    shortened(warnings)
}

fn shortened(mut warnings: Vec<String>) -> Vec<String> {
    let n_more = warnings.len().saturating_sub(MAX_PER_KIND);
    // A line that says that one more exists would be as long as that one.
    if n_more > 1 {
        warnings.truncate(MAX_PER_KIND);
        warnings.push(format!("{n_more} more warnings like the previous one"));
    }
    warnings
}

fn plain_http(config: &Config) -> Vec<String> {
    let discoveries = config.discoveries.iter();
    let templates = discoveries.map(|discovery| &discovery.template);
    let mut warned = HashSet::new();
    let mut warnings = Vec::new();
    for Account { endpoint, .. } in config.accounts.iter().chain(templates) {
        if endpoint.is_exposed() && warned.insert(endpoint) {
            warnings.push(format!(
                "{endpoint} is plain HTTP to another machine: tokens and responses can be read on the way"
            ));
        }
    }
    shortened(warnings)
}

fn keys_in_the_file(config: &Config) -> Option<String> {
    let sources = config.credentials_sources();
    let mut owners = sources.filter(|(_, source)| source.is_in_configuration());
    let (first, _) = owners.next()?;
    let more = match owners.count() {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    Some(format!(
        "{first}{more}: the keys are in the configuration file, visible to everyone who can read it; \
         use separate files or environment variables"
    ))
}

impl LimitGroup<'_> {
    /// Only while scans run: what never fits is refused.
    fn scanning_overload(&self) -> Option<String> {
        let rate = self.rate();
        let loads = self.loads();
        let worst = loads
            .iter()
            .max_by(|a, b| a.scanning.total_cmp(&b.scanning))?;
        if exceeds(worst.idle, rate) || !exceeds(worst.scanning, rate) {
            return None;
        }
        Some(format!(
            "{}: {} needs {:.1} requests per second while all scans run, but {} are allowed, so polls will be late; \
             increase scanning_interval",
            self.names(),
            worst.action,
            worst.scanning,
            rate.per_second(),
        ))
    }

    /// Whether all shards together could use up the API's limit, so that nothing is left for other tools.
    fn spreading(&self, shard: Shard) -> Option<String> {
        let mut owners = HashSet::new();
        for account in &self.accounts {
            owners.insert(shard.owner(&account.name));
        }
        let total = self.rate().per_second() * u32::try_from(owners.len()).unwrap_or(u32::MAX);
        let max = Rate::MAX.per_second();
        // With a single owner, that shard keeps the limit on its own.
        if owners.len() < 2 || total < max {
            return None;
        }
        Some(format!(
            "{}: these accounts share credentials and belong to {} of {} shards, which together may send {total} \
             requests per second, but the API allows {max} for everything that uses these credentials; reduce \
             requests_per_second",
            self.names(),
            owners.len(),
            shard.count(),
        ))
    }
    /// Whether two replicas that both poll could exceed the API's limit together.
    fn hot_standby(&self) -> Option<String> {
        let total = 2 * self.rate().per_second();
        let max = Rate::MAX.per_second();
        if total <= max {
            return None;
        }
        Some(format!(
            "{}: a leader and a hot standby may send {total} requests per second together, but the API allows {max} \
             for everything that uses these credentials; reduce requests_per_second, or use --ha.standby=cold",
            self.names(),
        ))
    }
}
