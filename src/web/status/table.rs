//! The table of scans. Each scan is a row group: a row with its values, and a second one with the
//! error if the last poll failed.
//!
//! The roles are explicit: on narrow screens the style sheet turns rows into cards, and some
//! browsers then no longer expose them as a table to screen readers.

use jiff::Timestamp;
use maud::{Markup, html};

use super::{
    account::href,
    listing::{RowState, StatusRow},
    parts::{View, isolated, no_data, shape, time, unreadable},
    scan::{scan_name, stalled_for},
    words,
};
use crate::{
    client::ApiError,
    collectors::{ScanStatus, VulScan},
    domain::{Language, Text},
    store::{JobEntry, Snapshot},
};

/// The titles of the columns of numbers, which name the values on narrow screens.
const RISK: Text = Text::new("Risk images", "风险镜像");
const LOCAL: Text = Text::new("Local vulnerabilities", "本地镜像漏洞");
const REGISTRY: Text = Text::new("Registry vulnerabilities", "仓库镜像漏洞");
const IGNORED: Text = Text::new("Ignored", "忽略的漏洞");
const PROGRESS: Text = Text::new("Progress", "扫描进度");
pub(super) const LAST_SUCCESS: Text = Text::new("Last success", "上次成功");
pub(super) const NEXT_POLL: Text = Text::new("Next poll", "下次轮询");

pub(super) fn table(rows: &[StatusRow<'_>], caption: &Markup, view: View) -> Markup {
    html! {
        table role="table" {
            caption { (caption) }
            (head(view.language))
            @for row in rows {
                (row_group(row, view))
            }
        }
    }
}

/// The soft hyphens allow narrow columns.
fn head(language: Language) -> Markup {
    let narrow = |title: Text| title.of(language).replace("vulnera", "vulner\u{ad}a");
    html! {
        thead role="rowgroup" {
            tr role="row" {
                th scope="col" role="columnheader" {
                    (language.text("Account and scan", "账号与扫描"))
                }
                th scope="col" role="columnheader" { (language.text("Status", "扫描状态")) }
                th scope="col" role="columnheader" { (PROGRESS.of(language)) }
                @for title in [RISK, LOCAL, REGISTRY, IGNORED] {
                    th .number scope="col" role="columnheader" { (narrow(title)) }
                }
                th scope="col" role="columnheader" { (LAST_SUCCESS.of(language)) }
                th scope="col" role="columnheader" { (NEXT_POLL.of(language)) }
            }
        }
    }
}

fn row_group(row: &StatusRow<'_>, view: View) -> Markup {
    let fresh = row.snapshot.fresh(view.now, row.job.stale_after);
    let scan = fresh.and_then(|data| data.answer.get::<VulScan>());
    let failure = row.snapshot.failure();
    let rowspan = if failure.is_some() { Some("2") } else { None };
    html! {
        tbody class=(row.state.class()) role="rowgroup" {
            tr role="row" {
                th scope="row" role="rowheader" rowspan=[rowspan] {
                    a href=(href(row.job.account.as_str(), view)) { (isolated(row.job.account.as_str())) } " "
                    span .sub { (isolated(scan_name(row.job))) }
                }
                td .status role="cell" { (status(row.state, scan, view)) }
                (progress_cell(row.job, scan, view))
                (count_cells(scan, view))
                (last_success(row.job, &row.snapshot, view))
                (next_poll(row.job, view))
            }
            @if let Some(error) = failure {
                (error_row(error, row.snapshot.failed_in_a_row, view, 8))
            }
        }
    }
}

fn status(state: RowState, scan: Option<&VulScan>, view: View) -> Markup {
    match (state, scan) {
        // The values of the last success are still shown, so the page says which status they had.
        (RowState::Failing, scan) => html! {
            (shape(state.class())) (view.text("Failing", "失败"))
            @if let Some(scan) = scan {
                " " span .sub { (last_known(scan.status, view.language)) }
            }
        },
        (RowState::Waiting, _) => html! {
            (shape(state.class())) (view.text("Waiting for first poll", "等待首次轮询"))
        },
        (_, None) => html! {
            (shape(RowState::Stale.class())) (view.text("Stale", "陈旧"))
        },
        (_, Some(scan)) => scan_status(scan, view),
    }
}

fn last_known(status: ScanStatus, language: Language) -> String {
    let label = status_label(status).of(language);
    match language {
        Language::English => format!("last known: {}", label.to_lowercase()),
        Language::Chinese => format!("上次状态：{label}"),
    }
}

fn scan_status(scan: &VulScan, view: View) -> Markup {
    let is_stalled = stalled_for(scan, view.now).is_some();
    let (class, label) = if is_stalled {
        (RowState::Stalled.class(), Text::new("Stalled", "停滞"))
    } else {
        (status_class(scan.status), status_label(scan.status))
    };
    html! {
        (shape(class)) (label.of(view.language))
        @if let Some((at, verb)) = last_event(scan) {
            " " span .sub {
                @match view.language {
                    Language::English => { (verb.en) " " (view.relative(at)) }
                    Language::Chinese => { (view.relative(at)) (verb.zh) }
                }
            }
        }
    }
}

/// When the scan started, if it is running, or ended.
fn last_event(scan: &VulScan) -> Option<(Timestamp, Text)> {
    match scan.status {
        ScanStatus::Scanning => Some((scan.start?, Text::new("started", "开始"))),
        ScanStatus::Scanned | ScanStatus::Canceled => Some((scan.end?, Text::new("ended", "结束"))),
        ScanStatus::NotScanned | ScanStatus::Unknown => None,
    }
}

const fn status_label(status: ScanStatus) -> Text {
    match status {
        ScanStatus::NotScanned => Text::new("Never scanned", "未扫描"),
        ScanStatus::Scanning => Text::new("Scanning", "扫描中"),
        ScanStatus::Scanned => Text::new("Scanned", "扫描完成"),
        ScanStatus::Canceled => Text::new("Canceled", "扫描停止"),
        ScanStatus::Unknown => Text::new("Unknown", "未知"),
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

fn progress_cell(job: &JobEntry, scan: Option<&VulScan>, view: View) -> Markup {
    let title = PROGRESS.of(view.language);
    let Some(scan) = scan else {
        return html! { td .progress.bare role="cell" data-label=(title) { (no_data(view)) } };
    };
    let Some(progress) = scan.progress else {
        return html! { td .progress.bare role="cell" data-label=(title) { (unreadable(view)) } };
    };
    html! {
        td .progress role="cell" {
            progress max="1" value=(progress) aria-label=(progress_label(job, view.language)) {}
            " "
            span .sub {
                (words::percentage(progress))
                @if scan.status == ScanStatus::Scanning {
                    " " span { (time_left(scan, view)) }
                }
            }
        }
    }
}

fn progress_label(job: &JobEntry, language: Language) -> String {
    let (account, scan) = (&job.account, scan_name(job));
    match language {
        Language::English => format!("Progress of {account}, {scan}"),
        Language::Chinese => format!("{account}，{scan} 的扫描进度"),
    }
}

fn time_left(scan: &VulScan, view: View) -> String {
    // What the API estimates means nothing for a scan that makes no progress.
    if let Some(age) = stalled_for(scan, view.now) {
        let age = view.duration(age);
        return match view.language {
            Language::English => format!("no progress for {age}"),
            Language::Chinese => format!("{age}没有进展"),
        };
    }
    let Some(remaining) = scan.remaining else {
        return view.text("time left unknown", "剩余时间未知").into();
    };
    let remaining = view.duration(remaining);
    match view.language {
        Language::English => format!("{remaining} left"),
        Language::Chinese => format!("剩余 {remaining}"),
    }
}

/// The columns of numbers.
fn count_cells(scan: Option<&VulScan>, view: View) -> Markup {
    let [risk, local, registry, ignored] = match scan {
        None => [None; 4],
        Some(scan) => [
            Some(scan.risk_images),
            Some(scan.found_vulnerabilities.local),
            Some(scan.found_vulnerabilities.registry),
            Some(scan.ignored_vulnerabilities),
        ],
    };
    let cells = [
        (RISK, risk),
        (LOCAL, local),
        (REGISTRY, registry),
        (IGNORED, ignored),
    ];
    html! {
        @for (title, count) in cells {
            td .number role="cell" data-label=(title.of(view.language)) {
                @match count {
                    None => { (no_data(view)) }
                    Some(None) => { (unreadable(view)) }
                    Some(Some(count)) => { (words::count(count)) }
                }
            }
        }
    }
}

/// The cell with the age of the last answer, even if its values are withheld.
pub(super) fn last_success(job: &JobEntry, snapshot: &Snapshot, view: View) -> Markup {
    let Some(as_of) = snapshot.last_success() else {
        return html! {
            td .age role="cell" data-label=(LAST_SUCCESS.of(view.language)) {
                (view.text("never", "从未"))
            }
        };
    };
    html! {
        td .age role="cell" data-label=(LAST_SUCCESS.of(view.language)) {
            (view.ago(as_of))
            @if snapshot.fresh(view.now, job.stale_after).is_none() {
                @let since = as_of.after(job.stale_after).wall;
                @let since = time(since, words::time_or_date(since, view.now.wall));
                " " span .sub {
                    @match view.language {
                        Language::English => { "stale since " (since) }
                        Language::Chinese => { "自 " (since) " 起陈旧" }
                    }
                }
            }
        }
    }
}

/// The cell with the time until the next poll.
pub(super) fn next_poll(job: &JobEntry, view: View) -> Markup {
    html! {
        td .next role="cell" data-label=(NEXT_POLL.of(view.language)) {
            (time_to_poll(job, view))
        }
    }
}

fn time_to_poll(job: &JobEntry, view: View) -> Markup {
    let Some(next) = job.next_poll() else {
        return no_data(view);
    };
    let wait = next.saturating_duration_since(view.now.monotonic);
    // Also while a poll is running: `next_poll` is then the time at which it started.
    if wait.as_secs() == 0 {
        return html! { (view.text("now", "现在")) };
    }
    time(view.now.after(wait).wall, words::ahead(wait, view.language))
}

/// It has `n_columns` columns.
pub(super) fn error_row(error: &ApiError, n_failed: u32, view: View, n_columns: usize) -> Markup {
    let space = view.text(" ", "");
    html! {
        tr .error role="row" {
            td role="cell" colspan=(n_columns) {
                p {
                    strong { (error.reason) } " " (error.reason.meaning().of(view.language))
                    (space) strong { (view.text("What to do:", "处理方法：")) } (space) (error.advice().of(view.language))
                }
                p {
                    @if let Some(code) = &error.code {
                        code { (isolated(code)) } " "
                    }
                    (isolated(&error.message))
                }
                p .sub {
                    (failed_polls(n_failed, &view.ago(error.as_of), view.language))
                    @if let Some(id) = &error.request_id {
                        " · RequestId " code { (isolated(id)) }
                    }
                }
            }
        }
    }
}

fn failed_polls(n_failed: u32, ago: &Markup, language: Language) -> Markup {
    let n = words::count(n_failed.into());
    match (language, n_failed > 1) {
        (Language::English, false) => html! { "The last poll failed " (ago) },
        (Language::English, true) => {
            html! { "The last " (n) " polls failed, most recently " (ago) }
        }
        (Language::Chinese, false) => html! { "最近一次轮询失败：" (ago) },
        (Language::Chinese, true) => {
            html! { "连续 " (n) " 次轮询失败，最近一次：" (ago) }
        }
    }
}
