//! Groups of flags that several commands share.

use std::{num::NonZeroU16, path::PathBuf, time::Duration};

use clap::{Args, builder::BoolishValueParser};

use super::values::{ListenAddress, LogFormat, LogLevel, TelemetryPath, WebAddress};
use crate::{config::Overrides, domain::ShardChoice};

/// What to poll, and how.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(next_help_heading = "Configuration; a flag replaces the file's value for all accounts")]
pub struct ConfigFlags {
    /// Configuration file; without it, one account named "default"
    #[arg(
        long = "config.file",
        env = "TCSS_EXPORTER_CONFIG_FILE",
        value_name = "FILE"
    )]
    pub file: Option<PathBuf>,

    /// Where the API is [default: tcss.tencentcloudapi.com]
    #[arg(
        long = "api.endpoint",
        env = "TCSS_EXPORTER_API_ENDPOINT",
        value_name = "URL-OR-HOST"
    )]
    endpoint: Option<String>,

    /// Region to send as X-TC-Region; TCSS needs none
    #[arg(
        long = "api.region",
        env = "TCSS_EXPORTER_API_REGION",
        value_name = "REGION"
    )]
    region: Option<String>,

    /// Time zone of the times in answers: an offset or an IANA name [default: +08:00]
    #[arg(
        long = "api.time-zone",
        env = "TCSS_EXPORTER_API_TIME_ZONE",
        value_name = "ZONE",
        allow_hyphen_values = true
    )]
    time_zone: Option<String>,

    /// Time between two polls while no scan runs [default: 1m]
    #[arg(
        long = "poll.interval",
        env = "TCSS_EXPORTER_POLL_INTERVAL",
        value_name = "DURATION",
        value_parser = humantime::parse_duration
    )]
    interval: Option<Duration>,

    /// Time between two polls while a scan runs [default: 10s]
    #[arg(
        long = "poll.scanning-interval",
        env = "TCSS_EXPORTER_POLL_SCANNING_INTERVAL",
        value_name = "DURATION",
        value_parser = humantime::parse_duration
    )]
    scanning_interval: Option<Duration>,

    /// Longest that one poll may take from its first request on [default: 10s]
    #[arg(
        long = "poll.timeout",
        env = "TCSS_EXPORTER_POLL_TIMEOUT",
        value_name = "DURATION",
        value_parser = humantime::parse_duration
    )]
    timeout: Option<Duration>,

    /// Time without a success after which an account's scan gauges are withheld [default: 5m]
    #[arg(
        long = "poll.stale-after",
        env = "TCSS_EXPORTER_POLL_STALE_AFTER",
        value_name = "DURATION",
        value_parser = humantime::parse_duration
    )]
    stale_after: Option<Duration>,

    /// Share of the accounts to poll: N/M such as 0/3, or auto/M for the N at the end of the host name [default: all]
    #[arg(long, env = "TCSS_EXPORTER_SHARD", value_name = "N/M")]
    pub shard: Option<ShardChoice>,
}

impl ConfigFlags {
    /// The settings that flags give. They have the names of the file's keys.
    pub fn overrides(&self) -> Overrides {
        let duration = humantime::format_duration;
        Overrides::default()
            .with("api", "endpoint", self.endpoint.clone())
            .with("api", "region", self.region.clone())
            .with("api", "time_zone", self.time_zone.clone())
            .with("poll", "interval", self.interval.map(duration))
            .with(
                "poll",
                "scanning_interval",
                self.scanning_interval.map(duration),
            )
            .with("poll", "timeout", self.timeout.map(duration))
            .with("poll", "stale_after", self.stale_after.map(duration))
    }
}

/// How to serve it.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(next_help_heading = "Web")]
pub struct WebConfigFlags {
    /// File with certificates, users and headers, as Prometheus' exporter-toolkit has it
    #[arg(
        id = "web.config.file",
        long,
        env = "TCSS_EXPORTER_WEB_CONFIG_FILE",
        value_name = "FILE"
    )]
    pub file: Option<PathBuf>,
}

/// What to serve, and where.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(next_help_heading = "Web")]
pub struct WebFlags {
    #[command(flatten)]
    pub config: WebConfigFlags,

    /// Address or unix:PATH; may be repeated [default: :10058]
    #[arg(
        long = "web.listen-address",
        env = "TCSS_EXPORTER_WEB_LISTEN_ADDRESS",
        value_name = "ADDRESS",
        value_delimiter = ','
    )]
    listen_addresses: Vec<WebAddress>,

    /// Listen on the sockets that systemd hands over
    #[arg(
        long = "web.systemd-socket",
        env = "TCSS_EXPORTER_WEB_SYSTEMD_SOCKET",
        value_parser = BoolishValueParser::new()
    )]
    systemd_socket: bool,

    /// Path of the metrics
    #[arg(
        long = "web.telemetry-path",
        env = "TCSS_EXPORTER_WEB_TELEMETRY_PATH",
        value_name = "PATH",
        default_value = "/metrics"
    )]
    pub telemetry_path: TelemetryPath,

    /// Most scrapes that are answered at once; further ones get 503
    #[arg(
        long = "web.max-requests",
        env = "TCSS_EXPORTER_WEB_MAX_REQUESTS",
        value_name = "N",
        default_value = "40",
        value_parser = at_least_one
    )]
    pub max_requests: NonZeroU16,

    /// Allow to reload the configuration by POST /-/reload
    #[arg(
        long = "web.enable-lifecycle",
        env = "TCSS_EXPORTER_WEB_ENABLE_LIFECYCLE",
        value_parser = BoolishValueParser::new()
    )]
    pub enable_lifecycle: bool,

    /// Leave out metrics about the exporter's own process
    #[arg(
        long = "web.disable-exporter-metrics",
        env = "TCSS_EXPORTER_WEB_DISABLE_EXPORTER_METRICS",
        value_parser = BoolishValueParser::new()
    )]
    pub disable_exporter_metrics: bool,
}

/// Where the site listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sockets {
    /// On these.
    Addresses(Vec<WebAddress>),
    /// On what systemd hands over.
    Systemd,
}

impl WebFlags {
    /// Where to listen. Fails where two flags say different things.
    pub fn sockets(&self) -> Result<Sockets, &'static str> {
        match (self.systemd_socket, &self.listen_addresses[..]) {
            (true, []) => Ok(Sockets::Systemd),
            (true, _) => Err(
                "--web.systemd-socket says to listen elsewhere than --web.listen-address; give one of them",
            ),
            (false, []) => Ok(Sockets::Addresses(vec![WebAddress::Tcp(
                ListenAddress::Everywhere(10058),
            )])),
            (false, addresses) => Ok(Sockets::Addresses(addresses.to_vec())),
        }
    }
}

fn at_least_one(text: &str) -> Result<NonZeroU16, String> {
    text.parse()
        .map_err(|_| format!("write a number from 1 to {}", NonZeroU16::MAX))
}

/// What to log, and how.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(next_help_heading = "Log, on stderr")]
pub struct LogFlags {
    /// Least important lines to log
    #[arg(
        long = "log.level",
        env = "TCSS_EXPORTER_LOG_LEVEL",
        value_name = "LEVEL",
        default_value = "info",
        value_enum
    )]
    pub level: LogLevel,

    /// Form of the lines
    #[arg(
        long = "log.format",
        env = "TCSS_EXPORTER_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "logfmt",
        value_enum
    )]
    pub format: LogFormat,
}
