//! What lists change, in paused time.

use std::collections::BTreeSet;

use super::Fleet;

const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;

#[tokio::test(start_paused = true)]
async fn members_are_polled_with_their_roles_and_described() {
    let mut fleet = Fleet::start(
        "external_id: fleet, nodes: [{id: 1002, name: shop}], scans: [{takes: 10m, local_images: 3}], members: [{uin: \
         100000000001, name: prod, node: 1002, tags: {team: blue}}, {uin: 100000000002, name: sandbox-1}, {uin: \
         100000000003, name: core}, {uin: 100000000004, name: new, has_role: false}]",
        "external_id: fleet, exclude: ['sandbox-*'], labels: {team: tag.team, unit: node}",
        "[{name: core, uin: 100000000003, labels: {team: core}}]",
    )
    .await;
    assert!(!fleet.is_ready(), "there is no list");
    fleet.run_until(MINUTE).await;
    assert!(fleet.is_ready());
    assert_eq!(fleet.accounts(), ["core", "100000000001", "100000000004"]);
    let text = fleet.text();
    for line in [
        "tcss_account_info{account=\"core\",uin=\"100000000003\",name=\"core\",source=\"config\",team=\"core\"} 1\n",
        "tcss_account_info{account=\"100000000001\",uin=\"100000000001\",name=\"prod\",source=\"organization\",\
         team=\"blue\",unit=\"shop\"} 1\n",
        "tcss_up{account=\"100000000001\",collector=\"vul_scan\",scan=\"latest\"} 1\n",
        "tcss_poll_failing{account=\"100000000004\",collector=\"vul_scan\",scan=\"latest\",reason=\"no_role\"} 1\n",
        "tcss_account_missing{account=\"100000000001\"} 0\n",
        "tcss_exporter_accounts{source=\"config\",state=\"fine\"} 1\n",
        "tcss_exporter_accounts{source=\"organization\",state=\"fine\"} 1\n",
        "tcss_exporter_accounts{source=\"organization\",state=\"failing\"} 1\n",
        "tcss_discovery_accounts{discovery=\"organization\",state=\"polled\"} 2\n",
        "tcss_discovery_accounts{discovery=\"organization\",state=\"excluded\"} 1\n",
        "tcss_discovery_accounts{discovery=\"organization\",state=\"skipped\"} 1\n",
        "tcss_discovery_accounts{discovery=\"organization\",state=\"no_role\"} 1\n",
        "tcss_discovery_last_refresh_successful{discovery=\"organization\"} 1\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("tcss_account_missing{account=\"core\"}"));
}

#[tokio::test(start_paused = true)]
async fn a_renamed_moved_or_tagged_member_loses_no_series_and_no_poll() {
    let mut fleet = Fleet::start(
        "started_ago: 60m, repeat: false, scans: [{takes: 10m, local_images: 3}], members: [{uin: 1, name: a, changes: [{at: 15m, name: b, tags: {team: \
         red}}]}, {uin: 2, name: c}]",
        "labels: {team: tag.team}",
        "",
    )
    .await;
    let names = |text: &str| -> BTreeSet<String> {
        let series = text.lines().filter(|line| line.starts_with("tcss_"));
        let series = series.filter(|line| !line.starts_with("tcss_account_info"));
        series
            .map(|line| line.rsplit_once(' ').unwrap().0.to_owned())
            .collect()
    };
    let polls = "tcss_polls_total{account=\"1\"";
    fleet.run_until(14 * MINUTE).await;
    let before = fleet.text();
    let polls_before = fleet.value(polls).unwrap();
    assert!(before.contains("name=\"a\""), "{before}");
    fleet.run_until(31 * MINUTE).await;
    let after = fleet.text();
    assert!(
        after.contains("uin=\"1\",name=\"b\",source=\"organization\",team=\"red\"} 1"),
        "{after}"
    );
    assert!(!after.contains("name=\"a\""), "{after}");
    let ended: Vec<_> = names(&before).difference(&names(&after)).cloned().collect();
    assert_eq!(ended, [""; 0]);
    assert_eq!(
        fleet.value(polls).unwrap(),
        polls_before + 17.0,
        "polled once a minute throughout"
    );
}

#[tokio::test(start_paused = true)]
async fn a_member_that_left_is_polled_for_an_hour_and_one_that_joins_is_polled_soon() {
    let mut fleet = Fleet::start(
        "members: [{uin: 1}, {uin: 2, leaves: 15m}, {uin: 3, leaves: 15m, returns: 40m}, {uin: 4, joins: 15m}]",
        "",
        "",
    )
    .await;
    fleet.run_until(10 * MINUTE).await;
    assert_eq!(fleet.accounts(), ["1", "2", "3"]);
    fleet.run_until(30 * MINUTE).await;
    assert_eq!(fleet.accounts(), ["1", "2", "3", "4"]);
    assert_eq!(
        fleet.value("tcss_account_missing{account=\"2\"}"),
        Some(1.0)
    );
    assert_eq!(
        fleet.value("tcss_account_missing{account=\"3\"}"),
        Some(1.0)
    );
    assert_eq!(fleet.value("tcss_up{account=\"2\""), Some(1.0));
    fleet.run_until(60 * MINUTE).await;
    assert_eq!(
        fleet.value("tcss_account_missing{account=\"3\"}"),
        Some(0.0)
    );
    fleet.run_until(75 * MINUTE).await;
    assert_eq!(fleet.accounts(), ["1", "2", "3", "4"]);
    fleet.run_until(95 * MINUTE).await;
    assert_eq!(fleet.accounts(), ["1", "3", "4"]);
    assert_eq!(
        fleet.value("tcss_discovery_accounts_removed_total"),
        Some(1.0)
    );
    assert_eq!(
        fleet.value("tcss_discovery_accounts_added_total"),
        Some(4.0)
    );
    // It was never stopped.
    assert!(fleet.value("tcss_polls_total{account=\"3\"").unwrap() >= 93.0);
}

/// Pages that fail, totals that move, and a list that is cut.
#[tokio::test(start_paused = true)]
async fn a_list_that_cannot_be_trusted_changes_nothing_until_an_operator_wants_it() {
    let mut fleet = Fleet::start(
        "generate: {count: 130, first_uin: 1}, failures: [{code: InternalError, from: 15m, for: 20m}], moving_total: \
         {from: 55m, for: 20m}, cut: {to: 100, from: 95m}",
        "defaults: {interval: 10m}",
        "",
    )
    .await;
    let failures = |fleet: &Fleet, reason: &str| {
        let series = "tcss_discovery_refresh_failures_total{discovery=\"organization\",reason=";
        fleet.value(&format!("{series}\"{reason}\"}}")).unwrap()
    };
    let is_good =
        |fleet: &Fleet| fleet.value("tcss_discovery_last_refresh_successful") == Some(1.0);
    for (minute, reason) in [(30, "server"), (70, "incomplete"), (115, "too_many_gone")] {
        fleet.run_until((minute - 20) * MINUTE).await;
        assert!(is_good(&fleet), "{reason}: {}", fleet.text());
        assert_eq!(failures(&fleet, reason), 0.0);
        fleet.run_until(minute * MINUTE).await;
        assert!(!is_good(&fleet), "{reason}");
        assert!(failures(&fleet, reason) >= 1.0, "{reason}");
        assert_eq!(fleet.accounts().len(), 130, "{reason}");
        assert_eq!(
            fleet.value("tcss_exporter_accounts{source=\"organization\",state=\"fine\"}"),
            Some(130.0)
        );
    }
    fleet.run_until(10 * HOUR).await;
    assert_eq!(fleet.accounts().len(), 130, "refused for hours");
    fleet.reload("defaults: {interval: 10m}", "").await;
    fleet.run_until(10 * HOUR + MINUTE).await;
    assert!(is_good(&fleet));
    assert_eq!(
        fleet.value("tcss_discovery_accounts{discovery=\"organization\",state=\"missing\"}"),
        Some(30.0)
    );
    fleet.run_until(12 * HOUR).await;
    assert_eq!(fleet.accounts().len(), 100);
}

#[tokio::test(start_paused = true)]
async fn without_a_list_at_the_start_only_configured_accounts_are_polled_and_nothing_is_ready() {
    let mut fleet = Fleet::start(
        "members: [{uin: 1}], failures: [{code: UnauthorizedOperation, for: 20m}]",
        "",
        "[{name: own}]",
    )
    .await;
    fleet.run_until(15 * MINUTE).await;
    assert_eq!(fleet.accounts(), ["own"]);
    assert_eq!(fleet.value("tcss_up{account=\"own\""), Some(1.0));
    assert!(!fleet.is_ready());
    assert_eq!(
        fleet.value("tcss_discovery_last_refresh_successful"),
        Some(0.0)
    );
    fleet.run_until(30 * MINUTE).await;
    assert!(fleet.is_ready());
    assert_eq!(fleet.accounts(), ["own", "1"]);
}

#[tokio::test(start_paused = true)]
async fn a_reload_changes_filters_at_once_and_keeps_what_did_not_change() {
    let mut fleet = Fleet::start("members: [{uin: 1, name: a}, {uin: 2, name: b}]", "", "").await;
    fleet.run_until(5 * MINUTE + 30).await;
    let polls = |fleet: &Fleet| fleet.value("tcss_polls_total{account=\"1\"").unwrap();
    let before = polls(&fleet);
    fleet
        .reload("exclude: [b], refresh_interval: 10m", "")
        .await;
    assert_eq!(fleet.accounts(), ["1"], "without another list");
    assert_eq!(polls(&fleet), before);
    // Another place: the accounts stay until its first list comes.
    fleet.reload("product: tcss", "").await;
    assert_eq!(fleet.accounts(), ["1", "2"]);
    fleet.run_until(10 * MINUTE).await;
    assert_eq!(fleet.accounts(), ["1", "2"]);
    assert!(polls(&fleet) >= before + 4.0);
    let config = super::configuration("", "[{name: own}]");
    let without = tcss_exporter::config::Config::of(config.accounts);
    fleet.world.supervisor.apply(without).await.unwrap();
    assert_eq!(fleet.accounts(), ["own"]);
    assert!(!fleet.text().contains("tcss_discovery_"));
}

#[tokio::test(start_paused = true)]
async fn two_discoveries_and_the_configuration_poll_an_account_once() {
    let mut fleet = Fleet::start(
        "members: [{uin: 1}, {uin: 2}, {uin: 3}]",
        "exclude: [2]",
        "[{name: own, uin: 3}]",
    )
    .await;
    let mut config = super::configuration("exclude: [2]", "[{name: own, uin: 3}]");
    let mut second = config.discoveries[0].clone();
    second.label = "organization-2".into();
    second.exclude.clear();
    config.discoveries.push(second);
    fleet.world.supervisor.apply(config).await.unwrap();
    fleet.run_until(5 * MINUTE).await;
    assert_eq!(fleet.accounts(), ["own", "1", "2"]);
    let skipped = |label: &str| {
        fleet.value(&format!(
            "tcss_discovery_accounts{{discovery=\"{label}\",state=\"skipped\"}}"
        ))
    };
    assert_eq!(
        (skipped("organization"), skipped("organization-2")),
        (Some(1.0), Some(2.0))
    );
}

#[tokio::test(start_paused = true)]
async fn members_without_the_role_are_asked_for_rarely_and_at_once_when_something_changed() {
    let mut fleet = Fleet::start(
        "generate: {count: 300, first_uin: 1000, without_role: 100}, members: [{uin: 1, role_failures: [{code: \
         ResourceNotFound.RoleNotFound, for: 100m}], changes: [{at: 101m, name: renamed}]}, {uin: 2, role_failures: \
         [{code: InvalidParameter.AccountNotAvaliable, from: 4h}]}]",
        "defaults: {interval: 10m}",
        "",
    )
    .await;
    let no_role = |fleet: &Fleet| {
        fleet.value("tcss_discovery_accounts{discovery=\"organization\",state=\"no_role\"}")
    };
    fleet.run_until(2 * MINUTE).await;
    assert!(fleet.is_ready());
    assert_eq!(no_role(&fleet), Some(101.0));
    fleet.run_until(90 * MINUTE).await;
    let asked = fleet.n_assume_role();
    fleet.run_until(98 * MINUTE).await;
    assert!(
        fleet.n_assume_role() - asked <= 201,
        "renewals of 202 roles at most"
    );
    // 101 every hour: 0.03/s. The others renew their keys after 84 to 96 minutes.
    fleet.run_until(115 * MINUTE).await;
    assert_eq!(
        no_role(&fleet),
        Some(100.0),
        "the organization said that it has changed"
    );
    assert_eq!(fleet.value("tcss_up{account=\"1\""), Some(1.0));
    let asked = fleet.n_assume_role();
    fleet.reload("defaults: {interval: 10m}", "").await;
    fleet.run_until(117 * MINUTE).await;
    assert!(
        fleet.n_assume_role() - asked >= 100,
        "after a reload, all are asked for at once"
    );
    fleet.run_until(140 * MINUTE).await;
    let (asked, before) = (fleet.n_assume_role(), 140 * MINUTE);
    fleet.run_until(240 * MINUTE).await;
    let n_requests = fleet.n_assume_role() - asked;
    assert!(
        10 * n_requests <= 240 * MINUTE - before,
        "0.1/s, with the renewals of the others: {n_requests}"
    );
    assert!(n_requests >= 300, "{n_requests}");
    fleet.run_until(7 * HOUR).await;
    assert_eq!(
        no_role(&fleet),
        Some(101.0),
        "it lost the role, and its keys have expired"
    );
}

/// A day of refreshes is 144; memory and counts must not depend on how many there were.
#[tokio::test(start_paused = true)]
async fn ten_thousand_refreshes_change_nothing() {
    let mut fleet = Fleet::start(
        "generate: {count: 5, first_uin: 1}",
        "refresh_interval: 10s, defaults: {interval: 1h}",
        "",
    )
    .await;
    fleet.run_until(MINUTE).await;
    let series = |fleet: &Fleet| fleet.text().lines().count();
    let (before, accounts) = (series(&fleet), fleet.accounts());
    fleet.run_until(10_000 * 10).await;
    let requests =
        fleet.simulator.stats().identities["base"].actions["DescribeOrganizationMembers"];
    assert!(requests.arrivals >= 9_900, "{requests:?}");
    assert_eq!((series(&fleet), fleet.accounts()), (before, accounts));
    assert_eq!(
        fleet.value("tcss_discovery_accounts_added_total"),
        Some(5.0)
    );
}
