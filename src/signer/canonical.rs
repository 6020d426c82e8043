//! What is signed of a request.

use std::fmt;

use sha2::{Digest, Sha256};

/// The signed parts of a request, as they are sent.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `POST` or `GET`.
    pub method: &'a str,
    /// The header `Host`.
    pub host: &'a str,
    /// Always `/`.
    pub path: &'a str,
    /// What follows the `?`, encoded as it is sent; empty for `POST`.
    pub query: &'a str,
    /// The header `Content-Type`.
    pub content_type: &'a str,
    /// Further headers to sign, in any order and case.
    pub extra_headers: &'a [(&'a str, &'a str)],
    /// The body; empty for `GET`. For a payload that is not signed, the text `UNSIGNED-PAYLOAD`.
    pub body: &'a [u8],
}

/// The request in the one form that both sides hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanonicalRequest {
    text: String,
    signed_headers: String,
}

impl CanonicalRequest {
    /// Sorts the headers by name, lowers the case of names and values, and hashes the body.
    pub fn new(request: &Request<'_>) -> CanonicalRequest {
        let headers = canonical_headers(request);
        let signed_headers = headers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>()
            .join(";");
        let lines = headers
            .iter()
            .map(|(name, value)| format!("{name}:{value}"))
            .collect::<Vec<_>>()
            .join("\n");
        let Request {
            method,
            path,
            query,
            body,
            ..
        } = request;
        let text = format!(
            "{method}\n{path}\n{query}\n{lines}\n\n{signed_headers}\n{}",
            sha256_hex(body)
        );
        CanonicalRequest {
            text,
            signed_headers,
        }
    }

    /// The names of the signed headers, such as `content-type;host`.
    pub fn signed_headers(&self) -> &str {
        &self.signed_headers
    }

    /// The hash that the string to sign ends with.
    pub fn sha256_hex(&self) -> String {
        sha256_hex(self.text.as_bytes())
    }
}

impl fmt::Display for CanonicalRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn canonical_headers(request: &Request<'_>) -> Vec<(String, String)> {
    let mut headers: Vec<_> = [
        ("content-type", request.content_type),
        ("host", request.host),
    ]
    .into_iter()
    .chain(request.extra_headers.iter().copied())
    .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_ascii_lowercase()))
    .collect();
    headers.sort();
    headers
}

pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: Request<'_> = Request {
        method: "POST",
        host: "tcss.tencentcloudapi.com",
        path: "/",
        query: "",
        content_type: "application/json",
        extra_headers: &[],
        body: b"{}",
    };

    #[test]
    fn headers_are_signed_whatever_their_order_and_case() {
        let tidy = [
            ("x-tc-action", "describevulscaninfo"),
            ("x-tc-version", "2020-11-01"),
        ];
        let wild = [
            ("X-TC-Version", "2020-11-01 "),
            ("X-TC-Action", " DescribeVulScanInfo"),
        ];
        let [tidy, wild] = [&tidy, &wild].map(|extra_headers| {
            CanonicalRequest::new(&Request {
                extra_headers,
                content_type: "Application/JSON",
                ..REQUEST
            })
        });
        assert_eq!(tidy, wild);
        assert_eq!(
            tidy.signed_headers(),
            "content-type;host;x-tc-action;x-tc-version"
        );
    }

    #[test]
    fn a_header_that_sorts_before_the_usual_ones_comes_first() {
        let request = Request {
            extra_headers: &[("Accept", "*/*")],
            ..REQUEST
        };
        assert_eq!(
            CanonicalRequest::new(&request).signed_headers(),
            "accept;content-type;host"
        );
    }
}
