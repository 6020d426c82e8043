//! Logs to standard error.

use std::{
    io::{self, Write},
    panic, process,
    time::Duration,
};

use tracing::Level;
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt as _,
    registry,
    util::SubscriberInitExt as _,
};

use super::{
    log_queue::LogQueue,
    logfmt::{LogfmtEvents, LogfmtFields},
};
use crate::cli::{LogFlags, LogFormat, LogLevel, output::printable_json};

/// How long to wait at exit until the last lines are written.
const LAST_LINES: Duration = Duration::from_millis(500);

/// Dropping it writes the last lines, unless stderr is blocked.
#[derive(Debug)]
pub(super) struct Log(LogQueue);

impl Drop for Log {
    fn drop(&mut self) {
        self.0.flush(LAST_LINES);
    }
}

/// Starts to log, and ends the process if anything panics: an exporter that has lost a task would serve old data.
pub(super) fn init(flags: &LogFlags, is_one_shot: bool) -> io::Result<Log> {
    let queue = LogQueue::start(io::stderr())?;
    let lines = queue.clone();
    let writer = move || lines.clone();
    let level = match flags.level {
        LogLevel::Trace => Level::TRACE,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Info => Level::INFO,
        LogLevel::Warn => Level::WARN,
        LogLevel::Error => Level::ERROR,
    };
    // Libraries log at warn at most: at finer levels some of them print headers and bodies, which contain secrets.
    let filter = Targets::new()
        .with_default(level.min(Level::WARN))
        .with_target("tcss_exporter", level);
    // `scan` and `check --live` print a table that says the same of each account, with advice.
    let filter = if is_one_shot && level == Level::INFO {
        filter
            .with_target("tcss_exporter::credentials", LevelFilter::OFF)
            .with_target("tcss_exporter::poller", LevelFilter::OFF)
    } else {
        filter
    };
    // `log_internal_errors` would print a failed write to the same stream, and panic if that fails too.
    let layer = match flags.format {
        LogFormat::Logfmt => fmt::layer()
            .event_format(LogfmtEvents)
            .fmt_fields(LogfmtFields)
            .log_internal_errors(false)
            .with_writer(writer)
            .boxed(),
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .log_internal_errors(false)
            .with_writer(move || PrintableJson(writer()))
            .boxed(),
    };
    registry().with(layer.with_filter(filter)).init();
    let log = Log(queue.clone());
    panic::set_hook(Box::new(move |panic| {
        if is_thread_limit(message(panic)) {
            tracing::error!(error = message(panic), "{}", super::THREAD_LIMIT);
        } else {
            let place = panic.location().map(ToString::to_string);
            tracing::error!(
                place,
                panic = message(panic),
                "a task panicked; this is a bug, please report it"
            );
        }
        // `exit` runs no destructors, so lines that wait in the queue would be lost.
        queue.flush(LAST_LINES);
        process::exit(1);
    }));
    Ok(log)
}

/// Escapes what JSON leaves as it is, although terminals obey it: marks and overrides of direction.
struct PrintableJson<W>(W);

impl<W: Write> Write for PrintableJson<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A line is written as a whole, so no character is cut in two.
        match std::str::from_utf8(line) {
            Ok(text) => self.0.write_all(printable_json(text).as_bytes())?,
            Err(_) => self.0.write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Whether tokio or the standard library panicked because the system allows no further thread.
fn is_thread_limit(message: &str) -> bool {
    message.starts_with("OS can't spawn worker thread")
        || message.starts_with("failed to spawn thread")
}

fn message<'a>(panic: &'a panic::PanicHookInfo<'_>) -> &'a str {
    panic.payload_as_str().unwrap_or("(no message)")
}

#[cfg(test)]
mod tests {
    use std::{future, process::Command, sync::Arc, thread};

    use bytes::Bytes;
    use http::Response;
    use http_body_util::Full;
    use hyper::service::service_fn;
    use tokio::{
        io::AsyncWriteExt as _,
        net::{TcpListener, TcpStream},
        task::{JoinSet, spawn_blocking},
    };

    use super::*;

    #[test]
    fn a_line_of_json_has_no_overrides_of_direction() {
        let mut lines = Vec::new();
        let line = "{\"account\":\"a\u{202e}b 生产\"}\n";
        let written = PrintableJson(&mut lines).write(line.as_bytes()).unwrap();
        assert_eq!(written, line.len());
        let expected = "{\"account\":\"a\\u202eb 生产\"}\n";
        assert_eq!(String::from_utf8(lines).unwrap(), expected);
    }
    use crate::{
        client::Client,
        collectors,
        config::{self, Config, Overrides},
        credentials::Source,
        domain::Clock,
        listener::{self, Peer, Stream, Timeouts},
        poller::Context,
        signer::{Credentials, Secret},
        supervisor::Supervisor,
        telemetry::Telemetry,
    };

    /// Names the kind of task that panics, in a process of its own.
    const KIND: &str = "TCSS_EXPORTER_TEST_PANIC";
    const NAME: &str =
        "app::logging::tests::a_panic_in_any_kind_of_task_ends_the_process_with_1_and_says_so";

    #[test]
    fn a_panic_in_any_kind_of_task_ends_the_process_with_1_and_says_so() {
        if let Ok(kind) = std::env::var(KIND) {
            return panic_in(&kind);
        }
        for kind in [
            "task",
            "set of tasks",
            "blocking task",
            "thread",
            "poll",
            "request",
            "handshake",
        ] {
            let this = std::env::current_exe().unwrap();
            let mut command = Command::new(this);
            let output = command
                .args(["--exact", NAME, "--nocapture"])
                .env(KIND, kind)
                .output()
                .unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{kind}: {said}");
            assert!(
                said.contains("level=error") && said.contains("panic=\"out of luck\""),
                "{kind}: {said}"
            );
            assert!(!said.contains("lives on"), "{kind}: {said}");
        }
    }

    /// Panics in a task of this kind. The process has a second to end.
    fn panic_in(kind: &str) {
        let _log = init(
            &LogFlags {
                level: LogLevel::Info,
                format: LogFormat::Logfmt,
            },
            false,
        )
        .unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut tasks = JoinSet::new();
            match kind {
                "task" => drop(tokio::spawn(async { out_of_luck() })),
                "set of tasks" => drop(tasks.spawn(async { out_of_luck() })),
                "blocking task" => drop(spawn_blocking(out_of_luck)),
                "thread" => drop(thread::spawn(out_of_luck)),
                "poll" => drop(tokio::spawn(poll())),
                "request" => serve(listener::plain).await,
                "handshake" => serve(async |_, _| out_of_luck()).await,
                kind => unreachable!("{kind}"),
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            tracing::info!("lives on");
        });
    }

    fn out_of_luck() -> ! {
        panic!("out of luck")
    }

    /// Polls an account whose answers make the client panic.
    async fn poll() {
        let clock = Clock::system();
        let actions = collectors::action_names();
        let telemetry = Arc::new(Telemetry::new(&actions).unwrap());
        let client = Client::in_process(clock, Arc::clone(&telemetry), Arc::new(|_| out_of_luck()));
        let mut account = config::load(None, &Overrides::default())
            .unwrap()
            .config
            .accounts
            .remove(0);
        let secret_key = Secret::new("key".into());
        account.credentials = Source::Static(Credentials {
            secret_id: "id".into(),
            secret_key,
            token: None,
        });
        let mut exporter = Supervisor::new(Arc::new(Context::new(client, clock, telemetry)));
        exporter.apply(Config::of(vec![account])).await.unwrap();
        future::pending::<()>().await;
    }

    /// Serves one connection, after what `wrap` does, with a service that panics.
    async fn serve<F>(wrap: impl Fn(Stream, Peer) -> F + Send + 'static)
    where
        F: Future<Output = Option<Stream>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: exporter\r\n\r\n")
            .await
            .unwrap();
        let minute = Duration::from_mins(1);
        let timeouts = Timeouts {
            header: minute,
            request: minute,
            drain: minute,
        };
        let service = service_fn(async |_| -> io::Result<Response<Full<Bytes>>> { out_of_luck() });
        tokio::spawn(listener::serve(
            vec![listener.into()],
            wrap,
            service,
            timeouts,
            future::pending(),
        ));
    }
}
