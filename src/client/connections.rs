//! Connections to the API: bounded, and never shared between identities.
//!
//! HTTP/1 matches a response to its request by order alone. If a gateway sends a stray response on
//! a kept connection that several identities use, one of them gets the numbers of another. So each
//! identity has connections of its own.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use rustls::ClientConfig;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};
use url::Url;

use super::{resolver::SharedResolver, transport};
use crate::sync::lock;

/// The API closes idle connections after 60 s. They are closed well before that here, so that a
/// request does not meet a connection that is just being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Descriptors that connections to the API leave to scrapes, files and everything else.
const RESERVED_DESCRIPTORS: u64 = 256;
/// More requests in flight than this are of no use.
const MAX_IN_FLIGHT: u64 = 4096;
const MIN_IN_FLIGHT: u64 = 16;
/// Idle connections of one identity. Its requests are spaced, so few are in flight at a time.
const MAX_IDLE: usize = 2;
/// Connections of an identity that has not been used for this long are dropped.
const LIFETIME: Duration = Duration::from_mins(5);
/// Unused identities are looked for no more often than this.
const SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// Whose connections, and through which proxy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ConnectionKey {
    /// The `SecretId`; empty for requests that are not signed.
    pub(super) secret_id: String,
    pub(super) proxy: Option<Url>,
}

/// The connections of all identities.
#[derive(Debug)]
pub(super) struct ApiConnections {
    resolver: SharedResolver,
    identities: Mutex<Identities>,
    /// A permit for each request in flight.
    in_flight: Semaphore,
    /// Identities that may keep idle connections.
    max_keeping: usize,
}

#[derive(Debug)]
struct Identities {
    by_key: HashMap<ConnectionKey, IdentityConnections>,
    last_sweep: Instant,
}

/// The connections of one identity.
#[derive(Clone, Debug)]
pub(super) struct IdentityConnections {
    pub(super) client: reqwest::Client,
    times: Arc<Mutex<Times>>,
}

#[derive(Debug)]
struct Times {
    used: Instant,
    response: Option<Instant>,
}

impl IdentityConnections {
    /// A response came: its connection may be kept.
    pub(super) fn responded(&self) {
        lock(&self.times).response = Some(Instant::now());
    }

    /// Whether a connection may have been kept from an earlier request.
    pub(super) fn may_be_reused(&self) -> bool {
        let response = lock(&self.times).response;
        response.is_some_and(|response| response.elapsed() <= IDLE_TIMEOUT)
    }
}

impl ApiConnections {
    /// Within the limit of `max_descriptors` open files of the process.
    pub(super) fn new(max_descriptors: u64) -> ApiConnections {
        // Half for requests in flight, half for idle connections.
        let half = max_descriptors.saturating_sub(RESERVED_DESCRIPTORS) / 2;
        let max_in_flight = half.clamp(MIN_IN_FLIGHT, MAX_IN_FLIGHT);
        let max_in_flight = usize::try_from(max_in_flight).expect("at most 4096");
        let identities = Identities {
            by_key: HashMap::new(),
            last_sweep: Instant::now(),
        };
        ApiConnections {
            resolver: SharedResolver::default(),
            identities: Mutex::new(identities),
            in_flight: Semaphore::new(max_in_flight),
            max_keeping: max_in_flight / MAX_IDLE,
        }
    }

    /// Waits until one more request may be in flight.
    pub(super) async fn slot(&self) -> SemaphorePermit<'_> {
        self.in_flight
            .acquire()
            .await
            .expect("the semaphore is never closed")
    }

    pub(super) fn of(
        &self,
        key: &ConnectionKey,
        tls: &ClientConfig,
    ) -> Result<IdentityConnections, reqwest::Error> {
        let now = Instant::now();
        let mut identities = lock(&self.identities);
        if let Some(known) = identities.by_key.get(key) {
            lock(&known.times).used = now;
            return Ok(known.clone());
        }
        // Here, because a refresh gives temporary keys a new `SecretId`: whenever one is added, an
        // old one may be left behind.
        identities.sweep(now);
        let keeps = identities.by_key.len() < self.max_keeping;
        let mut builder = transport::builder()
            .tls_backend_preconfigured(tls.clone())
            .dns_resolver(self.resolver.clone())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(if keeps { MAX_IDLE } else { 0 })
            // The environment has been read already.
            .no_proxy();
        if let Some(proxy) = &key.proxy {
            builder = builder.proxy(reqwest::Proxy::all(proxy.clone())?);
        }
        let times = Times {
            used: now,
            response: None,
        };
        let connections = IdentityConnections {
            client: builder.build()?,
            times: Arc::new(Mutex::new(times)),
        };
        identities.by_key.insert(key.clone(), connections.clone());
        Ok(connections)
    }

    /// Closes the idle connections of an identity: its next request uses a fresh one.
    pub(super) fn forget(&self, key: &ConnectionKey) {
        lock(&self.identities).by_key.remove(key);
    }
}

impl Identities {
    /// Drops what belongs to keys that are gone, such as temporary ones that were replaced.
    fn sweep(&mut self, now: Instant) {
        if now.saturating_duration_since(self.last_sweep) < SWEEP_INTERVAL {
            return;
        }
        self.last_sweep = now;
        self.by_key.retain(|_, connections| {
            let used = lock(&connections.times).used;
            now.saturating_duration_since(used) < LIFETIME
        });
    }
}
