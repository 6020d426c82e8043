//! `{"Response": {…}}`: the API's errors come in it too, with HTTP status 200.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{codes, error::Failure};
use crate::domain::Reason;

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "Response")]
    response: Box<RawValue>,
}

#[derive(Deserialize)]
struct Common<'a> {
    #[serde(rename = "Error")]
    error: Option<ErrorObject>,
    #[serde(rename = "RequestId", borrow)]
    request_id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ErrorObject {
    #[serde(rename = "Code")]
    code: String,
    #[serde(rename = "Message", default)]
    message: String,
}

/// The object under `Response` and its `RequestId`.
pub(super) fn open(body: &[u8]) -> Result<(Box<RawValue>, Option<String>), Failure> {
    let Envelope { response } = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    let common: Common<'_> =
        serde_json::from_str(response.get()).map_err(|error| unreadable(&error))?;
    let request_id = common
        .request_id
        .and_then(|id| serde_json::from_str(id.get()).ok());
    match common.error {
        None => Ok((response, request_id)),
        Some(ErrorObject { code, message }) => Err(Failure {
            request_id,
            code: Some(code.clone()),
            ..Failure::new(codes::reason(&code), message)
        }),
    }
}

/// Where, and not what: the library's messages quote the answer, which may hold keys.
fn unreadable(error: &serde_json::Error) -> Failure {
    let (line, column) = (error.line(), error.column());
    Failure::new(
        Reason::Decode,
        format!("the answer is not the API's JSON (line {line}, column {column})"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: Result<&str, (Reason, Option<&str>)>) {
        let outcome = open(body.as_bytes());
        let outcome = outcome
            .as_ref()
            .map(|(response, _)| response.get())
            .map_err(|failure| (failure.reason, failure.code.as_deref()));
        assert_eq!(outcome, expected, "{body}");
    }

    #[test]
    fn an_answer_is_the_object_under_response() {
        check(
            r#"{"Response":{"A":1,"RequestId":"r"}}"#,
            Ok(r#"{"A":1,"RequestId":"r"}"#),
        );
        check(r#"{"Response":{"RequestId":7}}"#, Ok(r#"{"RequestId":7}"#));
        check(r#"{"Response":{"Error":null}}"#, Ok(r#"{"Error":null}"#));
    }

    #[test]
    fn an_error_keeps_its_code() {
        let body = r#"{"Response":{"Error":{"Code":"RequestLimitExceeded","Message":"slow"},"RequestId":"r"}}"#;
        check(body, Err((Reason::Throttled, Some("RequestLimitExceeded"))));
        assert_eq!(
            open(body.as_bytes()).unwrap_err().request_id.as_deref(),
            Some("r")
        );
    }

    #[test]
    fn anything_else_is_not_an_answer() {
        for body in [
            "",
            "{}",
            "[]",
            "null",
            r#"{"Response":null}"#,
            r#"{"Response":[]}"#,
            r#"{"Response":{"Error":5}}"#,
        ] {
            check(body, Err((Reason::Decode, None)));
        }
        assert!(
            open(b"{\"Response\":{\"A\":\"\xff\"}}").is_err(),
            "invalid UTF-8"
        );
    }

    #[test]
    fn what_cannot_be_read_is_not_quoted() {
        for body in [
            r#""canary""#,
            r#"{"Response":{"Error":"canary"}}"#,
            r#"{"Response":{"Error":{"Code":5,"canary":"#,
        ] {
            let message = open(body.as_bytes()).unwrap_err().message;
            assert!(
                message.contains("column") && !message.contains("canary"),
                "{message}"
            );
        }
    }
}
