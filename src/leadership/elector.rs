//! Who leads: state, observation and time → what to do next. Pure.
//!
//! The rules are those of client-go where clocks are concerned. The times in a Lease are for
//! people: a replica measures how long a Lease has not changed with its own clock, so clocks may
//! differ by hours. A Lease is written against the version that was read, so of several replicas
//! that take it at the same time, one succeeds.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::record::{LeaseKey, LeaseRecord};
use crate::domain::Moment;

/// Attempts to write whose outcome may show later. More cannot be on their way: each is given up
/// after a quarter of the lease duration.
const MAX_ATTEMPTS: usize = 16;

/// How long things take, all of them shares of the lease duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTimes {
    /// After this long without a sign of life, others take the lease.
    duration: Duration,
}

impl LeaseTimes {
    pub const fn new(duration: Duration) -> LeaseTimes {
        LeaseTimes { duration }
    }

    /// From one renewal to the next.
    pub(super) fn renew_interval(self) -> Duration {
        // The shares are those of client-go: 15 s, renewed every 2 s, and given up 10 s after the
        // last renewal.
        self.duration * 2 / 15
    }

    /// How long a renewal counts, from the moment at which it was sent.
    pub(super) fn confirmed(self) -> Duration {
        self.duration * 2 / 3
    }

    /// Less than half of `LeaseTimes::confirmed`, so that there is time for a second attempt.
    pub fn request_timeout(self) -> Duration {
        self.duration / 4
    }

    /// From one look of a standby to the next. Differs each time, so that replicas do not keep
    /// meeting. Short enough to notice the last renewal of a leader soon.
    fn read_interval(self) -> Duration {
        self.renew_interval().mul_f64(1.0 + 0.4 * fastrand::f64())
    }

    /// After an outage of the API server, a holder renews its lease within this time: it may have to
    /// wait for the end of a request that is under way.
    fn grace(self) -> Duration {
        self.request_timeout() + self.renew_interval() * 2
    }

    /// Before another attempt that should succeed, because only the version was not the latest.
    fn short_pause(self) -> Duration {
        self.duration.mul_f64(0.005 + 0.02 * fastrand::f64())
    }
}

/// What the elector must know about this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LocalState {
    /// Every scan was polled, and the API could be reached lately.
    pub(super) can_serve: bool,
    /// For a minute, no poll has reached the API.
    pub(super) is_cut_off: bool,
}

/// What to do now.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum NextStep {
    /// Nothing until then.
    Wait(Instant),
    Read,
    /// Create it if it has no version, else update it.
    Write(LeaseRecord),
}

/// A request to the API server that brought no Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rejection {
    /// Another version is the latest.
    Conflict,
    /// The Lease does not exist, or has ceased to exist.
    NotFound,
    /// Anything else. The request may have taken effect. The server may say when to try again.
    Failed { retry_after: Option<Duration> },
}

/// The role of this replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It leads.
    Leader,
    /// It led until its last renewal expired, and has not read of another leader since.
    Unconfirmed,
    /// It has given the lease back, and no other replica has taken it yet.
    Offering,
    /// Another replica leads, or none.
    Standby {
        /// The identity of the leader, if there is one.
        leader: Option<String>,
    },
}

/// Decides for one replica.
#[derive(Debug)]
pub(super) struct Elector {
    key: LeaseKey,
    identity: String,
    times: LeaseTimes,
    /// `None` before the first answer.
    seen: Option<SeenLease>,
    /// Whether `seen` is the latest version as far as is known.
    is_current: bool,
    /// The next request is sent then.
    due: Instant,
    term: Option<Term>,
    attempts: VecDeque<Attempt>,
    /// Until then, this replica does not take the lease, because it has given it back.
    away_until: Option<Instant>,
    /// When the API server last sent the lease.
    last_read: Option<Instant>,
    /// Until then, the holder has time to renew a lease that has expired.
    grace_until: Option<Instant>,
    last_holder: Option<String>,
    holder_changes: u64,
    has_twin: bool,
}

/// The latest known version, `None` if there is no Lease.
#[derive(Debug)]
struct SeenLease {
    record: Option<LeaseRecord>,
    /// When this replica first saw it as it is.
    changed: Moment,
}

/// The time for which this replica leads.
#[derive(Debug)]
struct Term {
    /// When the last successful write was sent.
    confirmed: Moment,
    /// Whether the API was reached since it leads.
    has_served: bool,
    /// A request to give it back may have taken effect, or may yet do so.
    is_releasing: bool,
    is_given_back: bool,
}

/// A write of this replica.
#[derive(Debug)]
struct Attempt {
    renew_time: String,
    is_release: bool,
    sent: Moment,
}

impl Elector {
    pub(super) fn new(key: LeaseKey, identity: String, times: LeaseTimes, now: Moment) -> Elector {
        Elector {
            key,
            identity,
            times,
            seen: None,
            is_current: false,
            due: now.monotonic,
            term: None,
            attempts: VecDeque::new(),
            away_until: None,
            last_read: None,
            grace_until: None,
            last_holder: None,
            holder_changes: 0,
            has_twin: false,
        }
    }

    /// What to do at `now`. A request counts as sent then.
    pub(super) fn next(&mut self, now: Moment, local: LocalState) -> NextStep {
        if now.monotonic < self.due {
            return NextStep::Wait(self.due);
        }
        if !self.is_current {
            // A write whose response was lost may have taken effect, and another replica may have
            // written. A write against the version that was seen last would only be refused.
            return NextStep::Read;
        }
        if let Some(term) = &mut self.term
            && !term.is_given_back
        {
            term.has_served |= local.can_serve;
            // A leader that never reached the API has taken a lease that was free for long. Giving
            // it back would only make the lease change hands while the API is down for all.
            if local.is_cut_off && term.has_served {
                return self.release(now).map_or(NextStep::Read, NextStep::Write);
            }
            return self.hold(now);
        }
        if self.may_take(now, local) {
            return self.hold(now);
        }
        self.is_current = false;
        self.due = self.next_read(now);
        NextStep::Wait(self.due)
    }

    /// Takes or renews the lease.
    fn hold(&mut self, now: Moment) -> NextStep {
        let before = self.seen.as_ref().and_then(|seen| seen.record.as_ref());
        let duration = self.times.duration;
        let record = LeaseRecord::held(before, &self.key, &self.identity, duration, now.wall);
        self.attempt(&record, now);
        NextStep::Write(record)
    }

    /// The version that gives the lease back, if this replica holds it.
    pub(super) fn release(&mut self, now: Moment) -> Option<LeaseRecord> {
        let term = self.term.as_mut()?;
        let record = self.seen.as_ref()?.record.as_ref()?;
        if record.holder() != self.identity {
            return None;
        }
        term.is_releasing = true;
        let record = record.released(now.wall);
        self.attempt(&record, now);
        Some(record)
    }

    fn attempt(&mut self, record: &LeaseRecord, now: Moment) {
        if self.attempts.len() == MAX_ATTEMPTS {
            self.attempts.pop_front();
        }
        self.attempts.push_back(Attempt {
            // The time with its microseconds identifies the write when it is read later, also if
            // the response was lost. The identity alone does not: another process may have the same
            // one.
            renew_time: record.renew_time().to_owned(),
            is_release: record.holder().is_empty(),
            sent: now,
        });
    }

    /// Since when the lease has had no holder; in the future while a holder has time to renew it.
    fn free_since(&self) -> Option<Instant> {
        let seen = self.seen.as_ref()?;
        let changed = seen.changed.monotonic;
        let Some(record) = &seen.record else {
            return Some(changed);
        };
        if record.holder().is_empty() {
            return Some(changed);
        }
        let duration = record.duration();
        // A Lease that an operator has created may have a holder and no duration.
        if duration.is_zero() {
            return Some(changed + self.times.duration);
        }
        // The duration that the holder has written, not the one of this replica: during an upgrade,
        // the two may differ.
        Some(changed + duration)
    }

    fn may_take(&self, now: Moment, local: LocalState) -> bool {
        // The monotonic clock alone: if the wall clock is set forward, a live leader must not lose
        // its lease.
        let Some(free_since) = self.free_since() else {
            return false;
        };
        let is_before = |time: Option<Instant>| time.is_some_and(|time| now.monotonic < time);
        if is_before(Some(free_since)) || is_before(self.away_until) {
            return false;
        }
        if self.is_held_by_another() && is_before(self.grace_until) {
            return false;
        }
        // A leader without data is better than none: its metrics say what is wrong.
        local.can_serve || now.monotonic >= free_since + 2 * self.times.duration
    }

    fn is_held_by_another(&self) -> bool {
        let record = self.seen.as_ref().and_then(|seen| seen.record.as_ref());
        record.is_some_and(|record| !record.holder().is_empty())
    }

    fn next_read(&self, now: Moment) -> Instant {
        let mut next = now.monotonic + self.times.read_interval();
        // As soon as this replica may take the lease, not up to an interval later.
        let times = [self.free_since(), self.away_until, self.grace_until];
        for time in times.into_iter().flatten() {
            if time > now.monotonic {
                next = next.min(time);
            }
        }
        next
    }

    /// A read that was answered at `now`, with `None` if there is no Lease.
    pub(super) fn has_read(&mut self, now: Moment, record: Option<LeaseRecord>) {
        // After an outage of the API server, a lease has expired because its holder could not renew
        // it either. It must not lose the lease to a standby whose request happens to come first.
        if let Some(last) = self.last_read
            && now.monotonic >= last + self.times.confirmed()
        {
            self.grace_until = Some(now.monotonic + self.times.grace());
        }
        self.last_read = Some(now.monotonic);
        self.observe(now, record);
        self.is_current = true;
        self.due = now.monotonic;
    }

    /// A write that was sent at `sent` and has succeeded. `record` is the new version.
    pub(super) fn has_written(&mut self, sent: Moment, now: Moment, record: LeaseRecord) {
        self.observe(now, Some(record));
        if let Some(term) = &mut self.term {
            // The version is a new one, so an earlier request to give it back has no effect.
            term.is_releasing = false;
        }
        // Every attempt before this one was against an older version, and can no longer succeed.
        self.attempts.retain(|attempt| attempt.sent == sent);
        self.is_current = true;
        // From when it was sent, as the lease counts from then: slow responses must not delay the
        // renewals.
        self.due = (sent.monotonic + self.times.renew_interval()).max(now.monotonic);
    }

    /// A read or a write that was sent at `sent` and brought no Lease.
    pub(super) fn has_failed(&mut self, sent: Moment, now: Moment, rejection: Rejection) {
        self.is_current = false;
        self.due = now.monotonic + self.times.short_pause();
        if let Rejection::Failed { retry_after } = rejection {
            // An overloaded server may ask for a pause, but a leader has to renew in time.
            let asked = retry_after.unwrap_or_default();
            let pause = asked.min(self.times.request_timeout());
            // From the start of the request: a timeout has been a pause already.
            let next = sent.monotonic + self.times.read_interval();
            self.due = self.due.max(next).max(now.monotonic + pause);
        }
    }

    fn observe(&mut self, now: Moment, record: Option<LeaseRecord>) {
        let is_same = match (&self.seen, &record) {
            (
                Some(SeenLease {
                    record: Some(a), ..
                }),
                Some(b),
            ) => a.has_same_spec(b),
            (Some(SeenLease { record: None, .. }), None) => true,
            _ => false,
        };
        let is_first = self.seen.is_none();
        let own = record.as_ref().and_then(|record| self.own_attempt(record));
        let holder = match &record {
            Some(record) => record.holder().to_owned(),
            None => String::new(),
        };
        // What is the same keeps its time, but in the latest version: a label may have changed.
        let changed = match &self.seen {
            Some(seen) if is_same => seen.changed,
            _ => now,
        };
        self.seen = Some(SeenLease { record, changed });
        self.count_change(&holder);
        if holder.is_empty() {
            // Given back by this replica, or emptied or deleted by someone: no other leads.
            if let (Some(term), Some(_)) = (&mut self.term, own)
                && !term.is_given_back
            {
                term.is_given_back = true;
                self.away_until = Some(now.monotonic + 2 * self.times.duration);
            }
        } else if let Some(sent) = own {
            let before = self.term.take().filter(|term| !term.is_given_back);
            self.term = Some(Term {
                confirmed: sent,
                has_served: before.as_ref().is_some_and(|term| term.has_served),
                is_releasing: before.is_some_and(|term| term.is_releasing),
                is_given_back: false,
            });
        } else {
            // Another process with the same identity is another process.
            self.has_twin |= holder == self.identity && !is_same && !is_first;
            self.term = None;
        }
    }

    /// When this replica sent the write that `record` is the result of, if it is one of its own.
    fn own_attempt(&self, record: &LeaseRecord) -> Option<Moment> {
        let holder = record.holder();
        if !holder.is_empty() && holder != self.identity {
            return None;
        }
        let mut attempts = self.attempts.iter();
        let attempt = attempts.find(|attempt| {
            attempt.renew_time == record.renew_time() && attempt.is_release == holder.is_empty()
        })?;
        Some(attempt.sent)
    }

    fn count_change(&mut self, holder: &str) {
        // The time without a holder does not count. Otherwise, a hand-over would be two changes.
        if holder.is_empty() || self.last_holder.as_deref() == Some(holder) {
            return;
        }
        if self.last_holder.is_some() {
            self.holder_changes += 1;
        }
        self.last_holder = Some(holder.to_owned());
    }

    pub(super) fn standing(&self, now: Moment) -> Standing {
        match &self.term {
            Some(term) if term.is_given_back => Standing::Offering,
            Some(term) if term.is_releasing => Standing::Unconfirmed,
            // The larger of both clocks: while a machine is suspended, the monotonic one stops.
            Some(term) if now.age_of(term.confirmed) < self.times.confirmed() => Standing::Leader,
            Some(_) => Standing::Unconfirmed,
            None => {
                let is_held = self
                    .free_since()
                    .is_some_and(|free_since| now.monotonic < free_since);
                let leader = if is_held {
                    self.last_holder.clone()
                } else {
                    None
                };
                Standing::Standby { leader }
            }
        }
    }

    /// When the renewal was sent that the lease of this replica rests on.
    pub(super) fn confirmed(&self) -> Option<Moment> {
        Some(self.term.as_ref()?.confirmed)
    }

    /// When this replica last saw that the lease was renewed, by itself or by another.
    pub(super) fn last_renewal(&self) -> Option<Moment> {
        let seen = self.seen.as_ref()?;
        let record = seen.record.as_ref()?;
        if record.holder().is_empty() {
            return None;
        }
        Some(seen.changed)
    }

    /// When [`Elector::standing`] changes if nothing is read or written until then.
    pub(super) fn standing_expires(&self) -> Option<Instant> {
        match &self.term {
            Some(term) => Some(term.confirmed.monotonic + self.times.confirmed()),
            None => self.free_since(),
        }
    }

    /// How often the lease has passed from one replica to another.
    pub(super) fn holder_changes(&self) -> u64 {
        self.holder_changes
    }

    /// Whether another process has written the lease with the identity of this one.
    pub(super) fn has_twin(&self) -> bool {
        self.has_twin
    }

    pub(super) fn has_seen_the_lease(&self) -> bool {
        self.seen.is_some()
    }
}

#[cfg(test)]
mod tests;
