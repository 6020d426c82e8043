//! What is known of one job at one moment.

use std::{sync::Arc, time::Duration};

use crate::{
    client::ApiError,
    collectors::{Activity, Parsed, Sample},
    domain::Moment,
};

/// Everything known of one job. Never changed: each poll makes the next one out of it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Polls so far.
    pub polls: u64,
    /// Those of them that failed.
    pub failures: u64,
    /// Failed polls since the last good one.
    pub failed_in_a_row: u32,
    /// Those of them that failed for the same reason as the last one, up to the first that did not.
    pub same_reason_in_a_row: u32,
    /// The last poll; none before the first.
    pub last: Option<LastPoll>,
    /// The last good answer, however old; see [`Snapshot::fresh`].
    data: Option<Arc<Data>>,
    /// Values that could not be read so far, by field of the collector.
    pub unexpected: Vec<u64>,
    /// Between the last poll and the next.
    pub interval: Duration,
}

/// How the last poll went.
#[derive(Clone, Debug)]
pub struct LastPoll {
    /// When its last request left.
    pub at: Moment,
    /// Waits and retries included.
    pub took: Duration,
    /// None when it succeeded.
    pub failure: Option<ApiError>,
}

/// A good answer.
#[derive(Clone, Debug)]
pub struct Data {
    /// When the request left that brought it.
    pub as_of: Moment,
    /// Sorted by family.
    pub samples: Vec<Sample>,
    /// Whether a scan runs.
    pub activity: Activity,
}

/// What one poll brought.
#[derive(Debug)]
pub struct Outcome {
    /// When its last request left.
    pub at: Moment,
    /// Waits and retries included.
    pub took: Duration,
    /// The answer, or why there is none.
    pub result: Result<Parsed, ApiError>,
}

impl Snapshot {
    /// Before the first poll of a job with `n_fields` fields.
    pub fn untried(n_fields: usize, interval: Duration) -> Snapshot {
        Snapshot {
            polls: 0,
            failures: 0,
            failed_in_a_row: 0,
            same_reason_in_a_row: 0,
            last: None,
            data: None,
            unexpected: vec![0; n_fields],
            interval,
        }
    }

    /// After a poll that brought `outcome`. Only a full success moves the data and their time.
    #[must_use]
    pub fn after(&self, outcome: Outcome) -> Snapshot {
        let Outcome { at, took, result } = outcome;
        let mut next = Snapshot {
            polls: self.polls + 1,
            ..self.clone()
        };
        let failure = match result {
            Ok(Parsed {
                samples,
                unexpected,
                activity,
            }) => {
                unexpected
                    .into_iter()
                    .for_each(|field| next.unexpected[field] += 1);
                next.data = Some(Arc::new(Data {
                    as_of: at,
                    samples,
                    activity,
                }));
                (next.failed_in_a_row, next.same_reason_in_a_row) = (0, 0);
                None
            }
            Err(error) => {
                next.failures += 1;
                next.failed_in_a_row = next.failed_in_a_row.saturating_add(1);
                let is_same = self
                    .failure()
                    .is_some_and(|last| last.reason == error.reason);
                next.same_reason_in_a_row = if is_same {
                    self.same_reason_in_a_row.saturating_add(1)
                } else {
                    1
                };
                Some(error)
            }
        };
        next.last = Some(LastPoll { at, took, failure });
        next
    }

    /// Why the last poll failed, if it did.
    pub fn failure(&self) -> Option<&ApiError> {
        self.last.as_ref().and_then(|last| last.failure.as_ref())
    }

    /// Whether the last poll succeeded.
    pub fn is_up(&self) -> bool {
        self.last
            .as_ref()
            .is_some_and(|last| last.failure.is_none())
    }

    /// When the last good answer was asked for.
    pub fn last_success(&self) -> Option<Moment> {
        self.data.as_ref().map(|data| data.as_of)
    }

    /// The last good answer, unless it is older than `stale_after`. There is no other way to it.
    pub fn fresh(&self, now: Moment, stale_after: Duration) -> Option<&Arc<Data>> {
        self.data
            .as_ref()
            .filter(|data| now.age_of(data.as_of) <= stale_after)
    }
}
