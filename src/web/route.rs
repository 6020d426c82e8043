//! Which page a request is for.

use http::Method;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Metrics,
    Landing,
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

impl Route {
    pub(super) fn of(method: &Method, path: &str, telemetry_path: &str) -> Route {
        let (route, allowed) = match path {
            path if path == telemetry_path => (Route::Metrics, READ),
            "/" => (Route::Landing, READ),
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
}
