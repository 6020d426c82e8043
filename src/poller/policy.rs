//! What follows from a failure: the one place that decides.

use std::time::Duration;

use tracing::Level;

use crate::{
    client::{ApiError, TOKEN_FAILURE},
    collectors::Activity,
    config::Poll,
    domain::{Moment, Reason},
    store::Snapshot,
};

/// One request and at most two more.
const MAX_ATTEMPTS: u32 = 3;
/// Before the first retry; doubled before the second.
const PAUSE: Duration = Duration::from_millis(250);
/// The API counts by the second, so one that throttled is left alone for one.
const PAUSE_AFTER_THROTTLING: Duration = Duration::from_secs(1);
/// What only a person can mend is tried no less often than this, or at its interval where that is longer.
const LONGEST_BACK_OFF: Duration = Duration::from_mins(10);
/// And no more rarely than this many intervals.
const MOST_INTERVALS: u32 = 10;
/// A scan that says it ends sooner is not asked sooner.
const SHORTEST: Duration = Duration::from_secs(1);

/// How a failure may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prospect {
    /// Within the poll: worth another request.
    Brief,
    /// By itself, in a while.
    Passing,
    /// When a person does something.
    ByHand,
}

fn prospect(error: &ApiError) -> Prospect {
    match error.reason {
        Reason::Throttled | Reason::Server | Reason::Network => Prospect::Brief,
        Reason::HttpStatus if error.status.is_some_and(|status| status >= 500) => Prospect::Brief,
        Reason::HttpStatus | Reason::Timeout | Reason::Tls | Reason::Decode | Reason::TooLarge => {
            Prospect::Passing
        }
        Reason::Auth
        | Reason::Permission
        | Reason::InvalidRequest
        | Reason::NotFound
        | Reason::Credentials => Prospect::ByHand,
    }
}

/// Whether the API has had enough of a token: it may have expired on the way.
pub(super) fn is_token_failure(error: &ApiError) -> bool {
    error.code.as_deref() == Some(TOKEN_FAILURE)
}

/// Whether it stays as it is until a person does something.
pub(super) fn needs_a_person(error: &ApiError) -> bool {
    prospect(error) == Prospect::ByHand
}

/// How long to wait before repeating the request that failed as attempt `attempt`; none: not in this poll.
pub(super) fn retry_after(error: &ApiError, attempt: u32) -> Option<Duration> {
    if attempt >= MAX_ATTEMPTS || prospect(error) != Prospect::Brief {
        return None;
    }
    let pause = if error.reason == Reason::Throttled {
        PAUSE_AFTER_THROTTLING
    } else {
        PAUSE
    };
    Some(pause.mul_f64(f64::from(1 << (attempt - 1)) * (0.75 + 0.5 * fastrand::f64())))
}

/// How long after this poll's begin the next one begins.
pub(super) fn interval(poll: &Poll, snapshot: &Snapshot, now: Moment) -> Duration {
    match snapshot.failure() {
        Some(error) if needs_a_person(error) => {
            back_off(poll.interval, snapshot.same_reason_in_a_row)
        }
        Some(_) => of_activity(poll, snapshot, now, None),
        None => of_activity(poll, snapshot, now, Some(SHORTEST)),
    }
}

/// Sooner while a scan runs, and `sooner_still`, where that is given, when it says that it ends before that.
fn of_activity(
    poll: &Poll,
    snapshot: &Snapshot,
    now: Moment,
    sooner_still: Option<Duration>,
) -> Duration {
    let activity = snapshot
        .fresh(now, poll.stale_after)
        .map_or(Activity::Idle, |data| data.activity);
    match (activity, sooner_still) {
        (Activity::Idle, _) => poll.interval,
        (
            Activity::Scanning {
                remaining: Some(remaining),
            },
            Some(shortest),
        ) => poll.scanning_interval.min(remaining.max(shortest)),
        (Activity::Scanning { .. }, _) => poll.scanning_interval,
    }
}

/// Doubles with each failure in a row.
fn back_off(interval: Duration, n_failures: u32) -> Duration {
    let doubled = interval.saturating_mul(1 << n_failures.saturating_sub(1).min(8));
    doubled
        .min(interval.saturating_mul(MOST_INTERVALS))
        .min(LONGEST_BACK_OFF)
        .max(interval)
}

/// How loudly to say that a poll failed: news loudly, what was said before softly.
pub(super) fn level(error: &ApiError, is_news: bool) -> Level {
    match (is_news, prospect(error)) {
        (true, Prospect::ByHand) => Level::ERROR,
        (true, _) => Level::WARN,
        (false, _) => Level::INFO,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{collectors::Parsed, domain::Clock, store::Outcome};

    const POLL: Poll = Poll {
        interval: Duration::from_secs(60),
        scanning_interval: Duration::from_secs(10),
        timeout: Duration::from_secs(10),
        stale_after: Duration::from_secs(300),
    };

    fn now() -> Moment {
        Clock::starting_at(Timestamp::UNIX_EPOCH).now()
    }

    fn failed(snapshot: &Snapshot, reason: Reason) -> Snapshot {
        let result = Err(ApiError::of(reason));
        snapshot.after(Outcome {
            at: now(),
            took: Duration::ZERO,
            result,
        })
    }

    fn answered(activity: Activity) -> Snapshot {
        let parsed = Parsed {
            samples: Vec::new(),
            unexpected: Vec::new(),
            activity,
        };
        let untried = Snapshot::untried(0, POLL.interval);
        untried.after(Outcome {
            at: now(),
            took: Duration::ZERO,
            result: Ok(parsed),
        })
    }

    fn scanning(remaining: Option<f64>) -> Activity {
        Activity::Scanning {
            remaining: remaining.map(Duration::from_secs_f64),
        }
    }

    fn seconds(snapshot: &Snapshot) -> f64 {
        interval(&POLL, snapshot, now()).as_secs_f64()
    }

    #[test]
    fn a_running_scan_is_asked_more_often_and_just_after_it_says_it_ends() {
        let cases = [
            (Activity::Idle, 60.0),
            (scanning(None), 10.0),
            (scanning(Some(3_600.0)), 10.0),
            (scanning(Some(4.0)), 4.0),
            (scanning(Some(0.1)), 1.0),
        ];
        for (activity, expected) in cases {
            assert_eq!(seconds(&answered(activity)), expected, "{activity:?}");
        }
    }

    #[test]
    fn what_a_person_must_mend_is_tried_less_and_less_often() {
        let mut snapshot = answered(Activity::Idle);
        let intervals: Vec<f64> = (0..6)
            .map(|_| {
                snapshot = failed(&snapshot, Reason::Auth);
                seconds(&snapshot)
            })
            .collect();
        assert_eq!(intervals, [60.0, 120.0, 240.0, 480.0, 600.0, 600.0]);
    }

    #[test]
    fn what_passed_by_itself_does_not_count_towards_the_back_off() {
        let mut snapshot = answered(Activity::Idle);
        for _ in 0..8 {
            snapshot = failed(&snapshot, Reason::Server);
        }
        assert_eq!(seconds(&failed(&snapshot, Reason::Auth)), 60.0);
    }

    #[test]
    fn a_back_off_is_never_shorter_than_the_interval() {
        let hour = Duration::from_hours(1);
        assert_eq!(back_off(hour, 50), hour);
        assert_eq!(
            back_off(Duration::from_secs(1), 50),
            Duration::from_secs(10)
        );
    }

    #[test]
    fn what_may_pass_by_itself_keeps_the_interval() {
        let mut snapshot = answered(scanning(Some(2.0)));
        for _ in 0..10 {
            snapshot = failed(&snapshot, Reason::Server);
            assert_eq!(seconds(&snapshot), 10.0);
        }
    }

    #[test]
    fn only_brief_failures_are_retried_and_twice_at_most() {
        for reason in Reason::ALL {
            let error = ApiError {
                status: Some(502),
                ..ApiError::of(reason)
            };
            let brief = matches!(
                reason,
                Reason::Throttled | Reason::Server | Reason::Network | Reason::HttpStatus
            );
            assert_eq!(retry_after(&error, 1).is_some(), brief, "{reason}");
            assert_eq!(retry_after(&error, 2).is_some(), brief, "{reason}");
            assert_eq!(retry_after(&error, 3), None, "{reason}");
        }
        let redirect = ApiError {
            status: Some(302),
            ..ApiError::of(Reason::HttpStatus)
        };
        assert_eq!(retry_after(&redirect, 1), None);
    }
}
