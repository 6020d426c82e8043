//! TC3-HMAC-SHA256, the signature of Tencent Cloud API 3.0.
//!
//! Pure: request, credentials and time in, [`Authorization`] out. No I/O, no clock, no log. Each
//! step is a type with `Display`, so that a failing test names the step:
//!
//! ```text
//! RequestToSign → CanonicalRequest ┐
//! service, time → Scope ───────────┼→ StringToSign ┐
//! SecretKey + Scope → SigningKey ──────────────────┴→ Authorization
//! ```
//!
//! Source: "Signature v3", <https://cloud.tencent.com/document/api/213/30654>.

use jiff::Timestamp;

mod authorization;
mod canonical;
#[cfg(test)]
pub(crate) mod fixtures;
mod key;
mod secret;
mod string_to_sign;
#[cfg(test)]
mod vectors;

pub use authorization::Authorization;
pub use canonical::{CanonicalRequest, RequestToSign};
pub use key::SigningKey;
pub use secret::{Credentials, InvalidCredentials, InvalidHeader, Secret};
pub use string_to_sign::{Scope, StringToSign};

/// First in the string to sign and in the header.
pub const ALGORITHM: &str = "TC3-HMAC-SHA256";

/// Signs `request` for `service`, for example `tcss`. `at` must be the second sent as
/// `X-TC-Timestamp`.
pub fn sign(
    request: &RequestToSign<'_>,
    service: &str,
    credentials: &Credentials,
    at: Timestamp,
) -> Authorization {
    let canonical = CanonicalRequest::new(request);
    let scope = Scope::new(service, at);
    let string_to_sign = StringToSign::new(at, &scope, &canonical);
    let signature = SigningKey::derive(&credentials.secret_key, &scope).sign(&string_to_sign);
    Authorization::new(
        &credentials.secret_id,
        &scope,
        canonical.signed_headers(),
        &signature,
    )
}
