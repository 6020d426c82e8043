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

    /// Whether the failure stays until an operator changes something: the configuration, the
    /// credentials, the permissions or the task. Everything else is transient.
    pub const fn is_permanent(self) -> bool {
        matches!(
            self,
            Reason::Auth
                | Reason::Permission
                | Reason::InvalidRequest
                | Reason::NotFound
                | Reason::Credentials
        )
    }

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

    /// What it means, in a sentence; the README says the same.
    pub const fn meaning(self) -> &'static str {
        match self {
            Reason::Auth => "The API does not accept the keys.",
            Reason::Permission => "The keys are right and may not do this.",
            Reason::Throttled => "Too many requests of this identity in a second.",
            Reason::InvalidRequest => "The API does not accept what it is asked.",
            Reason::NotFound => "There is no such scan task.",
            Reason::Server => "The API reports a failure of its own, or one that is not known.",
            Reason::Network => "No connection, or one that broke.",
            Reason::Timeout => "No whole answer within poll.timeout.",
            Reason::Tls => "The server's certificate or handshake is not acceptable.",
            Reason::HttpStatus => "A status other than 200, which the API never sends by itself.",
            Reason::Decode => "The answer is not the API's JSON.",
            Reason::TooLarge => "An answer above 1 MiB; a real one has some 500 bytes.",
            Reason::Credentials => "There are no keys to sign with.",
        }
    }

    /// What a person can do about it; the README says the same, and more.
    pub const fn advice(self) -> &'static str {
        match self {
            Reason::Auth => {
                "Compare SecretId and SecretKey with the CAM console; are temporary keys expired?"
            }
            Reason::Permission => {
                "Grant tcss:DescribeVulScanInfo on *; docs/credentials.md has a policy to copy."
            }
            Reason::Throttled => "Nothing at first: the exporter halves its pace and climbs back.",
            Reason::InvalidRequest => "Check endpoint and region; leave region out if in doubt.",
            Reason::NotFound => {
                "Check local_task_id and registry_task_id, or leave them out for the latest scan."
            }
            Reason::Server => "Wait. If it stays, ask Tencent Cloud's support, with the RequestId.",
            Reason::Network => {
                "Check name resolution, firewall and proxy: HTTPS_PROXY and NO_PROXY count, except for loopback."
            }
            Reason::Timeout => {
                "Check name resolution, firewall and proxy; lengthen poll.timeout if the network is slow."
            }
            Reason::Tls => {
                "Check the clock and the system's CA certificates; does a proxy intercept TLS?"
            }
            Reason::HttpStatus => "Look at endpoint, and for a gateway or proxy in trouble.",
            Reason::Decode => "Look at endpoint, and for the login page of a proxy.",
            Reason::TooLarge => {
                "Look at endpoint, and for a proxy that answers in the API's place."
            }
            Reason::Credentials => {
                "See docs/credentials.md for what this kind of credentials needs."
            }
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
