//! What a connection does: whether it has sent a request, and whether one is being answered.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, sleep_until};

use crate::sync::lock;

#[derive(Debug)]
pub(super) struct ConnectionActivity {
    opened: Instant,
    last_request: Mutex<Option<Instant>>,
    is_answering: AtomicBool,
}

impl ConnectionActivity {
    pub(super) fn new() -> ConnectionActivity {
        ConnectionActivity {
            opened: Instant::now(),
            last_request: Mutex::new(None),
            is_answering: AtomicBool::new(false),
        }
    }

    /// Records that the head of a request has arrived.
    pub(super) fn request_started(self: &Arc<Self>) -> InFlightRequest {
        *lock(&self.last_request) = Some(Instant::now());
        // HTTP/1 answers one request at a time, so a flag is enough, and it guards no other data.
        self.is_answering.store(true, Relaxed);
        InFlightRequest(Arc::clone(self))
    }

    /// When the last request started, if there was one.
    pub(super) fn last_request(&self) -> Option<Instant> {
        *lock(&self.last_request)
    }

    /// The connection with the lowest rank is the first to be evicted: those without a request,
    /// then those whose last request is the longest ago, and at last those that are being answered.
    pub(super) fn eviction_rank(&self) -> (bool, Option<Instant>) {
        // Tuples compare from the left, and `None` is less than every `Some`.
        (self.is_answering.load(Relaxed), self.last_request())
    }

    /// Returns once `limit` has passed since the last request started, or since the connection
    /// was opened if there was none.
    pub(super) async fn stalled_for(&self, limit: Duration) {
        loop {
            let deadline = self.last_request().unwrap_or(self.opened) + limit;
            if deadline <= Instant::now() {
                return;
            }
            // Another request may start meanwhile, which moves the deadline.
            sleep_until(deadline).await;
        }
    }
}

/// A request that is being answered until this is dropped.
#[derive(Debug)]
pub(super) struct InFlightRequest(Arc<ConnectionActivity>);

impl Drop for InFlightRequest {
    fn drop(&mut self) {
        self.0.is_answering.store(false, Relaxed);
    }
}

/// A response body that keeps its request in flight until it is dropped: when it was sent
/// completely, or when the client disconnects.
pub(super) struct TrackedBody<B> {
    pub(super) body: B,
    pub(super) _in_flight: InFlightRequest,
}

impl<B: Body + Unpin> Body for TrackedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
