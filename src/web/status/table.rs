//! The table of scans. Each is a row group: its values, and what went wrong if the last poll failed.
//!
//! Roles are spelled out: on narrow screens the style makes cards of the rows, and not every browser still takes them for
//! a table then, as Chromium does.

use super::{
    html::Html,
    listing::{Row, State},
    scan::status_word,
    words,
};
use crate::{
    client::ApiError,
    collectors::{ScanStatus, VulScan},
    domain::Moment,
    store::{JobEntry, Snapshot},
};

const HEAD: &str = "<thead role=\"rowgroup\">\n<tr role=\"row\">\
     <th scope=\"col\" role=\"columnheader\">Account and scan</th>\
     <th scope=\"col\" role=\"columnheader\">Status</th>\
     <th scope=\"col\" role=\"columnheader\">Progress</th>\
     <th scope=\"col\" role=\"columnheader\" class=\"number\">Risk images</th>\
     <th scope=\"col\" role=\"columnheader\" class=\"number\">Local vulner\u{ad}abilities</th>\
     <th scope=\"col\" role=\"columnheader\" class=\"number\">Registry vulner\u{ad}abilities</th>\
     <th scope=\"col\" role=\"columnheader\" class=\"number\">Ignored</th>\
     <th scope=\"col\" role=\"columnheader\">Data from</th>\
     <th scope=\"col\" role=\"columnheader\">Next poll</th>\
     </tr>\n</thead>\n";

type Count = fn(&VulScan) -> Option<f64>;

/// The columns of numbers, by class.
const COUNTS: [(&str, Count); 4] = [
    ("risk", |scan| scan.risk_images),
    ("local", |scan| scan.found_vulnerabilities.local),
    ("registry", |scan| scan.found_vulnerabilities.registry),
    ("ignored", |scan| scan.ignored_vulnerabilities),
];

/// What stands where there is no value, for eyes and for ears.
const NO_DATA: &str = "<span aria-hidden=\"true\">–</span><span class=\"unseen\">no data</span>";
const UNREADABLE: &str = "<abbr title=\"The answer had no value that could be read.\">n/a</abbr>";

pub(super) fn write(html: &mut Html, rows: &[Row<'_>], now: Moment) {
    html.markup(HEAD);
    rows.iter().for_each(|row| row.write(html, now));
}

impl Row<'_> {
    fn write(&self, html: &mut Html, now: Moment) {
        let scan = self
            .snapshot
            .fresh(now, self.job.stale_after)
            .and_then(|data| data.answer.get::<VulScan>().cloned());
        html.markup("<tbody role=\"rowgroup\" class=\"")
            .text(self.state.word())
            .markup("\">\n<tr role=\"row\">");
        let is_failing = self.state == State::Failing;
        html.markup("<th scope=\"row\" role=\"rowheader\"");
        html.markup(if is_failing { " rowspan=\"2\">" } else { ">" });
        html.name(self.job.account.as_str())
            .markup(" <span class=\"sub\">");
        html.name(self.job.scan.as_ref().map_or("", |scan| scan.as_str()))
            .markup("</span></th>");
        self.write_status(html, scan.as_ref(), now);
        write_progress(html, self.job, scan.as_ref());
        COUNTS
            .iter()
            .for_each(|(class, value)| write_count(html, class, scan.as_ref(), *value));
        write_age(html, self.job, &self.snapshot, now);
        write_next(html, self.job, now);
        html.markup("</tr>\n");
        if let Some(error) = self.snapshot.failure() {
            write_error(html, error, self.snapshot.failed_in_a_row, now);
        }
        html.markup("</tbody>\n");
    }

    fn write_status(&self, html: &mut Html, scan: Option<&VulScan>, now: Moment) {
        html.markup("<td role=\"cell\" class=\"status\">");
        match (self.state, scan) {
            (State::Failing, scan) => write_failing(html, scan),
            (State::Waiting, _) => write_shape(html, "waiting", "Not polled yet"),
            (_, None) => write_shape(html, "stale", "Stale"),
            (_, Some(scan)) => write_scan_status(html, scan, now),
        }
        html.markup("</td>");
    }
}

/// The shape says what the colour says.
fn write_shape(html: &mut Html, class: &'static str, word: &'static str) {
    html.markup("<span class=\"shape ")
        .markup(class)
        .markup("\"></span>")
        .markup(word);
}

fn write_failing(html: &mut Html, scan: Option<&VulScan>) {
    write_shape(html, "failing", "Failing");
    if let Some(scan) = scan {
        html.markup(" <span class=\"sub\">was: ")
            .text(status_word(scan.status).to_lowercase())
            .markup("</span>");
    }
}

fn write_scan_status(html: &mut Html, scan: &VulScan, now: Moment) {
    let class = match scan.status {
        ScanStatus::NotScanned => "never",
        ScanStatus::Scanning => "scanning",
        ScanStatus::Scanned => "fine",
        ScanStatus::Canceled => "canceled",
        ScanStatus::Unknown => "unknown",
    };
    write_shape(html, class, status_word(scan.status));
    let (word, at) = match scan.status {
        ScanStatus::Scanning => ("started ", scan.start),
        ScanStatus::Scanned | ScanStatus::Canceled => ("ended ", scan.end),
        ScanStatus::NotScanned | ScanStatus::Unknown => ("", None),
    };
    if let Some(at) = at {
        html.markup(" <span class=\"sub\">").text(word);
        html.time(at, words::relative(at, now.wall))
            .markup("</span>");
    }
}

fn write_progress(html: &mut Html, job: &JobEntry, scan: Option<&VulScan>) {
    let Some(scan) = scan else {
        html.markup("<td role=\"cell\" class=\"progress bare\">")
            .markup(NO_DATA)
            .markup("</td>");
        return;
    };
    let Some(progress) = scan.progress else {
        html.markup("<td role=\"cell\" class=\"progress bare\">")
            .markup(UNREADABLE)
            .markup("</td>");
        return;
    };
    html.markup("<td role=\"cell\" class=\"progress\"><progress max=\"1\" value=\"")
        .text(progress);
    html.markup("\" aria-label=\"Progress of ")
        .text(&job.account)
        .markup(", ")
        .text(job.scan.as_ref().map_or("", |scan| scan.as_str()));
    html.markup("\"></progress> <span class=\"sub\">")
        .text(words::percentage(progress));
    if scan.status == ScanStatus::Scanning {
        let left = scan
            .remaining
            .map(|remaining| words::duration(remaining) + " left");
        html.markup(" <span>")
            .text(left.as_deref().unwrap_or("time left unknown"))
            .markup("</span>");
    }
    html.markup("</span></td>");
}

fn write_count(html: &mut Html, class: &'static str, scan: Option<&VulScan>, value: Count) {
    html.markup("<td role=\"cell\" class=\"number ")
        .markup(class)
        .markup("\">");
    match scan.map(value) {
        None => html.markup(NO_DATA),
        Some(None) => html.markup(UNREADABLE),
        Some(Some(value)) => html.text(words::count(value)),
    };
    html.markup("</td>");
}

/// How old the values are, also those that are withheld.
fn write_age(html: &mut Html, job: &JobEntry, snapshot: &Snapshot, now: Moment) {
    html.markup("<td role=\"cell\" class=\"age\">");
    match snapshot.last_success() {
        None => html.markup("never"),
        Some(as_of) => html.time(as_of.wall, words::ago(now.age_of(as_of))),
    };
    if let Some(as_of) = snapshot.last_success()
        && snapshot.fresh(now, job.stale_after).is_none()
    {
        let since = as_of.after(job.stale_after).wall;
        html.markup(" <span class=\"sub\">stale since ");
        let is_today = since.strftime("%F").to_string() == now.wall.strftime("%F").to_string();
        html.time(
            since,
            since.strftime(if is_today { "%H:%M:%S" } else { "%Y-%m-%d" }),
        )
        .markup("</span>");
    }
    html.markup("</td>");
}

fn write_next(html: &mut Html, job: &JobEntry, now: Moment) {
    html.markup("<td role=\"cell\" class=\"next\">");
    match job
        .next_poll()
        .map(|next| next.saturating_duration_since(now.monotonic))
    {
        None => html.markup(NO_DATA),
        Some(wait) if wait.as_secs() == 0 => html.markup("now"),
        Some(wait) => html.time(
            now.after(wait).wall,
            format_args!("in {}", words::duration(wait)),
        ),
    };
    html.markup("</td>");
}

fn write_error(html: &mut Html, error: &ApiError, n_failed: u32, now: Moment) {
    html.markup("<tr role=\"row\" class=\"error\"><td role=\"cell\" colspan=\"8\">\n<p><strong>");
    html.text(error.reason)
        .markup("</strong> ")
        .text(error.reason.meaning());
    html.markup(" <strong>What to do:</strong> ")
        .text(error.advice());
    html.markup("</p>\n<p>");
    if let Some(code) = &error.code {
        html.markup("<code>").name(code).markup("</code> ");
    }
    html.name(&error.message).markup("</p>\n<p class=\"sub\">");
    match n_failed {
        0 | 1 => html.markup("The last poll failed "),
        n => html
            .markup("The last ")
            .text(words::count(n.into()))
            .markup(" polls failed, the latest "),
    };
    html.time(error.as_of.wall, words::ago(now.age_of(error.as_of)));
    if let Some(id) = &error.request_id {
        html.markup(" · RequestId <code>")
            .name(id)
            .markup("</code>");
    }
    html.markup("</p>\n</td></tr>\n");
}
