//! The API's error codes → the closed set of reasons.
//!
//! Source: the common error codes of Tencent Cloud API 3.0 and those of TCSS,
//! <https://www.tencentcloud.com/document/product/1163/52929>. The text of a message is not stable; the code is.

use crate::domain::Reason;

/// A token that the API does not accept: it may have expired on the way.
pub const TOKEN_FAILURE: &str = "AuthFailure.TokenFailure";

/// The reason for `code`. Codes come as `Family` or `Family.Detail`; a few details mean something else than
/// their family. What is not known may pass by itself: it is the server's trouble.
pub(super) fn reason(code: &str) -> Reason {
    match code {
        "AuthFailure.UnauthorizedOperation" | "InternalError.ErrRoleNotExist" => {
            return Reason::Permission;
        }
        "InvalidParameterValue.DataNotFound" => return Reason::NotFound,
        "InvalidParameter.RequestTimeout" => return Reason::Server,
        _ => {}
    }
    match code.split('.').next().unwrap_or(code) {
        "AuthFailure" => Reason::Auth,
        "UnauthorizedOperation" | "OperationDenied" | "IpInBlacklist" | "IpNotInWhitelist" => {
            Reason::Permission
        }
        "RequestLimitExceeded" => Reason::Throttled,
        "ResourceNotFound" => Reason::NotFound,
        "ActionOffline"
        | "DryRunOperation"
        | "InvalidAction"
        | "InvalidParameter"
        | "InvalidParameterValue"
        | "InvalidRequest"
        | "MissingParameter"
        | "NoSuchProduct"
        | "NoSuchVersion"
        | "RequestSizeLimitExceeded"
        | "UnknownParameter"
        | "UnsupportedOperation"
        | "UnsupportedProtocol"
        | "UnsupportedRegion" => Reason::InvalidRequest,
        _ => Reason::Server,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_reasons() {
        let cases = [
            ("AuthFailure.SignatureExpire", Reason::Auth),
            ("AuthFailure.TokenFailure", Reason::Auth),
            ("AuthFailure.UnauthorizedOperation", Reason::Permission),
            ("UnauthorizedOperation.Anything", Reason::Permission),
            ("RequestLimitExceeded", Reason::Throttled),
            ("RequestLimitExceeded.UinLimitExceeded", Reason::Throttled),
            (
                "RequestLimitExceeded.GlobalRegionUinLimitExceeded",
                Reason::Throttled,
            ),
            ("InvalidParameterValue.DataRange", Reason::InvalidRequest),
            ("InvalidParameterValue.DataNotFound", Reason::NotFound),
            ("ResourceNotFound", Reason::NotFound),
            ("InternalError.MainDBFail", Reason::Server),
            ("LimitExceeded", Reason::Server),
            ("Something.New", Reason::Server),
            ("", Reason::Server),
        ];
        for (code, expected) in cases {
            assert_eq!(reason(code), expected, "{code}");
        }
    }
}
