//! Runs one job for ever. The loop has no decisions in it; the step has no waiting for its next turn.

use std::sync::Arc;

use tokio::{
    select,
    time::{Instant, sleep_until, timeout_at},
};

use crate::{
    client::{Answer, ApiError, Call, Client},
    clock::{Clock, Moment},
    collectors::{Collector, Parsed},
    config::{self, Scan},
    reason::Reason,
    signer::Credentials,
    store::{AccountEntry, ActionEntry, JobEntry, Outcome},
    telemetry::Telemetry,
};

mod policy;
mod report;

/// What every job shares.
#[derive(Debug)]
pub struct Context {
    /// Sends requests.
    pub client: Client,
    /// Tells the time.
    pub clock: Clock,
    /// Counts.
    pub telemetry: Arc<Telemetry>,
}

/// One account, scan and collector.
#[derive(Clone, Debug)]
pub struct Job {
    /// Whose scan.
    pub account: Arc<config::Account>,
    /// What its requests are signed with.
    pub credentials: Arc<Credentials>,
    /// Which scan.
    pub scan: Scan,
    /// Which API action.
    pub collector: &'static Collector,
    /// Where its requests queue and are counted.
    pub action_entry: Arc<ActionEntry>,
    /// Its account's place in the store.
    pub account_entry: Arc<AccountEntry>,
    /// Where what is known is kept.
    pub entry: Arc<JobEntry>,
}

impl Job {
    /// Polls at `first`, then by `second` at the latest, and then for ever. A poll takes kilobytes, so it has them
    /// only while it runs: thousands of jobs wait for their turn.
    pub async fn run(self, context: Arc<Context>, first: Instant, second: Instant) {
        self.turn(first).await;
        let mut next = Box::pin(self.poll(&context)).await.min(second);
        loop {
            self.turn(next).await;
            next = Box::pin(self.poll(&context)).await;
        }
    }

    /// Waits until `at`, or until the job is hurried while it fails for what only a person can mend.
    async fn turn(&self, at: Instant) {
        loop {
            select! {
                () = sleep_until(at) => return,
                () = self.entry.hurried() => if self.needs_a_person() { return },
            }
        }
    }

    /// Whether the last poll failed for what only a person can mend, so that the next one may be far away.
    pub fn needs_a_person(&self) -> bool {
        self.entry.snapshot().failure().is_some_and(policy::needs_a_person)
    }

    /// Polls once, records what came of it, and says when to poll again.
    pub async fn poll(&self, context: &Context) -> Instant {
        let begin = Instant::now();
        let before = self.entry.snapshot();
        let mut after = before.after(self.poll_once(context).await);
        after.interval = policy::interval(&self.account.poll, &after, context.clock.now());
        report::poll(self, &before, &after);
        let next = begin + after.interval;
        self.entry.replace(after);
        next
    }

    /// One poll: a request, and perhaps some retries.
    pub async fn poll_once(&self, context: &Context) -> Outcome {
        let begin = Instant::now();
        let result = self.ask(context).await;
        let (at, result) = match result {
            Ok((at, parsed)) => (at, Ok(parsed)),
            Err(error) => (error.as_of, Err(error)),
        };
        Outcome { at, took: begin.elapsed(), result }
    }

    async fn ask(&self, context: &Context) -> Result<(Moment, Parsed), ApiError> {
        let call = self.call();
        let lane = self.action_entry.lane();
        lane.poll_begins();
        let mut slot = lane.slot().await;
        let deadline = slot.departure() + self.account.poll.timeout;
        for attempt in 1.. {
            let departure = slot.departure();
            self.action_entry.request_leaves(slot.waited());
            let error = match context.client.send(&call, &self.credentials, slot, deadline).await {
                Ok(answer) => {
                    return self.read(&answer, &context.client).map(|parsed| (answer.as_of, parsed));
                }
                Err(error) => error,
            };
            if error.reason == Reason::Throttled {
                lane.throttled(departure);
            }
            let Some(pause) = policy::retry_after(&error, attempt) else { return Err(error) };
            let resume = Instant::now() + pause;
            if resume >= deadline || !lane.take_retry() {
                return Err(error);
            }
            report::retry(self, &error, pause);
            sleep_until(resume).await;
            slot = timeout_at(deadline, lane.slot()).await.map_err(|_| error)?;
            context.telemetry.request_retried(call.action);
        }
        unreachable!("the policy ends the loop")
    }

    /// Whether both ask the same API for the same scan, and read the answer alike.
    pub fn asks_the_same_as(&self, other: &Job) -> bool {
        let (left, right) = (&*self.account, &*other.account);
        self.scan == other.scan
            && std::ptr::eq(self.collector, other.collector)
            && self.credentials == other.credentials
            && left.endpoint == right.endpoint
            && left.region == right.region
            && left.time_zone == right.time_zone
    }

    fn call(&self) -> Call<'_> {
        Call {
            endpoint: &self.account.endpoint,
            region: self.account.region.as_ref(),
            service: self.collector.service,
            action: self.collector.action,
            version: self.collector.version,
            body: (self.collector.request)(&self.scan),
        }
    }

    fn read(&self, answer: &Answer, client: &Client) -> Result<Parsed, ApiError> {
        (self.collector.parse)(answer.response.get(), &self.account.time_zone)
            .map_err(|error| client.unreadable(self.collector.action, answer, &error, &self.credentials))
    }
}
