//! `serve`: polls and serves until it is told to stop.

use std::{pin::pin, sync::Arc};

use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::JoinSet,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    Failure, lines, listen,
    reload::Reload,
    signals::{Request, Signals},
    web_config::{self, WebConfigFile},
};
use crate::{
    build_info,
    cli::{ServeArgs, WebFlags},
    config::Config,
    domain::{AccountName, Clock, Shard},
    poller::Context,
    supervisor::Exporter,
    web::{self, Listener, ReloadRequest, Site},
};

/// Requests to reload that may wait for their turn.
const RELOAD_QUEUE: usize = 16;

/// A line of the log names so many accounts.
const MOST_NAMED: usize = 10;

pub(super) async fn run(flags: ServeArgs) -> Result<(), Failure> {
    let reload = Reload::of(&flags.config)?;
    let web_config = web_config::load(flags.web.config.file.as_deref()).await;
    let (config, web_config) = super::both(reload.load().await, web_config)?;
    let clock = Clock::system();
    let mut server = Server::bind(&flags.web, web_config, clock, reload.shard()).await?;
    tracing::info!(
        version = build_info::VERSION,
        revision = build_info::REVISION,
        shard = reload.shard().to_string(),
        accounts = config.accounts.len(),
        "starting"
    );
    if !server.explore(&config).await {
        return Ok(());
    }
    server.apply(config).await?;
    server.run(reload).await
}

/// An exporter, its listeners and its site.
pub(super) struct Server {
    exporter: Exporter,
    context: Arc<Context>,
    site: Arc<Site>,
    listeners: Vec<Listener>,
    web_config: Option<Arc<WebConfigFile>>,
    signals: Signals,
    /// For SIGHUP, which waits in the same queue.
    reload_queue: mpsc::Sender<ReloadRequest>,
    reload_requests: mpsc::Receiver<ReloadRequest>,
}

impl Server {
    /// Listens where the flags say, and answers nothing yet.
    pub(super) async fn bind(
        flags: &WebFlags,
        web_config: Option<web_config::First>,
        clock: Clock,
        shard: Shard,
    ) -> Result<Server, Failure> {
        let listeners = listen::listeners(flags).await?;
        let signals = Signals::listen()?;
        let context = super::context(clock, shard)?;
        let exporter = Exporter::new(Arc::clone(&context));
        let (requests, reload_requests) = mpsc::channel(RELOAD_QUEUE);
        let site = Arc::new(Site {
            store: exporter.store(),
            telemetry: Arc::clone(&context.telemetry),
            clock,
            started: clock.now(),
            shard: (!shard.is_whole()).then(|| shard.to_string()),
            telemetry_path: flags.telemetry_path.as_str().to_owned(),
            without_exporter_metrics: flags.disable_exporter_metrics,
            scrapes: Arc::new(Semaphore::new(flags.max_requests.get().into())),
            pages: Semaphore::new(1),
            reload: flags.enable_lifecycle.then(|| requests.clone()),
            access: Arc::default(),
        });
        let web_config = web_config.map(|first| {
            let (access, telemetry) = (Arc::clone(&site.access), Arc::clone(&context.telemetry));
            Arc::new(WebConfigFile::new(first, access, telemetry, clock))
        });
        Ok(Server {
            exporter,
            context,
            site,
            listeners,
            web_config,
            signals,
            reload_queue: requests,
            reload_requests,
        })
    }

    /// Where a person on this machine finds it.
    pub(super) fn urls(&self) -> Vec<String> {
        let scheme = if self.site.access.load().tls().is_some() {
            "https"
        } else {
            "http"
        };
        let url = |listener: &Listener| match listener.address() {
            Some(address) => listen::url(scheme, address),
            None => listener.to_string(),
        };
        self.listeners.iter().map(url).collect()
    }

    /// Waits, a few seconds at most, until it is known whether there are credentials to start with. False: it was told to
    /// stop meanwhile.
    async fn explore(&mut self, config: &Config) -> bool {
        let providers = self.exporter.providers();
        let sources = config.accounts.iter().map(|account| &account.credentials);
        let mut exploration = pin!(providers.explore(sources));
        loop {
            tokio::select! {
                () = &mut exploration => return true,
                request = self.signals.next() => match request {
                    Request::Stop => return false,
                    // The configuration was read just now.
                    Request::Reload => {}
                },
            }
        }
    }

    /// Starts to poll.
    pub(super) async fn apply(&mut self, config: Config) -> Result<(), Failure> {
        self.exporter
            .apply(config)
            .await
            .map_err(Failure::bad_input)?;
        self.context
            .telemetry
            .config_loaded(self.context.clock.now());
        Ok(())
    }

    /// Serves until SIGTERM or SIGINT. A reload changes what is polled, or nothing where it fails.
    pub(super) async fn run(mut self, reload: Reload) -> Result<(), Failure> {
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for listener in &self.listeners {
            tracing::info!(address = listener.to_string(), "listening");
        }
        let listeners = std::mem::take(&mut self.listeners);
        tasks.spawn(web::serve(
            listeners,
            Arc::clone(&self.site),
            stop.clone().cancelled_owned(),
        ));
        let _watch = self
            .web_config
            .clone()
            .map(|file| AbortOnDropHandle::new(tokio::spawn(async move { file.watch().await })));
        let mut loads = JoinSet::new();
        let mut waiting: Vec<ReloadRequest> = Vec::new();
        loop {
            tokio::select! {
                request = self.signals.next() => match request {
                    Request::Stop => break,
                    // One that waits already will see what this one would.
                    Request::Reload => drop(self.reload_queue.try_send(oneshot::channel().0)),
                },
                _ = self.reload_requests.recv_many(&mut waiting, RELOAD_QUEUE), if loads.is_empty() => {
                    // Whoever has asked by now sees what this load will see.
                    let replies = std::mem::take(&mut waiting);
                    let (reload, web_config) = (reload.clone(), self.web_config.clone());
                    let providers = self.exporter.providers();
                    let config = async move {
                        let loaded = reload.load().await;
                        if let Ok(config) = &loaded {
                            providers.explore(config.accounts.iter().map(|account| &account.credentials)).await;
                        }
                        loaded
                    };
                    loads.spawn(async move {
                        let (loaded, web) = tokio::join!(config, reload_web(web_config));
                        (loaded, web, replies)
                    });
                }
                Some(Ok((loaded, web, replies))) = loads.join_next() => {
                    let problems = [self.reload(loaded).await.err(), web.err()].into_iter().flatten().flatten();
                    let problems = problems.collect::<Vec<_>>().join("\n");
                    let outcome = if problems.is_empty() { Ok(()) } else { Err(problems) };
                    for reply in replies {
                        let _ = reply.send(outcome.clone());
                    }
                }
                Some(_) = tasks.join_next() => return Err(Failure::run_time("the web server ended by itself")),
            }
        }
        tracing::info!("stopping");
        stop.cancel();
        // Whoever waits for a reload is told that there will be none.
        drop((self.reload_requests, loads));
        while tasks.join_next().await.is_some() {}
        Ok(())
    }

    async fn reload(&mut self, loaded: Result<Config, Vec<String>>) -> Result<(), Vec<String>> {
        let outcome = match loaded {
            Ok(config) => self.exporter.apply(config).await.map_err(lines),
            Err(problems) => Err(problems),
        };
        match outcome {
            Ok(changes) => {
                self.context
                    .telemetry
                    .config_loaded(self.context.clock.now());
                tracing::info!(
                    kept = changes.kept,
                    started = changes.started,
                    stopped = changes.stopped,
                    "configuration reloaded"
                );
                if !changes.gone.is_empty() {
                    // Nothing else tells of them from now on.
                    tracing::warn!(
                        count = changes.gone.len(),
                        accounts = first(&changes.gone),
                        "accounts are gone"
                    );
                }
                Ok(())
            }
            Err(problems) => {
                self.context.telemetry.config_refused();
                for problem in &problems {
                    tracing::error!(
                        problem,
                        "configuration not reloaded, the last good one stays in force"
                    );
                }
                Err(problems)
            }
        }
    }
}

async fn reload_web(file: Option<Arc<WebConfigFile>>) -> Result<(), Vec<String>> {
    match file {
        Some(file) => file.reload().await,
        None => Ok(()),
    }
}

/// The first few names.
fn first(accounts: &[AccountName]) -> String {
    let mut names: Vec<&str> = accounts
        .iter()
        .take(MOST_NAMED)
        .map(AccountName::as_str)
        .collect();
    if accounts.len() > MOST_NAMED {
        names.push("…");
    }
    names.join(", ")
}
