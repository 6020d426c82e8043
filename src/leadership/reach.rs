//! Whether this process can serve: what its own polls say.

use std::time::Duration;

use super::elector::LocalState;
use crate::{
    domain::{Moment, Reason},
    store::{JobEntry, Store},
};

/// A replica that reached the API within this time can serve.
const CONTACT: Duration = Duration::from_mins(1);
/// With a long interval, the last poll may be long ago. It may be this late.
const LATE: Duration = Duration::from_secs(30);
/// A replica none of whose polls has reached the API for this long is cut off.
const CUT_OFF: Duration = Duration::from_mins(1);

/// Watches the polls of a store.
#[derive(Debug, Default)]
pub(super) struct ApiReach {
    /// When a failed poll was first seen since the last that reached the API.
    failing_since: Option<Moment>,
}

impl ApiReach {
    pub(super) fn state(&mut self, store: &Store, now: Moment) -> LocalState {
        let table = store.table();
        let mut last_contact = None;
        let mut last_failure = None;
        // With nothing to poll, there is nothing to reach.
        let mut has_contact = table.jobs.is_empty();
        let mut has_success = false;
        for job in &table.jobs {
            let poll = PollContact::of(job);
            has_contact |= poll.is_recent(now);
            has_success |= poll.is_up;
            last_contact = latest(last_contact, poll.contact);
            last_failure = latest(last_failure, poll.failure);
        }
        let is_failing = match (last_failure, last_contact) {
            (Some(failure), Some(contact)) => is_later(failure, contact),
            (Some(_), None) => true,
            (None, _) => false,
        };
        if is_failing {
            self.failing_since.get_or_insert(now);
        } else {
            self.failing_since = None;
        }
        // A job whose last poll succeeded may poll rarely: it may still reach the API.
        let is_cut_off = match self.failing_since {
            Some(since) => !has_success && now.age_of(since) >= CUT_OFF,
            None => false,
        };
        LocalState {
            can_serve: store.is_ready() && has_contact,
            is_cut_off,
        }
    }
}

/// What the polls of a job say about the connection to the API.
struct PollContact {
    contact: Option<Moment>,
    failure: Option<Moment>,
    is_up: bool,
    interval: Duration,
}

impl PollContact {
    fn of(job: &JobEntry) -> PollContact {
        let snapshot = job.snapshot();
        let mut poll = PollContact {
            contact: snapshot.last_success(),
            failure: None,
            is_up: snapshot.is_up(),
            interval: snapshot.interval,
        };
        if let Some(last) = &snapshot.last {
            match last.failure.as_ref().map(|failure| failure.reason) {
                // All other failures but missing credentials came with a response.
                Some(Reason::Network | Reason::Timeout | Reason::Tls) => {
                    poll.failure = Some(last.at);
                }
                // No request was sent.
                Some(Reason::Credentials) => {}
                _ => poll.contact = Some(last.at),
            }
        }
        poll
    }

    fn is_recent(&self, now: Moment) -> bool {
        let max_age = CONTACT.max(self.interval + LATE);
        self.failure.is_none()
            && self
                .contact
                .is_some_and(|contact| now.age_of(contact) <= max_age)
    }
}

fn latest(a: Option<Moment>, b: Option<Moment>) -> Option<Moment> {
    match (a, b) {
        (Some(a), Some(b)) if is_later(a, b) => Some(a),
        (Some(a), None) => Some(a),
        (_, b) => b,
    }
}

fn is_later(a: Moment, b: Moment) -> bool {
    a.monotonic > b.monotonic
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::{
        client::ApiError,
        collectors,
        domain::{AccountName, Clock, ScanName},
        store::{Outcome, Table},
    };

    const ANSWER: &str = r#"{"Status": "NOT_SCAN"}"#;

    /// A store with one job per account.
    struct Polls {
        store: Store,
        jobs: Vec<Arc<JobEntry>>,
        start: Moment,
    }

    impl Polls {
        fn new(n_accounts: usize) -> Polls {
            let mut table = Table::default();
            for index in 0..n_accounts {
                let account = AccountName::parse(&format!("account-{index}")).unwrap();
                let scan = ScanName::parse("latest").unwrap();
                let stale_after = Duration::from_secs(300);
                let entry = JobEntry::new(&account, Some(&scan), &collectors::ALL[0], stale_after);
                let snapshot = crate::store::Snapshot::unpolled(Duration::from_secs(60));
                entry.replace(snapshot);
                table.jobs.push(Arc::new(entry));
            }
            let jobs = table.jobs.clone();
            let store = Store::default();
            store.replace(table);
            Polls {
                store,
                jobs,
                start: Clock::starting_at(Timestamp::from_second(1_764_000_000).unwrap()).now(),
            }
        }

        fn at(&self, seconds: u64) -> Moment {
            self.start.after(Duration::from_secs(seconds))
        }

        fn poll(&self, job: usize, seconds: u64, reason: Option<Reason>) {
            let at = self.at(seconds);
            let zone = jiff::tz::TimeZone::UTC;
            let result = if let Some(reason) = reason {
                Err(ApiError {
                    as_of: at,
                    ..ApiError::of(reason)
                })
            } else {
                let collector = &collectors::ALL[0];
                let reading = collectors::Reading {
                    time_zone: &zone,
                    as_of: at.wall,
                    limit: 0,
                };
                let parsed = collector.read(&[vec![ANSWER]], reading, None);
                Ok(parsed.unwrap())
            };
            let job = &self.jobs[job];
            let took = Duration::from_millis(100);
            let next = job.snapshot().after(Outcome { at, took, result });
            job.replace(next);
        }

        fn state(&self, reach: &mut ApiReach, seconds: u64) -> (bool, bool) {
            let state = reach.state(&self.store, self.at(seconds));
            (state.can_serve, state.is_cut_off)
        }
    }

    #[test]
    fn a_replica_can_serve_once_everything_was_polled_and_the_api_answered() {
        let polls = Polls::new(2);
        let mut reach = ApiReach::default();
        assert_eq!(polls.state(&mut reach, 0), (false, false), "nothing yet");
        polls.poll(0, 1, None);
        assert_eq!(polls.state(&mut reach, 2), (false, false), "half");
        polls.poll(1, 3, Some(Reason::Auth));
        assert_eq!(
            polls.state(&mut reach, 4),
            (true, false),
            "an error is an answer"
        );
        assert_eq!(
            polls.state(&mut reach, 103),
            (false, false),
            "no news for long"
        );
        let nothing = Polls::new(0);
        assert_eq!(
            nothing.state(&mut reach, 0),
            (true, false),
            "nothing to poll"
        );
    }

    #[test]
    fn a_replica_is_cut_off_after_a_minute_without_any_answer() {
        let polls = Polls::new(2);
        let mut reach = ApiReach::default();
        polls.poll(0, 0, None);
        polls.poll(1, 0, None);
        polls.poll(0, 60, Some(Reason::Timeout));
        assert_eq!(polls.state(&mut reach, 61), (true, false), "the other job");
        polls.poll(1, 70, Some(Reason::Network));
        assert_eq!(polls.state(&mut reach, 120), (false, false));
        assert_eq!(polls.state(&mut reach, 121), (false, true));
        polls.poll(0, 125, Some(Reason::Permission));
        assert_eq!(polls.state(&mut reach, 126), (true, false), "reached again");
    }

    #[test]
    fn one_of_two_endpoints_that_fails_does_not_cut_off() {
        let polls = Polls::new(2);
        let mut reach = ApiReach::default();
        polls.poll(0, 0, None);
        polls.poll(1, 0, None);
        polls.poll(0, 20, Some(Reason::Tls));
        for seconds in [21, 90] {
            assert!(!polls.state(&mut reach, seconds).1, "{seconds}");
        }
    }

    #[test]
    fn missing_credentials_are_no_answer_of_the_api() {
        let polls = Polls::new(1);
        let mut reach = ApiReach::default();
        polls.poll(0, 0, Some(Reason::Credentials));
        for seconds in [1, 120] {
            assert_eq!(polls.state(&mut reach, seconds), (false, false));
        }
    }
}
