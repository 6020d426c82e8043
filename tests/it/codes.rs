//! Every error code of the API's documentation: its reason, and that a poll handles it.

use std::{collections::HashMap, sync::Arc};

use tcss_exporter::{client::Handler, domain::Reason, simulator::ERROR_CODES};

use crate::support::{
    World, account, error, frozen_clock, job,
    process::{file, get, path, serving, simulating, until},
};

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

/// The log and the page show the messages of the API in the language of each account. Reasons, codes and advice do not
/// depend on it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_the_api_are_in_the_language_of_the_account() {
    const ENGLISH: &str = "You are not authorized to perform this operation.";
    const CHINESE: &str = "未授权操作。";
    let (_api, api) = simulating("failures: [{code: UnauthorizedOperation}]");
    let config = file(&format!(
        "api: {{endpoint: \"{api}\", language: zh-CN}}\n\
         accounts: [{{name: chinese}}, {{name: english, language: en-US}}]\n"
    ));
    let (mut exporter, url) = serving(&["--config.file", path(&config)]);
    for (account, message) in [("chinese", CHINESE), ("english", ENGLISH)] {
        let is_logged = |line: &str| {
            line.contains(&format!("account={account}"))
                && line.contains("reason=permission code=UnauthorizedOperation")
                && line.contains(message)
        };
        exporter.wait_for("the message", |log| {
            log.lines().any(is_logged).then_some(())
        });
    }
    until(&format!("{url}/-/ready"), "both polls", |body| {
        (body == "ready\n").then_some(())
    })
    .await;
    let metrics = get(&format!("{url}/metrics")).await;
    for account in ["chinese", "english"] {
        let failing = format!(
            "\ntcss_poll_failing{{account=\"{account}\",collector=\"vul_scan\",scan=\"latest\",reason=\"permission\"}} 1\n"
        );
        assert!(metrics.contains(&failing), "{metrics}");
    }
    // The language of the page is that of the browser.
    for lang in ["en", "zh-CN"] {
        let page = get(&format!("{url}/?lang={lang}")).await;
        for message in [ENGLISH, CHINESE] {
            assert_eq!(page.matches(message).count(), 1, "{page}");
        }
        let advice = match lang {
            "en" => "Attach a CAM policy",
            _ => "CAM 策略",
        };
        assert_eq!(page.matches(advice).count(), 2, "{page}");
    }
}
