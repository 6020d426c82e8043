//! A role that other credentials may take on.

use std::{fmt, time::Duration};

use serde::Serialize;

use super::{
    CredentialsError, Issued, Provider, Source, Sts, Tools,
    issued::Fetched,
    sts::{self, Asker},
};
use crate::client::TOKEN_FAILURE;

/// Which role, and who takes it on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AssumeRole {
    /// Such as `qcs::cam::uin/100000000001:roleName/tcss-exporter`.
    pub role_arn: String,
    /// How the session is called in the records.
    pub session_name: String,
    /// What the owner of the role asks for.
    pub external_id: Option<String>,
    /// How long the credentials hold.
    pub duration: Duration,
    /// Where STS is.
    pub sts: Sts,
    /// Whose keys ask.
    pub source: Source,
}

impl fmt::Display for AssumeRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "assume_role {}", self.role_arn)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    role_arn: &'a str,
    role_session_name: &'a str,
    duration_seconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<&'a str>,
}

impl AssumeRole {
    /// How a session is called unless the configuration says otherwise.
    pub const SESSION_NAME: &'static str = sts::SESSION_NAME;
    /// How long its credentials hold unless the configuration says otherwise.
    pub const DURATION: Duration = sts::DURATION;

    /// Asks with what `parent` issued.
    pub(super) async fn fetch(
        &self,
        parent: &Provider,
        issued: &Issued,
        tools: &Tools,
    ) -> Result<Fetched, CredentialsError> {
        let body = Body {
            role_arn: &self.role_arn,
            role_session_name: &self.session_name,
            duration_seconds: self.duration.as_secs(),
            external_id: self.external_id.as_deref(),
        };
        let request = sts::Request {
            sts: &self.sts,
            action: "AssumeRole",
            body: serde_json::to_vec(&body)
                .expect("text and numbers are JSON")
                .into(),
            role_arn: &self.role_arn,
            origin: format!("{self} with {}", issued.origin),
        };
        let asker = Asker::Keys {
            credentials: &issued.credentials,
            identity: &issued.identity,
        };
        let external_id = self.external_id.as_deref().unwrap_or_default();
        let outcome = sts::ask(request, asker, tools)
            .await
            .map_err(|error| error.without(external_id));
        if outcome
            .as_ref()
            .is_err_and(|error| error.code() == Some(TOKEN_FAILURE))
        {
            parent.rejected(issued);
        }
        outcome
    }
}
