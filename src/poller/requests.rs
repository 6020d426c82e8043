//! The requests of one poll: permits, retries and a refresh of the credentials.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{Channel, Context, Job, policy, report};
use crate::{
    client::{ApiError, ApiResponse, Call},
    collectors::{self, Action, AnswerError, Parsed},
    credentials::Issued,
    domain::{Moment, Reason},
    limiter::{Member, Permit},
    store::Data,
};

/// One poll of a job.
pub(super) struct Requests<'a> {
    job: &'a Job,
    context: &'a Context,
    /// The credentials to sign with; `None` before they were asked for.
    issued: Option<Arc<Issued>>,
    /// Of the current request and its retries; set when it is sent.
    deadline: Option<Instant>,
    /// Rejected credentials are refreshed once per poll.
    may_refresh: bool,
    /// A request that died on a stale connection is repeated at once, once per poll.
    may_repeat: bool,
}

impl<'a> Requests<'a> {
    pub(super) fn new(job: &'a Job, context: &'a Context) -> Requests<'a> {
        Requests {
            job,
            context,
            issued: None,
            deadline: None,
            may_refresh: true,
            may_repeat: true,
        }
    }

    /// The serial number of the credentials that were used last.
    pub(super) fn credentials_serial(&self) -> u64 {
        match &self.issued {
            Some(issued) => issued.serial,
            None => self.job.provider.serial(),
        }
    }

    /// Sends the requests of the collector and reads the responses. The answer is as old as its
    /// oldest response. If one request fails, the poll fails.
    pub(super) async fn run(&mut self) -> Result<(Moment, Parsed), ApiError> {
        let job = self.job;
        let mut responses = Vec::new();
        responses.resize_with(job.channels.len(), Vec::new);
        for (index, action) in job.collector.actions.iter().enumerate() {
            while let Some(body) = self.body(index, &responses)? {
                let channel = &job.channels[index];
                responses[index].push(self.request(action, body, channel).await?);
            }
        }
        self.read(&responses)
    }

    /// The body of the next request for action number `action`; `None` if there is nothing to ask.
    fn body(
        &self,
        action: usize,
        responses: &[Vec<ApiResponse>],
    ) -> Result<Option<Bytes>, ApiError> {
        let (job, first) = (self.job, first(responses));
        let snapshot = job.entry.snapshot();
        let before = snapshot.latest().map(|data: &Arc<Data>| &data.answer);
        let as_of = match first {
            Some(first) => first.as_of,
            None => self.context.clock.now(),
        };
        let body = job.collector.body(
            action,
            job.scan.as_ref(),
            &texts(responses),
            job.reading(as_of),
            before,
        );
        match (body, first) {
            (Ok(body), _) => Ok(body),
            (Err(error), Some(first)) => Err(self.unreadable(first, &error)),
            // There is no response that could be unreadable.
            (Err(_), None) => Ok(None),
        }
    }

    /// Sends one request, and repeats it if the failure may be transient.
    async fn request(
        &mut self,
        action: &'static Action,
        body: Bytes,
        channel: &Channel,
    ) -> Result<ApiResponse, ApiError> {
        // Each request of a poll has the whole timeout: a list may take many requests.
        self.deadline = None;
        // Before the permit: waiting for credentials must not block the queue of the limiter.
        let mut issued = self.credentials().await?;
        let mut limiter = channel.limiter.member(&issued.identity);
        limiter.poll_started();
        let mut permit = limiter.acquire().await;
        let mut attempt = 1;
        loop {
            // While it waited for the permit, newer keys of the same identity may have come.
            issued = self.job.provider.newest(issued);
            self.issued = Some(Arc::clone(&issued));
            channel.stats.count_request(permit.waited());
            // Read before the permit is given away: throttling is counted from when a request left.
            let departure = permit.departure();
            let error = match self.send(action, body.clone(), &issued, permit).await {
                Ok(response) => {
                    channel
                        .stats
                        .set_rate(limiter.requests_per_second(Instant::now()));
                    return Ok(response);
                }
                Err(error) => error,
            };
            if error.reason == Reason::Throttled {
                limiter.throttled(departure);
            }
            channel
                .stats
                .set_rate(limiter.requests_per_second(Instant::now()));

            // A new token is a new attempt, not a repetition, so it needs no pause and takes nothing
            // from the retry budget. Once per poll: if the API rejects that too, time will not help.
            if self.may_refresh && policy::is_token_failure(&error) {
                self.may_refresh = false;
                let Some(refreshed) = self.refresh(&issued).await else {
                    return Err(error);
                };
                issued = refreshed;
                limiter = channel.limiter.member(&issued.identity);
            } else if self.may_repeat && error.is_stale_connection {
                // Outside the retry budget: the server had closed the connection, which says
                // nothing about its health.
                self.may_repeat = false;
            } else if !self.pause(&error, attempt, &limiter).await {
                return Err(error);
            }
            attempt += 1;
            // The retry queues like any other request, so retries cannot exceed the rate either.
            permit = match timeout_at(self.deadline(), limiter.acquire()).await {
                Ok(permit) => permit,
                Err(_) => return Err(error),
            };
            self.context.telemetry.request_retried(action.name);
        }
    }

    async fn credentials(&self) -> Result<Arc<Issued>, ApiError> {
        match self.job.provider.current().await {
            Ok(issued) => Ok(issued),
            Err(error) => Err(error.into_api_error(self.context.clock.now())),
        }
    }

    async fn send(
        &mut self,
        action: &Action,
        body: Bytes,
        issued: &Issued,
        permit: Permit,
    ) -> Result<ApiResponse, ApiError> {
        let account = &self.job.account;
        // The time that the request waits for its first permit does not count.
        let deadline = *self
            .deadline
            .get_or_insert(permit.departure() + self.job.poll.timeout);
        let call = Call {
            endpoint: &account.endpoint,
            region: account.region.as_ref(),
            language: account.language,
            service: collectors::SERVICE,
            action: action.name,
            version: collectors::VERSION,
            body,
        };
        self.context
            .client
            .send(&call, &issued.credentials, permit, deadline)
            .await
    }

    /// Waits before the request is repeated. False if it is not to be repeated.
    async fn pause(&self, error: &ApiError, attempt: u32, limiter: &Member) -> bool {
        let Some(pause) = policy::retry_after(error, attempt) else {
            return false;
        };
        let resume = Instant::now() + pause;
        // A retry that cannot be sent in time must not cost the identity one of its budget.
        if resume >= self.deadline() || !limiter.take_retry() {
            return false;
        }
        report::retry(self.job, error, pause);
        sleep_until(resume).await;
        true
    }

    /// The credentials that replace `rejected`; `None` if there are none by the deadline.
    async fn refresh(&self, rejected: &Issued) -> Option<Arc<Issued>> {
        self.job.provider.rejected(rejected);
        let current = timeout_at(self.deadline(), self.job.provider.current()).await;
        let current = current.ok()?.ok()?;
        // A refresh that failed leaves the rejected credentials in place: there is nothing to retry.
        if current.serial == rejected.serial {
            return None;
        }
        Some(current)
    }

    fn deadline(&self) -> Instant {
        self.deadline.unwrap_or_else(Instant::now)
    }

    fn read(&self, responses: &[Vec<ApiResponse>]) -> Result<(Moment, Parsed), ApiError> {
        let job = self.job;
        let first = first(responses).expect("a poll has at least one request");
        let snapshot = job.entry.snapshot();
        let before = snapshot.latest().map(|data: &Arc<Data>| &data.answer);
        let reading = job.reading(first.as_of);
        match job.collector.read(&texts(responses), reading, before) {
            Ok(mut parsed) => {
                if !policy::clocks_agree(first.as_of.wall, first.date) {
                    // Then the clock may be wrong, and not the time zone.
                    parsed.starts_ahead = None;
                }
                Ok((first.as_of, parsed))
            }
            Err(error) => Err(self.unreadable(first, &error)),
        }
    }

    fn unreadable(&self, response: &ApiResponse, error: &AnswerError) -> ApiError {
        let action = match error {
            AnswerError::Empty(action) => action,
            AnswerError::Json(_) => self.job.collector.actions[0].name,
        };
        let issued = self
            .issued
            .as_ref()
            .expect("a response was requested with credentials");
        self.context
            .client
            .unreadable(action, response, error, &issued.credentials)
    }
}

/// The oldest of them.
fn first(responses: &[Vec<ApiResponse>]) -> Option<&ApiResponse> {
    responses.iter().flatten().next()
}

fn texts(responses: &[Vec<ApiResponse>]) -> Vec<Vec<&str>> {
    let mut texts = Vec::with_capacity(responses.len());
    for pages in responses {
        texts.push(pages.iter().map(|page| page.response.get()).collect());
    }
    texts
}
