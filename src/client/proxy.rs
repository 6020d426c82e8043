//! The proxy that the environment names, and for which hosts it is used.
//!
//! The HTTP client would ignore a variable that it cannot read and connect directly. That would
//! send requests around a proxy that is there for a reason, so such a variable is an error here.

use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

/// A proxy variable that cannot be used. Never repeats its value, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct ProxyError {
    variable: String,
    problem: &'static str,
}

/// What `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say, in capitals or not.
#[derive(Clone, Debug, Default)]
pub(super) struct ProxySettings {
    https: Option<Url>,
    http: Option<Url>,
    excluded: Vec<Exclusion>,
}

/// An entry of `NO_PROXY`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Exclusion {
    Everything,
    Network(IpNet),
    /// A host and its subdomains, on one port or on all.
    Domain(String, Option<u16>),
}

impl ProxySettings {
    pub(super) fn of_the_process() -> Result<ProxySettings, ProxyError> {
        ProxySettings::read(|name| std::env::var(name).ok())
    }

    /// Reads the variables with `get`.
    fn read(get: impl Fn(&str) -> Option<String>) -> Result<ProxySettings, ProxyError> {
        let all = proxy(&get, "ALL_PROXY")?;
        let https = proxy(&get, "HTTPS_PROXY")?;
        let http = proxy(&get, "HTTP_PROXY")?;
        let (no_proxy, entries) = variable(&get, "NO_PROXY").unwrap_or_default();
        let mut excluded = Vec::new();
        for entry in entries.split([',', ' ']).filter(|entry| !entry.is_empty()) {
            if let Some(exclusion) = Exclusion::parse(entry) {
                excluded.push(exclusion);
                continue;
            }
            // Other tools ignore such entries, too, so one that is meant for another program must
            // not prevent the start.
            tracing::warn!(
                entry,
                "{no_proxy}: entry is ignored, expected a domain, an address or a network such as 10.0.0.0/8"
            );
        }
        Ok(ProxySettings {
            https: https.or_else(|| all.clone()),
            http: http.or(all),
            excluded,
        })
    }

    /// The proxy for requests to `url`, if there is one.
    pub(super) fn for_url(&self, url: &Url) -> Option<&Url> {
        if self.excluded.iter().any(|exclusion| exclusion.matches(url)) {
            return None;
        }
        match url.scheme() {
            "https" => self.https.as_ref(),
            _ => self.http.as_ref(),
        }
    }
}

/// The name and the trimmed value of the variable; the name in lower case counts first, as in curl.
fn variable(get: &impl Fn(&str) -> Option<String>, name: &str) -> Option<(String, String)> {
    for name in [name.to_lowercase(), name.to_owned()] {
        if let Some(value) = get(&name)
            && !value.trim().is_empty()
        {
            return Some((name, value.trim().to_owned()));
        }
    }
    None
}

fn proxy(get: &impl Fn(&str) -> Option<String>, name: &str) -> Result<Option<Url>, ProxyError> {
    let Some((variable, value)) = variable(get, name) else {
        return Ok(None);
    };
    match parse(&value) {
        Ok(url) => Ok(Some(url)),
        Err(problem) => Err(ProxyError { variable, problem }),
    }
}

fn parse(value: &str) -> Result<Url, &'static str> {
    const EXPECTED: &str =
        "is not a valid proxy URL, expected for example http://proxy.example:3128";
    if value.contains(['"', '\'']) {
        return Err("contains quotes, which are not removed by docker run --env-file");
    }
    if value.contains(char::is_whitespace) {
        return Err("contains blanks");
    }
    let with_scheme = if value.contains("://") {
        value.to_owned()
    } else if value.contains(":/") {
        // The URL parser would accept http:/proxy.
        return Err(EXPECTED);
    } else {
        format!("http://{value}")
    };
    let Ok(url) = Url::parse(&with_scheme) else {
        return Err(EXPECTED);
    };
    match url.scheme() {
        "http" | "https" => {}
        scheme if scheme.starts_with("socks") => {
            return Err("names a SOCKS proxy, which is not supported; use an HTTP proxy");
        }
        _ => return Err(EXPECTED),
    }
    // What follows an unescaped # or ? is not part of the host or the password.
    if url.fragment().is_some() || url.query().is_some() || !matches!(url.path(), "" | "/") {
        return Err(
            "has more than a host and a port; write special characters of a password as %23, %2F or %3F",
        );
    }
    if url.host().is_none() {
        Err(EXPECTED)
    } else {
        Ok(url)
    }
}

impl Exclusion {
    fn parse(entry: &str) -> Option<Exclusion> {
        if entry == "*" {
            return Some(Exclusion::Everything);
        }
        if let Ok(network) = entry.parse() {
            return Some(Exclusion::Network(network));
        }
        if let Ok(address) = entry.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Some(Exclusion::Network(address.into()));
        }
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (entry, None),
        };
        // Tools differ in which of `*.example.com`, `.example.com` and `example.com` they accept;
        // here, all three mean the same.
        let host = host.trim_start_matches('*').trim_start_matches('.');
        // An asterisk elsewhere or an invalid network would never match.
        if host.is_empty() || host.contains(['*', '/', '"', '\'']) {
            return None;
        }
        Some(Exclusion::Domain(host.to_lowercase(), port))
    }

    fn matches(&self, url: &Url) -> bool {
        match (self, url.host()) {
            (Exclusion::Everything, _) => true,
            (Exclusion::Network(network), Some(Host::Ipv4(address))) => {
                network.contains(&IpAddr::from(address))
            }
            (Exclusion::Network(network), Some(Host::Ipv6(address))) => {
                network.contains(&IpAddr::from(address))
            }
            (Exclusion::Domain(domain, port), Some(host)) => {
                let host = host.to_string();
                let is_host = match host.strip_suffix(domain.as_str()) {
                    // `example.com` must not exclude `badexample.com`.
                    Some(rest) => rest.is_empty() || rest.ends_with('.'),
                    None => false,
                };
                is_host && port.is_none_or(|port| url.port_or_known_default() == Some(port))
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<ProxySettings, ProxyError> {
        ProxySettings::read(|name| {
            let found = variables.iter().find(|(known, _)| *known == name)?;
            Some(found.1.to_owned())
        })
    }

    fn proxy_of(variables: &[(&str, &str)], url: &str) -> Option<String> {
        let settings = settings(variables).unwrap();
        settings
            .for_url(&url.parse().unwrap())
            .map(ToString::to_string)
    }

    const API: &str = "https://tcss.tencentcloudapi.com/";

    #[test]
    fn blanks_around_a_proxy_are_ignored_and_a_scheme_is_optional() {
        for value in ["http://proxy:3128", "http://proxy:3128 ", " proxy:3128\n"] {
            let found = proxy_of(&[("HTTPS_PROXY", value)], API);
            assert_eq!(found.as_deref(), Some("http://proxy:3128/"), "{value:?}");
        }
        assert_eq!(proxy_of(&[("HTTPS_PROXY", " ")], API), None);
        assert_eq!(
            proxy_of(&[("HTTP_PROXY", "proxy:1")], API),
            None,
            "that is for plain http"
        );
        let all = [("all_proxy", "proxy:1"), ("HTTPS_PROXY", "other:2")];
        assert_eq!(proxy_of(&all, API).as_deref(), Some("http://other:2/"));
    }

    #[test]
    fn a_proxy_that_cannot_be_read_is_an_error_that_does_not_repeat_it() {
        for value in [
            "http:/proxy",
            "\"http://proxy:3128\"",
            "http://user:hunter2#x@proxy:3128",
            "http://user:hunter2/x@proxy:3128",
            "http://pro xy:3128",
            "socks5://hunter2:1080",
            "ftp://hunter2",
            "http://proxy:99999",
            "http://",
        ] {
            for name in ["HTTPS_PROXY", "http_proxy", "ALL_PROXY"] {
                let error = settings(&[(name, value)]).unwrap_err().to_string();
                assert!(error.starts_with(&format!("{name}: ")), "{value}: {error}");
                assert!(!error.contains("hunter2"), "{error}");
            }
        }
    }

    #[test]
    fn hosts_of_no_proxy_are_reached_directly() {
        let is_direct = |no_proxy: &str, url: &str| {
            proxy_of(&[("HTTPS_PROXY", "proxy:1"), ("NO_PROXY", no_proxy)], url).is_none()
        };
        for no_proxy in [
            "*",
            "tencentcloudapi.com",
            ".tencentcloudapi.com",
            "*.tencentcloudapi.com",
            "other, TCSS.tencentcloudapi.com",
            "tcss.tencentcloudapi.com:443",
        ] {
            assert!(is_direct(no_proxy, API), "{no_proxy}");
        }
        for no_proxy in [
            "",
            "cloudapi.com",
            "tcss.tencentcloudapi.com:8443",
            "10.0.0.0/8",
        ] {
            assert!(!is_direct(no_proxy, API), "{no_proxy}");
        }
        // These could never match.
        for entry in [
            "192.168.*",
            "10.0.0.0/33",
            "http://a.example",
            "\"a.example\"",
            "a:b",
            ".",
        ] {
            assert_eq!(Exclusion::parse(entry), None, "{entry}");
        }
        assert!(
            is_direct("192.168.*, tencentcloudapi.com", API),
            "other entries count"
        );
        assert!(is_direct("10.0.0.0/8", "https://10.1.2.3/"));
        assert!(is_direct("::1", "https://[::1]:8443/"));
        assert!(!is_direct("10.0.0.0/8", "https://11.1.2.3/"));
    }
}
