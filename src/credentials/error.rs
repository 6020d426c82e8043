//! Why there are no credentials.

use std::fmt;

use crate::{
    client::ApiError,
    domain::{Moment, Reason},
    signer::InvalidCredentials,
};

/// What STS answers where the role does not exist, does not trust the caller, or the account is
/// closing or closed. Source: `errors.go` of the official Go SDK for STS.
const NO_ROLE_CODES: [&str; 5] = [
    "ResourceNotFound.RoleNotFound",
    "InternalError.GetRoleError",
    "InternalError.IllegalRole",
    "UnauthorizedOperation",
    "InvalidParameter.AccountNotAvaliable",
];

/// There are no credentials, and why. Never repeats a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CredentialsError {
    message: String,
    cause: Cause,
    /// `credentials`, unless STS could not be reached.
    reason: Reason,
    /// The error code of STS, where it sent one.
    code: Option<String>,
    /// The `RequestId` of STS, where it sent one.
    request_id: Option<String>,
}

/// Decides what a chain does next, and when to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// Nothing of this kind is present, so a chain goes on to its next kind. It may appear later,
    /// as a network does.
    Absent,
    /// Something is present but not valid: it stays so until an operator fixes it.
    Permanent,
    /// An environment variable is not valid. Like `Permanent`, and the fix needs a restart, as the
    /// environment of a process does not change.
    Environment,
    /// The account has no role to assume, which is usual for a while in accounts that are
    /// discovered. Like `Permanent`.
    NoRole,
    /// It may go away by itself.
    Transient,
}

impl CredentialsError {
    fn new(cause: Cause, message: impl Into<String>) -> CredentialsError {
        CredentialsError {
            message: message.into(),
            cause,
            reason: Reason::Credentials,
            code: None,
            request_id: None,
        }
    }

    /// Nothing of this kind is present.
    pub(super) fn absent(message: impl Into<String>) -> CredentialsError {
        CredentialsError::new(Cause::Absent, message)
    }

    /// Something is present but not valid.
    pub(super) fn permanent(message: impl Into<String>) -> CredentialsError {
        CredentialsError::new(Cause::Permanent, message)
    }

    /// Environment variables are not valid, or some of those that belong together are not set.
    pub(super) fn environment(message: impl Into<String>) -> CredentialsError {
        CredentialsError::new(Cause::Environment, message)
    }

    /// It may go away by itself.
    pub(super) fn transient(message: impl Into<String>) -> CredentialsError {
        CredentialsError::new(Cause::Transient, message)
    }

    /// STS did not issue credentials.
    pub(super) fn sts(action: &str, error: ApiError) -> CredentialsError {
        let cause = if error.reason.is_permanent() {
            Cause::Permanent
        } else {
            Cause::Transient
        };
        CredentialsError {
            message: format!("{action}: {}", error.message),
            cause,
            reason: reason_of_sts(error.reason),
            code: error.code,
            request_id: error.request_id,
        }
    }

    /// The same, for a role that may not be there yet: tells a refusal of the role from other
    /// failures.
    pub(super) fn of_discovered_role(self) -> CredentialsError {
        let is_refusal = match self.code.as_deref() {
            Some(code) => NO_ROLE_CODES.contains(&code),
            None => false,
        };
        if !is_refusal {
            return self;
        }
        CredentialsError {
            cause: Cause::NoRole,
            ..self
        }
    }

    /// Whether the account has no role to assume.
    pub fn is_no_role(&self) -> bool {
        self.cause == Cause::NoRole
    }

    pub(super) fn is_absent(&self) -> bool {
        self.cause == Cause::Absent
    }

    /// Whether it stays until an operator fixes it.
    pub(super) fn is_permanent(&self) -> bool {
        matches!(
            self.cause,
            Cause::Permanent | Cause::Environment | Cause::NoRole
        )
    }

    /// Whether a chain that fails so has to wait for a restart: it found nothing at all, or a
    /// variable that is not valid.
    pub(super) fn ends_chain(&self) -> bool {
        matches!(self.cause, Cause::Absent | Cause::Environment)
    }

    #[cfg(test)]
    pub(super) fn no_role(message: impl Into<String>) -> CredentialsError {
        CredentialsError::new(Cause::NoRole, message)
    }

    /// Whether both report the same problem, perhaps of different requests.
    pub(super) fn is_same_as(&self, other: &CredentialsError) -> bool {
        self.message == other.message && self.code == other.code
    }

    /// The error code of STS, where it sent one.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// The `RequestId` of STS, where it sent one.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// The same with `secret` redacted, which servers may repeat.
    pub(super) fn without(self, secret: &str) -> CredentialsError {
        if secret.is_empty() {
            return self;
        }
        let clean = |text: String| text.replace(secret, "<redacted>");
        CredentialsError {
            message: clean(self.message),
            code: self.code.map(clean),
            request_id: self.request_id.map(clean),
            ..self
        }
    }

    /// The same, saying where it happened: a kind, a file or an action.
    pub(super) fn at(self, place: impl fmt::Display) -> CredentialsError {
        CredentialsError {
            message: format!("{place}: {}", self.message),
            ..self
        }
    }

    /// The error of a poll that has no credentials.
    pub fn into_api_error(self, as_of: Moment) -> ApiError {
        let reason = if self.is_no_role() {
            Reason::NoRole
        } else {
            self.reason
        };
        ApiError {
            reason,
            code: self.code,
            status: None,
            is_stale_connection: false,
            is_of_credentials: true,
            message: self.message,
            request_id: self.request_id,
            as_of,
        }
    }
}

/// The reason of a poll for which STS failed. Where it did not get as far as an answer of STS, nothing
/// is wrong with the credentials, and no operator action is required.
fn reason_of_sts(reason: Reason) -> Reason {
    match reason {
        Reason::Network
        | Reason::Timeout
        | Reason::Tls
        | Reason::HttpStatus
        | Reason::Throttled => reason,
        _ => Reason::Credentials,
    }
}

impl From<InvalidCredentials> for CredentialsError {
    fn from(error: InvalidCredentials) -> CredentialsError {
        CredentialsError::permanent(error.to_string())
    }
}
