//! `check --live`: one row per account and collector.

use std::time::Duration;

use jiff::Timestamp;

use super::{CredentialsOrigin, TableRow, format_table, notes};
use crate::{
    domain::{Moment, Reason, format_duration},
    poller::Job,
    store::Snapshot,
};

const HEAD: [&str; 5] = ["ACCOUNT", "COLLECTOR", "CREDENTIALS", "EXPIRES", "RESULT"];

/// The result of polling the first scan of every account once.
pub(in crate::app) fn table(jobs: &[Job], now: Moment) -> String {
    let mut rows = Vec::new();
    for job in jobs {
        rows.push(row(job, now));
    }
    format_table(HEAD, &rows)
}

fn row(job: &Job, now: Moment) -> TableRow<5> {
    let CredentialsOrigin { origin, expires } = CredentialsOrigin::new(job);
    let expires = match expires {
        Some(at) => until(at, now.wall),
        None => "-".into(),
    };
    let snapshot = job.entry.snapshot();
    let result = match snapshot.failure() {
        Some(error) => format!("failed: {}", error.reason),
        None => "ok".into(),
    };
    TableRow {
        cells: [
            job.account.name.to_string(),
            job.collector.name.into(),
            origin,
            expires,
            result,
        ],
        notes: all_notes(job, &snapshot),
    }
}

/// With the permissions of the collector, if one of them is missing.
fn all_notes(job: &Job, snapshot: &Snapshot) -> Vec<String> {
    let mut notes = notes(snapshot);
    if let Some(error) = snapshot.failure()
        && error.reason == Reason::Permission
    {
        let mut actions: Vec<String> = Vec::new();
        for action in job.collector.actions {
            let permission = format!("\"tcss:{}\"", action.name);
            if !actions.contains(&permission) {
                actions.push(permission);
            }
        }
        notes.push(format!("the collector needs: {}", actions.join(", ")));
    }
    notes
}

fn until(at: Timestamp, now: Timestamp) -> String {
    let seconds = at.duration_since(now).as_secs();
    // A clock that was set back can make the expiry lie in the past; that is not an error here.
    if seconds < 1 {
        return "now".into();
    }
    let left = Duration::from_secs(seconds.unsigned_abs());
    format!("in {}", format_duration(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_is_shown_as_the_time_left() {
        let now = Timestamp::UNIX_EPOCH;
        let at = |seconds| until(Timestamp::from_second(seconds).unwrap(), now);
        assert_eq!(at(7_199), "in 1h 59m 59s");
        assert_eq!(at(0), "now");
        assert_eq!(at(-5), "now");
    }
}
