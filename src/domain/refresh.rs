//! Why the list of accounts of a discovery could not be refreshed.

use super::Reason;

/// The value of the label `reason` of a failed refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefreshFailure {
    /// A request failed.
    Request(Reason),
    /// The pages of the list do not fit together.
    Incomplete,
    /// The list lacks so many accounts that it is more likely wrong.
    TooManyGone,
}

impl RefreshFailure {
    pub const COUNT: usize = Reason::ALL.len() + 2;

    /// In the order of their metrics.
    pub fn all() -> [RefreshFailure; RefreshFailure::COUNT] {
        let mut all = [RefreshFailure::Incomplete; RefreshFailure::COUNT];
        for reason in Reason::ALL {
            all[reason as usize] = RefreshFailure::Request(reason);
        }
        all[RefreshFailure::COUNT - 1] = RefreshFailure::TooManyGone;
        all
    }

    /// Its position in [`RefreshFailure::all`].
    pub fn index(self) -> usize {
        match self {
            RefreshFailure::Request(reason) => reason as usize,
            RefreshFailure::Incomplete => Reason::ALL.len(),
            RefreshFailure::TooManyGone => Reason::ALL.len() + 1,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            RefreshFailure::Request(reason) => reason.as_str(),
            RefreshFailure::Incomplete => "incomplete",
            RefreshFailure::TooManyGone => "too_many_gone",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RefreshFailure;

    #[test]
    fn every_failure_is_at_its_own_index() {
        for (index, failure) in RefreshFailure::all().into_iter().enumerate() {
            assert_eq!(failure.index(), index, "{failure:?}");
        }
    }
}
