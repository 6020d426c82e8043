//! The open connections: who may come in, and who has to go.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::Poll,
    time::Duration,
};

use tokio::{
    task::AbortHandle,
    time::{Instant, sleep, sleep_until},
};

use super::socket::{Listener, Stream};

/// Half of the files that a process may usually open.
pub(super) const MAX_CONNECTIONS: usize = 512;
/// After a failure to accept, such as too many open files: it will not pass at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Failures to accept that are less apart than this are told once.
const EPISODE: Duration = Duration::from_mins(1);

/// What a connection was seen to do.
#[derive(Debug)]
pub(super) struct Activity {
    opened: Instant,
    last_request: Mutex<Option<Instant>>,
    is_answering: AtomicBool,
}

/// A request is being answered, until this is dropped.
#[derive(Debug)]
pub(super) struct Answering(Arc<Activity>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.is_answering.store(false, Relaxed);
    }
}

impl Activity {
    pub(super) fn new() -> Activity {
        Activity {
            opened: Instant::now(),
            last_request: Mutex::new(None),
            is_answering: AtomicBool::new(false),
        }
    }

    /// The head of a request has come.
    pub(super) fn request_came(self: &Arc<Self>) -> Answering {
        *self
            .last_request
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.is_answering.store(true, Relaxed);
        Answering(Arc::clone(self))
    }

    fn last_request(&self) -> Option<Instant> {
        *self
            .last_request
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends as soon as `limit` has passed since a request came and no other has come since.
    pub(super) async fn stands_still_for(&self, limit: Duration) {
        loop {
            let end = self.last_request().unwrap_or(self.opened) + limit;
            if end <= Instant::now() {
                return;
            }
            sleep_until(end).await;
        }
    }
}

/// The open connections, oldest first, and some that have ended.
#[derive(Debug)]
pub(super) struct Connections {
    listeners: Vec<Listener>,
    open: VecDeque<Connection>,
    /// When accepting last failed.
    last_failure: Option<Instant>,
}

#[derive(Debug)]
struct Connection {
    activity: Arc<Activity>,
    task: AbortHandle,
}

impl Connections {
    pub(super) fn new(listeners: Vec<Listener>) -> Connections {
        Connections {
            listeners,
            open: VecDeque::new(),
            last_failure: None,
        }
    }

    /// The next connection. Where there are too many, an old one makes room for it: turning newcomers away would
    /// leave those in that only hold on.
    pub(super) async fn accept(&mut self) -> Stream {
        loop {
            match self.next().await {
                Ok(stream) => {
                    if self.open.len() >= MAX_CONNECTIONS {
                        self.make_room();
                    }
                    return stream;
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    self.tell(&error);
                    self.close_one();
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// From any listener; each in its turn, so that a busy one does not keep the others waiting.
    async fn next(&mut self) -> io::Result<Stream> {
        poll_fn(|context| {
            for index in 0..self.listeners.len() {
                if let Poll::Ready(accepted) = self.listeners[index].poll_accept(context) {
                    self.listeners[index..].rotate_left(1);
                    return Poll::Ready(accepted);
                }
            }
            Poll::Pending
        })
        .await
    }

    pub(super) fn add(&mut self, activity: Arc<Activity>, task: AbortHandle) {
        self.open.push_back(Connection { activity, task });
    }

    fn make_room(&mut self) {
        self.forget_ended();
        if self.open.len() >= MAX_CONNECTIONS {
            self.close_one();
        }
    }

    /// No longer listens, and closes all that have sent no request: there is nothing to wait for.
    pub(super) fn close_silent(self) {
        let silent = self
            .open
            .iter()
            .filter(|connection| connection.activity.last_request().is_none());
        silent.for_each(|connection| connection.task.abort());
    }

    /// Closes the oldest connection that has sent no request yet, or else that whose last request is the longest ago;
    /// one whose answer is under way only where there is no other.
    fn close_one(&mut self) {
        self.forget_ended();
        let rank =
            |activity: &Activity| (activity.is_answering.load(Relaxed), activity.last_request());
        let connections = self.open.iter().enumerate();
        let first = connections.min_by_key(|(_, connection)| rank(&connection.activity));
        if let Some(connection) = first
            .map(|(index, _)| index)
            .and_then(|index| self.open.remove(index))
        {
            connection.task.abort();
        }
    }

    fn forget_ended(&mut self) {
        self.open
            .retain(|connection| !connection.task.is_finished());
    }

    fn tell(&mut self, error: &io::Error) {
        let before = self.last_failure.replace(Instant::now());
        if before.is_none_or(|before| before.elapsed() > EPISODE) {
            tracing::error!(%error, "cannot accept connections, trying on");
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}
