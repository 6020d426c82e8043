//! The parameters of `AssumeRole` and `AssumeRoleWithWebIdentity`, and who may assume a role.
//!
//! Source: the pages of both actions, <https://www.tencentcloud.com/document/product/1150>, and
//! requests of the official Python SDK.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    parameters, reply::SimulatedError, scenario::SimulatedRole, temporary::IssuedCredentials,
};
use crate::signer::Secret;

pub(super) const SERVICE: &str = "sts";
pub(super) const VERSION: &str = "2018-08-13";
/// In the header `Authorization` of a request that needs no signature.
pub(super) const UNSIGNED: &str = "SKIP";

pub(super) const DEFAULT_LIFETIME: Duration = Duration::from_secs(7200);
const MAX_SECONDS: u64 = 43_200;

/// The two ways to assume a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StsAction {
    AssumeRole,
    AssumeRoleWithWebIdentity,
}

impl StsAction {
    pub(super) fn of(request: &Request<Bytes>) -> Option<StsAction> {
        match request.headers().get("X-TC-Action")?.to_str().ok()? {
            "AssumeRole" => Some(StsAction::AssumeRole),
            "AssumeRoleWithWebIdentity" => Some(StsAction::AssumeRoleWithWebIdentity),
            _ => None,
        }
    }

    fn parameters(self) -> &'static [&'static str] {
        match self {
            StsAction::AssumeRole => &[
                "RoleArn",
                "RoleSessionName",
                "DurationSeconds",
                "ExternalId",
            ],
            StsAction::AssumeRoleWithWebIdentity => &[
                "RoleArn",
                "RoleSessionName",
                "DurationSeconds",
                "ProviderId",
                "WebIdentityToken",
            ],
        }
    }
}

/// The role to assume, and the proof that the caller may.
#[derive(Debug, PartialEq)]
pub(super) struct AssumeRequest {
    pub(super) role_arn: String,
    pub(super) lifetime: Duration,
    proof: CallerProof,
}

#[derive(Debug, PartialEq)]
enum CallerProof {
    /// The signature, and the ID that the owner of the role agreed on with the caller.
    Signature {
        external_id: Option<String>,
    },
    WebIdentity {
        provider: String,
        token: Secret,
    },
}

impl AssumeRequest {
    /// Reads a JSON body.
    pub(super) fn parse(
        request: &Request<Bytes>,
        action: StsAction,
    ) -> Result<AssumeRequest, SimulatedError> {
        if request.method() != Method::POST {
            return Err("UnsupportedProtocol".into());
        }
        let parameters = parameters::from_json(request.body())?;
        for name in parameters.keys() {
            if !action.parameters().contains(&name.as_str()) {
                return Err(parameters::unknown(name));
            }
        }
        check_session_name(&text(&parameters, "RoleSessionName")?)?;
        Ok(AssumeRequest {
            role_arn: text(&parameters, "RoleArn")?,
            lifetime: lifetime(&parameters)?,
            proof: match action {
                StsAction::AssumeRole => CallerProof::Signature {
                    external_id: optional_text(&parameters, "ExternalId")?,
                },
                StsAction::AssumeRoleWithWebIdentity => CallerProof::WebIdentity {
                    provider: text(&parameters, "ProviderId")?,
                    // The SDK sends the file unchanged, with its line break.
                    token: Secret::new(text(&parameters, "WebIdentityToken")?.trim().to_owned()),
                },
            },
        })
    }

    /// Whether `role` trusts the caller: `signer` is the name of the identity that signed.
    pub(super) fn is_trusted_by(&self, role: &SimulatedRole, signer: Option<&str>) -> bool {
        match &self.proof {
            CallerProof::Signature { external_id } => {
                let Some(signer) = signer else { return false };
                // A role without an external ID ignores the one that is sent.
                let is_trusted = role.assumed_by.iter().any(|name| name == signer);
                is_trusted && (role.external_id.is_none() || role.external_id == *external_id)
            }
            CallerProof::WebIdentity { provider, token } => match &role.web_identity {
                Some(trusted) => trusted.provider == *provider && trusted.token == *token,
                None => false,
            },
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AssumedRole {
    credentials: IssuedCredentials,
    expired_time: i64,
    expiration: String,
}

impl AssumedRole {
    pub(super) fn new(credentials: IssuedCredentials, expires: Timestamp) -> AssumedRole {
        AssumedRole {
            credentials,
            expired_time: expires.as_second(),
            expiration: expires.to_string(),
        }
    }
}

fn text(parameters: &Map<String, Value>, name: &str) -> Result<String, SimulatedError> {
    let Some(text) = optional_text(parameters, name)? else {
        return Err(parameters::missing(name));
    };
    Ok(text)
}

fn optional_text(
    parameters: &Map<String, Value>,
    name: &str,
) -> Result<Option<String>, SimulatedError> {
    match parameters.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(parameters::wrong_type(name, "a string")),
    }
}

fn lifetime(parameters: &Map<String, Value>) -> Result<Duration, SimulatedError> {
    let Some(value) = parameters.get("DurationSeconds") else {
        return Ok(DEFAULT_LIFETIME);
    };
    let Some(seconds) = value.as_i64() else {
        return Err(parameters::wrong_type("DurationSeconds", "an integer"));
    };
    match u64::try_from(seconds) {
        Ok(seconds @ 1..=MAX_SECONDS) => Ok(Duration::from_secs(seconds)),
        Ok(1..) => Err("InvalidParameter.OverTimeError".into()),
        _ => Err("InvalidParameter.ParamError".into()),
    }
}

fn check_session_name(name: &str) -> Result<(), SimulatedError> {
    let is_right = (2..=128).contains(&name.chars().count())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c));
    if is_right {
        Ok(())
    } else {
        Err("InvalidParameter.ParamError".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(action: StsAction, body: &str) -> Result<AssumeRequest, &'static str> {
        let request = Request::post("/")
            .body(Bytes::from(body.to_owned()))
            .unwrap();
        AssumeRequest::parse(&request, action).map_err(|refusal| refusal.code)
    }

    fn assume(rest: &str) -> Result<AssumeRequest, &'static str> {
        parse(
            StsAction::AssumeRole,
            &format!(r#"{{"RoleArn": "arn", "RoleSessionName": "ab"{rest}}}"#),
        )
    }

    #[test]
    fn a_duration_defaults_to_two_hours_and_is_at_most_twelve() {
        let seconds = |rest: &str| assume(rest).map(|ask| ask.lifetime.as_secs());
        assert_eq!(seconds(""), Ok(7200));
        assert_eq!(seconds(r#", "DurationSeconds": 1"#), Ok(1));
        assert_eq!(seconds(r#", "DurationSeconds": 43200"#), Ok(43_200));
        assert_eq!(
            seconds(r#", "DurationSeconds": 43201"#),
            Err("InvalidParameter.OverTimeError")
        );
        assert_eq!(
            seconds(r#", "DurationSeconds": 0"#),
            Err("InvalidParameter.ParamError")
        );
        assert_eq!(
            seconds(r#", "DurationSeconds": -1"#),
            Err("InvalidParameter.ParamError")
        );
        assert_eq!(
            seconds(r#", "DurationSeconds": "1""#),
            Err("InvalidParameter")
        );
    }

    #[test]
    fn parameters_that_are_missing_or_belong_to_the_other_action_are_refused() {
        assert_eq!(
            parse(StsAction::AssumeRole, r#"{"RoleSessionName": "ab"}"#),
            Err("MissingParameter")
        );
        assert_eq!(
            parse(StsAction::AssumeRole, r#"{"RoleArn": "arn"}"#),
            Err("MissingParameter")
        );
        assert_eq!(assume(r#", "ProviderId": "p""#), Err("UnknownParameter"));
        assert_eq!(assume(r#", "ExternalId": 7"#), Err("InvalidParameter"));
        let web = r#"{"RoleArn": "arn", "RoleSessionName": "ab", "ProviderId": "p"}"#;
        assert_eq!(
            parse(StsAction::AssumeRoleWithWebIdentity, web),
            Err("MissingParameter")
        );
        assert_eq!(parse(StsAction::AssumeRole, "[]"), Err("InvalidParameter"));
    }

    #[test]
    fn a_session_name_has_only_documented_characters() {
        for good in ["ab", "tcss-exporter_1", "a=b,c.d@e+f"] {
            assert_eq!(check_session_name(good), Ok(()), "{good}");
        }
        for bad in ["", "a", "a b", "a/b", "中文", &"a".repeat(129)] {
            assert!(check_session_name(bad).is_err(), "{bad}");
        }
    }
}
