//! What follows from a failure: the one place that decides.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tracing::Level;

use crate::{
    client::{ApiError, TOKEN_FAILURE},
    collectors::Pace,
    config::Poll,
    domain::{Backoff, Moment, Reason},
    store::Snapshot,
};

/// Including the first one.
const MAX_ATTEMPTS: u32 = 3;
/// The pauses before retries.
const RETRY: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(1));
/// After throttling: the API counts by the second.
const RETRY_THROTTLED: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(2));
/// Permanent failures are polled no less often than this, also by collectors with a longer interval: an
/// operator who grants a permission must not wait an hour to see it.
const MAX_BACKOFF: Duration = Duration::from_mins(10);
/// Nor less often than once in this many intervals.
const MAX_BACKOFF_INTERVALS: u32 = 10;
/// With a longer interval, the first poll after a transient failure comes after this time.
const RETRY_INTERVAL: Duration = Duration::from_mins(1);
/// A scan that is about to end is polled no sooner than this.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

/// Whether the API rejected the token, which may have expired in flight.
pub(super) fn is_token_failure(error: &ApiError) -> bool {
    error.code.as_deref() == Some(TOKEN_FAILURE)
}

/// How long to wait before repeating the request whose attempt number `attempt` failed. `None` if
/// it is not to be repeated within this poll.
pub(super) fn retry_after(error: &ApiError, attempt: u32) -> Option<Duration> {
    if attempt >= MAX_ATTEMPTS {
        return None;
    }
    match error.reason {
        Reason::Throttled => Some(RETRY_THROTTLED.jittered(attempt)),
        Reason::Server | Reason::Network => Some(RETRY.jittered(attempt)),
        Reason::HttpStatus if error.status.is_some_and(|status| status >= 500) => {
            Some(RETRY.jittered(attempt))
        }
        // Permanent failures, and those that would take too long or fail again.
        _ => None,
    }
}

/// The time from the start of this poll to the start of the next.
pub(super) fn interval(poll: &Poll, snapshot: &Snapshot, now: Moment) -> Duration {
    if let Some(error) = snapshot.failure()
        && error.reason.is_permanent()
    {
        // An account that polls every 10 s is checked again within 100 s, not after 10 minutes.
        let max = poll
            .interval
            .saturating_mul(MAX_BACKOFF_INTERVALS)
            .min(MAX_BACKOFF);
        let backoff = Backoff::new(poll.interval.min(max), max);
        return backoff.delay(snapshot.same_reason_in_a_row);
    }
    let pace = match snapshot.fresh(now, poll.stale_after) {
        Some(data) => data.pace,
        None => Pace::Idle,
    };
    // Only once in a row: an API that says "1 second" for an hour must not cost the identity its
    // rate.
    let was_shortened = snapshot.interval < poll.scanning_interval;
    match pace {
        // A collector that polls hourly must not wait an hour for the end of a short failure.
        Pace::Idle if snapshot.failure().is_some() && poll.interval > RETRY_INTERVAL => {
            Backoff::new(RETRY_INTERVAL, poll.interval).delay(snapshot.failed_in_a_row)
        }
        Pace::Idle => poll.interval,
        // After a failure, the estimate is not worth polling sooner.
        Pace::Scanning {
            remaining: Some(remaining),
        } if snapshot.is_up() && !was_shortened => {
            poll.scanning_interval.min(remaining.max(MIN_INTERVAL))
        }
        Pace::Scanning { .. } => poll.scanning_interval,
    }
}

/// A poll that is later than this was held up by something other than load.
const LATE: Duration = Duration::from_secs(5);
/// Polls that are late together are spread over this time at most.
const MAX_SPREAD: Duration = Duration::from_secs(10);

/// When to do a poll that was due at `due`, at `now`; `None` for at once.
///
/// After a pause of the whole process, as by `docker pause`, all jobs are late together. If each
/// polled at once and counted its interval from then on, they would always poll together. So each
/// keeps its place in the interval: it skips the turns that it missed, and moves a turn for which
/// it is only late by a little.
pub(super) fn catch_up(due: Instant, now: Instant, interval: Duration) -> CatchUp {
    let late = now.saturating_duration_since(due);
    if late <= LATE {
        return CatchUp::PollNow;
    }
    if late < interval {
        let spread = late.min(MAX_SPREAD).mul_f64(fastrand::f64());
        return CatchUp::PollAfter(spread);
    }
    let missed = late.as_nanos() / interval.as_nanos().max(1);
    let missed = u32::try_from(missed).unwrap_or(u32::MAX);
    CatchUp::SkipTo(due + interval.saturating_mul(missed.saturating_add(1)))
}

/// What to do about a turn whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CatchUp {
    PollNow,
    PollAfter(Duration),
    /// The next turn is at this time.
    SkipTo(Instant),
}

/// The API accepts signatures that are off by at most this.
const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Whether the clock of a server agrees with `now`. One that does not say its time, and answers,
/// has accepted a signature of about now.
pub(super) fn clocks_agree(now: Timestamp, server: Option<Timestamp>) -> bool {
    match server {
        Some(server) => server.duration_since(now).abs() <= MAX_CLOCK_SKEW,
        None => true,
    }
}

/// The level at which to log a failed poll: a new failure is loud, a repeated one is not.
pub(super) fn level(error: &ApiError, is_new: bool) -> Level {
    // A failure can last for days at one poll a minute. The metric says that it goes on.
    if !is_new {
        Level::INFO
    } else if error.reason.is_permanent() {
        Level::ERROR
    } else {
        Level::WARN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        collectors::{self, Reading},
        domain::Clock,
        store::Outcome,
    };

    const POLL: Poll = Poll {
        interval: Duration::from_secs(60),
        scanning_interval: Duration::from_secs(10),
        timeout: Duration::from_secs(10),
        stale_after: Duration::from_secs(300),
    };

    fn now() -> Moment {
        Clock::starting_at(Timestamp::UNIX_EPOCH).now()
    }

    fn reading(time_zone: &jiff::tz::TimeZone) -> Reading<'_> {
        Reading {
            time_zone,
            as_of: now().wall,
            limit: 0,
        }
    }

    fn failed(snapshot: &Snapshot, reason: Reason) -> Snapshot {
        let result = Err(ApiError::of(reason));
        snapshot.after(Outcome {
            at: now(),
            took: Duration::ZERO,
            result,
        })
    }

    fn answered(pace: Pace) -> Snapshot {
        let response = match pace {
            Pace::Idle => r#"{"Status": "SCANNED"}"#.to_owned(),
            Pace::Scanning { remaining } => {
                let seconds = remaining.unwrap_or_default().as_secs_f64();
                format!(r#"{{"Status": "SCANNING", "RemainingTime": {seconds}}}"#)
            }
        };
        let zone = jiff::tz::TimeZone::UTC;
        let parsed = collectors::ALL[0]
            .read(&[vec![&response]], reading(&zone), None)
            .unwrap();
        let result = Ok(parsed);
        Snapshot::unpolled(POLL.interval).after(Outcome {
            at: now(),
            took: Duration::ZERO,
            result,
        })
    }

    fn scanning(remaining: Option<f64>) -> Pace {
        Pace::Scanning {
            remaining: remaining.map(Duration::from_secs_f64),
        }
    }

    fn seconds(snapshot: &Snapshot) -> f64 {
        interval(&POLL, snapshot, now()).as_secs_f64()
    }

    #[test]
    fn a_running_scan_is_asked_more_often_and_just_after_it_says_it_ends() {
        let cases = [
            (Pace::Idle, 60.0),
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
    fn permanent_failures_back_off() {
        let mut snapshot = answered(Pace::Idle);
        let intervals: Vec<f64> = (0..6)
            .map(|_| {
                snapshot = failed(&snapshot, Reason::Auth);
                seconds(&snapshot)
            })
            .collect();
        assert_eq!(intervals, [60.0, 120.0, 240.0, 480.0, 600.0, 600.0]);
    }

    #[test]
    fn transient_failures_do_not_count_towards_the_back_off() {
        let mut snapshot = answered(Pace::Idle);
        for _ in 0..8 {
            snapshot = failed(&snapshot, Reason::Server);
        }
        assert_eq!(seconds(&failed(&snapshot, Reason::Auth)), 60.0);
    }

    #[test]
    fn a_back_off_ends_at_ten_intervals_or_ten_minutes() {
        let failing = |interval| {
            let mut snapshot = answered(Pace::Idle);
            for _ in 0..50 {
                snapshot = failed(&snapshot, Reason::Auth);
            }
            super::interval(&Poll { interval, ..POLL }, &snapshot, now())
        };
        let hour = Duration::from_hours(1);
        assert_eq!(failing(hour), MAX_BACKOFF);
        assert_eq!(failing(Duration::from_mins(5)), MAX_BACKOFF);
        assert_eq!(failing(Duration::from_secs(1)), Duration::from_secs(10));
    }

    #[test]
    fn transient_failures_keep_the_interval() {
        let mut snapshot = answered(scanning(Some(2.0)));
        for _ in 0..10 {
            snapshot = failed(&snapshot, Reason::Server);
            assert_eq!(seconds(&snapshot), 10.0);
        }
    }

    #[test]
    fn transient_failures_of_an_hourly_poll_are_retried_soon() {
        let hour = Duration::from_hours(1);
        let poll = Poll {
            interval: hour,
            ..POLL
        };
        let mut snapshot = answered(Pace::Idle);
        let mut minutes = Vec::new();
        for _ in 0..8 {
            snapshot = failed(&snapshot, Reason::Network);
            minutes.push(super::interval(&poll, &snapshot, now()).as_secs() / 60);
        }
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn an_estimate_that_does_not_come_true_does_not_shorten_the_interval_again() {
        let mut snapshot = answered(scanning(Some(1.0)));
        assert_eq!(seconds(&snapshot), 1.0);
        snapshot.interval = Duration::from_secs(1);
        assert_eq!(seconds(&snapshot), 10.0);
        snapshot.interval = Duration::from_secs(10);
        assert_eq!(seconds(&snapshot), 1.0);
    }

    #[test]
    fn clocks_agree_within_the_skew_that_the_api_accepts() {
        let now = Timestamp::from_second(1_764_000_000).unwrap();
        for (seconds, expected) in [(0, true), (300, true), (-300, true), (301, false)] {
            let server = now + SignedDuration::from_secs(seconds);
            assert_eq!(clocks_agree(now, Some(server)), expected, "{seconds}");
        }
        assert!(clocks_agree(now, None));
    }

    #[test]
    fn a_missed_turn_is_skipped_and_a_late_one_is_moved_a_little() {
        let due = Instant::now();
        let interval = Duration::from_secs(60);
        let at = |late: f64| catch_up(due, due + Duration::from_secs_f64(late), interval);
        assert_eq!(at(0.0), CatchUp::PollNow);
        assert_eq!(at(4.9), CatchUp::PollNow);
        for _ in 0..100 {
            let CatchUp::PollAfter(spread) = at(59.0) else {
                panic!("{:?}", at(59.0))
            };
            assert!(spread <= MAX_SPREAD);
        }
        assert_eq!(at(60.0), CatchUp::SkipTo(due + interval * 2));
        assert_eq!(at(150.0), CatchUp::SkipTo(due + interval * 3));
    }

    #[test]
    fn only_failures_that_may_pass_within_a_poll_are_retried_and_twice_at_most() {
        for reason in Reason::ALL {
            let error = ApiError {
                status: Some(502),
                ..ApiError::of(reason)
            };
            let is_retried = matches!(
                reason,
                Reason::Throttled | Reason::Server | Reason::Network | Reason::HttpStatus
            );
            assert_eq!(retry_after(&error, 1).is_some(), is_retried, "{reason}");
            assert_eq!(retry_after(&error, 2).is_some(), is_retried, "{reason}");
            assert_eq!(retry_after(&error, 3), None, "{reason}");
        }
        let redirect = ApiError {
            status: Some(302),
            ..ApiError::of(Reason::HttpStatus)
        };
        assert_eq!(retry_after(&redirect, 1), None);
    }
}
