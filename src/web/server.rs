//! The site on a socket.

use std::{future::Future, sync::Arc, time::Duration};

use hyper::service::service_fn;

use super::Site;
use crate::listener::{self, Listener, Patience};

/// An idle connection ends as a silent one does: a scraper whose connection is gone opens another.
const PATIENCE: Patience = Patience {
    head: Duration::from_secs(5),
    request: Duration::from_secs(25),
    drain: Duration::from_secs(10),
};

/// Serves `site` on all of `listeners` until `shutdown`, then lets the requests under way end.
pub async fn serve(listeners: Vec<Listener>, site: Arc<Site>, shutdown: impl Future<Output = ()>) {
    let service = service_fn(move |request| {
        let site = Arc::clone(&site);
        async move { site.respond(request).await }
    });
    listener::serve(listeners, listener::plain, service, PATIENCE, shutdown).await;
}
