//! Why a poll failed: the closed set that metrics, logs and alerts share.

use std::fmt;

/// Why a request or a poll failed; the value of the label `reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Reason {
    /// The API does not accept who we say we are.
    Auth,
    /// The identity is known, and may not do this.
    Permission,
    /// Too many requests.
    Throttled,
    /// The API does not accept what we ask.
    InvalidRequest,
    /// The scan task does not exist.
    NotFound,
    /// The API reports a failure of its own.
    Server,
    /// No connection, or one that broke.
    Network,
    /// No whole answer in time.
    Timeout,
    /// The server's certificate or handshake is not acceptable.
    Tls,
    /// A status other than 200.
    HttpStatus,
    /// An answer that cannot be read.
    Decode,
    /// An answer above the size limit.
    TooLarge,
    /// There are no credentials to sign with.
    Credentials,
}

impl Reason {
    /// Every reason, in the order of their metrics.
    pub const ALL: [Reason; 13] = [
        Reason::Auth,
        Reason::Permission,
        Reason::Throttled,
        Reason::InvalidRequest,
        Reason::NotFound,
        Reason::Server,
        Reason::Network,
        Reason::Timeout,
        Reason::Tls,
        Reason::HttpStatus,
        Reason::Decode,
        Reason::TooLarge,
        Reason::Credentials,
    ];

    /// The value of the label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::Auth => "auth",
            Reason::Permission => "permission",
            Reason::Throttled => "throttled",
            Reason::InvalidRequest => "invalid_request",
            Reason::NotFound => "not_found",
            Reason::Server => "server",
            Reason::Network => "network",
            Reason::Timeout => "timeout",
            Reason::Tls => "tls",
            Reason::HttpStatus => "http_status",
            Reason::Decode => "decode",
            Reason::TooLarge => "too_large",
            Reason::Credentials => "credentials",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn every_reason_stands_at_its_own_index() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index, "{reason}");
        }
    }
}
