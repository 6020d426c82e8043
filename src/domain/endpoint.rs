//! The address of the API, and its region.

use std::fmt;

use url::{Host, Url};

use super::placeholder_fault;

/// The address of an API: a scheme, a host and optionally a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint(Url);

impl Endpoint {
    /// The API for accounts of the mainland site.
    pub const DEFAULT: &'static str = "tcss.tencentcloudapi.com";

    /// Reads a URL, or a host with an optional port, which means https. Plain http sends tokens in the clear, so it is
    /// only accepted for loopback addresses unless `allow_http` is set.
    pub fn parse(text: &str, allow_http: bool) -> Result<Endpoint, String> {
        // Checked before the URL is parsed: the messages below quote the text, and a password must
        // not be shown.
        if text.contains('@') {
            return Err(
                "contains a user name or password; configure credentials separately".into(),
            );
        }
        if let Some(fault) = placeholder_fault(text) {
            return Err(format!("{text:?} {fault}"));
        }
        let url = if text.contains("://") {
            Url::parse(text)
        } else {
            Url::parse(&format!("https://{text}"))
        };
        let url = match url {
            Ok(url) => url,
            Err(error) => return Err(format!("{text:?} is not a valid URL or host: {error}")),
        };
        let fault = if !matches!(url.scheme(), "http" | "https") {
            "has a scheme other than https or http"
        } else if !matches!(url.path(), "" | "/")
            || url.query().is_some()
            || url.fragment().is_some()
        {
            "has a path, query or fragment, expected only scheme, host and port"
        } else if !is_plain_host(&url) {
            "has a host with characters that are not allowed in a host name"
        } else if !has_domain(&url) {
            "has a host without a domain, expected for example tcss.tencentcloudapi.com; \
             a host without a dot needs a port"
        } else if !allow_http && is_exposed(&url) {
            "is plain http to another machine; use https, or set api.allow_http to true in the configuration file"
        } else {
            return Ok(Endpoint(url));
        };
        Err(format!("{text:?} {fault}"))
    }

    /// Ends in `/`.
    pub fn url(&self) -> &Url {
        &self.0
    }

    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }

    /// Whether others can read the traffic: plain http to another machine.
    pub fn is_exposed(&self) -> bool {
        is_exposed(&self.0)
    }

    /// The header `Host`: with the port only where it is not the default of the scheme.
    pub fn host(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        match self.0.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

/// `Url` accepts commas and other characters that no resolver knows.
fn is_plain_host(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)),
        Some(_) => true,
        None => false,
    }
}

/// Names without a dot exist in container networks and in /etc/hosts, where services have ports of
/// their own. Without a port, one is most likely a typo.
fn has_domain(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            name.trim_matches('.').contains('.') || url.port().is_some() || is_loopback(url)
        }
        _ => true,
    }
}

fn is_exposed(url: &Url) -> bool {
    url.scheme() == "http" && !is_loopback(url)
}

/// Whether `url` is on this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        // Other names can resolve to a loopback address now and to another one later.
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The name of a region, for example `ap-guangzhou`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(String);

impl Region {
    /// 1 to 64 letters, digits and hyphens: it becomes a header.
    pub fn parse(text: &str) -> Result<Self, String> {
        let well_formed = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if well_formed && (1..=64).contains(&text.len()) {
            Ok(Region(text.to_owned()))
        } else {
            Err(format!(
                "{text:?} is not a valid region, expected for example ap-guangzhou"
            ))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Result<String, String> {
        Endpoint::parse(text, false).map(|endpoint| format!("{endpoint} {}", endpoint.host()))
    }

    #[test]
    fn an_endpoint_is_a_url_or_a_host() {
        let cases = [
            (
                "tcss.tencentcloudapi.com",
                "https://tcss.tencentcloudapi.com tcss.tencentcloudapi.com",
            ),
            (
                "tcss.example:8443",
                "https://tcss.example:8443 tcss.example:8443",
            ),
            (
                "https://tcss.example:443/",
                "https://tcss.example tcss.example",
            ),
            (
                "http://127.0.0.1:10059",
                "http://127.0.0.1:10059 127.0.0.1:10059",
            ),
            ("http://[::1]:80", "http://[::1] [::1]"),
            ("http://localhost:1", "http://localhost:1 localhost:1"),
            ("https://gateway:8443", "https://gateway:8443 gateway:8443"),
        ];
        for (text, expected) in cases {
            assert_eq!(endpoint(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn an_invalid_endpoint_is_refused_without_showing_a_password() {
        for text in [
            "",
            "ftp://a",
            "https://a/b",
            "https://a?b",
            "https://u:p@a",
            "http://10.0.0.1",
            "http://a.example",
            "\"tcss.tencentcloudapi.com\"",
            "tcss.tencentcloudapi.com,tcss.intl.tencentcloudapi.com",
            "tcss",
            "https://tcss",
            "https://tcss.",
            "${TCSS_ENDPOINT}",
            "tcss.tencentcloudapi.com ",
        ] {
            assert!(endpoint(text).is_err(), "{text}");
        }
        for text in [
            "https://user:hunter2@a",
            "ftp://user:hunter2@a",
            "https://user:hunter2@a:99999",
        ] {
            assert!(!endpoint(text).unwrap_err().contains("hunter2"), "{text}");
        }
        assert!(Endpoint::parse("http://10.0.0.1", true).is_ok());
    }
}
