//! What to do about a failed request: for each error code that we know more about, better advice
//! than the one of its reason.
//!
//! Sources: "Common error codes", <https://cloud.tencent.com/document/api/1285/65450>, the error
//! codes in the official Python SDK for TCSS 2020-11-01 and STS 2018-08-13, and the CAM
//! documentation. Two things were not confirmed against the live API: that keys of the other site
//! are `AuthFailure.SecretIdNotFound`, and which codes an account returns that has not enabled
//! Container Security.

use super::{codes::family, error::ApiError};
use crate::domain::{Reason, Text};

const GRANT: Text = Text::new(
    "Attach a CAM policy that allows the actions of this collector on resource * to this user or role; \
                     docs/credentials.md lists them.",
    "为该用户或角色关联允许该采集器的接口访问资源 * 的 CAM 策略，接口列表见 docs/zh-CN/credentials.md。",
);
const ENABLE: Text = Text::new(
    "Open the Container Security console with this account: enable the service, grant it the \
                      authorization that it asks for, and check that its licence has not expired.",
    "使用该账号打开容器安全服务控制台：开通服务，授予其请求的权限，并检查授权是否已到期。",
);
const ALLOW_ADDRESS: Text = Text::new(
    "The account allows API calls only from certain IP addresses. Add the address of this machine in \
                             the CAM console, or run the exporter elsewhere.",
    "该账号只允许从特定 IP 地址调用 API。请在 CAM 控制台中添加本机的地址，或者在其他机器上运行 exporter。",
);
const NO_ROLE: Text = Text::new(
    "The role does not exist. Compare its ARN, including the account number, with the CAM console.",
    "角色不存在。请将其 ARN（包括账号 ID）与 CAM 控制台核对。",
);
const TCSS_ENDPOINT: Text = Text::new(
    "Check endpoint. It must be the endpoint of TCSS, for example tcss.tencentcloudapi.com.",
    "检查 endpoint。它必须是 TCSS 的接入点，例如 tcss.tencentcloudapi.com。",
);

/// Codes of TCSS, and those common to all services: `Family` or `Family.Detail`.
const BY_CODE: &[(&str, Text)] = &[
    (
        "AuthFailure.SecretIdNotFound",
        Text::new(
            "Compare the SecretId with the CAM console. Keys of the international site work only with the endpoint \
         tcss.intl.tencentcloudapi.com, keys of the mainland site only with tcss.tencentcloudapi.com.",
            "将 SecretId 与 CAM 控制台核对。国际站的密钥只能用于接入点 tcss.intl.tencentcloudapi.com，国内站的密钥只能用于 tcss.tencentcloudapi.com。",
        ),
    ),
    (
        "AuthFailure.InvalidSecretId",
        Text::new(
            "The key is not a cloud API key. Create one in the CAM console.",
            "该密钥不是云 API 密钥。请在 CAM 控制台中创建。",
        ),
    ),
    (
        "AuthFailure.SignatureFailure",
        Text::new(
            "The SecretKey does not belong to this SecretId. Copy it again, without quotes or spaces.",
            "SecretKey 与 SecretId 不匹配。请重新复制，不要包含引号或空格。",
        ),
    ),
    (
        "AuthFailure.SignatureExpire",
        Text::new(
            "Set the clock of this machine and synchronize it with NTP. It may differ by at most 5 minutes.",
            "校准本机时钟，并通过 NTP 同步。误差不能超过 5 分钟。",
        ),
    ),
    (
        "AuthFailure.TokenFailure",
        Text::new(
            "The token is missing, expired, or belongs to other keys. Get new temporary keys together with their token, or \
         use long-term keys without a token.",
            "令牌缺失、已过期，或属于其他密钥。请获取新的临时密钥及其令牌，或者使用不带令牌的长期密钥。",
        ),
    ),
    (
        "AuthFailure.MFAFailure",
        Text::new(
            "The account requires multi-factor authentication for API calls. Use a role, or a sub-account without this \
         requirement.",
            "该账号要求调用 API 时进行多因素认证。请使用角色，或没有此要求的子账号。",
        ),
    ),
    (
        "AuthFailure.InvalidAuthorization",
        Text::new(
            "The API does not understand the signature. Check whether a proxy modifies requests.",
            "API 无法识别签名。请检查是否有代理修改了请求。",
        ),
    ),
    ("AuthFailure.UnauthorizedOperation", GRANT),
    ("UnauthorizedOperation", GRANT),
    ("IpNotInWhitelist", ALLOW_ADDRESS),
    ("IpInBlacklist", ALLOW_ADDRESS),
    ("InternalError.ErrRoleNotExist", ENABLE),
    (
        "FailedOperation.AccountArrears",
        Text::new(
            "The account has overdue payments. Pay them in the billing console, then check that Container Security is enabled.",
            "该账号已欠费。请在费用中心结清，然后检查容器安全服务是否已开通。",
        ),
    ),
    (
        "FailedOperation.AuthorizedNotEnough",
        Text::new(
            "Buy more licences for Container Security, or assign the existing ones to images.",
            "增购容器安全服务的授权，或者将现有授权分配给镜像。",
        ),
    ),
    ("OperationDenied", ENABLE),
    ("ResourceNotFound", ENABLE),
    ("ResourceUnavailable", ENABLE),
    ("UnsupportedOperation", ENABLE),
    (
        "InvalidParameterValue.DataNotFound",
        Text::new(
            "Check local_task_id and registry_task_id, or leave both unset to get the latest scan.",
            "检查 local_task_id 和 registry_task_id，或者两者都不设置，以获取最近一次扫描。",
        ),
    ),
    (
        "UnsupportedRegion",
        Text::new(
            "Leave region unset. TCSS does not need one.",
            "不要设置 region，TCSS 不需要地域。",
        ),
    ),
    ("InvalidAction", TCSS_ENDPOINT),
    ("NoSuchProduct", TCSS_ENDPOINT),
    ("NoSuchVersion", TCSS_ENDPOINT),
    (
        "ActionOffline",
        Text::new(
            "The API no longer has this action. Check whether there is a newer version of tcss-exporter.",
            "API 已不再提供该接口。请检查 tcss-exporter 是否有新版本。",
        ),
    ),
];

/// Codes of STS, which refuses to issue temporary keys. They take precedence over `BY_CODE`.
const BY_CODE_OF_STS: &[(&str, Text)] = &[
    (
        "UnauthorizedOperation",
        Text::new(
            "Check the role's trust policy: it must name this caller, with the same external ID if there is one. The caller's \
         own policy must allow sts:AssumeRole on the role.",
            "检查角色的信任策略：它必须允许该调用者，外部 ID（如有）必须一致。调用者自身的策略必须允许对该角色执行 sts:AssumeRole。",
        ),
    ),
    ("ResourceNotFound", NO_ROLE),
    ("InternalError.GetRoleError", NO_ROLE),
    ("InternalError.IllegalRole", NO_ROLE),
    (
        "InvalidParameter.OverTimeError",
        Text::new(
            "Reduce duration. It exceeds the role's maximum session duration.",
            "减小 duration，它超过了角色的最大会话时长。",
        ),
    ),
    (
        "InvalidParameter.ParamError",
        Text::new(
            "Check role_arn, session_name and external_id. In TKE, check that the OIDC provider in CAM is the one of this \
         cluster.",
            "检查 role_arn、session_name 和 external_id。在 TKE 中，请检查 CAM 中的 OIDC 身份提供商是否对应该集群。",
        ),
    ),
    (
        "InvalidParameter.AccountNotAvaliable",
        Text::new(
            "Check role_arn. The account of the role does not exist or is not available.",
            "检查 role_arn。角色所属的账号不存在或不可用。",
        ),
    ),
    (
        "AuthFailure.SecretIdNotFound",
        Text::new(
            "Compare the SecretId that assumes the role with the CAM console. Keys of the international site work only with \
         sts.intl.tencentcloudapi.com.",
            "将扮演角色所用的 SecretId 与 CAM 控制台核对。国际站的密钥只能用于 sts.intl.tencentcloudapi.com。",
        ),
    ),
];

impl ApiError {
    /// What to do about it, on one line.
    pub fn advice(&self) -> Text {
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
fn find(table: &[(&str, Text)], code: &str) -> Option<Text> {
    // A detail may need other advice than its family, so it comes first.
    for wanted in [code, family(code)] {
        for (known, advice) in table {
            if *known == wanted {
                return Some(*advice);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::ErrorCode;

    fn of(reason: Reason, code: &str) -> Text {
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

    #[track_caller]
    fn check(text: Text) {
        for (text, end) in [(text.en, '.'), (text.zh, '。')] {
            assert!(text.ends_with(end), "{text}");
            assert!(
                !text.contains(['\n', '"']) && !text.contains("  "),
                "{text}"
            );
        }
    }

    #[test]
    fn every_advice_is_for_a_known_code_and_made_of_sentences() {
        for (code, text) in BY_CODE.iter().chain(BY_CODE_OF_STS) {
            assert!(ErrorCode::find(code).is_some(), "{code}");
            check(*text);
        }
        for reason in Reason::ALL {
            check(reason.meaning());
            check(reason.advice());
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
                of(reason, code).en.contains(expected),
                "{reason} {code}: {}",
                of(reason, code).en
            );
        }
    }
}
