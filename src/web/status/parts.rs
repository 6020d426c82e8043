//! Small pieces of the page.
//!
//! maud escapes every value by type, so only literals in the source become markup.

use std::{fmt::Display, time::Duration};

use jiff::Timestamp;
use maud::{Markup, html};

use super::words;
use crate::domain::{Language, Moment};

/// When and in which language a page is rendered.
#[derive(Clone, Copy, Debug)]
pub(in crate::web) struct View {
    pub(super) now: Moment,
    pub(super) language: Language,
    /// Whether the URL names the language, so that links must name it too.
    pub(super) is_chosen: bool,
}

impl View {
    /// The language in the URL takes precedence over the one that the browser prefers.
    pub(in crate::web) fn new(now: Moment, chosen: Option<Language>, preferred: Language) -> View {
        View {
            now,
            language: chosen.unwrap_or(preferred),
            is_chosen: chosen.is_some(),
        }
    }

    pub(in crate::web) const fn text<'a>(self, english: &'a str, chinese: &'a str) -> &'a str {
        self.language.text(english, chinese)
    }

    /// How long ago or ahead `at` is, with the exact time.
    pub(super) fn relative(self, at: Timestamp) -> Markup {
        time(at, words::relative(at, self.now.wall, self.language))
    }

    /// How long ago `at` was, with the exact time.
    pub(super) fn ago(self, at: Moment) -> Markup {
        time(at.wall, words::ago(self.now.age_of(at), self.language))
    }

    pub(super) fn duration(self, duration: Duration) -> String {
        words::duration(duration, self.language)
    }
}

/// Text from outside. `bdi` isolates it, so that right-to-left text or direction overrides in it do
/// not reorder what follows.
pub(super) fn isolated(text: &str) -> Markup {
    html! { bdi { (text) } }
}

/// `text` about a time, with the exact time for tools and as a tooltip.
pub(super) fn time(at: Timestamp, text: impl Display) -> Markup {
    let exact = at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    html! {
        time datetime=(format!("{at:.0}")) title=(exact) { (text) }
    }
}

/// A status symbol. Its shape says what its colour says.
pub(super) fn shape(class: &str) -> Markup {
    html! { span class={ "shape " (class) } {} }
}

/// There is no fresh value. A screen reader says "no data" instead of the dash.
pub(super) fn no_data(view: View) -> Markup {
    html! {
        span aria-hidden="true" { "–" }
        span .unseen { (view.text("no data", "无数据")) }
    }
}

/// The response lacked the value, or it could not be parsed.
pub(super) fn unreadable(view: View) -> Markup {
    let title = view.text(
        "The API response had no readable value.",
        "API 响应中没有可读取的值。",
    );
    html! { abbr title=(title) { "n/a" } }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_time_is_shown_as_text_and_exactly() {
        let at = Timestamp::from_millisecond(1_764_000_000_750).unwrap();
        assert_eq!(
            time(at, "3 min ago").into_string(),
            "<time datetime=\"2025-11-24T16:00:00Z\" title=\"2025-11-24 16:00:00 UTC\">3 min ago</time>"
        );
    }

    proptest! {
        #[test]
        fn text_is_never_markup_and_is_not_altered(text in "(?s)[&<>\"'a;#]*\\PC{0,20}[&<>\"'l;#]*") {
            let html = isolated(&text).into_string();
            let html = html.strip_prefix("<bdi>").unwrap().strip_suffix("</bdi>").unwrap();
            prop_assert!(!html.contains(['<', '>', '"']), "{}", html);
            let back = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")];
            let unescaped = back.iter().fold(html.to_owned(), |html, (from, to)| html.replace(from, to));
            prop_assert_eq!(unescaped, text);
        }
    }
}
