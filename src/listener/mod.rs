//! Serves HTTP/1 on sockets until told to stop: what the site and the simulator share. Whoever connects is a stranger:
//! everything that a client can make last has its limit here.

use std::{
    error::Error,
    future::{Future, Ready, ready},
    io,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use http::{Request, Response};
use http_body_util::BodyExt as _;
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

mod connections;
mod socket;
mod unix;

pub use socket::Listener;
pub(crate) use socket::Stream;
pub use unix::UnixSocket;

use connections::{Activity, Connections};

/// What comes before HTTP, such as a TLS handshake, may take this long.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// More get 431.
const MAX_HEADERS: usize = 100;
/// Bytes of a head, request line included; more get 431.
const MAX_HEAD: usize = 16 * 1024;
/// Bytes of an answer that wait for one client; what follows is made once they are sent.
const MAX_WAITING: usize = 128 * 1024;

/// How long things may last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Until the whole head of a request is there, from the begin of the connection or the end of the answer before.
    pub(crate) head: Duration,
    /// From the head of a request to the last byte of its answer, however slowly the client reads it; more than `head`.
    pub(crate) request: Duration,
    /// For requests under way when the server stops.
    pub(crate) drain: Duration,
}

/// Answers by `service` what comes over `listeners` until `shutdown`, then lets the requests under way end. `wrap` does what comes before HTTP: a TLS handshake, or nothing ([`plain`]).
pub(crate) async fn serve<W, F, S, B>(
    listeners: Vec<Listener>,
    wrap: W,
    service: S,
    patience: Patience,
    shutdown: impl Future<Output = ()>,
) where
    W: Fn(Stream) -> F,
    F: Future<Output = io::Result<Stream>> + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let graceful = GracefulShutdown::new();
    let mut connections = Connections::new(listeners);
    let mut shutdown = pin!(shutdown);
    loop {
        let stream = tokio::select! {
            () = &mut shutdown => break,
            stream = connections.accept() => stream,
        };
        let activity = Arc::new(Activity::new());
        let connection = connection(
            wrap(stream),
            service.clone(),
            Arc::clone(&activity),
            patience,
            graceful.watcher(),
        );
        connections.add(activity, tokio::spawn(connection).abort_handle());
    }
    connections.close_silent();
    if timeout(patience.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("some HTTP requests did not end in time");
    }
}

/// Nothing comes before HTTP.
pub(crate) fn plain(stream: Stream) -> Ready<io::Result<Stream>> {
    ready(Ok(stream))
}

/// One connection, from its handshake to its end.
async fn connection<S, B>(
    handshake: impl Future<Output = io::Result<Stream>>,
    service: S,
    activity: Arc<Activity>,
    patience: Patience,
    watcher: Watcher,
) where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let stream = match timeout(HANDSHAKE_TIMEOUT, handshake).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "handshake failed"),
        Err(_) => return tracing::debug!("handshake took too long"),
    };
    let seen = Arc::clone(&activity);
    let service = service_fn(move |request| {
        let answering = seen.request_came();
        let answer = service.call(request);
        async move {
            // Lives as long as the body, which is dropped when its last page is made or nobody wants it.
            let until_its_end = move |error| {
                let _ = &answering;
                error
            };
            answer
                .await
                .map(|response| response.map(|body| body.map_err(until_its_end)))
        }
    });
    // The time limit for heads needs the timer, and counts what goes before the first byte too.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience.head)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD)
        .max_buf_size(MAX_WAITING)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        ended = watcher.watch(connection) => {
            if let Err(error) = ended {
                tracing::debug!(%error, "HTTP connection failed");
            }
        }
        () = activity.stands_still_for(patience.request) => tracing::debug!("HTTP request took too long"),
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

    const PATIENCE: Patience = Patience {
        head: Duration::from_secs(60),
        request: Duration::from_secs(60),
        drain: Duration::ZERO,
    };

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
            PATIENCE,
            std::future::pending(),
        ));
        let mut kept = connect(0).await;
        assert!(ask(&mut kept).await);
        let mut silent = Vec::new();
        for index in 0..MAX_CONNECTIONS + 20 {
            silent.push(connect(index).await);
        }
        assert!(ask(&mut connect(0).await).await, "a newcomer");
        assert!(
            ask(&mut connect(1).await).await,
            "a newcomer over the other listener"
        );
        assert!(ask(&mut kept).await, "one that has asked before");
        assert!(
            !ask(&mut silent[0]).await,
            "the oldest silent one had to go"
        );
        assert!(
            ask(silent.last_mut().unwrap()).await,
            "the youngest had not"
        );
    }

    /// A large answer takes a while to be read, and others may ask a lot meanwhile.
    #[tokio::test]
    async fn clients_that_have_their_answer_do_not_drive_out_those_that_wait_for_theirs() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (end, is_over) = watch::channel(false);
        let service = service_fn(move |request: Request<Incoming>| {
            let mut is_over = is_over.clone();
            async move {
                if request.uri().path() == "/slow" {
                    is_over.wait_for(|is_over| *is_over).await.unwrap();
                }
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("hello"))))
            }
        });
        tokio::spawn(serve(
            vec![listener.into()],
            plain,
            service,
            PATIENCE,
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
            assert!(ask(answered.last_mut().unwrap()).await, "a newcomer");
        }
        assert!(
            !ask(&mut answered[0]).await,
            "the first that had its answer had to go"
        );
        end.send(true).unwrap();
        let mut answer = Vec::new();
        waiting.read_to_end(&mut answer).await.unwrap();
        assert!(answer.ends_with(b"hello"), "{}", answer.escape_ascii());
    }
}
