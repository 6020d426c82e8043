//! The page of one account at `/accounts/NAME`: its credentials, its collectors with their last
//! errors, the last completed scans, and the images at risk.

use std::sync::Arc;

use maud::{DOCTYPE, Markup, html};
use url::form_urlencoded;

use super::{
    listing::RowState,
    parts::{isolated, no_data, shape, time, unreadable},
    scan::scan_name,
    style_sheet,
    table::{error_row, last_success, next_poll},
    words,
};
use crate::{
    collectors::{CompletedScan, ImageList, RiskImages, VulScan},
    domain::Moment,
    store::{AccountEntry, JobEntry, Snapshot, Table},
};

/// The columns of the table of collectors.
const N_COLUMNS: usize = 5;

/// The URL of the page of an account, relative to the status page.
pub(super) fn href(account: &str) -> String {
    let name: String = form_urlencoded::byte_serialize(account.as_bytes()).collect();
    // In a path, a plus sign is no space.
    format!("./accounts/{}", name.replace('+', "%20"))
}

/// One collector of the account, or one of its scans.
struct AccountJob<'a> {
    job: &'a JobEntry,
    snapshot: Arc<Snapshot>,
}

/// `None` if there is no such account.
pub(in crate::web) fn account_page(table: &Table, name: &str, now: Moment) -> Option<String> {
    let mut entries = table.accounts.iter();
    let account = entries.find(|account| account.name.as_str() == name)?;
    let mut jobs = Vec::new();
    for job in &table.jobs {
        if job.account == account.name {
            let snapshot = job.snapshot();
            jobs.push(AccountJob { job, snapshot });
        }
    }
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (name) " · tcss-exporter" }
                (style_sheet())
            }
            body {
                header {
                    div {
                        h1 { (isolated(name)) }
                        p { "As of " (time(now.wall, now.wall.strftime("%H:%M:%S UTC"))) }
                    }
                    nav aria-label="Other pages" {
                        ul { li { a href="../" { "All accounts" } } }
                    }
                }
                main {
                    (credentials(account, now))
                    (collectors(&jobs, now))
                    @for job in &jobs {
                        (completed_scan(job, now))
                    }
                    @for job in &jobs {
                        (images(job, now))
                    }
                }
            }
        }
    };
    let mut page = page.into_string();
    // HTML cannot express NUL, which an error message may contain.
    if page.contains('\0') {
        page = page.replace('\0', "\u{fffd}");
    }
    page.push('\n');
    Some(page)
}

fn credentials(account: &AccountEntry, now: Moment) -> Markup {
    let status = &account.credentials;
    html! {
        h2 { "Credentials" }
        @match status.issued() {
            Some(issued) => p { "From " (isolated(&issued.origin)) },
            None => p { "None yet" },
        }
        @if let Some(expires) = status.expires() {
            p { "Expire " (time(expires, words::relative(expires, now.wall))) }
        }
        @if let Some(error) = status.error() {
            p { (isolated(&error.to_string())) }
        }
    }
}

fn collectors(jobs: &[AccountJob<'_>], now: Moment) -> Markup {
    html! {
        h2 { "Collectors" }
        div .scroll {
            table role="table" {
                thead role="rowgroup" {
                    tr role="row" {
                        th scope="col" role="columnheader" { "Collector and scan" }
                        th scope="col" role="columnheader" { "Status" }
                        th scope="col" role="columnheader" { "Interval" }
                        th scope="col" role="columnheader" { "Last success" }
                        th scope="col" role="columnheader" { "Next poll" }
                    }
                }
                @for job in jobs {
                    (collector(job, now))
                }
            }
        }
    }
}

fn collector(row: &AccountJob<'_>, now: Moment) -> Markup {
    let AccountJob { job, snapshot } = row;
    let state = RowState::new(job, snapshot, now);
    html! {
        tbody class=(state.class()) role="rowgroup" {
            tr role="row" {
                th scope="row" role="rowheader" {
                    (job.collector.name) " "
                    @if job.scan.is_some() {
                        span .sub { (isolated(scan_name(job))) }
                    }
                }
                td .status role="cell" { (shape(state.class())) (state.label()) }
                td role="cell" { (words::duration(snapshot.interval)) }
                td .age role="cell" { (last_success(job, snapshot, now)) }
                td .next role="cell" { (next_poll(job, now)) }
            }
            @if let Some(error) = snapshot.failure() {
                (error_row(error, snapshot.failed_in_a_row, now, N_COLUMNS))
            }
        }
    }
}

fn completed_scan(row: &AccountJob<'_>, now: Moment) -> Markup {
    let data = row.snapshot.latest();
    let scan = data.and_then(|data| data.answer.get::<VulScan>());
    let Some(completed) = scan.and_then(|scan| scan.completed) else {
        return html! {};
    };
    html! {
        h2 { "Last completed scan: " (isolated(scan_name(row.job))) }
        dl {
            @if let Some(end) = completed.end {
                div { dt { "Ended" } dd { (time(end, words::relative(end, now.wall))) } }
            }
            @for (label, count) in counts(&completed) {
                div {
                    dt { (label) }
                    dd {
                        @match count {
                            Some(count) => { (words::count(count)) }
                            None => { (unreadable()) }
                        }
                    }
                }
            }
        }
    }
}

fn counts(completed: &CompletedScan) -> [(&'static str, Option<f64>); 6] {
    let (images, found) = (completed.scanned_images, completed.found_vulnerabilities);
    [
        ("Images at risk", completed.risk_images),
        ("Local images", images.local),
        ("Registry images", images.registry),
        ("Local vulnerabilities", found.local),
        ("Registry vulnerabilities", found.registry),
        ("Ignored", completed.ignored_vulnerabilities),
    ]
}

fn images(row: &AccountJob<'_>, now: Moment) -> Markup {
    let data = row.snapshot.latest();
    let Some(answer) = data.and_then(|data| data.answer.get::<RiskImages>()) else {
        return html! {};
    };
    html! {
        h2 { "Worst local images: " (isolated(scan_name(row.job))) }
        @match &answer.list {
            None => p .empty { "No completed scan of local images was seen yet." },
            Some(list) => { (image_table(list, now)) }
        }
    }
}

fn image_table(list: &ImageList, now: Moment) -> Markup {
    let end = list.run.and_then(|run| run.end);
    html! {
        div .scroll {
            table role="table" {
                caption {
                    (words::number(list.worst.len())) " of "
                    @match list.n_images {
                        Some(count) => { (words::count(count)) }
                        None => { (unreadable()) }
                    }
                    " images"
                    @if let Some(end) = end {
                        " of the scan that ended " (time(end, words::relative(end, now.wall)))
                    }
                }
                thead role="rowgroup" {
                    tr role="row" {
                        th scope="col" role="columnheader" { "Image" }
                        @for severity in ["Critical", "High", "Medium", "Low"] {
                            th .number scope="col" role="columnheader" { (severity) }
                        }
                    }
                }
                @for image in &list.worst {
                    tbody role="rowgroup" {
                        tr role="row" {
                            th scope="row" role="rowheader" {
                                (isolated(&image.name)) " "
                                span .sub { code { (isolated(&image.id)) } }
                            }
                            @let counts = image.vulnerabilities;
                            @for count in [counts.critical, counts.high, counts.medium, counts.low] {
                                td .number role="cell" {
                                    @match count {
                                        Some(count) => { (words::count(count)) }
                                        None => { (no_data()) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
