//! When to refresh, and when to try again: pure.

use std::time::Duration;

use super::CredentialsError;
use crate::domain::Backoff;

/// Between two reads of files that may change.
pub(super) const WATCH_INTERVAL: Duration = Duration::from_secs(5);
/// Between the read that sees a change and the one that confirms it.
pub(super) const CONFIRM_INTERVAL: Duration = Duration::from_secs(1);
/// Credentials that the API rejects are refreshed no more often than this: where new ones are
/// rejected, too, even newer ones do not help.
pub(super) const MIN_REJECTION_INTERVAL: Duration = Duration::from_secs(30);

const FIRST_RETRY: Duration = Duration::from_secs(2);
const TRANSIENT: Backoff = Backoff::new(FIRST_RETRY, Duration::from_mins(1));
const PERMANENT: Backoff = Backoff::new(FIRST_RETRY, Duration::from_mins(5));
/// After each failure in a row because the role is missing: most roles are created within minutes
/// after the account joined, the others much later. Each retry costs a request per account.
const NO_ROLE: [Duration; 4] = [
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_mins(60),
];
/// Between two refreshes, however soon the credentials expire.
const MIN_REFRESH_INTERVAL: Duration = Duration::from_millis(500);
/// Between two attempts, however soon the old credentials expire.
const MIN_RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// How long to use credentials that are valid for `remaining`, before they are refreshed: 70 to
/// 80 % of it. The rest is for further attempts. The jitter spreads the refreshes of credentials
/// that were issued together.
pub(super) fn refresh_after(remaining: Duration) -> Duration {
    let share = 0.7 + 0.1 * fastrand::f64();
    remaining.mul_f64(share).max(MIN_REFRESH_INTERVAL)
}

/// How long to wait after `failures` in a row. `remaining` is how long the old credentials are
/// still valid: the retry must come before they expire.
pub(super) fn retry_after(
    error: &CredentialsError,
    failures: u32,
    remaining: Option<Duration>,
) -> Duration {
    let delay = if error.is_no_role() {
        let step = failures.saturating_sub(1).min(3);
        // The jitter spreads accounts that were discovered together.
        NO_ROLE[step as usize].mul_f64(0.9 + 0.2 * fastrand::f64())
    } else if error.is_permanent() {
        PERMANENT.jittered(failures)
    } else {
        TRANSIENT.jittered(failures)
    };
    match remaining {
        Some(remaining) if !remaining.is_zero() => {
            delay.min((remaining / 2).max(MIN_RETRY_INTERVAL))
        }
        _ => delay,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_refresh_leaves_a_fifth_of_the_time_for_more_attempts(seconds in 2u64..100_000) {
            let remaining = Duration::from_secs(seconds);
            let after = refresh_after(remaining);
            prop_assert!(after >= remaining.mul_f64(0.7) && after <= remaining.mul_f64(0.8));
        }

        #[test]
        fn a_retry_comes_before_the_old_credentials_expire(failures in 1u32..100, millis in 4_000u64..10_000_000) {
            let remaining = Duration::from_millis(millis);
            let delay = retry_after(&CredentialsError::transient("x"), failures, Some(remaining));
            prop_assert!(delay <= remaining / 2);
        }
    }

    #[test]
    fn credentials_that_were_issued_together_are_refreshed_apart() {
        let times = (0..1_000).map(|_| refresh_after(Duration::from_hours(2)).as_secs());
        let (least, most) = times.fold((u64::MAX, 0), |(least, most), time| {
            (least.min(time), most.max(time))
        });
        assert!(most - least > 600, "{least} to {most} s");
    }

    #[test]
    fn a_missing_role_is_requested_again_after_1_5_and_15_minutes_and_then_hourly() {
        let mut error = CredentialsError::permanent("x");
        assert!(!error.is_no_role());
        error = CredentialsError::no_role("x");
        for (n, minutes) in [(1, 1.0), (2, 5.0), (3, 15.0), (4, 60.0), (1_000, 60.0)] {
            let delay = retry_after(&error, n, None).as_secs_f64() / 60.0;
            assert!(
                (minutes * 0.9..=minutes * 1.1).contains(&delay),
                "{n}: {delay}"
            );
        }
    }

    #[test]
    fn delays_double_up_to_a_minute_or_to_five_after_a_permanent_error() {
        let seconds = |error: &CredentialsError, n| retry_after(error, n, None).as_secs_f64();
        let (transient, permanent) = (
            CredentialsError::transient("x"),
            CredentialsError::permanent("x"),
        );
        let absent = CredentialsError::absent("x");
        for (n, expected) in [(1, 2.0), (2, 4.0), (3, 8.0), (6, 60.0), (1_000, 60.0)] {
            for delay in [seconds(&transient, n), seconds(&absent, n)] {
                assert!(
                    (expected * 0.75..=expected * 1.25).contains(&delay),
                    "{n}: {delay}"
                );
            }
        }
        assert!(seconds(&permanent, 1_000) >= 225.0);
    }
}
