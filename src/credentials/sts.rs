//! STS, which lends out roles.
//!
//! Source: the requests of the official SDK, recorded in `tests/fixtures/credentials`, and
//! <https://cloud.tencent.com/document/api/1312/48197>.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use secrecy::zeroize::Zeroizing;
use serde::Deserialize;

use super::{CredentialsError, Tools, issued::Fetched};
use crate::{
    client::{ApiError, ApiResponse, Call},
    domain::{Endpoint, Rate, Reason, Region},
    limiter::{LaneKey, Slot},
    signer::{Credentials, Secret},
};

const SERVICE: &str = "sts";
const VERSION: &str = "2018-08-13";
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a role is lent out, unless the configuration says otherwise: what the SDKs ask for.
pub(super) const DURATION: Duration = Duration::from_hours(2);
/// How a session calls itself, in the records of who did what.
pub(super) const SESSION_NAME: &str = "tcss-exporter";

/// Where STS is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sts {
    /// The same for all regions.
    pub endpoint: Endpoint,
    /// It insists on one.
    pub region: Region,
}

impl Default for Sts {
    fn default() -> Sts {
        Sts {
            endpoint: Sts::default_endpoint(),
            region: Sts::default_region(),
        }
    }
}

impl Sts {
    /// That of the mainland site.
    pub fn default_endpoint() -> Endpoint {
        Endpoint::parse("sts.tencentcloudapi.com", false).expect("a host")
    }

    /// That of the SDKs.
    pub fn default_region() -> Region {
        Region::parse("ap-guangzhou").expect("a region")
    }
}

/// Who asks.
pub(super) enum Asker<'a> {
    /// Keys sign.
    Keys {
        credentials: &'a Credentials,
        identity: &'a str,
    },
    /// The token in the body says it.
    WebIdentity(&'a Secret),
}

/// What to ask for.
pub(super) struct Request<'a> {
    pub(super) sts: &'a Sts,
    pub(super) action: &'static str,
    /// JSON.
    pub(super) body: Bytes,
    pub(super) role_arn: &'a str,
    /// For people.
    pub(super) origin: String,
}

/// Asks for a role, in the lane of whoever asks.
pub(super) async fn ask(
    request: Request<'_>,
    asker: Asker<'_>,
    tools: &Tools,
) -> Result<Fetched, CredentialsError> {
    let Request {
        sts,
        action,
        role_arn,
        origin,
        body,
    } = request;
    let call = Call {
        endpoint: &sts.endpoint,
        region: Some(&sts.region),
        service: SERVICE,
        action,
        version: VERSION,
        body,
    };
    let identity = match asker {
        Asker::Keys { identity, .. } => identity,
        Asker::WebIdentity(_) => role_arn,
    };
    let key = LaneKey {
        endpoint: sts.endpoint.clone(),
        identity: identity.to_owned(),
        action,
    };
    let member = tools.lanes.join(key, Rate::MAX);
    let slot = member.lane().slot().await;
    let departure = slot.departure();
    let answer = send(&call, asker, slot, tools).await.map_err(|error| {
        if error.reason == Reason::Throttled {
            member.lane().throttled(departure);
        }
        CredentialsError::of_sts(action, error)
    })?;
    let (credentials, expires) = parse(answer).map_err(|error| error.of(action))?;
    Ok(Fetched {
        credentials,
        identity: role_arn.to_owned(),
        origin,
        expires: Some(expires),
    })
}

async fn send(
    call: &Call<'_>,
    asker: Asker<'_>,
    slot: Slot,
    tools: &Tools,
) -> Result<ApiResponse, ApiError> {
    let deadline = slot.departure() + PATIENCE;
    match asker {
        Asker::Keys { credentials, .. } => {
            tools.client.send(call, credentials, slot, deadline).await
        }
        Asker::WebIdentity(token) => {
            tools
                .client
                .send_unsigned(call, token, slot, deadline)
                .await
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Role {
    credentials: Keys,
    /// Unix time.
    expired_time: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Keys {
    tmp_secret_id: String,
    tmp_secret_key: Secret,
    token: Secret,
}

fn parse(answer: ApiResponse) -> Result<(Credentials, Timestamp), CredentialsError> {
    let text = Zeroizing::new(String::from(Box::<str>::from(answer.response)));
    // The library's messages quote what they cannot read.
    let role: Role = serde_json::from_str(&text)
        .map_err(|_| CredentialsError::passing("the answer has no credentials that can be read"))?;
    let expires = Timestamp::from_second(role.expired_time)
        .map_err(|_| CredentialsError::passing("the answer has an ExpiredTime that is no time"))?;
    let Keys {
        tmp_secret_id,
        tmp_secret_key,
        token,
    } = role.credentials;
    Ok((
        Credentials::checked(tmp_secret_id, tmp_secret_key, Some(token))?,
        expires,
    ))
}
