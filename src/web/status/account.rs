//! The page of one account at `/accounts/NAME`: its credentials, its collectors with their last
//! errors, the last completed scans, and the images at risk.

use std::sync::Arc;

use maud::{DOCTYPE, Markup, html};
use url::form_urlencoded;

use super::{
    language_link,
    listing::RowState,
    parts::{View, isolated, no_data, shape, unreadable},
    scan::scan_name,
    style_sheet,
    table::{LAST_SUCCESS, NEXT_POLL, error_row, last_success, next_poll},
    time_of_day, words,
};
use crate::{
    collectors::{CompletedScan, ImageList, RiskImages, VulScan},
    domain::{Language, Text},
    store::{AccountEntry, JobEntry, Snapshot, Table},
};

/// The columns of the table of collectors.
const N_COLUMNS: usize = 5;

/// The URL of the page of an account, relative to the status page.
pub(super) fn href(account: &str, view: View) -> String {
    let name: String = form_urlencoded::byte_serialize(account.as_bytes()).collect();
    // In a path, a plus sign is no space.
    let path = format!("./accounts/{}", name.replace('+', "%20"));
    path + &language_parameter(view)
}

/// One collector of the account, or one of its scans.
struct AccountJob<'a> {
    job: &'a JobEntry,
    snapshot: Arc<Snapshot>,
}

/// `None` if there is no such account.
pub(in crate::web) fn account_page(table: &Table, name: &str, view: View) -> Option<String> {
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
        html lang=(view.language.tag()) {
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
                        p { (view.text("As of ", "截至 ")) (time_of_day(view.now)) }
                    }
                    nav aria-label=(view.text("Other pages", "其他页面")) {
                        ul {
                            li {
                                a href={ "../" (language_parameter(view)) } {
                                    (view.text("All accounts", "全部账号"))
                                }
                            }
                            @for language in Language::ALL {
                                @if language != view.language {
                                    li { (language_link(language, &parameter(language))) }
                                }
                            }
                        }
                    }
                }
                main {
                    (credentials(account, view))
                    (collectors(&jobs, view))
                    @for job in &jobs {
                        (completed_scan(job, view))
                    }
                    @for job in &jobs {
                        (images(job, view))
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

/// The part of a URL that keeps the language, if the URL of this page names it.
fn language_parameter(view: View) -> String {
    if view.is_chosen {
        parameter(view.language)
    } else {
        String::new()
    }
}

fn parameter(language: Language) -> String {
    format!("?lang={}", language.tag())
}

fn credentials(account: &AccountEntry, view: View) -> Markup {
    let status = &account.credentials;
    html! {
        h2 { (view.text("Credentials", "凭证")) }
        @match status.issued() {
            Some(issued) => p { (view.text("From ", "来源：")) (isolated(&issued.origin)) },
            None => p { (view.text("None yet", "尚无")) },
        }
        @if let Some(expires) = status.expires() {
            p {
                (view.text("Expire ", "")) (view.relative(expires)) (view.text("", "到期"))
            }
        }
        @if let Some(error) = status.error() {
            p { (isolated(&error.to_string())) }
        }
    }
}

fn collectors(jobs: &[AccountJob<'_>], view: View) -> Markup {
    let titles = [
        view.text("Collector and scan", "采集器与扫描"),
        view.text("Status", "状态"),
        view.text("Interval", "间隔"),
        LAST_SUCCESS.of(view.language),
        NEXT_POLL.of(view.language),
    ];
    html! {
        h2 { (view.text("Collectors", "采集器")) }
        div .scroll {
            table role="table" {
                thead role="rowgroup" {
                    tr role="row" {
                        @for title in titles {
                            th scope="col" role="columnheader" { (title) }
                        }
                    }
                }
                @for job in jobs {
                    (collector(job, view))
                }
            }
        }
    }
}

fn collector(row: &AccountJob<'_>, view: View) -> Markup {
    let AccountJob { job, snapshot } = row;
    let state = RowState::new(job, snapshot, view.now);
    html! {
        tbody class=(state.class()) role="rowgroup" {
            tr role="row" {
                th scope="row" role="rowheader" {
                    (job.collector.name) " "
                    @if job.scan.is_some() {
                        span .sub { (isolated(scan_name(job))) }
                    }
                }
                td .status role="cell" {
                    (shape(state.class())) (state.label().of(view.language))
                }
                td role="cell" { (view.duration(snapshot.interval)) }
                (last_success(job, snapshot, view))
                (next_poll(job, view))
            }
            @if let Some(error) = snapshot.failure() {
                (error_row(error, snapshot.failed_in_a_row, view, N_COLUMNS))
            }
        }
    }
}

fn completed_scan(row: &AccountJob<'_>, view: View) -> Markup {
    let data = row.snapshot.latest();
    let scan = data.and_then(|data| data.answer.get::<VulScan>());
    let Some(completed) = scan.and_then(|scan| scan.completed) else {
        return html! {};
    };
    html! {
        h2 {
            (view.text("Last completed scan: ", "最近一次完成的扫描："))
            (isolated(scan_name(row.job)))
        }
        dl {
            @if let Some(end) = completed.end {
                div { dt { (view.text("Ended", "结束时间")) } dd { (view.relative(end)) } }
            }
            @for (label, count) in counts(&completed) {
                div {
                    dt { (label.of(view.language)) }
                    dd {
                        @match count {
                            Some(count) => { (words::count(count)) }
                            None => { (unreadable(view)) }
                        }
                    }
                }
            }
        }
    }
}

fn counts(completed: &CompletedScan) -> [(Text, Option<f64>); 6] {
    let (images, found) = (completed.scanned_images, completed.found_vulnerabilities);
    [
        (
            Text::new("Images at risk", "风险镜像"),
            completed.risk_images,
        ),
        (Text::new("Local images", "本地镜像"), images.local),
        (Text::new("Registry images", "仓库镜像"), images.registry),
        (
            Text::new("Local vulnerabilities", "本地镜像漏洞"),
            found.local,
        ),
        (
            Text::new("Registry vulnerabilities", "仓库镜像漏洞"),
            found.registry,
        ),
        (
            Text::new("Ignored", "忽略的漏洞"),
            completed.ignored_vulnerabilities,
        ),
    ]
}

fn images(row: &AccountJob<'_>, view: View) -> Markup {
    let data = row.snapshot.latest();
    let Some(answer) = data.and_then(|data| data.answer.get::<RiskImages>()) else {
        return html! {};
    };
    html! {
        h2 {
            (view.text("Worst local images: ", "漏洞最严重的本地镜像："))
            (isolated(scan_name(row.job)))
        }
        @match &answer.list {
            None => p .empty {
                (view.text(
                    "No completed scan of local images was seen yet.",
                    "尚未看到已完成的本地镜像扫描。",
                ))
            },
            Some(list) => { (image_table(list, view)) }
        }
    }
}

const SEVERITIES: [Text; 4] = [
    Text::new("Critical", "严重"),
    Text::new("High", "高危"),
    Text::new("Medium", "中危"),
    Text::new("Low", "低危"),
];

fn image_table(list: &ImageList, view: View) -> Markup {
    html! {
        div .scroll {
            table role="table" {
                caption { (image_caption(list, view)) }
                thead role="rowgroup" {
                    tr role="row" {
                        th scope="col" role="columnheader" { (view.text("Image", "镜像")) }
                        @for severity in SEVERITIES {
                            th .number scope="col" role="columnheader" {
                                (severity.of(view.language))
                            }
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
                            @let counts = [counts.critical, counts.high, counts.medium, counts.low];
                            @for (severity, count) in SEVERITIES.iter().zip(counts) {
                                td .number role="cell" data-label=(severity.of(view.language)) {
                                    @match count {
                                        Some(count) => { (words::count(count)) }
                                        None => { (no_data(view)) }
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

fn image_caption(list: &ImageList, view: View) -> Markup {
    let shown = words::number(list.worst.len());
    let all = match list.n_images {
        Some(count) => html! { (words::count(count)) },
        None => unreadable(view),
    };
    let end = list.run.and_then(|run| run.end);
    let end = end.map(|end| view.relative(end));
    match view.language {
        Language::English => html! {
            (shown) " of " (all) " images"
            @if let Some(end) = end { " of the scan that ended " (end) }
        },
        Language::Chinese => html! {
            "共 " (all) " 个镜像，列出 " (shown) " 个"
            @if let Some(end) = end { "，扫描于 " (end) "结束" }
        },
    }
}
