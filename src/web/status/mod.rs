//! The status page at `/`: one row per account and scan; and the page of one account. Pure: store,
//! time and query → HTML.
//!
//! There are no scripts: the page asks the browser to reload it every 15 seconds, until a link
//! stops that.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use listing::{RowState, StatusListing};
use parts::{isolated, shape, time};

use crate::{
    build_info,
    domain::Moment,
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

pub(super) fn page(
    table: &Table,
    now: Moment,
    query: &StatusQuery,
    info: ServerInfo<'_>,
) -> String {
    let listing = StatusListing::new(table, now, query);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(&listing, query))
            body {
                a .skip href="#scans" { "Skip to scans" }
                (header(now, info))
                @if let Some(leadership) = info.leadership {
                    (standing(leadership))
                }
                main {
                    (counts(&listing))
                    (controls(now, query))
                    (scans(&listing, now, query))
                }
                (help::help())
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

fn head(listing: &StatusListing<'_>, query: &StatusQuery) -> Markup {
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
                    (words::number(n)) " " (state.label()) " · "
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

fn header(now: Moment, info: ServerInfo<'_>) -> Markup {
    let uptime = words::duration(now.age_of(info.started));
    html! {
        header {
            div {
                h1 { "tcss-exporter" }
                p {
                    "Version " (build_info::VERSION)
                    ", revision " (short_revision())
                    " · up for " (time(info.started.wall, uptime))
                    @if let Some(shard) = info.shard {
                        " · shard " (shard)
                    }
                }
            }
            nav aria-label="Other pages" {
                // Relative, so that the page works behind a proxy with a path prefix.
                ul {
                    li { a href={ "." (info.telemetry_path) } { "Metrics" } }
                    li { a href="./-/ready" { "Readiness" } }
                    li { a href="./-/healthy" { "Health" } }
                    li { a href="#help" { "Help" } }
                }
            }
        }
    }
}

/// Whether this replica exposes what the page shows.
fn standing(leadership: &Leadership) -> Markup {
    let lease = leadership.lease();
    html! {
        p .standing role="status" {
            @match leadership.standing() {
                Standing::Leader => {
                    b { "Leader" } " of " (isolated(lease))
                }
                Standing::Unconfirmed => {
                    b { "Leader" } " of " (isolated(lease))
                    ", but the lease cannot be renewed. See the log."
                }
                Standing::Offering => {
                    b { "Leader" } " of " (isolated(lease))
                    ", but no poll reaches the API. Waiting for another replica to take over."
                }
                Standing::Standby { leader: Some(leader) } => {
                    b { "Standby" } ": " (isolated(&leader))
                    " exposes the accounts. This page shows the polls of this replica."
                }
                Standing::Standby { leader: None } => {
                    b { "Standby" } ": there is no leader of " (isolated(lease))
                    ". This page shows the polls of this replica."
                }
            }
        }
    }
}

fn short_revision() -> String {
    format!("{:.12}", build_info::REVISION)
}

fn counts(listing: &StatusListing<'_>) -> Markup {
    html! {
        h2 .unseen { "Summary" }
        ul .counts role="list" {
            @for state in RowState::ALL {
                @let n = listing.count(state);
                li class=[(n == 0).then_some("none")] {
                    (shape(state.class())) b { (words::number(n)) } " " (state.label())
                }
            }
        }
    }
}

fn controls(now: Moment, query: &StatusQuery) -> Markup {
    html! {
        div .controls {
            form role="search" action="./" {
                label for="q" { "Account or scan" }
                input #q type="search" name="q" value=(query.filter) maxlength="128"
                    autocomplete="off" spellcheck="false";
                @if query.is_paused {
                    input type="hidden" name="refresh" value="off";
                }
                button { "Filter" }
                @if !query.filter.is_empty() {
                    a href=(without_filter(query).href()) { "Show all" }
                }
            }
            p {
                "As of " (time(now.wall, now.wall.strftime("%H:%M:%S UTC")))
                @if query.is_paused {
                    ", auto-refresh is off. "
                    a href=(with_auto_refresh(query, true).href()) { "Resume auto-refresh" }
                } @else {
                    ", refreshed every 15 s. "
                    a href=(with_auto_refresh(query, false).href()) { "Stop auto-refresh" }
                }
            }
        }
    }
}

fn without_filter(query: &StatusQuery) -> StatusQuery {
    StatusQuery {
        filter: String::new(),
        page: 1,
        is_paused: query.is_paused,
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

fn scans(listing: &StatusListing<'_>, now: Moment, query: &StatusQuery) -> Markup {
    html! {
        h2 #scans .unseen tabindex="-1" { "Scans" }
        @if !listing.rows.is_empty() {
            div .scroll { (table::table(&listing.rows, &caption(listing, query), now)) }
            @if listing.n_pages > 1 {
                (page_links(listing, query))
            }
        } @else if query.filter.is_empty() {
            p .empty { "No accounts to poll." }
        } @else {
            p .empty { "No account or scan name contains “" (isolated(&query.filter)) "”." }
        }
    }
}

/// Which scans are on this page, and how many there are.
fn caption(listing: &StatusListing<'_>, query: &StatusQuery) -> Markup {
    let first = listing.first();
    let last = first + listing.rows.len() - 1;
    let n = listing.n_matching;
    html! {
        @if listing.n_pages > 1 {
            (words::number(first)) "–" (words::number(last)) " of "
        }
        (words::number(n)) (if n == 1 { " scan" } else { " scans" })
        @if !query.filter.is_empty() {
            " matching “" (isolated(&query.filter)) "” (" (words::number(listing.total())) " in total)"
        }
        ", failing first"
    }
}

fn page_links(listing: &StatusListing<'_>, query: &StatusQuery) -> Markup {
    let (page, last) = (listing.page, listing.n_pages);
    let links = [
        (page > 2, 1, "First"),
        (page > 1, page - 1, "Previous"),
        (page < last, page + 1, "Next"),
        (page + 1 < last, last, "Last"),
    ];
    html! {
        nav .pages aria-label="Pages" {
            ul {
                @for (is_shown, target, label) in links {
                    @if is_shown {
                        li { a href=(with_page(query, target).href()) { (label) } }
                    }
                }
            }
            p { "Page " (words::number(page)) " of " (words::number(last)) }
        }
    }
}

#[cfg(test)]
mod tests;
