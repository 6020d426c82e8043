//! Whether a browser sent a request for a page of another site.

use http::{HeaderMap, Uri, header};

/// Whether a page of another origin caused the request. Clients that are not browsers send neither
/// of the headers.
///
/// These are the rules of Go's `http.CrossOriginProtection`.
pub(super) fn is_cross_origin(headers: &HeaderMap) -> bool {
    // Browsers send it to trustworthy addresses only: https and this machine.
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return false;
    };
    let (Ok(origin), Some(host)) = (origin.to_str(), headers.get(header::HOST)) else {
        return true;
    };
    // "null", which sandboxed pages send, has no authority.
    let Ok(origin) = origin.parse::<Uri>() else {
        return true;
    };
    match (origin.scheme(), origin.authority()) {
        (Some(_), Some(authority)) => !host
            .as_bytes()
            .eq_ignore_ascii_case(authority.as_str().as_bytes()),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[track_caller]
    fn check(headers: &[(&str, &'static str)], expected: bool) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.insert(name, HeaderValue::from_static(value));
        }
        assert_eq!(is_cross_origin(&map), expected, "{headers:?}");
    }

    #[test]
    fn clients_that_are_not_browsers_are_not_cross_origin() {
        check(&[], false);
        check(&[("host", "a:10058")], false);
    }

    #[test]
    fn a_browser_says_where_a_request_comes_from() {
        let host = ("host", "exporter:10058");
        for site in ["same-origin", "none"] {
            check(&[host, ("sec-fetch-site", site)], false);
            // A reverse proxy may have changed the host, so the browser's word counts more.
            check(
                &[host, ("sec-fetch-site", site), ("origin", "https://proxy")],
                false,
            );
        }
        for site in ["cross-site", "same-site", ""] {
            check(&[host, ("sec-fetch-site", site)], true);
            check(
                &[
                    host,
                    ("sec-fetch-site", site),
                    ("origin", "http://exporter:10058"),
                ],
                true,
            );
        }
    }

    #[test]
    fn an_origin_must_be_the_host_of_the_request() {
        let host = ("host", "exporter:10058");
        for origin in ["http://exporter:10058", "https://EXPORTER:10058"] {
            check(&[host, ("origin", origin)], false);
        }
        for origin in [
            "http://exporter",
            "http://exporter:1",
            "http://exporter:10058.example",
            "http://exporter:10058@evil.example",
            "https://evil.example",
            "null",
            "",
            "exporter:10058",
        ] {
            check(&[host, ("origin", origin)], true);
        }
        check(&[("origin", "http://exporter:10058")], true);
    }
}
