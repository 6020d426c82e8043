//! `{"Response": {…}}`: the API sends its errors in it, too, with HTTP status 200.

use std::collections::HashMap;

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
    message: Option<String>,
}

/// The JSON object under `Response` and its `RequestId`.
pub(super) fn open(body: &[u8]) -> Result<(Box<RawValue>, Option<String>), RawError> {
    let response = match serde_json::from_slice::<ResponseEnvelope>(body) {
        Ok(envelope) => envelope.response,
        Err(error) => last_member(body, "Response").ok_or_else(|| unreadable(&error))?,
    };
    let common = match serde_json::from_str::<CommonFields<'_>>(response.get()) {
        Ok(common) => common,
        Err(error) => return open_leniently(&response, &error),
    };
    // A RequestId that is not text must not make the rest unreadable.
    let request_id = common.request_id.and_then(text);
    // `"Error": null` counts as no error, too.
    match common.error {
        None => Ok((response, request_id)),
        Some(error) => Err(error.into_raw(request_id)),
    }
}

/// A gateway may repeat members, which the reader above refuses. The last one counts, as in most
/// JSON parsers, so that an error keeps its code and its `RequestId`.
fn open_leniently(
    response: &RawValue,
    error: &serde_json::Error,
) -> Result<(Box<RawValue>, Option<String>), RawError> {
    let json = response.get().as_bytes();
    let request_id = last_member(json, "RequestId").and_then(|id| text(&id));
    let Some(object) = last_member(json, "Error") else {
        return Err(unreadable(error));
    };
    let object = object.get().as_bytes();
    let member = |name| last_member(object, name).and_then(|value| text(&value));
    let Some(code) = member("Code") else {
        return Err(unreadable(error));
    };
    Err(ErrorObject {
        code,
        message: member("Message"),
    }
    .into_raw(request_id))
}

impl ErrorObject {
    fn into_raw(self, request_id: Option<String>) -> RawError {
        let message = self.message.unwrap_or_default();
        let reason = codes::reason(&self.code);
        RawError {
            request_id,
            code: Some(self.code),
            ..RawError::new(reason, message)
        }
    }
}

fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// The last member `name` of a JSON object.
fn last_member(json: &[u8], name: &str) -> Option<Box<RawValue>> {
    let mut members: HashMap<String, Box<RawValue>> = serde_json::from_slice(json).ok()?;
    members.remove(name)
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
    fn an_error_without_a_message_or_with_repeated_members_keeps_its_code() {
        for body in [
            r#"{"Response":{"Error":{"Code":"RequestLimitExceeded","Message":null},"RequestId":"r"}}"#,
            r#"{"Response":{"Error":{"Code":"RequestLimitExceeded"},"RequestId":"r"}}"#,
            r#"{"Response":{"Error":{"Code":"A","Code":"RequestLimitExceeded","Message":"m"},"RequestId":"q","RequestId":"r"}}"#,
            r#"{"Response":{},"Response":{"Error":{"Code":"RequestLimitExceeded"},"RequestId":"r"}}"#,
        ] {
            let error = open(body.as_bytes()).unwrap_err();
            assert_eq!(
                error.code.as_deref(),
                Some("RequestLimitExceeded"),
                "{body}"
            );
            assert_eq!(error.request_id.as_deref(), Some("r"), "{body}");
            assert_eq!(error.reason, Reason::Throttled, "{body}");
        }
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
