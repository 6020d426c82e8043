//! `serve`: polls and serves until it is stopped.

use std::{pin::pin, sync::Arc};

use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::JoinSet,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    Failure,
    election::{self, Election},
    listen,
    signals::{Request, Signals},
};
use crate::{
    build_info,
    cli::{ConfigFlags, ServeArgs, WebFlags},
    config::Config,
    domain::{Clock, Shard},
    leadership::Candidate,
    poller::{GateKeeper, PollGate},
    supervisor::{ConfigSource, FileChanges, Supervisor},
    web::{self, Listener, LoadedWebConfig, ReloadRequest, WebConfigFile, WebState},
};

/// Reload requests that may wait for their turn.
const RELOAD_QUEUE: usize = 16;

pub(super) async fn run(flags: ServeArgs, signals: Signals) -> Result<(), Failure> {
    let source = config_source(&flags.config)?;
    // Before the files are read: what changes afterwards is a change.
    let changes =
        FileChanges::watch(flags.config.file.as_deref(), flags.auto_reload_interval).await;
    let election = election::of(&flags.ha, source.shard())?;
    let is_hot_standby = election.as_ref().is_some_and(|election| !election.is_cold);
    let web_config = LoadedWebConfig::load(flags.web.config.file.as_deref()).await;
    let (config, web_config) = super::both(source.load().await, web_config)?;
    // Bound before the first request to the API: a port that is taken must not cost any.
    let mut server =
        Server::bind(&flags.web, web_config, source.shard(), election, signals).await?;
    tracing::info!(
        version = build_info::VERSION,
        revision = build_info::REVISION,
        shard = source.shard().to_string(),
        accounts = config.accounts.len(),
        "starting"
    );
    for warning in super::certificates::warnings() {
        tracing::warn!(
            warning,
            "CA certificates from the environment cannot be used"
        );
    }
    if is_hot_standby {
        for warning in config.warnings_of_hot_standby() {
            tracing::warn!("{warning}");
        }
    }
    if server.probe_credentials(&config).await == Probe::Stopped {
        return Ok(());
    }
    server.apply(config).await?;
    server.run(source, changes).await
}

/// The configuration file and what the flags say about it.
pub(super) fn config_source(flags: &ConfigFlags) -> Result<ConfigSource, Failure> {
    Ok(ConfigSource::File {
        path: flags.file.clone(),
        overrides: flags.overrides(),
        shard: super::shard::of(flags)?,
    })
}

/// A supervisor, and the web server that exposes its results.
pub(super) struct Server {
    supervisor: Supervisor,
    web_state: Arc<WebState>,
    listeners: Vec<Listener>,
    web_config: Option<Arc<WebConfigFile>>,
    signals: Signals,
    /// SIGHUP uses the same queue as `/-/reload`.
    reload_queue: mpsc::Sender<ReloadRequest>,
    reload_requests: mpsc::Receiver<ReloadRequest>,
    candidate: Option<Candidate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probe {
    Done,
    /// The process was asked to stop in the meantime.
    Stopped,
}

impl Server {
    /// Binds the listen addresses. Connections wait in the backlog until [`Server::run`].
    pub(super) async fn bind(
        flags: &WebFlags,
        web_config: Option<LoadedWebConfig>,
        shard: Shard,
        election: Option<Election>,
        signals: Signals,
    ) -> Result<Server, Failure> {
        let listeners = listen::listeners(flags).await?;
        let clock = Clock::system();
        let mut gate_keeper = None;
        let mut gate = PollGate::default();
        if election.as_ref().is_some_and(|election| election.is_cold) {
            let (keeper, closed) = GateKeeper::new(clock);
            gate_keeper = Some(keeper);
            gate = closed;
        }
        let context = super::context(clock, shard, gate)?;
        let supervisor = Supervisor::new(Arc::clone(&context));
        let mut candidate = None;
        if let Some(election) = election {
            let store = supervisor.store();
            candidate = Some(election.candidate(gate_keeper, store, &context.telemetry, clock)?);
        }
        let (reload_queue, reload_requests) = mpsc::channel(RELOAD_QUEUE);
        let mut shard_label = None;
        if !shard.is_whole() {
            shard_label = Some(shard.to_string());
        }
        // Without the sender, the web server has no way to reload, whatever a route says.
        let mut reload = None;
        if flags.enable_lifecycle {
            reload = Some(reload_queue.clone());
        }
        let web_state = Arc::new(WebState {
            lines: Arc::default(),
            store: supervisor.store(),
            telemetry: Arc::clone(&context.telemetry),
            clock,
            started: clock.now(),
            shard: shard_label,
            leadership: candidate.as_ref().map(Candidate::leadership),
            telemetry_path: flags.telemetry_path.as_str().to_owned(),
            without_exporter_metrics: flags.disable_exporter_metrics,
            scrapes: Arc::new(Semaphore::new(flags.max_requests.get().into())),
            // A status page is large and for people, so one at a time is enough.
            pages: Semaphore::new(1),
            renderer: Arc::default(),
            reload,
            access: Arc::default(),
        });
        let mut web_config_file = None;
        if let Some(loaded) = web_config {
            let access = Arc::clone(&web_state.access);
            let telemetry = Arc::clone(&context.telemetry);
            let file = WebConfigFile::new(loaded, access, telemetry, clock);
            web_config_file = Some(Arc::new(file));
        }
        Ok(Server {
            supervisor,
            web_state,
            listeners,
            web_config: web_config_file,
            signals,
            reload_queue,
            reload_requests,
            candidate,
        })
    }

    /// Its URLs on this machine.
    pub(super) fn urls(&self) -> Vec<String> {
        let scheme = if self.web_state.access.load().tls().is_some() {
            "https"
        } else {
            "http"
        };
        let mut urls = Vec::new();
        for listener in &self.listeners {
            urls.push(match listener.address() {
                Some(address) => listen::url(scheme, address),
                None => listener.to_string(),
            });
        }
        urls
    }

    /// Waits, a few seconds at most, until it is known whether there are credentials.
    async fn probe_credentials(&mut self, config: &Config) -> Probe {
        let mut probe = pin!(self.supervisor.probe_credentials(config));
        loop {
            tokio::select! {
                () = &mut probe => return Probe::Done,
                request = self.signals.next() => match request {
                    Request::Stop => return Probe::Stopped,
                    // The configuration has only just been read.
                    Request::Reload => {}
                },
            }
        }
    }

    /// Starts polling.
    pub(super) async fn apply(&mut self, config: Config) -> Result<(), Failure> {
        self.supervisor
            .apply(config)
            .await
            .map_err(Failure::bad_input)?;
        let context = self.supervisor.context();
        context.telemetry.config_loaded(context.clock.now());
        Ok(())
    }

    /// Serves until SIGTERM or SIGINT.
    pub(super) async fn run(
        mut self,
        source: ConfigSource,
        changes: FileChanges,
    ) -> Result<(), Failure> {
        for listener in &self.listeners {
            tracing::info!(address = listener.to_string(), "listening");
        }
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let web_state = Arc::clone(&self.web_state);
        tasks.spawn(web::serve(
            self.listeners,
            web_state,
            stop.clone().cancelled_owned(),
        ));
        let mut watch = None;
        if let Some(file) = self.web_config.clone() {
            let task = tokio::spawn(async move { file.watch().await });
            watch = Some(AbortOnDropHandle::new(task));
        }
        // A task of its own, so that a slow reload does not delay SIGTERM.
        let reloads = serve_reloads(
            self.supervisor,
            source,
            changes,
            self.web_config,
            self.reload_requests,
        );
        let mut reloads = AbortOnDropHandle::new(tokio::spawn(reloads));
        let give_back = CancellationToken::new();
        let mut election = JoinSet::new();
        if let Some(candidate) = self.candidate {
            election.spawn(candidate.run(give_back.clone()));
        }
        loop {
            tokio::select! {
                request = self.signals.next() => match request {
                    Request::Stop => break,
                    // If the queue is full, a reload that has not started yet will do.
                    Request::Reload => drop(self.reload_queue.try_send(oneshot::channel().0)),
                },
                _ = &mut reloads => return Err(Failure::run_time("the supervisor stopped unexpectedly")),
                Some(_) = tasks.join_next() => {
                    return Err(Failure::run_time("the web server stopped unexpectedly"));
                }
                Some(_) = election.join_next() => {
                    return Err(Failure::run_time("the leader election stopped unexpectedly"));
                }
            }
        }
        tracing::info!("stopping");
        // First of all: while requests are drained here, another replica takes over.
        give_back.cancel();
        while election.join_next().await.is_some() {}
        stop.cancel();
        // This drops the requests that still wait for a reload, so that their clients get an
        // answer before the connections are drained.
        drop((reloads, watch));
        while tasks.join_next().await.is_some() {}
        Ok(())
    }
}

/// Reloads both configurations on request.
async fn serve_reloads(
    mut supervisor: Supervisor,
    source: ConfigSource,
    mut changes: FileChanges,
    web_config: Option<Arc<WebConfigFile>>,
    mut requests: mpsc::Receiver<ReloadRequest>,
) {
    let mut waiting: Vec<ReloadRequest> = Vec::new();
    loop {
        // One reload answers all requests that came before it started.
        tokio::select! {
            n_requests = requests.recv_many(&mut waiting, RELOAD_QUEUE) => {
                if n_requests == 0 {
                    return;
                }
            }
            list = supervisor.next_list() => {
                supervisor.take_list(list).await;
                continue;
            }
            () = changes.changed() => {
                // The problems have been logged.
                let _ = supervisor.reload_changed(&source).await;
                continue;
            }
        }
        let web = reload_web(web_config.as_deref());
        let (config, web) = tokio::join!(supervisor.reload(&source), web);
        // Either can fail alone: the other is in force already, and stays so.
        let mut problems = Vec::new();
        for result in [config, web] {
            if let Err(found) = result {
                problems.extend(found);
            }
        }
        let result = if problems.is_empty() {
            Ok(())
        } else {
            Err(problems.join("\n"))
        };
        for reply in waiting.drain(..) {
            // SIGHUP and clients that have disconnected do not read the reply.
            let _ = reply.send(result.clone());
        }
    }
}

async fn reload_web(file: Option<&WebConfigFile>) -> Result<(), Vec<String>> {
    match file {
        Some(file) => file.reload().await,
        None => Ok(()),
    }
}
