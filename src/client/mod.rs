//! Sends one signed request and opens the envelope of its response. Knows no collector.

use std::{
    collections::HashSet,
    error::Error,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, StatusCode, header};
use jiff::Timestamp;
use secrecy::zeroize::Zeroize as _;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::{
    domain::{Clock, Endpoint, Language, Moment, Reason, Region},
    limiter::{Member, Permit},
    signer::{self, Credentials, RequestToSign, Secret},
    sync::lock,
    telemetry::Telemetry,
};

mod advice;
mod codes;
mod connections;
mod envelope;
mod error;
mod list;
mod metadata;
mod proxy;
mod resolver;
mod tls;
mod transport;

pub use codes::TOKEN_FAILURE;
pub use error::ApiError;
pub use list::{ListError, ListRequest};
pub use metadata::MetadataError;
pub use proxy::ProxyError;
pub use transport::{Handler, InitError};

pub(crate) use error::{ErrorChain, sources};

use error::RawError;
use proxy::ProxySettings;
use transport::{Destination, RawResponse, Transport, TransportError};

/// Signed and sent exactly so: the API compares the two byte by byte.
const CONTENT_TYPE: &str = "application/json";

/// A call of one API action.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    pub endpoint: &'a Endpoint,
    /// `X-TC-Region`, where one is configured.
    pub region: Option<&'a Region>,
    /// `X-TC-Language`: the language of error messages. Not signed.
    pub language: Language,
    /// The service in the signature.
    pub service: &'static str,
    /// `X-TC-Action`.
    pub action: &'static str,
    /// `X-TC-Version`.
    pub version: &'static str,
    /// JSON.
    pub body: Bytes,
}

/// A response without an error. It may hold keys, so `Debug` does not show it.
pub struct ApiResponse {
    /// The JSON object under `Response`.
    pub response: Box<RawValue>,
    /// `RequestId`, as the server sent it.
    request_id: Option<String>,
    /// When the request was sent: the response is at least this old.
    pub as_of: Moment,
    /// The server's clock, where it sent a `Date` that can be read.
    pub date: Option<Timestamp>,
}

impl fmt::Debug for ApiResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiResponse")
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

/// How a request proves who sends it.
#[derive(Clone, Copy, Debug)]
pub enum RequestAuth<'a> {
    /// It is signed with these.
    Signed(&'a Credentials),
    /// It is not signed: its body contains this token.
    Token(&'a Secret),
}

impl RequestAuth<'_> {
    /// `text` without the secrets of the request, which servers and proxies may repeat.
    fn scrub(self, text: &str) -> String {
        match self {
            RequestAuth::Signed(credentials) => credentials.scrub(text),
            RequestAuth::Token(token) => token.scrub(text),
        }
    }
}

/// Sends requests to the API.
#[derive(Clone)]
pub struct Client {
    transport: Transport,
    clock: Clock,
    telemetry: Arc<Telemetry>,
    /// Actions about whose deprecation a warning was logged.
    deprecated: Arc<Mutex<HashSet<&'static str>>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// A client for the network: TLS with the system's CA certificates, no redirects.
    /// `HTTPS_PROXY` and `NO_PROXY` apply, except to loopback addresses.
    pub fn new(clock: Clock, telemetry: Arc<Telemetry>) -> Result<Client, InitError> {
        Ok(Client {
            transport: Transport::network()?,
            clock,
            telemetry,
            deprecated: Arc::default(),
        })
    }

    /// A client whose requests `handler` answers in this process, without a network and without
    /// time passing.
    pub fn in_process(clock: Clock, telemetry: Arc<Telemetry>, handler: Handler) -> Client {
        Client {
            transport: Transport::InProcess(handler),
            clock,
            telemetry,
            deprecated: Arc::default(),
        }
    }

    /// Signs `call` now, sends it, and reads the response until `deadline`. Ends `permit` with the
    /// request. Errors do not repeat the credentials.
    pub async fn send(
        &self,
        call: &Call<'_>,
        credentials: &Credentials,
        permit: Permit,
        deadline: Instant,
    ) -> Result<ApiResponse, ApiError> {
        let auth = RequestAuth::Signed(credentials);
        self.send_with(call, auth, permit, deadline).await
    }

    /// Sends `call` once `limiter` permits it, and reads the response within `timeout` after that.
    /// Tells the limiter if the API throttles the request.
    pub async fn send_limited(
        &self,
        call: &Call<'_>,
        auth: RequestAuth<'_>,
        limiter: &Member,
        timeout: Duration,
    ) -> Result<ApiResponse, ApiError> {
        let permit = limiter.acquire().await;
        // The timeout starts with the departure, so waiting for the permit does not count.
        let departure = permit.departure();
        let outcome = self
            .send_with(call, auth, permit, departure + timeout)
            .await;
        if let Err(error) = &outcome
            && error.reason == Reason::Throttled
        {
            limiter.throttled(departure);
        }
        outcome
    }

    async fn send_with(
        &self,
        call: &Call<'_>,
        auth: RequestAuth<'_>,
        permit: Permit,
        deadline: Instant,
    ) -> Result<ApiResponse, ApiError> {
        // Before the request: the data of the response may be as old as this.
        let as_of = self.clock.now();
        let outcome = self.exchange(call, auth, as_of.wall, deadline).await;
        // Measured from the departure: the wait in the limiter's queue is not part of the request.
        self.telemetry
            .request_took(call.action, permit.departure().elapsed());
        // The request has ended, so the next one may be sent while this response is read.
        drop(permit);
        let opened = match outcome {
            Ok(response) => {
                let date = response.date;
                open_and_wipe(response.body).map(|opened| (opened, date))
            }
            Err(error) => Err(error),
        };
        match opened {
            Ok(((response, request_id), date)) => {
                self.warn_if_deprecated(call.action, &response);
                Ok(ApiResponse {
                    response,
                    request_id,
                    as_of,
                    date,
                })
            }
            Err(error) => Err(self.failed(call.action, error, auth, as_of)),
        }
    }

    /// The error for a `response` that is valid for the API but not for `action`, as `error` says.
    pub fn unreadable(
        &self,
        action: &str,
        response: &ApiResponse,
        error: &(dyn Error + 'static),
        credentials: &Credentials,
    ) -> ApiError {
        let raw = RawError {
            request_id: response.request_id.clone(),
            ..RawError::new(Reason::Decode, ErrorChain(error).to_string())
        };
        let auth = RequestAuth::Signed(credentials);
        self.failed(action, raw, auth, response.as_of)
    }

    /// The document at `url`, which is of the machine's metadata service. The caller bounds the
    /// time.
    pub async fn metadata(&self, url: &Url) -> Result<Bytes, MetadataError> {
        metadata::get(&self.transport, url).await
    }

    /// A list of accounts. The caller bounds the time.
    pub async fn list(&self, request: ListRequest<'_>) -> Result<Bytes, ListError> {
        list::get(&self.transport, request).await
    }

    /// The API announces in its responses that it will end an action. Logged once per action.
    fn warn_if_deprecated(&self, action: &'static str, response: &RawValue) {
        // A search in the text costs less than parsing each response once more.
        if !response.get().contains("\"DeprecatedWarning\"") {
            return;
        }
        let mut warned = lock(&self.deprecated);
        if warned.insert(action) {
            tracing::warn!(
                action,
                "the API reports that this action is deprecated; look for a newer version of the exporter"
            );
        }
    }

    fn failed(
        &self,
        action: &str,
        error: RawError,
        auth: RequestAuth<'_>,
        as_of: Moment,
    ) -> ApiError {
        self.telemetry.request_failed(action, error.reason);
        error.scrubbed(|text| auth.scrub(text), as_of)
    }

    async fn exchange(
        &self,
        call: &Call<'_>,
        auth: RequestAuth<'_>,
        at: Timestamp,
        deadline: Instant,
    ) -> Result<RawResponse, RawError> {
        // Signed for this attempt alone: the API rejects a timestamp that is more than 5 minutes
        // old.
        let request = request(call, auth, at)?;
        let secret_id = match auth {
            RequestAuth::Signed(credentials) => credentials.secret_id.as_str(),
            RequestAuth::Token(_) => "",
        };
        let exchange = self
            .transport
            .exchange(request, Destination::Api { secret_id });
        let Ok(response) = timeout_at(deadline, exchange).await else {
            let host = call.endpoint.host();
            let message = format!("{host}: no complete response before the timeout");
            return Err(RawError::new(Reason::Timeout, message));
        };
        let response = response?;
        if response.status == StatusCode::OK {
            return Ok(response);
        }
        // The API sends its own errors with status 200. A gateway may pass them on with another
        // one, and then the error says more than the status.
        let status = Some(response.status.as_u16());
        match envelope::open(&response.body) {
            Err(error) if error.code.is_some() => Err(RawError { status, ..error }),
            _ => {
                let message = format!("HTTP status {}", response.status);
                Err(RawError {
                    status,
                    ..RawError::new(Reason::HttpStatus, message)
                })
            }
        }
    }
}

impl From<TransportError> for RawError {
    fn from(error: TransportError) -> RawError {
        RawError {
            is_stale_connection: error.is_stale_connection,
            ..RawError::new(error.reason, error.message)
        }
    }
}

/// Whether [`Client::new`] can use the proxy variables of this process.
pub fn check_proxy_variables() -> Result<(), ProxyError> {
    ProxySettings::of_the_process()?;
    Ok(())
}

/// The JSON object under `Response`, for fuzzing.
#[cfg(any(test, fuzzing))]
pub(crate) fn open(body: &[u8]) -> Result<String, Reason> {
    match envelope::open(body) {
        Ok((response, _)) => Ok(response.get().to_owned()),
        Err(error) => Err(error.reason),
    }
}

/// The JSON object under `Response` and its `RequestId`. Wipes `body`, which may have held keys.
fn open_and_wipe(body: Bytes) -> Result<(Box<RawValue>, Option<String>), RawError> {
    let opened = envelope::open(&body);
    // Fails only while something else holds the bytes, as a handler in this process may.
    if let Ok(mut body) = body.try_into_mut() {
        body.as_mut().zeroize();
    }
    opened
}

fn request(
    call: &Call<'_>,
    auth: RequestAuth<'_>,
    at: Timestamp,
) -> Result<http::Request<Bytes>, RawError> {
    let host = call.endpoint.host();
    let mut request = http::Request::post(call.endpoint.url().as_str())
        .header(header::HOST, &host)
        .header(header::CONTENT_TYPE, CONTENT_TYPE)
        .header("X-TC-Action", call.action)
        .header("X-TC-Version", call.version)
        .header("X-TC-Timestamp", at.as_second())
        .header("X-TC-Language", call.language.api_tag());
    if let Some(region) = call.region {
        request = request.header("X-TC-Region", region.as_str());
    }
    match auth {
        // The API expects this word where nothing is signed.
        RequestAuth::Token(_) => request = request.header(header::AUTHORIZATION, "SKIP"),
        RequestAuth::Signed(credentials) => {
            let authorization = authorization(call, &host, credentials, at)?;
            request = request.header(header::AUTHORIZATION, authorization);
            if let Some(token) = credentials.token_header()? {
                request = request.header("X-TC-Token", token);
            }
        }
    }
    request
        .body(call.body.clone())
        .map_err(|error| RawError::new(Reason::InvalidRequest, error.to_string()))
}

fn authorization(
    call: &Call<'_>,
    host: &str,
    credentials: &Credentials,
    at: Timestamp,
) -> Result<header::HeaderValue, signer::InvalidHeader> {
    let request = RequestToSign {
        method: Method::POST.as_str(),
        host,
        path: "/",
        query: "",
        content_type: CONTENT_TYPE,
        extra_headers: &[],
        body: &call.body,
    };
    signer::sign(&request, call.service, credentials, at).header()
}

impl From<signer::InvalidHeader> for RawError {
    fn from(error: signer::InvalidHeader) -> RawError {
        RawError::new(Reason::Credentials, error.to_string())
    }
}
