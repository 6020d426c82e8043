//! What refreshing credentials needs.

use std::sync::Arc;

use super::Environment;
use crate::{client::Client, domain::Clock, limiter::Limiters};

#[derive(Clone, Debug)]
pub struct RefreshContext {
    /// Calls STS and the metadata service.
    pub client: Client,
    /// Limits the requests to STS.
    pub limiters: Arc<Limiters>,
    pub clock: Clock,
    pub environment: Environment,
}
