//! What a poll says in the log.

use std::time::Duration;

use tracing::Level;

use super::{Job, policy};
use crate::{client::ApiError, store::Snapshot};

/// News loudly, repetitions softly; every line about a failure has the `RequestId`, for support.
pub(super) fn poll(job: &Job, before: &Snapshot, after: &Snapshot) {
    let (account, scan) = (job.account.name.as_str(), job.scan.name.as_str());
    let Some(error) = after.failure() else {
        if before.failed_in_a_row > 0 {
            tracing::info!(
                account,
                scan,
                failed_polls = before.failed_in_a_row,
                "poll succeeds again"
            );
        } else if before.polls == 0 {
            tracing::info!(account, scan, "first poll succeeded");
        }
        return unexpected(job, before, after);
    };
    let is_news = before
        .failure()
        .is_none_or(|last| last.reason != error.reason || last.code != error.code);
    let reason = error.reason.as_str();
    let code = error.code.as_deref();
    let request_id = error.request_id.as_deref();
    let next = humantime::format_duration(after.interval).to_string();
    let text = &error.message;
    match policy::level(error, is_news) {
        Level::ERROR => {
            tracing::error!(
                account,
                scan,
                reason,
                code,
                request_id,
                error = text,
                next,
                "poll fails: needs a person"
            );
        }
        Level::WARN => {
            tracing::warn!(
                account,
                scan,
                reason,
                code,
                request_id,
                error = text,
                next,
                "poll fails"
            );
        }
        _ => tracing::info!(
            account,
            scan,
            reason,
            code,
            request_id,
            error = text,
            next,
            "poll still fails"
        ),
    }
}

/// A request is about to be repeated.
pub(super) fn retry(job: &Job, error: &ApiError, pause: Duration) {
    tracing::debug!(
        account = job.account.name.as_str(),
        scan = job.scan.name.as_str(),
        reason = error.reason.as_str(),
        code = error.code.as_deref(),
        request_id = error.request_id.as_deref(),
        error = error.message,
        pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
        "request fails, trying again",
    );
}

/// The first time that a field cannot be read is worth a line; after that it is counted.
fn unexpected(job: &Job, before: &Snapshot, after: &Snapshot) {
    for (index, field) in job.collector.fields.iter().enumerate() {
        if before.unexpected[index] == 0 && after.unexpected[index] > 0 {
            tracing::warn!(
                account = job.account.name.as_str(),
                scan = job.scan.name.as_str(),
                field,
                "the answer has no such field, or a value in it that cannot be read; it is left out",
            );
        }
    }
}
