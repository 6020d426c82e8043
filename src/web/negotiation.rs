//! Content negotiation of a scrape: format and compression.

use http::{HeaderMap, header};

use crate::exposition::Format;

/// The format that the client prefers, and whether it accepts gzip.
pub(crate) fn negotiate(headers: &HeaderMap) -> (Format, bool) {
    let accept = joined(headers, &header::ACCEPT);
    let accept_encoding = joined(headers, &header::ACCEPT_ENCODING);
    (
        Format::negotiate(accept.as_deref()),
        accepts_gzip(accept_encoding.as_deref()),
    )
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
    use super::accepts_gzip;

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
