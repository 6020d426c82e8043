//! The sockets that connections are accepted from.

use std::{
    fmt, io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
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

/// The client of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Tcp(SocketAddr),
    /// Unix sockets do not tell clients apart.
    Unix,
}

impl Peer {
    /// What limits for one client apply to: an IPv4 address, or the /64 of an IPv6 address, since a
    /// single host usually has all addresses of one. None for a Unix socket.
    pub(crate) fn network(self) -> Option<IpAddr> {
        let Peer::Tcp(address) = self else {
            return None;
        };
        match address.ip().to_canonical() {
            IpAddr::V4(address) => Some(address.into()),
            IpAddr::V6(address) => {
                let prefix = u128::from(address) & !u128::from(u64::MAX);
                Some(Ipv6Addr::from(prefix).into())
            }
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // IPv4 clients of an IPv6 socket are shown as they know themselves.
            Peer::Tcp(address) => {
                SocketAddr::new(address.ip().to_canonical(), address.port()).fmt(f)
            }
            Peer::Unix => f.write_str("unix"),
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

    pub(super) fn poll_accept(
        &self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<(Stream, Peer)>> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, peer) = ready!(listener.poll_accept(context))?;
                // A scrape is sent in pages as they are rendered. With Nagle's algorithm, which waits
                // to fill packets, it takes ten times as long. A failure only costs time.
                let _ = stream.set_nodelay(true);
                Poll::Ready(Ok((Box::new(stream), Peer::Tcp(peer))))
            }
            Listener::Unix(socket) => {
                let (stream, _) = ready!(socket.listener.poll_accept(context))?;
                Poll::Ready(Ok((Box::new(stream), Peer::Unix)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_shown_without_mapping_and_limited_by_its_network() {
        for (address, shown, network) in [
            ("10.0.0.1:5", "10.0.0.1:5", "10.0.0.1"),
            ("[::ffff:10.0.0.1]:5", "10.0.0.1:5", "10.0.0.1"),
            ("[2001:db8::1:2]:5", "[2001:db8::1:2]:5", "2001:db8::"),
        ] {
            let peer = Peer::Tcp(address.parse().unwrap());
            assert_eq!(peer.to_string(), shown);
            assert_eq!(peer.network(), Some(network.parse().unwrap()));
        }
        assert_eq!(
            (Peer::Unix.to_string().as_str(), Peer::Unix.network()),
            ("unix", None)
        );
    }
}
