//! `{"Response": {…}}`: the API sends its errors in it, too, with HTTP status 200.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{codes, error::RawError};
use crate::domain::Reason;

#[derive(Deserialize)]
struct ResponseEnvelope {
    #[serde(rename = "Response")]
    response: Box<RawValue>,
}

/// What every response has, whatever its action.
#[derive(Deserialize)]
struct CommonFields<'a> {
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

/// The JSON object under `Response` and its `RequestId`.
pub(super) fn open(body: &[u8]) -> Result<(Box<RawValue>, Option<String>), RawError> {
    let envelope: ResponseEnvelope =
        serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    let response = envelope.response;
    let common: CommonFields<'_> =
        serde_json::from_str(response.get()).map_err(|error| unreadable(&error))?;
    let request_id = match common.request_id {
        // A RequestId that is not text must not make the rest unreadable.
        Some(id) => serde_json::from_str(id.get()).ok(),
        None => None,
    };
    // `"Error": null` counts as no error, too.
    let Some(ErrorObject { code, message }) = common.error else {
        return Ok((response, request_id));
    };
    Err(RawError {
        request_id,
        code: Some(code.clone()),
        ..RawError::new(codes::reason(&code), message)
    })
}

/// Says where, and not what: messages of `serde_json` quote the response, which may hold keys.
fn unreadable(error: &serde_json::Error) -> RawError {
    let (line, column) = (error.line(), error.column());
    RawError::new(
        Reason::Decode,
        format!("the response is not valid JSON of the API (line {line}, column {column})"),
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
            .map_err(|error| (error.reason, error.code.as_deref()));
        assert_eq!(outcome, expected, "{body}");
    }

    #[test]
    fn a_response_is_the_object_under_response() {
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
    fn anything_else_is_a_decoding_error() {
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
    fn an_unreadable_response_is_not_quoted() {
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
