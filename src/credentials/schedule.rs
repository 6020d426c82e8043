//! When to renew, and when to try again: pure.

use std::time::Duration;

use super::CredentialsError;

/// Between two looks at files that may change.
pub(super) const LOOK: Duration = Duration::from_secs(5);
/// Between a look that sees a change and the one that confirms it.
pub(super) const CONFIRM: Duration = Duration::from_secs(1);
/// After the first failure; doubled after each further one.
const PAUSE: Duration = Duration::from_secs(2);
/// The longest pause while it may pass by itself.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// The longest one while a person must do something.
const LONGEST_PAUSE_BY_HAND: Duration = Duration::from_mins(5);
/// Two renewals are never closer than this, however short the credentials last.
const SHORTEST: Duration = Duration::from_millis(500);
/// Nor are two attempts to renew them, however little time is left.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// Credentials that the API rejects are renewed no more often than this: where fresh ones are rejected too, more of
/// them do not help.
pub(super) const BETWEEN_REJECTIONS: Duration = Duration::from_secs(30);

/// How long to use credentials that hold for `remaining`, before they are renewed: 70 to 80 % of it, so that
/// there is time for more attempts, and so that those that were issued together are not renewed together.
pub(super) fn renew_after(remaining: Duration) -> Duration {
    remaining.mul_f64(0.7 + 0.1 * fastrand::f64()).max(SHORTEST)
}

/// How long to wait after `n_failures` in a row. `remaining` is what the old ones have left; where that is short, so
/// is the pause.
pub(super) fn retry_after(
    error: &CredentialsError,
    n_failures: u32,
    remaining: Option<Duration>,
) -> Duration {
    let longest = if error.needs_a_person() {
        LONGEST_PAUSE_BY_HAND
    } else {
        LONGEST_PAUSE
    };
    let doubled = PAUSE
        .saturating_mul(1 << n_failures.saturating_sub(1).min(8))
        .min(longest);
    let pause = doubled.mul_f64(0.75 + 0.5 * fastrand::f64());
    match remaining {
        Some(remaining) if !remaining.is_zero() => pause.min((remaining / 2).max(SHORTEST_PAUSE)),
        _ => pause,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn renewal_leaves_a_fifth_of_the_time_for_more_attempts(seconds in 2u64..100_000) {
            let remaining = Duration::from_secs(seconds);
            let after = renew_after(remaining);
            prop_assert!(after >= remaining.mul_f64(0.7) && after <= remaining.mul_f64(0.8));
        }

        #[test]
        fn a_pause_does_not_outlast_the_old_credentials(n_failures in 1u32..100, millis in 4_000u64..10_000_000) {
            let remaining = Duration::from_millis(millis);
            let pause = retry_after(&CredentialsError::passing("x"), n_failures, Some(remaining));
            prop_assert!(pause <= remaining / 2);
        }
    }

    #[test]
    fn many_that_were_issued_together_are_renewed_apart() {
        let times = (0..1_000).map(|_| renew_after(Duration::from_hours(2)).as_secs());
        let (least, most) = times.fold((u64::MAX, 0), |(least, most), time| {
            (least.min(time), most.max(time))
        });
        assert!(most - least > 600, "{least} to {most} s");
    }

    #[test]
    fn pauses_double_up_to_a_minute_or_to_five_where_a_person_is_needed() {
        let seconds = |error: &CredentialsError, n| retry_after(error, n, None).as_secs_f64();
        let (passing, by_hand) = (
            CredentialsError::passing("x"),
            CredentialsError::broken("x"),
        );
        let absent = CredentialsError::absent("x");
        for (n, expected) in [(1, 2.0), (2, 4.0), (3, 8.0), (6, 60.0), (1_000, 60.0)] {
            for pause in [seconds(&passing, n), seconds(&absent, n)] {
                assert!(
                    (expected * 0.75..=expected * 1.25).contains(&pause),
                    "{n}: {pause}"
                );
            }
        }
        assert!(seconds(&by_hand, 1_000) >= 225.0);
    }
}
