//! The wire: one request out, the bytes of one answer in.

use std::{error::Error, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use reqwest::redirect;

use super::error::{Chain, Failure, sources};
use crate::domain::Reason;

/// Answers above this size are refused, counted after decompression. A real one has about 500 bytes.
const MAX_ANSWER: usize = 1 << 20;

/// The `User-Agent` of every request.
const USER_AGENT: &str = concat!("tcss-exporter/", env!("CARGO_PKG_VERSION"));
/// Connections that are not used for this long are closed.
const IDLE: Duration = Duration::from_secs(90);

/// Answers a request in this process.
pub type Handler = Arc<dyn Fn(http::Request<Bytes>) -> http::Response<Bytes> + Send + Sync>;

/// The HTTP client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the HTTP client: {}", Chain(.0))]
pub struct InitError(#[from] reqwest::Error);

#[derive(Clone)]
pub(super) enum Transport {
    Network {
        client: reqwest::Client,
        /// For this machine itself, to which no proxy leads.
        loopback: reqwest::Client,
        /// For the metadata service, which is next to the machine and speaks plain http.
        metadata: reqwest::Client,
    },
    InProcess(Handler),
}

impl Transport {
    pub(super) fn network() -> Result<Transport, InitError> {
        let loopback = build(|| builder().no_proxy())?;
        let metadata = super::metadata::client()?;
        Ok(Transport::Network {
            client: build(builder)?,
            loopback,
            metadata,
        })
    }

    pub(super) async fn exchange(
        &self,
        request: http::Request<Bytes>,
        is_loopback: bool,
    ) -> Result<Bytes, Failure> {
        match self {
            Transport::Network { loopback, .. } if is_loopback => exchange(loopback, request).await,
            Transport::Network { client, .. } => exchange(client, request).await,
            Transport::InProcess(handler) => {
                let response = handler(request);
                accept(response.status())?;
                Ok(response.into_body())
            }
        }
    }
}

/// Where the system has no CA certificates at all, Mozilla's are used, which are built in.
fn build(builder: impl Fn() -> reqwest::ClientBuilder) -> Result<reqwest::Client, reqwest::Error> {
    builder().build().or_else(|error| {
        tracing::debug!(%error, "no certificates from the system, using the built-in ones");
        let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
        let roots = roots
            .map(|der| reqwest::Certificate::from_der(der))
            .collect::<Result<Vec<_>, _>>()?;
        builder().tls_certs_only(roots).build()
    })
}

pub(super) fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none())
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        .pool_idle_timeout(IDLE)
        .tcp_nodelay(true)
}

async fn exchange(
    client: &reqwest::Client,
    request: http::Request<Bytes>,
) -> Result<Bytes, Failure> {
    let request = reqwest::Request::try_from(request).map_err(unsent)?;
    let response = client.execute(request).await.map_err(unsent)?;
    accept(response.status())?;
    read(response).await
}

pub(super) async fn read(mut response: reqwest::Response) -> Result<Bytes, Failure> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(Failure::new(
                Reason::TooLarge,
                format!("the answer has more than {MAX_ANSWER} bytes"),
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Every answer of the API, errors included, comes with 200; anything else is a gateway in trouble.
fn accept(status: StatusCode) -> Result<(), Failure> {
    if status == StatusCode::OK {
        return Ok(());
    }
    Err(Failure {
        status: Some(status.as_u16()),
        ..Failure::new(Reason::HttpStatus, format!("HTTP status {status}"))
    })
}

fn unsent(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let reason = if sources(&error).any(<dyn Error>::is::<rustls::Error>) {
        Reason::Tls
    } else {
        Reason::Network
    };
    Failure::new(reason, Chain(&error).to_string())
}

fn broken(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let reason = if error.is_decode() && !is_broken_connection(&error) {
        Reason::Decode
    } else {
        Reason::Network
    };
    Failure::new(reason, Chain(&error).to_string())
}

/// reqwest calls a connection that ends in the middle of a body a failure to decode it.
fn is_broken_connection(error: &reqwest::Error) -> bool {
    sources(error).any(<dyn Error>::is::<hyper::Error>)
}
