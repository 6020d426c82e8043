//! The web server on its sockets.

use std::{future::Future, io, sync::Arc, time::Duration};

use hyper::service::service_fn;
use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

use super::WebState;
use crate::listener::{self, Listener, Stream, Timeouts};

/// The header timeout also closes idle connections. Prometheus opens a new one for its next scrape.
const SERVER_TIMEOUTS: Timeouts = Timeouts {
    header: Duration::from_secs(5),
    request: Duration::from_secs(20),
    drain: Duration::from_secs(10),
};

/// Serves on all `listeners` until `shutdown`, then drains the requests in flight.
pub async fn serve(
    listeners: Vec<Listener>,
    state: Arc<WebState>,
    shutdown: impl Future<Output = ()>,
) {
    let access = Arc::clone(&state.access);
    // Loaded per connection: a new certificate counts from the next connection on.
    let handshake = move |stream| tls_handshake(stream, access.load().tls().cloned());
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move { state.respond(request).await }
    });
    listener::serve(listeners, handshake, service, SERVER_TIMEOUTS, shutdown).await;
}

async fn tls_handshake(stream: Stream, tls: Option<Arc<ServerConfig>>) -> io::Result<Stream> {
    match tls {
        Some(config) => Ok(Box::new(TlsAcceptor::from(config).accept(stream).await?)),
        None => Ok(stream),
    }
}
