//! Fetches a list of accounts from an HTTP server that is not the API.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use url::Url;

use super::{
    error::ErrorChain,
    transport::{Transport, TransportError},
};
use crate::domain::Reason;

/// Larger lists are refused. One of 10 000 accounts with labels has about 2 MB.
pub(super) const MAX_LIST_BYTES: usize = 10 << 20;

/// A list of accounts in the format of the HTTP service discovery of Prometheus.
#[derive(Debug)]
pub struct ListRequest<'a> {
    pub url: &'a Url,
    /// The header `Authorization`.
    pub authorization: Option<HeaderValue>,
    /// CA certificates in PEM, instead of those of the system.
    pub ca_certificates: Option<Vec<u8>>,
    pub refresh_interval: Duration,
}

/// There is no list. The message never quotes a response or a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ListError {
    pub reason: Reason,
    pub message: String,
}

pub(super) async fn get(
    transport: &Transport,
    request: ListRequest<'_>,
) -> Result<Bytes, ListError> {
    let failed = |reason, message: String| ListError { reason, message };
    let mut builder = http::Request::get(request.url.as_str())
        .header(header::ACCEPT, "application/json")
        .header(
            "X-Prometheus-Refresh-Interval-Seconds",
            request.refresh_interval.as_secs(),
        );
    if let Some(value) = request.authorization {
        builder = builder.header(header::AUTHORIZATION, value);
    }
    let http_request = match builder.body(Bytes::new()) {
        Ok(http_request) => http_request,
        Err(error) => return Err(failed(Reason::InvalidRequest, error.to_string())),
    };
    let mut roots = None;
    if let Some(pem) = &request.ca_certificates {
        roots = Some(read_roots(pem)?);
    }
    let response = transport.list(http_request, roots).await?;
    // Redirects are not followed: the authorization is for this server.
    match response.status {
        StatusCode::OK => Ok(response.body),
        StatusCode::UNAUTHORIZED => Err(failed(Reason::Auth, "HTTP status 401".into())),
        StatusCode::FORBIDDEN => Err(failed(Reason::Permission, "HTTP status 403".into())),
        StatusCode::NOT_FOUND => Err(failed(Reason::NotFound, "HTTP status 404".into())),
        status if status.is_redirection() => Err(failed(
            Reason::HttpStatus,
            format!(
                "HTTP status {status}; redirects are not followed, set url to the final address"
            ),
        )),
        status => Err(failed(Reason::HttpStatus, format!("HTTP status {status}"))),
    }
}

impl From<TransportError> for ListError {
    fn from(error: TransportError) -> ListError {
        ListError {
            reason: error.reason,
            message: error.message,
        }
    }
}

fn read_roots(pem: &[u8]) -> Result<Arc<rustls::RootCertStore>, ListError> {
    let unusable = |message: String| ListError {
        reason: Reason::Tls,
        message: format!("ca_file {message}"),
    };
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let Ok(certificate) = certificate else {
            return Err(unusable("is not valid PEM".into()));
        };
        if let Err(error) = roots.add(certificate) {
            let chain = ErrorChain(&error).to_string();
            return Err(unusable(format!(
                "has a certificate that cannot be used: {chain}"
            )));
        }
    }
    if roots.is_empty() {
        return Err(unusable("has no certificate".into()));
    }
    Ok(Arc::new(roots))
}
