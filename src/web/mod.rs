//! HTTP, for Prometheus and for people.
//!
//! | path | methods | |
//! |---|---|---|
//! | `--web.telemetry-path` | GET, HEAD | the metrics; 503 while `--web.max-requests` scrapes are being answered |
//! | `/` | GET, HEAD | how every scan stands, for people: `?q=` part of a name, `?page=`, `?refresh=off` |
//! | `/-/healthy` | GET, HEAD | 200 |
//! | `/-/ready` | GET, HEAD | 200 once every scan was tried once, 503 before |
//! | `/-/reload` | POST, PUT | 200, or 500 with what is wrong; 403 unless `--web.enable-lifecycle` is set |
//!
//! With `--web.config.file`, [`Access`] stands before all of it.

use std::{convert::Infallible, sync::Arc};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::{
    domain::{Clock, Moment},
    exposition::{Format, Scrape},
    store::Store,
    telemetry::Telemetry,
};

mod access;
mod body;
mod route;
mod server;
mod status;

pub use crate::listener::{Listener, UnixSocket};
pub use access::Access;
pub(crate) use access::basic_auth;
pub use body::Body;
pub use server::serve;

use route::Route;

/// Asks for the configuration to be read again; the answer is what is wrong with it, if anything.
pub type ReloadRequest = oneshot::Sender<Result<(), String>>;

/// What is served.
#[derive(Debug)]
pub struct Site {
    /// What is known of the scans.
    pub store: Arc<Store>,
    /// What the process counts.
    pub telemetry: Arc<Telemetry>,
    /// Tells the time.
    pub clock: Clock,
    /// When the process started.
    pub started: Moment,
    /// This instance's share of the accounts, such as `0/3`, if it has not all of them.
    pub shard: Option<String>,
    /// Where the metrics are.
    pub telemetry_path: String,
    /// Whether the exporter's own metrics are left out.
    pub without_exporter_metrics: bool,
    /// As many permits as scrapes may be answered at once.
    pub scrapes: Arc<Semaphore>,
    /// As many permits as status pages may be made at once: few, so that those who look keep no scrape waiting.
    pub pages: Semaphore,
    /// Where reloads are asked for; none unless that is enabled.
    pub reload: Option<mpsc::Sender<ReloadRequest>>,
    /// Who may come in; may be replaced while the site is served.
    pub access: Arc<ArcSwap<Access>>,
}

impl Site {
    /// Answers one request. Its body is never read, and none should be there.
    pub async fn respond<B: hyper::body::Body>(
        &self,
        request: Request<B>,
    ) -> Result<Response<Body>, Infallible> {
        let route = if request.body().is_end_stream() {
            Route::of(request.method(), request.uri().path(), &self.telemetry_path)
        } else {
            Route::WithBody
        };
        let access = self.access.load_full();
        let authorization = request.headers().get(header::AUTHORIZATION).cloned();
        let mut response = match access.admit(route.is_public(), authorization).await {
            Ok(()) => {
                self.answer(route, request.uri().query(), request.headers())
                    .await
            }
            Err(refusal) => refusal.response(),
        };
        response.headers_mut().insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        access.add_headers(response.headers_mut());
        if route == Route::WithBody {
            // It is not read to its end, so no other request can follow it.
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        self.telemetry
            .http_answered(response.status().as_u16(), route.handler());
        if request.method() == Method::HEAD {
            *response.body_mut() = Body::empty();
        }
        Ok(response)
    }

    async fn answer(
        &self,
        route: Route,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Response<Body> {
        match route {
            Route::Metrics => self.metrics(headers),
            Route::Landing => self.status(query).await,
            Route::Healthy => text(StatusCode::OK, "healthy"),
            Route::Ready if self.store.is_ready() => text(StatusCode::OK, "ready"),
            Route::Ready => text(
                StatusCode::SERVICE_UNAVAILABLE,
                "not every scan was tried once yet",
            ),
            Route::Reload => self.reload().await,
            Route::WithBody => text(StatusCode::PAYLOAD_TOO_LARGE, "no request has a body here"),
            Route::NotFound => text(StatusCode::NOT_FOUND, "not found"),
            Route::NotAllowed(allowed) => not_allowed(allowed),
        }
    }

    fn metrics(&self, headers: &HeaderMap) -> Response<Body> {
        let Ok(permit) = Arc::clone(&self.scrapes).try_acquire_owned() else {
            return text(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many scrapes at once (--web.max-requests)",
            );
        };
        let (format, is_gzip) = negotiate(headers);
        let registry = if self.without_exporter_metrics {
            self.telemetry.gather_without_exporter()
        } else {
            self.telemetry.gather()
        };
        let pages = Scrape::new(&self.store, registry, self.clock.now()).pages(format);
        let mut response = Response::new(Body::pages(pages, is_gzip, permit));
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(format.content_type()),
        );
        headers.insert(
            header::VARY,
            HeaderValue::from_static("Accept, Accept-Encoding"),
        );
        if is_gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }

    async fn status(&self, query: Option<&str>) -> Response<Body> {
        let _permit = self.pages.acquire().await;
        let about = status::About {
            started: self.started,
            telemetry_path: &self.telemetry_path,
            shard: self.shard.as_deref(),
        };
        html(status::page(
            &self.store.table(),
            self.clock.now(),
            &status::Query::parse(query),
            about,
        ))
    }

    async fn reload(&self) -> Response<Body> {
        let Some(reload) = &self.reload else {
            return text(
                StatusCode::FORBIDDEN,
                "reloading over HTTP needs --web.enable-lifecycle",
            );
        };
        let (reply, answer) = oneshot::channel();
        let outcome = match reload.send(reply).await {
            Ok(()) => answer
                .await
                .unwrap_or_else(|_| Err("the exporter is stopping".into())),
            Err(_) => Err("the exporter is stopping".into()),
        };
        match outcome {
            Ok(()) => text(StatusCode::OK, "reloaded"),
            Err(problem) => text(StatusCode::INTERNAL_SERVER_ERROR, &problem),
        }
    }
}

/// The format that a client asks for, and whether compressed.
pub(crate) fn negotiate(headers: &HeaderMap) -> (Format, bool) {
    let format = Format::negotiate(joined(headers, &header::ACCEPT).as_deref());
    (
        format,
        accepts_gzip(joined(headers, &header::ACCEPT_ENCODING).as_deref()),
    )
}

fn text(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::whole(Bytes::from(format!("{text}\n"))));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

fn html(page: String) -> Response<Body> {
    let mut response = Response::new(Body::whole(Bytes::from(page)));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(header::CONTENT_SECURITY_POLICY, status::policy());
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn not_allowed(allowed: &'static str) -> Response<Body> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// All lines of a header as one list; none where it is absent or not text.
fn joined(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    let lines: Vec<&str> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

fn accepts_gzip(accept_encoding: Option<&str>) -> bool {
    accept_encoding
        .unwrap_or_default()
        .split(',')
        .any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let is_gzip = parts
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
            let is_refused = parts.any(|part| {
                part.strip_prefix("q=")
                    .is_some_and(|q| q.parse() == Ok(0.0))
            });
            is_gzip && !is_refused
        })
}

#[cfg(test)]
mod tests {
    use super::accepts_gzip;

    #[test]
    fn gzip_is_for_those_who_ask() {
        for accept in ["gzip", "deflate, gzip", "GZIP;q=0.5", "br , gzip ; q=1"] {
            assert!(accepts_gzip(Some(accept)), "{accept}");
        }
        for accept in ["", "identity", "gzip;q=0", "gzip; q=0.0", "x-gzipped"] {
            assert!(!accepts_gzip(Some(accept)), "{accept}");
        }
        assert!(!accepts_gzip(None));
    }
}
