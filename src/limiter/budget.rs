//! How many requests may be retries.

/// One retry in this many polls, in the long run: fewer than 10 %.
const POLLS_PER_RETRY: u32 = 12;
/// Retries that can be saved up while all goes well.
const MOST_SAVED: u32 = 5;
/// What a start is given, so that the very first polls can be retried too.
const AT_START: u32 = 2;

/// A purse that each poll pays into and each retry is paid from, in twelfths of a retry.
#[derive(Debug)]
pub(super) struct RetryBudget {
    balance: u32,
}

impl Default for RetryBudget {
    fn default() -> RetryBudget {
        RetryBudget {
            balance: AT_START * POLLS_PER_RETRY,
        }
    }
}

impl RetryBudget {
    pub(super) fn deposit(&mut self) {
        self.balance = (self.balance + 1).min(MOST_SAVED * POLLS_PER_RETRY);
    }

    pub(super) fn withdraw(&mut self) -> bool {
        let left = self.balance.checked_sub(POLLS_PER_RETRY);
        self.balance = left.unwrap_or(self.balance);
        left.is_some()
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
    fn quiet_times_save_up_a_few_retries_and_no_more() {
        let mut budget = RetryBudget::default();
        (0..10_000).for_each(|_| budget.deposit());
        assert_eq!((0..100).filter(|_| budget.withdraw()).count(), 5);
    }
}
