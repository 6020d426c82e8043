//! Binds the listen addresses.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
};

use listenfd::ListenFd;
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, UnixListener};

use super::Failure;
use crate::{
    cli::{ListenAddress, Sockets, WebAddress, WebFlags},
    web::{Listener, UnixSocket},
};

/// Connections that may wait in the kernel's queue, as with tokio's own listeners.
const BACKLOG: i32 = 1024;

/// The sockets of the web server, from `--web.listen-address` or systemd.
pub(super) async fn listeners(flags: &WebFlags) -> Result<Vec<Listener>, Failure> {
    let addresses = match flags.sockets() {
        Ok(Sockets::Systemd) => return systemd_sockets(),
        Ok(Sockets::Addresses(addresses)) => addresses,
        Err(message) => return Err(Failure::bad_input([message])),
    };
    let mut mode = None;
    if let Some(given) = flags.unix_socket_mode {
        mode = Some(given.bits());
    }
    let mut listeners = Vec::new();
    for address in &addresses {
        listeners.push(match address {
            WebAddress::Tcp(address) => bind(address).await?.into(),
            WebAddress::Unix(path) => bind_unix(path, mode).await?.into(),
        });
    }
    Ok(listeners)
}

/// The sockets that systemd passed to the process, in the order of the unit.
fn systemd_sockets() -> Result<Vec<Listener>, Failure> {
    let mut sockets = ListenFd::from_env();
    if sockets.len() == 0 {
        return Err(Failure::run_time(
            "systemd passed no sockets (--web.systemd-socket): start the .socket unit instead of the program",
        ));
    }
    let mut listeners = Vec::new();
    for index in 0..sockets.len() {
        listeners.push(systemd_socket(&mut sockets, index)?);
    }
    Ok(listeners)
}

fn systemd_socket(sockets: &mut ListenFd, index: usize) -> Result<Listener, Failure> {
    // `take_…` fails for sockets of another kind, and tokio needs non-blocking ones.
    if let Ok(Some(socket)) = sockets.take_tcp_listener(index) {
        socket.set_nonblocking(true)?;
        return Ok(TcpListener::from_std(socket)?.into());
    }
    if let Ok(Some(socket)) = sockets.take_unix_listener(index) {
        socket.set_nonblocking(true)?;
        return Ok(UnixSocket::from(UnixListener::from_std(socket)?).into());
    }
    Err(Failure::run_time(format!(
        "socket {} from systemd is not a TCP or Unix stream socket; use ListenStream= in the .socket unit",
        index + 1
    )))
}

async fn bind_unix(path: &Path, mode: Option<u32>) -> Result<UnixSocket, Failure> {
    match UnixSocket::bind(path, mode).await {
        Ok(socket) => Ok(socket),
        Err(error) => Err(Failure::run_time(format!(
            "cannot listen on unix:{}: {error}",
            path.display()
        ))),
    }
}

pub(super) async fn bind(address: &ListenAddress) -> Result<TcpListener, Failure> {
    let bound = match address {
        ListenAddress::Socket(SocketAddr::V6(address)) if address.ip().is_unspecified() => {
            bind_both(address.port())
        }
        ListenAddress::Socket(address) => TcpListener::bind(address).await,
        ListenAddress::Name(name, port) => TcpListener::bind((name.as_str(), *port)).await,
        ListenAddress::Everywhere(port) => {
            match bind_both(*port) {
                // IPv6 is not available. Another process on the port is an error, not a reason to
                // listen on IPv4 alone.
                Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                    TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).await
                }
                bound => bound,
            }
        }
    };
    match bound {
        Ok(listener) => Ok(listener),
        // The operating system's message does not name the address.
        Err(error) => Err(Failure::run_time(format!(
            "cannot listen on {address}: {error}"
        ))),
    }
}

/// Listens on all addresses of IPv6 and IPv4, as Go does, whatever `net.ipv6.bindv6only` says.
fn bind_both(port: u16) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, None)?;
    // The option must be set before the socket is bound.
    socket.set_only_v6(false)?;
    // As tokio does: a restart must not wait until old connections have timed out.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    let address = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// The URL to open on this machine.
pub(super) fn url(scheme: &str, address: SocketAddr) -> String {
    // Browsers do not open 0.0.0.0 or [::].
    if address.ip().is_unspecified() {
        format!("{scheme}://localhost:{}", address.port())
    } else {
        format!("{scheme}://{address}")
    }
}
