//! `serve`: polls and serves until it is told to stop.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc, oneshot},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    Failure,
    exporter::Exporter,
    listen,
    reload::Reload,
    signals::{Request, Signals},
};
use crate::{
    build_info,
    cli::{Serve, WebFlags},
    clock::Clock,
    config::{Config, Shard},
    poller::Context,
    web::{self, ReloadRequest, Site},
};

/// Requests to reload that may wait for their turn.
const RELOAD_QUEUE: usize = 16;

pub(super) async fn run(flags: Serve) -> Result<(), Failure> {
    let reload = Reload::of(&flags.config)?;
    let config = reload.load().await.map_err(Failure::bad_input)?;
    let clock = Clock::system();
    let mut server = Server::bind(&flags.web, clock, reload.shard()).await?;
    tracing::info!(
        version = build_info::VERSION,
        revision = build_info::REVISION,
        shard = reload.shard().to_string(),
        accounts = config.accounts.len(),
        "starting"
    );
    server.apply(config)?;
    server.run(reload).await
}

/// An exporter, its listeners and its site.
pub(super) struct Server {
    exporter: Exporter,
    context: Arc<Context>,
    site: Arc<Site>,
    listeners: Vec<TcpListener>,
    /// For SIGHUP, which waits in the same queue.
    reload_queue: mpsc::Sender<ReloadRequest>,
    reload_requests: mpsc::Receiver<ReloadRequest>,
}

impl Server {
    /// Listens where the flags say, and answers nothing yet.
    pub(super) async fn bind(flags: &WebFlags, clock: Clock, shard: Shard) -> Result<Server, Failure> {
        let mut listeners = Vec::new();
        for address in &flags.listen_addresses {
            listeners.push(listen::bind(address).await?);
        }
        let context = super::context(clock, shard)?;
        let exporter = Exporter::new(Arc::clone(&context));
        let (requests, reload_requests) = mpsc::channel(RELOAD_QUEUE);
        let site = Arc::new(Site {
            store: exporter.store(),
            telemetry: Arc::clone(&context.telemetry),
            clock,
            telemetry_path: flags.telemetry_path.as_str().to_owned(),
            without_exporter_metrics: flags.disable_exporter_metrics,
            scrapes: Arc::new(Semaphore::new(flags.max_requests.get().into())),
            reload: flags.enable_lifecycle.then(|| requests.clone()),
        });
        Ok(Server { exporter, context, site, listeners, reload_queue: requests, reload_requests })
    }

    /// Where it listens.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Starts to poll.
    pub(super) fn apply(&mut self, config: Config) -> Result<(), Failure> {
        self.exporter.apply(config).map_err(Failure::bad_input)?;
        self.context.telemetry.config_loaded(self.context.clock.now());
        Ok(())
    }

    /// Serves until SIGTERM or SIGINT. A reload changes what is polled, or nothing where it fails.
    pub(super) async fn run(mut self, reload: Reload) -> Result<(), Failure> {
        let mut signals = Signals::listen()?;
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for listener in std::mem::take(&mut self.listeners) {
            tracing::info!(address = listener.local_addr()?.to_string(), "listening");
            tasks.spawn(web::serve(listener, Arc::clone(&self.site), stop.clone().cancelled_owned()));
        }
        let mut loads = JoinSet::new();
        let mut waiting: Vec<ReloadRequest> = Vec::new();
        loop {
            tokio::select! {
                request = signals.next() => match request {
                    Request::Stop => break,
                    // One that waits already will see what this one would.
                    Request::Reload => drop(self.reload_queue.try_send(oneshot::channel().0)),
                },
                _ = self.reload_requests.recv_many(&mut waiting, RELOAD_QUEUE), if loads.is_empty() => {
                    // Whoever has asked by now sees what this load will see.
                    let (reload, replies) = (reload.clone(), std::mem::take(&mut waiting));
                    loads.spawn(async move { (reload.load().await, replies) });
                }
                Some(Ok((loaded, replies))) = loads.join_next() => {
                    let outcome = self.reload(loaded);
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

    fn reload(&mut self, loaded: Result<Config, Vec<String>>) -> Result<(), String> {
        let outcome = match loaded {
            Ok(config) => self.exporter.apply(config).map_err(lines),
            Err(problems) => Err(problems),
        };
        match outcome {
            Ok(changes) => {
                self.context.telemetry.config_loaded(self.context.clock.now());
                tracing::info!(
                    kept = changes.kept,
                    started = changes.started,
                    stopped = changes.stopped,
                    "configuration reloaded"
                );
                Ok(())
            }
            Err(problems) => {
                self.context.telemetry.config_refused();
                for problem in &problems {
                    tracing::error!(problem, "configuration not reloaded, the last good one stays in force");
                }
                Err(problems.join("\n"))
            }
        }
    }
}

fn lines<T: ToString>(problems: impl IntoIterator<Item = T>) -> Vec<String> {
    problems.into_iter().map(|problem| problem.to_string()).collect()
}
