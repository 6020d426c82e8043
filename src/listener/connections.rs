//! The open connections: accepting new ones, and evicting old ones when there are too many.

use std::{collections::VecDeque, future::poll_fn, io, sync::Arc, task::Poll, time::Duration};

use tokio::{
    task::AbortHandle,
    time::{Instant, sleep},
};

use super::{
    activity::ConnectionActivity,
    socket::{Listener, Peer, Stream},
};

/// Half of the usual limit of open files per process.
pub(super) const MAX_CONNECTIONS: usize = 512;
/// After a failed accept, for example because there are too many open files: an immediate retry
/// would fail again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Accept errors are logged again only after this long without one.
const ACCEPT_LOG_INTERVAL: Duration = Duration::from_mins(1);

/// The open connections, oldest first. Some of them may have finished already.
#[derive(Debug)]
pub(super) struct Connections {
    listeners: Vec<Listener>,
    open: VecDeque<OpenConnection>,
    last_accept_error: Option<Instant>,
}

#[derive(Debug)]
struct OpenConnection {
    activity: Arc<ConnectionActivity>,
    task: AbortHandle,
}

impl Connections {
    pub(super) fn new(listeners: Vec<Listener>) -> Connections {
        Connections {
            listeners,
            open: VecDeque::new(),
            last_accept_error: None,
        }
    }

    /// Accepts the next connection, and evicts an old one if there are too many.
    ///
    /// Refusing new connections instead would favour clients that open connections and send
    /// nothing: 512 of them would lock out Prometheus.
    pub(super) async fn accept(&mut self) -> (Stream, Peer) {
        loop {
            let error = match self.accept_any().await {
                Ok(accepted) => {
                    self.make_room();
                    return accepted;
                }
                Err(error) => error,
            };
            // The client closed its connection before it was accepted. The listener is fine.
            if is_client_error(&error) {
                continue;
            }
            // Most likely the process is out of file descriptors (EMFILE). The connection stays in
            // the kernel's queue, so accept fails again at once: without the pause this loop would
            // use a whole CPU. Evicting a connection frees a descriptor.
            self.log_accept_error(&error);
            self.evict_one();
            sleep(ACCEPT_PAUSE).await;
        }
    }

    /// Accepts from any listener.
    async fn accept_any(&mut self) -> io::Result<(Stream, Peer)> {
        poll_fn(|context| {
            for index in 0..self.listeners.len() {
                if let Poll::Ready(accepted) = self.listeners[index].poll_accept(context) {
                    // This listener is polled last next time, so that a busy one does not starve
                    // the others.
                    self.listeners[index..].rotate_left(1);
                    return Poll::Ready(accepted);
                }
            }
            Poll::Pending
        })
        .await
    }

    pub(super) fn add(&mut self, activity: Arc<ConnectionActivity>, task: AbortHandle) {
        self.open.push_back(OpenConnection { activity, task });
    }

    /// Stops listening, and closes the connections without a request: there is no response to
    /// wait for.
    pub(super) fn close_silent(self) {
        // hyper's graceful shutdown would wait for their first request.
        for connection in &self.open {
            if connection.activity.last_request().is_none() {
                connection.task.abort();
            }
        }
    }

    fn make_room(&mut self) {
        // Finished connections stay in the queue until it is full. Looking for them at every accept
        // would cost more.
        if self.open.len() < MAX_CONNECTIONS {
            return;
        }
        self.remove_finished();
        if self.open.len() >= MAX_CONNECTIONS {
            self.evict_one();
        }
    }

    /// Closes the oldest connection that has sent no request yet. If all have sent one, closes the
    /// one whose last request is the longest ago, and interrupts a response only if every
    /// connection has one under way.
    fn evict_one(&mut self) {
        self.remove_finished();
        // Among equals, `min_by_key` returns the first, which is the oldest.
        let ranked = self.open.iter().enumerate();
        let lowest = ranked.min_by_key(|(_, connection)| connection.activity.eviction_rank());
        let Some((index, connection)) = lowest else {
            return;
        };
        // Aborting drops the task and, with it, the socket.
        connection.task.abort();
        self.open.remove(index);
    }

    fn remove_finished(&mut self) {
        self.open
            .retain(|connection| !connection.task.is_finished());
    }

    fn log_accept_error(&mut self, error: &io::Error) {
        let before = self.last_accept_error.replace(Instant::now());
        if before.is_none_or(|before| before.elapsed() > ACCEPT_LOG_INTERVAL) {
            tracing::error!(%error, "cannot accept connections, retrying");
        }
    }
}

fn is_client_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}
