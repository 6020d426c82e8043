//! What to do about a failed request: for each error code that we know more about, better advice
//! than the one of its reason.
//!
//! Sources: "Common error codes", <https://cloud.tencent.com/document/api/1285/65450>, the error
//! codes in the official Python SDK for TCSS 2020-11-01 and STS 2018-08-13, and the CAM
//! documentation. Two things were not confirmed against the live API: that keys of the other site
//! are `AuthFailure.SecretIdNotFound`, and which codes an account returns that has not enabled
//! Container Security.

use super::{codes::family, error::ApiError};
use crate::domain::Reason;

const GRANT: &str = "Attach a CAM policy that allows the actions of this collector on resource * to this user or role; \
                     docs/credentials.md lists them.";
const ENABLE: &str = "Open the Container Security console with this account: enable the service, grant it the \
                      authorization that it asks for, and check that its licence has not expired.";
const ALLOW_ADDRESS: &str = "The account allows API calls only from certain IP addresses. Add the address of this machine in \
                             the CAM console, or run the exporter elsewhere.";
const NO_ROLE: &str =
    "The role does not exist. Compare its ARN, including the account number, with the CAM console.";
const TCSS_ENDPOINT: &str =
    "Check endpoint. It must be the endpoint of TCSS, for example tcss.tencentcloudapi.com.";

/// Codes of TCSS, and those common to all services: `Family` or `Family.Detail`.
const BY_CODE: &[(&str, &str)] = &[
    (
        "AuthFailure.SecretIdNotFound",
        "Compare the SecretId with the CAM console. Keys of the international site work only with the endpoint \
         tcss.intl.tencentcloudapi.com, keys of the mainland site only with tcss.tencentcloudapi.com.",
    ),
    (
        "AuthFailure.InvalidSecretId",
        "The key is not a cloud API key. Create one in the CAM console.",
    ),
    (
        "AuthFailure.SignatureFailure",
        "The SecretKey does not belong to this SecretId. Copy it again, without quotes or spaces.",
    ),
    (
        "AuthFailure.SignatureExpire",
        "Set the clock of this machine and synchronize it with NTP. It may differ by at most 5 minutes.",
    ),
    (
        "AuthFailure.TokenFailure",
        "The token is missing, expired, or belongs to other keys. Get new temporary keys together with their token, or \
         use long-term keys without a token.",
    ),
    (
        "AuthFailure.MFAFailure",
        "The account requires multi-factor authentication for API calls. Use a role, or a sub-account without this \
         requirement.",
    ),
    (
        "AuthFailure.InvalidAuthorization",
        "The API does not understand the signature. Check whether a proxy modifies requests.",
    ),
    ("AuthFailure.UnauthorizedOperation", GRANT),
    ("UnauthorizedOperation", GRANT),
    ("IpNotInWhitelist", ALLOW_ADDRESS),
    ("IpInBlacklist", ALLOW_ADDRESS),
    ("InternalError.ErrRoleNotExist", ENABLE),
    (
        "FailedOperation.AccountArrears",
        "The account has overdue payments. Pay them in the billing console, then check that Container Security is enabled.",
    ),
    (
        "FailedOperation.AuthorizedNotEnough",
        "Buy more licences for Container Security, or assign the existing ones to images.",
    ),
    ("OperationDenied", ENABLE),
    ("ResourceNotFound", ENABLE),
    ("ResourceUnavailable", ENABLE),
    ("UnsupportedOperation", ENABLE),
    (
        "InvalidParameterValue.DataNotFound",
        "Check local_task_id and registry_task_id, or leave both unset to get the latest scan.",
    ),
    (
        "UnsupportedRegion",
        "Leave region unset. TCSS does not need one.",
    ),
    ("InvalidAction", TCSS_ENDPOINT),
    ("NoSuchProduct", TCSS_ENDPOINT),
    ("NoSuchVersion", TCSS_ENDPOINT),
    (
        "ActionOffline",
        "The API no longer has this action. Check whether there is a newer version of tcss-exporter.",
    ),
];

/// Codes of STS, which refuses to issue temporary keys. They take precedence over `BY_CODE`.
const BY_CODE_OF_STS: &[(&str, &str)] = &[
    (
        "UnauthorizedOperation",
        "Check the role's trust policy: it must name this caller, with the same external ID if there is one. The caller's \
         own policy must allow sts:AssumeRole on the role.",
    ),
    ("ResourceNotFound", NO_ROLE),
    ("InternalError.GetRoleError", NO_ROLE),
    ("InternalError.IllegalRole", NO_ROLE),
    (
        "InvalidParameter.OverTimeError",
        "Reduce duration. It exceeds the role's maximum session duration.",
    ),
    (
        "InvalidParameter.ParamError",
        "Check role_arn, session_name and external_id. In TKE, check that the OIDC provider in CAM is the one of this \
         cluster.",
    ),
    (
        "InvalidParameter.AccountNotAvaliable",
        "Check role_arn. The account of the role does not exist or is not available.",
    ),
    (
        "AuthFailure.SecretIdNotFound",
        "Compare the SecretId that assumes the role with the CAM console. Keys of the international site work only with \
         sts.intl.tencentcloudapi.com.",
    ),
];

impl ApiError {
    /// What to do about it, on one line.
    pub fn advice(&self) -> &'static str {
        let Some(code) = &self.code else {
            return self.reason.advice();
        };
        // The role is missing, whatever STS calls it.
        if self.reason == Reason::NoRole {
            return self.reason.advice();
        }
        // The same code means something else where STS sent it, which only credentials call.
        if self.reason == Reason::Credentials
            && let Some(advice) = find(BY_CODE_OF_STS, code)
        {
            return advice;
        }
        match find(BY_CODE, code) {
            Some(advice) => advice,
            None => self.reason.advice(),
        }
    }
}

/// The advice for `code`, or else for its family.
fn find(table: &[(&str, &'static str)], code: &str) -> Option<&'static str> {
    // A detail may need other advice than its family, so it comes first.
    for wanted in [code, family(code)] {
        for (known, advice) in table {
            if *known == wanted {
                return Some(advice);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::ErrorCode;

    fn of(reason: Reason, code: &str) -> &'static str {
        let code = (!code.is_empty()).then(|| code.to_owned());
        ApiError {
            code,
            ..ApiError::of(reason)
        }
        .advice()
    }

    #[test]
    fn every_advice_is_found() {
        for (reason, table) in [
            (Reason::Server, BY_CODE),
            (Reason::Credentials, BY_CODE_OF_STS),
        ] {
            for (code, expected) in table {
                assert_eq!(of(reason, code), *expected, "{code}");
            }
        }
        for reason in Reason::ALL {
            assert_eq!(of(reason, ""), reason.advice());
            assert_eq!(of(reason, "Something.New"), reason.advice());
        }
    }

    #[test]
    fn every_advice_is_for_a_known_code_and_made_of_sentences() {
        for (code, text) in BY_CODE.iter().chain(BY_CODE_OF_STS) {
            assert!(ErrorCode::find(code).is_some(), "{code}");
            assert!(
                text.ends_with('.') && !text.contains(['\n', '"']) && !text.contains("  "),
                "{text}"
            );
        }
        for text in Reason::ALL.map(Reason::advice) {
            assert!(text.ends_with(['.', '?']) && !text.contains("  "), "{text}");
        }
    }

    #[test]
    fn common_mistakes_have_their_own_advice() {
        let cases = [
            (Reason::Permission, "UnauthorizedOperation", "CAM policy"),
            (
                Reason::Permission,
                "AuthFailure.UnauthorizedOperation",
                "CAM policy",
            ),
            (
                Reason::Permission,
                "UnauthorizedOperation.CamNoAuth",
                "CAM policy",
            ),
            (
                Reason::Auth,
                "AuthFailure.SecretIdNotFound",
                "tcss.intl.tencentcloudapi.com",
            ),
            (Reason::Auth, "AuthFailure.SignatureFailure", "SecretKey"),
            (Reason::Auth, "AuthFailure.SignatureExpire", "clock"),
            (Reason::Auth, "AuthFailure.TokenFailure", "token"),
            (
                Reason::Permission,
                "InternalError.ErrRoleNotExist",
                "enable the service",
            ),
            (
                Reason::Server,
                "FailedOperation.AuthorizedNotEnough",
                "licences",
            ),
            (Reason::Credentials, "UnauthorizedOperation", "trust policy"),
            (
                Reason::Credentials,
                "ResourceNotFound.RoleNotFound",
                "does not exist",
            ),
            (
                Reason::Credentials,
                "AuthFailure.SignatureFailure",
                "SecretKey",
            ),
            (Reason::Network, "", "proxy"),
            (Reason::Timeout, "", "poll.timeout"),
            (Reason::Tls, "", "CA certificates"),
        ];
        for (reason, code, expected) in cases {
            assert!(
                of(reason, code).contains(expected),
                "{reason} {code}: {}",
                of(reason, code)
            );
        }
    }
}
