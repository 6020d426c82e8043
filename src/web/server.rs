//! The site on a socket.

use std::{future::Future, io, sync::Arc, time::Duration};

use hyper::service::service_fn;
use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

use super::Site;
use crate::listener::{self, Listener, Stream, Timeouts};

/// An idle connection ends as a silent one does: a scraper whose connection is gone opens another.
const TIMEOUTS: Timeouts = Timeouts {
    header: Duration::from_secs(5),
    request: Duration::from_secs(20),
    drain: Duration::from_secs(10),
};

/// Serves `site` on all of `listeners` until `shutdown`, then lets the requests under way end.
pub async fn serve(listeners: Vec<Listener>, site: Arc<Site>, shutdown: impl Future<Output = ()>) {
    let access = Arc::clone(&site.access);
    let wrap = move |stream| secured(stream, access.load().tls().cloned());
    let service = service_fn(move |request| {
        let site = Arc::clone(&site);
        async move { site.respond(request).await }
    });
    listener::serve(listeners, wrap, service, TIMEOUTS, shutdown).await;
}

/// Shakes hands where there is TLS.
async fn secured(stream: Stream, tls: Option<Arc<ServerConfig>>) -> io::Result<Stream> {
    match tls {
        Some(config) => Ok(Box::new(TlsAcceptor::from(config).accept(stream).await?)),
        None => Ok(stream),
    }
}
