//! The configuration of the web server: TLS, headers, users, rate limit. Raw file → checked [`WebConfig`], every problem
//! at once. Keys and meanings are those of Prometheus' exporter-toolkit.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue};
use rustls::ServerConfig;
use sha2::{Digest as _, Sha256};

use super::{
    file, keys,
    problem::{Problem, Problems},
    scalar,
    tree::{At, Document},
    yaml::Value,
};

mod client_certs;
mod password;
mod pem;
mod tls;

pub use password::PasswordHash;

/// How the site is served, checked.
#[derive(Clone, Debug, Default)]
pub struct WebConfig {
    /// Certificate, key and all; none for plain HTTP.
    pub tls: Option<Arc<ServerConfig>>,
    /// For every answer.
    pub headers: HeaderMap,
    /// Who may come in; everybody if there are none.
    pub users: BTreeMap<String, PasswordHash>,
    /// How often anybody may ask.
    pub rate_limit: Option<RateLimit>,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// After this long, one more request may come; 1 day at most.
    pub interval: Duration,
    /// So many may come at once; a million at most.
    pub burst: NonZeroU32,
}

/// What came of reading the file and the files that it names.
#[derive(Debug)]
pub struct Reading {
    /// The same for as long as no file changes.
    pub fingerprint: [u8; 32],
    /// Whether the file says nothing at all.
    pub is_blank: bool,
    /// What it says.
    pub outcome: Result<WebConfig, Problems>,
}

/// Reads `file` and the files that it names, whose paths are relative to it.
pub fn read(file: &Path) -> Reading {
    let mut files = Files::new(file);
    let mut problems = Vec::new();
    let document = files
        .document(file)
        .map_err(|problem| problems.push(problem))
        .ok();
    let is_blank = document
        .as_ref()
        .is_some_and(|document| matches!(document.root.value, Value::Null));
    let config = document.map(|document| config(document.at(), &mut files, &mut problems));
    Reading {
        fingerprint: files.read.finalize().into(),
        is_blank,
        outcome: Problems::none_of(problems).map(|()| config.unwrap_or_default()),
    }
}

/// What a file of these bytes says, for fuzzing. The files that it names are not there.
pub(crate) fn of_bytes(bytes: &[u8]) -> Result<WebConfig, Problems> {
    let file = Path::new("/nonexistent/web.yml");
    let mut problems = Vec::new();
    let document = file::document(file, 0, bytes.to_vec())
        .map_err(|problem| problems.push(problem))
        .ok();
    let config =
        document.map(|document| config(document.at(), &mut Files::new(file), &mut problems));
    Problems::none_of(problems)?;
    Ok(config.unwrap_or_default())
}

/// Reads files, and remembers what was in them.
struct Files {
    directory: PathBuf,
    read: Sha256,
}

impl Files {
    fn new(file: &Path) -> Files {
        Files {
            directory: file.parent().unwrap_or(Path::new("")).to_owned(),
            read: Sha256::new(),
        }
    }

    fn document(&mut self, file: &Path) -> Result<Document, Problem> {
        let bytes = self.remember(file, file::read_again(file));
        bytes
            .map_err(|message| file::problem(file, 0, None, message))
            .and_then(|bytes| file::document(file, 0, bytes))
    }

    /// The bytes of a file that the configuration names. The message of a failure names it too.
    fn read(&mut self, name: &str) -> Result<Vec<u8>, String> {
        let file = self.directory.join(name);
        let bytes = file::read_again(&file);
        self.remember(&file, bytes)
            .map_err(|message| format!("{} {message}", file.display()))
    }

    fn remember(&mut self, file: &Path, bytes: Result<Vec<u8>, String>) -> Result<Vec<u8>, String> {
        let content = bytes
            .as_deref()
            .unwrap_or_else(|message| message.as_bytes());
        for part in [file.as_os_str().as_encoded_bytes(), content] {
            self.read.update((part.len() as u64).to_le_bytes());
            self.read.update(part);
        }
        bytes
    }
}

fn config(at: At<'_>, files: &mut Files, problems: &mut Vec<Problem>) -> WebConfig {
    let Some(file) = at.fields(&keys::WEB, problems) else {
        return WebConfig::default();
    };
    WebConfig {
        tls: file
            .at("tls_server_config")
            .and_then(|at| tls::read(at, files, problems)),
        headers: file
            .at("http_server_config")
            .map(|at| headers(at, problems))
            .unwrap_or_default(),
        users: file
            .at("basic_auth_users")
            .map(|at| users(at, problems))
            .unwrap_or_default(),
        rate_limit: file
            .at("rate_limit")
            .and_then(|at| rate_limit(at, problems)),
    }
}

/// The site speaks HTTP/1.1, which is what clients choose where there is no HTTP/2, so `http2` may say what it likes.
fn headers(at: At<'_>, problems: &mut Vec<Problem>) -> HeaderMap {
    let Some(http) = at.fields(&keys::HTTP, problems) else {
        return HeaderMap::new();
    };
    http.read("http2", problems, scalar::boolean);
    let Some(headers) = http
        .at("headers")
        .and_then(|at| at.fields(&keys::HEADERS, problems))
    else {
        return HeaderMap::new();
    };
    let read = |name: &&'static str| {
        let value = headers
            .read(name, problems, |at| header(name, scalar::text(at)?))?
            .value??;
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
    };
    keys::HEADERS.keys.iter().filter_map(read).collect()
}

/// None for a blank one, which is as if it were not there.
fn header(name: &str, value: &str) -> Result<Option<HeaderValue>, String> {
    let allowed: &[&str] = match name {
        "X-Frame-Options" => &["deny", "sameorigin"],
        "X-Content-Type-Options" => &["nosniff"],
        _ => &[],
    };
    if value.is_empty() {
        return Ok(None);
    }
    if !allowed.is_empty() && !allowed.contains(&value) {
        return Err(format!(
            "{value:?} is not allowed; write {}",
            allowed.join(" or ")
        ));
    }
    let is_plain = value
        .bytes()
        .all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let value = HeaderValue::from_str(value).ok().filter(|_| is_plain);
    value
        .map(Some)
        .ok_or_else(|| "has characters that no header can carry; write plain ASCII".into())
}

fn users(at: At<'_>, problems: &mut Vec<Problem>) -> BTreeMap<String, PasswordHash> {
    let mut users = BTreeMap::new();
    for (name, at) in at.entries(problems) {
        if name.contains(':') {
            problems.push(
                at.problem(
                    "has a colon in the user's name, which no client can send; leave it out",
                ),
            );
        }
        match scalar::text(at).ok().map(PasswordHash::parse) {
            Some(Ok(hash)) => drop(users.insert(name.to_owned(), hash)),
            Some(Err(message)) => problems.push(at.problem(message)),
            None => problems.push(at.problem(password::ADVICE)),
        }
    }
    users
}

fn rate_limit(at: At<'_>, problems: &mut Vec<Problem>) -> Option<RateLimit> {
    let fields = at.fields(&keys::RATE_LIMIT, problems)?;
    let interval = fields.read("interval", problems, interval);
    let burst = fields.read("burst", problems, burst);
    let (interval, burst) = match (interval, burst) {
        (None, None) => return None,
        // No limit, as in exporter-toolkit.
        (Some(interval), _) if interval.value == Some(Duration::ZERO) => return None,
        (Some(interval), Some(burst)) => (interval, burst),
        (None, Some(_)) => {
            problems.push(fields.problem("has no interval; write one such as interval: 1s"));
            return None;
        }
        (Some(_), None) => {
            problems
                .push(fields.problem(
                    "has no burst, so no request could come; write one such as burst: 20",
                ));
            return None;
        }
    };
    if burst.value == Some(0) {
        problems.push(
            burst
                .origin
                .problem("0 would let no request come; write 1 or more"),
        );
    }
    Some(RateLimit {
        interval: interval.value?,
        burst: NonZeroU32::new(burst.value?)?,
    })
}

/// Zero needs no unit.
fn interval(at: At<'_>) -> Result<Duration, String> {
    if at.source() == "0" {
        return Ok(Duration::ZERO);
    }
    scalar::within(
        scalar::duration(at)?,
        Duration::ZERO,
        Duration::from_hours(24),
    )
}

fn burst(at: At<'_>) -> Result<u32, String> {
    let burst = scalar::integer(at)?;
    let burst = u32::try_from(burst)
        .ok()
        .filter(|burst| *burst <= 1_000_000);
    burst.ok_or_else(|| "is too much; write 1 to 1000000".into())
}

#[cfg(test)]
mod docs_test;
#[cfg(test)]
mod tests;
