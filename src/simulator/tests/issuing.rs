//! Roles are assumed, and the issued credentials are used: no socket, no clock.

use std::{fs, path::Path};

use serde_json::Value;
use tokio::time::Instant;

use super::*;

const ARN: &str = "qcs::cam::uin/100000000001:roleName/tcss-exporter";

const SCENARIO: &str = "
identities:
  - name: reader
    role:
      arn: qcs::cam::uin/100000000001:roleName/tcss-exporter
      assumed_by: [base]
      web_identity: {provider: cls-abcd1234, token: eyJ.token}
      metadata: true
    scans: [{takes: 1m, local_images: 1}]
  - name: base
    secret_id: AKIDprod
    secret_key: key-of-prod
  - name: stranger
    secret_id: AKIDstranger
    secret_key: key-of-prod
";

fn with(role: &str) -> Simulator {
    simulator(&SCENARIO.replacen(
        "      metadata: true\n",
        &format!("      metadata: true\n{role}"),
        1,
    ))
}

fn leaked(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

/// To STS, signed by `base`.
fn assume(at: Timestamp, rest: &str) -> Draft {
    let mut draft = Draft::new(at);
    draft.service = "sts";
    draft.set("X-TC-Action", "AssumeRole");
    draft.set("X-TC-Version", "2018-08-13");
    draft.body = leaked(&format!(
        r#"{{"RoleArn": "{ARN}", "RoleSessionName": "tcss-exporter"{rest}}}"#
    ));
    draft
}

fn assume_with_web_identity(at: Timestamp, provider: &str, token: &str) -> Request<Bytes> {
    let rest = format!(r#", "ProviderId": "{provider}", "WebIdentityToken": "{token}""#);
    let mut draft = assume(at, &rest);
    draft.set("X-TC-Action", "AssumeRoleWithWebIdentity");
    let mut request = draft.signed();
    request
        .headers_mut()
        .insert("Authorization", http::HeaderValue::from_static("SKIP"));
    request
}

fn get(simulator: &Simulator, role: &str) -> Reply {
    let path = format!("/latest/meta-data/cam/security-credentials/{role}");
    simulator.respond(
        &Request::get(path).body(Bytes::new()).unwrap(),
        simulator.start,
    )
}

/// What was issued, and the seconds from the simulator's start until it expires.
fn issued(simulator: &Simulator, reply: &Reply) -> (Value, i64) {
    let response = response(reply);
    let expired = response["ExpiredTime"]
        .as_i64()
        .unwrap_or_else(|| panic!("{response}"));
    let expiration: Timestamp = response["Expiration"].as_str().unwrap().parse().unwrap();
    assert_eq!(expiration.as_second(), expired);
    (
        response["Credentials"].clone(),
        expired - simulator.start.wall.as_second(),
    )
}

/// A poll, signed with what was issued.
fn poll(credentials: &Value, at: Timestamp) -> Draft {
    let mut draft = Draft::new(at);
    draft.secret_id = leaked(credentials["TmpSecretId"].as_str().unwrap());
    draft.secret_key = leaked(credentials["TmpSecretKey"].as_str().unwrap());
    draft.set("X-TC-Token", credentials["Token"].as_str().unwrap());
    draft
}

#[test]
fn a_role_is_assumed_in_each_way_and_its_credentials_are_accepted() {
    let simulator = simulator(SCENARIO);
    let now = simulator.start;
    let by_key = simulator.respond(&assume(now.wall, "").signed(), now);
    let by_web = simulator.respond(
        &assume_with_web_identity(now.wall, "cls-abcd1234", "eyJ.token\\n"),
        now,
    );
    for (credentials, lifetime) in [issued(&simulator, &by_key), issued(&simulator, &by_web)] {
        assert_eq!(lifetime, 7200);
        assert_eq!(
            outcome(&simulator.respond(&poll(&credentials, now.wall).signed(), now)),
            "SCANNING"
        );
    }
    assert_eq!(get(&simulator, "").response.body(), "tcss-exporter");
    let from_metadata: Value =
        serde_json::from_slice(get(&simulator, "tcss-exporter").response.body()).unwrap();
    assert_eq!(from_metadata["Code"], "Success");
    assert_eq!(
        outcome(&simulator.respond(&poll(&from_metadata, now.wall).signed(), now)),
        "SCANNING"
    );

    let stats = simulator.stats();
    assert_eq!(
        (
            stats.assume_role,
            stats.assume_role_with_web_identity,
            stats.metadata
        ),
        (1, 1, 2)
    );
    assert_eq!(
        (stats.arrivals, stats.identities["reader"].arrivals),
        (3, 3),
        "in the name of the role"
    );
    assert_eq!(stats.identities["reader"].issued, 3);
    assert_eq!(
        stats.identities["base"].arrivals, 0,
        "calls to STS do not count"
    );
}

#[test]
fn credentials_expire_to_the_second() {
    let simulator = with("      token_lifetime: 3s\n");
    let now = simulator.start;
    let reply = simulator.respond(
        &assume(now.wall, r#", "DurationSeconds": 900"#).signed(),
        now,
    );
    let (credentials, lifetime) = issued(&simulator, &reply);
    assert_eq!(lifetime, 3, "whatever was asked for");
    for (millis, expected) in [(2_999, "SCANNING"), (3_000, "AuthFailure.TokenFailure")] {
        let later = now.after(Duration::from_millis(millis));
        let reply = simulator.respond(&poll(&credentials, later.wall).signed(), later);
        assert_eq!(outcome(&reply), expected, "{millis} ms");
    }
}

#[test]
fn a_token_of_other_credentials_or_a_missing_one_is_refused() {
    let simulator = simulator(SCENARIO);
    let now = simulator.start;
    let assume = || {
        issued(
            &simulator,
            &simulator.respond(&assume(now.wall, "").signed(), now),
        )
        .0
    };
    let (one, other) = (assume(), assume());
    assert_ne!(one["TmpSecretId"], other["TmpSecretId"]);
    let refused = |draft: &Draft| outcome(&simulator.respond(&draft.signed(), now));

    let mut mixed = poll(&one, now.wall);
    mixed.set("X-TC-Token", other["Token"].as_str().unwrap());
    assert_eq!(refused(&mixed), "AuthFailure.TokenFailure");
    mixed.headers.retain(|(name, _)| *name != "X-TC-Token");
    assert_eq!(refused(&mixed), "AuthFailure.TokenFailure");
    let mut wrong_key = poll(&one, now.wall);
    wrong_key.secret_key = "another";
    assert_eq!(refused(&wrong_key), "AuthFailure.SignatureFailure");
    let mut long_term = Draft::new(now.wall);
    long_term.set("X-TC-Token", one["Token"].as_str().unwrap());
    assert_eq!(refused(&long_term), "AuthFailure.TokenFailure");
    let mut of_no_role = poll(&one, now.wall);
    of_no_role.secret_id = leaked(
        &of_no_role
            .secret_id
            .replace("AKIDtemporary00000000", "AKIDtemporary00000001"),
    );
    assert_eq!(refused(&of_no_role), "AuthFailure.SecretIdNotFound");
}

#[test]
fn all_credentials_of_a_role_share_one_limit() {
    let simulator = simulator(SCENARIO);
    let now = simulator.start;
    for _ in 0..20 {
        let (credentials, _) = issued(
            &simulator,
            &simulator.respond(&assume(now.wall, "").signed(), now),
        );
        assert_eq!(
            outcome(&simulator.respond(&poll(&credentials, now.wall).signed(), now)),
            "SCANNING"
        );
    }
    let (credentials, _) = issued(
        &simulator,
        &simulator.respond(&assume(now.wall, "").signed(), now),
    );
    let reply = simulator.respond(&poll(&credentials, now.wall).signed(), now);
    assert_eq!(outcome(&reply), "RequestLimitExceeded");
}

#[test]
fn a_caller_that_the_role_does_not_trust_is_refused() {
    let simulator = simulator(SCENARIO);
    let now = simulator.start;
    let refused = |request: &Request<Bytes>| outcome(&simulator.respond(request, now));
    let mut draft = assume(now.wall, "");
    draft.secret_id = "AKIDstranger";
    assert_eq!(refused(&draft.signed()), "UnauthorizedOperation");
    draft.secret_id = "AKIDnobody";
    assert_eq!(refused(&draft.signed()), "AuthFailure.SecretIdNotFound");
    let web = |provider, token| refused(&assume_with_web_identity(now.wall, provider, token));
    assert_eq!(web("cls-abcd1234", "eyJ.other"), "UnauthorizedOperation");
    assert_eq!(web("cls-other", "eyJ.token"), "UnauthorizedOperation");
    let mut other_role = assume(now.wall, "");
    other_role.body = leaked(&other_role.body.replace("roleName/tcss", "roleName/other"));
    assert_eq!(
        refused(&other_role.signed()),
        "ResourceNotFound.RoleNotFound"
    );
    let mut signed_for_tcss = assume(now.wall, "");
    signed_for_tcss.service = "tcss";
    assert_eq!(
        refused(&signed_for_tcss.signed()),
        "AuthFailure.SignatureFailure"
    );
    let mut old = assume(now.wall, "");
    old.set("X-TC-Version", "2020-11-01");
    assert_eq!(refused(&old.signed()), "NoSuchVersion");
    let mut signed_web = assume(
        now.wall,
        r#", "ProviderId": "cls-abcd1234", "WebIdentityToken": "eyJ.token""#,
    );
    signed_web.set("X-TC-Action", "AssumeRoleWithWebIdentity");
    assert_eq!(
        refused(&signed_web.signed()),
        "AuthFailure.InvalidAuthorization"
    );
    assert_eq!(simulator.stats().identities["reader"].issued, 0);
}

#[test]
fn the_external_id_must_match() {
    let simulator = with("      external_id: agreed\n");
    let now = simulator.start;
    for (rest, expected) in [
        (r#", "ExternalId": "agreed""#, None),
        (r#", "ExternalId": "other""#, Some("UnauthorizedOperation")),
        ("", Some("UnauthorizedOperation")),
    ] {
        let response = response(&simulator.respond(&assume(now.wall, rest).signed(), now));
        assert_eq!(response["Error"]["Code"].as_str(), expected, "{rest}");
    }
}

#[test]
fn a_role_may_assume_another_one() {
    let simulator = simulator(&format!(
        "{SCENARIO}  - name: chained\n    role: {{arn: qcs::cam::uin/2:roleName/far, assumed_by: [reader]}}\n"
    ));
    let now = simulator.start;
    let (near, _) = issued(
        &simulator,
        &simulator.respond(&assume(now.wall, "").signed(), now),
    );
    let mut draft = assume(now.wall, "");
    draft.body =
        r#"{"RoleArn": "qcs::cam::uin/2:roleName/far", "RoleSessionName": "tcss-exporter"}"#;
    draft.secret_id = leaked(near["TmpSecretId"].as_str().unwrap());
    draft.secret_key = leaked(near["TmpSecretKey"].as_str().unwrap());
    draft.set("X-TC-Token", near["Token"].as_str().unwrap());
    let (far, _) = issued(&simulator, &simulator.respond(&draft.signed(), now));
    assert_eq!(
        outcome(&simulator.respond(&poll(&far, now.wall).signed(), now)),
        "NOT_SCAN"
    );
}

#[test]
fn failures_and_latency_of_a_role_apply_to_issuing_and_not_to_use() {
    let simulator =
        with("      latency: 2s\n      failures: [{code: InternalError.DbError, from: 10s}]\n");
    let start = simulator.start;
    let reply = simulator.respond(&assume(start.wall, "").signed(), start);
    assert_eq!(reply.delay, Duration::from_secs(2));
    assert_eq!(
        get(&simulator, "tcss-exporter").delay,
        Duration::from_secs(2)
    );
    let (credentials, _) = issued(&simulator, &reply);
    let later = start.after(Duration::from_secs(10));
    assert_eq!(
        outcome(&simulator.respond(&assume(later.wall, "").signed(), later)),
        "InternalError.DbError"
    );
    let path = "/latest/meta-data/cam/security-credentials/tcss-exporter";
    let reply = simulator.respond(&Request::get(path).body(Bytes::new()).unwrap(), later);
    assert_eq!(reply.response.body(), r#"{"Code":"InternalError.DbError"}"#);
    let reply = simulator.respond(&poll(&credentials, later.wall).signed(), later);
    assert_eq!(
        (outcome(&reply).as_str(), reply.delay),
        ("SCANNING", Duration::ZERO)
    );
}

#[test]
fn metadata_of_a_missing_or_another_role_are_not_found() {
    let bare = simulator(&SCENARIO.replacen("metadata: true", "metadata: false", 1));
    assert_eq!(get(&bare, "").response.status(), 404);
    let simulator = simulator(SCENARIO);
    assert_eq!(get(&simulator, "other").response.status(), 404);
    assert_eq!(
        get(&simulator, "").response.headers()["Content-Type"],
        "text/plain"
    );
}

#[test]
fn requests_of_the_official_sdk_to_sts_are_accepted() {
    let scenario = "
identities:
  - name: base
    secret_id: AKIDEXAMPLE000000000000000000000001
    secret_key: exampleSecretKey0000000000000001
  - name: reader
    role:
      arn: qcs::cam::uin/100000000001:roleName/tcss-exporter
      assumed_by: [base]
      web_identity: {provider: cls-abcd1234, token: eyJhbGciOi.web-identity.token}
";
    for name in ["sts_assume_role", "sts_assume_role_with_web_identity_tke"] {
        let recorded = fixture(name);
        let wall = Timestamp::from_second(recorded["timestamp"].as_i64().unwrap()).unwrap();
        let start = Moment {
            wall,
            monotonic: Instant::now(),
        };
        let simulator =
            Simulator::new(&Scenario::parse(scenario).unwrap(), Speed::REAL_TIME, start);
        let wire = &recorded["requests"][0];
        let mut request = Request::post("/");
        for header in wire["headers"].as_array().unwrap() {
            request = request.header(header[0].as_str().unwrap(), header[1].as_str().unwrap());
        }
        let request = request
            .body(Bytes::from(wire["body"].as_str().unwrap().to_owned()))
            .unwrap();
        let answer = response(&simulator.respond(&request, start));
        let used = &recorded["response_used"]["Response"];
        assert_eq!(answer["ExpiredTime"], used["ExpiredTime"], "{name}");
        assert_eq!(answer["Expiration"], used["Expiration"], "{name}");
        assert_eq!(keys(&answer), keys(used), "{name}");
        assert_eq!(
            keys(&answer["Credentials"]),
            keys(&used["Credentials"]),
            "{name}"
        );
    }
}

#[test]
fn metadata_have_the_recorded_keys() {
    let recorded = fixture("cvm_metadata_role");
    let simulator = simulator(SCENARIO);
    let answer: Value =
        serde_json::from_slice(get(&simulator, "tcss-exporter").response.body()).unwrap();
    assert_eq!(
        keys(&answer),
        keys(&recorded["response_used"]["credentials"])
    );
}

fn fixture(name: &str) -> Value {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/credentials");
    serde_json::from_slice(&fs::read(directory.join(format!("{name}.json"))).unwrap()).unwrap()
}

fn keys(object: &Value) -> Vec<&String> {
    object.as_object().unwrap().keys().collect()
}
