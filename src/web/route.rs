//! Which page a request is for.

use http::Method;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Metrics,
    Landing,
    /// See [`account_name`].
    Account,
    Healthy,
    Ready,
    Reload,
    /// A request with a body, for any path.
    WithBody,
    NotFound,
    /// The path exists, but only for these methods: the value of the header `Allow`.
    NotAllowed(&'static str),
}

const READ: &str = "GET, HEAD";
const WRITE: &str = "POST, PUT";

/// Below it is one page per account.
const ACCOUNTS: &str = "/accounts/";

/// The name of the account that a path names, with its escapes decoded.
pub(super) fn account_name(path: &str) -> Option<String> {
    let name = path.strip_prefix(ACCOUNTS)?;
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, others) = others.split_at_checked(2)?;
        let digits = str::from_utf8(digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = others;
    }
    String::from_utf8(bytes).ok()
}

impl Route {
    pub(super) fn of(method: &Method, path: &str, telemetry_path: &str) -> Route {
        let (route, allowed) = match path {
            path if path == telemetry_path => (Route::Metrics, READ),
            "/" => (Route::Landing, READ),
            path if path.starts_with(ACCOUNTS) => (Route::Account, READ),
            "/-/healthy" => (Route::Healthy, READ),
            "/-/ready" => (Route::Ready, READ),
            "/-/reload" => (Route::Reload, WRITE),
            _ => return Route::NotFound,
        };
        if allowed.split(", ").any(|allowed| allowed == method) {
            route
        } else {
            Route::NotAllowed(allowed)
        }
    }

    /// Whether the page needs no authentication.
    pub(super) const fn is_public(self) -> bool {
        matches!(self, Route::Healthy | Route::Ready)
    }

    /// The value of the label `handler`. Never text from a client, so the label is bounded.
    pub(super) const fn handler(self) -> &'static str {
        match self {
            Route::Metrics => "metrics",
            Route::Landing => "landing",
            Route::Account => "account",
            Route::Healthy => "healthy",
            Route::Ready => "ready",
            Route::Reload => "reload",
            Route::WithBody | Route::NotFound | Route::NotAllowed(_) => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_accepts_only_its_methods() {
        let cases = [
            ("GET", "/metrics", Route::Metrics),
            ("HEAD", "/metrics", Route::Metrics),
            ("POST", "/metrics", Route::NotAllowed(READ)),
            ("GET", "/", Route::Landing),
            ("GET", "/accounts/a%20b", Route::Account),
            ("POST", "/accounts/a", Route::NotAllowed(READ)),
            ("GET", "/accounts", Route::NotFound),
            ("HEAD", "/-/healthy", Route::Healthy),
            ("GET", "/-/ready", Route::Ready),
            ("PUT", "/-/reload", Route::Reload),
            ("GET", "/-/reload", Route::NotAllowed(WRITE)),
            ("GET", "/metrics/", Route::NotFound),
            ("GET", "", Route::NotFound),
            ("BREW", "/", Route::NotAllowed(READ)),
        ];
        for (method, path, expected) in cases {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(
                Route::of(&method, path, "/metrics"),
                expected,
                "{method} {path}"
            );
        }
    }

    #[test]
    fn the_name_of_an_account_is_decoded() {
        for (path, name) in [
            ("/accounts/prod", Some("prod")),
            ("/accounts/a%20b%2Fc+d", Some("a b/c+d")),
            ("/accounts/%E7%94%9F", Some("生")),
            ("/accounts/", Some("")),
            ("/accounts/%", None),
            ("/accounts/%4", None),
            ("/accounts/%zz", None),
            ("/accounts/%FF", None),
            ("/account/prod", None),
        ] {
            assert_eq!(account_name(path).as_deref(), name, "{path}");
        }
    }
}
