//! Runs one job for ever. The loop has no decisions in it; the step has no waiting for its next turn.

use std::{pin::pin, sync::Arc};

use tokio::{
    select,
    time::{Instant, sleep_until, timeout_at},
};

use crate::{
    client::{ApiError, ApiResponse, Call, Client},
    collectors::{Collector, Parsed},
    config::{self},
    credentials::{
        CredentialsChange, CredentialsError, Environment, Issued, Provider, RefreshContext,
    },
    domain::{Clock, Moment, Reason, Scan},
    limiter::Lanes,
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

impl Context {
    /// What refreshing credentials needs.
    pub fn refresh_context(&self, lanes: &Arc<Lanes>) -> RefreshContext {
        RefreshContext {
            client: self.client.clone(),
            lanes: Arc::clone(lanes),
            clock: self.clock,
            environment: Environment::of_the_process(),
        }
    }
}

/// One account, scan and collector.
#[derive(Clone, Debug)]
pub struct Job {
    /// Whose scan.
    pub account: Arc<config::Account>,
    /// Gives what its requests are signed with.
    pub provider: Arc<Provider>,
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

/// When to poll again.
#[derive(Debug)]
pub struct Next {
    /// At the latest.
    pub at: Instant,
    /// Other credentials are worth another try at once.
    sooner: Option<CredentialsChange>,
}

impl Next {
    fn by(self, latest: Instant) -> Next {
        Next {
            at: self.at.min(latest),
            ..self
        }
    }

    async fn come(self) {
        let Some(change) = self.sooner else {
            return sleep_until(self.at).await;
        };
        // It is over in time or before: both are right.
        let _ = timeout_at(self.at, change.wait()).await;
    }
}

impl Job {
    /// Polls at `first`, then by `second` at the latest, and then for ever. A poll takes kilobytes, so it has them
    /// only while it runs: thousands of jobs wait for their turn.
    pub async fn run(self, context: Arc<Context>, first: Instant, second: Instant) {
        self.turn(Next {
            at: first,
            sooner: None,
        })
        .await;
        let mut next = Box::pin(self.poll(&context)).await.by(second);
        loop {
            self.turn(next).await;
            next = Box::pin(self.poll(&context)).await;
        }
    }

    /// Waits until `next` comes, or until the job is hurried while it fails for what only a person can mend.
    async fn turn(&self, next: Next) {
        self.entry.polls_next_at(next.at);
        let mut next = pin!(next.come());
        loop {
            select! {
                () = &mut next => return,
                () = self.entry.hurried() => if self.needs_a_person() { return },
            }
        }
    }

    /// Whether the last poll failed for what only a person can mend, so that the next one may be far away.
    pub fn needs_a_person(&self) -> bool {
        self.entry
            .snapshot()
            .failure()
            .is_some_and(policy::needs_a_person)
    }

    /// Polls once, records what came of it, and says when to poll again.
    pub async fn poll(&self, context: &Context) -> Next {
        let begin = Instant::now();
        let before = self.entry.snapshot();
        let (outcome, serial) = self.try_once(context).await;
        let mut after = before.after(outcome);
        after.interval = policy::interval(&self.account.poll, &after, context.clock.now());
        report::poll(self, &before, &after);
        let is_waiting = after.failure().is_some_and(policy::needs_a_person);
        let sooner = is_waiting.then(|| self.provider.change_from(serial));
        let next = Next {
            at: begin + after.interval,
            sooner,
        };
        self.entry.replace(after);
        next
    }

    /// One poll: a request, and perhaps some retries.
    pub async fn poll_once(&self, context: &Context) -> Outcome {
        self.try_once(context).await.0
    }

    /// The outcome, and the serial of the credentials that were used last.
    async fn try_once(&self, context: &Context) -> (Outcome, u64) {
        let begin = Instant::now();
        let mut serial = self.provider.serial();
        let result = self.ask(context, &mut serial).await;
        let (at, result) = match result {
            Ok((at, parsed)) => (at, Ok(parsed)),
            Err(error) => (error.as_of, Err(error)),
        };
        (
            Outcome {
                at,
                took: begin.elapsed(),
                result,
            },
            serial,
        )
    }

    async fn ask(&self, context: &Context, serial: &mut u64) -> Result<(Moment, Parsed), ApiError> {
        let call = self.call();
        let unavailable = |error: CredentialsError| error.into_api_error(context.clock.now());
        let mut issued = self.provider.current().await.map_err(unavailable)?;
        let mut seat = self.action_entry.seat.take(&issued.identity);
        seat.lane().poll_begins();
        let mut slot = seat.lane().slot().await;
        let deadline = slot.departure() + self.account.poll.timeout;
        let mut may_renew = true;
        for attempt in 1.. {
            issued = self.provider.newest(issued);
            *serial = issued.serial;
            let departure = slot.departure();
            self.action_entry.request_leaves(slot.waited());
            let error = match context
                .client
                .send(&call, &issued.credentials, slot, deadline)
                .await
            {
                Ok(answer) => {
                    let parsed = self.read(&answer, &issued.credentials, &context.client);
                    return parsed.map(|parsed| (answer.as_of, parsed));
                }
                Err(error) => error,
            };
            if error.reason == Reason::Throttled {
                seat.lane().throttled(departure);
            }
            if may_renew && policy::is_token_failure(&error) {
                may_renew = false;
                let Some(renewed) = self.renewed(&issued, deadline).await else {
                    return Err(error);
                };
                issued = renewed;
                seat = self.action_entry.seat.take(&issued.identity);
            } else {
                let Some(pause) = policy::retry_after(&error, attempt) else {
                    return Err(error);
                };
                let resume = Instant::now() + pause;
                if resume >= deadline || !seat.lane().take_retry() {
                    return Err(error);
                }
                report::retry(self, &error, pause);
                sleep_until(resume).await;
            }
            slot = timeout_at(deadline, seat.lane().slot())
                .await
                .map_err(|_| error)?;
            context.telemetry.request_retried(call.action);
        }
        unreachable!("the policy ends the loop")
    }

    /// What takes the place of `rejected`; none where nothing does, or not by `deadline`.
    async fn renewed(&self, rejected: &Issued, deadline: Instant) -> Option<Arc<Issued>> {
        self.provider.rejected(rejected);
        let current = timeout_at(deadline, self.provider.current())
            .await
            .ok()?
            .ok()?;
        (current.serial != rejected.serial).then_some(current)
    }

    /// Whether both ask the same API for the same scan, and read the answer alike.
    pub fn asks_the_same_as(&self, other: &Job) -> bool {
        let (left, right) = (&*self.account, &*other.account);
        self.scan == other.scan
            && std::ptr::eq(self.collector, other.collector)
            && left.credentials == right.credentials
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

    fn read(
        &self,
        answer: &ApiResponse,
        credentials: &Credentials,
        client: &Client,
    ) -> Result<Parsed, ApiError> {
        (self.collector.parse)(answer.response.get(), &self.account.time_zone)
            .map_err(|error| client.unreadable(self.collector.action, answer, &error, credentials))
    }
}
