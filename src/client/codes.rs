//! The API's error codes and the closed set of reasons that they map to.
//!
//! Source: the common error codes of Tencent Cloud API 3.0 and those of TCSS,
//! <https://www.tencentcloud.com/document/product/1163/52929>. Codes are stable; the texts of
//! messages are not.

use crate::domain::Reason;

/// The API does not accept the token: it may have expired on the way.
pub const TOKEN_FAILURE: &str = "AuthFailure.TokenFailure";

/// The reason for `code`, which is `Family` or `Family.Detail`. An unknown code may be transient,
/// so it counts as an error of the server.
pub(super) fn reason(code: &str) -> Reason {
    // Details that mean something else than their family.
    match code {
        "AuthFailure.UnauthorizedOperation" | "InternalError.ErrRoleNotExist" => {
            return Reason::Permission;
        }
        "InvalidParameterValue.DataNotFound" => return Reason::NotFound,
        "InvalidParameter.RequestTimeout" => return Reason::Server,
        // STS says so when there were too many requests.
        "InvalidParameter.OverLimit" => return Reason::Throttled,
        _ => {}
    }
    match family(code) {
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
        // For example `InternalError`, `FailedOperation`, `LimitExceeded`, and unknown codes.
        _ => Reason::Server,
    }
}

/// `Family` of `Family.Detail`.
pub(super) fn family(code: &str) -> &str {
    match code.split_once('.') {
        Some((family, _)) => family,
        None => code,
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
            ("InvalidParameter.OverLimit", Reason::Throttled),
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
