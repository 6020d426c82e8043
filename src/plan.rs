//! Accounts × scans × collectors → jobs, and when each first runs.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    collectors::{self, Collector},
    config::{Account, AccountName, Scan},
    credentials::CredentialsError,
    pacer::{LaneKey, Lanes},
    poller::Job,
    store::{AccountEntry, ActionEntry, JobEntry, Table},
};

/// An account that cannot be polled.
#[derive(Debug, thiserror::Error)]
#[error("account \"{account}\" has no credentials: {source}")]
pub struct PlanError {
    account: AccountName,
    source: CredentialsError,
}

/// The jobs of one account. Fails when there are no credentials to sign with.
pub fn jobs(account: &Arc<Account>, lanes: &Lanes) -> Result<Vec<Job>, PlanError> {
    let no_credentials = |source| PlanError { account: account.name.clone(), source };
    let credentials = Arc::new(account.credentials.load().map_err(no_credentials)?);
    let key = |action| LaneKey {
        endpoint: account.endpoint.clone(),
        identity: credentials.secret_id.clone(),
        action,
    };
    let action_entry = |collector: &'static Collector| {
        let membership = lanes.join(key(collector.action), account.requests_per_second);
        Arc::new(ActionEntry::new(collector.action, membership))
    };
    let actions = collectors::ALL.map(action_entry);
    let account_entry = Arc::new(AccountEntry::new(&account.name, actions.to_vec()));
    let job = |(collector, action_entry): (&'static Collector, &Arc<ActionEntry>), scan: &Scan| Job {
        account: Arc::clone(account),
        credentials: Arc::clone(&credentials),
        scan: scan.clone(),
        collector,
        action_entry: Arc::clone(action_entry),
        account_entry: Arc::clone(&account_entry),
        entry: Arc::new(JobEntry::new(&account.name, &scan.name, collector, &account.poll)),
    };
    let asked = collectors::ALL.into_iter().zip(&actions);
    Ok(asked
        .flat_map(|asked| account.scans.iter().map(move |scan| (asked, scan)))
        .map(|(asked, scan)| job(asked, scan))
        .collect())
}

/// What is known of `jobs`, which are sorted by account: those of one collector side by side.
pub fn table<'a>(jobs: &(impl Iterator<Item = &'a Job> + Clone)) -> Table {
    let mut accounts: Vec<_> = jobs.clone().map(|job| Arc::clone(&job.account_entry)).collect();
    accounts.dedup_by(|left, right| Arc::ptr_eq(left, right));
    let of = |collector: &'static Collector| {
        jobs.clone()
            .filter(move |job| std::ptr::eq(job.collector, collector))
            .map(|job| Arc::clone(&job.entry))
    };
    Table { accounts, jobs: collectors::ALL.into_iter().flat_map(of).collect() }
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
        Start { first, second: if is_long { begin + interval.mul_f64(share) } else { first + interval } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(interval: Duration) -> (Instant, Vec<Start>) {
        let begin = Instant::now();
        (begin, (0..600).map(|index| Start::spread(begin, index, 600, interval)).collect())
    }

    #[test]
    fn first_polls_are_spread_over_the_interval_in_order() {
        let interval = Duration::from_secs(60);
        let (begin, starts) = starts(interval);
        assert_eq!(starts[0], Start { first: begin, second: begin + interval });
        assert!(starts.is_sorted_by_key(|start| start.first) && starts[599].first < begin + interval);
        let closest = starts.windows(2).map(|pair| pair[1].first - pair[0].first).min().unwrap();
        assert!(closest >= Duration::from_millis(49), "{closest:?}");
    }

    #[test]
    fn with_a_long_interval_the_first_polls_come_soon_and_the_second_ones_are_spread_over_it() {
        let hour = Duration::from_hours(1);
        let (begin, starts) = starts(hour);
        assert!(starts.iter().all(|start| start.first < begin + LONGEST_WAIT));
        assert!(starts.iter().all(|start| start.first < start.second && start.second - start.first <= hour));
        assert!(starts[1..].is_sorted_by_key(|start| start.second));
        assert!(starts[300].second > begin + hour.mul_f64(0.49));
    }
}
