//! What refreshing credentials needs.

use std::sync::Arc;

use super::Environment;
use crate::{client::Client, domain::Clock, limiter::Lanes};

#[derive(Clone, Debug)]
pub struct RefreshContext {
    /// Calls STS and the metadata service.
    pub client: Client,
    /// Limits the requests to STS.
    pub lanes: Arc<Lanes>,
    pub clock: Clock,
    pub environment: Environment,
}
