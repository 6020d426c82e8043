//! A list of accounts from an HTTP server, in the format of the HTTP service discovery of
//! Prometheus.
//!
//! The server says which accounts there are, and their labels. It cannot say where requests go or
//! how they are signed: keys that it must not have are refused, and with them the list.

use std::{collections::BTreeMap, path::Path, sync::LazyLock, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use secrecy::zeroize::Zeroizing;
use serde::Deserialize;
use tokio::time::timeout;

use super::{FetchContext, FetchError, ListedAccount, MemberList};
use crate::{
    client::ListRequest,
    config::{HttpList, ListAuth},
    domain::{LabelName, MAX_LABELS, Reason, Uin},
    workers::WorkerPool,
    yaml::read_watched_file,
};

const TIMEOUT: Duration = Duration::from_secs(30);
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// A read that hangs keeps its thread.
static READERS: LazyLock<WorkerPool> = LazyLock::new(|| WorkerPool::new("discovery", 1));
/// The label that names the account for people.
const NAME: &str = "name";

pub(super) async fn fetch(
    list: &HttpList,
    refresh_interval: Duration,
    context: &FetchContext,
) -> Result<MemberList, FetchError> {
    let mut ca_certificates = None;
    if let Some(file) = &list.ca_file {
        ca_certificates = Some(read_file(file).await?.to_vec());
    }
    let request = ListRequest {
        url: &list.url,
        authorization: authorization(&list.auth).await?,
        ca_certificates,
        refresh_interval,
    };
    let Ok(body) = timeout(TIMEOUT, context.client.list(request)).await else {
        let message = "no complete response before the timeout";
        return Err(FetchError::new(Reason::Timeout, message));
    };
    match body {
        Ok(body) => parse(&body),
        Err(error) => Err(FetchError::new(error.reason, error.message)),
    }
}

async fn authorization(auth: &ListAuth) -> Result<Option<HeaderValue>, FetchError> {
    let text = match auth {
        ListAuth::None => return Ok(None),
        ListAuth::Bearer { token_file } => {
            let token = read_secret(token_file).await?;
            Zeroizing::new(format!("Bearer {}", token.as_str()))
        }
        ListAuth::Basic {
            username,
            password_file,
        } => {
            let password = read_secret(password_file).await?;
            let pair = Zeroizing::new(format!("{username}:{}", password.as_str()));
            let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
            Zeroizing::new(format!("Basic {}", encoded.as_str()))
        }
    };
    let Ok(mut value) = HeaderValue::from_str(&text) else {
        let message = "the token has characters that are not allowed in an HTTP header";
        return Err(FetchError::new(Reason::Credentials, message));
    };
    // `Debug` of the value then shows no part of the secret.
    value.set_sensitive(true);
    Ok(Some(value))
}

/// The text of the file without surrounding white space, such as its last line break.
async fn read_secret(file: &Path) -> Result<Zeroizing<String>, FetchError> {
    let bytes = read_file(file).await?;
    match std::str::from_utf8(&bytes) {
        Ok(text) if !text.trim().is_empty() => Ok(Zeroizing::new(text.trim().to_owned())),
        _ => Err(FetchError::new(
            Reason::Credentials,
            format!("{} is empty or not UTF-8", file.display()),
        )),
    }
}

async fn read_file(file: &Path) -> Result<Zeroizing<Vec<u8>>, FetchError> {
    let path = file.to_owned();
    let reading = READERS.run(move || read_watched_file(&path));
    match timeout(READ_TIMEOUT, reading).await {
        Ok(Ok(bytes)) => Ok(Zeroizing::new(bytes)),
        Ok(Err(message)) => Err(FetchError::new(
            Reason::Credentials,
            format!("{} {message}", file.display()),
        )),
        Err(_) => Err(FetchError::new(
            Reason::Credentials,
            format!("{} could not be read in time", file.display()),
        )),
    }
}

/// Some targets with the same labels.
#[derive(Deserialize)]
// Another key, such as an endpoint, would mean that the server expects more than labels to take
// effect. Ignoring it would hide that.
#[serde(deny_unknown_fields)]
struct TargetGroup {
    targets: Vec<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// Reads the whole list, or refuses it.
pub(super) fn parse(body: &[u8]) -> Result<MemberList, FetchError> {
    let refused = |message: String| FetchError::new(Reason::Decode, message);
    let groups: Vec<TargetGroup> = match serde_json::from_slice(body) {
        Ok(groups) => groups,
        Err(error) => {
            // The messages of `serde_json` quote the response.
            let (line, column) = (error.line(), error.column());
            return Err(refused(format!(
                "the response is not a JSON list of objects with targets and labels only (line {line}, column {column})"
            )));
        }
    };
    let mut members: BTreeMap<Uin, ListedAccount> = BTreeMap::new();
    for group in groups {
        let (name, labels) = split_labels(group.labels).map_err(refused)?;
        for target in &group.targets {
            let uin = Uin::parse(target).map_err(|message| refused(format!("target {message}")))?;
            let member = members
                .entry(uin)
                .or_insert_with(|| ListedAccount::new(uin));
            if let Some(name) = &name {
                member.name.clone_from(name);
            }
            // A target of several groups has the labels of all of them.
            member.tags.extend(labels.clone());
            check_number_of_labels(&member.tags).map_err(refused)?;
        }
    }
    Ok(MemberList {
        members: members.into_values().collect(),
        n_left_out: 0,
        n_pages: 1,
    })
}

type ListLabels = BTreeMap<String, String>;

/// The name of the account and its other labels.
fn split_labels(mut labels: ListLabels) -> Result<(Option<String>, ListLabels), String> {
    let name = labels.remove(NAME);
    // As in Prometheus, these are not for the result.
    labels.retain(|name, _| !name.starts_with("__"));
    for name in labels.keys() {
        LabelName::parse(name).map_err(|message| format!("label {message}"))?;
    }
    Ok((name, labels))
}

fn check_number_of_labels(labels: &ListLabels) -> Result<(), String> {
    let n = labels.len();
    if n > MAX_LABELS {
        return Err(format!(
            "a target has {n} labels, must have at most {MAX_LABELS}"
        ));
    }
    Ok(())
}
