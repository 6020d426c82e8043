//! The state of one job at one moment.

use std::{sync::Arc, time::Duration};

use crate::{
    client::ApiError,
    collectors::{AnyAnswer, Pace, Parsed},
    domain::Moment,
};

/// The state of one job. It never changes: each poll makes the next one from it.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Polls so far, including those that failed.
    pub polls: u64,
    pub failures: u64,
    /// Failures since the last success.
    pub failed_in_a_row: u32,
    /// The last of those that have the same reason as the latest.
    pub same_reason_in_a_row: u32,
    /// `None` before the first poll.
    pub last: Option<LastPoll>,
    /// The last good answer, however old; see [`Snapshot::fresh`].
    data: Option<Arc<Data>>,
    /// Values that could not be read so far.
    pub unexpected_values: u64,
    /// The time between the last poll and the next.
    pub interval: Duration,
}

#[derive(Clone, Debug)]
pub struct LastPoll {
    /// When it called the API: its first request after a success, the failed one after a failure.
    pub at: Moment,
    /// Including waits and retries.
    pub took: Duration,
    /// `None` if it succeeded.
    pub failure: Option<ApiError>,
}

/// A good answer.
#[derive(Clone, Debug)]
pub struct Data {
    /// When it was asked for: it is at least this old.
    pub as_of: Moment,
    pub answer: AnyAnswer,
    pub pace: Pace,
    /// See [`Parsed::starts_ahead`].
    pub starts_ahead: Option<Duration>,
    /// The fields that were missing or could not be read.
    pub unexpected: Vec<&'static str>,
}

/// The result of one poll.
#[derive(Debug)]
pub struct Outcome {
    /// When it called the API: its first request after a success, the failed one after a failure.
    pub at: Moment,
    /// Including waits and retries.
    pub took: Duration,
    pub result: Result<Parsed, ApiError>,
}

impl Snapshot {
    /// Before the first poll.
    pub fn unpolled(interval: Duration) -> Snapshot {
        Snapshot {
            interval,
            ..Snapshot::default()
        }
    }

    /// The state after a poll. Only a success replaces the data and their time.
    #[must_use]
    pub fn after(&self, outcome: Outcome) -> Snapshot {
        let Outcome { at, took, result } = outcome;
        let mut next = Snapshot {
            polls: self.polls + 1,
            ..self.clone()
        };
        let failure = match result {
            Ok(Parsed {
                answer,
                pace,
                starts_ahead,
                unexpected,
            }) => {
                next.unexpected_values += unexpected.len() as u64;
                next.data = Some(Arc::new(Data {
                    as_of: at,
                    answer,
                    pace,
                    starts_ahead,
                    unexpected,
                }));
                next.failed_in_a_row = 0;
                next.same_reason_in_a_row = 0;
                None
            }
            Err(error) => {
                next.failures += 1;
                // The data stay as they are: they age, and are withheld when they are stale.
                next.failed_in_a_row = next.failed_in_a_row.saturating_add(1);
                // Another reason means that something has changed, so the back-off starts again.
                next.same_reason_in_a_row = match self.failure() {
                    Some(last) if last.reason == error.reason => {
                        self.same_reason_in_a_row.saturating_add(1)
                    }
                    _ => 1,
                };
                Some(error)
            }
        };
        next.last = Some(LastPoll { at, took, failure });
        next
    }

    /// Why the last poll failed, if it did.
    pub fn failure(&self) -> Option<&ApiError> {
        self.last.as_ref()?.failure.as_ref()
    }

    /// Whether the last poll succeeded.
    pub fn is_up(&self) -> bool {
        matches!(&self.last, Some(last) if last.failure.is_none())
    }

    /// Whether the last poll failed for a reason that an operator must fix.
    pub fn fails_permanently(&self) -> bool {
        matches!(self.failure(), Some(error) if error.reason.is_permanent())
    }

    /// When the last good answer was asked for.
    pub fn last_success(&self) -> Option<Moment> {
        Some(self.data.as_ref()?.as_of)
    }

    /// The last good answer, unless it is older than `stale_after`. What describes the present is
    /// taken from here.
    pub fn fresh(&self, now: Moment, stale_after: Duration) -> Option<&Arc<Data>> {
        let data = self.data.as_ref()?;
        is_fresh(data.as_of, now, stale_after).then_some(data)
    }

    /// The last good answer, however old: for facts about the past, and to read the next answer.
    pub fn latest(&self) -> Option<&Arc<Data>> {
        self.data.as_ref()
    }
}

/// Whether data that were asked for at `as_of` may be shown as the present.
pub fn is_fresh(as_of: Moment, now: Moment, stale_after: Duration) -> bool {
    now.age_of(as_of) <= stale_after
}
