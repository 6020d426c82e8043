//! Which identity a request claims to come from, and whether its signature proves it.

use bytes::Bytes;
use http::Request;
use jiff::{SignedDuration, Timestamp};

use super::{parameters, reply::SimulatedError};
use crate::signer::{self, ALGORITHM, Credentials, Scope};

/// The largest difference between the caller's clock and ours.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// A parsed `Authorization` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim<'a> {
    pub(super) secret_id: &'a str,
    scope: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Claim<'a> {
    /// Reads the header of `request`.
    pub(super) fn of(request: &'a Request<Bytes>) -> Result<Claim<'a>, SimulatedError> {
        let header = header(request, "Authorization")?;
        let Some(claim) = Claim::parse(header) else {
            return Err("AuthFailure.InvalidAuthorization".into());
        };
        Ok(claim)
    }

    fn parse(text: &'a str) -> Option<Claim<'a>> {
        let (algorithm, parts) = text.split_once(' ')?;
        let parts: Vec<&str> = parts.split(',').map(str::trim).collect();
        let [credential, signed_headers, signature] = parts[..] else {
            return None;
        };
        let (secret_id, scope) = credential.strip_prefix("Credential=")?.split_once('/')?;
        let claim = Claim {
            secret_id,
            scope,
            signed_headers: signed_headers.strip_prefix("SignedHeaders=")?,
            signature: signature.strip_prefix("Signature=")?,
        };
        let is_valid = algorithm == ALGORITHM
            && is_scope(claim.scope)
            && is_header_list(claim.signed_headers)
            && is_hash(claim.signature);
        if !is_valid {
            return None;
        }
        Some(claim)
    }

    /// Checks time, scope, signature and token with the caller's credentials.
    pub(super) fn verify(
        &self,
        request: &Request<Bytes>,
        service: &str,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<(), SimulatedError> {
        let at = timestamp(request)?;
        if now.duration_since(at).abs() > TOLERANCE {
            return Err("AuthFailure.SignatureExpire".into());
        }
        // Before the signature, so that a wrong date has a message of its own.
        self.verify_scope(service, at)?;
        self.verify_signature(request, service, credentials, at)?;
        verify_token(request, credentials)
    }

    fn verify_scope(&self, service: &str, at: Timestamp) -> Result<(), SimulatedError> {
        let expected = Scope::new(service, at).to_string();
        if self.scope == expected {
            return Ok(());
        }
        let message = format!(
            "The credential scope must be {expected}: the UTC date of X-TC-Timestamp, and the service."
        );
        Err(SimulatedError::new("AuthFailure.SignatureFailure", message))
    }

    /// The Node SDK signs the host without the port, the Python SDK with it.
    fn verify_signature(
        &self,
        request: &Request<Bytes>,
        service: &str,
        credentials: &Credentials,
        at: Timestamp,
    ) -> Result<(), SimulatedError> {
        let host = header(request, "Host")?;
        let bare = match host.rsplit_once(':') {
            Some((bare, _)) => bare,
            None => host,
        };
        // Both forms are covered by the same key, so accepting both is no weakness.
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
    ) -> Result<String, SimulatedError> {
        // A caller may sign more headers than required. The SDKs differ in which ones they sign.
        let mut extra_headers = Vec::new();
        for name in self.signed_headers.split(';') {
            if !REQUIRED_HEADERS.contains(&name) {
                extra_headers.push((name, header(request, name)?));
            }
        }
        let signed = signer::RequestToSign {
            method: request.method().as_str(),
            host,
            path: request.uri().path(),
            query: request.uri().query().unwrap_or_default(),
            content_type: header(request, "Content-Type")?,
            extra_headers: &extra_headers,
            body: payload(request),
        };
        let signed = signer::sign(&signed, service, credentials, at);
        Ok(signed.signature().to_owned())
    }
}

const REQUIRED_HEADERS: [&str; 2] = ["content-type", "host"];

fn is_scope(scope: &str) -> bool {
    let parts: Vec<&str> = scope.split('/').collect();
    matches!(parts[..], [_, _, "tc3_request"])
}

/// Lower case, sorted, without duplicates, and including the headers that every signature covers.
fn is_header_list(signed_headers: &str) -> bool {
    let names: Vec<_> = signed_headers.split(';').collect();
    names.is_sorted_by(|a, b| a < b)
        && !signed_headers.contains(char::is_uppercase)
        && REQUIRED_HEADERS.iter().all(|name| names.contains(name))
}

fn is_hash(signature: &str) -> bool {
    signature.len() == 64 && signature.as_bytes().iter().all(u8::is_ascii_hexdigit)
}

/// What the signature covers: the body, or a fixed text if the caller says that it does not sign the body.
fn payload(request: &Request<Bytes>) -> &[u8] {
    const UNSIGNED: &[u8] = b"UNSIGNED-PAYLOAD";
    match request.headers().get("X-TC-Content-SHA256") {
        Some(value) if value == UNSIGNED => UNSIGNED,
        _ => request.body(),
    }
}

/// Temporary credentials must be sent with their token, long-term keys without one.
fn verify_token(request: &Request<Bytes>, credentials: &Credentials) -> Result<(), SimulatedError> {
    let Ok(expected) = credentials.token_header() else {
        return Err("AuthFailure.TokenFailure".into());
    };
    if request.headers().get("X-TC-Token") == expected.as_ref() {
        Ok(())
    } else {
        Err("AuthFailure.TokenFailure".into())
    }
}

fn timestamp(request: &Request<Bytes>) -> Result<Timestamp, SimulatedError> {
    if let Ok(seconds) = header(request, "X-TC-Timestamp")?.parse()
        && let Ok(timestamp) = Timestamp::from_second(seconds)
    {
        return Ok(timestamp);
    }
    let message = "The value of header `X-TC-Timestamp` is not valid: unix seconds.";
    Err(SimulatedError::new("InvalidParameter", message.into()))
}

/// The value of a required header.
pub(super) fn header<'a>(
    request: &'a Request<Bytes>,
    name: &str,
) -> Result<&'a str, SimulatedError> {
    if let Some(value) = request.headers().get(name)
        && let Ok(value) = value.to_str()
        && !value.is_empty()
    {
        return Ok(value);
    }
    Err(parameters::missing(name))
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
    fn a_malformed_authorization_is_not_read() {
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
