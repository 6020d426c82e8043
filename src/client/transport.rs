//! Sends one HTTP request and reads the body of its response: over the network, or in this process.

use std::{error::Error, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use reqwest::redirect;

use super::error::{ErrorChain, sources};
use crate::domain::Reason;

/// Larger responses are refused, counted after decompression. A normal one has about 500 bytes.
const MAX_RESPONSE_BYTES: usize = 1 << 20;

const USER_AGENT: &str = concat!("tcss-exporter/", env!("CARGO_PKG_VERSION"));
/// Connections that are not used for this long are closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);
/// The metadata service is on the same host or next to it: it accepts a connection at once.
const METADATA_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Answers a request in this process.
pub type Handler = Arc<dyn Fn(http::Request<Bytes>) -> http::Response<Bytes> + Send + Sync>;

#[derive(Debug, thiserror::Error)]
#[error("cannot set up the HTTP client: {}", ErrorChain(.0))]
pub struct InitError(#[from] reqwest::Error);

/// Where a request goes, which decides about the proxy.
#[derive(Clone, Copy, Debug)]
pub(super) enum Destination {
    /// Through the configured proxy, if there is one.
    Api,
    /// To this machine itself, never through a proxy.
    Loopback,
    /// To the metadata service. Never through a proxy, which would see the keys and might return
    /// those of another machine.
    Metadata,
}

#[derive(Clone)]
pub(super) enum Transport {
    Network(Network),
    InProcess(Handler),
}

/// One HTTP client for each [`Destination`].
#[derive(Clone)]
pub(super) struct Network {
    api: reqwest::Client,
    loopback: reqwest::Client,
    metadata: reqwest::Client,
}

/// The request brought no complete response with status 200.
#[derive(Debug)]
pub(super) struct TransportError {
    pub(super) reason: Reason,
    /// Where it was not 200.
    pub(super) status: Option<u16>,
    /// Whether no connection was made: no such name, or nothing listens there.
    pub(super) is_unreachable: bool,
    /// Never quotes a response.
    pub(super) message: String,
}

impl TransportError {
    fn new(reason: Reason, message: impl Into<String>) -> TransportError {
        TransportError {
            reason,
            status: None,
            is_unreachable: false,
            message: message.into(),
        }
    }
}

impl Transport {
    pub(super) fn network() -> Result<Transport, InitError> {
        Ok(Transport::Network(Network {
            api: with_certificates(builder)?,
            loopback: with_certificates(|| builder().no_proxy())?,
            // Plain HTTP: the metadata service has no certificate, so none is loaded.
            metadata: builder()
                .no_proxy()
                .connect_timeout(METADATA_CONNECT_TIMEOUT)
                .tls_certs_only([])
                .build()?,
        }))
    }

    /// The body of the response. The caller bounds the time.
    pub(super) async fn exchange(
        &self,
        request: http::Request<Bytes>,
        destination: Destination,
    ) -> Result<Bytes, TransportError> {
        match self {
            Transport::Network(network) => network.exchange(request, destination).await,
            Transport::InProcess(handler) => {
                let response = handler(request);
                check_status(response.status())?;
                Ok(response.into_body())
            }
        }
    }
}

impl Network {
    async fn exchange(
        &self,
        request: http::Request<Bytes>,
        destination: Destination,
    ) -> Result<Bytes, TransportError> {
        let client = match destination {
            Destination::Api => &self.api,
            Destination::Loopback => &self.loopback,
            Destination::Metadata => &self.metadata,
        };
        let request = reqwest::Request::try_from(request).map_err(send_error)?;
        let response = client.execute(request).await.map_err(send_error)?;
        check_status(response.status())?;
        read(response).await
    }
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        // A redirect would send the signature and the token to another host.
        .redirect(redirect::Policy::none())
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        .pool_idle_timeout(IDLE_TIMEOUT)
        // Requests fit into one packet, which must not wait for more.
        .tcp_nodelay(true)
}

/// With the CA certificates of the system. Where it has none, as in an image `FROM scratch`, with
/// Mozilla's, which are built in.
fn with_certificates(
    builder: impl Fn() -> reqwest::ClientBuilder,
) -> Result<reqwest::Client, reqwest::Error> {
    // A builder cannot be used twice, so each attempt makes its own.
    let error = match builder().build() {
        Ok(client) => return Ok(client),
        Err(error) => error,
    };
    tracing::debug!(%error, "no CA certificates on this system, using the built-in ones");
    let mut roots = Vec::new();
    for der in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        roots.push(reqwest::Certificate::from_der(der)?);
    }
    builder().tls_certs_only(roots).build()
}

async fn read(mut response: reqwest::Response) -> Result<Bytes, TransportError> {
    let mut body = BytesMut::new();
    // Piece by piece: a Content-Length may be missing or wrong, and a small body may decompress to a
    // huge one.
    while let Some(chunk) = response.chunk().await.map_err(body_error)? {
        if body.len() + chunk.len() > MAX_RESPONSE_BYTES {
            return Err(TransportError::new(
                Reason::TooLarge,
                format!("the response is larger than {MAX_RESPONSE_BYTES} bytes"),
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// The API sends its own errors with status 200, too. Any other status is a gateway's.
fn check_status(status: StatusCode) -> Result<(), TransportError> {
    if status == StatusCode::OK {
        return Ok(());
    }
    Err(TransportError {
        status: Some(status.as_u16()),
        ..TransportError::new(Reason::HttpStatus, format!("HTTP status {status}"))
    })
}

/// The request was not sent, or no response began.
fn send_error(error: reqwest::Error) -> TransportError {
    let error = error.without_url();
    // reqwest reports a failed handshake like any other failed connection.
    let reason = if sources(&error).any(<dyn Error>::is::<rustls::Error>) {
        Reason::Tls
    } else {
        Reason::Network
    };
    TransportError {
        is_unreachable: error.is_connect(),
        ..TransportError::new(reason, ErrorChain(&error).to_string())
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
