//! TLS handshakes, and what is reported when they fail.

use std::{
    collections::HashSet,
    io,
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use rustls::ServerConfig;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

use crate::{
    listener::{HANDSHAKE_TIMEOUT, Peer, Stream},
    sync::lock,
    telemetry::{HandshakeFailure, Telemetry},
};

/// In this time, at most [`MAX_LINES`] failures are logged, each for another client or reason.
const LOG_PERIOD: Duration = Duration::from_mins(1);
const MAX_LINES: usize = 10;

/// The connection after its handshake, or at once without TLS. None if the handshake failed.
pub(super) async fn handshake(
    stream: Stream,
    peer: Peer,
    tls: Option<Arc<ServerConfig>>,
    log: Arc<HandshakeLog>,
) -> Option<Stream> {
    let Some(config) = tls else {
        return Some(stream);
    };
    let accepting = TlsAcceptor::from(config).accept(stream);
    match timeout(HANDSHAKE_TIMEOUT, accepting).await {
        Ok(Ok(stream)) => return Some(Box::new(stream)),
        Ok(Err(error)) => log.report(peer, reason(&error), &error.to_string()),
        Err(_) => log.report(peer, HandshakeFailure::Timeout, "timed out"),
    }
    None
}

fn reason(error: &io::Error) -> HandshakeFailure {
    use rustls::Error;
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        // Nothing but the connection failed.
        None => HandshakeFailure::Closed,
        Some(Error::NoCertificatesPresented) => HandshakeFailure::NoClientCertificate,
        Some(Error::InvalidCertificate(_)) => HandshakeFailure::BadClientCertificate,
        Some(Error::InvalidMessage(_)) => HandshakeFailure::NotTls,
        Some(Error::PeerIncompatible(_)) => HandshakeFailure::Incompatible,
        Some(Error::AlertReceived(_)) => HandshakeFailure::RefusedByClient,
        Some(_) => HandshakeFailure::Other,
    }
}

/// Counts failures, and logs them at a limited rate: any client can cause them.
#[derive(Debug)]
pub(super) struct HandshakeLog {
    telemetry: Arc<Telemetry>,
    lines: Mutex<LinesOfPeriod>,
}

#[derive(Debug)]
struct LinesOfPeriod {
    start: Instant,
    logged: HashSet<(Option<IpAddr>, HandshakeFailure)>,
    /// Failures that were not logged since the last line.
    n_suppressed: u64,
}

impl HandshakeLog {
    pub(super) fn new(telemetry: Arc<Telemetry>) -> HandshakeLog {
        let lines = LinesOfPeriod {
            start: Instant::now(),
            logged: HashSet::new(),
            n_suppressed: 0,
        };
        HandshakeLog {
            telemetry,
            lines: Mutex::new(lines),
        }
    }

    fn report(&self, peer: Peer, reason: HandshakeFailure, error: &str) {
        self.telemetry.tls_handshake_failed(reason);
        let mut lines = lock(&self.lines);
        if let Some(n_suppressed) = lines.take(peer, reason) {
            tracing::warn!(
                peer = peer.to_string(),
                reason = reason.as_str(),
                error,
                n_suppressed,
                "TLS handshake failed"
            );
        }
    }
}

impl LinesOfPeriod {
    /// Whether this failure is logged: if so, how many before it were not.
    fn take(&mut self, peer: Peer, reason: HandshakeFailure) -> Option<u64> {
        if self.start.elapsed() >= LOG_PERIOD {
            self.start = Instant::now();
            self.logged.clear();
        }
        let key = (peer.network(), reason);
        if self.logged.len() >= MAX_LINES || !self.logged.insert(key) {
            self.n_suppressed += 1;
            return None;
        }
        Some(std::mem::take(&mut self.n_suppressed))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn failures_are_logged_once_a_minute_for_each_client_and_reason() {
        let mut lines = LinesOfPeriod {
            start: Instant::now(),
            logged: HashSet::new(),
            n_suppressed: 0,
        };
        let peer = |n: u8| Peer::Tcp(([10, 0, 0, n], 5).into());
        assert_eq!(lines.take(peer(1), HandshakeFailure::NotTls), Some(0));
        assert_eq!(lines.take(peer(1), HandshakeFailure::NotTls), None);
        assert_eq!(lines.take(peer(1), HandshakeFailure::Closed), Some(1));
        let logged = (2..250).filter(|n| lines.take(peer(*n), HandshakeFailure::Closed).is_some());
        assert_eq!(logged.count(), MAX_LINES - 2);
        advance(LOG_PERIOD).await;
        assert_eq!(lines.take(peer(1), HandshakeFailure::NotTls), Some(240));
    }
}
