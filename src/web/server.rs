//! The site on a socket.

use std::{future::Future, sync::Arc, time::Duration};

use hyper::service::service_fn;
use tokio::net::TcpListener;

use super::Site;
use crate::listener;

/// What is under way when the exporter stops has this long to end.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves `site` until `shutdown`, then lets the requests under way end.
pub async fn serve(listener: TcpListener, site: Arc<Site>, shutdown: impl Future<Output = ()>) {
    let service = service_fn(move |request| {
        let site = Arc::clone(&site);
        async move { site.respond(request).await }
    });
    listener::serve(listener, service, DRAIN, shutdown).await;
}
