//! Writes HTML. Only literals of the program become markup; everything else is text, by type.

use std::fmt::{self, Display, Write as _};

use jiff::Timestamp;

/// A document on its way.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Markup, as it stands in the source.
    pub(super) fn markup(&mut self, markup: &'static str) -> &mut Html {
        self.0.push_str(markup);
        self
    }

    /// Text between tags, or a value between double quotes, whatever it holds.
    pub(super) fn text(&mut self, text: impl Display) -> &mut Html {
        let _ = write!(Escaping(&mut self.0), "{text}");
        self
    }

    /// A name, which may run from right to left, or try to turn around what follows it.
    pub(super) fn name(&mut self, name: &str) -> &mut Html {
        self.markup("<bdi>").text(name).markup("</bdi>")
    }

    /// `words` about a time, which is to be had exactly as well.
    pub(super) fn time(&mut self, at: Timestamp, words: impl Display) -> &mut Html {
        self.markup("<time datetime=\"")
            .text(format_args!("{at:.0}"))
            .markup("\" title=\"")
            .text(at.strftime("%Y-%m-%d %H:%M:%S UTC"))
            .markup("\">")
            .text(words)
            .markup("</time>")
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

struct Escaping<'a>(&'a mut String);

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // HTML has no way to say it.
                '\0' => self.0.push('\u{fffd}'),
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_time_is_there_in_words_and_exactly() {
        let mut html = Html::default();
        html.time(
            Timestamp::from_millisecond(1_764_000_000_750).unwrap(),
            "3 min ago",
        );
        assert_eq!(
            html.into_string(),
            "<time datetime=\"2025-11-24T16:00:00Z\" title=\"2025-11-24 16:00:00 UTC\">3 min ago</time>"
        );
    }

    proptest! {
        #[test]
        fn text_is_no_markup_and_comes_back_as_it_was(text in "(?s)[&<>\"'a;#]*\\PC{0,20}[&<>\"'l;#]*") {
            let mut html = Html::default();
            html.text(&text);
            let html = html.into_string();
            prop_assert!(!html.contains(['<', '>', '"', '\'']), "{}", html);
            let back = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
            prop_assert_eq!(back.iter().fold(html, |html, (from, to)| html.replace(from, to)), text);
        }
    }
}
