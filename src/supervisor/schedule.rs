//! When jobs that start together poll first.

use std::time::Duration;

use tokio::time::Instant;

/// The first poll comes no later than this, however long the interval.
const MAX_FIRST_WAIT: Duration = Duration::from_mins(1);

/// The same for accounts that were discovered: reading the list takes some seconds before, and
/// thousands of members must be ready a minute after the start.
const MAX_FIRST_WAIT_OF_DISCOVERED: Duration = Duration::from_secs(40);

/// Spreads the first polls of jobs that start together.
#[derive(Debug)]
pub(super) struct StartSchedule {
    begin: Instant,
    index: usize,
    n_jobs: usize,
    max_first_wait: Duration,
}

/// When a job polls first, and when the second time at the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StartTimes {
    pub(super) first: Instant,
    pub(super) second: Instant,
}

impl StartSchedule {
    /// For `n_jobs` jobs that start now.
    pub(super) fn new(n_jobs: usize) -> StartSchedule {
        StartSchedule {
            begin: Instant::now(),
            index: 0,
            n_jobs,
            max_first_wait: MAX_FIRST_WAIT,
        }
    }

    /// The same for jobs of accounts that were discovered.
    pub(super) fn of_discovered(n_jobs: usize) -> StartSchedule {
        StartSchedule {
            max_first_wait: MAX_FIRST_WAIT_OF_DISCOVERED,
            ..StartSchedule::new(n_jobs)
        }
    }

    /// The times of the next job. The first job polls at once. All have polled after a minute, or
    /// after an interval if that is shorter; from the second poll on they are spread over the
    /// whole interval. Some jitter keeps instances that start together apart.
    pub(super) fn next(&mut self, interval: Duration) -> StartTimes {
        #[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^52 jobs")]
        // Half a step of jitter at most, so that the order of the jobs is kept.
        let share = (self.index as f64 - 0.5 * fastrand::f64()).max(0.0) / self.n_jobs as f64;
        self.index += 1;
        let first = self.begin + interval.min(self.max_first_wait).mul_f64(share);
        // With a long interval, all first polls fall into its first minute. The second poll moves
        // each job to its own place in the interval; otherwise all would stay within one minute
        // forever.
        let second = if interval > self.max_first_wait && share > 0.0 {
            self.begin + interval.mul_f64(share)
        } else {
            first + interval
        };
        StartTimes { first, second }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(interval: Duration) -> (Instant, Vec<StartTimes>) {
        let mut schedule = StartSchedule::new(600);
        let starts = (0..600).map(|_| schedule.next(interval)).collect();
        (schedule.begin, starts)
    }

    #[test]
    fn first_polls_are_spread_over_the_interval_in_order() {
        let interval = Duration::from_secs(60);
        let (begin, starts) = starts(interval);
        assert_eq!(
            starts[0],
            StartTimes {
                first: begin,
                second: begin + interval
            }
        );
        assert!(starts.is_sorted_by_key(|start| start.first));
        assert!(starts[599].first < begin + interval);
        let gaps = starts.windows(2).map(|pair| pair[1].first - pair[0].first);
        let closest = gaps.min().unwrap();
        assert!(closest >= Duration::from_millis(49), "{closest:?}");
    }

    #[test]
    fn with_a_long_interval_first_polls_come_soon_and_second_ones_are_spread_over_it() {
        let hour = Duration::from_hours(1);
        let (begin, starts) = starts(hour);
        for start in &starts {
            assert!(start.first < begin + MAX_FIRST_WAIT);
            assert!(start.first < start.second && start.second - start.first <= hour);
        }
        assert!(starts[1..].is_sorted_by_key(|start| start.second));
        assert!(starts[300].second > begin + hour.mul_f64(0.49));
    }
}
