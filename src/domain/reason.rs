//! Why a poll failed: the closed set that metrics, logs and alerts share.

use std::fmt;

/// Why a request or a poll failed. The value of the label `reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Reason {
    /// The API does not accept the credentials.
    Auth,
    /// The credentials are valid but not allowed to call this action.
    Permission,
    /// The account has no role that the exporter may assume.
    NoRole,
    /// Too many requests.
    Throttled,
    /// The API does not accept the request's parameters.
    InvalidRequest,
    /// The scan task does not exist.
    NotFound,
    /// The API reported an internal error, or one that we do not know.
    Server,
    /// The connection failed or was interrupted.
    Network,
    /// No complete response in time.
    Timeout,
    /// The TLS handshake failed.
    Tls,
    /// An HTTP status other than 200.
    HttpStatus,
    /// The response is not valid JSON of the API.
    Decode,
    /// The response exceeds the size limit.
    TooLarge,
    /// There are no credentials to sign requests with.
    Credentials,
}

impl Reason {
    /// In the order of their metrics.
    pub const ALL: [Reason; 14] = [
        Reason::Auth,
        Reason::Permission,
        Reason::NoRole,
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
                | Reason::NoRole
                | Reason::InvalidRequest
                | Reason::NotFound
                | Reason::Credentials
        )
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::Auth => "auth",
            Reason::Permission => "permission",
            Reason::NoRole => "no_role",
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

    /// What it means, in one sentence. The README says the same.
    pub const fn meaning(self) -> &'static str {
        match self {
            Reason::Auth => "The API does not accept the credentials.",
            Reason::Permission => "The credentials are valid but not allowed to call this action.",
            Reason::NoRole => "The discovered account has no role that the exporter may assume.",
            Reason::Throttled => {
                "The identity sent more requests in one second than the API allows."
            }
            Reason::InvalidRequest => "The API does not accept the request's parameters.",
            Reason::NotFound => "The scan task does not exist.",
            Reason::Server => "The API reported an internal error or an unknown error code.",
            Reason::Network => "The connection failed or was interrupted.",
            Reason::Timeout => "No complete response was received within poll.timeout.",
            Reason::Tls => "The TLS handshake failed or the server's certificate is not trusted.",
            Reason::HttpStatus => {
                "The HTTP status was not 200, which the API itself always returns."
            }
            Reason::Decode => "The response is not valid JSON of the API.",
            Reason::TooLarge => {
                "The response is larger than 1 MiB. A normal one has about 500 bytes."
            }
            Reason::Credentials => "There are no credentials to sign requests with.",
        }
    }

    /// What to do about it. The README says the same, and more.
    pub const fn advice(self) -> &'static str {
        match self {
            Reason::Auth => {
                "Compare SecretId and SecretKey with the CAM console. Check whether temporary keys have expired."
            }
            Reason::Permission => {
                "Grant the actions of the collector on resource *. docs/credentials.md lists them."
            }
            Reason::NoRole => {
                "Create the role in this account and let it trust the exporter's account. See docs/discovery.md."
            }
            Reason::Throttled => {
                "No action is needed at first: the exporter halves its request rate, then raises it slowly."
            }
            Reason::InvalidRequest => "Check endpoint and region. If in doubt, leave region unset.",
            Reason::NotFound => {
                "Check local_task_id and registry_task_id, or leave both unset to get the latest scan."
            }
            Reason::Server => {
                "Wait. If the error persists, contact Tencent Cloud support with the RequestId."
            }
            Reason::Network => {
                "Check DNS, firewall and proxy. HTTPS_PROXY and NO_PROXY apply, except to loopback addresses."
            }
            Reason::Timeout => {
                "Check DNS, firewall and proxy. If the network is slow, increase poll.timeout."
            }
            Reason::Tls => {
                "Check the system clock and the system's CA certificates, and whether a proxy intercepts TLS."
            }
            Reason::HttpStatus => "Check endpoint, and whether a gateway or proxy fails.",
            Reason::Decode => "Check endpoint, and whether a proxy returns its login page.",
            Reason::TooLarge => "Check endpoint, and whether a proxy answers instead of the API.",
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
    fn every_reason_is_at_its_own_index() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index, "{reason}");
        }
    }
}
