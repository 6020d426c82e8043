//! Every error code of the API's documentation: its reason, and that a poll handles it.

use std::{collections::HashMap, sync::Arc};

use tcss_exporter::{client::Handler, domain::Reason, simulator::ERROR_CODES};

use crate::support::{World, account, error, frozen_clock, job};

/// Codes by reason, as `docs/metrics.md` explains the reasons.
const EXPECTED: [(Reason, &str); 6] = [
    (
        Reason::Auth,
        "AuthFailure AuthFailure.InvalidAuthorization AuthFailure.InvalidSecretId AuthFailure.MFAFailure \
         AuthFailure.SecretIdNotFound AuthFailure.SignatureExpire AuthFailure.SignatureFailure \
         AuthFailure.TokenFailure",
    ),
    (
        Reason::Permission,
        "AuthFailure.UnauthorizedOperation UnauthorizedOperation OperationDenied IpInBlacklist IpNotInWhitelist \
         InternalError.ErrRoleNotExist",
    ),
    (
        Reason::Throttled,
        "RequestLimitExceeded RequestLimitExceeded.GlobalRegionUinLimitExceeded \
         RequestLimitExceeded.IPLimitExceeded RequestLimitExceeded.UinLimitExceeded",
    ),
    (
        Reason::NotFound,
        "ResourceNotFound InvalidParameterValue.DataNotFound",
    ),
    (
        Reason::InvalidRequest,
        "ActionOffline DryRunOperation InvalidAction InvalidParameter InvalidParameter.ErrIpNoValid \
         InvalidParameter.InvalidFormat InvalidParameter.IpNoValid InvalidParameter.MissingParameter \
         InvalidParameter.ParsingError InvalidParameter.PortNoValid InvalidParameter.RegexRuleError \
         InvalidParameter.ReverShellKeyFieldAllEmpty InvalidParameter.RuleInfoInValid InvalidParameterValue \
         InvalidParameterValue.DataRange InvalidParameterValue.LengthLimit InvalidRequest MissingParameter \
         NoSuchProduct NoSuchVersion RequestSizeLimitExceeded UnknownParameter UnsupportedOperation \
         UnsupportedProtocol UnsupportedRegion",
    ),
    (
        Reason::Server,
        "FailedOperation FailedOperation.AccountArrears FailedOperation.AgentOffline FailedOperation.AuthorizedNotEnough \
         FailedOperation.DataValueNotCorrect FailedOperation.ErrAlreadyScanning FailedOperation.ErrRuleNotFind \
         FailedOperation.NotifyPolicyChangeFailed FailedOperation.RuleConfigTooMany \
         FailedOperation.RuleInfoRepeat FailedOperation.RuleNameRepeat FailedOperation.RuleNotFind \
         FailedOperation.RuleSelectImageOutRange InternalError InternalError.MainDBFail \
         InvalidParameter.RequestTimeout LimitExceeded ResourceInUse ResourceInsufficient ResourceUnavailable \
         ResponseSizeLimitExceeded ServiceUnavailable",
    ),
];

#[tokio::test(start_paused = true)]
async fn every_documented_code_has_its_reason() {
    let expected: HashMap<&str, Reason> = EXPECTED
        .iter()
        .flat_map(|(reason, codes)| codes.split_whitespace().map(|code| (code, *reason)))
        .collect();
    assert_eq!(
        expected.len(),
        ERROR_CODES.len(),
        "as many as are documented"
    );
    for known in ERROR_CODES {
        let handler: Handler = Arc::new(|_| http::Response::new(error(known.code)));
        let world = World::in_process(frozen_clock(), handler);
        let job = job(&world.context, account("prod", "tcss.example"));
        job.poll(&world.context, tokio::time::Instant::now()).await;
        let snapshot = job.entry.snapshot();
        let failure = snapshot.last.as_ref().unwrap().failure.as_ref().unwrap();
        assert_eq!(
            Some(failure.reason),
            expected.get(known.code).copied(),
            "{}",
            known.code
        );
        assert_eq!(failure.code.as_deref(), Some(known.code));
    }
}
