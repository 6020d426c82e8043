//! Content negotiation: format and compression of a scrape, language of a page.

use http::{HeaderMap, header};

use crate::{domain::Language, exposition::Format};

/// The format that the client prefers, and whether it accepts gzip.
pub(crate) fn negotiate(headers: &HeaderMap) -> (Format, bool) {
    let accept = joined(headers, &header::ACCEPT);
    let accept_encoding = joined(headers, &header::ACCEPT_ENCODING);
    (
        Format::negotiate(accept.as_deref()),
        accepts_gzip(accept_encoding.as_deref()),
    )
}

/// The language that the client prefers. English if it accepts none of ours.
pub(crate) fn negotiate_language(headers: &HeaderMap) -> Language {
    match joined(headers, &header::ACCEPT_LANGUAGE) {
        Some(accept) => preferred_language(&accept),
        None => Language::default(),
    }
}

/// The language with the highest quality; of equal ones, the one that is listed first.
fn preferred_language(accept: &str) -> Language {
    let mut listed: Vec<(Language, f32)> = Vec::new();
    let mut quality_of_others = 0.0;
    for range in accept.split(',') {
        let Some((tag, quality)) = quality(range) else {
            continue;
        };
        let language = match tag.split('-').next().unwrap_or_default() {
            "*" => {
                quality_of_others = quality;
                continue;
            }
            "zh" => Language::Chinese,
            "en" => Language::English,
            _ => continue,
        };
        listed.push((language, quality));
    }
    // Any other one, which the client accepts where it says `*`.
    for language in Language::ALL {
        if !listed.iter().any(|(listed, _)| *listed == language) {
            listed.push((language, quality_of_others));
        }
    }
    let mut preferred = (Language::default(), 0.0);
    for (language, quality) in listed {
        if quality > preferred.1 {
            preferred = (language, quality);
        }
    }
    preferred.0
}

/// A language range in lower case and its quality. None if the quality is not a number from 0 to 1.
fn quality(range: &str) -> Option<(String, f32)> {
    let mut parts = range.split(';');
    let tag = parts.next()?.trim().to_ascii_lowercase();
    let mut quality = 1.0;
    for parameter in parts {
        let (name, value) = parameter.split_once('=')?;
        if name.trim().eq_ignore_ascii_case("q") {
            quality = value.trim().parse().ok()?;
        }
    }
    (0.0..=1.0).contains(&quality).then_some((tag, quality))
}

/// All lines of a header as one list. None if the header is missing or not text.
fn joined(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    let mut joined: Option<String> = None;
    for value in headers.get_all(name) {
        let Ok(value) = value.to_str() else { continue };
        match &mut joined {
            Some(list) => {
                list.push(',');
                list.push_str(value);
            }
            None => joined = Some(value.to_owned()),
        }
    }
    joined
}

fn accepts_gzip(accept_encoding: Option<&str>) -> bool {
    let Some(accept_encoding) = accept_encoding else {
        return false;
    };
    accept_encoding.split(',').any(is_acceptable_gzip)
}

/// Whether one element of `Accept-Encoding` is gzip with a quality above 0.
fn is_acceptable_gzip(coding: &str) -> bool {
    let mut parts = coding.split(';');
    let name = parts.next().unwrap_or_default();
    if !name.trim().eq_ignore_ascii_case("gzip") {
        return false;
    }
    for parameter in parts {
        // "q=0" means: anything but gzip. The names of parameters are not case-sensitive.
        if let Some((name, quality)) = parameter.split_once('=')
            && name.trim().eq_ignore_ascii_case("q")
            && quality.trim().parse() == Ok(0.0)
        {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_page_is_in_the_language_that_the_browser_prefers() {
        let cases = [
            ("", Language::English),
            ("zh", Language::Chinese),
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Chinese),
            ("zh-Hans-CN, en;q=0.9", Language::Chinese),
            ("zh-TW,zh-Hant;q=0.9,en-US;q=0.8", Language::Chinese),
            ("ZH-cn", Language::Chinese),
            ("en-US,en;q=0.9,zh-CN;q=0.8", Language::English),
            ("en;q=0.5,zh;q=0.9", Language::Chinese),
            ("en;q=0.9;x=1 , zh ; Q=0.5", Language::English),
            // Equal ones: the order of the list.
            ("zh,en", Language::Chinese),
            ("en,zh", Language::English),
            // Others than ours.
            ("de-DE,de;q=0.9", Language::English),
            ("de,zh;q=0.2,en;q=0.1", Language::Chinese),
            ("zhx,eng", Language::English),
            ("*", Language::English),
            ("fr,*;q=0.5", Language::English),
            ("zh;q=0.5,*;q=0.8", Language::English),
            ("en;q=0,*", Language::Chinese),
            ("en;q=0", Language::English),
            ("zh;q=0", Language::English),
            ("zh;q=0.0,en;q=0.1", Language::English),
            // A quality that is not one makes the range invalid.
            ("zh;q=high", Language::English),
            ("zh;q=2,en;q=0.1", Language::English),
            ("zh;q=-1", Language::English),
            ("zh;q=NaN", Language::English),
            ("zh;q", Language::English),
            (",,;q=1,zh", Language::Chinese),
        ];
        for (accept, expected) in cases {
            assert_eq!(preferred_language(accept), expected, "{accept}");
        }
    }

    #[test]
    fn lines_of_accept_language_are_one_list() {
        let mut headers = HeaderMap::new();
        assert_eq!(negotiate_language(&headers), Language::English);
        for line in ["de", "en;q=0.1", "zh;q=0.2"] {
            headers.append(header::ACCEPT_LANGUAGE, HeaderValue::from_static(line));
        }
        assert_eq!(negotiate_language(&headers), Language::Chinese);
        let binary = HeaderValue::from_bytes(b"zh\xff").unwrap();
        headers.insert(header::ACCEPT_LANGUAGE, binary);
        assert_eq!(negotiate_language(&headers), Language::English);
    }

    proptest! {
        #[test]
        fn any_accept_language_gives_a_language(accept in "\\PC{0,60}|([zhenCN*;q=,.01 -]){0,60}") {
            preferred_language(&accept);
        }
    }

    #[test]
    fn gzip_is_only_for_clients_that_accept_it() {
        for accept in ["gzip", "deflate, gzip", "GZIP;Q=0.5", "br , gzip ; q=1"] {
            assert!(accepts_gzip(Some(accept)), "{accept}");
        }
        for accept in [
            "",
            "identity",
            "gzip;q=0",
            "gzip; q=0.0",
            "gzip;Q=0",
            "GZIP ; Q = 0.000",
            "x-gzipped",
        ] {
            assert!(!accepts_gzip(Some(accept)), "{accept}");
        }
        assert!(!accepts_gzip(None));
    }
}
