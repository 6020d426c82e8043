//! Requests temporary keys of a role from STS.
//!
//! Source: the requests of the official SDK, recorded in `tests/fixtures/credentials`, and
//! <https://cloud.tencent.com/document/api/1312/48197>.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use secrecy::zeroize::Zeroizing;
use serde::Deserialize;

use super::{
    CredentialsError, RefreshContext, Sts,
    issued::{Fetched, TemporaryKeys},
};
use crate::{
    client::{ApiError, ApiResponse, Call, RequestAuth},
    domain::{Language, Rate, Uin},
    limiter::Member,
    signer::{Credentials, Secret},
};

const SERVICE: &str = "sts";
const VERSION: &str = "2018-08-13";
const TIMEOUT: Duration = Duration::from_secs(10);

/// Who requests a role.
#[derive(Clone, Copy)]
pub(super) enum RoleCaller<'a> {
    /// The owner of these credentials, which sign the request.
    Signed {
        credentials: &'a Credentials,
        identity: &'a str,
    },
    /// The owner of this token, which is in the body. Nothing is signed.
    WebIdentity(&'a Secret),
}

pub(super) struct RoleRequest<'a> {
    pub(super) sts: &'a Sts,
    pub(super) action: &'static str,
    /// JSON.
    pub(super) body: Bytes,
    pub(super) role_arn: &'a str,
    /// Of the credentials that are issued.
    pub(super) origin: String,
}

pub(super) async fn request_role(
    request: RoleRequest<'_>,
    caller: RoleCaller<'_>,
    context: &RefreshContext,
) -> Result<Fetched, CredentialsError> {
    let RoleRequest {
        sts,
        action,
        body,
        role_arn,
        origin,
    } = request;
    let call = Call {
        endpoint: &sts.endpoint,
        region: Some(&sts.region),
        language: Language::English,
        service: SERVICE,
        action,
        version: VERSION,
        body,
    };
    let identity = match caller {
        RoleCaller::Signed { identity, .. } => identity,
        // Nothing is signed, so the role is the only identity that the request names.
        RoleCaller::WebIdentity(_) => role_arn,
    };
    let response = match send(&call, caller, identity, context).await {
        Ok(response) => response,
        Err(error) => return Err(CredentialsError::sts(action, error)),
    };
    let (credentials, expires) = parse(response).map_err(|error| error.at(action))?;
    Ok(Fetched {
        credentials,
        identity: role_arn.to_owned(),
        origin,
        expires: Some(expires),
    })
}

/// Sends `call` when the limiter of `identity` permits it.
async fn send(
    call: &Call<'_>,
    caller: RoleCaller<'_>,
    identity: &str,
    context: &RefreshContext,
) -> Result<ApiResponse, ApiError> {
    let rate = match caller {
        RoleCaller::Signed { .. } => Rate::ASSUME_ROLE,
        // The documented limit of this action is 20 requests per second.
        RoleCaller::WebIdentity(_) => Rate::MAX,
    };
    let limiter = context
        .limiters
        .join(call.endpoint, identity, call.action, rate);
    let outcome = send_once(call, caller, &limiter, context).await;
    match outcome {
        // The server had closed the connection, which says nothing about its health.
        Err(error) if error.is_stale_connection => send_once(call, caller, &limiter, context).await,
        outcome => outcome,
    }
}

async fn send_once(
    call: &Call<'_>,
    caller: RoleCaller<'_>,
    limiter: &Member,
    context: &RefreshContext,
) -> Result<ApiResponse, ApiError> {
    let auth = match caller {
        RoleCaller::Signed { credentials, .. } => RequestAuth::Signed(credentials),
        RoleCaller::WebIdentity(token) => RequestAuth::Token(token),
    };
    context
        .client
        .send_limited(call, auth, limiter, TIMEOUT)
        .await
}

/// Asks which account signs the request.
pub fn caller_identity(sts: &Sts) -> Call<'_> {
    Call {
        endpoint: &sts.endpoint,
        region: Some(&sts.region),
        language: Language::English,
        service: SERVICE,
        action: "GetCallerIdentity",
        version: VERSION,
        body: Bytes::from_static(b"{}"),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CallerIdentity {
    account_id: String,
}

/// The account that signed [`caller_identity`].
pub fn caller_uin(response: &ApiResponse) -> Result<Uin, CredentialsError> {
    let text = response.response.get();
    let Ok(identity) = serde_json::from_str::<CallerIdentity>(text) else {
        return Err(CredentialsError::transient(
            "the response has no AccountId that can be read",
        ));
    };
    Uin::parse(&identity.account_id)
        .map_err(|message| CredentialsError::transient(format!("AccountId {message}")))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StsResponse {
    credentials: TemporaryKeys,
    /// Unix time.
    expired_time: i64,
}

fn parse(response: ApiResponse) -> Result<(Credentials, Timestamp), CredentialsError> {
    let text = Zeroizing::new(String::from(Box::<str>::from(response.response)));
    // The messages of `serde_json` are not used: they quote the response.
    let Ok(parsed) = serde_json::from_str::<StsResponse>(&text) else {
        return Err(CredentialsError::transient(
            "the response has no credentials that can be read",
        ));
    };
    let Ok(expires) = Timestamp::from_second(parsed.expired_time) else {
        return Err(CredentialsError::transient(
            "the response has an ExpiredTime that is not a valid Unix time",
        ));
    };
    Ok((parsed.credentials.into_credentials()?, expires))
}
