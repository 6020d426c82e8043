//! Access to the web server: TLS, rate limit, users and headers, as the web configuration says.

use std::{net::IpAddr, sync::Arc};

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use rustls::ServerConfig;

use super::{ResponseBody, text};
use crate::config::web::WebConfig;

mod basic_auth;
mod bounded_set;
mod login;
mod login_queue;
mod token_bucket;

use basic_auth::BasicAuth;
#[cfg(any(test, fuzzing))]
use login::Login;
use token_bucket::TokenBucket;

/// What a web configuration requires of connections and requests. The default requires nothing.
#[derive(Debug, Default)]
pub struct Access {
    tls: Option<Arc<ServerConfig>>,
    headers: HeaderMap,
    basic_auth: Option<Arc<BasicAuth>>,
    rate_limit: Option<Arc<TokenBucket>>,
}

/// Why a request is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccessError {
    /// No login, an unknown user or a wrong password. The response does not tell which.
    Unauthorized,
    /// Above the rate limit.
    TooManyRequests,
    /// Too many passwords are waiting to be compared.
    Busy,
}

impl Access {
    /// The access that `config` describes. What it leaves unchanged keeps its state: the logins
    /// that were verified before, and the tokens of the rate limit.
    #[must_use]
    pub fn updated(&self, config: WebConfig) -> Access {
        let basic_auth = match &self.basic_auth {
            Some(before) if *before.users() == config.users => Some(Arc::clone(before)),
            _ if config.users.is_empty() => None,
            _ => Some(Arc::new(BasicAuth::new(config.users))),
        };
        let rate_limit = match (&self.rate_limit, config.rate_limit) {
            (_, None) => None,
            (Some(before), Some(limit)) if before.limit() == limit => Some(Arc::clone(before)),
            (_, Some(limit)) => Some(Arc::new(TokenBucket::new(limit))),
        };
        Access {
            tls: config.tls,
            headers: config.headers,
            basic_auth,
            rate_limit,
        }
    }

    /// For new connections; none for plain HTTP.
    pub fn tls(&self) -> Option<&Arc<ServerConfig>> {
        self.tls.as_ref()
    }

    /// Whether there is neither TLS nor authentication.
    pub fn is_open(&self) -> bool {
        self.tls.is_none() && self.basic_auth.is_none()
    }

    /// Decides whether a request is allowed. Every request counts against the rate limit; requests
    /// for public pages need no login.
    pub(super) async fn authorize(
        &self,
        is_public: bool,
        client: Option<IpAddr>,
        authorization: Option<&HeaderValue>,
    ) -> Result<(), AccessError> {
        // Before authentication, so that the limit also protects the comparison of passwords.
        if let Some(bucket) = &self.rate_limit
            && !bucket.take()
        {
            return Err(AccessError::TooManyRequests);
        }
        match &self.basic_auth {
            Some(basic_auth) if !is_public => basic_auth.check(client, authorization).await,
            _ => Ok(()),
        }
    }

    /// Adds the configured headers. Headers that the page has set itself take precedence.
    pub(super) fn add_headers(&self, page: &mut HeaderMap) {
        for (name, value) in &self.headers {
            page.entry(name).or_insert_with(|| value.clone());
        }
    }
}

#[cfg(any(test, fuzzing))]
/// The user and the password of a header `Authorization`, for fuzzing.
pub(crate) fn parse_basic_auth(header: &HeaderValue) -> Option<(Vec<u8>, Vec<u8>)> {
    let login = Login::parse(header)?;
    Some((login.user().to_vec(), login.password().to_vec()))
}

impl AccessError {
    pub(super) fn into_response(self) -> Response<ResponseBody> {
        let (status, message) = match self {
            AccessError::Unauthorized => (StatusCode::UNAUTHORIZED, "authentication required"),
            AccessError::TooManyRequests => (StatusCode::TOO_MANY_REQUESTS, "too many requests"),
            AccessError::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "too many logins are being verified, try again later",
            ),
        };
        let (name, value) = match self {
            AccessError::Unauthorized => {
                (header::WWW_AUTHENTICATE, "Basic realm=\"tcss-exporter\"")
            }
            AccessError::TooManyRequests | AccessError::Busy => (header::RETRY_AFTER, "1"),
        };
        let mut response = text(status, message);
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
        response
    }
}
