//! Logs, on standard error.

use std::{io, panic, process};

use tracing::Level;
use tracing_subscriber::{
    Layer, filter::Targets, fmt, layer::SubscriberExt as _, registry, util::SubscriberInitExt as _,
};

use crate::cli::{LogFlags, LogFormat, LogLevel};

/// Logs from here on, and ends the process when anything panics: an exporter that limps on serves old numbers.
pub(super) fn init(flags: &LogFlags) {
    let level = match flags.level {
        LogLevel::Trace => Level::TRACE,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Info => Level::INFO,
        LogLevel::Warn => Level::WARN,
        LogLevel::Error => Level::ERROR,
    };
    // Libraries say what goes wrong and no more: at finer levels, some of them show what is on the wire.
    let filter = Targets::new().with_default(level.min(Level::WARN)).with_target("tcss_exporter", level);
    // A log that cannot be written is no reason to end, and telling it on the same stream would panic.
    let layer = match flags.format {
        LogFormat::Logfmt => fmt::layer()
            .event_format(tracing_logfmt::EventsFormatter::default())
            .fmt_fields(tracing_logfmt::FieldsFormatter::default())
            .log_internal_errors(false)
            .with_writer(io::stderr)
            .boxed(),
        LogFormat::Json => {
            fmt::layer().json().flatten_event(true).log_internal_errors(false).with_writer(io::stderr).boxed()
        }
    };
    registry().with(layer.with_filter(filter)).init();
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, panic = message(panic), "a task panicked; this is a bug, please report it");
        process::exit(1);
    }));
}

fn message<'a>(panic: &'a panic::PanicHookInfo<'_>) -> &'a str {
    panic.payload_as_str().unwrap_or("(no message)")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Set in the process that panics.
    const ALONE: &str = "TCSS_EXPORTER_TEST_ALONE";
    const NAME: &str = "app::logging::tests::a_panic_in_any_task_ends_the_process_with_1_and_says_so";

    #[test]
    fn a_panic_in_any_task_ends_the_process_with_1_and_says_so() {
        if std::env::var_os(ALONE).is_some() {
            return panic_in_a_task();
        }
        let this = std::env::current_exe().unwrap();
        let output =
            Command::new(this).args(["--exact", NAME, "--nocapture"]).env(ALONE, "1").output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("level=error") && said.contains("panic=\"out of luck\""), "{said}");
    }

    fn panic_in_a_task() {
        init(&LogFlags { level: LogLevel::Info, format: LogFormat::Logfmt });
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            tokio::spawn(async { panic!("out of luck") });
            tokio::time::sleep(std::time::Duration::from_mins(1)).await;
        });
    }
}
