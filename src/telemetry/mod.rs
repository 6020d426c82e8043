//! What the process counts about itself, in the registry of the `prometheus` crate.

use std::{sync::LazyLock, time::Duration};

use prometheus::{
    Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, core::Collector, proto::MetricFamily,
};

use crate::{
    build_info,
    domain::{Moment, Reason, Shard},
};

#[cfg(target_os = "linux")]
mod process;

/// An answer takes tens of milliseconds inside China, hundreds from elsewhere.
const BUCKETS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Of families that have a series or none.
const NO_LABELS: &[&str] = &[];

const HTTP_REQUESTS: &str = "tcss_exporter_http_requests_total";
const LOG_LINES: &str = "tcss_exporter_log_lines_dropped_total";

/// Lines that could not be logged. It belongs to the whole process, as the log does.
pub static LOG_LINES_DROPPED: LazyLock<IntCounter> = LazyLock::new(|| {
    IntCounter::new(
        LOG_LINES,
        "Lines of the log that were dropped, since nobody read it or it could not be written.",
    )
    .expect("a fixed name is valid")
});

/// The process's own metrics.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    request_duration: HistogramVec,
    request_failures: IntCounterVec,
    retries: IntCounterVec,
    http_requests: IntCounterVec,
    reload_successful: IntGauge,
    reload_success_time: Gauge,
    web_reload_successful: IntGaugeVec,
    web_reload_success_time: GaugeVec,
    shard_index: IntGauge,
    shards: IntGauge,
}

impl Telemetry {
    /// Every series that the given API actions can have, at zero.
    pub fn new(actions: &[&str]) -> Result<Telemetry, prometheus::Error> {
        let telemetry = Telemetry {
            registry: Registry::new(),
            request_duration: HistogramVec::new(
                HistogramOpts::new(
                    "tcss_api_request_duration_seconds",
                    "Time from sending an API request to the end of its answer or its failure.",
                )
                .buckets(BUCKETS.to_vec()),
                &["action"],
            )?,
            request_failures: IntCounterVec::new(
                Opts::new(
                    "tcss_api_request_failures_total",
                    "API requests that brought no good answer.",
                ),
                &["action", "reason"],
            )?,
            retries: IntCounterVec::new(
                Opts::new(
                    "tcss_api_retries_total",
                    "API requests that repeated a failed one within its poll.",
                ),
                &["action"],
            )?,
            http_requests: IntCounterVec::new(
                Opts::new(
                    HTTP_REQUESTS,
                    "HTTP requests to this exporter that were answered.",
                ),
                &["code", "handler"],
            )?,
            reload_successful: IntGauge::new(
                "tcss_exporter_config_last_reload_successful",
                "Whether the last attempt to load the configuration succeeded.",
            )?,
            reload_success_time: Gauge::new(
                "tcss_exporter_config_last_reload_success_timestamp_seconds",
                "When the configuration was last loaded, in Unix time.",
            )?,
            web_reload_successful: IntGaugeVec::new(
                Opts::new(
                    "tcss_exporter_web_config_last_reload_successful",
                    "Whether the last attempt to load the web configuration succeeded.",
                ),
                NO_LABELS,
            )?,
            web_reload_success_time: GaugeVec::new(
                Opts::new(
                    "tcss_exporter_web_config_last_reload_success_timestamp_seconds",
                    "When the web configuration was last loaded, in Unix time.",
                ),
                NO_LABELS,
            )?,
            shard_index: IntGauge::new(
                "tcss_exporter_shard_index",
                "Which share of the accounts this exporter polls, counted from 0.",
            )?,
            shards: IntGauge::new(
                "tcss_exporter_shards",
                "Into how many shares the accounts are divided; 1 when this exporter polls all of them.",
            )?,
        };
        telemetry.register()?;
        telemetry.sharded(Shard::WHOLE);
        for action in actions {
            telemetry.request_duration.with_label_values(&[action]);
            telemetry.retries.with_label_values(&[action]);
            for reason in Reason::ALL {
                telemetry
                    .request_failures
                    .with_label_values(&[*action, reason.as_str()]);
            }
        }
        telemetry
            .http_requests
            .with_label_values(&["200", "metrics"]);
        Ok(telemetry)
    }

    fn register(&self) -> Result<(), prometheus::Error> {
        let build = IntGaugeVec::new(
            Opts::new(
                "tcss_exporter_build_info",
                "What this exporter was built from; always 1.",
            ),
            &["version", "revision", "rustversion"],
        )?;
        build
            .with_label_values(&[
                build_info::VERSION,
                build_info::REVISION,
                build_info::RUST_VERSION,
            ])
            .set(1);
        let collectors: [Box<dyn Collector>; 12] = [
            Box::new(self.request_duration.clone()),
            Box::new(self.request_failures.clone()),
            Box::new(self.retries.clone()),
            Box::new(self.http_requests.clone()),
            Box::new(self.reload_successful.clone()),
            Box::new(self.reload_success_time.clone()),
            Box::new(self.web_reload_successful.clone()),
            Box::new(self.web_reload_success_time.clone()),
            Box::new(self.shard_index.clone()),
            Box::new(self.shards.clone()),
            Box::new(build),
            Box::new(LOG_LINES_DROPPED.clone()),
        ];
        collectors
            .into_iter()
            .try_for_each(|collector| self.registry.register(collector))?;
        #[cfg(target_os = "linux")]
        self.registry
            .register(Box::new(process::ProcessCollector::new()?))?;
        Ok(())
    }

    /// The exporter polls the accounts of `shard`.
    pub fn sharded(&self, shard: Shard) {
        self.shard_index.set(shard.index().into());
        self.shards.set(shard.count().into());
    }

    /// A request ended, well or not.
    pub fn request_took(&self, action: &str, time: Duration) {
        self.request_duration
            .with_label_values(&[action])
            .observe(time.as_secs_f64());
    }

    /// A request brought no good answer.
    pub fn request_failed(&self, action: &str, reason: Reason) {
        self.request_failures
            .with_label_values(&[action, reason.as_str()])
            .inc();
    }

    /// A failed request is about to be repeated.
    pub fn request_retried(&self, action: &str) {
        self.retries.with_label_values(&[action]).inc();
    }

    /// An HTTP request to this exporter was answered.
    pub fn http_answered(&self, code: u16, handler: &str) {
        self.http_requests
            .with_label_values(&[code.to_string().as_str(), handler])
            .inc();
    }

    /// The configuration was loaded at `now`.
    pub fn config_loaded(&self, now: Moment) {
        self.reload_successful.set(1);
        self.reload_success_time.set(unix_seconds(now));
    }

    /// The configuration could not be loaded; the last good one is in force.
    pub fn config_refused(&self) {
        self.reload_successful.set(0);
    }

    /// The web configuration was loaded at `now`; without one, nothing is said about it.
    pub fn web_config_loaded(&self, now: Moment) {
        self.web_reload_successful
            .with_label_values(NO_LABELS)
            .set(1);
        self.web_reload_success_time
            .with_label_values(NO_LABELS)
            .set(unix_seconds(now));
    }

    /// The web configuration could not be loaded; the last good one is in force.
    pub fn web_config_refused(&self) {
        self.web_reload_successful
            .with_label_values(NO_LABELS)
            .set(0);
    }

    /// Everything but what is about this process, its HTTP server and its log, sorted by name.
    pub fn gather_without_exporter(&self) -> Vec<MetricFamily> {
        let mut families = self.gather();
        families.retain(|family| {
            !family.name().starts_with("process_")
                && ![HTTP_REQUESTS, LOG_LINES].contains(&family.name())
        });
        families
    }

    /// Everything, sorted by name.
    pub fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of Unix time fit")]
fn unix_seconds(moment: Moment) -> f64 {
    moment.wall.as_millisecond() as f64 / 1e3
}
