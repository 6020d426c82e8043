//! Who may come in, and what everybody is told: a web configuration at work.

use std::{collections::BTreeMap, sync::Arc};

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use rustls::ServerConfig;

use super::{Body, text};
use crate::config::web::{PasswordHash, RateLimit, WebConfig};

mod attempt;
mod bucket;
mod recent;
mod users;

use attempt::Attempt;
use bucket::Bucket;
use users::Users;

/// What stands between a connection and the site. By default, nothing does.
#[derive(Debug, Default)]
pub struct Access {
    tls: Option<Arc<ServerConfig>>,
    headers: HeaderMap,
    users: Option<(BTreeMap<String, PasswordHash>, Arc<Users>)>,
    bucket: Option<(RateLimit, Arc<Bucket>)>,
}

/// Why somebody does not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No user, an unknown one, or a wrong password: nobody is told which.
    Unauthorized,
    /// Above the rate limit.
    TooMany,
    /// Too many passwords wait to be compared.
    Busy,
}

impl Access {
    /// What `config` says from now on. What it leaves as it was goes on: logins that are known to be good, and the
    /// count of requests.
    #[must_use]
    pub fn changed_to(&self, config: WebConfig) -> Access {
        let WebConfig {
            tls,
            headers,
            users,
            rate_limit,
        } = config;
        let same_users = self.users.as_ref().filter(|(before, _)| *before == users);
        let fresh_users = || {
            let checked = Arc::new(Users::new(&users));
            (!users.is_empty()).then_some((users, checked))
        };
        let same_bucket = self
            .bucket
            .as_ref()
            .filter(|(before, _)| Some(*before) == rate_limit);
        let fresh_bucket = || rate_limit.map(|limit| (limit, Arc::new(Bucket::new(limit))));
        Access {
            tls,
            headers,
            users: same_users.cloned().or_else(fresh_users),
            bucket: same_bucket.cloned().or_else(fresh_bucket),
        }
    }

    /// For new connections; none is plain HTTP.
    pub fn tls(&self) -> Option<&Arc<ServerConfig>> {
        self.tls.as_ref()
    }

    /// Whether nobody is kept out and nothing is hidden on the way.
    pub fn is_open(&self) -> bool {
        self.tls.is_none() && self.users.is_none()
    }

    /// Lets a request in or not. Every request counts for the rate limit; those to a `public` page need no user.
    pub(super) async fn admit(
        &self,
        is_public: bool,
        authorization: Option<HeaderValue>,
    ) -> Result<(), Refusal> {
        if self
            .bucket
            .as_ref()
            .is_some_and(|(_, bucket)| !bucket.take())
        {
            return Err(Refusal::TooMany);
        }
        match &self.users {
            Some((_, users)) if !is_public => users.check(authorization.as_ref()).await,
            _ => Ok(()),
        }
    }

    /// Adds the configured headers that a page does not have of its own.
    pub(super) fn add_headers(&self, page: &mut HeaderMap) {
        for (name, value) in &self.headers {
            page.entry(name).or_insert_with(|| value.clone());
        }
    }
}

/// The user and the password that a header names, for fuzzing.
pub(crate) fn basic_auth(header: &HeaderValue) -> Option<(Vec<u8>, Vec<u8>)> {
    Attempt::read(header).map(|attempt| (attempt.user().to_vec(), attempt.password().to_vec()))
}

impl Refusal {
    pub(super) fn response(self) -> Response<Body> {
        let mut response = match self {
            Refusal::Unauthorized => {
                text(StatusCode::UNAUTHORIZED, "a user and a password are needed")
            }
            Refusal::TooMany => text(StatusCode::TOO_MANY_REQUESTS, "too many requests"),
            Refusal::Busy => text(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many passwords are being checked",
            ),
        };
        let (name, value) = match self {
            Refusal::Unauthorized => (header::WWW_AUTHENTICATE, "Basic realm=\"tcss-exporter\""),
            Refusal::TooMany | Refusal::Busy => (header::RETRY_AFTER, "1"),
        };
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
        response
    }
}
