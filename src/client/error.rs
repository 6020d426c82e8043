//! What can go wrong with a request.

use std::{error::Error, fmt};

use crate::domain::{Moment, Reason};

/// Messages of servers are cut here: a whole HTML page does not help in a log.
const MAX_MESSAGE_CHARS: usize = 300;

/// A request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    pub reason: Reason,
    /// The API's `Code`, where it sent one.
    pub code: Option<String>,
    /// The HTTP status, where it was not 200.
    pub status: Option<u16>,
    /// Whether the request died on a kept connection before the first byte of its response. All
    /// requests only read, so it may be repeated at once.
    pub is_stale_connection: bool,
    /// Whether no request was sent because there are no credentials, which their source has logged.
    pub is_of_credentials: bool,
    /// One line, without secrets.
    pub message: String,
    /// The API's `RequestId`, where it sent one.
    pub request_id: Option<String>,
    /// When the request was sent.
    pub as_of: Moment,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = &self.code {
            write!(f, "{code}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl Error for ApiError {}

#[cfg(test)]
impl ApiError {
    /// An error with a reason and nothing else.
    pub(crate) fn of(reason: Reason) -> ApiError {
        let as_of = crate::domain::Clock::system().now();
        ApiError {
            reason,
            code: None,
            status: None,
            is_stale_connection: false,
            is_of_credentials: false,
            message: String::new(),
            request_id: None,
            as_of,
        }
    }
}

/// An error whose texts are as the server sent them: they may repeat secrets.
#[derive(Debug)]
pub(super) struct RawError {
    pub(super) reason: Reason,
    pub(super) code: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) is_stale_connection: bool,
    pub(super) message: String,
    pub(super) request_id: Option<String>,
}

impl RawError {
    pub(super) fn new(reason: Reason, message: impl Into<String>) -> RawError {
        RawError {
            reason,
            code: None,
            status: None,
            is_stale_connection: false,
            message: message.into(),
            request_id: None,
        }
    }

    /// The same without secrets, on one line, and cut where it is too long.
    pub(super) fn scrubbed(self, scrub: impl Fn(&str) -> String, as_of: Moment) -> ApiError {
        let clean = |text: String| one_line(&scrub(&text));
        ApiError {
            reason: self.reason,
            code: self.code.map(clean),
            status: self.status,
            is_stale_connection: self.is_stale_connection,
            is_of_credentials: false,
            message: clean(self.message),
            request_id: self.request_id.map(clean),
            as_of,
        }
    }
}

fn one_line(text: &str) -> String {
    let mut line = String::new();
    for (index, c) in text.chars().enumerate() {
        if index == MAX_MESSAGE_CHARS {
            line.push('…');
            break;
        }
        line.push(if c.is_control() { ' ' } else { c });
    }
    line
}

/// The error and its causes, outermost first.
pub(crate) fn sources<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        // `source` of an I/O error skips the error that it wraps.
        if let Some(io_error) = error.downcast_ref::<std::io::Error>()
            && let Some(wrapped) = io_error.get_ref()
        {
            return Some(wrapped as &(dyn Error + 'static));
        }
        error.source()
    })
}

/// The error and its causes on one line. A cause that the error before it already repeats is left
/// out.
pub(crate) struct ErrorChain<'a>(pub(crate) &'a (dyn Error + 'static));

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = self.0.to_string();
        f.write_str(&last)?;
        for source in sources(self.0).skip(1) {
            let text = source.to_string();
            if !last.contains(&text) {
                write!(f, ": {text}")?;
                last = text;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{
        domain::Clock,
        signer::{Credentials, Secret},
    };

    #[tokio::test]
    async fn the_text_of_a_server_is_scrubbed_and_cut_to_one_line() {
        let credentials = Credentials {
            secret_id: "AKIDwho".into(),
            secret_key: Secret::new("canary-key".into()),
            token: Some(Secret::new("canary-token".into())),
        };
        let mut raw = RawError::new(
            Reason::Auth,
            format!("AKIDwho\ncanary-key\x1b[31m{}", "x".repeat(1_000)),
        );
        raw.code = Some("Code.canary-token".into());
        let error = raw.scrubbed(
            |text| credentials.scrub(text),
            Clock::starting_at(Timestamp::UNIX_EPOCH).now(),
        );
        let text = error.to_string();
        assert!(
            text.starts_with("Code.<redacted>: <redacted> <redacted> [31mxxx"),
            "{text}"
        );
        assert!(
            text.chars().count() < 350 && !text.contains("canary"),
            "{text}"
        );
    }
}
