//! Sends one HTTP request and reads the body of its response: over the network, or in this process.

use std::{error::Error, io, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use reqwest::redirect;
use url::Url;

use super::{
    connections::{ApiConnections, ConnectionKey},
    error::{ErrorChain, sources},
    list::MAX_LIST_BYTES,
    proxy::{ProxyError, ProxySettings},
    tls::{self, SystemTls},
};
use crate::domain::{Reason, is_loopback};

/// Larger responses are refused, counted after decompression. A normal one has about 500 bytes.
const MAX_RESPONSE_BYTES: usize = 1 << 20;

const USER_AGENT: &str = concat!("tcss-exporter/", env!("CARGO_PKG_VERSION"));
/// For the look-up of the name, TCP, the proxy and TLS together. While a request connects, it
/// holds a permit of the rate limiter.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The metadata service is on the same host or next to it: it accepts a connection at once.
const METADATA_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Answers a request in this process.
pub type Handler = Arc<dyn Fn(http::Request<Bytes>) -> http::Response<Bytes> + Send + Sync>;

/// The HTTP client cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    #[error("cannot set up the HTTP client: {}", ErrorChain(.0))]
    Client(#[from] reqwest::Error),
    #[error(transparent)]
    Proxy(#[from] ProxyError),
}

/// Where a request goes, which decides about connections and proxies.
#[derive(Clone, Copy, Debug)]
pub(super) enum Destination<'a> {
    /// To the API, on connections of the identity with this `SecretId` (empty for requests that
    /// are not signed).
    Api { secret_id: &'a str },
    /// To the metadata service. Never through a proxy, which would see the keys and might return
    /// those of another machine.
    Metadata,
}

#[derive(Clone)]
pub(super) enum Transport {
    Network(Arc<Network>),
    InProcess(Handler),
}

#[derive(Debug)]
pub(super) struct Network {
    connections: ApiConnections,
    tls: SystemTls,
    proxies: ProxySettings,
    metadata: reqwest::Client,
}

/// A complete response. A status other than 200 is a gateway's, but may have the API's body.
#[derive(Debug)]
pub(super) struct RawResponse {
    pub(super) status: StatusCode,
    /// The server's clock, where it sent a `Date` that can be read.
    pub(super) date: Option<Timestamp>,
    pub(super) body: Bytes,
}

/// The request brought no complete response.
#[derive(Debug)]
pub(super) struct TransportError {
    pub(super) reason: Reason,
    /// Whether no connection was made: no such name, or nothing listens there.
    pub(super) is_unreachable: bool,
    /// Whether a kept connection ended before the first byte of the response: the server had
    /// probably closed it already.
    pub(super) is_stale_connection: bool,
    /// Never quotes a response.
    pub(super) message: String,
}

impl TransportError {
    fn new(reason: Reason, message: impl Into<String>) -> TransportError {
        TransportError {
            reason,
            is_unreachable: false,
            is_stale_connection: false,
            message: message.into(),
        }
    }
}

impl Transport {
    pub(super) fn network() -> Result<Transport, InitError> {
        let proxies = ProxySettings::of_the_process()?;
        let connections = ApiConnections::new(max_descriptors());
        // Plain HTTP: the metadata service has no certificate, so none is loaded.
        let metadata = builder()
            .no_proxy()
            .connect_timeout(METADATA_CONNECT_TIMEOUT)
            .tls_certs_only([])
            .build()?;
        Ok(Transport::Network(Arc::new(Network {
            connections,
            tls: SystemTls::default(),
            proxies,
            metadata,
        })))
    }

    /// Requests a list of accounts, on a connection of its own. With `roots`, they replace the CA
    /// certificates of the system. The caller bounds the time.
    pub(super) async fn list(
        &self,
        request: http::Request<Bytes>,
        roots: Option<Arc<rustls::RootCertStore>>,
    ) -> Result<RawResponse, TransportError> {
        match self {
            Transport::Network(network) => network.list(request, roots).await,
            Transport::InProcess(handler) => in_process(handler, request, MAX_LIST_BYTES),
        }
    }

    /// The caller bounds the time.
    pub(super) async fn exchange(
        &self,
        request: http::Request<Bytes>,
        destination: Destination<'_>,
    ) -> Result<RawResponse, TransportError> {
        match self {
            Transport::Network(network) => network.exchange(request, destination).await,
            Transport::InProcess(handler) => in_process(handler, request, usize::MAX),
        }
    }
}

fn in_process(
    handler: &Handler,
    request: http::Request<Bytes>,
    max: usize,
) -> Result<RawResponse, TransportError> {
    let response = handler(request);
    let status = response.status();
    let date = date(response.headers());
    let body = response.into_body();
    if body.len() > max {
        return Err(too_large(max));
    }
    Ok(RawResponse { status, date, body })
}

impl Network {
    async fn list(
        &self,
        request: http::Request<Bytes>,
        roots: Option<Arc<rustls::RootCertStore>>,
    ) -> Result<RawResponse, TransportError> {
        let url = request.uri().to_string();
        let request = match reqwest::Request::try_from(request) {
            Ok(request) => request,
            Err(error) => return Err(send_error(error, &url, None)),
        };
        let mut proxy = None;
        if !is_loopback(request.url()) {
            proxy = self.proxies.for_url(request.url());
        }
        let tls = match roots {
            Some(roots) => tls::with_roots(roots),
            None => self.tls.config().await.clone(),
        };
        // Lists are fetched rarely, so a connection would not be kept until the next one.
        let mut builder = builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .tls_backend_preconfigured(tls);
        if let Some(proxy) = proxy {
            match reqwest::Proxy::all(proxy.clone()) {
                Ok(proxy) => builder = builder.proxy(proxy),
                Err(error) => return Err(send_error(error, &url, None)),
            }
        }
        let client = match builder.build() {
            Ok(client) => client,
            Err(error) => return Err(send_error(error, &url, proxy)),
        };
        match client.execute(request).await {
            Ok(response) => read(response, MAX_LIST_BYTES).await,
            Err(error) => Err(send_error(error, &url, proxy)),
        }
    }

    async fn exchange(
        &self,
        request: http::Request<Bytes>,
        destination: Destination<'_>,
    ) -> Result<RawResponse, TransportError> {
        let url = request.uri().to_string();
        let request = match reqwest::Request::try_from(request) {
            Ok(request) => request,
            Err(error) => return Err(send_error(error, &url, None)),
        };
        let Destination::Api { secret_id } = destination else {
            let response = self.metadata.execute(request).await;
            let response = response
                .map_err(|error| send_error_within(METADATA_CONNECT_TIMEOUT, error, &url, None))?;
            return read(response, MAX_RESPONSE_BYTES).await;
        };
        // Requests to this machine itself never use a proxy: on another machine, it would connect
        // to its own loopback address.
        let proxy = if is_loopback(request.url()) {
            None
        } else {
            self.proxies.for_url(request.url())
        };
        let key = ConnectionKey {
            secret_id: secret_id.to_owned(),
            proxy: proxy.cloned(),
        };
        let connections = match self.connections.of(&key, self.tls.config().await) {
            Ok(connections) => connections,
            Err(error) => return Err(send_error(error, &url, proxy)),
        };
        // Bounds the connections at the same time, and with them the open files of the process.
        let _slot = self.connections.slot().await;
        // Before the request is sent: only a response before that can have left a connection to
        // reuse.
        let may_be_reused = connections.may_be_reused();
        match connections.client.execute(request).await {
            Ok(response) => {
                let response = read(response, MAX_RESPONSE_BYTES).await?;
                connections.responded();
                Ok(response)
            }
            Err(error) => {
                let mut error = send_error(error, &url, proxy);
                error.is_stale_connection &= may_be_reused;
                if error.is_stale_connection {
                    // The server has probably closed the other idle connection too, which the
                    // repeated request would use.
                    self.connections.forget(&key);
                }
                Err(error)
            }
        }
    }
}

/// The soft limit of open files, which the start raises to the hard one.
fn max_descriptors() -> u64 {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.unwrap_or(u64::MAX)
}

pub(super) fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        // A redirect would send the signature and the token to another host.
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        // Requests fit into one packet, which must not wait for more.
        .tcp_nodelay(true)
}

async fn read(mut response: reqwest::Response, max: usize) -> Result<RawResponse, TransportError> {
    let status = response.status();
    let date = date(response.headers());
    let mut body = BytesMut::new();
    // Piece by piece: a Content-Length may be missing or wrong, and a small body may decompress to a
    // huge one.
    while let Some(chunk) = response.chunk().await.map_err(body_error)? {
        if body.len() + chunk.len() > max {
            return Err(too_large(max));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(RawResponse {
        status,
        date,
        body: body.freeze(),
    })
}

fn too_large(max: usize) -> TransportError {
    let message = format!("the response is larger than {max} bytes");
    TransportError::new(Reason::TooLarge, message)
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let date = headers.get(header::DATE)?.to_str().ok()?;
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date);
    date.ok()
}

fn send_error(error: reqwest::Error, url: &str, proxy: Option<&Url>) -> TransportError {
    send_error_within(CONNECT_TIMEOUT, error, url, proxy)
}

/// The request was not sent, or no response began.
fn send_error_within(
    connect_timeout: Duration,
    error: reqwest::Error,
    url: &str,
    proxy: Option<&Url>,
) -> TransportError {
    // The query of a URL may hold a token.
    let error = error.without_url();
    let mut is_tls = false;
    let mut is_disconnect = false;
    let mut is_plain_server = false;
    for source in sources(&error) {
        if let Some(error) = source.downcast_ref::<rustls::Error>() {
            is_tls = true;
            is_plain_server |= matches!(error, rustls::Error::InvalidMessage(_));
        }
        if let Some(error) = source.downcast_ref::<hyper::Error>() {
            is_disconnect |= error.is_incomplete_message() || error.is_canceled();
        }
        if let Some(error) = source.downcast_ref::<io::Error>() {
            use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
            is_disconnect |= matches!(
                error.kind(),
                BrokenPipe | ConnectionAborted | ConnectionReset
            );
        }
    }
    // reqwest reports a failed handshake like any other failed connection.
    let reason = if is_tls {
        Reason::Tls
    } else if error.is_timeout() {
        Reason::Timeout
    } else {
        Reason::Network
    };
    let mut message = format!("{}: {}", target(url, proxy), ErrorChain(&error));
    if error.is_timeout() {
        let seconds = connect_timeout.as_secs();
        message = format!("{}: no connection within {seconds} s", target(url, proxy));
    } else if is_plain_server {
        message = format!(
            "{}: the server does not speak TLS on this port",
            target(url, proxy)
        );
    } else if let Some(proxy) = proxy
        && message.contains("tunnel error")
    {
        let proxy = authority(proxy);
        message = format!("{message}: the proxy {proxy} refused to connect to this host");
    }
    TransportError {
        is_unreachable: error.is_connect(),
        // A connection that was never made cannot be a kept one.
        is_stale_connection: is_disconnect && !error.is_connect(),
        ..TransportError::new(reason, message)
    }
}

/// The host of a URL, and the proxy that is used for it.
fn target(url: &str, proxy: Option<&Url>) -> String {
    let host = match Url::parse(url) {
        Ok(url) => authority(&url),
        Err(_) => "the API".into(),
    };
    match proxy {
        Some(proxy) => format!("{host} through the proxy {}", authority(proxy)),
        None => host,
    }
}

/// Without user name and password.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// The response began and did not end.
fn body_error(error: reqwest::Error) -> TransportError {
    let error = error.without_url();
    // reqwest also reports a connection that ends in the middle of a body as a decoding error.
    let is_broken_connection = sources(&error).any(<dyn Error>::is::<hyper::Error>);
    let reason = if error.is_decode() && !is_broken_connection {
        Reason::Decode
    } else {
        Reason::Network
    };
    TransportError::new(reason, ErrorChain(&error).to_string())
}
