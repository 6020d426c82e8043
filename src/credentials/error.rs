//! Why there are no credentials.

use crate::{
    client::ApiError,
    domain::{Moment, Reason},
    signer::InvalidCredentials,
};

/// There are no credentials, and why. Repeats no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CredentialsError {
    message: String,
    prospect: Prospect,
    code: Option<String>,
    request_id: Option<String>,
}

/// How it may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prospect {
    /// Nothing is there at all: a chain goes on to the next link. It may come, as a network does.
    Absent,
    /// When a person does something.
    ByHand,
    /// When the process is started anew: its environment does not change.
    AfterRestart,
    /// By itself, in a while.
    Passing,
}

impl CredentialsError {
    fn new(prospect: Prospect, message: impl Into<String>) -> CredentialsError {
        CredentialsError {
            message: message.into(),
            prospect,
            code: None,
            request_id: None,
        }
    }

    /// What the kind needs is wholly absent.
    pub(super) fn absent(message: impl Into<String>) -> CredentialsError {
        CredentialsError::new(Prospect::Absent, message)
    }

    /// What the kind needs is there, and is not as it should be.
    pub(super) fn broken(message: impl Into<String>) -> CredentialsError {
        CredentialsError::new(Prospect::ByHand, message)
    }

    /// An environment variable is there, and is not as it should be.
    pub(super) fn broken_variable(message: impl Into<String>) -> CredentialsError {
        CredentialsError::new(Prospect::AfterRestart, message)
    }

    /// May pass by itself.
    pub(super) fn passing(message: impl Into<String>) -> CredentialsError {
        CredentialsError::new(Prospect::Passing, message)
    }

    /// STS did not give any.
    pub(super) fn of_sts(action: &str, error: ApiError) -> CredentialsError {
        let prospect = match error.reason {
            Reason::Auth
            | Reason::Permission
            | Reason::InvalidRequest
            | Reason::NotFound
            | Reason::Credentials => Prospect::ByHand,
            _ => Prospect::Passing,
        };
        let message = format!("{action}: {}", error.message);
        CredentialsError {
            message,
            prospect,
            code: error.code,
            request_id: error.request_id,
        }
    }

    pub(super) fn is_absent(&self) -> bool {
        self.prospect == Prospect::Absent
    }

    /// Whether waiting helps nothing: where a chain finds nothing, or a variable that is broken, it stays so.
    pub(super) fn is_final(&self) -> bool {
        matches!(self.prospect, Prospect::Absent | Prospect::AfterRestart)
    }

    pub(super) fn needs_a_person(&self) -> bool {
        matches!(self.prospect, Prospect::ByHand | Prospect::AfterRestart)
    }

    /// Whether both tell of the same trouble.
    pub(super) fn is_same_as(&self, other: &CredentialsError) -> bool {
        (&self.message, &self.code) == (&other.message, &other.code)
    }

    /// The error's code at STS, where it has one.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// What STS called the request, where it was asked.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// The same, where it does not repeat `text`, which is between us and the server.
    pub(super) fn without(self, text: &str) -> CredentialsError {
        if text.is_empty() {
            return self;
        }
        let clean = |from: String| from.replace(text, "<redacted>");
        CredentialsError {
            message: clean(self.message),
            code: self.code.map(clean),
            request_id: self.request_id.map(clean),
            ..self
        }
    }

    /// The same, said of `whose`.
    pub(super) fn of(self, whose: impl std::fmt::Display) -> CredentialsError {
        CredentialsError {
            message: format!("{whose}: {}", self.message),
            ..self
        }
    }

    /// A poll fails for it.
    pub fn into_api_error(self, as_of: Moment) -> ApiError {
        ApiError {
            reason: Reason::Credentials,
            code: self.code,
            status: None,
            message: self.message,
            request_id: self.request_id,
            as_of,
        }
    }
}

impl From<InvalidCredentials> for CredentialsError {
    fn from(error: InvalidCredentials) -> CredentialsError {
        CredentialsError::broken(error.to_string())
    }
}
