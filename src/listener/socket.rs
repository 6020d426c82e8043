//! Where connections come from.

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

/// A socket that listens.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// On this machine alone.
    Unix(UnixSocket),
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listener::Tcp(listener) => match listener.local_addr() {
                Ok(address) => address.fmt(f),
                Err(error) => write!(f, "an address that cannot be told: {error}"),
            },
            Listener::Unix(socket) => {
                let address = socket.listener.local_addr().ok();
                let path = address.as_ref().and_then(|address| address.as_pathname());
                write!(
                    f,
                    "unix:{}",
                    path.map(|path| path.display().to_string())
                        .unwrap_or_default()
                )
            }
        }
    }
}

/// A connection, whatever carries it.
pub(crate) type Stream = Box<dyn Duplex>;

/// What can be read and written.
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
    /// Its address in the Internet.
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
                // Pages are sent as they are made: waiting to fill packets would make a scrape ten times as long.
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
