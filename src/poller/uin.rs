//! Asks STS for the uin of an account whose configuration does not have it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::Instant;

use super::{Context, Job};
use crate::{
    client::{ApiError, RequestAuth},
    credentials::{self, Sts},
    domain::{Backoff, Rate, Uin},
    limiter::Limiters,
    sync::lock,
};

const TIMEOUT: Duration = Duration::from_secs(10);
const RETRY: Backoff = Backoff::new(Duration::from_mins(1), Duration::from_hours(1));

/// What one account has asked so far.
#[derive(Debug)]
pub struct UinLookup {
    sts: Sts,
    limiters: Arc<Limiters>,
    progress: Mutex<LookupProgress>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LookupProgress {
    /// The next attempt is at this time.
    Open {
        at: Instant,
        failures: u32,
    },
    Done,
}

impl UinLookup {
    pub fn new(sts: &Sts, limiters: &Arc<Limiters>) -> UinLookup {
        UinLookup {
            sts: sts.clone(),
            limiters: Arc::clone(limiters),
            progress: Mutex::new(LookupProgress::Open {
                at: Instant::now(),
                failures: 0,
            }),
        }
    }

    /// Asks if it is time to. Call it after a poll that succeeded: the credentials are valid then,
    /// and nothing waits for the answer but the next poll.
    pub(super) async fn run(&self, job: &Job, context: &Context) {
        let LookupProgress::Open { at, failures } = self.progress() else {
            return;
        };
        if Instant::now() < at {
            return;
        }
        let progress = match self.ask(job, context).await {
            Ok(uin) => {
                job.account_entry.set_found_uin(uin);
                LookupProgress::Done
            }
            Err(error) => {
                // The account is polled all the same. The permission may be missing for good.
                if failures == 0 {
                    let account = job.account.name.as_str();
                    let (reason, code) = (error.reason.as_str(), error.code.as_deref());
                    let (request_id, error) = (error.request_id.as_deref(), error.to_string());
                    tracing::warn!(
                        account,
                        reason,
                        code,
                        request_id,
                        error,
                        "the uin of the account could not be looked up"
                    );
                }
                let failures = failures.saturating_add(1);
                let at = Instant::now() + RETRY.jittered(failures);
                LookupProgress::Open { at, failures }
            }
        };
        *lock(&self.progress) = progress;
    }

    fn progress(&self) -> LookupProgress {
        *lock(&self.progress)
    }

    /// One request, repeated if the server had closed the connection.
    pub async fn ask(&self, job: &Job, context: &Context) -> Result<Uin, ApiError> {
        match self.ask_once(job, context).await {
            Err(error) if error.is_stale_connection => self.ask_once(job, context).await,
            outcome => outcome,
        }
    }

    async fn ask_once(&self, job: &Job, context: &Context) -> Result<Uin, ApiError> {
        let issued = match job.provider.current().await {
            Ok(issued) => issued,
            Err(error) => return Err(error.into_api_error(context.clock.now())),
        };
        let call = credentials::caller_identity(&self.sts);
        let limiter = self
            .limiters
            .join(call.endpoint, &issued.identity, call.action, Rate::MAX);
        let auth = RequestAuth::Signed(&issued.credentials);
        let client = &context.client;
        let response = client.send_limited(&call, auth, &limiter, TIMEOUT).await?;
        match credentials::caller_uin(&response) {
            Ok(uin) => Ok(uin),
            Err(error) => {
                Err(client.unreadable(call.action, &response, &error, &issued.credentials))
            }
        }
    }
}
