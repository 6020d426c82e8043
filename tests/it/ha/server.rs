//! The fake API server on a socket: TLS, bearer tokens, and the files of service accounts.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use rcgen::SanType;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use super::api::{Fault, LeaseStore, answer, unauthorized};
use crate::support::{
    process::CANARY,
    site::{Authority, Issued},
};

/// The API server. Gone with the test.
pub(crate) struct ApiServer {
    pub(crate) store: &'static LeaseStore,
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    _task: AbortOnDropHandle<()>,
}

struct Shared {
    store: &'static LeaseStore,
    /// What happens to requests with a token.
    faults: Mutex<BTreeMap<String, Option<Fault>>>,
    tls: Mutex<TlsAcceptor>,
    authority: Mutex<Authority>,
    sans: Vec<SanType>,
    connections: AtomicU64,
}

impl ApiServer {
    pub(crate) async fn start() -> ApiServer {
        ApiServer::on("127.0.0.1").await
    }

    pub(crate) async fn on(ip: &str) -> ApiServer {
        let authority = Authority::new();
        let sans = vec![SanType::IpAddress(ip.parse().unwrap())];
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let store: &'static LeaseStore = Box::leak(Box::default());
        let shared = Arc::new(Shared {
            store,
            faults: Mutex::default(),
            tls: Mutex::new(acceptor(&authority.issue(sans.clone()))),
            authority: Mutex::new(authority),
            sans,
            connections: AtomicU64::new(0),
        });
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        ApiServer {
            store,
            address,
            shared,
            _task: AbortOnDropHandle::new(task),
        }
    }

    /// Makes the files of a service account in `directory`.
    pub(crate) fn account(&self, directory: &Path, name: &str) {
        let token = self.token(name);
        fs::create_dir_all(directory).unwrap();
        fs::write(directory.join("token"), token).unwrap();
        fs::write(directory.join("namespace"), "monitoring\n").unwrap();
        self.write_ca(directory);
    }

    pub(crate) fn write_ca(&self, directory: &Path) {
        let authority = self.shared.authority.lock().unwrap();
        fs::write(directory.join("ca.crt"), &authority.certificate).unwrap();
    }

    /// A token that the server accepts.
    pub(crate) fn token(&self, name: &str) -> String {
        let token = format!("{CANARY}-token-{name}");
        self.shared
            .faults
            .lock()
            .unwrap()
            .entry(token.clone())
            .or_default();
        token
    }

    /// The server no longer accepts a token.
    pub(crate) fn revoke(&self, token: &str) {
        self.shared.faults.lock().unwrap().remove(token);
    }

    /// From now on, `fault` happens to the requests of the service account `name`.
    pub(crate) fn set_fault(&self, name: &str, fault: Option<Fault>) {
        let token = format!("{CANARY}-token-{name}");
        self.shared.faults.lock().unwrap().insert(token, fault);
    }

    /// New connections get a certificate of another authority.
    pub(crate) fn replace_authority(&self) {
        let authority = Authority::new();
        *self.shared.tls.lock().unwrap() = acceptor(&authority.issue(self.shared.sans.clone()));
        *self.shared.authority.lock().unwrap() = authority;
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> u64 {
        self.shared.connections.load(Relaxed)
    }
}

fn acceptor(issued: &Issued) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(serve(stream, Arc::clone(&shared)));
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    shared.connections.fetch_add(1, Relaxed);
    let tls = shared.tls.lock().unwrap().clone();
    let Ok(stream) = tls.accept(stream).await else {
        return;
    };
    let service = service_fn(|request| respond(request, Arc::clone(&shared)));
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn respond(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Err(std::io::Error::other("the request was cut"));
    };
    let request = Request::from_parts(parts, body.to_bytes());
    let authorization = request.headers().get(header::AUTHORIZATION);
    let token = authorization.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let fault = token.and_then(|token| shared.faults.lock().unwrap().get(token).copied());
    let Some(fault) = fault else {
        return Ok(unauthorized().map(Full::new));
    };
    let mut response = answer(shared.store, fault, request).await?;
    response
        .headers_mut()
        .insert("audit-id", HeaderValue::from_static("fake"));
    Ok(response.map(Full::new))
}
