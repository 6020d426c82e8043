mod language;

use std::{sync::Arc, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use proptest::prelude::*;

use super::{listing::ROWS_PER_PAGE, *};
use crate::{
    client::ApiError,
    collectors,
    credentials::CredentialsStatus,
    domain::{AccountInfo, AccountName, Clock, Reason, ScanName},
    store::{AccountEntry, JobEntry, Outcome, Snapshot},
};

const STALE_AFTER: Duration = Duration::from_secs(300);

const SCANNING: &str = r#"{"LocalImageScanCount":3,"IgnoreVulCount":1,"ScanStartTime":"2025-11-24 23:40:00",
    "ScanEndTime":"","FoundRiskImageCount":1234567,"FoundVulCount":7,"ScanProgress":33.5,"RegistryImageScanCount":4,
    "LocalTaskID":0,"Status":"SCANNING","RemainingTime":250,"RegistryTaskID":18548,"RegistryFoundVulCount":9}"#;

fn scanned() -> String {
    SCANNING
        .replace("SCANNING", "SCANNED")
        .replace("33.5", "100")
}

/// Scans and their snapshots.
struct World {
    table: Table,
    now: Moment,
}

impl World {
    /// One account for each of `names`, none of them polled.
    fn new(names: &[&str]) -> World {
        let mut table = Table::default();
        for name in names {
            let (account, scan) = (
                AccountName::parse(name).unwrap(),
                ScanName::parse("latest").unwrap(),
            );
            let stale_after = STALE_AFTER;
            let entry = JobEntry::new(&account, Some(&scan), &collectors::ALL[0], stale_after);
            entry.replace(Snapshot::unpolled(Duration::from_secs(60)));
            table.jobs.push(Arc::new(entry));
        }
        World {
            table,
            now: Clock::starting_at(Timestamp::from_second(1_764_000_000).unwrap()).now(),
        }
    }

    fn answers(&self, job: usize, answer: &str) {
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        let collector = &collectors::ALL[0];
        let snapshot = self.table.jobs[job].snapshot();
        let before = snapshot
            .fresh(self.now, Duration::from_hours(24))
            .map(|data| &data.answer);
        let parsed = collector
            .read(
                &[vec![answer]],
                collectors::Reading {
                    time_zone: &zone,
                    as_of: self.now.wall,
                    limit: 0,
                },
                before,
            )
            .unwrap();
        self.outcome(job, Ok(parsed));
    }

    fn fails(&self, job: usize, reason: Reason) {
        self.outcome(
            job,
            Err(ApiError {
                as_of: self.now,
                ..ApiError::of(reason)
            }),
        );
    }

    fn outcome(&self, job: usize, result: Result<crate::collectors::Parsed, ApiError>) {
        let job = &self.table.jobs[job];
        job.replace(job.snapshot().after(Outcome {
            at: self.now,
            took: Duration::from_millis(250),
            result,
        }));
    }

    fn page_at(&self, later: Duration, query: &str) -> String {
        let info = ServerInfo {
            started: self.now,
            telemetry_path: "/metrics",
            shard: None,
            leadership: None,
        };
        page(&self.table, self.view(later, query), &parse(query), info)
    }

    fn view(&self, later: Duration, query: &str) -> View {
        let language = parse(query).language;
        View::new(self.now.after(later), language, Language::English)
    }

    fn page(&self, query: &str) -> String {
        self.page_at(Duration::ZERO, query)
    }
}

fn parse(query: &str) -> StatusQuery {
    StatusQuery::parse(Some(query))
}

/// The text of a piece of a page: without markup, and with single spaces.
fn words_of(html: &str) -> String {
    let mut text = String::new();
    for piece in html.split('<') {
        text.push_str(piece.split_once('>').map_or(piece, |(_, text)| text));
        text.push(' ');
    }
    for (from, to) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ] {
        text = text.replace(from, to);
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The words of each row group of the table.
fn rows(page: &str) -> Vec<String> {
    let bodies = page
        .split("<tbody")
        .skip(1)
        .filter_map(|rest| rest.split("</tbody>").next());
    bodies
        .map(|body| words_of(&format!("<tbody{body}")))
        .collect()
}

/// The words of the one row group with `name`.
fn row(page: &str, name: &str) -> String {
    let mut rows = rows(page);
    rows.retain(|row| row.starts_with(name));
    assert_eq!(rows.len(), 1, "{name}");
    rows.remove(0)
}

fn counts(page: &str) -> String {
    words_of(
        page.split_once("<ul class=\"counts\" role=\"list\">")
            .unwrap()
            .1
            .split("</ul>")
            .next()
            .unwrap(),
    )
}

#[test]
fn a_scan_before_its_first_poll_shows_no_values() {
    let page = World::new(&["prod"]).page("");
    assert_eq!(
        row(&page, "prod"),
        "prod latest Waiting for first poll – no data – no data – no data – no data – no data never – no data"
    );
    assert_eq!(
        counts(&page),
        "0 failing 0 stale 0 stalled 1 waiting 0 scanning 0 OK"
    );
    assert!(!page.contains("<progress"));
}

#[test]
fn a_successful_poll_shows_its_values_with_units_and_age() {
    let world = World::new(&["prod"]);
    world.answers(0, SCANNING);
    world.table.jobs[0].set_next_poll(world.now.monotonic + Duration::from_secs(10));
    let page = world.page_at(Duration::from_secs(3), "");
    assert_eq!(
        row(&page, "prod"),
        "prod latest Scanning started 20 min ago 33.5% 4 min left 1,234,567 7 9 1 3 s ago in 7 s"
    );
    assert!(
        page.contains(
            "<progress max=\"1\" value=\"0.335\" aria-label=\"Progress of prod, latest\">"
        )
    );
    assert!(page.contains(
        "<time datetime=\"2025-11-24T16:00:00Z\" title=\"2025-11-24 16:00:00 UTC\">3 s ago</time>"
    ));
    assert_eq!(
        counts(&page),
        "0 failing 0 stale 0 stalled 0 waiting 1 scanning 0 OK"
    );
    assert!(row(&world.page_at(Duration::from_secs(11), ""), "prod").ends_with(" 11 s ago now"));
}

#[test]
fn every_status_has_a_label_and_unreadable_values_are_not_invented() {
    let world = World::new(&["prod"]);
    for (status, expected) in [
        ("NOT_SCAN", "prod latest Never scanned 33.5% 1,234,567"),
        ("SCANNED", "prod latest Scanned 33.5% 1,234,567"),
        ("CANCELED", "prod latest Canceled 33.5% 1,234,567"),
        ("SCAN_TIMEOUT", "prod latest Unknown 33.5% 1,234,567"),
    ] {
        world.answers(0, &SCANNING.replace("SCANNING", status));
        let row = row(&world.page(""), "prod");
        assert!(row.starts_with(expected), "{status}: {row}");
    }
    world.answers(
        0,
        &scanned().replace(
            "\"ScanEndTime\":\"\"",
            "\"ScanEndTime\":\"2025-11-24 23:55:00\"",
        ),
    );
    assert!(
        row(&world.page(""), "prod")
            .starts_with("prod latest Scanned ended 5 min ago 100% 1,234,567")
    );
    world.answers(0, &SCANNING.replace("250", "0"));
    assert!(row(&world.page(""), "prod").contains(" 33.5% time left unknown "));
    world.answers(0, r#"{"Status":"SCANNED","RegistryFoundVulCount":9}"#);
    assert_eq!(
        row(&world.page(""), "prod"),
        "prod latest Scanned n/a n/a n/a 9 n/a just now – no data"
    );
}

#[test]
fn stale_values_are_withheld_and_the_page_says_since_when() {
    let world = World::new(&["prod"]);
    world.answers(0, &scanned());
    assert!(row(&world.page_at(STALE_AFTER, ""), "prod").contains(" 1,234,567 "));
    let page = world.page_at(STALE_AFTER + Duration::from_secs(1), "");
    assert_eq!(
        row(&page, "prod"),
        "prod latest Stale – no data – no data – no data – no data – no data 5 min ago stale since 16:05:00 – no data"
    );
    assert_eq!(
        counts(&page),
        "0 failing 1 stale 0 stalled 0 waiting 0 scanning 0 OK"
    );
    assert!(page.contains("<title>1 stale · tcss-exporter</title>"));
    let days_later = row(&world.page_at(Duration::from_hours(50), ""), "prod");
    assert!(
        days_later.contains(" 2 d 2 h ago stale since 2025-11-24 "),
        "{days_later}"
    );
}

#[test]
fn a_failure_shows_its_reason_and_advice_and_keeps_the_values_until_they_are_stale() {
    let world = World::new(&["prod"]);
    world.answers(0, SCANNING);
    let error = ApiError {
        code: Some("UnauthorizedOperation".into()),
        message: "You are not authorized.".into(),
        request_id: Some("b6cffd6d".into()),
        as_of: world.now,
        ..ApiError::of(Reason::Permission)
    };
    world.outcome(0, Err(error.clone()));
    world.outcome(0, Err(error));
    let page = world.page_at(Duration::from_secs(120), "");
    let explained = "permission The credentials are valid but not allowed to call this action. What to do: Attach a CAM \
                     policy that allows the actions of this collector on resource * to this user or role; docs/credentials.md lists them. \
                     UnauthorizedOperation You are not authorized. The last 2 polls failed, most recently 2 min ago · \
                     RequestId b6cffd6d";
    assert_eq!(
        row(&page, "prod"),
        format!(
            "prod latest Failing last known: scanning 33.5% 4 min left 1,234,567 7 9 1 2 min ago – no data {explained}"
        )
    );
    assert!(page.contains("<title>1 failing · tcss-exporter</title>"));
    let stale = row(&world.page_at(Duration::from_secs(301), ""), "prod");
    assert!(
        stale.starts_with("prod latest Failing – no data – no data "),
        "{stale}"
    );
    assert!(
        stale.contains("no data 5 min ago stale since 16:05:00 "),
        "{stale}"
    );
}

#[test]
fn failing_scans_come_first_and_equal_ones_are_in_the_order_of_the_configuration() {
    let world = World::new(&[
        "ok-2",
        "scanning",
        "waiting",
        "failing-2",
        "stale",
        "failing-1",
        "ok-1",
    ]);
    world.answers(4, &scanned());
    let later = World {
        table: world.table.clone(),
        now: world.now.after(Duration::from_secs(400)),
    };
    [0, 6]
        .into_iter()
        .for_each(|job| later.answers(job, &scanned()));
    later.answers(1, SCANNING);
    [3, 5]
        .into_iter()
        .for_each(|job| later.fails(job, Reason::Network));
    let page = later.page("");
    let names: Vec<String> = rows(&page)
        .iter()
        .map(|row| row.split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "failing-2",
            "failing-1",
            "stale",
            "waiting",
            "scanning",
            "ok-2",
            "ok-1"
        ]
    );
    assert_eq!(
        counts(&page),
        "2 failing 1 stale 0 stalled 1 waiting 1 scanning 2 OK"
    );
}

#[test]
fn a_filter_matches_parts_of_names_in_any_case_and_does_not_change_the_counts() {
    let world = World::new(&["Shop-EU", "shop-us", "payments", "Größe"]);
    for (query, expected) in [
        ("q=SHOP", 2),
        ("q=shop-e", 1),
        ("q=latest", 4),
        ("q=GR%C3%96", 1),
        ("q=", 4),
        ("q=%20", 4),
    ] {
        let page = world.page(query);
        assert_eq!(rows(&page).len(), expected, "{query}");
        assert_eq!(
            counts(&page),
            "0 failing 0 stale 0 stalled 4 waiting 0 scanning 0 OK",
            "{query}"
        );
    }
    let page = world.page("q=shop&refresh=off");
    assert!(words_of(&page).contains("2 scans matching “ shop ” (4 in total), failing first"));
    assert!(page.contains("<a href=\"./?refresh=off\">Show all</a>"));
    let page = world.page("q=%3Cb%3E");
    assert!(
        rows(&page).is_empty()
            && words_of(&page).contains("No account or scan name contains “ <b> ”.")
    );
    assert!(words_of(&World::new(&[]).page("")).contains("No accounts to poll."));
}

#[test]
fn more_than_two_hundred_rows_are_split_into_pages() {
    let names: Vec<String> = (1..=450)
        .map(|index| format!("account-{index:03}"))
        .collect();
    let world = World::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for (query, n_rows, first, extent, links) in [
        (
            "",
            200,
            "account-001",
            "1–200 of 450 scans",
            "Next Last Page 1 of 3",
        ),
        (
            "page=2",
            200,
            "account-201",
            "201–400 of 450 scans",
            "Previous Next Page 2 of 3",
        ),
        (
            "page=3",
            50,
            "account-401",
            "401–450 of 450 scans",
            "First Previous Page 3 of 3",
        ),
        (
            "page=4000",
            50,
            "account-401",
            "401–450 of 450 scans",
            "First Previous Page 3 of 3",
        ),
        (
            "page=0",
            200,
            "account-001",
            "1–200 of 450 scans",
            "Next Last Page 1 of 3",
        ),
    ] {
        let page = world.page(query);
        let rows = rows(&page);
        assert_eq!(rows.len(), n_rows, "{query}");
        assert!(
            rows[0].starts_with(first) && words_of(&page).contains(extent),
            "{query}"
        );
        let pages = page
            .split_once("<nav class=\"pages\"")
            .unwrap()
            .1
            .split("</nav>")
            .next()
            .unwrap();
        assert_eq!(words_of(&format!("<{pages}")), links, "{query}");
    }
    let page = world.page("q=account&page=2&refresh=off");
    assert!(page.contains("<a href=\"./?q=account&amp;page=3&amp;refresh=off\">Next</a>"));
    assert!(
        !world.page("q=account-1").contains("<nav class=\"pages\""),
        "a hundred rows fit on one page"
    );
}

#[test]
fn the_page_refreshes_itself_unless_that_is_turned_off() {
    let world = World::new(&["prod"]);
    let page = world.page("q=pro");
    assert!(page.contains("<meta http-equiv=\"refresh\" content=\"15\">"));
    assert!(page.contains("<a href=\"./?q=pro&amp;refresh=off\">Stop auto-refresh</a>"));
    let page = world.page("q=pro&refresh=off");
    assert!(!page.contains("http-equiv"));
    assert!(page.contains("<a href=\"./?q=pro\">Resume auto-refresh</a>"));
    assert!(page.contains("<input type=\"hidden\" name=\"refresh\" value=\"off\">"));
}

#[test]
fn the_header_shows_version_uptime_and_shard() {
    let world = World::new(&["prod"]);
    let info = ServerInfo {
        started: world.now,
        telemetry_path: "/tcss",
        shard: Some("0/3"),
        leadership: None,
    };
    let view = world.view(Duration::from_secs(7_500), "");
    let page = page(&world.table, view, &parse(""), info);
    let header = words_of(
        page.split_once("<header>")
            .unwrap()
            .1
            .split("</header>")
            .next()
            .unwrap(),
    );
    let version = format!("tcss-exporter Version {}, revision ", build_info::VERSION);
    assert!(
        header.starts_with(&version) && header.contains(" · up for 2 h 5 min · shard 0/3 "),
        "{header}"
    );
    assert!(page.contains("<a href=\"./tcss\">Metrics</a>"));
    assert!(!world.page("").contains("shard"));
}

/// The tags of a page with the names of their attributes: its skeleton.
fn skeleton(page: &str) -> Vec<String> {
    let (_, body) = page.split_once("</head>").unwrap();
    let mut tags = Vec::new();
    let mut rest = body;
    while let Some((_, from)) = rest.split_once('<') {
        let (mut tag, mut is_quoted) = (String::new(), false);
        let end = from.find(|c| {
            is_quoted ^= c == '"';
            if !is_quoted {
                tag.push(c);
            }
            c == '>' && !is_quoted
        });
        tags.push(tag);
        rest = &from[end.expect("a tag that ends") + 1..];
    }
    tags
}

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("<img src=x onerror=alert(1)>".to_owned()),
        Just("\"><script>alert(1)</script>".to_owned()),
        Just("' onfocus='alert(1)' autofocus='".to_owned()),
        Just("</table></style><!--".to_owned()),
        Just("&lt;b&gt;&#60;&".to_owned()),
        Just("javascript:alert(1)".to_owned()),
        "\\PC{0,8}",
    ];
    prop::collection::vec(piece, 1..4).prop_map(|pieces| pieces.concat())
}

#[test]
fn only_the_style_sheet_is_not_escaped() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/web/status");
    let mut unescaped = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        if !is_source || path.ends_with("tests.rs") {
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        for line in source.lines() {
            if line.contains("PreEscaped(") {
                unescaped.push(line.trim().to_owned());
            }
        }
    }
    assert_eq!(unescaped, ["style { (PreEscaped(style::CSS)) }"]);
}

#[test]
fn control_characters_of_a_message_do_not_break_the_page() {
    let page = page_with("prod", ["code", "before\0after", "id"], "");
    assert!(page.contains("before\u{fffd}after") && !page.contains('\0'));
}

fn page_with(name: &str, texts: [&str; 3], filter: &str) -> String {
    let world = World::new(&[name, "other"]);
    world.answers(1, SCANNING);
    let [code, message, id] = texts.map(str::to_owned);
    world.outcome(
        0,
        Err(ApiError {
            code: Some(code),
            message,
            request_id: Some(id),
            as_of: world.now,
            ..ApiError::of(Reason::Server)
        }),
    );
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("q", filter)
        .finish();
    world.page(&query)
}

proptest! {
    #[test]
    fn text_from_outside_never_becomes_markup(
        name in hostile(), code in hostile(), message in hostile(), id in hostile(), filter in hostile(),
    ) {
        let name = format!("zz {name}").trim().to_owned();
        prop_assume!(AccountName::parse(&name).is_ok());
        let page = page_with(&name, [&code, &message, &id], &name);
        prop_assert!(skeleton(&page) == skeleton(&page_with("zz", ["b", "c", "d"], "zz")), "{}", page);
        let nothing_found = page_with("zz", ["b", "c", "d"], &format!("zz? {filter}"));
        prop_assert!(skeleton(&nothing_found) == skeleton(&page_with("zz", ["b", "c", "d"], "zz?")));
    }

    #[test]
    fn every_query_gives_a_page_of_bounded_size(query in "\\PC{0,200}|([qpagerfsho=&%0-9]|%[0-9A-F]{2}){0,60}") {
        let world = World::new(&["prod"]);
        let page = world.page(&query);
        prop_assert!(page.ends_with("</html>\n") && page.len() < 20_000);
    }
}

#[test]
fn a_page_has_a_bounded_number_of_rows_however_many_scans_there_are() {
    let names: Vec<String> = (0..10_000)
        .map(|index| format!("account-{index}"))
        .collect();
    let world = World::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    (0..names.len()).for_each(|job| world.fails(job, Reason::Network));
    let page = world.page("");
    assert_eq!(rows(&page).len(), ROWS_PER_PAGE);
    assert!(page.len() < 600 * 1024, "{}", page.len());
}

#[test]
fn the_style_sheet_cannot_end_its_element_and_the_policy_allows_it() {
    assert!(
        !style::CSS.contains('<')
            && content_security_policy()
                .to_str()
                .unwrap()
                .contains("style-src 'sha256-")
    );
}

#[test]
fn a_running_scan_without_progress_is_stalled_after_half_an_hour() {
    let mut world = World::new(&["prod", "test"]);
    let start = world.now;
    for minute in [0, 30, 31, 32] {
        world.now = start.after(Duration::from_secs(minute * 60));
        world.answers(0, SCANNING);
        world.answers(1, &scanned());
        let page = world.page("");
        let row = row(&page, "prod");
        if minute <= 30 {
            assert!(row.starts_with("prod latest Scanning started "), "{row}");
            assert!(row.contains(" 33.5% 4 min left "), "{row}");
            assert_eq!(
                counts(&page),
                "0 failing 0 stale 0 stalled 0 waiting 1 scanning 1 OK"
            );
        } else {
            assert!(row.starts_with("prod latest Stalled started "), "{row}");
            let expected = format!(" 33.5% no progress for {minute} min ");
            assert!(row.contains(&expected), "{row}");
            assert_eq!(
                counts(&page),
                "0 failing 0 stale 1 stalled 0 waiting 0 scanning 1 OK"
            );
            assert!(page.contains("<title>1 stalled · tcss-exporter</title>"));
            assert!(page.contains("<tbody class=\"stalled\""));
        }
    }
    world.answers(0, &SCANNING.replace("33.5", "34"));
    let row = row(&world.page(""), "prod");
    assert!(
        row.contains(" Scanning ") && row.contains(" 34% 4 min left "),
        "{row}"
    );
}

#[test]
fn a_stalled_scan_whose_poll_fails_is_failing_and_says_that_it_makes_no_progress() {
    let mut world = World::new(&["prod"]);
    world.answers(0, SCANNING);
    world.now = world.now.after(Duration::from_secs(40 * 60));
    world.answers(0, SCANNING);
    world.fails(0, Reason::Network);
    let page = world.page("");
    let row = row(&page, "prod");
    assert!(row.contains(" Failing last known: scanning "), "{row}");
    assert!(row.contains(" no progress for 40 min "), "{row}");
    assert_eq!(
        counts(&page),
        "1 failing 0 stale 0 stalled 0 waiting 0 scanning 0 OK"
    );
}

#[test]
fn the_page_of_a_replica_tells_who_exposes_the_accounts() {
    let world = World::new(&["prod"]);
    world.answers(0, SCANNING);
    let bar = |standing| {
        let leadership = Leadership::fixed(standing);
        let info = ServerInfo {
            started: world.now,
            telemetry_path: "/metrics",
            shard: None,
            leadership: Some(&leadership),
        };
        let view = world.view(Duration::ZERO, "");
        let page = page(&world.table, view, &parse(""), info);
        assert!(row(&page, "prod").contains(" Scanning "), "its own data");
        let (_, bar) = page.split_once("<p class=\"standing\"").unwrap();
        words_of(&format!("<p{}", bar.split("</p>").next().unwrap()))
    };
    assert_eq!(bar(Standing::Leader), "Leader of tcss");
    assert_eq!(
        bar(Standing::Unconfirmed),
        "Leader of tcss , but the lease cannot be renewed. See the log."
    );
    assert_eq!(
        bar(Standing::Standby {
            leader: Some("pod-b_<1>".into())
        }),
        "Standby : pod-b_<1> exposes the accounts. This page shows the polls of this replica."
    );
    assert_eq!(
        bar(Standing::Standby { leader: None }),
        "Standby : there is no leader of tcss . This page shows the polls of this replica."
    );
    assert!(bar(Standing::Offering).starts_with("Leader of tcss , but no poll reaches the API"));
    assert!(!world.page("").contains("class=\"standing\""));
}

/// Every standing of a replica.
fn standings() -> [Standing; 5] {
    [
        Standing::Leader,
        Standing::Unconfirmed,
        Standing::Offering,
        Standing::Standby {
            leader: Some("pod-b".into()),
        },
        Standing::Standby { leader: None },
    ]
}
