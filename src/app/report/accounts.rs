//! `check --live`: one row an account.

use std::time::Duration;

use jiff::Timestamp;

use super::{Keys, Row, grid, notes};
use crate::{domain::Moment, poller::Job};

const HEAD: [&str; 4] = ["ACCOUNT", "CREDENTIALS", "EXPIRES", "RESULT"];

/// Of accounts that were polled once, each with its first scan.
pub(in crate::app) fn table(jobs: &[Job], now: Moment) -> String {
    grid(HEAD, jobs.iter().map(|job| row(job, now)))
}

fn row(job: &Job, now: Moment) -> Row<4> {
    let Keys { origin, expires } = Keys::of(job);
    let snapshot = job.entry.snapshot();
    let (result, notes) = match snapshot.failure() {
        None => ("ok".into(), Vec::new()),
        Some(error) => (format!("failed: {}", error.reason), notes(error)),
    };
    let expires = expires.map_or_else(|| "-".into(), |at| until(at, now.wall));
    Row {
        cells: [job.account.name.to_string(), origin, expires, result],
        notes,
    }
}

fn until(at: Timestamp, now: Timestamp) -> String {
    match Duration::try_from(at.duration_since(now)) {
        Ok(left) if left >= Duration::from_secs(1) => {
            format!(
                "in {}",
                humantime::format_duration(Duration::from_secs(left.as_secs()))
            )
        }
        _ => "now".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_is_said_in_time_that_is_left() {
        let now = Timestamp::UNIX_EPOCH;
        let at = |seconds| until(Timestamp::from_second(seconds).unwrap(), now);
        assert_eq!(at(7_199), "in 1h 59m 59s");
        assert_eq!(at(0), "now");
        assert_eq!(at(-5), "now");
    }
}
