//! Accounts × scans × collectors → jobs, and when each first runs.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    collectors::{self, Collector},
    config::Account,
    credentials::{CredentialsError, Providers},
    domain::{AccountName, Scan},
    limiter::{Lanes, Seat},
    poller::Job,
    store::{AccountEntry, ActionEntry, JobEntry, Table},
};

/// Accounts that cannot be polled, all for the same reason.
#[derive(Debug)]
pub struct PlanError {
    /// Never empty.
    accounts: Vec<AccountName>,
    source: CredentialsError,
}

impl std::error::Error for PlanError {}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.accounts[..] {
            [only] => write!(f, "account \"{only}\" has no credentials: {}", self.source),
            [first, others @ ..] => {
                let n_others = others.len();
                write!(
                    f,
                    "account \"{first}\" and {n_others} more have no credentials: {}",
                    self.source
                )
            }
            [] => Ok(()),
        }
    }
}

impl PlanError {
    /// Adds `error` to those before it: accounts that share a source share its trouble.
    pub fn collect(errors: &mut Vec<PlanError>, error: PlanError) {
        match errors
            .iter_mut()
            .find(|earlier| earlier.source == error.source)
        {
            Some(earlier) => earlier.accounts.extend(error.accounts),
            None => errors.push(error),
        }
    }
}

/// The jobs of one account. Fails when there will never be credentials to sign with.
pub fn jobs(
    account: &Arc<Account>,
    lanes: &Arc<Lanes>,
    providers: &Providers,
) -> Result<Vec<Job>, PlanError> {
    match providers.provider(&account.credentials).startup_error() {
        Some(source) => Err(PlanError {
            accounts: vec![account.name.clone()],
            source,
        }),
        None => Ok(jobs_anyway(account, lanes, providers)),
    }
}

/// The jobs of one account; without credentials to sign with, their polls fail and say so.
pub fn jobs_anyway(account: &Arc<Account>, lanes: &Arc<Lanes>, providers: &Providers) -> Vec<Job> {
    let provider = providers.provider(&account.credentials);
    let issued = provider.status().issued();
    let action_entry = |collector: &'static Collector| {
        let (endpoint, rate) = (account.endpoint.clone(), account.requests_per_second);
        let seat = Seat::new(Arc::clone(lanes), endpoint, collector.action, rate);
        if let Some(issued) = &issued {
            seat.take(&issued.identity);
        }
        Arc::new(ActionEntry::new(seat))
    };
    let actions = collectors::ALL.map(action_entry);
    let status = Arc::clone(provider.status());
    let account_entry = Arc::new(AccountEntry::new(&account.name, status, actions.to_vec()));
    let job =
        |(collector, action_entry): (&'static Collector, &Arc<ActionEntry>), scan: &Scan| Job {
            account: Arc::clone(account),
            provider: Arc::clone(&provider),
            scan: scan.clone(),
            collector,
            action_entry: Arc::clone(action_entry),
            account_entry: Arc::clone(&account_entry),
            entry: Arc::new(JobEntry::new(
                &account.name,
                &scan.name,
                collector,
                &account.poll,
            )),
        };
    let asked = collectors::ALL.into_iter().zip(&actions);
    asked
        .flat_map(|asked| account.scans.iter().map(move |scan| (asked, scan)))
        .map(|(asked, scan)| job(asked, scan))
        .collect()
}

/// What is known of `jobs`, which are sorted by account: those of one collector side by side.
pub fn table<'a>(jobs: &(impl Iterator<Item = &'a Job> + Clone)) -> Table {
    let mut accounts: Vec<_> = jobs
        .clone()
        .map(|job| Arc::clone(&job.account_entry))
        .collect();
    accounts.dedup_by(|left, right| Arc::ptr_eq(left, right));
    let of = |collector: &'static Collector| {
        jobs.clone()
            .filter(move |job| std::ptr::eq(job.collector, collector))
            .map(|job| Arc::clone(&job.entry))
    };
    Table {
        accounts,
        jobs: collectors::ALL.into_iter().flat_map(of).collect(),
    }
}

/// When a job first runs, and when at the latest for the second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Soon, so that there is something to see.
    pub first: Instant,
    /// At its place in the interval.
    pub second: Instant,
}

/// Nobody waits longer than this for the first data, however long the interval.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

impl Start {
    /// The start of job `index` of `n_jobs` that start together at `begin`: the first one at once, the others spread
    /// with some jitter, so that they never poll together. All were tried once after a minute, or after an interval
    /// if that is shorter; from the second time on they are spread over the whole interval.
    pub fn spread(begin: Instant, index: usize, n_jobs: usize, interval: Duration) -> Start {
        #[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 jobs")]
        let share = (index as f64 - 0.5 * fastrand::f64()).max(0.0) / n_jobs as f64;
        let first = begin + interval.min(LONGEST_WAIT).mul_f64(share);
        let is_long = interval > LONGEST_WAIT && share > 0.0;
        Start {
            first,
            second: if is_long {
                begin + interval.mul_f64(share)
            } else {
                first + interval
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(interval: Duration) -> (Instant, Vec<Start>) {
        let begin = Instant::now();
        (
            begin,
            (0..600)
                .map(|index| Start::spread(begin, index, 600, interval))
                .collect(),
        )
    }

    #[test]
    fn first_polls_are_spread_over_the_interval_in_order() {
        let interval = Duration::from_secs(60);
        let (begin, starts) = starts(interval);
        assert_eq!(
            starts[0],
            Start {
                first: begin,
                second: begin + interval
            }
        );
        assert!(
            starts.is_sorted_by_key(|start| start.first) && starts[599].first < begin + interval
        );
        let closest = starts
            .windows(2)
            .map(|pair| pair[1].first - pair[0].first)
            .min()
            .unwrap();
        assert!(closest >= Duration::from_millis(49), "{closest:?}");
    }

    #[test]
    fn with_a_long_interval_the_first_polls_come_soon_and_the_second_ones_are_spread_over_it() {
        let hour = Duration::from_hours(1);
        let (begin, starts) = starts(hour);
        assert!(
            starts
                .iter()
                .all(|start| start.first < begin + LONGEST_WAIT)
        );
        assert!(
            starts
                .iter()
                .all(|start| start.first < start.second && start.second - start.first <= hour)
        );
        assert!(starts[1..].is_sorted_by_key(|start| start.second));
        assert!(starts[300].second > begin + hour.mul_f64(0.49));
    }
}
