use std::{sync::Arc, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use proptest::prelude::*;

use super::{listing::PAGE, *};
use crate::{
    client::ApiError,
    collectors::vul_scan_info,
    config::Poll,
    domain::{AccountName, Clock, Reason, ScanName},
    store::{JobEntry, Outcome},
};

const POLL: Poll = Poll {
    interval: Duration::from_secs(60),
    scanning_interval: Duration::from_secs(10),
    timeout: Duration::from_secs(10),
    stale_after: Duration::from_secs(300),
};

const SCANNING: &str = r#"{"LocalImageScanCount":3,"IgnoreVulCount":1,"ScanStartTime":"2025-11-24 23:40:00",
    "ScanEndTime":"","FoundRiskImageCount":1234567,"FoundVulCount":7,"ScanProgress":33.5,"RegistryImageScanCount":4,
    "LocalTaskID":0,"Status":"SCANNING","RemainingTime":250,"RegistryTaskID":18548,"RegistryFoundVulCount":9}"#;

fn scanned() -> String {
    SCANNING
        .replace("SCANNING", "SCANNED")
        .replace("33.5", "100")
}

/// Scans and what is known of them.
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
            let entry = JobEntry::new(&account, &scan, &vul_scan_info::COLLECTOR, &POLL);
            table.jobs.push(Arc::new(entry));
        }
        World {
            table,
            now: Clock::starting_at(Timestamp::from_second(1_764_000_000).unwrap()).now(),
        }
    }

    fn answers(&self, job: usize, answer: &str) {
        let parsed =
            (vul_scan_info::COLLECTOR.parse)(answer, &TimeZone::fixed(jiff::tz::offset(8)))
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
        let about = About {
            started: self.now,
            telemetry_path: "/metrics",
            shard: None,
        };
        page(
            &self.table,
            self.now.after(later),
            &Query::parse(Some(query)),
            about,
        )
    }

    fn page(&self, query: &str) -> String {
        self.page_at(Duration::ZERO, query)
    }
}

/// The words of a piece of a page, as they are read out: without markup, and spaces made one.
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
        page.split_once("<ul role=\"list\" class=\"counts\">")
            .unwrap()
            .1
            .split("</ul>")
            .next()
            .unwrap(),
    )
}

#[test]
fn a_scan_that_was_not_polled_shows_nothing_but_that() {
    let page = World::new(&["prod"]).page("");
    assert_eq!(
        row(&page, "prod"),
        "prod latest Not polled yet – no data – no data – no data – no data – no data never – no data"
    );
    assert_eq!(
        counts(&page),
        "0 failing 0 stale 1 waiting 0 scanning 0 fine"
    );
    assert!(!page.contains("<progress"));
}

#[test]
fn a_good_answer_shows_its_values_with_units_and_how_old_they_are() {
    let world = World::new(&["prod"]);
    world.answers(0, SCANNING);
    world.table.jobs[0].polls_next_at(world.now.monotonic + Duration::from_secs(10));
    let page = world.page_at(Duration::from_secs(3), "");
    assert_eq!(
        row(&page, "prod"),
        "prod latest Scanning started 20 min ago 33.5 % 4 min left 1,234,567 7 9 1 3 s ago in 7 s"
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
        "0 failing 0 stale 0 waiting 1 scanning 0 fine"
    );
    assert!(row(&world.page_at(Duration::from_secs(11), ""), "prod").ends_with(" 11 s ago now"));
}

#[test]
fn every_status_has_its_word_and_what_cannot_be_read_is_not_invented() {
    let world = World::new(&["prod"]);
    for (status, expected) in [
        ("NOT_SCAN", "prod latest Never scanned 33.5 % 1,234,567"),
        ("SCANNED", "prod latest Scanned 33.5 % 1,234,567"),
        ("CANCELED", "prod latest Canceled 33.5 % 1,234,567"),
        ("SCAN_TIMEOUT", "prod latest Unknown 33.5 % 1,234,567"),
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
            .starts_with("prod latest Scanned ended 5 min ago 100 % 1,234,567")
    );
    world.answers(0, &SCANNING.replace("250", "0"));
    assert!(row(&world.page(""), "prod").contains(" 33.5 % time left unknown "));
    world.answers(0, r#"{"Status":"SCANNED","RegistryFoundVulCount":9}"#);
    assert_eq!(
        row(&world.page(""), "prod"),
        "prod latest Scanned n/a n/a n/a 9 n/a just now – no data"
    );
}

#[test]
fn values_that_are_stale_are_withheld_and_say_since_when() {
    let world = World::new(&["prod"]);
    world.answers(0, &scanned());
    assert!(row(&world.page_at(POLL.stale_after, ""), "prod").contains(" 1,234,567 "));
    let page = world.page_at(POLL.stale_after + Duration::from_secs(1), "");
    assert_eq!(
        row(&page, "prod"),
        "prod latest Stale – no data – no data – no data – no data – no data 5 min ago stale since 16:05:00 – no data"
    );
    assert_eq!(
        counts(&page),
        "0 failing 1 stale 0 waiting 0 scanning 0 fine"
    );
    assert!(page.contains("<title>1 stale · tcss-exporter</title>"));
    let days_later = row(&world.page_at(Duration::from_hours(50), ""), "prod");
    assert!(
        days_later.contains(" 2 d 2 h ago stale since 2025-11-24 "),
        "{days_later}"
    );
}

#[test]
fn a_failure_says_why_and_what_to_do_and_leaves_the_values_until_they_are_stale() {
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
                     policy that allows tcss:DescribeVulScanInfo on resource * to this user or role; docs/credentials.md has one to copy. \
                     UnauthorizedOperation You are not authorized. The last 2 polls failed, the latest 2 min ago · \
                     RequestId b6cffd6d";
    assert_eq!(
        row(&page, "prod"),
        format!(
            "prod latest Failing was: scanning 33.5 % 4 min left 1,234,567 7 9 1 2 min ago – no data {explained}"
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
fn those_that_need_a_person_come_first_and_the_others_in_the_order_of_the_configuration() {
    let world = World::new(&[
        "fine-2",
        "scanning",
        "waiting",
        "failing-2",
        "stale",
        "failing-1",
        "fine-1",
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
            "fine-2",
            "fine-1"
        ]
    );
    assert_eq!(
        counts(&page),
        "2 failing 1 stale 1 waiting 1 scanning 2 fine"
    );
}

#[test]
fn a_filter_finds_parts_of_names_in_either_case_and_changes_no_count() {
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
            "0 failing 0 stale 4 waiting 0 scanning 0 fine",
            "{query}"
        );
    }
    let page = world.page("q=shop&refresh=off");
    assert!(
        words_of(&page).contains("2 scans with “ shop ” in the name, of 4, failing ones first")
    );
    assert!(page.contains("<a href=\"./?refresh=off\">Show all</a>"));
    let page = world.page("q=%3Cb%3E");
    assert!(
        rows(&page).is_empty()
            && words_of(&page).contains("No account and no scan has “ <b> ” in its name.")
    );
    assert!(words_of(&World::new(&[]).page("")).contains("There is no account to poll."));
}

#[test]
fn above_two_hundred_rows_there_are_pages() {
    let names: Vec<String> = (1..=450)
        .map(|index| format!("account-{index:03}"))
        .collect();
    let world = World::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for (query, n_rows, first, extent, links) in [
        (
            "",
            200,
            "account-001",
            "1 to 200 of 450 scans",
            "Next Last Page 1 of 3",
        ),
        (
            "page=2",
            200,
            "account-201",
            "201 to 400 of 450 scans",
            "Previous Next Page 2 of 3",
        ),
        (
            "page=3",
            50,
            "account-401",
            "401 to 450 of 450 scans",
            "First Previous Page 3 of 3",
        ),
        (
            "page=4000",
            50,
            "account-401",
            "401 to 450 of 450 scans",
            "First Previous Page 3 of 3",
        ),
        (
            "page=0",
            200,
            "account-001",
            "1 to 200 of 450 scans",
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
        "a hundred rows fit on one"
    );
}

#[test]
fn the_page_refreshes_itself_unless_it_is_told_not_to() {
    let world = World::new(&["prod"]);
    let page = world.page("q=pro");
    assert!(page.contains("<meta http-equiv=\"refresh\" content=\"15\">"));
    assert!(page.contains("<a href=\"./?q=pro&amp;refresh=off\">Stop refreshing</a>"));
    let page = world.page("q=pro&refresh=off");
    assert!(!page.contains("http-equiv"));
    assert!(page.contains("<a href=\"./?q=pro\">Refresh every 15 s</a>"));
    assert!(page.contains("<input type=\"hidden\" name=\"refresh\" value=\"off\">"));
}

#[test]
fn the_header_says_version_uptime_and_share() {
    let world = World::new(&["prod"]);
    let about = About {
        started: world.now,
        telemetry_path: "/tcss",
        shard: Some("0/3"),
    };
    let page = page(
        &world.table,
        world.now.after(Duration::from_secs(7_500)),
        &Query::parse(None),
        about,
    );
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
    fn nothing_from_outside_becomes_markup(
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
    fn there_is_a_page_of_bounded_size_for_every_query(query in "\\PC{0,200}|([qpagerfsho=&%0-9]|%[0-9A-F]{2}){0,60}") {
        let world = World::new(&["prod"]);
        let page = world.page(&query);
        prop_assert!(page.ends_with("</html>\n") && page.len() < 20_000);
    }
}

#[test]
fn a_page_of_many_scans_has_no_more_rows_than_any() {
    let names: Vec<String> = (0..10_000)
        .map(|index| format!("account-{index}"))
        .collect();
    let world = World::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    (0..names.len()).for_each(|job| world.fails(job, Reason::Network));
    let page = world.page("");
    assert_eq!(rows(&page).len(), PAGE);
    assert!(page.len() < 600 * 1024, "{}", page.len());
}

#[test]
fn the_style_cannot_end_early() {
    assert!(
        !style::CSS.contains('<')
            && style::policy()
                .to_str()
                .unwrap()
                .contains("style-src 'sha256-")
    );
}
