//! Binds the addresses that flags name.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpListener;

use super::Failure;
use crate::cli::ListenAddress;

/// A listener on `address`.
pub(super) async fn bind(address: &ListenAddress) -> Result<TcpListener, Failure> {
    let bound = match address {
        ListenAddress::Socket(address) => TcpListener::bind(address).await,
        ListenAddress::Name(name, port) => TcpListener::bind((name.as_str(), *port)).await,
        ListenAddress::Everywhere(port) => match TcpListener::bind((Ipv6Addr::UNSPECIFIED, *port)).await {
            // A kernel without IPv6.
            Err(error) if error.kind() != std::io::ErrorKind::AddrInUse => {
                TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).await
            }
            bound => bound,
        },
    };
    bound.map_err(|error| Failure::run_time(format!("cannot listen on {address}: {error}")))
}

/// Where a person on this machine finds what listens on `address`.
pub(super) fn url(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("http://localhost:{}", address.port())
    } else {
        format!("http://{address}")
    }
}
