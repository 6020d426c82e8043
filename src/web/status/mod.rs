//! The page at `/`: how every scan stands, for people. Pure: what is known, the time and what was asked for → HTML.
//!
//! No script: the page asks the browser to load it again every 15 seconds, until a link is followed that stops it.

use html::Html;
use listing::{Listing, State};

use crate::{build_info, domain::Moment, store::Table};

mod html;
mod listing;
mod query;
mod scan;
mod style;
mod table;
mod words;

pub(super) use query::Query;
pub(super) use style::policy;

/// What the page says beside the scans.
#[derive(Clone, Copy, Debug)]
pub(super) struct About<'a> {
    /// When the process started.
    pub(super) started: Moment,
    /// Where the metrics are.
    pub(super) telemetry_path: &'a str,
    /// This instance's share of the accounts, such as `0/3`, if it has not all of them.
    pub(super) shard: Option<&'a str>,
}

/// The page.
pub(super) fn page(table: &Table, now: Moment, query: &Query, about: About<'_>) -> String {
    let listing = Listing::of(table, now, query);
    let mut html = Html::default();
    write_head(&mut html, &listing, query);
    write_header(&mut html, now, about);
    html.markup("<main>\n");
    write_counts(&mut html, &listing);
    write_controls(&mut html, now, query);
    write_scans(&mut html, &listing, now, query);
    html.markup("</main>\n")
        .markup(include_str!("help.html"))
        .markup("</body>\n</html>\n");
    html.into_string()
}

/// Shapes on a disc, since colours alone tell nothing to some: a cross, an exclamation mark, a tick.
const ICON_FAILING: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' \
    fill='none' stroke='white' stroke-width='2'%3E%3Ccircle cx='8' cy='8' r='8' fill='%23c4221b' stroke='none'/%3E\
    %3Cpath d='M5 5l6 6M11 5l-6 6'/%3E%3C/svg%3E";
const ICON_STALE: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' \
    fill='none' stroke='white' stroke-width='2'%3E%3Ccircle cx='8' cy='8' r='8' fill='%238a5a00' stroke='none'/%3E\
    %3Cpath d='M8 3v6M8 11v2'/%3E%3C/svg%3E";
const ICON_FINE: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' \
    fill='none' stroke='white' stroke-width='2'%3E%3Ccircle cx='8' cy='8' r='8' fill='%231a7f37' stroke='none'/%3E\
    %3Cpath d='M4.5 8.5l2.5 2.5 4.5-5'/%3E%3C/svg%3E";

fn write_head(html: &mut Html, listing: &Listing<'_>, query: &Query) {
    html.markup("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.markup("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.markup("<meta name=\"color-scheme\" content=\"light dark\">\n");
    if !query.is_paused {
        html.markup("<meta http-equiv=\"refresh\" content=\"15\">\n");
    }
    let worst = [State::Failing, State::Stale]
        .into_iter()
        .find(|state| listing.n_in(*state) > 0);
    html.markup("<title>");
    if let Some(state) = worst {
        html.text(words::number(listing.n_in(state)))
            .markup(" ")
            .text(state.word())
            .markup(" · ");
    }
    html.markup("tcss-exporter</title>\n<link rel=\"icon\" href=\"")
        .markup(match worst {
            Some(State::Failing) => ICON_FAILING,
            Some(_) => ICON_STALE,
            None => ICON_FINE,
        });
    html.markup("\">\n<style>")
        .markup(style::CSS)
        .markup("</style>\n</head>\n");
}

fn write_header(html: &mut Html, now: Moment, about: About<'_>) {
    html.markup(
        "<body>\n<a class=\"skip\" href=\"#scans\">Skip to the scans</a>\n<header>\n<div>\n",
    );
    html.markup("<h1>tcss-exporter</h1>\n<p>Version ")
        .text(build_info::VERSION);
    // As much of the revision as tells it from others.
    html.markup(", revision ")
        .text(format_args!("{:.12}", build_info::REVISION))
        .markup(" · up for ");
    html.time(
        about.started.wall,
        words::duration(now.age_of(about.started)),
    );
    if let Some(shard) = about.shard {
        html.markup(" · shard ").text(shard);
    }
    html.markup("</p>\n</div>\n<nav aria-label=\"Other pages\">\n<ul>\n<li><a href=\".")
        .text(about.telemetry_path);
    html.markup("\">Metrics</a></li>\n<li><a href=\"./-/ready\">Readiness</a></li>\n");
    html.markup(
        "<li><a href=\"./-/healthy\">Health</a></li>\n<li><a href=\"#help\">Help</a></li>\n",
    );
    html.markup("</ul>\n</nav>\n</header>\n");
}

fn write_counts(html: &mut Html, listing: &Listing<'_>) {
    html.markup("<h2 class=\"unseen\">Summary</h2>\n<ul role=\"list\" class=\"counts\">\n");
    for state in State::ALL {
        let n = listing.n_in(state);
        html.markup(if n == 0 {
            "<li class=\"none\">"
        } else {
            "<li>"
        });
        html.markup("<span class=\"shape ")
            .text(state.word())
            .markup("\"></span><b>")
            .text(words::number(n));
        html.markup("</b> ").text(state.word()).markup("</li>\n");
    }
    html.markup("</ul>\n");
}

fn write_controls(html: &mut Html, now: Moment, query: &Query) {
    html.markup("<div class=\"controls\">\n<form role=\"search\" action=\"./\">\n");
    html.markup(
        "<label for=\"q\">Account or scan</label>\n<input type=\"search\" id=\"q\" name=\"q\" value=\"",
    );
    html.text(&query.filter)
        .markup("\" maxlength=\"128\" autocomplete=\"off\" spellcheck=\"false\">\n");
    if query.is_paused {
        html.markup("<input type=\"hidden\" name=\"refresh\" value=\"off\">\n");
    }
    html.markup("<button>Filter</button>\n");
    if !query.filter.is_empty() {
        let all = Query {
            filter: String::new(),
            page: 1,
            ..query.clone()
        };
        html.markup("<a href=\"")
            .text(all.href())
            .markup("\">Show all</a>\n");
    }
    html.markup("</form>\n<p>As of ")
        .time(now.wall, now.wall.strftime("%H:%M:%S UTC"));
    let other = Query {
        is_paused: !query.is_paused,
        ..query.clone()
    };
    html.markup(if query.is_paused {
        ", refreshing is off. "
    } else {
        ", refreshed every 15 s. "
    });
    html.markup("<a href=\"").text(other.href()).markup("\">");
    html.markup(if query.is_paused {
        "Refresh every 15 s"
    } else {
        "Stop refreshing"
    });
    html.markup("</a></p>\n</div>\n");
}

fn write_scans(html: &mut Html, listing: &Listing<'_>, now: Moment, query: &Query) {
    html.markup("<h2 id=\"scans\" class=\"unseen\" tabindex=\"-1\">Scans</h2>\n");
    if listing.rows.is_empty() {
        html.markup("<p class=\"empty\">");
        if query.filter.is_empty() {
            html.markup("There is no account to poll.");
        } else {
            html.markup("No account and no scan has “")
                .name(&query.filter)
                .markup("” in its name.");
        }
        html.markup("</p>\n");
        return;
    }
    html.markup("<div class=\"scroll\">\n<table role=\"table\">\n<caption>");
    write_extent(html, listing, query);
    html.markup("</caption>\n");
    table::write(html, &listing.rows, now);
    html.markup("</table>\n</div>\n");
    if listing.n_pages > 1 {
        write_pages(html, listing, query);
    }
}

/// Which scans are on this page, of how many.
fn write_extent(html: &mut Html, listing: &Listing<'_>, query: &Query) {
    if listing.n_pages > 1 {
        let last = listing.first() + listing.rows.len() - 1;
        html.text(words::number(listing.first()))
            .markup(" to ")
            .text(words::number(last))
            .markup(" of ");
    }
    html.text(words::number(listing.n_matching));
    html.markup(if listing.n_matching == 1 {
        " scan"
    } else {
        " scans"
    });
    if !query.filter.is_empty() {
        html.markup(" with “")
            .name(&query.filter)
            .markup("” in the name, of ")
            .text(words::number(listing.total()));
    }
    html.markup(", failing ones first");
}

fn write_pages(html: &mut Html, listing: &Listing<'_>, query: &Query) {
    let (page, last) = (listing.page, listing.n_pages);
    html.markup("<nav class=\"pages\" aria-label=\"Pages\">\n<ul>\n");
    for (is_there, target, words) in [
        (page > 2, 1, "First"),
        (page > 1, page - 1, "Previous"),
        (page < last, page + 1, "Next"),
        (page + 1 < last, last, "Last"),
    ] {
        if is_there {
            let target = Query {
                page: target,
                ..query.clone()
            };
            html.markup("<li><a href=\"")
                .text(target.href())
                .markup("\">")
                .markup(words)
                .markup("</a></li>\n");
        }
    }
    html.markup("</ul>\n<p>Page ")
        .text(words::number(page))
        .markup(" of ")
        .text(words::number(last));
    html.markup("</p>\n</nav>\n");
}

#[cfg(test)]
mod tests;
