//! Requests signed by the documentation and by the official SDKs, from `tests/fixtures/signing`.

use std::{fs, path::Path};

use jiff::Timestamp;
use serde::Deserialize;

use super::{Credentials, RequestToSign, Secret};

/// How many there are, so that a test does not silently read fewer.
const COUNT: usize = 35;

#[derive(Deserialize)]
pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) input: Input,
    pub(crate) derived: Derived,
    pub(crate) wire: Option<Wire>,
    #[serde(default)]
    host_signed: String,
}

#[derive(Deserialize)]
pub(crate) struct Input {
    secret_id: String,
    secret_key: String,
    token: Option<String>,
    pub(crate) service: String,
    timestamp: i64,
    pub(crate) method: String,
    host: Option<String>,
    content_type: Option<String>,
    #[serde(default)]
    extra_signed_headers: Vec<(String, String)>,
    body: Option<String>,
}

/// What an SDK sent.
#[derive(Deserialize)]
pub(crate) struct Wire {
    request_line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

#[derive(Deserialize)]
pub(crate) struct Derived {
    pub(crate) payload_sha256: String,
    pub(crate) canonical_request: String,
    pub(crate) canonical_request_sha256: String,
    pub(crate) string_to_sign: String,
    pub(crate) credential_scope: String,
    pub(crate) signed_headers: String,
    pub(crate) secret_date_hex: Option<String>,
    pub(crate) secret_service_hex: Option<String>,
    pub(crate) secret_signing_hex: Option<String>,
    pub(crate) signature: String,
    pub(crate) authorization: String,
}

/// Panics if any cannot be read.
pub(crate) fn all() -> Vec<Fixture> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/signing");
    let mut paths: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert_eq!(paths.len(), COUNT, "fixtures in tests/fixtures/signing");
    paths
        .iter()
        .map(|path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
        .collect()
}

impl Fixture {
    pub(crate) fn credentials(&self) -> Credentials {
        Credentials {
            secret_id: self.input.secret_id.clone(),
            secret_key: Secret::new(self.input.secret_key.clone()),
            token: self.input.token.clone().map(Secret::new),
        }
    }

    pub(crate) fn at(&self) -> Timestamp {
        Timestamp::from_second(self.input.timestamp).unwrap()
    }

    /// Calls `f` with the signed request.
    pub(crate) fn with_request<T>(&self, f: impl FnOnce(&RequestToSign<'_>) -> T) -> T {
        let extra_headers: Vec<_> = self
            .input
            .extra_signed_headers
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        f(&RequestToSign {
            method: &self.input.method,
            host: self.signed_host(),
            path: "/",
            query: self.wire.as_ref().map_or("", Wire::query),
            content_type: self.part(self.input.content_type.as_deref(), |wire| {
                wire.header("Content-Type")
            }),
            extra_headers: &extra_headers,
            body: self
                .part(self.input.body.as_deref(), |wire| &wire.body)
                .as_bytes(),
        })
    }

    /// The Node SDK signs the host without its port; the Python SDK signs what it sends.
    fn signed_host(&self) -> &str {
        let host = self.part(self.input.host.as_deref(), |wire| wire.header("Host"));
        if self.host_signed.contains("WITHOUT port") {
            host.rsplit_once(':').unwrap().0
        } else {
            host
        }
    }

    /// What an SDK sent, or else what the documentation gives.
    fn part<'a>(
        &'a self,
        input: Option<&'a str>,
        wire: impl FnOnce(&'a Wire) -> &'a str,
    ) -> &'a str {
        self.wire.as_ref().map(wire).or(input).unwrap_or_default()
    }
}

impl Wire {
    /// The path with the query.
    pub(crate) fn target(&self) -> &str {
        self.request_line.split(' ').nth(1).unwrap()
    }

    fn query(&self) -> &str {
        self.target().split_once('?').map_or("", |(_, query)| query)
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value)
    }
}
