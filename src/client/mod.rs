//! Sends one signed request and reads the envelope of its answer. Knows no collector.

use std::{error::Error, fmt, sync::Arc};

use bytes::Bytes;
use http::{Method, header};
use jiff::Timestamp;
use secrecy::zeroize::Zeroize as _;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};

use crate::{
    domain::{Clock, Endpoint, Moment, Reason, Region},
    limiter::Permit,
    signer::{self, Credentials, Secret},
    telemetry::Telemetry,
};

mod advice;
mod codes;
mod envelope;
mod error;
mod metadata;
mod transport;

pub use codes::TOKEN_FAILURE;
pub use error::ApiError;
pub use metadata::MetadataError;
pub use transport::{Handler, InitError};

use error::{Chain, Failure};
use transport::Transport;

/// Sign and send exactly this: the API compares them byte by byte.
const CONTENT_TYPE: &str = "application/json";

/// What to ask, of whom.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// Where the API is.
    pub endpoint: &'a Endpoint,
    /// `X-TC-Region`, where configured.
    pub region: Option<&'a Region>,
    /// The service in the signature.
    pub service: &'static str,
    /// `X-TC-Action`.
    pub action: &'static str,
    /// `X-TC-Version`.
    pub version: &'static str,
    /// JSON.
    pub body: Bytes,
}

/// A good answer. It may hold keys, so no `Debug` shows it.
pub struct Answer {
    /// The object under `Response`.
    pub response: Box<RawValue>,
    /// `RequestId`, as the server sent it.
    request_id: Option<String>,
    /// When the request left: the answer is at least this old.
    pub as_of: Moment,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

/// How a request says who sends it.
#[derive(Clone, Copy)]
enum Proof<'a> {
    /// Signed.
    Keys(&'a Credentials),
    /// Not signed: what stands in the body proves it.
    Body(&'a Secret),
}

impl Proof<'_> {
    /// `text` without what servers and proxies repeat of what they were sent.
    fn scrub(self, text: &str) -> String {
        match self {
            Proof::Keys(credentials) => credentials.scrub(text),
            Proof::Body(secret) => secret.scrub(text),
        }
    }
}

/// Sends requests to the API.
#[derive(Clone)]
pub struct Client {
    transport: Transport,
    clock: Clock,
    telemetry: Arc<Telemetry>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// A client for the network: rustls with the system's certificates, no redirects, `HTTPS_PROXY`
    /// honoured but for loopback addresses.
    pub fn new(clock: Clock, telemetry: Arc<Telemetry>) -> Result<Client, InitError> {
        Ok(Client {
            transport: Transport::network()?,
            clock,
            telemetry,
        })
    }

    /// A client whose requests `handler` answers in this process, without a network and without time passing.
    pub fn in_process(clock: Clock, telemetry: Arc<Telemetry>, handler: Handler) -> Client {
        Client {
            transport: Transport::InProcess(handler),
            clock,
            telemetry,
        }
    }

    /// Sends `call` in `slot`, signed at this moment, and reads the answer by `deadline`. An error repeats
    /// nothing of the credentials.
    pub async fn send(
        &self,
        call: &Call<'_>,
        credentials: &Credentials,
        slot: Permit,
        deadline: Instant,
    ) -> Result<Answer, ApiError> {
        self.send_as(call, Proof::Keys(credentials), slot, deadline)
            .await
    }

    /// The same without a signature: `secret`, which stands in the body, says who calls.
    pub async fn send_unsigned(
        &self,
        call: &Call<'_>,
        secret: &Secret,
        slot: Permit,
        deadline: Instant,
    ) -> Result<Answer, ApiError> {
        self.send_as(call, Proof::Body(secret), slot, deadline)
            .await
    }

    async fn send_as(
        &self,
        call: &Call<'_>,
        proof: Proof<'_>,
        slot: Permit,
        deadline: Instant,
    ) -> Result<Answer, ApiError> {
        let as_of = self.clock.now();
        let outcome = self.exchange(call, proof, as_of.wall, deadline).await;
        self.telemetry
            .request_took(call.action, slot.departure().elapsed());
        drop(slot);
        let opened = outcome.and_then(|body| {
            let opened = envelope::open(&body);
            wipe(body);
            opened
        });
        match opened {
            Ok((response, request_id)) => Ok(Answer {
                response,
                request_id,
                as_of,
            }),
            Err(failure) => Err(self.failed(call.action, failure, proof, as_of)),
        }
    }

    /// `answer` was an answer of the API and yet not one to `action`, as `error` says: an error as any other.
    pub fn unreadable(
        &self,
        action: &str,
        answer: &Answer,
        error: &(dyn Error + 'static),
        credentials: &Credentials,
    ) -> ApiError {
        let failure = Failure {
            request_id: answer.request_id.clone(),
            ..Failure::new(Reason::Decode, Chain(error).to_string())
        };
        self.failed(action, failure, Proof::Keys(credentials), answer.as_of)
    }

    fn failed(&self, action: &str, failure: Failure, proof: Proof<'_>, as_of: Moment) -> ApiError {
        self.telemetry.request_failed(action, failure.reason);
        failure.scrubbed(|text| proof.scrub(text), as_of)
    }

    async fn exchange(
        &self,
        call: &Call<'_>,
        proof: Proof<'_>,
        at: Timestamp,
        deadline: Instant,
    ) -> Result<Bytes, Failure> {
        let request = request(call, proof, at)?;
        timeout_at(
            deadline,
            self.transport
                .exchange(request, call.endpoint.is_loopback()),
        )
        .await
        .unwrap_or_else(|_| Err(Failure::new(Reason::Timeout, "no whole answer in time")))
    }
}

/// The object under `Response` in the body of an answer, for fuzzing.
pub(crate) fn open(body: &[u8]) -> Result<String, Reason> {
    envelope::open(body)
        .map(|(response, _)| response.get().to_owned())
        .map_err(|failure| failure.reason)
}

/// It may have held keys.
fn wipe(body: Bytes) {
    if let Ok(mut body) = body.try_into_mut() {
        body.as_mut().zeroize();
    }
}

fn request(
    call: &Call<'_>,
    proof: Proof<'_>,
    at: Timestamp,
) -> Result<http::Request<Bytes>, Failure> {
    let host = call.endpoint.host();
    let mut request = http::Request::post(call.endpoint.url().as_str())
        .header(header::HOST, &host)
        .header(header::CONTENT_TYPE, CONTENT_TYPE)
        .header("X-TC-Action", call.action)
        .header("X-TC-Version", call.version)
        .header("X-TC-Timestamp", at.as_second())
        .header("X-TC-Language", "en-US");
    if let Some(region) = call.region {
        request = request.header("X-TC-Region", region.as_str());
    }
    request = match proof {
        Proof::Body(_) => request.header(header::AUTHORIZATION, "SKIP"),
        Proof::Keys(credentials) => {
            let signed = request.header(
                header::AUTHORIZATION,
                authorization(call, &host, credentials, at)?,
            );
            match credentials.token_header()? {
                Some(token) => signed.header("X-TC-Token", token),
                None => signed,
            }
        }
    };
    request
        .body(call.body.clone())
        .map_err(|error| Failure::new(Reason::InvalidRequest, error.to_string()))
}

fn authorization(
    call: &Call<'_>,
    host: &str,
    credentials: &Credentials,
    at: Timestamp,
) -> Result<header::HeaderValue, signer::Unsendable> {
    let request = signer::Request {
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

impl From<signer::Unsendable> for Failure {
    fn from(error: signer::Unsendable) -> Failure {
        Failure::new(Reason::Credentials, error.to_string())
    }
}
