//! Accounts × scans × collectors → jobs, and when each first runs.

use std::{sync::Arc, time::Duration};

use crate::{
    collectors,
    config::{Account, AccountName, Scan},
    credentials::CredentialsError,
    pacer::{LaneKey, Lanes},
    poller::Job,
    store::{AccountEntry, JobEntry},
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
    let memberships = collectors::ALL
        .map(|collector| (collector.action, lanes.join(key(collector.action), account.requests_per_second)));
    let account_entry = Arc::new(AccountEntry::new(&account.name, memberships));
    let job = |collector, scan: &Scan| Job {
        account: Arc::clone(account),
        credentials: Arc::clone(&credentials),
        scan: scan.clone(),
        collector,
        account_entry: Arc::clone(&account_entry),
        entry: Arc::new(JobEntry::new(&account.name, &scan.name, collector, &account.poll)),
    };
    let each_scan = |collector| account.scans.iter().map(move |scan| (collector, scan));
    Ok(collectors::ALL
        .into_iter()
        .flat_map(each_scan)
        .map(|(collector, scan)| job(collector, scan))
        .collect())
}

/// When job `index` of `n_jobs` first runs: the first one at once, the others spread over their interval with
/// some jitter, so that they never poll together.
pub fn first_delay(index: usize, n_jobs: usize, interval: Duration) -> Duration {
    if index == 0 {
        return Duration::ZERO;
    }
    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 jobs")]
    let share = (index as f64 - 0.5 * fastrand::f64()) / n_jobs as f64;
    interval.mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_polls_are_spread_over_the_interval_in_order() {
        let interval = Duration::from_secs(60);
        let delays: Vec<Duration> = (0..600).map(|index| first_delay(index, 600, interval)).collect();
        assert_eq!(delays[0], Duration::ZERO);
        assert!(delays.is_sorted() && delays[599] < interval);
        let closest = delays.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).min().unwrap();
        assert!(closest >= Duration::from_millis(49), "{closest:?}");
    }
}
