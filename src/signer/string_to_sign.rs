//! The text that the key signs.

use std::fmt;

use jiff::{Timestamp, civil::Date, tz::Offset};

use super::{ALGORITHM, CanonicalRequest};

/// The day and the service that a derived key is valid for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    date: Date,
    service: String,
}

impl Scope {
    /// The day is in UTC, wherever caller and service are.
    pub fn new(service: &str, at: Timestamp) -> Scope {
        Scope {
            date: Offset::UTC.to_datetime(at).date(),
            service: service.to_owned(),
        }
    }

    pub(super) fn date(&self) -> Date {
        self.date
    }

    pub(super) fn service(&self) -> &str {
        &self.service
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/tc3_request", self.date, self.service)
    }
}

/// Four lines: algorithm, unix seconds, scope, hash of the canonical request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StringToSign(String);

impl StringToSign {
    pub fn new(at: Timestamp, scope: &Scope, canonical: &CanonicalRequest) -> StringToSign {
        StringToSign(format!(
            "{ALGORITHM}\n{}\n{scope}\n{}",
            at.as_second(),
            canonical.sha256_hex()
        ))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Display for StringToSign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_a_scope_changes_at_midnight_in_utc() {
        let scope = |at: &str| Scope::new("tcss", at.parse().unwrap()).to_string();
        assert_eq!(scope("2025-12-31T23:59:59Z"), "2025-12-31/tcss/tc3_request");
        assert_eq!(scope("2026-01-01T00:00:00Z"), "2026-01-01/tcss/tc3_request");
        assert_eq!(
            scope("2026-01-01T07:59:59+08"),
            "2025-12-31/tcss/tc3_request"
        );
    }
}
