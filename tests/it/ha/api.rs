//! A fake of the part of an API server that stores Leases. Its answers are those of a real one, in
//! `tests/fixtures/kubernetes_lease/`.

use std::{collections::BTreeMap, io, sync::Mutex, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use serde_json::Value;
use tokio::time::sleep;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../fixtures/kubernetes_lease/", $name, ".txt"))
    };
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Conflict,
    NotFound,
    Unauthorized,
    Forbidden,
    Invalid,
    ServerError,
    /// 503 with `Retry-After`.
    Unavailable,
    TooManyRequests,
    CutJson,
    Html,
    /// 10 MB.
    Huge,
    Delay(Duration),
    /// The connection is accepted, and nothing is ever answered.
    Silent,
    Reset,
    /// The request takes effect, and the answer is lost.
    AnswerLost,
    /// The request takes effect this much later, and the answer is lost.
    Late(Duration),
}

/// The stored Leases.
#[derive(Debug, Default)]
pub(crate) struct LeaseStore {
    state: Mutex<Stored>,
}

#[derive(Debug, Default)]
struct Stored {
    by_path: BTreeMap<String, Value>,
    version: u64,
    requests: u64,
}

impl LeaseStore {
    pub(crate) fn requests(&self) -> u64 {
        self.state.lock().unwrap().requests
    }

    /// The Lease with this path.
    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        self.state.lock().unwrap().by_path.get(path).cloned()
    }

    /// As a person changes it.
    pub(crate) fn edit(&self, path: &str, change: impl FnOnce(&mut Value)) {
        let mut stored = self.state.lock().unwrap();
        stored.version += 1;
        let version = stored.version.to_string();
        let object = stored.by_path.get_mut(path).unwrap();
        change(object);
        object["metadata"]["resourceVersion"] = version.into();
    }

    pub(crate) fn holder(&self, path: &str) -> String {
        let Some(lease) = self.get(path) else {
            return String::new();
        };
        lease["spec"]["holderIdentity"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Answers as the API server does.
    pub(crate) fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let mut stored = self.state.lock().unwrap();
        stored.requests += 1;
        let path = request.uri().path().to_owned();
        match *request.method() {
            Method::GET => match stored.by_path.get(&path) {
                Some(lease) => json(StatusCode::OK, lease),
                None => recorded(fixture!("get404")),
            },
            Method::POST => {
                let Some(lease) = valid(request.body()) else {
                    return recorded(fixture!("put_seconds_time"));
                };
                let name = lease["metadata"]["name"].as_str().unwrap();
                let path = format!("{path}/{name}");
                if stored.by_path.contains_key(&path) {
                    return recorded(fixture!("post409"));
                }
                stored.write(path, lease, StatusCode::CREATED)
            }
            Method::PUT => {
                let Some(lease) = valid(request.body()) else {
                    return recorded(fixture!("put_seconds_time"));
                };
                let Some(before) = stored.by_path.get(&path) else {
                    return recorded(fixture!("get404"));
                };
                let version = &lease["metadata"]["resourceVersion"];
                if version.is_null() {
                    return recorded(fixture!("put_without_rv"));
                }
                if *version != before["metadata"]["resourceVersion"] {
                    return recorded(fixture!("put409"));
                }
                stored.write(path, lease, StatusCode::OK)
            }
            _ => recorded(fixture!("delete403")),
        }
    }
}

impl Stored {
    fn write(&mut self, path: String, mut lease: Value, status: StatusCode) -> Response<Bytes> {
        self.version += 1;
        lease["metadata"]["resourceVersion"] = self.version.to_string().into();
        let response = json(status, &lease);
        self.by_path.insert(path, lease);
        response
    }
}

/// The Lease of a body, if its times are as the API server wants them.
fn valid(body: &[u8]) -> Option<Value> {
    let lease: Value = serde_json::from_slice(body).ok()?;
    for field in ["acquireTime", "renewTime"] {
        let time = lease["spec"][field].as_str()?;
        let (_, fraction) = time.strip_suffix('Z')?.split_once('.')?;
        time.parse::<jiff::Timestamp>().ok()?;
        if fraction.len() != 6 {
            return None;
        }
    }
    Some(lease)
}

fn json(status: StatusCode, value: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(value.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
    response
}

/// A response as it was recorded.
fn recorded(text: &str) -> Response<Bytes> {
    let (head, body) = text.split_once("\n\n").unwrap();
    let mut response = Response::new(Bytes::from(body.to_owned()));
    *response.status_mut() = head.split(' ').nth(1).unwrap().parse().unwrap();
    response
}

/// What the API server answers to a token that it does not know.
pub(crate) fn unauthorized() -> Response<Bytes> {
    recorded(fixture!("get401"))
}

fn plain(status: u16, body: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

/// Answers `request` with `fault`, or as it should be.
pub(crate) async fn answer(
    store: &'static LeaseStore,
    fault: Option<Fault>,
    request: Request<Bytes>,
) -> io::Result<Response<Bytes>> {
    let lost = || io::Error::new(io::ErrorKind::ConnectionReset, "connection reset by peer");
    let Some(fault) = fault else {
        return Ok(store.answer(&request));
    };
    Ok(match fault {
        Fault::Conflict => recorded(fixture!("put409")),
        Fault::NotFound => recorded(fixture!("get404")),
        Fault::Unauthorized => recorded(fixture!("get401")),
        Fault::Forbidden => recorded(fixture!("get403")),
        Fault::Invalid => recorded(fixture!("put422")),
        Fault::ServerError => plain(500, "etcdserver: request timed out"),
        Fault::Unavailable => {
            let mut response = plain(503, "apiserver not ready");
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, "3".parse().unwrap());
            response
        }
        Fault::TooManyRequests => plain(429, "too many requests"),
        Fault::CutJson => {
            let whole = store.answer(&request);
            let length = whole.body().len() / 2;
            whole.map(|body| body.slice(..length))
        }
        Fault::Html => plain(200, "<html><body>Please log in</body></html>"),
        Fault::Huge => Response::new(Bytes::from(vec![b' '; 10_000_000])),
        Fault::Delay(delay) => {
            sleep(delay).await;
            store.answer(&request)
        }
        Fault::Silent => std::future::pending().await,
        Fault::Reset => return Err(lost()),
        Fault::AnswerLost => {
            store.answer(&request);
            return Err(lost());
        }
        Fault::Late(delay) => {
            // The client has long given up, and the request goes on without it.
            tokio::spawn(async move {
                sleep(delay).await;
                store.answer(&request);
            });
            std::future::pending().await
        }
    })
}
