//! Reads a document of the machine's metadata service.

use bytes::Bytes;
use http::StatusCode;
use url::Url;

use super::transport::{Destination, Transport, TransportError};

/// The document could not be read. The messages never quote a response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// There is no metadata service: no such name, or nothing listens there.
    #[error("{0}")]
    Unreachable(String),
    /// It answered with a status other than 200.
    #[error("HTTP status {0}")]
    Status(u16),
    /// It is there, but sent no complete response.
    #[error("{0}")]
    Broken(String),
}

pub(super) async fn get(transport: &Transport, url: &Url) -> Result<Bytes, MetadataError> {
    let request = http::Request::get(url.as_str())
        .body(Bytes::new())
        .map_err(|error| MetadataError::Broken(error.to_string()))?;
    let response = transport.exchange(request, Destination::Metadata).await?;
    if response.status == StatusCode::OK {
        Ok(response.body)
    } else {
        Err(MetadataError::Status(response.status.as_u16()))
    }
}

impl From<TransportError> for MetadataError {
    fn from(error: TransportError) -> MetadataError {
        if error.is_unreachable {
            return MetadataError::Unreachable(error.message);
        }
        MetadataError::Broken(error.message)
    }
}
