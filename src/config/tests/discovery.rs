//! The key `discovery`.

use super::*;
use crate::domain::AccountOrigin;

fn only(yaml: &str) -> Discovery {
    let mut config = load_text(yaml).unwrap().config;
    assert_eq!(config.accounts, []);
    assert_eq!(config.discoveries.len(), 1);
    config.discoveries.remove(0)
}

#[test]
fn an_organization_has_defaults() {
    let discovery = only("discovery: [{organization: {}}]\n");
    assert_eq!(&*discovery.label, "organization");
    assert_eq!(discovery.refresh_interval, Duration::from_mins(10));
    assert_eq!(discovery.keep_for, Duration::from_hours(1));
    assert_eq!(discovery.role.name, RoleName::Fixed("tcss-exporter".into()));
    assert_eq!(discovery.role.source, Source::default());
    assert_eq!(discovery.template.scans[0].name.as_str(), "latest");
    assert_eq!(discovery.source.origin(), AccountOrigin::Organization);
    let list = only("discovery: [{http: {url: 'http://127.0.0.1:1/tcss'}}]\n");
    assert_eq!(list.refresh_interval, Duration::from_mins(1));
}

#[test]
fn discoveries_are_numbered_and_named_accounts_are_taken() {
    let config = load_text(
        "discovery: [{organization: {}}, {http: {url: 'https://a.example'}}, {organization: {}}]\naccounts:\n\
         - {name: a, uin: 7}\n- {name: b, credentials: {assume_role: {role_arn: 'qcs::cam::uin/8:roleName/x'}}}\n",
    )
    .unwrap()
    .config;
    let labels: Vec<&str> = config
        .discoveries
        .iter()
        .map(|discovery| &*discovery.label)
        .collect();
    assert_eq!(labels, ["organization", "http", "organization-2"]);
    let uin = |n| AccountKey::Uin(Uin::new(n).unwrap());
    for key in [
        uin(7),
        uin(8),
        AccountKey::Name(AccountName::parse("a").unwrap()),
    ] {
        assert!(config.configured.contains(&key), "{key:?}");
    }
}

#[test]
fn every_problem_of_a_discovery_is_reported_with_its_line() {
    check(
        "discovery:
- {}
- {organisation: {}}
- organization:
    role: tcss-exporter
    identity: 0
    nodes: [shop, '']
    account: alias
    exclude: ['[x']
    labels: {team: team, job: tag.a, a: node}
    refresh_interval: 1s
    external_id: 'canary canary'
    defaults: {endpoint: other.example, credentials: {env: {}}, interval: 0s}
- http: {}
- http: {url: 'http://other.example', bearer_token_file: a, basic_auth: {username: 'a:b', password: canary}}
- http: {url: 'https://canary@other.example', role: 'qcs::cam::uin/1:roleName/a'}
",
        &[
            "2: discovery[0]: names no kind, expected organization or http",
            "3: discovery[1].organisation: unknown key, did you mean organization?",
            "5: discovery[2].organization.role: is given together with identity, expected one of them",
            "6: discovery[2].organization.identity: must be more than 0",
            "7: discovery[2].organization.nodes[1]: is empty, expected the ID or the name of a unit",
            "8: discovery[2].organization.account: \"alias\" is not valid, expected uin or name",
            "9: discovery[2].organization.exclude[0]: \"[x\" is neither a uin nor a pattern of names, expected for \
             example sandbox-*",
            "10: discovery[2].organization.labels.job: \"job\" is reserved, choose another label name",
            "10: discovery[2].organization.labels.team: \"team\" is not valid, expected tag.KEY or node",
            "11: discovery[2].organization.refresh_interval: 1s is too short, must be at least 10s",
            "12: discovery[2].organization.external_id: is not a valid external ID, expected 2 to 128 letters, digits \
             and =,.@:/_-",
            "13: discovery[2].organization.defaults.credentials: unknown key, known keys: collectors, scans, endpoint, region, language, \
             requests_per_second, time_zone, allow_http, interval, scanning_interval, timeout, stale_after",
            "13: discovery[2].organization.defaults.endpoint: is not a default of discovered accounts; set api.endpoint",
            "13: discovery[2].organization.defaults.interval: 0s is too short, must be at least 1s",
            "14: discovery[3].http: has no url; add one, for example url: https://cmdb.example.com/tcss",
            "15: discovery[4].http: has bearer_token_file and basic_auth, expected one of them",
            "15: discovery[4].http.basic_auth: needs username and password_file",
            "15: discovery[4].http.basic_auth: unknown key, known keys: username, password_file",
            "15: discovery[4].http.url: is plain http to another machine, expected https",
            "16: discovery[5].http.role: is not a valid role name, expected only the name, not the ARN; or remove the key",
            "16: discovery[5].http.url: contains a user name or password; use basic_auth",
        ],
    );
}
