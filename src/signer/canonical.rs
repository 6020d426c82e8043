//! The parts of a request that are signed.

use std::fmt;

use sha2::{Digest, Sha256};

/// The signed parts of a request, exactly as they are sent.
#[derive(Clone, Copy, Debug)]
pub struct RequestToSign<'a> {
    /// `POST` or `GET`.
    pub method: &'a str,
    /// The header `Host`.
    pub host: &'a str,
    /// Always `/`.
    pub path: &'a str,
    /// The part after the `?`, encoded as it is sent; empty for `POST`.
    pub query: &'a str,
    /// The header `Content-Type`.
    pub content_type: &'a str,
    /// Further headers to sign, in any order and case.
    pub extra_headers: &'a [(&'a str, &'a str)],
    /// Empty for `GET`; the text `UNSIGNED-PAYLOAD` for a body that is not signed.
    pub body: &'a [u8],
}

/// The request in the one form that client and server hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanonicalRequest {
    text: String,
    signed_headers: String,
}

impl CanonicalRequest {
    /// Sorts the headers by name, converts names and values to lower case, and hashes the body.
    pub fn new(request: &RequestToSign<'_>) -> CanonicalRequest {
        let mut signed_headers = String::new();
        let mut lines = String::new();
        for (name, value) in canonical_headers(request) {
            if !signed_headers.is_empty() {
                signed_headers.push(';');
            }
            signed_headers.push_str(&name);
            lines.push_str(&[name.as_str(), ":", &value, "\n"].concat());
        }
        let RequestToSign {
            method,
            path,
            query,
            body,
            ..
        } = request;
        let text = format!(
            "{method}\n{path}\n{query}\n{lines}\n{signed_headers}\n{}",
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

    /// The last line of the string to sign.
    pub fn sha256_hex(&self) -> String {
        sha256_hex(self.text.as_bytes())
    }
}

impl fmt::Display for CanonicalRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn canonical_headers(request: &RequestToSign<'_>) -> Vec<(String, String)> {
    let mut headers = vec![
        ("content-type", request.content_type),
        ("host", request.host),
    ];
    headers.extend(request.extra_headers);
    // Values are converted to lower case, too, as the signature's documentation requires.
    let mut canonical = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        canonical.push((name.to_ascii_lowercase(), value.trim().to_ascii_lowercase()));
    }
    canonical.sort();
    canonical
}

pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: RequestToSign<'_> = RequestToSign {
        method: "POST",
        host: "tcss.tencentcloudapi.com",
        path: "/",
        query: "",
        content_type: "application/json",
        extra_headers: &[],
        body: b"{}",
    };

    #[test]
    fn the_order_and_case_of_headers_does_not_matter() {
        let tidy = [
            ("x-tc-action", "describevulscaninfo"),
            ("x-tc-version", "2020-11-01"),
        ];
        let wild = [
            ("X-TC-Version", "2020-11-01 "),
            ("X-TC-Action", " DescribeVulScanInfo"),
        ];
        let [tidy, wild] = [&tidy, &wild].map(|extra_headers| {
            CanonicalRequest::new(&RequestToSign {
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
    fn headers_are_sorted_by_name() {
        let request = RequestToSign {
            extra_headers: &[("Accept", "*/*")],
            ..REQUEST
        };
        assert_eq!(
            CanonicalRequest::new(&request).signed_headers(),
            "accept;content-type;host"
        );
    }
}
