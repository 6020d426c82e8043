//! Reads a list, and reads it again in each interval. Makes no decisions about it.

use std::{fmt, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, sleep, timeout},
};

use super::{
    MemberList, RefusedList, http, organization::OrganizationReader, pages::IncompleteList,
};
use crate::{
    client::{ApiError, Client},
    config::{Discovery, ListSource},
    credentials::Providers,
    domain::{Clock, Moment, Reason, RefreshFailure},
    limiter::Limiters,
};

/// A list that changes while it is read is read this many times at most.
const MAX_ATTEMPTS: u32 = 3;
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// All attempts together.
const TIMEOUT: Duration = Duration::from_mins(5);
/// After a failure, the next attempt comes no later than this.
const MAX_FAILURE_INTERVAL: Duration = Duration::from_mins(2);

/// What reading a list needs.
#[derive(Clone, Debug)]
pub struct FetchContext {
    pub client: Client,
    pub clock: Clock,
    pub limiters: Arc<Limiters>,
    pub providers: Arc<Providers>,
}

/// There is no complete list, and why. Never repeats a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchError {
    pub failure: RefreshFailure,
    pub code: Option<String>,
    pub request_id: Option<String>,
    message: String,
}

impl std::error::Error for FetchError {}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl FetchError {
    pub(super) fn new(reason: Reason, message: impl Into<String>) -> FetchError {
        FetchError {
            failure: RefreshFailure::Request(reason),
            code: None,
            request_id: None,
            message: message.into(),
        }
    }

    pub(super) fn of_request(action: &str, error: &ApiError) -> FetchError {
        FetchError {
            failure: RefreshFailure::Request(error.reason),
            code: error.code.clone(),
            request_id: error.request_id.clone(),
            message: format!("{action}: {error}"),
        }
    }

    pub fn refused(refused: &RefusedList) -> FetchError {
        FetchError {
            failure: RefreshFailure::TooManyGone,
            code: None,
            request_id: None,
            message: refused.to_string(),
        }
    }

    pub(super) fn incomplete(action: &str, error: &IncompleteList) -> FetchError {
        FetchError {
            failure: RefreshFailure::Incomplete,
            code: None,
            request_id: None,
            message: format!("{action}: {error}"),
        }
    }
}

/// The result of reading a list.
#[derive(Debug)]
pub struct FetchOutcome {
    /// The task that read it.
    pub task: u64,
    pub at: Moment,
    pub took: Duration,
    pub result: Result<MemberList, FetchError>,
}

/// Reads the list of `discovery` once. A list that changes meanwhile is read again.
pub async fn fetch(
    discovery: &Discovery,
    context: &FetchContext,
) -> Result<MemberList, FetchError> {
    let Ok(result) = timeout(TIMEOUT, fetch_with_retries(discovery, context)).await else {
        let seconds = TIMEOUT.as_secs();
        let message = format!("no complete list within {seconds} s");
        return Err(FetchError::new(Reason::Timeout, message));
    };
    result
}

async fn fetch_with_retries(
    discovery: &Discovery,
    context: &FetchContext,
) -> Result<MemberList, FetchError> {
    let mut attempt = 1;
    loop {
        let result = fetch_once(discovery, context).await;
        match result {
            // Failed requests are not repeated here: each has retries of its own.
            Err(error) if error.failure == RefreshFailure::Incomplete && attempt < MAX_ATTEMPTS => {
                attempt += 1;
                sleep(RETRY_AFTER).await;
            }
            result => return result,
        }
    }
}

async fn fetch_once(
    discovery: &Discovery,
    context: &FetchContext,
) -> Result<MemberList, FetchError> {
    let organization = match &discovery.source {
        ListSource::Http(list) => {
            return http::fetch(list, discovery.refresh_interval, context).await;
        }
        ListSource::Organization(organization) => organization,
    };
    let provider = context.providers.provider(&discovery.role.source);
    let reader = OrganizationReader {
        organization,
        role: &discovery.role,
        provider: &provider,
        context,
    };
    reader.read().await
}

/// Reads the list of one discovery again and again.
#[derive(Debug)]
pub struct FetchTask {
    /// Tells it from other tasks.
    pub id: u64,
    pub discovery: Discovery,
    pub context: FetchContext,
    /// Where the results go.
    pub outcomes: mpsc::Sender<FetchOutcome>,
    /// Reads the list now.
    pub wake: Arc<Notify>,
}

impl FetchTask {
    /// Ends when the caller has stopped waiting for the results.
    pub async fn run(self) {
        loop {
            let at = self.context.clock.now();
            let start = Instant::now();
            // Boxed, so that a task that waits for the next list does not hold the state of a
            // request.
            let result = Box::pin(fetch(&self.discovery, &self.context)).await;
            let pause = self.pause(result.is_ok());
            let outcome = FetchOutcome {
                task: self.id,
                at,
                took: start.elapsed(),
                result,
            };
            if self.outcomes.send(outcome).await.is_err() {
                return;
            }
            // Either way, it is time for the next list.
            // `Notify` keeps one notification, so a reload in the middle of a fetch is not lost:
            // the list is read again right after it.
            let _ = timeout(pause, self.wake.notified()).await;
        }
    }

    /// Some jitter keeps replicas apart.
    fn pause(&self, is_good: bool) -> Duration {
        let mut interval = self.discovery.refresh_interval;
        if !is_good {
            interval = interval.min(MAX_FAILURE_INTERVAL);
        }
        interval.mul_f64(0.95 + 0.1 * fastrand::f64())
    }
}
