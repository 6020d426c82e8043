//! What the API answers: always HTTP 200, with one envelope.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header::CONTENT_TYPE};
use jiff::{Timestamp, tz};
use serde::{Serialize, Serializer};

use super::{
    ErrorCode,
    error_codes::chinese_message,
    scan::{PlayStatus, Progress},
    scenario::TaskIds,
};
use crate::domain::Language;

/// A response, and how long to wait before it is sent.
#[derive(Clone, Debug)]
pub struct Reply {
    pub response: Response<Bytes>,
    /// The latency of the scenario.
    pub delay: Duration,
}

/// An error of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SimulatedError {
    pub(super) code: &'static str,
    message: String,
}

impl SimulatedError {
    /// With a message of its own.
    pub(super) fn new(code: &'static str, message: String) -> SimulatedError {
        SimulatedError { code, message }
    }
}

impl SimulatedError {
    /// A message of its own is in English only.
    fn in_chinese(self) -> SimulatedError {
        let is_of_table = ErrorCode::find(self.code).is_some_and(|it| it.message == self.message);
        match chinese_message(self.code) {
            Some(message) if is_of_table => SimulatedError::new(self.code, message.into()),
            _ => self,
        }
    }
}

impl From<&ErrorCode> for SimulatedError {
    fn from(ErrorCode { code, message }: &ErrorCode) -> SimulatedError {
        SimulatedError::new(code, (*message).into())
    }
}

/// With the message of the table, for a `code` of the table.
impl From<&'static str> for SimulatedError {
    fn from(code: &'static str) -> SimulatedError {
        match ErrorCode::find(code) {
            Some(known) => known.into(),
            None => SimulatedError::new(code, String::new()),
        }
    }
}

/// The fields of an answer of `DescribeVulScanInfo`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VulScanInfo {
    status: &'static str,
    #[serde(serialize_with = "as_percent")]
    scan_progress: u32,
    remaining_time: u64,
    scan_start_time: String,
    scan_end_time: String,
    local_image_scan_count: u32,
    registry_image_scan_count: u32,
    found_vul_count: u32,
    registry_found_vul_count: u32,
    found_risk_image_count: u32,
    ignore_vul_count: u32,
    #[serde(rename = "LocalTaskID")]
    local_task_id: u64,
    #[serde(rename = "RegistryTaskID")]
    registry_task_id: u64,
}

impl VulScanInfo {
    /// For an account that was never scanned: zeros and empty dates.
    pub(super) fn not_scanned() -> VulScanInfo {
        VulScanInfo {
            status: "NOT_SCAN",
            scan_progress: 0,
            remaining_time: 0,
            scan_start_time: String::new(),
            scan_end_time: String::new(),
            local_image_scan_count: 0,
            registry_image_scan_count: 0,
            found_vul_count: 0,
            registry_found_vul_count: 0,
            found_risk_image_count: 0,
            ignore_vul_count: 0,
            local_task_id: 0,
            registry_task_id: 0,
        }
    }

    /// For a scan that started at `started`.
    pub(super) fn new(started: Timestamp, progress: &Progress, tasks: TaskIds) -> VulScanInfo {
        // Empty while the scan runs, as in the API.
        let mut scan_end_time = String::new();
        if let Some(length) = progress.ended_after
            && let Ok(ended) = started.checked_add(length)
        {
            scan_end_time = date(ended);
        }
        let counts = progress.counts;
        VulScanInfo {
            status: status(progress.status),
            scan_progress: progress.permille,
            remaining_time: whole_seconds(progress.remaining),
            scan_start_time: date(started),
            scan_end_time,
            local_image_scan_count: counts.local_images,
            registry_image_scan_count: counts.registry_images,
            found_vul_count: counts.local_vulnerabilities,
            registry_found_vul_count: counts.registry_vulnerabilities,
            found_risk_image_count: counts.risk_images,
            ignore_vul_count: counts.ignored_vulnerabilities,
            local_task_id: tasks.local,
            registry_task_id: tasks.registry,
        }
    }
}

fn status(status: PlayStatus) -> &'static str {
    match status {
        PlayStatus::Scanning => "SCANNING",
        PlayStatus::Scanned => "SCANNED",
        PlayStatus::Canceled => "CANCELED",
    }
}

/// As the console shows it: in UTC+8, without a zone.
pub(super) fn date(at: Timestamp) -> String {
    tz::offset(8)
        .to_datetime(at)
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string()
}

/// Rounded up, so that a running scan has time left.
pub(super) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// An integer where it is whole: the real API writes both forms.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn as_percent<S: Serializer>(permille: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    match permille % 10 {
        0 => serializer.serialize_u32(permille / 10),
        _ => serializer.serialize_f64(f64::from(*permille) / 10.0),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ReplyEnvelope<T> {
    response: T,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Identified<T> {
    #[serde(flatten)]
    content: T,
    request_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase", rename_all_fields = "PascalCase")]
enum Content<T> {
    Error {
        code: &'static str,
        message: String,
    },
    #[serde(untagged)]
    Answer(T),
}

/// The whole body, for an answer or an error. `request` says in which language.
pub(super) fn envelope<T: Serialize>(
    outcome: Result<T, SimulatedError>,
    request_id: u128,
    request: &Request<Bytes>,
) -> Response<Bytes> {
    let content = match outcome {
        Ok(answer) => Content::Answer(answer),
        Err(error) => {
            let error = match language(request) {
                Language::English => error,
                Language::Chinese => error.in_chinese(),
            };
            Content::Error {
                code: error.code,
                message: error.message,
            }
        }
    };
    json(&ReplyEnvelope {
        response: Identified {
            content,
            request_id: uuid(request_id),
        },
    })
}

fn language(request: &Request<Bytes>) -> Language {
    let tag = request.headers().get("X-TC-Language");
    if tag.is_some_and(|tag| tag == Language::Chinese.api_tag()) {
        Language::Chinese
    } else {
        Language::English
    }
}

/// With the content type that the API sends, without a charset.
pub(super) fn json<T: Serialize>(body: &T) -> Response<Bytes> {
    let body = serde_json::to_vec(body).expect("names are strings, and numbers are finite");
    let mut response = Response::new(Bytes::from(body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// `random` as a UUID of version 4.
fn uuid(random: u128) -> String {
    const VERSION: u128 = 0xf << 76;
    const VARIANT: u128 = 0b11 << 62;
    let hex = format!(
        "{:032x}",
        (random & !VERSION & !VARIANT) | (4 << 76) | (0b10 << 62)
    );
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(response: &Response<Bytes>) -> &str {
        std::str::from_utf8(response.body()).unwrap()
    }

    fn request(language: &str) -> Request<Bytes> {
        let request = Request::builder().header("X-TC-Language", language);
        request.body(Bytes::new()).unwrap()
    }

    #[test]
    fn messages_are_in_the_language_of_the_request() {
        let message = |language, error: SimulatedError| {
            let response = envelope(Err::<VulScanInfo, _>(error), 0, &request(language));
            let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
            assert!(body["Response"]["Error"]["Code"].is_string());
            body["Response"]["Error"]["Message"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        let error = || SimulatedError::from("ResourceNotFound");
        assert_eq!(message("zh-CN", error()), "资源不存在。");
        assert_eq!(message("en-US", error()), "The resource does not exist.");
        assert_eq!(message("zh", error()), "The resource does not exist.");
        let own = SimulatedError::new("ResourceNotFound", "own".into());
        assert_eq!(message("zh-CN", own), "own");
        let other = SimulatedError::from("MissingParameter");
        assert_eq!(message("zh-CN", other), "A parameter is missing.");
    }

    #[test]
    fn an_error_is_http_200_and_an_envelope() {
        let response = envelope(
            Err::<VulScanInfo, _>("ResourceNotFound".into()),
            u128::MAX,
            &request("en-US"),
        );
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(
            text(&response),
            r#"{"Response":{"Error":{"Code":"ResourceNotFound","Message":"The resource does not exist."},"RequestId":"ffffffff-ffff-4fff-bfff-ffffffffffff"}}"#
        );
    }

    #[test]
    fn an_account_that_was_never_scanned_answers_zeros_and_empty_dates() {
        assert_eq!(
            text(&envelope(
                Ok(VulScanInfo::not_scanned()),
                0,
                &request("en-US")
            )),
            r#"{"Response":{"Status":"NOT_SCAN","ScanProgress":0,"RemainingTime":0,"ScanStartTime":"","ScanEndTime":"","LocalImageScanCount":0,"RegistryImageScanCount":0,"FoundVulCount":0,"RegistryFoundVulCount":0,"FoundRiskImageCount":0,"IgnoreVulCount":0,"LocalTaskID":0,"RegistryTaskID":0,"RequestId":"00000000-0000-4000-8000-000000000000"}}"#
        );
    }

    #[test]
    fn dates_are_written_in_utc_plus_8() {
        assert_eq!(
            date("2025-11-24T16:00:00Z".parse().unwrap()),
            "2025-11-25 00:00:00"
        );
        assert_eq!(
            date("2026-01-01T00:00:00+08".parse().unwrap()),
            "2026-01-01 00:00:00"
        );
    }

    #[test]
    fn progress_is_an_integer_where_it_is_whole() {
        let progress = |permille| {
            let answer = VulScanInfo {
                scan_progress: permille,
                ..VulScanInfo::not_scanned()
            };
            serde_json::to_value(answer).unwrap()["ScanProgress"].to_string()
        };
        assert_eq!(
            [0, 420, 425, 1000].map(progress),
            ["0", "42", "42.5", "100"]
        );
    }
}
