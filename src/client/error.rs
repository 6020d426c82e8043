//! What can go wrong with a request.

use std::{error::Error, fmt};

use crate::domain::{Moment, Reason};

/// Messages of servers are cut here: a page of HTML helps nobody in a log.
const MAX_MESSAGE: usize = 300;

/// A request that brought no good answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// Why, for metrics and for what happens next.
    pub reason: Reason,
    /// The API's `Code`, where it gave one.
    pub code: Option<String>,
    /// The HTTP status, where it was not 200.
    pub status: Option<u16>,
    /// For people: one line, without secrets.
    pub message: String,
    /// `RequestId`, where there was one.
    pub request_id: Option<String>,
    /// When the request left.
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
    /// One with a reason and nothing else.
    pub(crate) fn of(reason: Reason) -> ApiError {
        let as_of = crate::domain::Clock::system().now();
        ApiError {
            reason,
            code: None,
            status: None,
            message: String::new(),
            request_id: None,
            as_of,
        }
    }
}

/// An error whose texts are as they came.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) reason: Reason,
    pub(super) code: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) message: String,
    pub(super) request_id: Option<String>,
}

impl Failure {
    pub(super) fn new(reason: Reason, message: impl Into<String>) -> Failure {
        Failure {
            reason,
            code: None,
            status: None,
            message: message.into(),
            request_id: None,
        }
    }

    /// The error without secrets, on one line and not too long.
    pub(super) fn scrubbed(self, scrub: impl Fn(&str) -> String, as_of: Moment) -> ApiError {
        let clean = |text: String| one_line(&scrub(&text));
        ApiError {
            reason: self.reason,
            code: self.code.map(clean),
            status: self.status,
            message: clean(self.message),
            request_id: self.request_id.map(clean),
            as_of,
        }
    }
}

fn one_line(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_MESSAGE)
        .collect();
    if text.chars().count() > MAX_MESSAGE {
        line + "…"
    } else {
        line
    }
}

/// The error and what caused it, through the wrappers of `std::io`, whose `source` skips what they hold.
pub(super) fn sources<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let held = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        match held {
            Some(held) => Some(held),
            None => error.source(),
        }
    })
}

/// The error and its causes on one line, each said once: some repeat the text of their cause.
pub(super) struct Chain<'a>(pub(super) &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = self.0.to_string();
        f.write_str(&last)?;
        for source in sources(self.0).skip(1).map(ToString::to_string) {
            if !last.contains(&source) {
                write!(f, ": {source}")?;
                last = source;
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
    async fn what_a_server_says_is_scrubbed_and_cut_to_one_line() {
        let credentials = Credentials {
            secret_id: "AKIDwho".into(),
            secret_key: Secret::new("canary-key".into()),
            token: Some(Secret::new("canary-token".into())),
        };
        let mut failure = Failure::new(
            Reason::Auth,
            format!("AKIDwho\ncanary-key\x1b[31m{}", "x".repeat(1_000)),
        );
        failure.code = Some("Code.canary-token".into());
        let error = failure.scrubbed(
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
