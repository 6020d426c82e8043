//! What a poll logs.

use std::time::Duration;

use tracing::Level;

use super::{
    Job,
    digest::{LineKind, LogDigest},
    policy,
};
use crate::{
    client::ApiError,
    collectors,
    domain::{Reason, ScanName, format_duration},
    store::Snapshot,
};

/// Logs the result of a poll. Every line about a failure has the `RequestId`, for support.
pub(super) fn poll(job: &Job, digest: &LogDigest, before: &Snapshot, after: &Snapshot) {
    if let Some(error) = after.failure() {
        failure(job, digest, error, before, after.interval);
        return;
    }
    success(job, digest, before);
    time_zone(job, digest, before, after);
    unexpected_fields(job, before, after);
}

fn success(job: &Job, digest: &LogDigest, before: &Snapshot) {
    let (account, collector, scan) = names(job);
    if before.failed_in_a_row > 0 {
        let failed_polls = before.failed_in_a_row;
        if digest.admits(LineKind::SucceededAgain, account) {
            tracing::info!(
                account,
                collector,
                scan,
                failed_polls,
                "poll succeeded again"
            );
        } else {
            tracing::debug!(
                account,
                collector,
                scan,
                failed_polls,
                "poll succeeded again"
            );
        }
    } else if before.polls == 0 {
        if digest.admits(LineKind::FirstSuccess, account) {
            tracing::info!(account, collector, scan, "first poll succeeded");
        } else {
            tracing::debug!(account, collector, scan, "first poll succeeded");
        }
    }
}

/// Logs a start in the future once, when it is first seen.
fn time_zone(job: &Job, digest: &LogDigest, before: &Snapshot, after: &Snapshot) {
    let starts_ahead = |snapshot: &Snapshot| snapshot.latest()?.starts_ahead;
    let Some(ahead) = starts_ahead(after) else {
        return;
    };
    let (account, collector, scan) = names(job);
    if starts_ahead(before).is_some() || !digest.admits(LineKind::StartsAhead, account) {
        return;
    }
    tracing::warn!(
        account,
        collector,
        scan,
        "{}",
        collectors::time_zone_warning(ahead)
    );
}

fn failure(job: &Job, digest: &LogDigest, error: &ApiError, before: &Snapshot, interval: Duration) {
    let (account, collector, scan) = names(job);
    // The message is not compared: it may contain a time or an ID that differs each time.
    let is_new = match before.failure() {
        Some(last) => last.reason != error.reason || last.code != error.code,
        None => true,
    };
    let reason = error.reason.as_str();
    let kind = if is_new {
        LineKind::Failed(reason)
    } else {
        LineKind::FailedAgain(reason)
    };
    // The source of the credentials has logged the error, once for all accounts that use it; and the
    // discovery, one line for all accounts that have no role.
    let is_logged = error.is_of_credentials && job.account.info.discovery.is_none();
    let level = if is_logged || error.reason == Reason::NoRole {
        Level::DEBUG
    } else if digest.admits(kind, account) {
        policy::level(error, is_new)
    } else {
        Level::DEBUG
    };
    let message = match (is_new, error.reason.is_permanent()) {
        (false, _) => "poll failed again",
        (true, true) => "poll failed, operator action required",
        (true, false) => "poll failed",
    };
    let code = error.code.as_deref();
    let request_id = error.request_id.as_deref();
    let next = format_duration(interval);
    let error = &error.message;
    // The level of an event is fixed where it is written.
    macro_rules! log {
        ($level:ident) => {
            tracing::$level!(
                account,
                collector,
                scan,
                reason,
                code,
                request_id,
                error,
                next,
                "{message}"
            )
        };
    }
    match level {
        Level::ERROR => log!(error),
        Level::WARN => log!(warn),
        Level::INFO => log!(info),
        _ => log!(debug),
    }
}

/// A request is about to be repeated.
pub(super) fn retry(job: &Job, error: &ApiError, pause: Duration) {
    let (account, collector, scan) = names(job);
    tracing::debug!(
        account,
        collector,
        scan,
        reason = error.reason.as_str(),
        code = error.code.as_deref(),
        request_id = error.request_id.as_deref(),
        error = error.message,
        pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
        "request failed, retrying",
    );
}

/// Logs a field when it becomes unreadable; after that it is only counted.
fn unexpected_fields(job: &Job, before: &Snapshot, after: &Snapshot) {
    let (account, collector, scan) = names(job);
    // Compared with the last good answer, so that a failed poll in between does not log them again.
    let known: &[&str] = match before.latest() {
        Some(data) => &data.unexpected,
        None => &[],
    };
    let Some(data) = after.latest() else { return };
    for field in &data.unexpected {
        if !known.contains(field) {
            tracing::warn!(
                account,
                collector,
                scan,
                field,
                "the answer lacks this field or has a value that cannot be read; it is left out",
            );
        }
    }
}

fn names(job: &Job) -> (&str, &'static str, Option<&str>) {
    let scan = job.entry.scan.as_ref().map(ScanName::as_str);
    (job.account.name.as_str(), job.collector.name, scan)
}
