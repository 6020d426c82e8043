//! Values of flags.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use clap::ValueEnum;

use crate::domain::{format_duration, parse_duration};

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebAddress {
    Tcp(ListenAddress),
    /// `unix:PATH`.
    Unix(PathBuf),
}

impl FromStr for WebAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some("") => {
                Err("has no path, expected for example unix:/run/tcss-exporter.sock".into())
            }
            Some(path) => Ok(WebAddress::Unix(path.into())),
            None => text.parse().map(WebAddress::Tcp),
        }
    }
}

/// Where to listen on TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// `:PORT`: all addresses of IPv6 and IPv4.
    Everywhere(u16),
    /// `ADDRESS:PORT`, `[ADDRESS]:PORT`.
    Socket(SocketAddr),
    /// `NAME:PORT`: the addresses to which the name resolves.
    Name(String, u16),
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // First as an address: `[::1]:80` has colons of its own.
        if let Ok(address) = text.parse() {
            return Ok(ListenAddress::Socket(address));
        }
        let (host, port) = text
            .rsplit_once(':')
            .ok_or("has no port, expected HOST:PORT or :PORT")?;
        let Ok(port) = port.parse() else {
            return Err(format!(
                "{port:?} is not a valid port, expected a number up to 65535"
            ));
        };
        if host.is_empty() {
            return Ok(ListenAddress::Everywhere(port));
        }
        let mut bytes = host.bytes();
        // Anything else is a typo that a resolver would report less clearly.
        if bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) {
            return Ok(ListenAddress::Name(host.to_owned(), port));
        }
        Err(format!(
            "{host:?} is not a valid host, expected a name or an address such as 127.0.0.1 or [::1]"
        ))
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddress::Everywhere(port) => write!(f, ":{port}"),
            ListenAddress::Socket(address) => address.fmt(f),
            ListenAddress::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

/// The permissions of the file of a Unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnixSocketMode(u32);

impl UnixSocketMode {
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl FromStr for UnixSocketMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix("0o").unwrap_or(text);
        match u32::from_str_radix(digits, 8) {
            // Without a sign, which the parser would accept.
            Ok(mode) if mode <= 0o777 && digits.starts_with(|c: char| c.is_ascii_digit()) => {
                Ok(UnixSocketMode(mode))
            }
            _ => Err("is not a valid mode, expected three octal digits, for example 0660".into()),
        }
    }
}

/// The path of the metrics: not that of another page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetryPath(String);

impl TelemetryPath {
    /// Starts with `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TelemetryPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = if !text.starts_with('/') {
            "does not start with /"
        } else if text == "/"
            || text == "/-"
            || text.starts_with("/-/")
            || text.starts_with("/accounts/")
        {
            "is the path of another page"
        } else if !text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte))
        {
            "has a character that must be escaped in a path"
        } else {
            return Ok(TelemetryPath(text.to_owned()));
        };
        Err(format!("{fault}, expected for example /metrics"))
    }
}

/// 0 for never; otherwise at least a second.
pub(super) fn parse_auto_reload_interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text)?;
    if interval.is_zero() || interval >= Duration::from_secs(1) {
        return Ok(interval);
    }
    Err("is too short, expected at least 1s, or 0s to disable it".into())
}

/// Where the Lease of `--ha.kubernetes-lease` is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseName {
    /// `None` for the namespace of the pod.
    pub namespace: Option<String>,
    pub name: String,
}

impl FromStr for LeaseName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (namespace, name) = match text.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, text),
        };
        for part in namespace.into_iter().chain([name]) {
            if !is_kubernetes_name(part) {
                return Err(format!(
                    "{part:?} is not a valid name of a Kubernetes object, expected for example tcss-exporter or monitoring/tcss-exporter"
                ));
            }
        }
        Ok(LeaseName {
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        })
    }
}

/// Lower-case letters, digits, hyphens and dots, between letters or digits. Shorter than Kubernetes
/// allows, so that the suffix of a shard fits.
fn is_kubernetes_name(text: &str) -> bool {
    let is_alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= 200
        && text.starts_with(is_alphanumeric)
        && text.ends_with(is_alphanumeric)
        && text
            .chars()
            .all(|c| is_alphanumeric(c) || c == '-' || c == '.')
}

/// A duration that a Lease can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseDuration(Duration);

impl LeaseDuration {
    const RANGE: std::ops::RangeInclusive<Duration> =
        Duration::from_secs(10)..=Duration::from_mins(5);

    pub fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for LeaseDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let duration = parse_duration(text)?;
        if !Self::RANGE.contains(&duration) || duration.subsec_nanos() > 0 {
            return Err(format!(
                "{} is not a valid duration of a Lease, expected whole seconds from 10s to 5m",
                format_duration(duration)
            ));
        }
        Ok(LeaseDuration(duration))
    }
}

/// What a replica does that is not the leader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum StandbyMode {
    #[default]
    Hot,
    Cold,
}

/// The name of a replica in its Lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaIdentity(String);

impl ReplicaIdentity {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ReplicaIdentity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > 250 || !text.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err("expected 1 to 250 printable ASCII characters without spaces".into());
        }
        Ok(ReplicaIdentity(text.to_owned()))
    }
}

/// The lowest severity that is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    Trace,
    Debug,
    #[default]
    Info,
    Warn,
    Error,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    #[default]
    Logfmt,
    Json,
}

/// The output of `scan`: for people, for programs, or as on `/metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    #[default]
    Table,
    Json,
    Metrics,
}

/// The output of `accounts`: for people, for programs, or an account file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum AccountFormat {
    #[default]
    Table,
    Json,
    Yaml,
}

/// The output of `images`: for people or for programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    #[default]
    Table,
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listen_address_is_a_port_with_an_optional_host() {
        let parse = |text: &str| text.parse::<ListenAddress>();
        assert_eq!(parse(":10058"), Ok(ListenAddress::Everywhere(10058)));
        assert_eq!(
            parse("localhost:1"),
            Ok(ListenAddress::Name("localhost".into(), 1))
        );
        for socket in ["127.0.0.1:0", "[::1]:10058", "0.0.0.0:80"] {
            assert_eq!(
                parse(socket),
                Ok(ListenAddress::Socket(socket.parse().unwrap()))
            );
        }
        for text in [":10058", "localhost:1", "127.0.0.1:0", "[::1]:10058"] {
            assert_eq!(
                parse(text).map(|address| address.to_string()).as_deref(),
                Ok(text)
            );
        }
        for bad in [
            "",
            "10058",
            "localhost",
            ":",
            ":65536",
            ":http",
            "::1:10058",
            "[::1]",
            "a b:1",
            "http://a:1",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_web_address_may_be_a_unix_socket() {
        let parse = |text: &str| text.parse::<WebAddress>();
        assert_eq!(
            parse(":10058"),
            Ok(WebAddress::Tcp(ListenAddress::Everywhere(10058)))
        );
        assert_eq!(
            parse("unix:/run/a.sock"),
            Ok(WebAddress::Unix("/run/a.sock".into()))
        );
        assert!(parse("unix:").is_err());
    }

    #[test]
    fn the_mode_of_a_unix_socket_is_octal() {
        let parse = |text: &str| text.parse::<UnixSocketMode>().map(UnixSocketMode::bits);
        for (text, mode) in [("0660", 0o660), ("666", 0o666), ("0o600", 0o600), ("0", 0)] {
            assert_eq!(parse(text), Ok(mode));
        }
        for bad in ["", "0668", "1777", "0x1b0", "rw", "-660", "+660", "u=rw"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_telemetry_path_is_not_that_of_another_page() {
        for good in ["/metrics", "/a/b", "/-metrics", "/metrics/"] {
            assert!(good.parse::<TelemetryPath>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "metrics",
            "/",
            "/-",
            "/-/ready",
            "/accounts/a",
            "/a b",
            "/a?b",
            "/a#b",
            "/ä",
        ] {
            assert!(bad.parse::<TelemetryPath>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_lease_is_a_name_with_an_optional_namespace() {
        let parse = |text: &str| text.parse::<LeaseName>();
        let name = LeaseName {
            namespace: None,
            name: "tcss-exporter".into(),
        };
        assert_eq!(parse("tcss-exporter"), Ok(name.clone()));
        let namespace = Some("monitoring".to_owned());
        assert_eq!(
            parse("monitoring/tcss-exporter"),
            Ok(LeaseName { namespace, ..name })
        );
        for bad in [
            "", "/", "a/", "/a", "a/b/c", "A", "a b", "-a", "a-", "a_b", "ä",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_lease_lasts_whole_seconds_from_10_to_300() {
        let parse = |text: &str| text.parse::<LeaseDuration>().map(LeaseDuration::get);
        assert_eq!(parse("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(parse("5m"), Ok(Duration::from_secs(300)));
        for bad in ["9s", "301s", "15500ms", "15", "0s"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert_eq!(
            parse("5s").unwrap_err(),
            "5s is not a valid duration of a Lease, expected whole seconds from 10s to 5m"
        );
    }

    #[test]
    fn an_identity_is_printable() {
        assert!("pod-0_1a2b3c4d".parse::<ReplicaIdentity>().is_ok());
        for bad in ["", "a b", "a\n", "ä"] {
            assert!(bad.parse::<ReplicaIdentity>().is_err(), "{bad}");
        }
    }
}
