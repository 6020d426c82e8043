//! The list of an HTTP server.

use super::super::http::parse;
use crate::domain::{MAX_LABELS, Reason, RefreshFailure};

#[test]
fn targets_are_uins_and_labels_describe_them() {
    let list = parse(
        br#"[{"targets": ["100000000001", "100000000002"], "labels": {"team": "x", "name": "shop", "__meta_a": "b"}},
            {"targets": ["100000000002"], "labels": {"env": "prod"}}, {"targets": ["100000000003"]}]"#,
    )
    .unwrap();
    let members: Vec<_> = list
        .members
        .iter()
        .map(|member| {
            (
                member.uin.get() - 100_000_000_000,
                &*member.name,
                member.tags.len(),
            )
        })
        .collect();
    assert_eq!(members, [(1, "shop", 1), (2, "shop", 2), (3, "", 0)]);
}

/// Otherwise the server could decide where the credentials are sent.
#[test]
fn an_answer_that_says_more_than_labels_is_refused() {
    let target = |more: &str| format!(r#"[{{"targets": ["100000000001"]{more}}}]"#);
    for body in [
        target(r#", "endpoint": "http://canary.example""#),
        target(r#", "credentials": {"static": {"secret_id": "canary"}}"#),
        target(r#", "role": "canary""#),
        target(r#", "labels": {"canary": 1}"#),
        target(r#", "labels": {"account": "canary"}"#),
        target(r#", "labels": {"bad-name": "canary"}"#),
        r#"[{"targets": ["10.0.0.1:80"]}]"#.into(),
        r#"[{"targets": [100000000001]}]"#.into(),
        r#"[{"labels": {}}]"#.into(),
        r#"{"targets": ["100000000001"]}"#.into(),
        "<html>canary</html>".into(),
        String::new(),
        "[{\"targets\": [\"100000000001\"]}".into(),
    ] {
        let error = parse(body.as_bytes()).expect_err(&body);
        assert_eq!(
            error.failure,
            RefreshFailure::Request(Reason::Decode),
            "{body}"
        );
        let message = error.to_string();
        assert!(
            !message.contains("canary") || message.starts_with("label"),
            "{message}"
        );
    }
}

/// Each of two groups has few enough labels, but a target of both has too many.
#[test]
fn labels_of_all_groups_of_a_target_count() {
    let group = |from: usize, to: usize| {
        let labels: Vec<String> = (from..to).map(|n| format!(r#""l{n}": "v""#)).collect();
        let labels = labels.join(", ");
        format!(r#"{{"targets": ["100000000001"], "labels": {{{labels}}}}}"#)
    };
    let parse = |groups: &[String]| parse(format!("[{}]", groups.join(", ")).as_bytes());
    let half = MAX_LABELS / 2;
    let list = parse(&[group(0, half), group(half, MAX_LABELS)]).unwrap();
    assert_eq!(list.members[0].tags.len(), MAX_LABELS);
    let error = parse(&[group(0, half), group(half, MAX_LABELS + 1)]).unwrap_err();
    let n = MAX_LABELS + 1;
    assert_eq!(
        error.to_string(),
        format!("a target has {n} labels, must have at most {MAX_LABELS}")
    );
}

#[test]
fn an_empty_list_is_read_and_refused_later() {
    assert_eq!(parse(b"[]").unwrap().members, []);
}
