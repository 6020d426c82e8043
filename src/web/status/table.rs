//! The table of scans. Each scan is a row group: a row with its values, and a second one with the
//! error if the last poll failed.
//!
//! The roles are explicit: on narrow screens the style sheet turns rows into cards, and some
//! browsers then no longer expose them as a table to screen readers.

use maud::{Markup, html};

use super::{
    account::href,
    listing::{RowState, StatusRow},
    parts::{isolated, no_data, shape, time, unreadable},
    scan::{scan_name, stalled_for},
    words,
};
use crate::{
    client::ApiError,
    collectors::{ScanStatus, VulScan},
    domain::Moment,
    store::{JobEntry, Snapshot},
};

pub(super) fn table(rows: &[StatusRow<'_>], caption: &Markup, now: Moment) -> Markup {
    html! {
        table role="table" {
            caption { (caption) }
            (head())
            @for row in rows {
                (row_group(row, now))
            }
        }
    }
}

/// The soft hyphens allow narrow columns.
fn head() -> Markup {
    html! {
        thead role="rowgroup" {
            tr role="row" {
                th scope="col" role="columnheader" { "Account and scan" }
                th scope="col" role="columnheader" { "Status" }
                th scope="col" role="columnheader" { "Progress" }
                th .number scope="col" role="columnheader" { "Risk images" }
                th .number scope="col" role="columnheader" { "Local vulner\u{ad}abilities" }
                th .number scope="col" role="columnheader" { "Registry vulner\u{ad}abilities" }
                th .number scope="col" role="columnheader" { "Ignored" }
                th scope="col" role="columnheader" { "Last success" }
                th scope="col" role="columnheader" { "Next poll" }
            }
        }
    }
}

fn row_group(row: &StatusRow<'_>, now: Moment) -> Markup {
    let fresh = row.snapshot.fresh(now, row.job.stale_after);
    let scan = fresh.and_then(|data| data.answer.get::<VulScan>());
    let failure = row.snapshot.failure();
    let rowspan = if failure.is_some() { Some("2") } else { None };
    html! {
        tbody class=(row.state.class()) role="rowgroup" {
            tr role="row" {
                th scope="row" role="rowheader" rowspan=[rowspan] {
                    a href=(href(row.job.account.as_str())) { (isolated(row.job.account.as_str())) } " "
                    span .sub { (isolated(scan_name(row.job))) }
                }
                td .status role="cell" { (status(row.state, scan, now)) }
                (progress_cell(row.job, scan, now))
                (count_cells(scan))
                td .age role="cell" { (last_success(row.job, &row.snapshot, now)) }
                td .next role="cell" { (next_poll(row.job, now)) }
            }
            @if let Some(error) = failure {
                (error_row(error, row.snapshot.failed_in_a_row, now, 8))
            }
        }
    }
}

fn status(state: RowState, scan: Option<&VulScan>, now: Moment) -> Markup {
    match (state, scan) {
        // The values of the last success are still shown, so the page says which status they had.
        (RowState::Failing, scan) => html! {
            (shape(state.class())) "Failing"
            @if let Some(scan) = scan {
                " " span .sub { "last known: " (status_label(scan.status).to_lowercase()) }
            }
        },
        (RowState::Waiting, _) => html! { (shape(state.class())) "Waiting for first poll" },
        (_, None) => html! { (shape(RowState::Stale.class())) "Stale" },
        (_, Some(scan)) => scan_status(scan, now),
    }
}

fn scan_status(scan: &VulScan, now: Moment) -> Markup {
    let (verb, at) = match scan.status {
        ScanStatus::Scanning => ("started", scan.start),
        ScanStatus::Scanned | ScanStatus::Canceled => ("ended", scan.end),
        ScanStatus::NotScanned | ScanStatus::Unknown => ("", None),
    };
    let is_stalled = stalled_for(scan, now).is_some();
    let (class, label) = if is_stalled {
        (RowState::Stalled.class(), "Stalled")
    } else {
        (status_class(scan.status), status_label(scan.status))
    };
    html! {
        (shape(class)) (label)
        @if let Some(at) = at {
            " " span .sub { (verb) " " (time(at, words::relative(at, now.wall))) }
        }
    }
}

fn status_label(status: ScanStatus) -> &'static str {
    match status {
        ScanStatus::NotScanned => "Never scanned",
        ScanStatus::Scanning => "Scanning",
        ScanStatus::Scanned => "Scanned",
        ScanStatus::Canceled => "Canceled",
        ScanStatus::Unknown => "Unknown",
    }
}

fn status_class(status: ScanStatus) -> &'static str {
    match status {
        ScanStatus::NotScanned => "never",
        ScanStatus::Scanning => "scanning",
        ScanStatus::Scanned => "ok",
        ScanStatus::Canceled => "canceled",
        ScanStatus::Unknown => "unknown",
    }
}

fn progress_cell(job: &JobEntry, scan: Option<&VulScan>, now: Moment) -> Markup {
    let Some(scan) = scan else {
        return html! { td .progress.bare role="cell" { (no_data()) } };
    };
    let Some(progress) = scan.progress else {
        return html! { td .progress.bare role="cell" { (unreadable()) } };
    };
    let label = format!("Progress of {}, {}", job.account, scan_name(job));
    html! {
        td .progress role="cell" {
            progress max="1" value=(progress) aria-label=(label) {}
            " "
            span .sub {
                (words::percentage(progress))
                @if scan.status == ScanStatus::Scanning {
                    " " span { (time_left(scan, now)) }
                }
            }
        }
    }
}

fn time_left(scan: &VulScan, now: Moment) -> String {
    // What the API estimates means nothing for a scan that makes no progress.
    if let Some(age) = stalled_for(scan, now) {
        return format!("no progress for {}", words::duration(age));
    }
    match scan.remaining {
        Some(remaining) => format!("{} left", words::duration(remaining)),
        None => "time left unknown".into(),
    }
}

/// The columns of numbers. The classes name them in the style sheet.
fn count_cells(scan: Option<&VulScan>) -> Markup {
    let Some(scan) = scan else {
        return html! {
            @for class in ["risk", "local", "registry", "ignored"] {
                td class={ "number " (class) } role="cell" { (no_data()) }
            }
        };
    };
    let counts = [
        ("risk", scan.risk_images),
        ("local", scan.found_vulnerabilities.local),
        ("registry", scan.found_vulnerabilities.registry),
        ("ignored", scan.ignored_vulnerabilities),
    ];
    html! {
        @for (class, count) in counts {
            td class={ "number " (class) } role="cell" {
                @match count {
                    Some(count) => { (words::count(count)) }
                    None => { (unreadable()) }
                }
            }
        }
    }
}

/// The age of the last answer, even if its values are withheld.
pub(super) fn last_success(job: &JobEntry, snapshot: &Snapshot, now: Moment) -> Markup {
    let Some(as_of) = snapshot.last_success() else {
        return html! { "never" };
    };
    html! {
        (time(as_of.wall, words::ago(now.age_of(as_of))))
        @if snapshot.fresh(now, job.stale_after).is_none() {
            @let since = as_of.after(job.stale_after).wall;
            " " span .sub { "stale since " (time(since, words::time_or_date(since, now.wall))) }
        }
    }
}

pub(super) fn next_poll(job: &JobEntry, now: Moment) -> Markup {
    let Some(next) = job.next_poll() else {
        return no_data();
    };
    let wait = next.saturating_duration_since(now.monotonic);
    // Also while a poll is running: `next_poll` is then the time at which it started.
    if wait.as_secs() == 0 {
        return html! { "now" };
    }
    time(
        now.after(wait).wall,
        format_args!("in {}", words::duration(wait)),
    )
}

/// It has `n_columns` columns.
pub(super) fn error_row(error: &ApiError, n_failed: u32, now: Moment, n_columns: usize) -> Markup {
    html! {
        tr .error role="row" {
            td role="cell" colspan=(n_columns) {
                p {
                    strong { (error.reason) } " " (error.reason.meaning())
                    " " strong { "What to do:" } " " (error.advice())
                }
                p {
                    @if let Some(code) = &error.code {
                        code { (isolated(code)) } " "
                    }
                    (isolated(&error.message))
                }
                p .sub {
                    @if n_failed > 1 {
                        "The last " (words::count(n_failed.into())) " polls failed, most recently "
                    } @else {
                        "The last poll failed "
                    }
                    (time(error.as_of.wall, words::ago(now.age_of(error.as_of))))
                    @if let Some(id) = &error.request_id {
                        " · RequestId " code { (isolated(id)) }
                    }
                }
            }
        }
    }
}
