//! Serves HTTP/1 on a listener until told to stop: what the site and the simulator share.

use std::{
    collections::VecDeque,
    error::Error,
    future::Future,
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{Request, Response};
use hyper::{
    body::{Body, Incoming},
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::AbortHandle,
    time::{sleep, timeout},
};
use tokio_io_timeout::TimeoutStream;

/// A client has this long to send the head of a request, also of the next one on a kept connection: longer than
/// scrapes are usually apart.
const HEAD_TIMEOUT: Duration = Duration::from_mins(2);
/// A client that does not read its answer has this long to go on.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// After a failure to accept, such as too many open files: it will not pass at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Half of the files that a process may usually open.
const MAX_CONNECTIONS: usize = 512;

/// Answers by `service` until `shutdown`, then lets the requests under way end, for at most `drain`.
pub(crate) async fn serve<S, B>(
    listener: TcpListener,
    service: S,
    drain: Duration,
    shutdown: impl Future<Output = ()>,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let graceful = GracefulShutdown::new();
    let mut connections = Connections::default();
    let mut shutdown = pin!(shutdown);
    loop {
        let stream = tokio::select! {
            () = &mut shutdown => break,
            stream = connections.accept(&listener) => stream,
        };
        let has_spoken = Arc::new(AtomicBool::new(false));
        let service = (service.clone(), Arc::clone(&has_spoken));
        let service = service_fn(move |request| {
            service.1.store(true, Relaxed);
            service.0.call(request)
        });
        // Pages are sent as they are made: waiting to fill packets would make a scrape ten times as long.
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(WRITE_TIMEOUT));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .half_close(true)
            .serve_connection(TokioIo::new(Box::pin(stream)), service);
        let connection = graceful.watch(connection);
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "HTTP connection failed");
            }
        });
        connections.open.push_back(Connection { has_spoken, task: task.abort_handle() });
    }
    drop(listener);
    connections.close_silent();
    if timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("some HTTP requests did not end in time");
    }
}

/// The open connections, oldest first, and some that have ended.
#[derive(Default)]
struct Connections {
    open: VecDeque<Connection>,
    /// Whether a failure to accept was told, and nothing was accepted since.
    is_told: bool,
}

struct Connection {
    /// Whether it has sent a request.
    has_spoken: Arc<AtomicBool>,
    task: AbortHandle,
}

impl Connections {
    /// The next connection. Where there are too many, an old one makes room for it: turning newcomers away would
    /// leave those in that only hold on.
    async fn accept(&mut self, listener: &TcpListener) -> TcpStream {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    self.is_told = false;
                    if self.are_too_many() {
                        self.close_one();
                    }
                    return stream;
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    if !std::mem::replace(&mut self.is_told, true) {
                        tracing::error!(%error, "cannot accept connections, trying on");
                    }
                    self.close_one();
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn are_too_many(&mut self) -> bool {
        if self.open.len() >= MAX_CONNECTIONS {
            self.open.retain(|connection| !connection.task.is_finished());
        }
        self.open.len() >= MAX_CONNECTIONS
    }

    /// Closes all that have sent no request: there is nothing to wait for.
    fn close_silent(&mut self) {
        let silent = self.open.iter().filter(|connection| !connection.has_spoken.load(Relaxed));
        silent.for_each(|connection| connection.task.abort());
    }

    /// Closes the oldest connection that has sent no request yet, or else the oldest.
    fn close_one(&mut self) {
        let is_silent =
            |connection: &Connection| !connection.has_spoken.load(Relaxed) && !connection.task.is_finished();
        let index = self.open.iter().position(is_silent).unwrap_or(0);
        if let Some(connection) = self.open.remove(index) {
            connection.task.abort();
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytes::Bytes;
    use http_body_util::Full;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn ask(stream: &mut TcpStream) -> bool {
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let mut answer = Vec::new();
        while !answer.ends_with(b"hello") {
            match stream.read_buf(&mut answer).await {
                Ok(1..) => {}
                _ => return false,
            }
        }
        answer.starts_with(b"HTTP/1.1 200 OK")
    }

    #[tokio::test]
    async fn clients_that_only_hold_on_do_not_keep_out_those_that_ask() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service =
            service_fn(async |_| Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("hello")))));
        tokio::spawn(serve(listener, service, Duration::ZERO, std::future::pending()));
        let mut kept = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut kept).await);
        let mut silent = Vec::new();
        for _ in 0..MAX_CONNECTIONS + 20 {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        assert!(ask(&mut TcpStream::connect(address).await.unwrap()).await, "a newcomer");
        assert!(ask(&mut kept).await, "one that has asked before");
        assert!(!ask(&mut silent[0]).await, "the oldest silent one had to go");
        assert!(ask(silent.last_mut().unwrap()).await, "the youngest had not");
    }
}
