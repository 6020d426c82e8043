//! The header that carries the signature.

use std::fmt;

use http::HeaderValue;

use super::{ALGORITHM, InvalidHeader, Scope, secret::sensitive_header};

/// The value of the header `Authorization`.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization {
    text: String,
    signature_at: usize,
}

impl Authorization {
    pub(super) fn new(
        secret_id: &str,
        scope: &Scope,
        signed_headers: &str,
        signature: &str,
    ) -> Authorization {
        let mut text = format!(
            "{ALGORITHM} Credential={secret_id}/{scope}, SignedHeaders={signed_headers}, Signature="
        );
        let signature_at = text.len();
        text.push_str(signature);
        Authorization { text, signature_at }
    }

    /// 64 hexadecimal digits.
    pub fn signature(&self) -> &str {
        &self.text[self.signature_at..]
    }

    /// Marked sensitive. Fails for a `SecretId` that is not printable ASCII.
    pub fn header(&self) -> Result<HeaderValue, InvalidHeader> {
        sensitive_header("secret ID", &self.text)
    }
}

impl fmt::Display for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorization(…)")
    }
}
