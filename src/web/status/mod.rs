//! The status page at `/`: one row per account and scan; and the page of one account. Pure: store,
//! time, language and query → HTML. Texts are written in both languages, side by side.
//!
//! There are no scripts: the page asks the browser to reload it every 15 seconds, until a link
//! stops that.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use listing::{RowState, StatusListing};
use parts::{isolated, shape, time};

use crate::{
    build_info,
    domain::{Language, Moment},
    leadership::{Leadership, Standing},
    store::Table,
};

mod account;
mod help;
mod listing;
mod parts;
mod query;
mod scan;
mod style;
mod table;
mod words;

pub(super) use account::account_page;
pub(super) use parts::View;
pub(super) use query::StatusQuery;
pub(super) use style::content_security_policy;

/// What the header of the page says about this instance.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerInfo<'a> {
    pub(super) started: Moment,
    pub(super) telemetry_path: &'a str,
    /// This instance's share of the accounts, such as `0/3`. None if it has all of them.
    pub(super) shard: Option<&'a str>,
    /// `None` without leader election.
    pub(super) leadership: Option<&'a Leadership>,
}

pub(super) fn page(table: &Table, view: View, query: &StatusQuery, info: ServerInfo<'_>) -> String {
    let listing = StatusListing::new(table, view.now, query);
    let page = html! {
        (DOCTYPE)
        html lang=(view.language.tag()) {
            (head(&listing, view, query))
            body {
                a .skip href="#scans" { (view.text("Skip to scans", "跳到扫描列表")) }
                (header(view, query, info))
                @if let Some(leadership) = info.leadership {
                    (standing(leadership, view.language))
                }
                main {
                    (counts(&listing, view))
                    (controls(view, query))
                    (scans(&listing, view, query))
                }
                (help::help(view))
            }
        }
    };
    let mut page = page.into_string();
    // HTML cannot express NUL, which an error message may contain.
    if page.contains('\0') {
        page = page.replace('\0', "\u{fffd}");
    }
    page.push('\n');
    page
}

/// The icons are shapes on a disc, not just colours: a cross, an exclamation mark and a tick.
const ICON_FAILING: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' \
    fill='none' stroke='white' stroke-width='2'%3E%3Ccircle cx='8' cy='8' r='8' fill='%23c4221b' stroke='none'/%3E\
    %3Cpath d='M5 5l6 6M11 5l-6 6'/%3E%3C/svg%3E";
const ICON_STALE: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' \
    fill='none' stroke='white' stroke-width='2'%3E%3Ccircle cx='8' cy='8' r='8' fill='%238a5a00' stroke='none'/%3E\
    %3Cpath d='M8 3v6M8 11v2'/%3E%3C/svg%3E";
const ICON_OK: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' \
    fill='none' stroke='white' stroke-width='2'%3E%3Ccircle cx='8' cy='8' r='8' fill='%231a7f37' stroke='none'/%3E\
    %3Cpath d='M4.5 8.5l2.5 2.5 4.5-5'/%3E%3C/svg%3E";

fn head(listing: &StatusListing<'_>, view: View, query: &StatusQuery) -> Markup {
    let failing = listing.count(RowState::Failing);
    let stale = listing.count(RowState::Stale);
    let stalled = listing.count(RowState::Stalled);
    let (problems, icon) = if failing > 0 {
        (Some((failing, RowState::Failing)), ICON_FAILING)
    } else if stale > 0 {
        (Some((stale, RowState::Stale)), ICON_STALE)
    } else if stalled > 0 {
        (Some((stalled, RowState::Stalled)), ICON_STALE)
    } else {
        (None, ICON_OK)
    };
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            @if !query.is_paused {
                meta http-equiv="refresh" content="15";
            }
            title {
                @if let Some((n, state)) = problems {
                    (words::number(n)) " " (state.label().of(view.language)) " · "
                }
                "tcss-exporter"
            }
            link rel="icon" href=(icon);
            (style_sheet())
        }
    }
}

/// The only text that is not escaped. The policy has its hash.
fn style_sheet() -> Markup {
    html! {
        style { (PreEscaped(style::CSS)) }
    }
}

fn header(view: View, query: &StatusQuery, info: ServerInfo<'_>) -> Markup {
    let uptime = view.duration(view.now.age_of(info.started));
    html! {
        header {
            div {
                h1 { "tcss-exporter" }
                p {
                    (view.text("Version ", "版本 ")) (build_info::VERSION)
                    (view.text(", revision ", "，修订 ")) (short_revision())
                    (view.text(" · up for ", " · 已运行 ")) (time(info.started.wall, uptime))
                    @if let Some(shard) = info.shard {
                        (view.text(" · shard ", " · 分片 ")) (shard)
                    }
                }
            }
            nav aria-label=(view.text("Other pages", "其他页面")) {
                // Relative, so that the page works behind a proxy with a path prefix.
                ul {
                    li { a href={ "." (info.telemetry_path) } { (view.text("Metrics", "指标")) } }
                    li { a href="./-/ready" { (view.text("Readiness", "就绪状态")) } }
                    li { a href="./-/healthy" { (view.text("Health", "健康状态")) } }
                    li { a href="#help" { (view.text("Help", "帮助")) } }
                    @for language in Language::ALL {
                        @if language != view.language {
                            li { (language_link(language, &with_language(query, language).href())) }
                        }
                    }
                }
            }
        }
    }
}

/// A link to the same page in another language.
fn language_link(language: Language, href: &str) -> Markup {
    let tag = language.tag();
    html! {
        a href=(href) lang=(tag) hreflang=(tag) { (language.name()) }
    }
}

/// Whether this replica exposes what the page shows.
fn standing(leadership: &Leadership, language: Language) -> Markup {
    let text = |english, chinese| language.text(english, chinese);
    let lease = isolated(leadership.lease());
    let leader = html! {
        @match language {
            Language::English => { b { "Leader" } " of " (lease) }
            Language::Chinese => { (lease) " 的" b { "主副本" } }
        }
    };
    html! {
        p .standing role="status" {
            @match leadership.standing() {
                Standing::Leader => { (leader) }
                Standing::Unconfirmed => {
                    (leader)
                    (text(
                        ", but the lease cannot be renewed. See the log.",
                        "，但无法续约 Lease，详见日志。",
                    ))
                }
                Standing::Offering => {
                    (leader)
                    (text(
                        ", but no poll reaches the API. Waiting for another replica to take over.",
                        "，但轮询无法到达 API，正在等待其他副本接管。",
                    ))
                }
                Standing::Standby { leader: Some(leader) } => {
                    b { (text("Standby", "备副本")) } (text(": ", "："))
                    (text("", "由 ")) (isolated(&leader))
                    (text(" exposes the accounts. ", " 暴露账号。"))
                    (text(
                        "This page shows the polls of this replica.",
                        "本页显示本副本的轮询。",
                    ))
                }
                Standing::Standby { leader: None } => {
                    b { (text("Standby", "备副本")) } (text(": ", "："))
                    (text("there is no leader of ", "")) (lease)
                    (text(". ", " 没有主副本。"))
                    (text(
                        "This page shows the polls of this replica.",
                        "本页显示本副本的轮询。",
                    ))
                }
            }
        }
    }
}

fn short_revision() -> String {
    format!("{:.12}", build_info::REVISION)
}

fn counts(listing: &StatusListing<'_>, view: View) -> Markup {
    html! {
        h2 .unseen { (view.text("Summary", "概要")) }
        ul .counts role="list" {
            @for state in RowState::ALL {
                @let n = listing.count(state);
                li class=[(n == 0).then_some("none")] {
                    (shape(state.class())) b { (words::number(n)) }
                    " " (state.label().of(view.language))
                }
            }
        }
    }
}

fn controls(view: View, query: &StatusQuery) -> Markup {
    html! {
        div .controls {
            form role="search" action="./" {
                label for="q" { (view.text("Account or scan", "账号或扫描")) }
                input #q type="search" name="q" value=(query.filter) maxlength="128"
                    autocomplete="off" spellcheck="false";
                @if query.is_paused {
                    input type="hidden" name="refresh" value="off";
                }
                @if let Some(language) = query.language {
                    input type="hidden" name="lang" value=(language.tag());
                }
                button { (view.text("Filter", "筛选")) }
                @if !query.filter.is_empty() {
                    a href=(without_filter(query).href()) { (view.text("Show all", "显示全部")) }
                }
            }
            p {
                (view.text("As of ", "截至 ")) (time_of_day(view.now))
                @if query.is_paused {
                    (view.text(", auto-refresh is off. ", "，自动刷新已关闭。"))
                    a href=(with_auto_refresh(query, true).href()) {
                        (view.text("Resume auto-refresh", "恢复自动刷新"))
                    }
                } @else {
                    (view.text(", refreshed every 15 s. ", "，每 15 秒刷新。"))
                    a href=(with_auto_refresh(query, false).href()) {
                        (view.text("Stop auto-refresh", "停止自动刷新"))
                    }
                }
            }
        }
    }
}

fn time_of_day(now: Moment) -> Markup {
    time(now.wall, now.wall.strftime("%H:%M:%S UTC"))
}

fn without_filter(query: &StatusQuery) -> StatusQuery {
    StatusQuery {
        filter: String::new(),
        page: 1,
        ..query.clone()
    }
}

fn with_auto_refresh(query: &StatusQuery, is_on: bool) -> StatusQuery {
    StatusQuery {
        is_paused: !is_on,
        ..query.clone()
    }
}

fn with_page(query: &StatusQuery, page: usize) -> StatusQuery {
    StatusQuery {
        page,
        ..query.clone()
    }
}

fn with_language(query: &StatusQuery, language: Language) -> StatusQuery {
    StatusQuery {
        language: Some(language),
        ..query.clone()
    }
}

fn scans(listing: &StatusListing<'_>, view: View, query: &StatusQuery) -> Markup {
    html! {
        h2 #scans .unseen tabindex="-1" { (view.text("Scans", "扫描")) }
        @if !listing.rows.is_empty() {
            div .scroll {
                (table::table(&listing.rows, &caption(listing, query, view.language), view))
            }
            @if listing.n_pages > 1 {
                (page_links(listing, query, view))
            }
        } @else if query.filter.is_empty() {
            p .empty { (view.text("No accounts to poll.", "没有要轮询的账号。")) }
        } @else {
            p .empty {
                (view.text("No account or scan name contains “", "没有名称包含“"))
                (isolated(&query.filter))
                (view.text("”.", "”的账号或扫描。"))
            }
        }
    }
}

/// Which scans are on this page, and how many there are.
fn caption(listing: &StatusListing<'_>, query: &StatusQuery, language: Language) -> Markup {
    let first = listing.first();
    let last = words::number(first + listing.rows.len() - 1);
    let (first, n) = (words::number(first), words::number(listing.n_matching));
    let total = words::number(listing.total());
    let (has_pages, is_filtered) = (listing.n_pages > 1, !query.filter.is_empty());
    let filter = isolated(&query.filter);
    match language {
        Language::English => html! {
            @if has_pages { (first) "–" (last) " of " }
            (n) (if listing.n_matching == 1 { " scan" } else { " scans" })
            @if is_filtered { " matching “" (filter) "” (" (total) " in total)" }
            ", failing first"
        },
        Language::Chinese => html! {
            @if is_filtered {
                "名称包含“" (filter) "”的扫描有 " (n) " 个（总数 " (total) "）"
            } @else {
                "共 " (n) " 个扫描"
            }
            @if has_pages { "，本页为第 " (first) "–" (last) " 个" }
            "，失败的在前"
        },
    }
}

fn page_links(listing: &StatusListing<'_>, query: &StatusQuery, view: View) -> Markup {
    let (page, last) = (listing.page, listing.n_pages);
    let links = [
        (page > 2, 1, view.text("First", "首页")),
        (page > 1, page - 1, view.text("Previous", "上一页")),
        (page < last, page + 1, view.text("Next", "下一页")),
        (page + 1 < last, last, view.text("Last", "末页")),
    ];
    html! {
        nav .pages aria-label=(view.text("Pages", "分页")) {
            ul {
                @for (is_shown, target, label) in links {
                    @if is_shown {
                        li { a href=(with_page(query, target).href()) { (label) } }
                    }
                }
            }
            p {
                (view.text("Page ", "第 ")) (words::number(page))
                (view.text(" of ", " 页，共 ")) (words::number(last)) (view.text("", " 页"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
