//! The configuration of the web server: TLS, headers, users, rate limit. Raw file → checked [`WebConfig`], all problems
//! at once. Keys and meanings are those of Prometheus' exporter-toolkit.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use rustls::ServerConfig;
use sha2::{Digest as _, Sha256};

use crate::yaml::{
    self, MapReader, Problem, Problems, Setting, ValueReader, YamlFile, file_problem, scalar,
};

mod certificate;
mod client_certs;
mod password;
mod pem;
mod tls;

pub use certificate::ValidityPeriod;
pub use password::PasswordHash;

/// How metrics and pages are served, checked.
#[derive(Clone, Debug, Default)]
pub struct WebConfig {
    /// None for plain HTTP.
    pub tls: Option<Arc<ServerConfig>>,
    /// Sent with every response.
    pub headers: HeaderMap,
    /// Without any, no authentication is required.
    pub users: BTreeMap<String, PasswordHash>,
    /// For all clients together.
    pub rate_limit: Option<RateLimit>,
    /// When the certificate of the server expires.
    pub certificate_expiry: Option<Timestamp>,
    /// What is valid but probably unintended.
    warnings: Vec<Problem>,
    periods: Vec<CertificatePeriod>,
}

/// A certificate of the configuration, and what to say when it is not valid.
#[derive(Clone, Debug)]
struct CertificatePeriod {
    period: ValidityPeriod,
    expired: Problem,
    not_yet_valid: Problem,
}

/// What `tls_server_config` says.
#[derive(Debug, Default)]
struct TlsReading {
    config: Option<Arc<ServerConfig>>,
    /// When the certificate of the server expires.
    expiry: Option<Timestamp>,
    warnings: Vec<Problem>,
    periods: Vec<CertificatePeriod>,
}

impl WebConfig {
    /// What is valid but probably unintended, such as a certificate that has expired.
    pub fn warnings(&self, now: Timestamp) -> Vec<Problem> {
        let mut warnings = self.warnings.clone();
        for certificate in &self.periods {
            if certificate.period.has_ended(now) {
                warnings.push(certificate.expired.clone());
            } else if !certificate.period.has_begun(now) {
                warnings.push(certificate.not_yet_valid.clone());
            }
        }
        warnings.sort();
        warnings
    }
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Adds one token; at most 1 day.
    pub interval: Duration,
    /// The size of the bucket; at most a million.
    pub burst: NonZeroU32,
}

/// The result of reading the file and the files that it names.
#[derive(Debug)]
pub struct WebConfigReading {
    /// Unchanged as long as no file changes.
    pub fingerprint: [u8; 32],
    /// Whether the file has no content but comments.
    pub is_blank: bool,
    pub outcome: Result<WebConfig, Problems>,
}

/// Reads `file` and the files that it names, whose paths are relative to it.
pub fn read(file: &Path) -> WebConfigReading {
    let mut files = FileReader::new(file);
    let mut problems = Vec::new();
    let mut is_blank = false;
    let mut config = WebConfig::default();
    match files.parse(file) {
        Ok(document) => {
            is_blank = document.is_blank();
            config = read_config(document.value(), &mut files, &mut problems);
        }
        Err(problem) => problems.push(problem),
    }
    WebConfigReading {
        fingerprint: files.digest.finalize().into(),
        is_blank,
        outcome: Problems::none_of(problems).map(|()| config),
    }
}

#[cfg(any(test, fuzzing))]
/// Reads these bytes as a file, for fuzzing. The files that it names do not exist.
pub(crate) fn of_bytes(bytes: &[u8]) -> Result<WebConfig, Problems> {
    let file = Path::new("/nonexistent/web.yml");
    let mut problems = Vec::new();
    let mut config = WebConfig::default();
    match YamlFile::parse(file, 0, bytes.to_vec()) {
        Ok(document) => {
            config = read_config(document.value(), &mut FileReader::new(file), &mut problems);
        }
        Err(problem) => problems.push(problem),
    }
    Problems::none_of(problems)?;
    Ok(config)
}

/// Reads files and computes a digest of their contents, so that a change of any of them is noticed.
struct FileReader {
    directory: PathBuf,
    digest: Sha256,
}

impl FileReader {
    fn new(file: &Path) -> FileReader {
        FileReader {
            directory: file.parent().unwrap_or(Path::new("")).to_owned(),
            digest: Sha256::new(),
        }
    }

    fn parse(&mut self, file: &Path) -> Result<YamlFile, Problem> {
        match self.read_path(file) {
            Ok(bytes) => YamlFile::parse(file, 0, bytes),
            Err(message) => Err(file_problem(file, 0, None, message)),
        }
    }

    /// The bytes of a file that the configuration names; so does the message of a failure.
    fn read(&mut self, name: &str) -> Result<Vec<u8>, String> {
        let file = self.directory.join(name);
        self.read_path(&file)
            .map_err(|message| format!("{} {message}", file.display()))
    }

    fn read_path(&mut self, file: &Path) -> Result<Vec<u8>, String> {
        let bytes = yaml::read_watched_file(file);
        let content = match &bytes {
            Ok(bytes) => bytes,
            // A file that cannot be read must be noticed when it becomes readable.
            Err(message) => message.as_bytes(),
        };
        // The lengths keep two files from being confused with one that contains both.
        for part in [file.as_os_str().as_encoded_bytes(), content] {
            self.digest.update((part.len() as u64).to_le_bytes());
            self.digest.update(part);
        }
        bytes
    }
}

fn read_config(
    value: ValueReader<'_>,
    files: &mut FileReader,
    problems: &mut Vec<Problem>,
) -> WebConfig {
    let mut config = WebConfig::default();
    let Some(file) = value.as_map(problems) else {
        return config;
    };
    let mut sections = Vec::new();
    let tls = file.section("tls_server_config", problems);
    let http = file.section("http_server_config", problems);
    // Read before TLS, since cipher suites that HTTP/2 requires must be among those that are
    // configured. exporter-toolkit enables it by default.
    let mut has_http2 = true;
    if let Some(http) = &http {
        // Only HTTP/1.1 is served, which clients choose where HTTP/2 is not offered, so any value of `http2` is fine.
        if let Some(http2) = http.read("http2", problems, scalar::boolean) {
            has_http2 = http2.value != Some(false);
        }
        if let Some(headers) = http.section("headers", problems) {
            config.headers = read_headers(&headers, problems);
            headers.finish(problems);
        }
    }
    if let Some(tls) = tls {
        if let Some(reading) = tls::read(&tls, has_http2, files, problems) {
            config.tls = reading.config;
            config.certificate_expiry = reading.expiry;
            config.warnings = reading.warnings;
            config.periods = reading.periods;
        }
        sections.push(("tls_server_config", tls.finish(problems)));
    }
    if let Some(http) = http {
        sections.push(("http_server_config", http.finish(problems)));
    }
    // The keys are user names, so none is unknown.
    if let Some(users) = file.at("basic_auth_users") {
        config.users = read_users(users, problems);
    }
    if let Some(limit) = file.section("rate_limit", problems) {
        config.rate_limit = read_rate_limit(&limit, problems);
        sections.push(("rate_limit", limit.finish(problems)));
    }
    file.finish_with(&sections, problems);
    config
}

/// The headers that can be set, and what each may be; empty is anything.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-XSS-Protection", &[]),
    ("Strict-Transport-Security", &[]),
];

fn read_headers(map: &MapReader<'_>, problems: &mut Vec<Problem>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, allowed) in HEADERS {
        let value = map.read(name, problems, |value| {
            header(scalar::text(value)?, allowed)
        });
        if let Some(Setting {
            value: Some(Some(value)),
            ..
        }) = value
            && let Ok(name) = HeaderName::from_bytes(name.as_bytes())
        {
            headers.insert(name, value);
        }
    }
    headers
}

/// None for a blank one, which counts as absent.
fn header(value: &str, allowed: &[&str]) -> Result<Option<HeaderValue>, String> {
    if value.is_empty() {
        return Ok(None);
    }
    if !allowed.is_empty() && !allowed.contains(&value) {
        let allowed = allowed.join(" or ");
        return Err(format!("{value:?} is not allowed, expected {allowed}"));
    }
    let mut bytes = value.bytes();
    match HeaderValue::from_str(value) {
        Ok(header) if bytes.all(|byte| byte == b' ' || byte.is_ascii_graphic()) => Ok(Some(header)),
        _ => Err("has characters that are not allowed in a header, expected ASCII".into()),
    }
}

fn read_users(
    value: ValueReader<'_>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, PasswordHash> {
    let mut users = BTreeMap::new();
    for (name, value) in value.entries(problems) {
        // Basic authentication ends the user name at the first colon.
        if name.contains(':') {
            problems.push(value.problem("has a colon in the user name, which clients cannot send"));
        }
        let hash = match scalar::text(value) {
            Ok(text) => PasswordHash::parse(text),
            // The reader's own message could show a part of a hash.
            Err(_) => Err(password::ADVICE.to_owned()),
        };
        match hash {
            Ok(hash) => _ = users.insert(name.to_owned(), hash),
            Err(message) => problems.push(value.problem(message)),
        }
    }
    users
}

fn read_rate_limit(map: &MapReader<'_>, problems: &mut Vec<Problem>) -> Option<RateLimit> {
    let interval = map.read("interval", problems, interval);
    let burst = map.read("burst", problems, burst);
    let (interval, burst) = match (interval, burst) {
        (None, None) => return None,
        // No limit, as in exporter-toolkit.
        (Some(interval), _) if interval.value == Some(Duration::ZERO) => return None,
        (Some(interval), Some(burst)) => (interval, burst),
        (None, Some(_)) => {
            problems.push(map.problem("has no interval; add one, for example interval: 1s"));
            return None;
        }
        (Some(_), None) => {
            let message =
                "has no burst, so every request would be refused; add one, for example burst: 20";
            problems.push(map.problem(message));
            return None;
        }
    };
    if burst.value == Some(0) {
        let message = "0 would refuse every request, must be at least 1";
        problems.push(burst.origin.problem(message));
    }
    Some(RateLimit {
        interval: interval.value?,
        burst: NonZeroU32::new(burst.value?)?,
    })
}

/// At most a day. Zero needs no unit.
fn interval(value: ValueReader<'_>) -> Result<Duration, String> {
    // As in exporter-toolkit, whose durations accept a bare zero.
    if value.source() == "0" {
        return Ok(Duration::ZERO);
    }
    let interval = scalar::duration(value)?;
    scalar::within(interval, Duration::ZERO, Duration::from_hours(24))
}

fn burst(value: ValueReader<'_>) -> Result<u32, String> {
    let burst = scalar::integer(value)?;
    match u32::try_from(burst) {
        Ok(burst) if burst <= 1_000_000 => Ok(burst),
        _ => Err("is too large, must be at most 1000000".into()),
    }
}

#[cfg(test)]
mod tests;
