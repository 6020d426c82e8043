//! How many requests may be retries.

/// In the long run, one poll in this many is retried: fewer than 10 %.
const POLLS_PER_RETRY: u32 = 12;
/// Retries that can be saved up.
const MAX_SAVED: u32 = 5;
/// Retries at the start, so that the first polls can be retried too.
const INITIAL: u32 = 2;

/// Each poll adds to the budget and each retry takes from it. Counted in twelfths of a retry.
#[derive(Debug)]
pub(super) struct RetryBudget {
    balance: u32,
}

impl Default for RetryBudget {
    fn default() -> RetryBudget {
        RetryBudget {
            balance: INITIAL * POLLS_PER_RETRY,
        }
    }
}

impl RetryBudget {
    pub(super) fn deposit(&mut self) {
        // The cap limits how many retries can follow one another after a long time without failures.
        self.balance = (self.balance + 1).min(MAX_SAVED * POLLS_PER_RETRY);
    }

    /// Whether there was a retry to take.
    pub(super) fn withdraw(&mut self) -> bool {
        if self.balance < POLLS_PER_RETRY {
            return false;
        }
        self.balance -= POLLS_PER_RETRY;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_the_long_run_fewer_than_one_poll_in_ten_is_retried() {
        let mut budget = RetryBudget::default();
        let retries = (0..1_440).filter(|_| {
            budget.deposit();
            budget.withdraw()
        });
        assert_eq!(retries.count(), 1_440 / 12 + 2);
    }

    #[test]
    fn polls_that_succeed_save_up_a_few_retries_and_no_more() {
        let mut budget = RetryBudget::default();
        (0..10_000).for_each(|_| budget.deposit());
        assert_eq!((0..100).filter(|_| budget.withdraw()).count(), 5);
    }
}
