//! Groups of flags that several commands share.

use std::{num::NonZeroU16, path::PathBuf, time::Duration};

use clap::{Args, builder::BoolishValueParser};

use super::values::{
    LeaseDuration, LeaseName, ListenAddress, LogFormat, LogLevel, ReplicaIdentity, StandbyMode,
    TelemetryPath, UnixSocketMode, WebAddress,
};
use crate::{
    config::Overrides,
    domain::{ShardChoice, format_duration, parse_duration},
};

#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(
    next_help_heading = "Configuration (flags override the defaults of the configuration file)"
)]
pub struct ConfigFlags {
    #[arg(
        long = "config.file",
        env = "TCSS_EXPORTER_CONFIG_FILE",
        value_name = "FILE",
        help = "Path to the configuration file. Without it, one account named \"default\" is polled."
    )]
    pub file: Option<PathBuf>,

    #[arg(
        long = "api.endpoint",
        env = "TCSS_EXPORTER_API_ENDPOINT",
        value_name = "URL-OR-HOST",
        help = "Endpoint of the API, as a host or a URL. [default: tcss.tencentcloudapi.com]"
    )]
    endpoint: Option<String>,

    #[arg(
        long = "api.region",
        env = "TCSS_EXPORTER_API_REGION",
        value_name = "REGION",
        help = "Region to send as X-TC-Region. TCSS does not require one."
    )]
    region: Option<String>,

    #[arg(
        long = "api.time-zone",
        env = "TCSS_EXPORTER_API_TIME_ZONE",
        value_name = "ZONE",
        allow_hyphen_values = true,
        help = "Time zone of times in API responses, as an offset or an IANA name. [default: +08:00]"
    )]
    time_zone: Option<String>,

    #[arg(
        long = "poll.interval",
        env = "TCSS_EXPORTER_POLL_INTERVAL",
        value_name = "DURATION",
        value_parser = parse_duration,
        help = "Interval between polls while no scan is running. [default: 1m]"
    )]
    interval: Option<Duration>,

    #[arg(
        long = "poll.scanning-interval",
        env = "TCSS_EXPORTER_POLL_SCANNING_INTERVAL",
        value_name = "DURATION",
        value_parser = parse_duration,
        help = "Interval between polls while a scan is running. [default: 10s]"
    )]
    scanning_interval: Option<Duration>,

    #[arg(
        long = "poll.timeout",
        env = "TCSS_EXPORTER_POLL_TIMEOUT",
        value_name = "DURATION",
        value_parser = parse_duration,
        help = "Timeout of one poll, including retries. [default: 10s]"
    )]
    timeout: Option<Duration>,

    #[arg(
        long = "poll.stale-after",
        env = "TCSS_EXPORTER_POLL_STALE_AFTER",
        value_name = "DURATION",
        value_parser = parse_duration,
        help = "Maximum age of data. After this long without a successful poll, values are withheld. [default: 5m]"
    )]
    stale_after: Option<Duration>,

    #[arg(
        long,
        env = "TCSS_EXPORTER_SHARD",
        value_name = "N/M",
        allow_hyphen_values = true,
        help = "Shard of the accounts to poll: N/M, for example 0/3, or auto/M to use the number at the end of the host name. [default: all]"
    )]
    pub shard: Option<ShardChoice>,

    /// The flags whose values come from their environment variables.
    #[arg(skip)]
    pub(super) from_environment: Vec<String>,
}

impl ConfigFlags {
    /// The settings that flags give. They have the names of the file's keys.
    pub fn overrides(&self) -> Overrides {
        // Durations are handed on as text, in the form that the file has.
        let duration = format_duration;
        Overrides::default()
            .from_environment(&self.from_environment)
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

#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(next_help_heading = "Web")]
pub struct WebConfigFlags {
    #[arg(
        id = "web.config.file",
        long,
        env = "TCSS_EXPORTER_WEB_CONFIG_FILE",
        value_name = "FILE",
        help = "Path to the web configuration file, with TLS, users, headers and a rate limit. The format is that of the Prometheus exporter-toolkit."
    )]
    pub file: Option<PathBuf>,
}

#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(next_help_heading = "Web")]
pub struct WebFlags {
    #[command(flatten)]
    pub config: WebConfigFlags,

    #[arg(
        long = "web.listen-address",
        env = "TCSS_EXPORTER_WEB_LISTEN_ADDRESS",
        value_name = "ADDRESS",
        value_delimiter = ',',
        help = "Address on which to expose metrics and web interface: HOST:PORT or unix:PATH. Repeatable for multiple addresses. [default: :10058]"
    )]
    listen_addresses: Vec<WebAddress>,

    #[arg(
        long = "web.unix-socket-mode",
        env = "TCSS_EXPORTER_WEB_UNIX_SOCKET_MODE",
        value_name = "MODE",
        help = "Permissions of the files of Unix sockets, in octal, for example 0660. By default, those that the umask allows."
    )]
    pub unix_socket_mode: Option<UnixSocketMode>,

    #[arg(
        long = "web.systemd-socket",
        env = "TCSS_EXPORTER_WEB_SYSTEMD_SOCKET",
        value_parser = BoolishValueParser::new(),
        help = "Use systemd socket activation listeners instead of port listeners."
    )]
    systemd_socket: bool,

    #[arg(
        long = "web.telemetry-path",
        env = "TCSS_EXPORTER_WEB_TELEMETRY_PATH",
        value_name = "PATH",
        default_value = "/metrics",
        help = "Path under which to expose metrics."
    )]
    pub telemetry_path: TelemetryPath,

    #[arg(
        long = "web.max-requests",
        env = "TCSS_EXPORTER_WEB_MAX_REQUESTS",
        value_name = "N",
        default_value = "40",
        value_parser = at_least_one,
        help = "Maximum number of parallel scrape requests. Further ones are answered with status 503."
    )]
    pub max_requests: NonZeroU16,

    #[arg(
        long = "web.enable-lifecycle",
        env = "TCSS_EXPORTER_WEB_ENABLE_LIFECYCLE",
        value_parser = BoolishValueParser::new(),
        help = "Enable reload via HTTP request (POST /-/reload)."
    )]
    pub enable_lifecycle: bool,

    #[arg(
        long = "web.disable-exporter-metrics",
        env = "TCSS_EXPORTER_WEB_DISABLE_EXPORTER_METRICS",
        value_parser = BoolishValueParser::new(),
        help = "Exclude metrics about the exporter itself (process_*, its HTTP server and its log)."
    )]
    pub disable_exporter_metrics: bool,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sockets {
    Addresses(Vec<WebAddress>),
    /// Socket activation.
    Systemd,
}

impl WebFlags {
    /// Fails if the flags contradict each other.
    pub fn sockets(&self) -> Result<Sockets, &'static str> {
        // A variable may set one and a flag the other, so this is checked after both were read.
        match (self.systemd_socket, &self.listen_addresses[..]) {
            (true, []) => Ok(Sockets::Systemd),
            (true, _) => {
                Err("--web.systemd-socket and --web.listen-address are mutually exclusive")
            }
            (false, []) => Ok(Sockets::Addresses(vec![WebAddress::Tcp(
                ListenAddress::Everywhere(10058),
            )])),
            (false, addresses) => Ok(Sockets::Addresses(addresses.to_vec())),
        }
    }
}

fn at_least_one(text: &str) -> Result<NonZeroU16, String> {
    text.parse()
        .map_err(|_| format!("expected a number from 1 to {}", NonZeroU16::MAX))
}

#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(next_help_heading = "High availability")]
pub struct HaFlags {
    #[arg(
        long = "ha.kubernetes-lease",
        env = "TCSS_EXPORTER_HA_KUBERNETES_LEASE",
        value_name = "NAME",
        help = "Name of a Kubernetes Lease by which replicas elect the one that exposes the accounts: NAME in the namespace of the pod, or NAMESPACE/NAME. With --shard=N/M, -N-of-M is appended."
    )]
    pub lease: Option<LeaseName>,

    #[arg(
        long = "ha.lease-duration",
        env = "TCSS_EXPORTER_HA_LEASE_DURATION",
        value_name = "DURATION",
        default_value = "15s",
        help = "Duration after which another replica takes over if the Lease was not renewed: 10s to 5m."
    )]
    pub duration: LeaseDuration,

    #[arg(
        long = "ha.standby",
        env = "TCSS_EXPORTER_HA_STANDBY",
        value_name = "MODE",
        default_value = "hot",
        value_enum,
        help = "What replicas do that are not the leader: poll as well (hot), or not at all (cold)."
    )]
    pub standby: StandbyMode,

    #[arg(
        long = "ha.identity",
        env = "TCSS_EXPORTER_HA_IDENTITY",
        value_name = "NAME",
        help = "Name of this replica in the Lease. It must differ from those of all other replicas. By default, the host name and a random suffix."
    )]
    pub identity: Option<ReplicaIdentity>,
}

#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(next_help_heading = "Logging (to stderr)")]
pub struct LogFlags {
    #[arg(
        long = "log.level",
        env = "TCSS_EXPORTER_LOG_LEVEL",
        value_name = "LEVEL",
        default_value = "info",
        value_enum,
        help = "Only log messages with the given severity or above."
    )]
    pub level: LogLevel,

    #[arg(
        long = "log.format",
        env = "TCSS_EXPORTER_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "logfmt",
        value_enum,
        help = "Output format of log messages."
    )]
    pub format: LogFormat,
}
