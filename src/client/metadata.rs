//! Reads the metadata service of the machine: plain http, next door, quick or not at all.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use url::Url;

use super::{
    Client,
    error::{Chain, Failure},
    transport::{Transport, builder, read},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The metadata service did not answer what was asked. The texts repeat nothing of an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// There is none: no such name, or nobody listens.
    #[error("{0}")]
    Unreachable(String),
    /// It answered with another status than 200.
    #[error("HTTP status {0}")]
    Status(u16),
    /// It is there, and brought no whole answer.
    #[error("{0}")]
    Broken(String),
}

/// Never through a proxy, which would learn the keys and might be asked for those of another machine. No redirect is
/// followed, and no certificate is needed.
pub(super) fn client() -> Result<reqwest::Client, reqwest::Error> {
    builder()
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .tls_certs_only([])
        .build()
}

impl Client {
    /// The document at `url`. The caller bounds the time.
    pub async fn metadata(&self, url: &Url) -> Result<Bytes, MetadataError> {
        match &self.transport {
            Transport::Network { metadata, .. } => {
                let response = metadata.get(url.clone()).send().await.map_err(unsent)?;
                accept(response.status())?;
                read(response)
                    .await
                    .map_err(|Failure { message, .. }| MetadataError::Broken(message))
            }
            Transport::InProcess(handler) => {
                let request = http::Request::get(url.as_str()).body(Bytes::new());
                let response =
                    handler(request.map_err(|error| MetadataError::Broken(error.to_string()))?);
                accept(response.status())?;
                Ok(response.into_body())
            }
        }
    }
}

fn accept(status: StatusCode) -> Result<(), MetadataError> {
    if status == StatusCode::OK {
        Ok(())
    } else {
        Err(MetadataError::Status(status.as_u16()))
    }
}

fn unsent(error: reqwest::Error) -> MetadataError {
    let is_unreachable = error.is_connect();
    let text = Chain(&error.without_url()).to_string();
    if is_unreachable {
        MetadataError::Unreachable(text)
    } else {
        MetadataError::Broken(text)
    }
}
