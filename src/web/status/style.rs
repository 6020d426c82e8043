//! How the page looks, and the policy that lets it look so and nothing else happen.

use std::sync::LazyLock;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::HeaderValue;
use sha2::{Digest as _, Sha256};

/// Stands in the page itself, so that there is one request and no second path to guard.
pub(super) const CSS: &str = include_str!("style.css");

/// No script, no frame, no connection, no other host; this style and the icon, which is in the page as well.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = BASE64_STANDARD.encode(Sha256::digest(CSS));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("ASCII")
});

/// The header `Content-Security-Policy` of the page.
pub(in crate::web) fn policy() -> HeaderValue {
    POLICY.clone()
}
