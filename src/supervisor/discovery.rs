//! Discoveries: their tasks, what they have found, and how it is put in force.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::sync::{Notify, mpsc};
use tokio_util::task::AbortOnDropHandle;

use super::{Changes, Refusal, Supervisor, Trigger, reload::first_names};
use crate::{
    config::{Config, Discovery},
    discovery::{
        self, DiscoveredAccounts, FetchContext, FetchError, FetchOutcome, FetchTask, History,
        ListChanges, ListRules, MemberList, RefusedList,
    },
    domain::{AccountName, Moment, Reason, RefreshFailure},
    store::{DiscoveryEntry, DiscoveryState},
};

/// Lists that wait for their turn.
const QUEUE: usize = 16;

/// The discoveries of the configuration in force, in its order.
#[derive(Debug)]
pub(super) struct Discoveries {
    running: Vec<RunningDiscovery>,
    n_tasks: u64,
    sender: mpsc::Sender<FetchOutcome>,
    outcomes: mpsc::Receiver<FetchOutcome>,
}

#[derive(Debug)]
struct RunningDiscovery {
    config: Discovery,
    history: History,
    entry: Arc<DiscoveryEntry>,
    task: u64,
    wake: Arc<Notify>,
    /// An operator has reloaded since the last list.
    accepts_loss: bool,
    /// The next list is the first one from another place.
    replaces: bool,
    /// The accounts without a role that the last log line counted.
    without_role: Vec<AccountName>,
    _task: AbortOnDropHandle<()>,
}

impl Default for Discoveries {
    fn default() -> Discoveries {
        let (sender, outcomes) = mpsc::channel(QUEUE);
        Discoveries {
            running: Vec::new(),
            n_tasks: 0,
            sender,
            outcomes,
        }
    }
}

impl Discoveries {
    /// The accounts of each discovery of `config`, from what was found so far.
    pub(super) fn accounts(&self, config: &Config) -> Vec<DiscoveredAccounts> {
        let nothing = History::default();
        let mut histories = Vec::with_capacity(config.discoveries.len());
        for discovery in &config.discoveries {
            histories.push(match self.position(&discovery.label) {
                Some(index) => &self.running[index].history,
                None => &nothing,
            });
        }
        discovery::accounts(config, &histories)
    }

    fn position(&self, label: &str) -> Option<usize> {
        self.running
            .iter()
            .position(|running| *running.config.label == *label)
    }

    pub(super) fn entries(&self) -> Vec<Arc<DiscoveryEntry>> {
        let mut entries = Vec::with_capacity(self.running.len());
        for running in &self.running {
            entries.push(Arc::clone(&running.entry));
        }
        entries
    }

    pub(super) fn clear(&mut self) {
        self.running.clear();
    }

    /// Exposes how many accounts are left out.
    pub(super) fn count(&self, discovered: &[DiscoveredAccounts]) {
        for (running, found) in self.running.iter().zip(discovered) {
            let state = running.entry.state();
            running.entry.replace(DiscoveryState {
                skipped: found.skipped,
                unnamed: found.unnamed,
                excluded: found.excluded + state.left_out,
                ..(*state).clone()
            });
        }
    }

    /// Runs these discoveries and no others. One whose list comes from the same place as before
    /// keeps its task. `is_operator`: all of them read their list again now, and believe it.
    pub(super) fn replace(
        &mut self,
        discoveries: &[Discovery],
        context: &FetchContext,
        is_operator: bool,
    ) {
        let mut earlier: HashMap<Arc<str>, RunningDiscovery> = HashMap::new();
        for running in self.running.drain(..) {
            earlier.insert(Arc::clone(&running.config.label), running);
        }
        for discovery in discoveries {
            let next = match earlier.remove(&discovery.label) {
                Some(mut running) if has_same_list(&running.config, discovery) => {
                    running.config = discovery.clone();
                    if is_operator {
                        running.accepts_loss = true;
                        running.wake.notify_one();
                    }
                    running
                }
                Some(running) => {
                    let mut next = self.start(discovery, Arc::clone(&running.entry), context);
                    // Its accounts are polled until the first list of the other place comes.
                    next.replaces = true;
                    next.history = running.history;
                    next
                }
                None => {
                    let origin = discovery.source.origin();
                    let entry = Arc::new(DiscoveryEntry::new(&discovery.label, origin));
                    self.start(discovery, entry, context)
                }
            };
            self.running.push(next);
        }
    }

    fn start(
        &mut self,
        discovery: &Discovery,
        entry: Arc<DiscoveryEntry>,
        context: &FetchContext,
    ) -> RunningDiscovery {
        self.n_tasks += 1;
        let wake = Arc::new(Notify::new());
        let task = FetchTask {
            id: self.n_tasks,
            discovery: discovery.clone(),
            context: context.clone(),
            outcomes: self.sender.clone(),
            wake: Arc::clone(&wake),
        };
        RunningDiscovery {
            config: discovery.clone(),
            history: History::default(),
            entry,
            task: self.n_tasks,
            wake,
            accepts_loss: false,
            replaces: false,
            without_role: Vec::new(),
            _task: AbortOnDropHandle::new(tokio::spawn(task.run())),
        }
    }
}

/// Whether both read the same list in the same way. All other settings take effect without another
/// list.
fn has_same_list(left: &Discovery, right: &Discovery) -> bool {
    left.source == right.source
        && left.refresh_interval == right.refresh_interval
        && left.role.source == right.role.source
        && left.role.name == right.role.name
        && left.role.sts == right.role.sts
}

impl Supervisor {
    pub(super) fn fetch_context(&self) -> FetchContext {
        FetchContext {
            client: self.context.client.clone(),
            clock: self.context.clock,
            limiters: Arc::clone(&self.limiters),
            providers: Arc::clone(&self.providers),
        }
    }

    /// The next list that a discovery has read. Never completes without discoveries.
    pub async fn next_list(&mut self) -> FetchOutcome {
        match self.discoveries.outcomes.recv().await {
            Some(outcome) => outcome,
            // Cannot happen: the sender is next to the receiver.
            None => std::future::pending().await,
        }
    }

    /// Puts a list in force, unless it is refused.
    pub async fn take_list(&mut self, outcome: FetchOutcome) {
        let mut running = self.discoveries.running.iter();
        let Some(index) = running.position(|running| running.task == outcome.task) else {
            // A reload has replaced the task in the meantime.
            return;
        };
        let FetchOutcome {
            at, took, result, ..
        } = outcome;
        let accepted = match result {
            Ok(list) => self.discoveries.running[index].accept(list, at),
            Err(error) => Err(ListFailure::of_fetch(&error)),
        };
        let accepted = match accepted {
            Ok(accepted) => accepted,
            Err(failure) => {
                self.discoveries.running[index].failed(&failure, took);
                return;
            }
        };
        let Some(base) = self.base.clone() else {
            return;
        };
        let applied = self.put_in_force(base, Trigger::Discovery).await;
        let running = &mut self.discoveries.running[index];
        match applied {
            Ok(changes) => running.succeeded(&accepted, &changes, at, took),
            Err(refusal) => {
                running.failed(&ListFailure::of_refusal(refusal), took);
                return;
            }
        }
        self.report_missing_roles(index);
    }

    /// Logs how many accounts of a discovery have no role, if it changed.
    fn report_missing_roles(&mut self, index: usize) {
        let label = Arc::clone(&self.discoveries.running[index].config.label);
        let mut without_role = Vec::new();
        for account in &self.accounts {
            let Some(job) = account.jobs.first() else {
                continue;
            };
            if job.account_entry.info().discovery.as_ref() != Some(&label) {
                continue;
            }
            let mut has_no_role = false;
            for job in &account.jobs {
                let snapshot = job.entry.snapshot();
                // Those that have not been tried may have none either: the next list will tell.
                if snapshot.last.is_none() {
                    return;
                }
                has_no_role |=
                    matches!(snapshot.failure(), Some(error) if error.reason == Reason::NoRole);
            }
            if has_no_role {
                without_role.push(account.config.name.clone());
            }
        }
        let running = &mut self.discoveries.running[index];
        if running.without_role == without_role {
            return;
        }
        let discovery = &*label;
        if without_role.is_empty() {
            tracing::info!(discovery, "all accounts of the discovery have the role");
        } else {
            let accounts = first_names(&without_role);
            let count = without_role.len();
            tracing::warn!(discovery, count, accounts, "accounts without the role");
        }
        running.without_role = without_role;
    }
}

/// Why a list was not put in force.
struct ListFailure {
    failure: RefreshFailure,
    message: String,
    code: Option<String>,
    request_id: Option<String>,
}

impl ListFailure {
    fn of_fetch(error: &FetchError) -> ListFailure {
        ListFailure {
            failure: error.failure,
            message: error.to_string(),
            code: error.code.clone(),
            request_id: error.request_id.clone(),
        }
    }

    fn of_refusal(refusal: Refusal) -> ListFailure {
        let message = match refusal {
            Refusal::Plan(errors) => match errors.first() {
                Some(error) => error.to_string(),
                None => String::new(),
            },
            Refusal::Loss { dropped, of } => format!("{dropped} of {of} accounts would be dropped"),
        };
        ListFailure {
            failure: RefreshFailure::Request(Reason::Credentials),
            message,
            code: None,
            request_id: None,
        }
    }
}

/// What a list has brought.
struct AcceptedList {
    changes: ListChanges,
    n_members: usize,
    n_left_out: usize,
    n_requests: usize,
}

impl RunningDiscovery {
    fn accept(&mut self, list: MemberList, now: Moment) -> Result<AcceptedList, ListFailure> {
        let rules = ListRules {
            keep_for: self.config.keep_for,
            accepts_loss: self.accepts_loss,
            replaces: self.replaces,
        };
        let (n_members, n_left_out) = (list.members.len(), list.n_left_out);
        let n_requests = list.n_pages;
        match self.history.accept(list.members, now, rules) {
            Ok(changes) => {
                self.accepts_loss = false;
                self.replaces = false;
                // `count` adds those that the configuration excludes.
                self.entry.replace(DiscoveryState {
                    left_out: n_left_out,
                    ..(*self.entry.state()).clone()
                });
                Ok(AcceptedList {
                    changes,
                    n_members,
                    n_left_out,
                    n_requests,
                })
            }
            Err(refused) => Err(ListFailure {
                failure: RefreshFailure::TooManyGone,
                message: match refused {
                    // A reload does not accept it either.
                    RefusedList::Empty => {
                        format!("{refused}; if this is intended, remove the discovery")
                    }
                    RefusedList::TooManyGone { .. } => format!(
                        "{refused}; if this is intended, reload the configuration by SIGHUP or POST /-/reload"
                    ),
                },
                code: None,
                request_id: None,
            }),
        }
    }

    fn succeeded(&self, list: &AcceptedList, changes: &Changes, at: Moment, took: Duration) {
        let before = self.entry.state();
        let discovery = &*self.config.label;
        let (members, left_out) = (list.n_members, list.n_left_out);
        if !before.has_list {
            let requests = list.n_requests;
            tracing::info!(
                discovery,
                members,
                left_out,
                requests,
                "accounts were listed"
            );
        } else if before.last_was_successful == Some(false) {
            tracing::info!(discovery, members, "accounts can be listed again");
        }
        let (added, removed) = (list.changes.added.len(), list.changes.removed.len());
        if before.has_list && added > 0 {
            let uins = first_names(&list.changes.added);
            tracing::info!(discovery, count = added, uins, "accounts were added");
        }
        if !changes.removed.is_empty() {
            // Their series end; only this line says why.
            let accounts = first_names(&changes.removed);
            let count = changes.removed.len();
            tracing::warn!(discovery, count, accounts, "accounts were removed");
        }
        self.entry.replace(DiscoveryState {
            has_list: true,
            last_was_successful: Some(true),
            last_success: Some(at),
            last_took: Some(took),
            last_error: None,
            added: before.added + added as u64,
            removed: before.removed + removed as u64,
            ..(*before).clone()
        });
    }

    fn failed(&self, failed: &ListFailure, took: Duration) {
        let before = self.entry.state();
        // A failure may last for days. The metrics say that it goes on.
        if before.last_error.as_ref() != Some(&failed.message) {
            let discovery = &*self.config.label;
            let (reason, error) = (failed.failure.as_str(), &failed.message);
            let (code, request_id) = (failed.code.as_deref(), failed.request_id.as_deref());
            let kept = self.history.len();
            tracing::error!(
                discovery,
                reason,
                code,
                request_id,
                error,
                kept,
                "accounts could not be listed, the last list stays in force"
            );
        }
        let mut failures = before.failures;
        failures[failed.failure.index()] += 1;
        self.entry.replace(DiscoveryState {
            last_was_successful: Some(false),
            last_took: Some(took),
            last_error: Some(failed.message.clone()),
            failures,
            ..(*before).clone()
        });
    }
}
