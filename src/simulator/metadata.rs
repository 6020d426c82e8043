//! The metadata service of a CVM instance: the credentials of the role that is attached to it.
//!
//! Source: requests of the official Python SDK, and <https://cloud.tencent.com/document/product/598/85616>.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use jiff::Timestamp;
use serde::Serialize;

use super::{reply, temporary::IssuedCredentials};

/// Returns the name of the role; followed by that name, the role's credentials.
const PATH: &str = "/latest/meta-data/cam/security-credentials/";
/// Everything below belongs to the service.
const ROOT: &str = "/latest/";

/// A request, by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MetadataRequest<'a> {
    RoleName,
    Credentials(&'a str),
    Other,
}

impl MetadataRequest<'_> {
    /// `None` if `path` does not belong to the service.
    pub(super) fn of(path: &str) -> Option<MetadataRequest<'_>> {
        path.strip_prefix(ROOT)?;
        Some(match path.strip_prefix(PATH) {
            Some("") => MetadataRequest::RoleName,
            Some(role) => MetadataRequest::Credentials(role),
            None => MetadataRequest::Other,
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MetadataCredentials {
    #[serde(flatten)]
    issued: IssuedCredentials,
    expired_time: i64,
    expiration: String,
    code: &'static str,
}

pub(super) fn credentials(issued: IssuedCredentials, expires: Timestamp) -> Response<Bytes> {
    reply::json(&MetadataCredentials {
        issued,
        expired_time: expires.as_second(),
        expiration: expires.to_string(),
        code: "Success",
    })
}

/// Instead of credentials.
pub(super) fn failed(code: &'static str) -> Response<Bytes> {
    reply::json(&serde_json::json!({ "Code": code }))
}

pub(super) fn text(text: &str) -> Response<Bytes> {
    plain(StatusCode::OK, text)
}

pub(super) fn not_found() -> Response<Bytes> {
    plain(StatusCode::NOT_FOUND, "Not Found")
}

fn plain(status: StatusCode, text: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(text.to_owned()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_service_are_distinguished_from_those_of_the_api() {
        for (path, expected) in [
            (PATH, Some(MetadataRequest::RoleName)),
            (
                "/latest/meta-data/cam/security-credentials/role",
                Some(MetadataRequest::Credentials("role")),
            ),
            (
                "/latest/meta-data/cam/security-credentials",
                Some(MetadataRequest::Other),
            ),
            ("/latest/meta-data/uuid", Some(MetadataRequest::Other)),
            ("/", None),
        ] {
            assert_eq!(MetadataRequest::of(path), expected, "{path}");
        }
    }
}
