//! Members → accounts.

use jiff::Timestamp;
use tokio::time::Instant;

use super::{super::*, member, uin};
use crate::{
    config::{self, Config, Overrides},
    credentials::Source,
    domain::{AccountOrigin, Moment, Shard},
};

fn config(yaml: &str) -> Config {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), yaml).unwrap();
    match config::load(Some(file.path()), &Overrides::default()) {
        Ok(loaded) => loaded.config,
        Err(problems) => panic!("{problems}"),
    }
}

fn history(members: Vec<ListedAccount>) -> History {
    let now = Moment {
        wall: Timestamp::UNIX_EPOCH,
        monotonic: Instant::now(),
    };
    let mut history = History::default();
    history.accept(members, now, ListRules::default()).unwrap();
    history
}

fn found(config: &Config, members: Vec<ListedAccount>) -> DiscoveredAccounts {
    accounts(config, &[&history(members)]).remove(0)
}

fn names(found: &DiscoveredAccounts) -> Vec<&str> {
    let names = found.accounts.iter();
    names.map(|account| account.name.as_str()).collect()
}

fn named(n: u64, name: &str) -> ListedAccount {
    ListedAccount {
        name: name.into(),
        ..member(n)
    }
}

#[test]
fn an_account_has_the_role_and_the_settings_of_its_discovery() {
    let config = config(
        "poll: {interval: 2m}\napi: {endpoint: tcss.intl.tencentcloudapi.com}\ndiscovery:\n- organization:\n    \
         role: reader\n    external_id: fleet\n    labels: {team: tag.Team, unit: node, env: tag.env}\n    \
         defaults: {timeout: 7s, scans: [{name: nightly, local_task_id: 7}]}\n",
    );
    let mut member = member(1);
    member.unit = Some("shop".into());
    member.tags.insert("Team".into(), "blue".into());
    member.updated = Some("2025-04-17 12:19:07".into());
    let found = found(&config, vec![member]);
    let [account] = &found.accounts[..] else {
        panic!("{found:?}")
    };
    assert_eq!(account.name.as_str(), "100000000001");
    assert_eq!(
        account.endpoint.to_string(),
        "https://tcss.intl.tencentcloudapi.com"
    );
    assert_eq!(account.collectors[0].poll.interval.as_secs(), 120);
    assert_eq!(account.collectors[0].poll.timeout.as_secs(), 7);
    assert_eq!(account.scans[0].name.as_str(), "nightly");
    let Source::AssumeRole(role) = &account.credentials else {
        panic!("{:?}", account.credentials)
    };
    assert_eq!(role.role_arn, "qcs::cam::uin/100000000001:roleName/reader");
    assert_eq!(role.external_id.as_deref(), Some("fleet"));
    assert!(role.is_discovered);
    assert_eq!(role.source, Source::default());
    let info = &account.info;
    assert_eq!(info.uin, Some(uin(1)));
    assert_eq!(info.display_name, "member-1");
    assert_eq!(info.origin, AccountOrigin::Organization);
    let labels: Vec<_> = info
        .labels
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(labels, [("team", "blue"), ("unit", "shop")]);
}

#[test]
fn a_rename_or_another_tag_changes_only_what_describes_the_account() {
    let config = config("discovery: [{organization: {labels: {team: tag.team}}}]\n");
    let before = found(&config, vec![member(1)]).accounts.remove(0);
    let mut renamed = named(1, "other");
    renamed.tags.insert("team".into(), "blue".into());
    let after = found(&config, vec![renamed]).accounts.remove(0);
    assert_ne!(before, after);
    assert!(before.is_polled_like(&after));
}

#[test]
fn configured_accounts_exclusions_and_earlier_discoveries_come_first() {
    let config = config(
        "discovery:\n- organization: {exclude: [100000000002, 'sandbox-*']}\n- organization: {}\naccounts:\n\
         - {name: prod, uin: 100000000003}\n- {name: '100000000004'}\n\
         - {name: old, credentials: {assume_role: {role_arn: 'qcs::cam::uin/100000000005:roleName/x'}}}\n",
    );
    let members = || {
        let mut members: Vec<ListedAccount> = (1..=6).map(member).collect();
        members.push(named(7, "sandbox-7"));
        history(members)
    };
    let found = accounts(&config, &[&members(), &members()]);
    assert_eq!(names(&found[0]), ["100000000001", "100000000006"]);
    assert_eq!((found[0].excluded, found[0].skipped), (2, 3));
    assert_eq!(names(&found[1]), ["100000000002", "100000000007"]);
    assert_eq!((found[1].excluded, found[1].skipped), (0, 5));
}

#[test]
fn a_name_that_cannot_be_the_label_is_replaced_by_the_uin() {
    let config =
        config("discovery: [{organization: {account: name}}]\naccounts: [{name: taken}]\n");
    let found = found(
        &config,
        vec![
            named(1, "prod"),
            named(2, "twice"),
            named(3, "twice"),
            named(4, ""),
            named(5, "taken"),
            named(6, "100000000001"),
            named(7, "a\nb"),
            named(8, "+@、&._[]-:,"),
        ],
    );
    let expected = [
        "prod",
        "100000000002",
        "100000000003",
        "100000000004",
        "100000000005",
        "100000000006",
        "100000000007",
        "+@、&._[]-:,",
    ];
    assert_eq!(names(&found), expected);
    assert_eq!(found.unnamed, 6);
}

#[test]
fn each_account_belongs_to_one_shard() {
    let mut all = Vec::new();
    for index in 0..3 {
        let mut config = config("discovery: [{organization: {}}]\n");
        config.shard = Shard::new(index, 3.try_into().unwrap()).unwrap();
        let found = found(&config, (1..=60).map(member).collect());
        assert!((5..40).contains(&found.accounts.len()));
        all.extend(names(&found).into_iter().map(str::to_owned));
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 60);
}
