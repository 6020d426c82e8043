//! Who calls, and whether it is really them.

use bytes::Bytes;
use http::Request;
use jiff::{SignedDuration, Timestamp};

use super::{parameters, reply::Refusal};
use crate::signer::{self, ALGORITHM, Credentials, Scope};

/// How far the caller's clock may be from ours.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// What an `Authorization` header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim<'a> {
    pub(super) secret_id: &'a str,
    scope: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Claim<'a> {
    /// Reads the header of `request`.
    pub(super) fn of(request: &'a Request<Bytes>) -> Result<Claim<'a>, Refusal> {
        Claim::parse(header(request, "Authorization")?)
            .ok_or_else(|| "AuthFailure.InvalidAuthorization".into())
    }

    fn parse(text: &'a str) -> Option<Claim<'a>> {
        let mut parts = text
            .strip_prefix(ALGORITHM)?
            .strip_prefix(' ')?
            .split(',')
            .map(str::trim);
        let credential = parts.next()?.strip_prefix("Credential=")?;
        let signed_headers = parts.next()?.strip_prefix("SignedHeaders=")?;
        let signature = parts.next()?.strip_prefix("Signature=")?;
        let (secret_id, scope) = credential.split_once('/')?;
        let is_whole = parts.next().is_none()
            && is_scope(scope)
            && is_list(signed_headers)
            && is_hash(signature);
        is_whole.then_some(Claim {
            secret_id,
            scope,
            signed_headers,
            signature,
        })
    }

    /// Checks time, scope, signature and token against what is known of the caller.
    pub(super) fn verify(
        &self,
        request: &Request<Bytes>,
        service: &str,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let at = timestamp(request)?;
        if now.duration_since(at).abs() > TOLERANCE {
            return Err("AuthFailure.SignatureExpire".into());
        }
        self.verify_scope(service, at)?;
        self.verify_signature(request, service, credentials, at)?;
        verify_token(request, credentials)
    }

    fn verify_scope(&self, service: &str, at: Timestamp) -> Result<(), Refusal> {
        let expected = Scope::new(service, at).to_string();
        if self.scope == expected {
            return Ok(());
        }
        let message = format!(
            "The credential scope must be {expected}: the UTC date of X-TC-Timestamp, and the service."
        );
        Err(Refusal::new("AuthFailure.SignatureFailure", message))
    }

    /// The Node SDK signs the host without its port, the Python SDK with it.
    fn verify_signature(
        &self,
        request: &Request<Bytes>,
        service: &str,
        credentials: &Credentials,
        at: Timestamp,
    ) -> Result<(), Refusal> {
        let host = header(request, "Host")?;
        let bare = host.rsplit_once(':').map_or(host, |(bare, _)| bare);
        for host in [host, bare] {
            if self.signature_over(request, host, service, credentials, at)? == self.signature {
                return Ok(());
            }
        }
        Err("AuthFailure.SignatureFailure".into())
    }

    fn signature_over(
        &self,
        request: &Request<Bytes>,
        host: &str,
        service: &str,
        credentials: &Credentials,
        at: Timestamp,
    ) -> Result<String, Refusal> {
        let extra_headers: Vec<_> = self
            .signed_headers
            .split(';')
            .filter(|name| !REQUIRED_HEADERS.contains(name))
            .map(|name| header(request, name).map(|value| (name, value)))
            .collect::<Result<_, _>>()?;
        let signed = signer::RequestToSign {
            method: request.method().as_str(),
            host,
            path: request.uri().path(),
            query: request.uri().query().unwrap_or_default(),
            content_type: header(request, "Content-Type")?,
            extra_headers: &extra_headers,
            body: payload(request),
        };
        Ok(signer::sign(&signed, service, credentials, at)
            .signature()
            .to_owned())
    }
}

const REQUIRED_HEADERS: [&str; 2] = ["content-type", "host"];

fn is_scope(scope: &str) -> bool {
    matches!(
        scope.split('/').collect::<Vec<_>>()[..],
        [_, _, "tc3_request"]
    )
}

/// Lower case, sorted, each once, and those that every signature covers among them.
fn is_list(signed_headers: &str) -> bool {
    let names: Vec<_> = signed_headers.split(';').collect();
    names.is_sorted_by(|a, b| a < b)
        && !signed_headers.contains(char::is_uppercase)
        && REQUIRED_HEADERS.iter().all(|name| names.contains(name))
}

fn is_hash(signature: &str) -> bool {
    signature.len() == 64 && signature.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What the signature covers in place of the body, when the caller says that it does not cover the body.
fn payload(request: &Request<Bytes>) -> &[u8] {
    const UNSIGNED: &[u8] = b"UNSIGNED-PAYLOAD";
    let is_unsigned = request
        .headers()
        .get("X-TC-Content-SHA256")
        .is_some_and(|value| value == UNSIGNED);
    if is_unsigned {
        UNSIGNED
    } else {
        request.body()
    }
}

/// Temporary credentials come with their token, long-term keys without any.
fn verify_token(request: &Request<Bytes>, credentials: &Credentials) -> Result<(), Refusal> {
    let expected = credentials
        .token_header()
        .map_err(|_| Refusal::from("AuthFailure.TokenFailure"))?;
    if request.headers().get("X-TC-Token") == expected.as_ref() {
        Ok(())
    } else {
        Err("AuthFailure.TokenFailure".into())
    }
}

fn timestamp(request: &Request<Bytes>) -> Result<Timestamp, Refusal> {
    let seconds = header(request, "X-TC-Timestamp")?.parse().ok();
    seconds
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .ok_or_else(|| {
            Refusal::new(
                "InvalidParameter",
                "The value of header `X-TC-Timestamp` is not valid: unix seconds.".into(),
            )
        })
}

/// The value of a header that must be there.
pub(super) fn header<'a>(request: &'a Request<Bytes>, name: &str) -> Result<&'a str, Refusal> {
    let value = request
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok());
    value
        .filter(|value| !value.is_empty())
        .ok_or_else(|| parameters::missing(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNATURE: &str = "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168";

    fn parses(credential: &str, signed_headers: &str, signature: &str) -> bool {
        let text = format!(
            "TC3-HMAC-SHA256 Credential={credential}, SignedHeaders={signed_headers}, Signature={signature}"
        );
        Claim::parse(&text).is_some()
    }

    #[test]
    fn all_forms_of_signed_headers_are_read() {
        for signed_headers in [
            "content-type;host",
            "content-type;host;x-tc-action",
            "content-type;host;x-tc-action;x-tc-timestamp;x-tc-version",
            "accept;content-type;host",
        ] {
            assert!(
                parses(
                    "AKID/2025-11-24/tcss/tc3_request",
                    signed_headers,
                    SIGNATURE
                ),
                "{signed_headers}"
            );
        }
    }

    #[test]
    fn what_is_no_authorization_is_not_read() {
        let (credential, signed_headers) =
            ("AKID/2025-11-24/tcss/tc3_request", "content-type;host");
        for bad in [
            "AKID",
            "AKID/2025-11-24/tcss",
            "AKID/2025-11-24/tcss/tc4_request",
            "AKID/a/b/c/tc3_request",
        ] {
            assert!(!parses(bad, signed_headers, SIGNATURE), "{bad}");
        }
        for bad in [
            "",
            "host",
            "content-type",
            "host;content-type",
            "Content-Type;host",
            "content-type;host;host",
        ] {
            assert!(!parses(credential, bad, SIGNATURE), "{bad}");
        }
        for bad in ["", "72e4", &"z".repeat(64)] {
            assert!(!parses(credential, signed_headers, bad), "{bad}");
        }
        for bad in [
            "",
            "Basic YTpi",
            "TC3-HMAC-SHA256",
            "TC3-HMAC-SHA256 Credential=AKID",
        ] {
            assert_eq!(Claim::parse(bad), None, "{bad}");
        }
    }
}
