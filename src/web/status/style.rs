//! The style sheet of the page, and the policy that allows it and nothing else.

use std::sync::LazyLock;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::HeaderValue;
use sha2::{Digest as _, Sha256};

/// Inline in the page, so that there is no second path to serve and to authorize.
pub(super) const CSS: &str = include_str!("style.css");

/// No scripts, frames, connections or other hosts: only this style sheet, by its hash, and the icon,
/// which is a data URL.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = BASE64_STANDARD.encode(Sha256::digest(CSS));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("ASCII")
});

/// The header `Content-Security-Policy` of the page.
pub(in crate::web) fn content_security_policy() -> HeaderValue {
    POLICY.clone()
}
