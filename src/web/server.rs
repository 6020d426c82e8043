//! The web server on its sockets.

use std::{future::Future, sync::Arc, time::Duration};

use hyper::service::service_fn;

use super::{
    WebState,
    handshake::{HandshakeLog, handshake},
};
use crate::listener::{self, Listener, Timeouts};

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
    let log = Arc::new(HandshakeLog::new(Arc::clone(&state.telemetry)));
    // Loaded per connection: a new certificate counts from the next connection on.
    let handshake =
        move |stream, peer| handshake(stream, peer, access.load().tls().cloned(), Arc::clone(&log));
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move { state.respond(request).await }
    });
    listener::serve(listeners, handshake, service, SERVER_TIMEOUTS, shutdown).await;
}
