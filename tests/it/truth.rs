//! Every shown value is correct: properties over random scripts of answers and failures, in paused time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use proptest::prelude::*;
use tcss_exporter::{client::Handler, domain::Clock};
use tokio::time::advance;

use crate::support::{POLL, World, account, answer, error, frozen_clock, value};

/// What the API does with one request.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Answer(&'static str),
    Error(&'static str),
    Status(u16),
    Garbage,
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        6 => prop::sample::select(vec!["SCANNING", "SCANNED", "NOT_SCAN", "CANCELED", "SCAN_TIMEOUT"])
            .prop_map(Turn::Answer),
        2 => prop::sample::select(vec!["InternalError", "RequestLimitExceeded", "UnauthorizedOperation",
            "AuthFailure.SecretIdNotFound", "ResourceNotFound"]).prop_map(Turn::Error),
        1 => prop::sample::select(vec![502, 302, 404]).prop_map(Turn::Status),
        1 => Just(Turn::Garbage),
    ]
}

/// Plays a script for one account and repeats its last turn; the other account always gets the same answer. The count in
/// each answer is the second at which it was sent, so that a value shows its age.
struct Script {
    clock: Clock,
    turns: Vec<Turn>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: usize,
    last_good: Option<i64>,
    last_scanned: Option<i64>,
    requests: HashMap<String, u64>,
}

impl Script {
    fn respond(&self, request: &http::Request<Bytes>) -> http::Response<Bytes> {
        let who = request.headers()["authorization"].to_str().unwrap();
        let who = if who.contains("Credential=steady/") {
            "steady"
        } else {
            "shaky"
        };
        let mut state = self.state.lock().unwrap();
        *state.requests.entry(who.into()).or_default() += 1;
        if who == "steady" {
            return http::Response::new(answer("SCANNED", 100.0, 0.0, 42));
        }
        let turn = self.turns[state.next.min(self.turns.len() - 1)];
        state.next += 1;
        let now = self.clock.now().wall.as_second();
        match turn {
            Turn::Answer(status) => {
                state.last_good = Some(now);
                if status == "SCANNED" {
                    state.last_scanned = Some(now);
                }
                http::Response::new(answer(status, 10.0, 3.0, u64::try_from(now).unwrap()))
            }
            Turn::Error(code) => http::Response::new(error(code)),
            Turn::Status(status) => http::Response::builder()
                .status(status)
                .body(Bytes::new())
                .unwrap(),
            Turn::Garbage => http::Response::new(Bytes::from_static(b"<html>")),
        }
    }
}

fn check(turns: Vec<Turn>, steps: &[u64]) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let clock = frozen_clock();
        let script = Arc::new(Script {
            clock,
            turns,
            state: Mutex::default(),
        });
        let handler: Handler = {
            let script = Arc::clone(&script);
            Arc::new(move |request| script.respond(&request))
        };
        let mut world = World::in_process(clock, handler);
        world
            .poll(vec![
                account("shaky", "tcss.example"),
                account("steady", "tcss.example"),
            ])
            .await;
        let mut last_success = None;
        for step in steps {
            for _ in 0..*step {
                advance(Duration::from_secs(1)).await;
                tokio::task::yield_now().await;
            }
            let text = world.text();
            let last_good = script.state.lock().unwrap().last_good;
            let last_scanned = script.state.lock().unwrap().last_scanned;
            completed_is_true(&text, last_scanned)?;
            last_success = shaky_is_true(&text, clock, last_good, last_success)?;
            steady_is_unharmed(&text)?;
        }
        Ok(())
    })
}

const SHAKY: &str = "{account=\"shaky\",scan=\"latest\"}";
const SHAKY_POLL: &str = "{account=\"shaky\",collector=\"vul_scan\",scan=\"latest\"}";

fn shaky_is_true(
    text: &str,
    clock: Clock,
    last_good: Option<i64>,
    success_before: Option<f64>,
) -> Result<Option<f64>, TestCaseError> {
    let now = clock.now().wall.as_second();
    let stale_after = i64::try_from(POLL.stale_after.as_secs()).unwrap();
    let shown = value(text, &format!("tcss_vul_scan_risk_images{SHAKY}"));
    let statuses: Vec<&str> = text
        .lines()
        .filter(|line| {
            line.starts_with("tcss_vul_scan_status{account=\"shaky\"") && line.ends_with(" 1")
        })
        .collect();
    if let Some(second) = last_good.filter(|second| now - second <= stale_after) {
        prop_assert_eq!(
            shown,
            Some(second as f64),
            "the value of the last good answer"
        );
        prop_assert_eq!(statuses.len(), 1, "exactly one status is 1: {:?}", statuses);
    } else {
        prop_assert!(
            !text.contains("tcss_vul_scan_risk_images{account=\"shaky\""),
            "nothing fresh, no gauge"
        );
        prop_assert_eq!(statuses.len(), 0);
    }
    let success = value(
        text,
        &format!("tcss_poll_last_success_timestamp_seconds{SHAKY_POLL}"),
    );
    prop_assert_eq!(
        success.map(|second| second as i64),
        last_good,
        "moves only on success"
    );
    prop_assert!(success >= success_before);
    let up = value(text, &format!("tcss_up{SHAKY_POLL}")).unwrap();
    let failing = sum_of(text, "tcss_poll_failing{account=\"shaky\"");
    let polls = value(text, &format!("tcss_polls_total{SHAKY_POLL}")).unwrap();
    prop_assert_eq!(
        up + failing,
        if polls == 0.0 { 0.0 } else { 1.0 },
        "either up or failing, for one reason"
    );
    Ok(success)
}

/// The completed scan always equals the last answer with SCANNED, also after a running or canceled
/// scan, failures, and data that became stale.
fn completed_is_true(text: &str, last_scanned: Option<i64>) -> Result<(), TestCaseError> {
    let expected = last_scanned.map(|second| second as f64);
    for family in ["risk_images", "ignored_vulnerabilities"] {
        let shown = value(text, &format!("tcss_vul_scan_completed_{family}{SHAKY}"));
        prop_assert_eq!(shown, expected, "{}", family);
    }
    for family in ["found_vulnerabilities", "scanned_images"] {
        for source in ["local", "registry"] {
            let labels = SHAKY.replace('}', &format!(",source=\"{source}\"}}"));
            let shown = value(text, &format!("tcss_vul_scan_completed_{family}{labels}"));
            prop_assert_eq!(shown, expected, "{}", family);
        }
    }
    Ok(())
}

fn steady_is_unharmed(text: &str) -> Result<(), TestCaseError> {
    let labels = "{account=\"steady\",scan=\"latest\"}";
    let poll = "{account=\"steady\",collector=\"vul_scan\",scan=\"latest\"}";
    if value(text, &format!("tcss_polls_total{poll}")) == Some(0.0) {
        return Ok(());
    }
    prop_assert_eq!(
        value(text, &format!("tcss_vul_scan_risk_images{labels}")),
        Some(42.0)
    );
    prop_assert_eq!(value(text, &format!("tcss_up{poll}")), Some(1.0));
    prop_assert_eq!(
        value(text, &format!("tcss_poll_failures_total{poll}")),
        Some(0.0)
    );
    Ok(())
}

fn sum_of(text: &str, prefix: &str) -> f64 {
    text.lines()
        .filter(|line| line.starts_with(prefix))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_shown_value_is_ever_wrong(
        turns in prop::collection::vec(turn(), 1..40),
        steps in prop::collection::vec(1u64..400, 1..20),
    ) {
        check(turns, &steps)?;
    }
}
