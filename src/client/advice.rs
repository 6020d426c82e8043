//! What a person can do about a request that failed: a better line than that of its reason for each
//! code of which more is known.
//!
//! Sources: "Common error codes", <https://cloud.tencent.com/document/api/1285/65450>, the error codes in the official
//! Python SDK for TCSS 2020-11-01 and STS 2018-08-13, and the CAM documentation. Two things were not confirmed against
//! the live API: that keys of the other site are `AuthFailure.SecretIdNotFound`, and with which codes an account answers in
//! which Container Security is not enabled.

use super::ApiError;
use crate::domain::Reason;

const GRANT: &str = "Attach a CAM policy that allows tcss:DescribeVulScanInfo on resource * to this user or role; \
                     docs/credentials.md has one to copy.";
const ENABLE: &str = "Open the Container Security console with this account: enable the service, agree to its \
                      authorization, and see whether its licence still runs.";
const ALLOW_ADDRESS: &str = "The account allows calls only from certain IP addresses: add that of this machine in the CAM \
                             console, or call from another one.";
const NO_ROLE: &str =
    "There is no such role: compare its ARN with the CAM console, account number included.";

/// Codes of TCSS, and those common to both services. Where a code is not here, its family is looked for.
const BY_CODE: &[(&str, &str)] = &[
    (
        "AuthFailure.SecretIdNotFound",
        "Compare the SecretId with the CAM console. Keys of the international site work only with the endpoint \
         tcss.intl.tencentcloudapi.com, those of the mainland site only with tcss.tencentcloudapi.com.",
    ),
    (
        "AuthFailure.InvalidSecretId",
        "This is a key of another kind: create a cloud API key in the CAM console.",
    ),
    (
        "AuthFailure.SignatureFailure",
        "The SecretKey does not belong to this SecretId: copy it again, without quotes or spaces.",
    ),
    (
        "AuthFailure.SignatureExpire",
        "Set the clock of this machine, which may be at most 5 minutes off, and keep it right with NTP.",
    ),
    (
        "AuthFailure.TokenFailure",
        "The token is expired, missing, or not that of these keys: get new temporary keys with their token, or use \
         long-term keys without any.",
    ),
    (
        "AuthFailure.MFAFailure",
        "The account demands a second factor for API calls: use a role, or a sub-account of which none is demanded.",
    ),
    (
        "AuthFailure.InvalidAuthorization",
        "See whether a proxy changes requests on their way; the API does not understand their signature.",
    ),
    ("AuthFailure.UnauthorizedOperation", GRANT),
    ("UnauthorizedOperation", GRANT),
    ("IpNotInWhitelist", ALLOW_ADDRESS),
    ("IpInBlacklist", ALLOW_ADDRESS),
    ("InternalError.ErrRoleNotExist", ENABLE),
    (
        "FailedOperation.AuthorizedNotEnough",
        "Buy licences for Container Security, or assign those there are to images.",
    ),
    ("OperationDenied", ENABLE),
    ("ResourceNotFound", ENABLE),
    ("ResourceUnavailable", ENABLE),
    ("UnsupportedOperation", ENABLE),
    (
        "InvalidParameterValue.DataNotFound",
        "Check local_task_id and registry_task_id, or leave both out for the latest scan.",
    ),
    ("UnsupportedRegion", "Leave region out: TCSS needs none."),
    (
        "InvalidAction",
        "Check endpoint: it must be that of TCSS, such as tcss.tencentcloudapi.com.",
    ),
    (
        "NoSuchProduct",
        "Check endpoint: it must be that of TCSS, such as tcss.tencentcloudapi.com.",
    ),
    (
        "NoSuchVersion",
        "Check endpoint: it must be that of TCSS, such as tcss.tencentcloudapi.com.",
    ),
    (
        "ActionOffline",
        "The API does not have this action any more: see whether there is a newer tcss-exporter.",
    ),
];

/// Codes of STS, while temporary keys are fetched. They come before those above.
const BY_CODE_OF_STS: &[(&str, &str)] = &[
    (
        "UnauthorizedOperation",
        "The role's trust policy must name this caller, with the same external ID if any, and the caller's own policy \
         must allow sts:AssumeRole on the role.",
    ),
    ("ResourceNotFound", NO_ROLE),
    ("InternalError.GetRoleError", NO_ROLE),
    ("InternalError.IllegalRole", NO_ROLE),
    (
        "InvalidParameter.OverTimeError",
        "Shorten duration: it is above the longest session that the role allows.",
    ),
    (
        "InvalidParameter.ParamError",
        "Check role_arn, session_name and external_id; in TKE, that the OIDC provider in CAM is that of this cluster.",
    ),
    (
        "InvalidParameter.AccountNotAvaliable",
        "The account of the role does not exist or is not available.",
    ),
    (
        "AuthFailure.SecretIdNotFound",
        "Compare the SecretId that assumes the role with the CAM console. Keys of the international site work only with \
         sts.intl.tencentcloudapi.com.",
    ),
];

impl ApiError {
    /// What a person can do about it: one line.
    pub fn advice(&self) -> &'static str {
        let of_sts = if self.reason == Reason::Credentials {
            BY_CODE_OF_STS
        } else {
            &[]
        };
        let code = self.code.as_deref().unwrap_or_default();
        let family = code.split('.').next().unwrap_or_default();
        let find = |table: &[(&str, &'static str)], wanted: &str| {
            table
                .iter()
                .find(|(known, _)| *known == wanted)
                .map(|(_, advice)| *advice)
        };
        find(of_sts, code)
            .or_else(|| find(of_sts, family))
            .or_else(|| find(BY_CODE, code))
            .or_else(|| find(BY_CODE, family))
            .unwrap_or_else(|| self.reason.advice())
    }
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
    fn every_advice_is_given() {
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
    fn every_advice_is_one_sentence_or_two_about_a_code_that_exists() {
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
    fn what_users_meet_most_gets_its_own_advice() {
        let cases = [
            (
                Reason::Permission,
                "UnauthorizedOperation",
                "tcss:DescribeVulScanInfo",
            ),
            (
                Reason::Permission,
                "AuthFailure.UnauthorizedOperation",
                "tcss:DescribeVulScanInfo",
            ),
            (
                Reason::Permission,
                "UnauthorizedOperation.CamNoAuth",
                "tcss:DescribeVulScanInfo",
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
                "no such role",
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
