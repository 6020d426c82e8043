//! Reads and writes one Lease through the API server of the cluster.

use std::{
    env, fmt, fs, io,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use reqwest::redirect;
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use super::{
    elector::Rejection,
    record::{LeaseKey, LeaseRecord},
};
use crate::{
    client::{ErrorChain, sources},
    signer::Secret,
    workers::WorkerPool,
};

/// Where Kubernetes mounts the files of the service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// A Lease has about a kilobyte.
const MAX_RESPONSE_BYTES: usize = 1 << 20;
const MAX_MESSAGE_CHARS: usize = 300;
const USER_AGENT: &str = concat!("tcss-exporter/", env!("CARGO_PKG_VERSION"));

/// Reads the files of the service account. A read that hangs does not keep the others.
static READERS: LazyLock<WorkerPool> = LazyLock::new(|| WorkerPool::new("lease", 2));

/// Why a request brought no Lease: the values of the label `reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LeaseFailure {
    /// Another replica wrote the Lease at the same time.
    Conflict,
    Unauthorized,
    Forbidden,
    /// The namespace does not exist, or the Lease was deleted.
    NotFound,
    /// The API server did not accept the object.
    Invalid,
    Throttled,
    Server,
    Network,
    Timeout,
    Tls,
    /// The response was not a Lease.
    Decode,
    /// The files of the service account cannot be read.
    Files,
}

impl LeaseFailure {
    pub const ALL: [LeaseFailure; 12] = [
        LeaseFailure::Conflict,
        LeaseFailure::Unauthorized,
        LeaseFailure::Forbidden,
        LeaseFailure::NotFound,
        LeaseFailure::Invalid,
        LeaseFailure::Throttled,
        LeaseFailure::Server,
        LeaseFailure::Network,
        LeaseFailure::Timeout,
        LeaseFailure::Tls,
        LeaseFailure::Decode,
        LeaseFailure::Files,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            LeaseFailure::Conflict => "conflict",
            LeaseFailure::Unauthorized => "unauthorized",
            LeaseFailure::Forbidden => "forbidden",
            LeaseFailure::NotFound => "not_found",
            LeaseFailure::Invalid => "invalid",
            LeaseFailure::Throttled => "throttled",
            LeaseFailure::Server => "server",
            LeaseFailure::Network => "network",
            LeaseFailure::Timeout => "timeout",
            LeaseFailure::Tls => "tls",
            LeaseFailure::Decode => "decode",
            LeaseFailure::Files => "files",
        }
    }

    /// What the operator can do about it.
    pub(super) const fn advice(self) -> &'static str {
        match self {
            LeaseFailure::Forbidden => {
                "allow the service account the verbs get, update and create on leases of coordination.k8s.io"
            }
            LeaseFailure::Unauthorized => "check the token of the service account",
            LeaseFailure::NotFound => "check that the namespace of the Lease exists",
            LeaseFailure::Network | LeaseFailure::Timeout => {
                "check that network policies allow connections to the API server"
            }
            LeaseFailure::Tls => "check the CA certificate of the service account",
            LeaseFailure::Files => "mount the token of the service account",
            _ => "check the API server",
        }
    }
}

/// A request brought no Lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LeaseError {
    pub(super) reason: LeaseFailure,
    pub(super) message: String,
    retry_after: Option<Duration>,
}

impl LeaseError {
    pub(super) fn new(reason: LeaseFailure, message: impl Into<String>) -> LeaseError {
        LeaseError {
            reason,
            message: message.into(),
            retry_after: None,
        }
    }

    pub(super) fn rejection(&self) -> Rejection {
        match self.reason {
            LeaseFailure::Conflict => Rejection::Conflict,
            LeaseFailure::NotFound => Rejection::NotFound,
            _ => Rejection::Failed {
                retry_after: self.retry_after,
            },
        }
    }
}

/// Answers a request in this process, as an API server does; after some time, or never.
pub type LeaseHandler = Box<dyn Fn(Request<Bytes>) -> BoxedResponse + Send + Sync>;

/// The response, or the error of a connection.
pub type BoxedResponse =
    std::pin::Pin<Box<dyn Future<Output = io::Result<Response<Bytes>>> + Send>>;

/// How to reach the API server from within the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterAccess {
    /// `https://HOST:PORT`.
    pub server: String,
    /// With the files `token` and `ca.crt`. They are read for each request, as they change.
    pub directory: PathBuf,
}

impl ClusterAccess {
    /// What Kubernetes gives each pod, and the namespace of this one. Fails with what is missing.
    pub fn of_this_pod() -> Result<(ClusterAccess, String), String> {
        const ADVICE: &str = "--ha.kubernetes-lease works only in a pod with a service account token (automountServiceAccountToken: true)";
        let variable = |name: &str| match env::var(name) {
            Ok(value) if !value.is_empty() => Ok(value),
            _ => Err(format!("{name} is not set; {ADVICE}")),
        };
        let host = variable("KUBERNETES_SERVICE_HOST")?;
        let port = variable("KUBERNETES_SERVICE_PORT")?;
        let access = ClusterAccess {
            server: server_url(&host, &port),
            directory: PathBuf::from(SERVICE_ACCOUNT),
        };
        for name in ["token", "ca.crt"] {
            read_file(&access.directory.join(name))
                .map_err(|fault| format!("{fault}; {ADVICE}"))?;
        }
        let namespace = read_file(&access.directory.join("namespace"));
        let namespace = namespace.map_err(|fault| format!("{fault}; {ADVICE}"))?;
        let namespace = String::from_utf8_lossy(&namespace).trim().to_owned();
        Ok((access, namespace))
    }
}

/// The content of a file, which must not be empty.
fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    match fs::read(path) {
        Ok(bytes) if bytes.trim_ascii().is_empty() => Err(format!("{} is empty", path.display())),
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
    }
}

fn server_url(host: &str, port: &str) -> String {
    if host.contains(':') {
        // In an IPv6 cluster, the variable is an address without brackets.
        format!("https://[{host}]:{port}")
    } else {
        format!("https://{host}:{port}")
    }
}

/// A client for one Lease.
pub struct LeaseClient {
    transport: LeaseTransport,
    key: LeaseKey,
    timeout: Duration,
}

enum LeaseTransport {
    Cluster {
        access: ClusterAccess,
        /// For the CA certificates with this hash. Keeps its connection.
        client: Option<([u8; 32], reqwest::Client)>,
    },
    InProcess(LeaseHandler),
}

impl fmt::Debug for LeaseClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaseClient")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl LeaseClient {
    /// Each request is given up after `timeout`.
    pub fn new(access: ClusterAccess, key: LeaseKey, timeout: Duration) -> LeaseClient {
        LeaseClient {
            transport: LeaseTransport::Cluster {
                access,
                client: None,
            },
            key,
            timeout,
        }
    }

    /// A client whose requests `handler` answers, without a network.
    pub fn in_process(handler: LeaseHandler, key: LeaseKey, timeout: Duration) -> LeaseClient {
        LeaseClient {
            transport: LeaseTransport::InProcess(handler),
            key,
            timeout,
        }
    }

    /// The latest version. `None` if there is no Lease.
    pub(super) async fn read(&mut self) -> Result<Option<LeaseRecord>, LeaseError> {
        match self.exchange(Method::GET, self.path(), Bytes::new()).await {
            Ok(record) => Ok(Some(record)),
            Err(error) if error.reason == LeaseFailure::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Updates the Lease, or creates it if `record` has no version. Returns the new version.
    pub(super) async fn write(&mut self, record: &LeaseRecord) -> Result<LeaseRecord, LeaseError> {
        let body = Bytes::from(record.to_json());
        match record.version() {
            Some(_) => self.exchange(Method::PUT, self.path(), body).await,
            // The API server refuses a PUT without a resourceVersion with 422.
            None => self.exchange(Method::POST, self.collection(), body).await,
        }
    }

    fn collection(&self) -> String {
        let namespace = &self.key.namespace;
        format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases")
    }

    fn path(&self) -> String {
        format!("{}/{}", self.collection(), self.key.name)
    }

    async fn exchange(
        &mut self,
        method: Method,
        path: String,
        body: Bytes,
    ) -> Result<LeaseRecord, LeaseError> {
        let limit = self.timeout;
        // The limit includes reading the files of the service account: a volume that hangs must not
        // keep the elector from noticing that its lease has expired.
        match timeout(limit, self.transport.exchange(method, &path, body)).await {
            Ok(response) => read_response(&response?),
            Err(_) => Err(LeaseError::new(
                LeaseFailure::Timeout,
                format!("no response within {} s", limit.as_secs_f64()),
            )),
        }
    }
}

impl LeaseTransport {
    async fn exchange(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Bytes>, LeaseError> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        let json = HeaderValue::from_static("application/json");
        for name in [header::ACCEPT, header::CONTENT_TYPE] {
            request.headers_mut().insert(name, json.clone());
        }
        match self {
            LeaseTransport::InProcess(handler) => {
                *request.uri_mut() = path.parse().map_err(invalid_request)?;
                let response = handler(request).await;
                response.map_err(|error| LeaseError::new(LeaseFailure::Network, error.to_string()))
            }
            LeaseTransport::Cluster { access, client } => {
                let url = format!("{}{path}", access.server);
                *request.uri_mut() = url.parse().map_err(invalid_request)?;
                // The kubelet replaces the token before it expires, and the one read before would
                // be refused.
                let files = ServiceAccountFiles::read(access.directory.clone()).await?;
                let authorization = files.token.bearer_header();
                let authorization = authorization
                    .map_err(|error| LeaseError::new(LeaseFailure::Files, error.to_string()))?;
                request
                    .headers_mut()
                    .insert(header::AUTHORIZATION, authorization);
                let client = files.client(client)?;
                let response = send(&client, request).await;
                // A server may repeat what it was sent.
                response.map_err(|error| LeaseError {
                    message: files.token.scrub(&error.message),
                    ..error
                })
            }
        }
    }
}

fn invalid_request(error: impl fmt::Display) -> LeaseError {
    LeaseError::new(LeaseFailure::Invalid, format!("invalid request: {error}"))
}

/// The files of the service account as they are now.
struct ServiceAccountFiles {
    token: Secret,
    ca: Vec<u8>,
}

impl ServiceAccountFiles {
    async fn read(directory: PathBuf) -> Result<ServiceAccountFiles, LeaseError> {
        let read = move || {
            let file = |name: &str| {
                let content = read_file(&directory.join(name));
                content.map_err(|fault| LeaseError::new(LeaseFailure::Files, fault))
            };
            let token = file("token")?;
            let ca = file("ca.crt")?;
            let token = match String::from_utf8(token) {
                Ok(text) => Secret::new(text.trim().to_owned()),
                Err(_) => {
                    return Err(LeaseError::new(
                        LeaseFailure::Files,
                        "the token is not text",
                    ));
                }
            };
            Ok(ServiceAccountFiles { token, ca })
        };
        READERS.run(read).await
    }

    /// `cached`, unless it has other CA certificates.
    fn client(
        &self,
        cached: &mut Option<([u8; 32], reqwest::Client)>,
    ) -> Result<reqwest::Client, LeaseError> {
        // A new client has no open connection. Without the cache, each renewal would need a TLS
        // handshake.
        let hash: [u8; 32] = Sha256::digest(&self.ca).into();
        if let Some((cached, client)) = cached
            && *cached == hash
        {
            return Ok(client.clone());
        }
        let invalid = |error: reqwest::Error| {
            LeaseError::new(LeaseFailure::Files, format!("ca.crt is not valid: {error}"))
        };
        let certificates = reqwest::Certificate::from_pem_bundle(&self.ca).map_err(invalid)?;
        let client = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::none())
            // The API server is in the cluster; a proxy would see the token.
            .no_proxy()
            .tcp_nodelay(true)
            // Requests are sent one after the other.
            .pool_max_idle_per_host(1)
            .tls_certs_only(certificates)
            .build()
            .map_err(invalid)?;
        *cached = Some((hash, client.clone()));
        Ok(client)
    }
}

async fn send(
    client: &reqwest::Client,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, LeaseError> {
    let request = reqwest::Request::try_from(request).map_err(invalid_request)?;
    let mut response = client.execute(request).await.map_err(connection_error)?;
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(connection_error)? {
        // A Content-Length may be missing or wrong, so it is not relied on.
        if body.len() + chunk.len() > MAX_RESPONSE_BYTES {
            let message = format!("the response is larger than {MAX_RESPONSE_BYTES} bytes");
            return Err(LeaseError::new(LeaseFailure::Decode, message));
        }
        body.extend_from_slice(&chunk);
    }
    let mut complete = Response::new(body.freeze());
    *complete.status_mut() = response.status();
    *complete.headers_mut() = response.headers().clone();
    Ok(complete)
}

fn connection_error(error: reqwest::Error) -> LeaseError {
    let error = error.without_url();
    let is_tls = sources(&error).any(<dyn std::error::Error>::is::<rustls::Error>);
    let reason = if is_tls {
        LeaseFailure::Tls
    } else {
        LeaseFailure::Network
    };
    LeaseError::new(reason, ErrorChain(&error).to_string())
}

fn read_response(response: &Response<Bytes>) -> Result<LeaseRecord, LeaseError> {
    let status = response.status();
    if status == StatusCode::OK || status == StatusCode::CREATED {
        return LeaseRecord::parse(response.body())
            .map_err(|fault| LeaseError::new(LeaseFailure::Decode, fault));
    }
    let reason = match status.as_u16() {
        401 => LeaseFailure::Unauthorized,
        403 => LeaseFailure::Forbidden,
        404 => LeaseFailure::NotFound,
        // For a PUT, the version was not the latest. For a POST, another replica has created the
        // Lease.
        409 => LeaseFailure::Conflict,
        429 => LeaseFailure::Throttled,
        500.. => LeaseFailure::Server,
        _ => LeaseFailure::Invalid,
    };
    Err(LeaseError {
        reason,
        message: format!(
            "HTTP status {}{}",
            status.as_u16(),
            message(response.body())
        ),
        retry_after: retry_after(response),
    })
}

/// What the API server says about a failure, for a log line.
fn message(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct KubernetesStatus {
        message: String,
    }
    match serde_json::from_slice::<KubernetesStatus>(body) {
        Ok(status) => {
            let text: String = status.message.chars().take(MAX_MESSAGE_CHARS).collect();
            format!(": {text}")
        }
        // Not of the API server, but of something in front of it.
        Err(_) => String::new(),
    }
}

/// In seconds; the API server does not use the form with a date.
fn retry_after(response: &Response<Bytes>) -> Option<Duration> {
    let value = response.headers().get(header::RETRY_AFTER)?;
    let seconds: u64 = value.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A response as the API server sent it to curl.
    fn recorded(text: &str) -> Response<Bytes> {
        let (head, body) = text.split_once("\n\n").unwrap();
        let status = head.split(' ').nth(1).unwrap();
        let mut response = Response::new(Bytes::from(body.to_owned()));
        *response.status_mut() = status.parse().unwrap();
        response
    }

    #[test]
    fn answers_of_a_real_api_server_are_understood() {
        macro_rules! answer {
            ($name:literal) => {
                read_response(&recorded(include_str!(concat!(
                    "../../tests/fixtures/kubernetes_lease/",
                    $name,
                    ".txt"
                ))))
            };
        }
        assert_eq!(answer!("get200").unwrap().holder(), "a");
        assert_eq!(answer!("put200").unwrap().version(), Some("685"));
        assert_eq!(answer!("post201").unwrap().holder(), "a");
        assert_eq!(answer!("release_empty_holder").unwrap().holder(), "");
        let reason = |answer: Result<LeaseRecord, LeaseError>| answer.unwrap_err().reason;
        assert_eq!(reason(answer!("get401")), LeaseFailure::Unauthorized);
        assert_eq!(reason(answer!("get404")), LeaseFailure::NotFound);
        assert_eq!(reason(answer!("post409")), LeaseFailure::Conflict);
        assert_eq!(reason(answer!("put409")), LeaseFailure::Conflict);
        assert_eq!(reason(answer!("put400")), LeaseFailure::Invalid);
        assert_eq!(reason(answer!("put422")), LeaseFailure::Invalid);
        assert_eq!(reason(answer!("put_without_rv")), LeaseFailure::Invalid);
        assert_eq!(reason(answer!("put_seconds_time")), LeaseFailure::Invalid);
        for forbidden in [
            answer!("get403"),
            answer!("other403"),
            answer!("delete403"),
            answer!("anon"),
        ] {
            let error = forbidden.unwrap_err();
            assert_eq!(error.reason, LeaseFailure::Forbidden);
            assert!(error.message.contains("is forbidden: User"), "{error:?}");
            assert!(error.reason.advice().contains("get, update and create"));
        }
    }

    #[test]
    fn what_comes_from_a_gateway_is_a_failure_without_its_text() {
        let mut response = Response::new(Bytes::from_static(b"<html>secret</html>"));
        assert_eq!(
            read_response(&response).unwrap_err().reason,
            LeaseFailure::Decode
        );
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("7"));
        let error = read_response(&response).unwrap_err();
        assert_eq!(error.message, "HTTP status 503");
        assert_eq!(
            error.rejection(),
            Rejection::Failed {
                retry_after: Some(Duration::from_secs(7))
            }
        );
    }

    #[test]
    fn an_ipv6_address_is_put_in_brackets() {
        assert_eq!(server_url("10.96.0.1", "443"), "https://10.96.0.1:443");
        assert_eq!(server_url("fd00::1", "443"), "https://[fd00::1]:443");
    }
}
