//! The metrics of the process itself, in a registry of the `prometheus` crate.

use std::{sync::LazyLock, time::Duration};

use jiff::Timestamp;
use prometheus::{
    Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, core::Collector, proto::MetricFamily,
};

use crate::{
    build_info,
    domain::{Moment, Reason, Shard, unix_seconds},
};

mod lease;
#[cfg(target_os = "linux")]
mod process;

pub use lease::LeaseMetrics;

/// An answer takes tens of milliseconds inside China, hundreds from elsewhere.
const BUCKETS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// For families with at most one series, absent while they do not apply.
const NO_LABELS: &[&str] = &[];

const HTTP_REQUESTS: &str = "tcss_exporter_http_requests_total";
const HANDSHAKE_FAILURES: &str = "tcss_exporter_tls_handshake_failures_total";
const LOG_LINES: &str = "tcss_exporter_log_lines_dropped_total";

/// Counts log lines that were dropped. It belongs to the process, as the log does.
pub static LOG_LINES_DROPPED: LazyLock<IntCounter> = LazyLock::new(|| {
    IntCounter::new(
        LOG_LINES,
        "Total number of log lines dropped because stderr was blocked or not writable.",
    )
    .expect("a fixed name is valid")
});

/// The metrics of the process itself.
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
    tls_handshake_failures: IntCounterVec,
    web_certificate_expiry: GaugeVec,
    shard_index: IntGauge,
    shards: IntGauge,
}

/// Why a TLS handshake with a client failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandshakeFailure {
    /// The client closed the connection.
    Closed,
    /// The client did not complete the handshake in time.
    Timeout,
    /// The client does not speak TLS.
    NotTls,
    /// Client and server have no version, cipher suite or curve in common.
    Incompatible,
    /// The client refused the handshake, for example because it does not trust the certificate of
    /// the server.
    RefusedByClient,
    /// A client certificate is required.
    NoClientCertificate,
    /// The client certificate is not accepted.
    BadClientCertificate,
    Other,
}

impl HandshakeFailure {
    const ALL: [HandshakeFailure; 8] = [
        HandshakeFailure::Closed,
        HandshakeFailure::Timeout,
        HandshakeFailure::NotTls,
        HandshakeFailure::Incompatible,
        HandshakeFailure::RefusedByClient,
        HandshakeFailure::NoClientCertificate,
        HandshakeFailure::BadClientCertificate,
        HandshakeFailure::Other,
    ];

    /// The value of the label `reason`.
    pub const fn as_str(self) -> &'static str {
        match self {
            HandshakeFailure::Closed => "closed",
            HandshakeFailure::Timeout => "timeout",
            HandshakeFailure::NotTls => "not_tls",
            HandshakeFailure::Incompatible => "incompatible",
            HandshakeFailure::RefusedByClient => "refused_by_client",
            HandshakeFailure::NoClientCertificate => "no_client_certificate",
            HandshakeFailure::BadClientCertificate => "bad_client_certificate",
            HandshakeFailure::Other => "other",
        }
    }
}

impl Telemetry {
    /// With [`Telemetry::expect_action`] for each of `actions`.
    pub fn new(actions: &[&str]) -> Result<Telemetry, prometheus::Error> {
        let registry = Registry::new();
        let telemetry = Telemetry {
            request_duration: register(&registry, HistogramVec::new(
                HistogramOpts::new(
                    "tcss_api_request_duration_seconds",
                    "Histogram of API request durations in seconds, from sending the request to the end of the response or the failure.",
                )
                .buckets(BUCKETS.to_vec()),
                &["action"],
            ))?,
            request_failures: register(&registry, IntCounterVec::new(
                Opts::new("tcss_api_request_failures_total", "Total number of failed API requests by reason."),
                &["action", "reason"],
            ))?,
            retries: register(&registry, IntCounterVec::new(
                Opts::new(
                    "tcss_api_retries_total",
                    "Total number of API requests that retried a failed request within the same poll.",
                ),
                &["action"],
            ))?,
            http_requests: register(&registry, IntCounterVec::new(
                Opts::new(HTTP_REQUESTS, "Total number of HTTP requests served by the exporter, by status code and handler."),
                &["code", "handler"],
            ))?,
            reload_successful: register(&registry, IntGauge::new(
                "tcss_exporter_config_last_reload_successful",
                "Whether the last configuration reload attempt was successful.",
            ))?,
            reload_success_time: register(&registry, Gauge::new(
                "tcss_exporter_config_last_reload_success_timestamp_seconds",
                "Unix time at which the configuration was last loaded successfully.",
            ))?,
            web_reload_successful: register(&registry, IntGaugeVec::new(
                Opts::new(
                    "tcss_exporter_web_config_last_reload_successful",
                    "Whether the last web configuration reload attempt was successful.",
                ),
                NO_LABELS,
            ))?,
            web_reload_success_time: register(&registry, GaugeVec::new(
                Opts::new(
                    "tcss_exporter_web_config_last_reload_success_timestamp_seconds",
                    "Unix time at which the web configuration was last loaded successfully.",
                ),
                NO_LABELS,
            ))?,
            tls_handshake_failures: register(&registry, IntCounterVec::new(
                Opts::new(HANDSHAKE_FAILURES, "Total number of failed TLS handshakes with clients, by reason."),
                &["reason"],
            ))?,
            web_certificate_expiry: register(&registry, GaugeVec::new(
                Opts::new(
                    "tcss_exporter_web_certificate_expiry_timestamp_seconds",
                    "Unix time at which the certificate of the web server expires.",
                ),
                NO_LABELS,
            ))?,
            shard_index: register(&registry, IntGauge::new(
                "tcss_exporter_shard_index",
                "Index of the shard that this exporter polls, starting at 0.",
            ))?,
            shards: register(&registry, IntGauge::new(
                "tcss_exporter_shards",
                "Number of shards into which the accounts are divided.",
            ))?,
            registry,
        };
        telemetry.register_build_info()?;
        telemetry
            .registry
            .register(Box::new(LOG_LINES_DROPPED.clone()))?;
        #[cfg(target_os = "linux")]
        telemetry
            .registry
            .register(Box::new(process::ProcessCollector::new()?))?;
        telemetry.set_shard(Shard::WHOLE);
        for action in actions {
            telemetry.expect_action(action);
        }
        telemetry
            .http_requests
            .with_label_values(&["200", "metrics"]);
        Ok(telemetry)
    }

    fn register_build_info(&self) -> Result<(), prometheus::Error> {
        let build_info = IntGaugeVec::new(
            Opts::new(
                "tcss_exporter_build_info",
                "A metric with a constant '1' value labeled by the version, revision and Rust version from which the exporter was built.",
            ),
            &["version", "revision", "rustversion"],
        );
        let build_info = register(&self.registry, build_info)?;
        let labels = [
            build_info::VERSION,
            build_info::REVISION,
            build_info::RUST_VERSION,
        ];
        build_info.with_label_values(&labels).set(1);
        Ok(())
    }

    /// Makes every series that `action` can have. `increase()` does not see the step from absent to
    /// 1, so they start at 0.
    pub fn expect_action(&self, action: &str) {
        self.request_duration.with_label_values(&[action]);
        self.retries.with_label_values(&[action]);
        for reason in Reason::ALL {
            self.request_failures
                .with_label_values(&[action, reason.as_str()]);
        }
    }

    pub fn set_shard(&self, shard: Shard) {
        self.shard_index.set(shard.index().into());
        self.shards.set(shard.count().into());
    }

    /// Counts a request that ended, successful or not.
    pub fn request_took(&self, action: &str, time: Duration) {
        self.request_duration
            .with_label_values(&[action])
            .observe(time.as_secs_f64());
    }

    /// Counts a request that failed.
    pub fn request_failed(&self, action: &str, reason: Reason) {
        self.request_failures
            .with_label_values(&[action, reason.as_str()])
            .inc();
    }

    /// Counts a retry.
    pub fn request_retried(&self, action: &str) {
        self.retries.with_label_values(&[action]).inc();
    }

    /// Counts an HTTP request to this exporter.
    pub fn http_answered(&self, code: u16, handler: &str) {
        self.http_requests
            .with_label_values(&[code.to_string().as_str(), handler])
            .inc();
    }

    /// Counts a TLS handshake with a client of this exporter that failed.
    pub fn tls_handshake_failed(&self, reason: HandshakeFailure) {
        self.tls_handshake_failures
            .with_label_values(&[reason.as_str()])
            .inc();
    }

    /// The web server has a certificate that expires then, or none.
    pub fn set_web_certificate_expiry(&self, expiry: Option<Timestamp>) {
        let Some(expiry) = expiry else {
            // After a reload that has removed the certificate, its expiry must not stay.
            self.web_certificate_expiry.reset();
            return;
        };
        self.web_certificate_expiry
            .with_label_values(NO_LABELS)
            .set(unix_seconds(expiry));
        // The failures exist from the first scrape on, so that increases are seen.
        for reason in HandshakeFailure::ALL {
            self.tls_handshake_failures
                .with_label_values(&[reason.as_str()]);
        }
    }

    /// The configuration was loaded at `now`.
    pub fn config_loaded(&self, now: Moment) {
        self.reload_successful.set(1);
        self.reload_success_time.set(unix_seconds(now.wall));
    }

    /// The configuration could not be loaded; the previous one stays in force.
    pub fn config_refused(&self) {
        self.reload_successful.set(0);
    }

    /// The web configuration was loaded at `now`. Without one, its families are absent.
    pub fn web_config_loaded(&self, now: Moment) {
        self.web_reload_successful
            .with_label_values(NO_LABELS)
            .set(1);
        self.web_reload_success_time
            .with_label_values(NO_LABELS)
            .set(unix_seconds(now.wall));
    }

    /// The web configuration could not be loaded; the previous one stays in force.
    pub fn web_config_refused(&self) {
        self.web_reload_successful
            .with_label_values(NO_LABELS)
            .set(0);
    }

    /// The families about leader election. Without it, they are absent. Call it once.
    pub fn register_lease(
        &self,
        lease: &str,
        reasons: &[&str],
    ) -> Result<LeaseMetrics, prometheus::Error> {
        LeaseMetrics::register(&self.registry, lease, reasons)
    }

    /// All families except those about the process, its HTTP server and its log, sorted by name.
    pub fn gather_without_exporter(&self) -> Vec<MetricFamily> {
        let mut families = self.gather();
        families.retain(|family| {
            !family.name().starts_with("process_")
                && ![HTTP_REQUESTS, HANDSHAKE_FAILURES, LOG_LINES].contains(&family.name())
        });
        families
    }

    /// All families, sorted by name.
    pub fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }
}

/// Makes a metric known to `registry`.
fn register<M: Collector + Clone + 'static>(
    registry: &Registry,
    metric: Result<M, prometheus::Error>,
) -> Result<M, prometheus::Error> {
    let metric = metric?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}
