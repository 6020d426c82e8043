//! Every error code of the APIs.
//!
//! Source: "Common error codes", <https://cloud.tencent.com/document/api/1285/65450>, and `errorcodes.py` of the
//! official Python SDK for TCSS 2020-11-01 and STS 2018-08-13.

/// An error code and its message. Messages are not stable in the real API either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode {
    /// For example `AuthFailure.SignatureFailure`.
    pub code: &'static str,
    pub message: &'static str,
}

impl ErrorCode {
    /// Finds a code of either API.
    pub fn find(code: &str) -> Option<&'static ErrorCode> {
        ERROR_CODES
            .iter()
            .chain(STS_ERROR_CODES)
            .chain(ORGANIZATION_ERROR_CODES)
            .find(|known| known.code == code)
    }
}

/// The message of `code` in Chinese, if there is one.
pub(super) fn chinese_message(code: &str) -> Option<&'static str> {
    let mut messages = CHINESE_MESSAGES.iter();
    messages
        .find(|(known, _)| *known == code)
        .map(|(_, message)| *message)
}

const fn code(code: &'static str, message: &'static str) -> ErrorCode {
    ErrorCode { code, message }
}

/// Messages in Chinese, of the errors that are most likely to be seen. The others are in English only.
#[rustfmt::skip]
const CHINESE_MESSAGES: &[(&str, &str)] = &[
    ("AuthFailure.SecretIdNotFound", "密钥不存在，请确认 SecretId 填写正确。"),
    ("AuthFailure.SignatureExpire", "签名过期：Timestamp 与服务器时间相差不得超过五分钟。"),
    ("AuthFailure.SignatureFailure", "签名错误，请检查签名的计算过程。"),
    ("AuthFailure.TokenFailure", "token 错误。"),
    ("AuthFailure.UnauthorizedOperation", "请求未授权，请参考 CAM 文档对鉴权的说明。"),
    ("InternalError", "内部错误。"),
    ("InvalidParameterValue.DataNotFound", "没有找到数据。"),
    ("RequestLimitExceeded", "请求的次数超过了频率限制。"),
    ("ResourceNotFound", "资源不存在。"),
    ("ResourceUnavailable", "资源不可用。"),
    ("ServiceUnavailable", "当前服务暂时不可用。"),
    ("UnauthorizedOperation", "未授权操作。"),
];

/// Those common to every product, then those of TCSS.
#[rustfmt::skip]
pub const ERROR_CODES: &[ErrorCode] = &[
    code("ActionOffline", "This API has been deprecated."),
    code("AuthFailure.InvalidAuthorization", "The `Authorization` in the request header does not comply with the Tencent Cloud standard."),
    code("AuthFailure.InvalidSecretId", "Invalid key: not a TencentCloud API key type."),
    code("AuthFailure.MFAFailure", "MFA failed."),
    code("AuthFailure.SecretIdNotFound", "The SecretId is not found, please ensure that your SecretId is correct."),
    code("AuthFailure.SignatureExpire", "The provided signature has expired: timestamp and server time must not differ by more than five minutes."),
    code("AuthFailure.SignatureFailure", "The provided credentials could not be validated. Please check your signature is correct."),
    code("AuthFailure.TokenFailure", "The provided token is invalid."),
    code("AuthFailure.UnauthorizedOperation", "The request is not authorized. For more information, see the CAM documentation."),
    code("DryRunOperation", "DryRun operation: the request would have succeeded, but the DryRun parameter was used."),
    code("FailedOperation", "Operation failed."),
    code("InternalError", "Internal error."),
    code("InvalidAction", "The API does not exist."),
    code("InvalidParameter", "Incorrect parameter, for example in its format or type."),
    code("InvalidParameterValue", "Invalid parameter value."),
    code("InvalidRequest", "The multipart format of the request body is incorrect."),
    code("IpInBlacklist", "Your IP is in uin IP blacklist."),
    code("IpNotInWhitelist", "Your IP is not in uin IP whitelist."),
    code("LimitExceeded", "Quota limit exceeded."),
    code("MissingParameter", "A parameter is missing."),
    code("NoSuchProduct", "The product does not exist."),
    code("NoSuchVersion", "The API version does not exist."),
    code("RequestLimitExceeded", "The number of requests exceeds the frequency limit."),
    code("RequestLimitExceeded.GlobalRegionUinLimitExceeded", "The number of requests exceeds the frequency limit of the root account."),
    code("RequestLimitExceeded.IPLimitExceeded", "The number of requests exceeds the frequency limit of the IP."),
    code("RequestLimitExceeded.UinLimitExceeded", "The number of requests exceeds the frequency limit of the root account."),
    code("RequestSizeLimitExceeded", "The request size exceeds the upper limit."),
    code("ResourceInUse", "Resource is in use."),
    code("ResourceInsufficient", "Insufficient resource."),
    code("ResourceNotFound", "The resource does not exist."),
    code("ResourceUnavailable", "Resource is unavailable."),
    code("ResponseSizeLimitExceeded", "The response size exceeds the upper limit."),
    code("ServiceUnavailable", "Service is unavailable now."),
    code("UnauthorizedOperation", "You are not authorized to perform this operation."),
    code("UnknownParameter", "Unknown parameter: undefined parameters may cause an error."),
    code("UnsupportedOperation", "Unsupported operation."),
    code("UnsupportedProtocol", "HTTP(S) request protocol error: only GET and POST requests are supported."),
    code("UnsupportedRegion", "The API does not support the requested region."),

    code("AuthFailure", "CAM signature or authentication error."),
    code("FailedOperation.AccountArrears", "The account has overdue payments."),
    code("FailedOperation.AgentOffline", "The client is offline."),
    code("FailedOperation.AuthorizedNotEnough", "Insufficient licenses."),
    code("FailedOperation.DataValueNotCorrect", "The response data value is incorrect."),
    code("FailedOperation.ErrAlreadyScanning", "Scanning is in progress, or not permitted; authorize the images first."),
    code("FailedOperation.ErrRuleNotFind", "The rule was not found."),
    code("FailedOperation.NotifyPolicyChangeFailed", "Failed to change the notification policy."),
    code("FailedOperation.RuleConfigTooMany", "There are too many sub-rules."),
    code("FailedOperation.RuleInfoRepeat", "The rule is a duplicate."),
    code("FailedOperation.RuleNameRepeat", "The rule name is a duplicate."),
    code("FailedOperation.RuleNotFind", "The rule was not found."),
    code("FailedOperation.RuleSelectImageOutRange", "Too many images are selected."),
    code("InternalError.ErrRoleNotExist", "The user is not authorized: the role does not exist."),
    code("InternalError.MainDBFail", "The database operation failed."),
    code("InvalidParameter.ErrIpNoValid", "The IP format is invalid."),
    code("InvalidParameter.InvalidFormat", "The parameter format is incorrect."),
    code("InvalidParameter.IpNoValid", "The IP format is incorrect."),
    code("InvalidParameter.MissingParameter", "A required parameter is missing."),
    code("InvalidParameter.ParsingError", "A parameter could not be parsed."),
    code("InvalidParameter.PortNoValid", "The port format is invalid."),
    code("InvalidParameter.RegexRuleError", "The regular expression is incorrect."),
    code("InvalidParameter.RequestTimeout", "The query timed out and is still being processed; query again."),
    code("InvalidParameter.ReverShellKeyFieldAllEmpty", "Process name, destination IP and destination port cannot all be empty."),
    code("InvalidParameter.RuleInfoInValid", "The rule is invalid."),
    code("InvalidParameterValue.DataNotFound", "The data were not found."),
    code("InvalidParameterValue.DataRange", "The data range is incorrect."),
    code("InvalidParameterValue.LengthLimit", "The parameter is too long."),
    code("OperationDenied", "The operation was denied."),
];

/// Those of the organization only.
#[rustfmt::skip]
pub(super) const ORGANIZATION_ERROR_CODES: &[ErrorCode] = &[
    code("FailedOperation.OperateBillingPermissionErr", "Failed to operate on billing permissions."),
    code("ResourceNotFound.OrganizationNodeNotExist", "The organization node does not exist."),
    code("ResourceNotFound.OrganizationNotExist", "The organization does not exist."),
    code("ResourceNotFound.OrganizationServiceNotExist", "The organization service does not exist."),
];

/// Those of STS only.
#[rustfmt::skip]
pub const STS_ERROR_CODES: &[ErrorCode] = &[
    code("AuthFailure.AccessKeyIllegal", "The key is invalid."),
    code("InternalError.DbError", "Database error."),
    code("InternalError.EncryptError", "Encryption failed."),
    code("InternalError.GetAppIdError", "Failed to get the appid."),
    code("InternalError.GetRoleError", "Failed to get the role."),
    code("InternalError.GetSeedTokenError", "Failed to get the token."),
    code("InternalError.IllegalRole", "The role is invalid."),
    code("InternalError.PbSerializeError", "Serialization failed."),
    code("InternalError.SystemError", "Internal system error, for example of the network."),
    code("InternalError.UnknownError", "Unknown error."),
    code("InvalidParameter.AccessKeyNotSupport", "This type of key is not supported."),
    code("InvalidParameter.AccountNotAvaliable", "The account does not exist or is not available."),
    code("InvalidParameter.ExtendStrategyOverSize", "The extended policy is too large."),
    code("InvalidParameter.GrantOtherResource", "Unauthorized access to the resource."),
    code("InvalidParameter.OverLimit", "The frequency limit is exceeded."),
    code("InvalidParameter.OverTimeError", "The expiration time exceeds the threshold."),
    code("InvalidParameter.ParamError", "Parameter error."),
    code("InvalidParameter.PolicyTooLong", "The policy is too long."),
    code("InvalidParameter.ResouceError", "Resource error."),
    code("InvalidParameter.StrategyFormatError", "The policy syntax is incorrect."),
    code("InvalidParameter.StrategyInvalid", "The policy is invalid."),
    code("InvalidParameter.TempCodeNotAvaliable", "The temporary code is invalid."),
    code("ResourceNotFound.RoleNotFound", "The account has no such role."),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn messages_in_chinese_are_those_of_known_codes() {
        for (code, _) in CHINESE_MESSAGES {
            assert!(ErrorCode::find(code).is_some(), "{code}");
        }
    }

    #[test]
    fn no_code_is_listed_twice() {
        let all = ERROR_CODES
            .iter()
            .chain(STS_ERROR_CODES)
            .chain(ORGANIZATION_ERROR_CODES);
        let codes: HashSet<_> = all.map(|known| known.code).collect();
        assert_eq!(
            codes.len(),
            ERROR_CODES.len() + STS_ERROR_CODES.len() + ORGANIZATION_ERROR_CODES.len()
        );
    }
}
