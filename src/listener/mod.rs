//! Serves HTTP/1 on sockets until shutdown, for the web server and the simulator.
//!
//! Clients are untrusted: everything that a client can prolong or enlarge has a limit here.

use std::{
    error::Error,
    future::{Future, Ready, ready},
    pin::pin,
    sync::Arc,
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
    server::graceful::{GracefulShutdown, Watcher},
};
use tokio::time::timeout;

mod activity;
mod connections;
mod socket;
mod unix;

pub use socket::Listener;
pub(crate) use socket::{Peer, Stream};
pub use unix::UnixSocket;

use activity::{ConnectionActivity, TrackedBody};
use connections::Connections;

/// For what precedes HTTP, such as a TLS handshake.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// A request with more headers gets 431.
const MAX_HEADERS: usize = 100;
/// Bytes of a request line and its headers. A request with more gets 431.
const MAX_HEAD: usize = 16 * 1024;
/// Bytes of a response that are buffered per connection. The rest is produced as they are sent.
const MAX_BUFFER: usize = 128 * 1024;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// From the start of a connection, or the end of the previous response, until the head of a
    /// request is complete.
    pub(crate) header: Duration,
    /// From the head of a request to the last byte of its response, however slowly the client
    /// reads. Must be longer than `header`.
    pub(crate) request: Duration,
    /// For requests in flight at shutdown.
    pub(crate) drain: Duration,
}

/// Serves `service` on `listeners` until `shutdown`, then drains the requests in flight.
/// `handshake` does what precedes HTTP: a TLS handshake, or nothing ([`plain`]). It must end within
/// [`HANDSHAKE_TIMEOUT`], and reports its failures itself.
///
/// Requests have their [`Peer`] as an extension.
pub(crate) async fn serve<W, F, S, B>(
    listeners: Vec<Listener>,
    handshake: W,
    service: S,
    timeouts: Timeouts,
    shutdown: impl Future<Output = ()>,
) where
    W: Fn(Stream, Peer) -> F,
    F: Future<Output = Option<Stream>> + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let graceful = GracefulShutdown::new();
    let mut connections = Connections::new(listeners);
    let mut shutdown = pin!(shutdown);
    loop {
        let (stream, peer) = tokio::select! {
            () = &mut shutdown => break,
            accepted = connections.accept() => accepted,
        };
        let activity = Arc::new(ConnectionActivity::new());
        let connection = serve_connection(
            handshake(stream, peer),
            peer,
            service.clone(),
            Arc::clone(&activity),
            timeouts,
            graceful.watcher(),
        );
        connections.add(activity, tokio::spawn(connection).abort_handle());
    }
    // The listeners are dropped here too, so clients get "connection refused" from now on instead of
    // waiting in the kernel's queue.
    connections.close_silent();
    // Idle connections are closed at once, the others after their response.
    let drained = timeout(timeouts.drain, graceful.shutdown()).await;
    if drained.is_err() {
        tracing::warn!("some HTTP requests did not finish before the drain timeout");
    }
}

/// The handshake of plain HTTP: none.
pub(crate) fn plain(stream: Stream, _: Peer) -> Ready<Option<Stream>> {
    ready(Some(stream))
}

/// Serves one connection, from its handshake to its end.
async fn serve_connection<S, B>(
    handshake: impl Future<Output = Option<Stream>>,
    peer: Peer,
    service: S,
    activity: Arc<ConnectionActivity>,
    timeouts: Timeouts,
    watcher: Watcher,
) where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let Some(stream) = handshake.await else {
        return;
    };
    // A request stays in flight until its body is sent, not just until the service returns: slow
    // readers must count, too.
    let tracked = Arc::clone(&activity);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let in_flight = tracked.request_started();
        let response = service.call(request);
        async move {
            let (head, body) = response.await?.into_parts();
            let body = TrackedBody {
                body,
                _in_flight: in_flight,
            };
            Ok::<_, S::Error>(Response::from_parts(head, body))
        }
    });
    // Half-closed connections are served: scripts often close their side after the request.
    // Without the timer hyper ignores the header timeout. The timeout also covers the time before
    // the first byte, so it closes idle connections too.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeouts.header)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD)
        .max_buf_size(MAX_BUFFER)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    // hyper has no timeout for a client that reads its response slowly or not at all.
    tokio::select! {
        ended = watcher.watch(connection) => {
            if let Err(error) = ended {
                tracing::debug!(%error, "HTTP connection failed");
            }
        }
        () = activity.stalled_for(timeouts.request) => tracing::debug!("HTTP request timed out"),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytes::Bytes;
    use http_body_util::Full;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
        sync::watch,
    };

    use super::{connections::MAX_CONNECTIONS, *};

    const TIMEOUTS: Timeouts = Timeouts {
        header: Duration::from_secs(60),
        request: Duration::from_secs(60),
        drain: Duration::ZERO,
    };

    async fn request(stream: &mut TcpStream) -> bool {
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let mut response = Vec::new();
        while !response.ends_with(b"hello") {
            match stream.read_buf(&mut response).await {
                Ok(1..) => {}
                _ => return false,
            }
        }
        response.starts_with(b"HTTP/1.1 200 OK")
    }

    #[tokio::test]
    async fn clients_that_send_nothing_do_not_lock_out_clients_that_send_requests() {
        let bind = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listeners = [bind().await, bind().await];
        let addresses = listeners
            .each_ref()
            .map(|listener| listener.local_addr().unwrap());
        let connect = async |index: usize| TcpStream::connect(addresses[index % 2]).await.unwrap();
        let service = service_fn(async |_| {
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("hello"))))
        });
        let listeners = listeners.map(Listener::from).into();
        tokio::spawn(serve(
            listeners,
            plain,
            service,
            TIMEOUTS,
            std::future::pending(),
        ));
        let mut kept = connect(0).await;
        assert!(request(&mut kept).await);
        let mut silent = Vec::new();
        for index in 0..MAX_CONNECTIONS + 20 {
            silent.push(connect(index).await);
        }
        assert!(request(&mut connect(0).await).await, "a new connection");
        assert!(
            request(&mut connect(1).await).await,
            "a new connection on the other listener"
        );
        assert!(
            request(&mut kept).await,
            "a connection with an earlier request"
        );
        assert!(
            !request(&mut silent[0]).await,
            "the oldest silent connection was evicted"
        );
        assert!(
            request(silent.last_mut().unwrap()).await,
            "the newest was not"
        );
    }

    /// A large response takes a while to be read, and others may send many requests meanwhile.
    #[tokio::test]
    async fn clients_with_a_complete_response_are_evicted_before_clients_that_wait_for_one() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (finish, is_finished) = watch::channel(false);
        let service = service_fn(move |request: Request<Incoming>| {
            let mut is_finished = is_finished.clone();
            async move {
                if request.uri().path() == "/slow" {
                    is_finished.wait_for(|finished| *finished).await.unwrap();
                }
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("hello"))))
            }
        });
        tokio::spawn(serve(
            vec![listener.into()],
            plain,
            service,
            TIMEOUTS,
            std::future::pending(),
        ));
        let mut waiting = TcpStream::connect(address).await.unwrap();
        waiting
            .write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut answered = Vec::new();
        for _ in 0..MAX_CONNECTIONS + 20 {
            answered.push(TcpStream::connect(address).await.unwrap());
            assert!(
                request(answered.last_mut().unwrap()).await,
                "a new connection"
            );
        }
        assert!(
            !request(&mut answered[0]).await,
            "the oldest with a complete response was evicted"
        );
        finish.send(true).unwrap();
        let mut response = Vec::new();
        waiting.read_to_end(&mut response).await.unwrap();
        assert!(response.ends_with(b"hello"), "{}", response.escape_ascii());
    }
}
