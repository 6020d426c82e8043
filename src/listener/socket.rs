//! The sockets that connections are accepted from.

use std::{
    fmt, io,
    net::SocketAddr,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};

use super::unix::UnixSocket;

/// A listening socket.
#[derive(Debug)]
pub enum Listener {
    Tcp(TcpListener),
    Unix(UnixSocket),
}

impl fmt::Display for Listener {
    /// `ADDRESS:PORT` or `unix:PATH`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listener::Tcp(listener) => match listener.local_addr() {
                Ok(address) => address.fmt(f),
                Err(error) => write!(f, "unknown address ({error})"),
            },
            Listener::Unix(socket) => {
                f.write_str("unix:")?;
                if let Ok(address) = socket.listener.local_addr()
                    && let Some(path) = address.as_pathname()
                {
                    path.display().fmt(f)?;
                }
                Ok(())
            }
        }
    }
}

/// A connection over TCP, TLS or a Unix socket.
pub(crate) type Stream = Box<dyn Duplex>;

pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Listener {
        Listener::Tcp(listener)
    }
}

impl From<UnixSocket> for Listener {
    fn from(socket: UnixSocket) -> Listener {
        Listener::Unix(socket)
    }
}

impl Listener {
    /// The TCP address; none for a Unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().ok(),
            Listener::Unix(_) => None,
        }
    }

    pub(super) fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, _) = ready!(listener.poll_accept(context))?;
                // A scrape is sent in pages as they are rendered. With Nagle's algorithm, which waits
                // to fill packets, it takes ten times as long. A failure only costs time.
                let _ = stream.set_nodelay(true);
                Poll::Ready(Ok(Box::new(stream)))
            }
            Listener::Unix(socket) => {
                let (stream, _) = ready!(socket.listener.poll_accept(context))?;
                Poll::Ready(Ok(Box::new(stream)))
            }
        }
    }
}
