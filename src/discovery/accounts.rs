//! Members → accounts to poll. Pure.

use std::collections::{HashMap, HashSet};

use super::{History, KnownMember, ListedAccount};
use crate::{
    config::{
        Account, AccountKey, Config, Discovery, ExcludedAccounts, LabelSource, ListSource, NameBy,
        RoleName,
    },
    credentials::{AssumeRole, Source},
    domain::{AccountInfo, AccountName, LabelName, Uin},
};

/// The accounts of one discovery, and how many of its members are none.
#[derive(Debug, Default)]
pub struct DiscoveredAccounts {
    pub accounts: Vec<Account>,
    /// `exclude` matches them.
    pub excluded: usize,
    /// The configuration or an earlier discovery has them.
    pub skipped: usize,
    /// They are called by their uin although `account: name` is set.
    pub unnamed: usize,
}

/// The accounts of all discoveries of `config`, whose members are `histories`, in the same order.
/// They have the order of the discoveries and of their uins, and only those of the shard count.
pub fn accounts(config: &Config, histories: &[&History]) -> Vec<DiscoveredAccounts> {
    // Accounts of the file come before discovered ones, and earlier discoveries before later ones.
    // The set covers all shards, as each account must have the same name in every one of them.
    let mut taken = config.configured.clone();
    let mut all = Vec::with_capacity(histories.len());
    for (discovery, history) in config.discoveries.iter().zip(histories) {
        let mut found = of_discovery(discovery, history, &mut taken);
        // After the names were given, which must be the same in all shards.
        found
            .accounts
            .retain(|account| config.shard.owns(&account.name));
        all.push(found);
    }
    all
}

fn of_discovery(
    discovery: &Discovery,
    history: &History,
    taken: &mut HashSet<AccountKey>,
) -> DiscoveredAccounts {
    let mut found = DiscoveredAccounts::default();
    let mut wanted: Vec<&KnownMember> = Vec::new();
    for known in history.members() {
        if is_excluded(discovery, &known.member) {
            found.excluded += 1;
        } else if taken.contains(&AccountKey::Uin(known.member.uin)) {
            found.skipped += 1;
        } else {
            wanted.push(known);
        }
    }
    // Members that are excluded do not count: a name that they share with one other member is still
    // unique among the accounts.
    let names = name_counts(&wanted);
    for known in wanted {
        let member = &known.member;
        let mut name = None;
        if discovery.name_by == NameBy::Name {
            name = own_name(member, &names, taken);
            found.unnamed += usize::from(name.is_none());
        }
        let Some(name) = name.or_else(|| uin_name(member.uin)) else {
            continue;
        };
        if !taken.insert(AccountKey::Name(name.clone())) {
            found.skipped += 1;
            continue;
        }
        // For the discoveries after this one: the same member must not be polled twice.
        taken.insert(AccountKey::Uin(member.uin));
        found.accounts.push(account(discovery, known, name));
    }
    found
}

fn is_excluded(discovery: &Discovery, member: &ListedAccount) -> bool {
    for exclusion in &discovery.exclude {
        let matches = match exclusion {
            ExcludedAccounts::Uin(uin) => *uin == member.uin,
            ExcludedAccounts::Name(pattern) => pattern.matches(&member.name),
        };
        if matches {
            return true;
        }
    }
    false
}

fn name_counts<'a>(members: &[&'a KnownMember]) -> HashMap<&'a str, usize> {
    let mut counts = HashMap::new();
    for known in members {
        *counts.entry(known.member.name.as_str()).or_default() += 1;
    }
    counts
}

/// The name of the member, if no other account has it. Of two members with the same name, neither
/// gets it: otherwise it would depend on which of them joined first.
fn own_name(
    member: &ListedAccount,
    counts: &HashMap<&str, usize>,
    taken: &HashSet<AccountKey>,
) -> Option<AccountName> {
    let name = AccountName::parse(&member.name).ok()?;
    let is_own = counts.get(member.name.as_str()) == Some(&1);
    // A name that is a number could be the uin of another member.
    let is_number = Uin::parse(&member.name).is_ok();
    if !is_own || is_number || taken.contains(&AccountKey::Name(name.clone())) {
        return None;
    }
    Some(name)
}

fn uin_name(uin: Uin) -> Option<AccountName> {
    AccountName::parse(&uin.to_string()).ok()
}

fn account(discovery: &Discovery, known: &KnownMember, name: AccountName) -> Account {
    let member = &known.member;
    Account {
        name,
        credentials: credentials(discovery, member),
        info: AccountInfo {
            uin: Some(member.uin),
            display_name: member.name.clone(),
            origin: discovery.source.origin(),
            discovery: Some(discovery.label.clone()),
            labels: labels(discovery, member),
            updated: member.updated.clone(),
            is_missing: known.is_missing(),
        },
        ..discovery.template.clone()
    }
}

fn credentials(discovery: &Discovery, member: &ListedAccount) -> Source {
    let role = &discovery.role;
    if member.is_self {
        return role.source.clone();
    }
    let name = match (&role.name, &member.role) {
        (_, Some(name)) => name.as_str(),
        (RoleName::Fixed(name), None) => name,
        // A list by identity has the role of each member.
        (RoleName::OfIdentity(_), None) => "",
    };
    let uin = member.uin;
    Source::AssumeRole(Box::new(AssumeRole {
        role_arn: format!("qcs::cam::uin/{uin}:roleName/{name}"),
        session_name: role.session_name.clone(),
        external_id: role.external_id.clone(),
        duration: role.duration,
        sts: role.sts.clone(),
        is_discovered: true,
        source: role.source.clone(),
    }))
}

/// A tag that the member lacks gives no label.
fn labels(discovery: &Discovery, member: &ListedAccount) -> Vec<(LabelName, String)> {
    let mut labels = Vec::new();
    for (name, source) in &discovery.labels {
        let value = match source {
            LabelSource::Tag(key) | LabelSource::Label(key) => member.tags.get(key),
            LabelSource::Unit => member.unit.as_ref(),
        };
        if let Some(value) = value {
            labels.push((name.clone(), value.clone()));
        }
    }
    if discovery.labels.is_empty() && matches!(discovery.source, ListSource::Http(_)) {
        for (name, value) in &member.tags {
            // The names and their number were checked when the list was read.
            if let Ok(name) = LabelName::parse(name) {
                labels.push((name, value.clone()));
            }
        }
    }
    labels
}
