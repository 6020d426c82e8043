//! What a person asks the page for. Untrusted: whatever it is, there is a page.

use url::form_urlencoded;

/// As long as a name may be.
const MAX_FILTER: usize = 128;

/// What to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::web) struct Query {
    /// A part of a name; empty for all.
    pub(super) filter: String,
    /// From 1; may be beyond the last one.
    pub(super) page: usize,
    /// Whether the page stays as it is.
    pub(super) is_paused: bool,
}

impl Query {
    /// Reads the part of the address after `?`. What makes no sense counts as not there; of what comes twice, the
    /// first counts.
    pub(in crate::web) fn parse(query: Option<&str>) -> Query {
        let value = |key: &str| {
            let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
            pairs
                .find_map(|(name, value)| (name == key).then_some(value))
                .unwrap_or_default()
        };
        let printable: String = value("q").chars().filter(|c| !c.is_control()).collect();
        let filter: String = printable.trim_start().chars().take(MAX_FILTER).collect();
        Query {
            filter: filter.trim_end().to_owned(),
            page: value("page").parse().unwrap_or(1).max(1),
            is_paused: value("refresh") == "off",
        }
    }

    /// The address that asks for it, relative to the page.
    pub(super) fn href(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !self.filter.is_empty() {
            query.append_pair("q", &self.filter);
        }
        if self.page > 1 {
            query.append_pair("page", &self.page.to_string());
        }
        if self.is_paused {
            query.append_pair("refresh", "off");
        }
        let query = query.finish();
        if query.is_empty() {
            "./".into()
        } else {
            format!("./?{query}")
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query(filter: &str, page: usize, is_paused: bool) -> Query {
        Query {
            filter: filter.into(),
            page,
            is_paused,
        }
    }

    #[test]
    fn a_query_is_read_as_far_as_it_makes_sense() {
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
            assert_eq!(Query::parse(Some(text)), expected, "{text}");
        }
        assert_eq!(Query::parse(None), query("", 1, false));
        let long = |text: &str| {
            Query::parse(Some(&format!("q={}", text.repeat(30_000))))
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
    fn an_address_says_only_what_is_not_usual() {
        assert_eq!(query("", 1, false).href(), "./");
        assert_eq!(
            query("a&b=\"<", 2, true).href(),
            "./?q=a%26b%3D%22%3C&page=2&refresh=off"
        );
    }

    proptest! {
        #[test]
        fn an_address_leads_back_to_its_query(text in "(?s).{0,300}", page in any::<usize>(), is_paused: bool) {
            let asked = form_urlencoded::Serializer::new(String::new())
                .append_pair("q", &text)
                .append_pair("page", &page.to_string())
                .append_pair("refresh", if is_paused { "off" } else { "" })
                .finish();
            let query = Query::parse(Some(&asked));
            let href = query.href();
            prop_assert_eq!(Query::parse(href.strip_prefix("./?")), query);
            prop_assert!(href.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'<>".contains(&byte)), "{}", href);
        }
    }
}
