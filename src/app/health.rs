//! `health`: asks the exporter on this machine whether it is healthy, for images without a shell and for probes.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use rustls::{
    AlertDescription, ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::Failure;
use crate::cli::{HealthArgs, ListenAddress, WebAddress, output};

/// For each address. Container runtimes and kubelets have timeouts of their own, which are often longer.
const TIMEOUT: Duration = Duration::from_secs(5);

const REQUEST: &[u8] = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// A status line is much shorter.
const MAX_STATUS_LINE: u64 = 64;

pub(super) async fn run(flags: HealthArgs) -> Result<(), Failure> {
    for address in flags.listen_addresses {
        let healthy = timeout(TIMEOUT, check(&address)).await;
        let healthy = healthy.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        if let Err(error) = healthy {
            return Err(Failure::run_time(format!("{}: {error}", name(&address))));
        }
    }
    Ok(output::print_line("healthy")?)
}

fn name(address: &WebAddress) -> String {
    match address {
        WebAddress::Tcp(address) => address.to_string(),
        WebAddress::Unix(path) => format!("unix:{}", path.display()),
    }
}

async fn check(address: &WebAddress) -> io::Result<()> {
    // The web configuration of the exporter is not known here. TLS is tried first: a server of plain HTTP answers it
    // with an error, while a server of TLS would count plain HTTP as a failed handshake.
    match check_tls(connect(address).await?).await {
        Err(error) if is_not_tls(&error) => ask(connect(address).await?).await,
        result => result,
    }
}

async fn check_tls(stream: Box<dyn HealthStream>) -> io::Result<()> {
    let connector = TlsConnector::from(Arc::new(client_config()?));
    let name = ServerName::from(std::net::IpAddr::from(Ipv4Addr::LOCALHOST));
    let result = match connector.connect(name, stream).await {
        Ok(stream) => ask(stream).await,
        Err(error) => Err(error),
    };
    match result {
        // A server that demands a client certificate is there and works.
        Err(error) if demands_certificate(&error) => Ok(()),
        result => result,
    }
}

/// Sends the request and reads the status.
async fn ask(mut stream: impl HealthStream) -> io::Result<()> {
    stream.write_all(REQUEST).await?;
    let mut status = Vec::new();
    let mut head = stream.take(MAX_STATUS_LINE);
    while !status.contains(&b'\n') && head.read_buf(&mut status).await? > 0 {}
    let status = String::from_utf8_lossy(&status);
    let status = status.lines().next().unwrap_or_default();
    // 429: the web configuration limits the rate of requests.
    if status.starts_with("HTTP/1.1 200") || status.starts_with("HTTP/1.1 429") {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "unexpected answer to GET /-/healthy: {status:?}"
    )))
}

trait HealthStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> HealthStream for S {}

async fn connect(address: &WebAddress) -> io::Result<Box<dyn HealthStream>> {
    let address = match address {
        WebAddress::Unix(path) => return Ok(Box::new(UnixStream::connect(path).await?)),
        WebAddress::Tcp(address) => address,
    };
    let stream = match address {
        ListenAddress::Everywhere(port) => {
            let loopback = [
                SocketAddr::from((Ipv4Addr::LOCALHOST, *port)),
                SocketAddr::from((Ipv6Addr::LOCALHOST, *port)),
            ];
            TcpStream::connect(&loopback[..]).await?
        }
        ListenAddress::Socket(address) => TcpStream::connect(reachable(*address)).await?,
        ListenAddress::Name(name, port) => TcpStream::connect((name.as_str(), *port)).await?,
    };
    Ok(Box::new(stream))
}

/// The address to connect to where the server listens on all addresses.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        match address {
            SocketAddr::V4(_) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            SocketAddr::V6(_) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        }
    }
    address
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// Whether the answer to a TLS handshake was not TLS.
fn is_not_tls(error: &io::Error) -> bool {
    matches!(tls_error(error), Some(rustls::Error::InvalidMessage(_)))
}

fn demands_certificate(error: &io::Error) -> bool {
    let Some(rustls::Error::AlertReceived(alert)) = tls_error(error) else {
        return false;
    };
    // TLS 1.2 has no alert of its own for a missing certificate.
    matches!(
        alert,
        AlertDescription::CertificateRequired
            | AlertDescription::HandshakeFailure
            | AlertDescription::BadCertificate
    )
}

/// Accepts every certificate.
fn client_config() -> io::Result<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate))
        .with_no_client_auth())
}

/// The connection stays on this machine and carries no secret, and the certificate is for the name that clients use.
#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
