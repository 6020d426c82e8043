//! Binds the addresses that flags name.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use listenfd::ListenFd;
use tokio::net::{TcpListener, UnixListener};

use super::Failure;
use crate::{
    cli::{ListenAddress, Sockets, WebAddress, WebFlags},
    web::{Listener, UnixSocket},
};

/// The sockets of the site.
pub(super) async fn listeners(flags: &WebFlags) -> Result<Vec<Listener>, Failure> {
    let addresses = match flags
        .sockets()
        .map_err(|message| Failure::bad_input([message]))?
    {
        Sockets::Systemd => return handed_over(),
        Sockets::Addresses(addresses) => addresses,
    };
    let mut listeners = Vec::new();
    for address in &addresses {
        listeners.push(match address {
            WebAddress::Tcp(address) => bind(address).await?.into(),
            WebAddress::Unix(path) => {
                let bound = UnixSocket::bind(path).await;
                let cannot = |error| {
                    Failure::run_time(format!("cannot listen on unix:{}: {error}", path.display()))
                };
                bound.map_err(cannot)?.into()
            }
        });
    }
    Ok(listeners)
}

/// What systemd has bound for us, in its order.
fn handed_over() -> Result<Vec<Listener>, Failure> {
    let mut sockets = ListenFd::from_env();
    if sockets.len() == 0 {
        return Err(Failure::run_time(
            "systemd handed no socket over (--web.systemd-socket): start the .socket unit, not the program",
        ));
    }
    (0..sockets.len())
        .map(|index| taken(&mut sockets, index))
        .collect()
}

fn taken(sockets: &mut ListenFd, index: usize) -> Result<Listener, Failure> {
    if let Ok(Some(socket)) = sockets.take_tcp_listener(index) {
        socket.set_nonblocking(true)?;
        return Ok(TcpListener::from_std(socket)?.into());
    }
    if let Ok(Some(socket)) = sockets.take_unix_listener(index) {
        socket.set_nonblocking(true)?;
        return Ok(UnixSocket::from(UnixListener::from_std(socket)?).into());
    }
    Err(Failure::run_time(format!(
        "the socket number {} that systemd handed over is no stream socket of TCP or Unix; write ListenStream= in its unit",
        index + 1
    )))
}

/// A listener on `address`.
pub(super) async fn bind(address: &ListenAddress) -> Result<TcpListener, Failure> {
    let bound = match address {
        ListenAddress::Socket(address) => TcpListener::bind(address).await,
        ListenAddress::Name(name, port) => TcpListener::bind((name.as_str(), *port)).await,
        ListenAddress::Everywhere(port) => {
            match TcpListener::bind((Ipv6Addr::UNSPECIFIED, *port)).await {
                // A kernel without IPv6.
                Err(error) if error.kind() != std::io::ErrorKind::AddrInUse => {
                    TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).await
                }
                bound => bound,
            }
        }
    };
    bound.map_err(|error| Failure::run_time(format!("cannot listen on {address}: {error}")))
}

/// Where a person on this machine finds what listens on `address`.
pub(super) fn url(scheme: &str, address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("{scheme}://localhost:{}", address.port())
    } else {
        format!("{scheme}://{address}")
    }
}
