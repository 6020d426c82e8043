//! The web server, for Prometheus and for operators.
//!
//! | path | methods | response |
//! |---|---|---|
//! | `--web.telemetry-path` | GET, HEAD | the metrics; 503 above `--web.max-requests` concurrent scrapes |
//! | `/` | GET, HEAD | the status page; `?q=` part of a name, `?page=`, `?refresh=off` |
//! | `/accounts/NAME` | GET, HEAD | the page of one account |
//! | `/-/healthy` | GET, HEAD | 200 |
//! | `/-/ready` | GET, HEAD | 200 once every scan was polled, 503 before |
//! | `/-/reload` | POST, PUT | 200, or 500 with the problems; 403 without `--web.enable-lifecycle`, and for cross-origin requests |
//!
//! [`Access`] applies to all of them: TLS, users, rate limit and headers of `--web.config.file`.

use std::{convert::Infallible, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use http_body_util::BodyExt as _;
use hyper::body::Body;
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::timeout,
};

use crate::{
    domain::{Clock, Moment},
    exposition::{LineCache, Scrape},
    leadership::Leadership,
    listener::Peer,
    store::{Readiness, Store},
    telemetry::Telemetry,
};

mod access;
mod body;
mod config_file;
mod handshake;
mod negotiation;
mod origin;
mod renderer;
mod route;
mod server;
mod status;

pub use crate::listener::{Listener, UnixSocket};
pub use access::Access;
#[cfg(any(test, fuzzing))]
pub(crate) use access::parse_basic_auth;
pub use body::ResponseBody;
pub use config_file::{LoadedWebConfig, WebConfigFile};
pub(crate) use negotiation::{negotiate, negotiate_language};
pub use renderer::Renderer;
pub use server::serve;

use body::BegunScrape;
use route::{Route, account_name};

/// Until a client that announced a body without a length has sent its end.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// The scrape of so few jobs takes less time than handing it to another thread.
const JOBS_RENDERED_IN_PLACE: usize = 50;

/// Requests a reload of the configuration. The answer is the problems, if there are any.
pub type ReloadRequest = oneshot::Sender<Result<(), String>>;

/// What the web server needs to answer requests.
#[derive(Debug)]
pub struct WebState {
    pub store: Arc<Store>,
    /// What scrapes have rendered.
    pub lines: Arc<LineCache>,
    pub telemetry: Arc<Telemetry>,
    pub clock: Clock,
    /// When the process started.
    pub started: Moment,
    /// This instance's share of the accounts, such as `0/3`. None if it has all of them.
    pub shard: Option<String>,
    /// `None` without leader election.
    pub leadership: Option<Leadership>,
    pub telemetry_path: String,
    /// Whether the metrics of the exporter itself are left out.
    pub without_exporter_metrics: bool,
    /// One permit per concurrent scrape.
    pub scrapes: Arc<Semaphore>,
    /// One permit per status page that is rendered concurrently. Few, so that status pages do not
    /// delay scrapes.
    pub pages: Semaphore,
    /// Renders scrapes and status pages.
    pub renderer: Arc<Renderer>,
    /// None without `--web.enable-lifecycle`.
    pub reload: Option<mpsc::Sender<ReloadRequest>>,
    /// Replaced when the web configuration changes.
    pub access: Arc<ArcSwap<Access>>,
}

impl WebState {
    /// Answers one request.
    pub async fn respond<B: Body + Unpin>(
        &self,
        request: Request<B>,
    ) -> Result<Response<ResponseBody>, Infallible> {
        let (request, body) = request.into_parts();
        let route = if is_empty(body).await {
            Route::of(&request.method, request.uri.path(), &self.telemetry_path)
        } else {
            Route::WithBody
        };
        // One request sees one configuration, even if the file changes meanwhile.
        let access = self.access.load_full();
        let authorization = request.headers.get(header::AUTHORIZATION);
        // Absent only where the service is called without a connection.
        let peer = request.extensions.get::<Peer>();
        let client = peer.and_then(|peer| peer.network());
        let authorized = access.authorize(route.is_public(), client, authorization);
        let mut response = match authorized.await {
            Ok(()) => self.answer(route, &request.uri, &request.headers).await,
            Err(error) => error.into_response(),
        };
        let headers = response.headers_mut();
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        access.add_headers(headers);
        if route == Route::WithBody {
            // The unread body would be taken for the next request.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        self.telemetry
            .http_answered(response.status().as_u16(), route.handler());
        // The old body is dropped here and releases the permit of a scrape.
        if request.method == Method::HEAD {
            *response.body_mut() = ResponseBody::empty();
        }
        // Without a length, an HTTP/1.0 client reads to the end of the connection. hyper would
        // promise to keep it alive, unless the response has the version of the client.
        let has_length = response.body().size_hint().exact().is_some();
        if request.version == Version::HTTP_10 && (!has_length || route == Route::WithBody) {
            *response.version_mut() = Version::HTTP_10;
        }
        Ok(response)
    }

    async fn answer(&self, route: Route, uri: &Uri, headers: &HeaderMap) -> Response<ResponseBody> {
        match route {
            Route::Metrics => self.metrics(headers).await,
            Route::Landing => self.status_page(uri.query(), headers).await,
            Route::Account => self.account_page(uri, headers).await,
            Route::Healthy => text(StatusCode::OK, "healthy"),
            Route::Ready => self.ready(),
            // Otherwise, a page of another site could reload the configuration through the browser
            // of an operator.
            Route::Reload if origin::is_cross_origin(headers) => text(
                StatusCode::FORBIDDEN,
                "cross-origin requests cannot reload the configuration",
            ),
            Route::Reload => self.reload().await,
            Route::WithBody => text(
                StatusCode::PAYLOAD_TOO_LARGE,
                "requests with a body are not accepted",
            ),
            Route::NotFound => text(StatusCode::NOT_FOUND, "not found"),
            Route::NotAllowed(allowed) => method_not_allowed(allowed),
        }
    }

    /// Independent of who leads: a standby that is not ready would block rolling updates.
    fn ready(&self) -> Response<ResponseBody> {
        let leadership = self.leadership.as_ref();
        let problem = match self.store.readiness() {
            Readiness::Ready => return text(StatusCode::OK, "ready"),
            _ if leadership.is_some_and(Leadership::is_ready_without_data) => {
                return text(StatusCode::OK, "ready");
            }
            Readiness::WaitsForConfiguration => "not ready: waiting for the configuration",
            Readiness::WaitsForLists => "not ready: waiting for the first list of every discovery",
            Readiness::WaitsForPolls => "not ready: waiting for the first poll of every scan",
        };
        text(StatusCode::SERVICE_UNAVAILABLE, problem)
    }

    fn is_standby(&self) -> bool {
        let leadership = self.leadership.as_ref();
        leadership.is_some_and(|leadership| !leadership.exposes_accounts())
    }

    async fn metrics(&self, headers: &HeaderMap) -> Response<ResponseBody> {
        // The permit moves into the body: a scrape counts until its last byte is sent, because a slow
        // client keeps its snapshots and buffers in memory.
        let Ok(permit) = Arc::clone(&self.scrapes).try_acquire_owned() else {
            return text(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many concurrent scrapes (--web.max-requests), try again later",
            );
        };
        let (format, is_gzip) = negotiate(headers);
        let (store, telemetry) = (Arc::clone(&self.store), Arc::clone(&self.telemetry));
        let (clock, without_exporter) = (self.clock, self.without_exporter_metrics);
        let is_standby = self.is_standby();
        let buffers = Arc::clone(self.renderer.buffers());
        let lines = Arc::clone(&self.lines);
        let is_small = store.table().jobs.len() <= JOBS_RENDERED_IN_PLACE;
        let render = move || {
            let registry = if without_exporter {
                telemetry.gather_without_exporter()
            } else {
                telemetry.gather()
            };
            let scrape = if is_standby {
                Scrape::of_standby(&store, registry)
            } else {
                Scrape::cached(&store, &lines, registry, clock.now())
            };
            BegunScrape::new(scrape.pages(format), is_gzip, &buffers)
        };
        let scrape = if is_small {
            render()
        } else {
            self.renderer.pool().run(render).await
        };
        let renderer = Arc::clone(&self.renderer);
        let mut response = Response::new(ResponseBody::scrape(scrape, renderer, permit));
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(format.content_type()),
        );
        headers.insert(
            // A cache must not give a client a format that it did not ask for.
            header::VARY,
            HeaderValue::from_static("Accept, Accept-Encoding"),
        );
        if is_gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }

    async fn status_page(
        &self,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Response<ResponseBody> {
        // Waits instead of failing: a page takes milliseconds. The semaphore is never closed.
        let _permit = self.pages.acquire().await;
        let query = status::StatusQuery::parse(query);
        let preferred = negotiate_language(headers);
        let (store, clock, started) = (Arc::clone(&self.store), self.clock, self.started);
        let (telemetry_path, shard) = (self.telemetry_path.clone(), self.shard.clone());
        let leadership = self.leadership.clone();
        let render = move || {
            let info = status::ServerInfo {
                started,
                telemetry_path: &telemetry_path,
                shard: shard.as_deref(),
                leadership: leadership.as_ref(),
            };
            let view = status::View::new(clock.now(), query.language, preferred);
            status::page(&store.table(), view, &query, info)
        };
        html(self.renderer.pool().run(render).await)
    }

    async fn account_page(&self, uri: &Uri, headers: &HeaderMap) -> Response<ResponseBody> {
        let _permit = self.pages.acquire().await;
        let name = account_name(uri.path());
        let query = status::StatusQuery::parse(uri.query());
        let preferred = negotiate_language(headers);
        let view = status::View::new(self.clock.now(), query.language, preferred);
        let store = Arc::clone(&self.store);
        let render = move || status::account_page(&store.table(), &name?, view);
        if let Some(page) = self.renderer.pool().run(render).await {
            return html(page);
        }
        let message = view.text("there is no such account", "没有该账号");
        let mut response = text(StatusCode::NOT_FOUND, message);
        response.headers_mut().insert(header::VARY, by_language());
        response
    }

    async fn reload(&self) -> Response<ResponseBody> {
        let Some(reload) = &self.reload else {
            return text(
                StatusCode::FORBIDDEN,
                "the lifecycle API is not enabled (--web.enable-lifecycle)",
            );
        };
        let (reply, outcome) = oneshot::channel();
        // At shutdown the receiver is gone, and with it `reply`, so `outcome` ends with an error.
        let _ = reload.send(reply).await;
        match outcome.await {
            Ok(Ok(())) => text(StatusCode::OK, "reloaded"),
            Ok(Err(problems)) => text(StatusCode::INTERNAL_SERVER_ERROR, &problems),
            Err(_) => text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the exporter is shutting down",
            ),
        }
    }
}

/// Whether a request has no content. Some clients announce a body of chunks and send none.
///
/// Of any other body, at most the first frame is read, so a client cannot send it slowly or without
/// end to hold a connection.
async fn is_empty(mut body: impl Body + Unpin) -> bool {
    if body.is_end_stream() {
        return true;
    }
    if body.size_hint().lower() > 0 {
        return false;
    }
    matches!(timeout(BODY_TIMEOUT, body.frame()).await, Ok(None))
}

fn text(status: StatusCode, text: &str) -> Response<ResponseBody> {
    let body = Bytes::from(format!("{text}\n"));
    let mut response = Response::new(ResponseBody::complete(body));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

/// The header `Vary` of what is in several languages.
fn by_language() -> HeaderValue {
    HeaderValue::from_static("Accept-Language")
}

fn html(page: String) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::complete(Bytes::from(page)));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        status::content_security_policy(),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, by_language());
    response
}

fn method_not_allowed(allowed: &'static str) -> Response<ResponseBody> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}
