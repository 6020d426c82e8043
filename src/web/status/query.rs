//! The query string of the page. Untrusted: any query gives a page.

use url::form_urlencoded;

use crate::domain::Language;

/// Characters; the maximum length of a name.
const MAX_FILTER: usize = 128;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::web) struct StatusQuery {
    /// Part of a name; empty for all scans.
    pub(super) filter: String,
    /// From 1; may be past the last page.
    pub(super) page: usize,
    /// Whether auto-refresh is off.
    pub(super) is_paused: bool,
    /// That of the page. None leaves it to the browser.
    pub(in crate::web) language: Option<Language>,
}

impl StatusQuery {
    /// Parses the part of the URL after `?`. Invalid values are ignored; of a repeated key, the first
    /// one counts.
    pub(in crate::web) fn parse(query: Option<&str>) -> StatusQuery {
        let query = query.unwrap_or_default();
        let page = value(query, "page").parse().unwrap_or(1);
        StatusQuery {
            filter: printable(&value(query, "q")),
            page: page.max(1),
            is_paused: value(query, "refresh") == "off",
            language: language(&value(query, "lang")),
        }
    }

    /// The URL of this query, relative to the page. Defaults are left out.
    pub(super) fn href(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        // The serializer percent-encodes, so the URL is safe in an attribute.
        if !self.filter.is_empty() {
            query.append_pair("q", &self.filter);
        }
        if self.page > 1 {
            query.append_pair("page", &self.page.to_string());
        }
        if self.is_paused {
            query.append_pair("refresh", "off");
        }
        if let Some(language) = self.language {
            query.append_pair("lang", language.tag());
        }
        let query = query.finish();
        if query.is_empty() {
            "./".into()
        } else {
            format!("./?{query}")
        }
    }
}

fn language(tag: &str) -> Option<Language> {
    Language::ALL
        .into_iter()
        .find(|language| language.tag().eq_ignore_ascii_case(tag))
}

fn value(query: &str, key: &str) -> String {
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name == key {
            return value.into_owned();
        }
    }
    String::new()
}

/// Without control characters and surrounding blanks, and not longer than a name.
fn printable(text: &str) -> String {
    let printable: String = text.chars().filter(|c| !c.is_control()).collect();
    let cut: String = printable.trim_start().chars().take(MAX_FILTER).collect();
    cut.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query(filter: &str, page: usize, is_paused: bool) -> StatusQuery {
        StatusQuery {
            filter: filter.into(),
            page,
            is_paused,
            language: None,
        }
    }

    #[test]
    fn a_query_may_name_a_language() {
        for (text, expected) in [
            ("lang=zh-CN", Some(Language::Chinese)),
            ("lang=zh-cn&lang=en", Some(Language::Chinese)),
            ("lang=en", Some(Language::English)),
            ("lang=", None),
            ("lang=de", None),
            ("lang=zh-CN%00", None),
        ] {
            let query = StatusQuery::parse(Some(text));
            assert_eq!(query.language, expected, "{text}");
        }
        let chinese = StatusQuery {
            language: Some(Language::Chinese),
            ..query("a", 1, true)
        };
        assert_eq!(chinese.href(), "./?q=a&refresh=off&lang=zh-CN");
    }

    #[test]
    fn invalid_parts_of_a_query_are_ignored() {
        let cases = [
            ("", query("", 1, false)),
            ("q=prod&page=3&refresh=off", query("prod", 3, true)),
            ("q=%E7%94%9F+a%26b%3Cc", query("生 a&b<c", 1, false)),
            ("q=+%0Aprod%00%1B%5B+", query("prod[", 1, false)),
            ("q=a&q=b&page=0", query("a", 1, false)),
            ("page=-1&refresh=on&other=1&&=&%", query("", 1, false)),
            ("page=99999999999999999999999", query("", 1, false)),
            ("q=%FF%", query("\u{fffd}%", 1, false)),
        ];
        for (text, expected) in cases {
            assert_eq!(StatusQuery::parse(Some(text)), expected, "{text}");
        }
        assert_eq!(StatusQuery::parse(None), query("", 1, false));
        let long = |text: &str| {
            StatusQuery::parse(Some(&format!("q={}", text.repeat(30_000))))
                .filter
                .len()
        };
        assert_eq!(
            (long("xx"), long("x+")),
            (MAX_FILTER, MAX_FILTER - 1),
            "cut, and no space at the end"
        );
    }

    #[test]
    fn a_url_leaves_out_defaults() {
        assert_eq!(query("", 1, false).href(), "./");
        assert_eq!(
            query("a&b=\"<", 2, true).href(),
            "./?q=a%26b%3D%22%3C&page=2&refresh=off"
        );
    }

    proptest! {
        #[test]
        fn a_url_parses_back_to_its_query(text in "(?s).{0,300}", page in any::<usize>(), is_paused: bool, lang in "(en|zh-CN|zh|)") {
            let text = form_urlencoded::Serializer::new(String::new())
                .append_pair("q", &text)
                .append_pair("page", &page.to_string())
                .append_pair("refresh", if is_paused { "off" } else { "" })
                .append_pair("lang", &lang)
                .finish();
            let query = StatusQuery::parse(Some(&text));
            let href = query.href();
            prop_assert_eq!(StatusQuery::parse(href.strip_prefix("./?")), query);
            prop_assert!(href.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'<>".contains(&byte)), "{}", href);
        }
    }
}
