//! Keeps an outage from flooding the log.
//!
//! If ten thousand accounts fail together, a line for each poll would be ten thousand lines a
//! minute. The first few of a kind are logged as they are; the others at debug, and as one line
//! per minute with their number and some names.

use std::{collections::BTreeMap, sync::Mutex};

use crate::sync::lock;

/// Lines of one kind that are logged as they are, per minute.
const MAX_LINES: usize = 10;
/// Accounts that the summary names.
const MAX_NAMES: usize = 5;

/// Lines about polls that are summed up together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LineKind {
    FirstSuccess,
    SucceededAgain,
    /// A start in the future.
    StartsAhead,
    /// For this reason.
    Failed(&'static str),
    FailedAgain(&'static str),
}

/// The lines of the current minute.
#[derive(Debug, Default)]
pub(super) struct LogDigest(Mutex<BTreeMap<LineKind, LineCount>>);

#[derive(Debug, Default)]
struct LineCount {
    lines: usize,
    /// The first accounts whose line was not logged as it is.
    names: Vec<String>,
}

impl LogDigest {
    /// Whether to log a line about `account` as it is; otherwise it will be summed up.
    pub(super) fn admits(&self, kind: LineKind, account: &str) -> bool {
        let mut kinds = lock(&self.0);
        let count = kinds.entry(kind).or_default();
        count.lines += 1;
        if count.lines <= MAX_LINES {
            return true;
        }
        // An account with several scans is named once.
        let is_named = count.names.iter().any(|name| name == account);
        if !is_named && count.names.len() < MAX_NAMES {
            count.names.push(account.to_owned());
        }
        false
    }

    /// Logs the summaries and starts another minute.
    pub(super) fn flush(&self) {
        let kinds = std::mem::take(&mut *lock(&self.0));
        for (kind, count) in kinds {
            let polls = count.lines.saturating_sub(MAX_LINES);
            if polls == 0 {
                continue;
            }
            let accounts = count.names.join(", ") + ", …";
            match kind {
                LineKind::FirstSuccess => {
                    tracing::info!(polls, accounts, "more first polls succeeded");
                }
                LineKind::SucceededAgain => {
                    tracing::info!(polls, accounts, "more polls succeeded again");
                }
                LineKind::StartsAhead => {
                    tracing::warn!(polls, accounts, "more scans seem to start in the future");
                }
                LineKind::Failed(reason) => {
                    tracing::warn!(reason, polls, accounts, "more polls failed");
                }
                LineKind::FailedAgain(reason) => {
                    tracing::info!(reason, polls, accounts, "more polls failed again");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lines_of_a_kind_are_logged_and_the_others_counted() {
        let digest = LogDigest::default();
        let n_admitted = |kind| {
            (0..100)
                .filter(|n| digest.admits(kind, &format!("account-{n}")))
                .count()
        };
        assert_eq!(n_admitted(LineKind::Failed("network")), MAX_LINES);
        assert_eq!(
            n_admitted(LineKind::Failed("timeout")),
            MAX_LINES,
            "a kind of its own"
        );
        let kinds = digest.0.lock().unwrap();
        let count = &kinds[&LineKind::Failed("network")];
        assert_eq!(count.lines, 100);
        assert_eq!(
            count.names,
            [
                "account-10",
                "account-11",
                "account-12",
                "account-13",
                "account-14"
            ]
        );
        drop(kinds);
        digest.flush();
        assert!(
            digest.admits(LineKind::Failed("network"), "a"),
            "another minute"
        );
    }
}
