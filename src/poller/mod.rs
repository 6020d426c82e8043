//! Runs one job. The loop makes no decisions; the step does not wait for its next turn.

use std::{pin::pin, sync::Arc};

use tokio::{
    select,
    sync::Notify,
    time::{Instant, sleep, sleep_until},
};

use crate::{
    client::Client,
    collectors::{Collector, Reading},
    config,
    credentials::{CredentialsChange, Environment, Provider, RefreshContext},
    domain::{Clock, Moment, Scan},
    limiter::{AccountLimiter, Limiters},
    store::{AccountEntry, JobEntry, Outcome, RequestStats, Snapshot},
    telemetry::Telemetry,
};

mod digest;
mod gate;
mod policy;
mod report;
mod requests;
mod uin;

pub use gate::{GateKeeper, Permission, PollGate};
pub use uin::UinLookup;

use digest::LogDigest;
use policy::CatchUp;
use requests::Requests;

/// Shared by all jobs.
#[derive(Debug)]
pub struct Context {
    pub client: Client,
    pub clock: Clock,
    pub telemetry: Arc<Telemetry>,
    pub gate: PollGate,
    digest: LogDigest,
}

impl Context {
    pub fn new(client: Client, clock: Clock, telemetry: Arc<Telemetry>) -> Context {
        Context {
            client,
            clock,
            telemetry,
            gate: PollGate::default(),
            digest: LogDigest::default(),
        }
    }

    /// Logs what the lines about polls of the last minute left out. Call it once a minute.
    pub fn log_summaries(&self) {
        self.digest.flush();
    }

    /// What the refresh of credentials needs.
    pub fn refresh_context(&self, limiters: &Arc<Limiters>) -> RefreshContext {
        RefreshContext {
            client: self.client.clone(),
            limiters: Arc::clone(limiters),
            clock: self.clock,
            environment: Environment::of_the_process(),
        }
    }
}

/// One collector of one account, and of one scan where it polls per scan.
#[derive(Clone, Debug)]
pub struct Job {
    pub account: Arc<config::Account>,
    pub scan: Option<Scan>,
    pub collector: &'static Collector,
    /// When to poll.
    pub poll: config::Poll,
    /// How many items of a list are exposed.
    pub limit: usize,
    pub provider: Arc<Provider>,
    /// One per action of the collector.
    pub channels: Vec<Arc<Channel>>,
    pub account_entry: Arc<AccountEntry>,
    pub entry: Arc<JobEntry>,
    /// Of the first job of an account whose uin is to be looked up.
    pub uin_lookup: Option<Arc<UinLookup>>,
    /// Wakes the job; see [`Job::poll_now`].
    pub wake: Arc<Notify>,
}

/// The rate limiter and the counters of an account's requests for one action.
#[derive(Debug)]
pub struct Channel {
    pub limiter: AccountLimiter,
    pub stats: Arc<RequestStats>,
}

/// When to poll again.
#[derive(Debug)]
pub struct NextPoll {
    /// At the latest.
    pub at: Instant,
    /// Poll at once if there are other credentials than those that were used.
    new_credentials: Option<CredentialsChange>,
}

impl NextPoll {
    fn at(at: Instant) -> NextPoll {
        NextPoll {
            at,
            new_credentials: None,
        }
    }

    fn no_later_than(self, latest: Instant) -> NextPoll {
        NextPoll {
            at: self.at.min(latest),
            ..self
        }
    }

    async fn due(self) -> Turn {
        match self.new_credentials {
            None => {
                sleep_until(self.at).await;
                Turn::Due
            }
            Some(change) => select! {
                () = sleep_until(self.at) => Turn::Due,
                () = change.wait() => Turn::Woken,
            },
        }
    }
}

/// Why a job polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Its time has come.
    Due,
    /// The reason of its failure may be fixed.
    Woken,
}

impl Job {
    /// Polls at `first`, then by `second` at the latest, and from then on when each poll says; while
    /// the gate is open.
    pub async fn run(self, context: Arc<Context>, first: Instant, second: Instant) {
        let mut first = first;
        let mut second = second;
        loop {
            select! {
                () = self.run_open(&context, first, second) => {}
                // Also drops a poll in flight, whose result would bring the data back.
                () = self.forget(&context.gate) => {}
            }
            let spread = select! {
                spread = context.gate.opened() => spread,
                () = self.forget(&context.gate) => context.gate.opened().await,
            };
            // All jobs start again together.
            first = Instant::now() + spread.mul_f64(fastrand::f64());
            second = first + self.poll.interval;
        }
    }

    /// Once another replica polls, the data of this one must not be exposed when it leads again.
    async fn forget(&self, gate: &PollGate) {
        gate.forbidden().await;
        let interval = self.poll.interval;
        self.entry.replace(Snapshot::unpolled(interval));
    }

    /// Polls until the gate closes.
    async fn run_open(&self, context: &Context, first: Instant, second: Instant) {
        let turn = self.wait(NextPoll::at(first)).await;
        // The state of a poll takes kilobytes. It is boxed, so that the thousands of jobs that wait
        // for their turn do not hold it.
        let next = Box::pin(context.gate.pass(self.poll(context, turn))).await;
        let Some(next) = next else { return };
        let mut next = next.no_later_than(second);
        loop {
            let turn = self.wait(next).await;
            match Box::pin(context.gate.pass(self.poll(context, turn))).await {
                Some(then) => next = then,
                None => return,
            }
        }
    }

    /// Waits until the next poll is due, or until a job that backs off is woken. Returns the time
    /// from which the next interval counts.
    async fn wait(&self, mut next: NextPoll) -> Instant {
        loop {
            self.entry.set_next_poll(next.at);
            let due = next.at;
            if self.wait_or_wake(next).await == Turn::Woken {
                return Instant::now();
            }
            let interval = self.entry.snapshot().interval;
            match policy::catch_up(due, Instant::now(), interval) {
                CatchUp::PollNow => return due,
                CatchUp::PollAfter(pause) => {
                    sleep(pause).await;
                    return due;
                }
                CatchUp::SkipTo(turn) => next = NextPoll::at(turn),
            }
        }
    }

    async fn wait_or_wake(&self, next: NextPoll) -> Turn {
        let mut due = pin!(next.due());
        loop {
            // A wake-up may arrive long after the failure is over. Polling then would only cost a
            // request, so the job goes on waiting.
            select! {
                turn = &mut due => return turn,
                () = self.wake.notified() => if self.fails_permanently() { return Turn::Woken },
            }
        }
    }

    /// Makes the series about its requests, before the first one is sent.
    pub fn expect_requests(&self, telemetry: &Telemetry) {
        for action in self.collector.actions {
            telemetry.expect_action(action.name);
        }
    }

    /// Makes a job that backs off poll at once: the reason of its failure may be fixed.
    pub fn poll_now(&self) {
        self.wake.notify_one();
    }

    /// Whether the last poll failed for a permanent reason, so that the next may be far away.
    pub fn fails_permanently(&self) -> bool {
        self.entry.snapshot().fails_permanently()
    }

    /// Polls once, publishes the result, and says when to poll again: an interval after `turn`.
    pub async fn poll(&self, context: &Context, turn: Instant) -> NextPoll {
        let before = self.entry.snapshot();
        let (outcome, serial) = self.poll_once(context).await;
        let mut after = before.after(outcome);
        after.interval = policy::interval(&self.poll, &after, context.clock.now());
        report::poll(self, &context.digest, &before, &after);
        // From the time at which the poll was due: neither its duration nor a delay moves the
        // job's place in the interval.
        let mut next = NextPoll::at(turn + after.interval);
        // Back-off is for failures that only a change can end, and new credentials are one.
        if after.fails_permanently() {
            next.new_credentials = Some(self.provider.change_from(serial));
        }
        let is_up = after.is_up();
        self.entry.replace(after);
        if is_up && let Some(lookup) = &self.uin_lookup {
            lookup.run(self, context).await;
        }
        next
    }

    /// One poll, and the serial number of the credentials that it used last. Publishes nothing.
    pub async fn poll_once(&self, context: &Context) -> (Outcome, u64) {
        let start = Instant::now();
        let mut requests = Requests::new(self, context);
        let (at, result) = match requests.run().await {
            Ok((at, parsed)) => (at, Ok(parsed)),
            Err(error) => (error.as_of, Err(error)),
        };
        (
            Outcome {
                at,
                took: start.elapsed(),
                result,
            },
            requests.credentials_serial(),
        )
    }

    /// How to read responses to requests, the first sent at `as_of`.
    fn reading(&self, as_of: Moment) -> Reading<'_> {
        Reading {
            time_zone: &self.account.time_zone,
            as_of: as_of.wall,
            limit: self.limit,
        }
    }

    /// Whether both ask the same API the same question with the same credentials, and read the
    /// answer alike: only then does the answer of one hold for the other.
    pub fn asks_the_same_as(&self, other: &Job) -> bool {
        let (left, right) = (&*self.account, &*other.account);
        // Not compared: rates, intervals and timeouts, which change when a question is asked only.
        self.scan == other.scan
            && self.collector == other.collector
            && self.limit == other.limit
            && left.credentials == right.credentials
            && left.endpoint == right.endpoint
            && left.region == right.region
            && left.time_zone == right.time_zone
    }
}
