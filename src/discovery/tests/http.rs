//! The list of an HTTP server.

use super::super::http::parse;
use crate::domain::{Reason, RefreshFailure};

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

#[test]
fn an_empty_list_is_read_and_refused_later() {
    assert_eq!(parse(b"[]").unwrap().members, []);
}
