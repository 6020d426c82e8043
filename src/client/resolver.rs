//! Name look-ups that cannot exhaust the threads of the process.
//!
//! The system's resolver blocks a thread for as long as a DNS server does not answer. With one
//! look-up per request, a DNS server that hangs would take all blocking threads, which log-ins and
//! reloads need as well. So there is one look-up per host at a time, on a thread of its own.

use std::{
    collections::HashMap,
    io,
    net::{SocketAddr, ToSocketAddrs as _},
    sync::{Arc, Mutex},
    thread,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::watch;

use crate::sync::lock;

type Addresses = Result<Vec<SocketAddr>, String>;
type InFlight = Arc<Mutex<HashMap<String, watch::Receiver<Option<Addresses>>>>>;

/// Shares each look-up among everything that waits for the same host.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedResolver {
    in_flight: InFlight,
}

impl Resolve for SharedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let result = self.look_up(name.as_str());
        Box::pin(async move {
            let addresses = await_addresses(result?).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

impl SharedResolver {
    /// Starts a look-up of `host`, or joins the one that is running.
    fn look_up(&self, host: &str) -> io::Result<watch::Receiver<Option<Addresses>>> {
        let mut in_flight = lock(&self.in_flight);
        if let Some(running) = in_flight.get(host) {
            return Ok(running.clone());
        }
        let (sender, receiver) = watch::channel(None);
        let (host, others) = (host.to_owned(), Arc::clone(&self.in_flight));
        let key = host.clone();
        thread::Builder::new()
            .name("resolver".into())
            .spawn(move || {
                let addresses = system_look_up(&host);
                // Removed first: what starts from now on gets an answer of its own.
                lock(&others).remove(&host);
                let _ = sender.send(Some(addresses));
            })?;
        in_flight.insert(key, receiver.clone());
        Ok(receiver)
    }
}

fn system_look_up(host: &str) -> Addresses {
    match (host, 0).to_socket_addrs() {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) => Err(error.to_string()),
    }
}

async fn await_addresses(
    mut result: watch::Receiver<Option<Addresses>>,
) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
    let result = result.wait_for(Option::is_some).await?;
    match &*result {
        Some(Ok(addresses)) => Ok(addresses.clone()),
        Some(Err(message)) => Err(message.clone().into()),
        None => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_host_is_looked_up_and_an_unknown_one_is_an_error() {
        let resolver = SharedResolver::default();
        let addresses = await_addresses(resolver.look_up("localhost").unwrap())
            .await
            .unwrap();
        assert!(
            addresses.iter().all(|address| address.ip().is_loopback()),
            "{addresses:?}"
        );
        assert!(!addresses.is_empty());
        let unknown = await_addresses(resolver.look_up("no-such-host.invalid").unwrap()).await;
        assert!(unknown.is_err());
        assert!(resolver.in_flight.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_running_look_up_is_shared() {
        let resolver = SharedResolver::default();
        let (sender, receiver) = watch::channel(None);
        resolver
            .in_flight
            .lock()
            .unwrap()
            .insert("host.example".into(), receiver);
        let waiting = [
            resolver.look_up("host.example"),
            resolver.look_up("host.example"),
        ];
        let address: SocketAddr = "192.0.2.1:0".parse().unwrap();
        sender.send(Some(Ok(vec![address]))).unwrap();
        for result in waiting {
            assert_eq!(await_addresses(result.unwrap()).await.unwrap(), [address]);
        }
    }
}
