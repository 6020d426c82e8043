//! A role that other credentials assume.

use serde::Serialize;

use super::{
    AssumeRole, CredentialsError, Issued, RefreshContext,
    issued::Fetched,
    sts::{self, RoleCaller, RoleRequest},
};

/// For example `qcs::cam::uin/100000000001:roleName/tcss-exporter`.
pub(crate) fn is_role_arn(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"'`${}<>\\".contains(&byte);
    text.starts_with("qcs::cam::") && text.bytes().all(is_allowed)
}

/// 2 to 128 letters, digits and `=,.@_-`.
pub(crate) fn is_session_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_=,.@-".contains(&byte);
    (2..=128).contains(&text.len()) && text.bytes().all(is_allowed)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AssumeRoleParameters<'a> {
    role_arn: &'a str,
    role_session_name: &'a str,
    duration_seconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<&'a str>,
}

impl AssumeRole {
    /// `caller` are the credentials that assume the role.
    pub(super) async fn fetch(
        &self,
        caller: &Issued,
        context: &RefreshContext,
    ) -> Result<Fetched, CredentialsError> {
        let parameters = AssumeRoleParameters {
            role_arn: &self.role_arn,
            role_session_name: &self.session_name,
            duration_seconds: self.duration.as_secs(),
            external_id: self.external_id.as_deref(),
        };
        let body = serde_json::to_vec(&parameters).expect("text and numbers are JSON");
        let request = RoleRequest {
            sts: &self.sts,
            action: "AssumeRole",
            body: body.into(),
            role_arn: &self.role_arn,
            origin: format!("{self} with {}", caller.origin),
        };
        let signed = RoleCaller::Signed {
            credentials: &caller.credentials,
            identity: &caller.identity,
        };
        let outcome = sts::request_role(request, signed, context).await;
        // The external ID is agreed with the owner of the role; servers may repeat it, and logs must not.
        let external_id = self.external_id.as_deref().unwrap_or_default();
        match outcome {
            Ok(fetched) => Ok(fetched),
            Err(error) if self.is_discovered => {
                Err(error.without(external_id).of_discovered_role())
            }
            Err(error) => Err(error.without(external_id)),
        }
    }
}
