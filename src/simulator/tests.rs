//! Requests in, replies out: no socket, no clock.

use jiff::SignedDuration;
use serde_json::Value;
use tokio::time::Instant;

use super::*;
use crate::signer::{
    self, Credentials, Secret,
    fixtures::{self, Fixture},
};

mod issuing;

const START: &str = "2025-11-24T16:00:00Z";

const SCENARIO: &str = "
identities:
  - name: prod
    secret_id: AKIDprod
    secret_key: key-of-prod
    scans:
      - {takes: 100s, pause: 20s, local_images: 40, registry_images: 10, local_vulnerabilities: 200, risk_images: 12}
      - {takes: 100s, pause: 20s, local_images: 40, risk_images: 9, cancel_at: 50}
  - name: temporary
    secret_id: AKIDtemporary
    secret_key: key-of-temporary
    token: tok-1==
    starts_in: 1h
    scans: [{takes: 1m, local_images: 1}]
";

fn start() -> Moment {
    Moment {
        wall: START.parse().unwrap(),
        monotonic: Instant::now(),
    }
}

fn simulator(scenario: &str) -> Simulator {
    Simulator::new(
        &Scenario::parse(scenario).unwrap(),
        Speed::REAL_TIME,
        start(),
    )
}

/// A request before it is signed.
struct Draft {
    method: &'static str,
    target: &'static str,
    host: &'static str,
    signed_host: &'static str,
    content_type: &'static str,
    headers: Vec<(&'static str, String)>,
    extra_signed: Vec<&'static str>,
    body: &'static str,
    payload: Option<&'static str>,
    secret_id: &'static str,
    secret_key: &'static str,
    service: &'static str,
    at: Timestamp,
}

impl Draft {
    fn new(at: Timestamp) -> Draft {
        Draft {
            method: "POST",
            target: "/",
            host: "127.0.0.1:10059",
            signed_host: "127.0.0.1:10059",
            content_type: "application/json",
            headers: vec![
                ("X-TC-Action", "DescribeVulScanInfo".into()),
                ("X-TC-Version", "2020-11-01".into()),
                ("X-TC-Timestamp", at.as_second().to_string()),
            ],
            extra_signed: vec![],
            body: "{}",
            payload: None,
            secret_id: "AKIDprod",
            secret_key: "key-of-prod",
            service: "tcss",
            at,
        }
    }

    fn set(&mut self, name: &'static str, value: &str) {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
    }

    fn value(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(known, _)| *known == name)
            .map_or("", |(_, value)| value)
    }

    fn signed(&self) -> Request<Bytes> {
        let credentials = Credentials {
            secret_id: self.secret_id.into(),
            secret_key: Secret::new(self.secret_key.into()),
            token: None,
        };
        let extra_headers: Vec<_> = self
            .extra_signed
            .iter()
            .map(|name| (*name, self.value(name)))
            .collect();
        let request = signer::RequestToSign {
            method: self.method,
            host: self.signed_host,
            path: "/",
            query: self.target.split_once('?').map_or("", |(_, query)| query),
            content_type: self.content_type,
            extra_headers: &extra_headers,
            body: self.payload.unwrap_or(self.body).as_bytes(),
        };
        let authorization = signer::sign(&request, self.service, &credentials, self.at);
        let mut builder = Request::builder().method(self.method).uri(self.target);
        builder = builder
            .header("Host", self.host)
            .header("Content-Type", self.content_type);
        builder = builder.header("Authorization", authorization.header().unwrap());
        for (name, value) in &self.headers {
            builder = builder.header(*name, value);
        }
        builder.body(Bytes::from(self.body)).unwrap()
    }
}

fn response(reply: &Reply) -> Value {
    assert_eq!(reply.response.status(), 200);
    let body: Value = serde_json::from_slice(reply.response.body()).unwrap();
    body["Response"].clone()
}

/// The error code, or the status of the scan.
fn outcome(reply: &Reply) -> String {
    let response = response(reply);
    response["Error"]["Code"]
        .as_str()
        .or(response["Status"].as_str())
        .unwrap()
        .to_owned()
}

fn ask(simulator: &Simulator, seconds: u64, body: &'static str) -> Value {
    let now = simulator.start.after(Duration::from_secs(seconds));
    response(
        &simulator.respond(
            &Draft {
                body,
                ..Draft::new(now.wall)
            }
            .signed(),
            now,
        ),
    )
}

#[track_caller]
fn check(change: impl FnOnce(&mut Draft), expected: &str) {
    let simulator = simulator(SCENARIO);
    let mut draft = Draft::new(simulator.start.wall);
    change(&mut draft);
    let reply = simulator.respond(&draft.signed(), simulator.start);
    assert_eq!(outcome(&reply), expected, "{:?}", reply.response);
}

#[track_caller]
fn check_tampered(change: impl FnOnce(&mut Request<Bytes>), expected: &str) {
    let simulator = simulator(SCENARIO);
    let mut request = Draft::new(simulator.start.wall).signed();
    change(&mut request);
    let reply = simulator.respond(&request, simulator.start);
    assert_eq!(outcome(&reply), expected, "{:?}", reply.response);
}

#[test]
fn every_request_of_the_official_sdks_is_accepted() {
    let recorded: Vec<_> = fixtures::all()
        .into_iter()
        .filter(|fixture| fixture.wire.is_some() && fixture.input.service == "tcss")
        .collect();
    assert_eq!(recorded.len(), 18);
    for fixture in recorded {
        let token = fixture
            .credentials()
            .token
            .map_or("", |_| ", token: exampleSessionToken-abc123==");
        let simulator = Simulator::new(
            &Scenario::parse(&format!(
                "identities: [{{name: a, secret_id: AKIDEXAMPLE000000000000000000000001, secret_key: \
                 exampleSecretKey0000000000000001{token}, first_local_task_id: 1001, first_registry_task_id: 2002, \
                 scans: [{{takes: 1m, local_images: 1, registry_images: 1}}]}}]"
            ))
            .unwrap(),
            Speed::REAL_TIME,
            Moment { wall: fixture.at(), monotonic: Instant::now() },
        );
        let reply = simulator.respond(&recorded_request(&fixture), simulator.start);
        assert_eq!(
            outcome(&reply),
            "SCANNING",
            "{}: {:?}",
            fixture.name,
            reply.response
        );
    }
}

#[test]
fn every_request_of_the_official_sdk_to_the_organization_and_to_sts_is_accepted() {
    let recorded = fixtures::all().into_iter();
    let recorded: Vec<_> = recorded
        .filter(|fixture| ["organization", "sts"].contains(&fixture.input.service.as_str()))
        .collect();
    assert_eq!(recorded.len(), 13);
    for fixture in recorded {
        let token = fixture
            .credentials()
            .token
            .map_or("", |_| ", token: exampleSessionToken-abc123==");
        // One of the requests has no external ID.
        let (role, external_id) = if fixture.name.contains("external_id") {
            ("tcss-exporter", ", external_id: fleet")
        } else {
            ("OrganizationAccessControlRole", "")
        };
        let scenario = Scenario::parse(&format!(
            "identities: [{{name: a, secret_id: AKIDEXAMPLE000000000000000000000001, secret_key: \
             exampleSecretKey0000000000000001{token}}}]\norganization: {{manager: a, uin: 100000000009, role: {role}\
             {external_id}, members: [{{uin: 100000000001, name: member-001}}]}}\n"
        ))
        .unwrap();
        let start = Moment {
            wall: fixture.at(),
            monotonic: Instant::now(),
        };
        let simulator = Simulator::new(&scenario, Speed::REAL_TIME, start);
        let reply = simulator.respond(&recorded_request(&fixture), start);
        let body: serde_json::Value = serde_json::from_slice(reply.response.body()).unwrap();
        let answer = &body["Response"];
        assert_eq!(
            answer["Error"],
            serde_json::Value::Null,
            "{}: {body}",
            fixture.name
        );
        let is_answered = match fixture.name.as_str() {
            "org_describe_organization" => answer["HostUin"] == 100_000_000_009_u64,
            "org_nodes_page1" => answer["Items"][0]["Name"] == "Root",
            "org_member_auth_identities_by_identity" => {
                answer["Items"][0]["IdentityRoleName"] == "OrganizationAccessControlRole"
            }
            "sts_get_caller_identity" => answer["AccountId"] == "100000000009",
            name if name.starts_with("sts_") => answer["Credentials"]["TmpSecretId"].is_string(),
            _ => answer["Items"][0]["MemberUin"] == 100_000_000_001_u64 && answer["Total"] == 1,
        };
        assert!(is_answered, "{}: {body}", fixture.name);
    }
}

fn recorded_request(fixture: &Fixture) -> Request<Bytes> {
    let wire = fixture.wire.as_ref().unwrap();
    let mut builder = Request::builder()
        .method(&*fixture.input.method)
        .uri(wire.target());
    for (name, value) in &wire.headers {
        builder = builder.header(name, value);
    }
    builder.body(Bytes::from(wire.body.clone())).unwrap()
}

#[test]
fn every_form_of_a_signature_is_accepted() {
    check(|_| (), "SCANNING");
    check(|draft| draft.extra_signed = vec!["X-TC-Action"], "SCANNING");
    check(
        |draft| draft.extra_signed = vec!["X-TC-Version", "X-TC-Timestamp", "X-TC-Action"],
        "SCANNING",
    );
    check(|draft| draft.signed_host = "127.0.0.1", "SCANNING");
    check(
        |draft| draft.content_type = "application/json; charset=utf-8",
        "SCANNING",
    );
    check(
        |draft| {
            draft.set("X-TC-Content-SHA256", "UNSIGNED-PAYLOAD");
            draft.payload = Some("UNSIGNED-PAYLOAD");
        },
        "SCANNING",
    );
    check(
        |draft| {
            (draft.method, draft.body) = ("GET", "");
            draft.target = "/?LocalTaskID=1001";
            draft.content_type = "application/x-www-form-urlencoded";
        },
        "SCANNING",
    );
}

#[test]
fn a_wrong_signature_is_refused() {
    check(
        |draft| draft.secret_key = "another",
        "AuthFailure.SignatureFailure",
    );
    check(
        |draft| draft.signed_host = "tcss.tencentcloudapi.com",
        "AuthFailure.SignatureFailure",
    );
    check(
        |draft| draft.service = "cvm",
        "AuthFailure.SignatureFailure",
    );
    check(
        |draft| draft.payload = Some("{ }"),
        "AuthFailure.SignatureFailure",
    );
    check(
        |draft| draft.secret_id = "AKIDnobody",
        "AuthFailure.SecretIdNotFound",
    );
    check_tampered(
        |request| *request.body_mut() = Bytes::from("{ }"),
        "AuthFailure.SignatureFailure",
    );
    let malformed = http::HeaderValue::from_static("TC3-HMAC-SHA256 AKIDprod");
    check_tampered(
        |request| drop(request.headers_mut().insert("Authorization", malformed)),
        "AuthFailure.InvalidAuthorization",
    );
}

#[test]
fn a_scope_with_the_local_date_is_refused() {
    // 16:00 UTC is the next day in UTC+8.
    let next_day = start().after(Duration::from_hours(8)).wall;
    check(|draft| draft.at = next_day, "AuthFailure.SignatureFailure");
}

#[test]
fn a_clock_may_be_off_by_at_most_five_minutes() {
    let simulator = simulator(SCENARIO);
    for (offset, expected) in [(-301, false), (-300, true), (300, true), (301, false)] {
        let at = simulator.start.wall + SignedDuration::from_secs(offset);
        let outcome = outcome(&simulator.respond(&Draft::new(at).signed(), simulator.start));
        let expected = if expected {
            "SCANNING"
        } else {
            "AuthFailure.SignatureExpire"
        };
        assert_eq!(outcome, expected, "{offset} s");
    }
}

#[test]
fn a_token_must_be_sent_with_temporary_keys_and_only_with_them() {
    let temporary = |draft: &mut Draft| {
        (draft.secret_id, draft.secret_key) = ("AKIDtemporary", "key-of-temporary");
    };
    check(temporary, "AuthFailure.TokenFailure");
    for (token, expected) in [
        ("tok-1==", "NOT_SCAN"),
        ("tok-2==", "AuthFailure.TokenFailure"),
    ] {
        check(
            |draft| {
                temporary(draft);
                draft.set("X-TC-Token", token);
            },
            expected,
        );
    }
    check(
        |draft| draft.set("X-TC-Token", "tok-1=="),
        "AuthFailure.TokenFailure",
    );
}

#[test]
fn a_request_without_a_common_header_is_refused() {
    for name in [
        "Authorization",
        "Host",
        "Content-Type",
        "X-TC-Action",
        "X-TC-Version",
        "X-TC-Timestamp",
    ] {
        check_tampered(
            |request| drop(request.headers_mut().remove(name)),
            "MissingParameter",
        );
    }
}

#[test]
fn a_request_for_something_else_is_refused() {
    check(
        |draft| draft.set("X-TC-Version", "2017-03-12"),
        "NoSuchVersion",
    );
    check(
        |draft| draft.set("X-TC-Action", "DescribeInstances"),
        "InvalidAction",
    );
    check(
        |draft| draft.set("X-TC-Timestamp", "now"),
        "InvalidParameter",
    );
    check(|draft| draft.method = "PUT", "UnsupportedProtocol");
    check(|draft| draft.content_type = "text/plain", "InvalidRequest");
    check(|draft| draft.body = r#"{"TaskID": 1}"#, "UnknownParameter");
    check(
        |draft| draft.body = r#"{"LocalTaskID": "1"}"#,
        "InvalidParameter",
    );
    check(
        |draft| draft.body = r#"{"LocalTaskID": 1}"#,
        "InvalidParameterValue.DataNotFound",
    );
    check_tampered(
        |request| *request.body_mut() = vec![0; MAX_BODY + 1].into(),
        "RequestSizeLimitExceeded",
    );
}

#[test]
fn the_twenty_first_request_of_a_second_is_refused_only_for_its_identity() {
    let simulator = simulator(SCENARIO);
    let request = Draft::new(simulator.start.wall).signed();
    let at = |millis| simulator.start.after(Duration::from_millis(millis));
    for n in 0..20 {
        assert_eq!(outcome(&simulator.respond(&request, at(n))), "SCANNING");
    }
    assert_eq!(
        outcome(&simulator.respond(&request, at(999))),
        "RequestLimitExceeded"
    );
    assert_eq!(
        outcome(&simulator.respond(&request, at(1_000))),
        "RequestLimitExceeded",
        "20 others since 1 ms"
    );
    assert_eq!(outcome(&simulator.respond(&request, at(2_500))), "SCANNING");

    let mut other = Draft::new(simulator.start.wall);
    (other.secret_id, other.secret_key) = ("AKIDtemporary", "key-of-temporary");
    other.set("X-TC-Token", "tok-1==");
    assert_eq!(
        outcome(&simulator.respond(&other.signed(), at(999))),
        "NOT_SCAN"
    );
    other.secret_id = "AKIDnobody";
    simulator.respond(&other.signed(), at(999));

    let stats = simulator.respond(
        &Request::get(STATS_PATH).body(Bytes::new()).unwrap(),
        at(3_000),
    );
    assert_eq!(
        stats.response.body(),
        concat!(
            r#"{"arrivals":25,"assume_role":0,"assume_role_most_in_one_second":0,"assume_role_with_web_identity":0,"metadata":0,"identities":{"#,
            r#""prod":{"arrivals":23,"most_in_one_second":21,"issued":0,"#,
            r#""actions":{"DescribeVulScanInfo":{"arrivals":23,"most_in_one_second":21}}},"#,
            r#""temporary":{"arrivals":1,"most_in_one_second":1,"issued":0,"#,
            r#""actions":{"DescribeVulScanInfo":{"arrivals":1,"most_in_one_second":1}}}}}"#
        )
    );
}

#[test]
fn actions_of_one_identity_have_separate_limits() {
    let simulator = simulator(SCENARIO);
    let now = simulator.start;
    let mut known = Draft::new(now.wall);
    let mut unknown = Draft::new(now.wall);
    unknown.set("X-TC-Action", "DescribeInstances");
    let send = |draft: &Draft| outcome(&simulator.respond(&draft.signed(), now));
    for _ in 0..20 {
        assert_eq!(send(&known), "SCANNING");
    }
    assert_eq!(send(&known), "RequestLimitExceeded");
    for _ in 0..20 {
        assert_eq!(send(&unknown), "InvalidAction");
    }
    // All names of actions that do not exist share one limit.
    unknown.set("X-TC-Action", "DescribeImages");
    assert_eq!(send(&unknown), "RequestLimitExceeded");
    known.secret_key = "another";
    assert_eq!(
        send(&known),
        "RequestLimitExceeded",
        "refused requests count too"
    );

    let stats = &simulator.stats().identities["prod"];
    assert_eq!((stats.arrivals, stats.most_in_one_second), (43, 43));
    let actions: Vec<_> = stats
        .actions
        .iter()
        .map(|(name, stats)| (*name, stats.arrivals, stats.most_in_one_second))
        .collect();
    assert_eq!(
        actions,
        [("DescribeVulScanInfo", 22, 22), ("other", 21, 21)]
    );
}

#[test]
fn a_scan_starts_progresses_finishes_and_is_followed_by_another() {
    let simulator = simulator(SCENARIO);
    let half = ask(&simulator, 50, "{}");
    assert_eq!(half["ScanProgress"], 50);
    assert_eq!(half["RemainingTime"], 50);
    assert_eq!(half["ScanStartTime"], "2025-11-25 00:00:00", "UTC+8");
    assert_eq!(half["ScanEndTime"], "");
    assert_eq!(half["FoundVulCount"], 100);

    let done = ask(&simulator, 119, "{}");
    assert_eq!(
        (&done["Status"], &done["ScanEndTime"]),
        (&"SCANNED".into(), &"2025-11-25 00:01:40".into())
    );
    assert_eq!(
        (&done["LocalTaskID"], &done["RegistryTaskID"]),
        (&1001.into(), &2001.into())
    );

    let next = ask(&simulator, 180, "{}");
    assert_eq!(
        (&next["Status"], &next["ScanEndTime"]),
        (&"CANCELED".into(), &"2025-11-25 00:02:50".into())
    );
    assert_eq!(
        (&next["LocalTaskID"], &next["RegistryTaskID"]),
        (&1002.into(), &0.into()),
        "no registry images"
    );
}

#[test]
fn a_past_scan_is_found_by_its_task_and_a_future_one_is_not() {
    let simulator = simulator(SCENARIO);
    let not_found = "InvalidParameterValue.DataNotFound";
    assert_eq!(
        ask(&simulator, 100_000, r#"{"LocalTaskID": 1001}"#)["ScanEndTime"],
        "2025-11-25 00:01:40"
    );
    assert_eq!(
        ask(&simulator, 150, r#"{"RegistryTaskID": 2001}"#)["FoundRiskImageCount"],
        12
    );
    assert_eq!(
        ask(&simulator, 151, r#"{"RegistryTaskID": 2002}"#)["Error"]["Code"],
        not_found,
        "no such images"
    );
    assert_eq!(
        ask(&simulator, 152, r#"{"LocalTaskID": 1003}"#)["Error"]["Code"],
        not_found,
        "not yet"
    );
    let both = r#"{"LocalTaskID": 1003, "RegistryTaskID": 2001}"#;
    assert_eq!(
        ask(&simulator, 400, both)["Error"]["Code"],
        not_found,
        "of different scans"
    );
}

#[test]
fn speed_shortens_scans_and_does_not_change_the_clock() {
    let speed = "10".parse().unwrap();
    let simulator = Simulator::new(&Scenario::parse(SCENARIO).unwrap(), speed, start());
    let half = ask(&simulator, 5, "{}");
    assert_eq!(
        (&half["ScanProgress"], &half["RemainingTime"]),
        (&50.into(), &5.into())
    );
    assert_eq!(
        ask(&simulator, 11, "{}")["ScanEndTime"],
        "2025-11-25 00:00:10"
    );
}

#[test]
fn every_error_code_can_be_answered() {
    for ErrorCode { code, message } in ERROR_CODES {
        let scenario = SCENARIO.replacen(
            "    scans:",
            &format!("    failures: [{{code: {code}}}]\n    scans:"),
            1,
        );
        let answer = ask(&simulator(&scenario), 0, "{}");
        assert_eq!(
            (&answer["Error"]["Code"], &answer["Error"]["Message"]),
            (&(*code).into(), &(*message).into())
        );
    }
}

#[test]
fn the_same_scenario_and_requests_get_the_same_replies() {
    let failures = "    failures: [{code: InternalError, fraction: 0.3}]\n    latency_jitter: 50ms\n    scans:";
    let scenario = SCENARIO.replacen("    scans:", failures, 1);
    let play = || {
        let simulator = simulator(&scenario);
        let reply = |n: u64| {
            let now = simulator.start.after(Duration::from_millis(n * 100));
            let reply = simulator.respond(&Draft::new(now.wall).signed(), now);
            (reply.response.into_body(), reply.delay)
        };
        (0..200).map(reply).collect::<Vec<_>>()
    };
    let replies = play();
    assert_eq!(replies, play());
    let n_failed = replies
        .iter()
        .filter(|(body, _)| body.windows(13).any(|part| part == b"InternalError"))
        .count();
    assert!((40..80).contains(&n_failed), "{n_failed} of 200 failed");
    assert!(
        replies
            .iter()
            .all(|(_, delay)| *delay <= Duration::from_millis(50))
    );
}

#[test]
fn the_demo_is_alive_within_ten_seconds() {
    let scenario = Scenario::demo();
    let simulator = Simulator::new(&scenario, Speed::REAL_TIME, start());
    let at = |name: &str, seconds| {
        let identity = scenario
            .identities
            .iter()
            .find(|identity| identity.name == name)
            .unwrap();
        let now = simulator.start.after(Duration::from_secs(seconds));
        let mut draft = Draft::new(now.wall);
        draft.secret_id = Box::leak(identity.credentials().unwrap().secret_id.clone().into());
        draft.secret_key =
            Box::leak(format!("demoSecretKey000000000000000000{}", &draft.secret_id[35..]).into());
        response(&simulator.respond(&draft.signed(), now))
    };
    assert_ne!(at("shop", 1)["ScanProgress"], at("shop", 6)["ScanProgress"]);
    assert_eq!(at("payments", 1)["Status"], "SCANNED");
    assert_eq!(
        (
            &at("staging", 1)["Status"],
            &at("staging", 2)["ScanProgress"]
        ),
        (&"SCANNING".into(), &62.5.into())
    );
    assert_eq!(at("batch", 1)["Status"], "CANCELED");
    assert_eq!(at("archive", 1)["Status"], "NOT_SCAN");
    assert_eq!(at("acquired", 1)["Error"]["Code"], "UnauthorizedOperation");
}

#[test]
fn the_examples_of_the_documentation_are_valid() {
    let documentation = include_str!("../../docs/simulator.md");
    let examples: Vec<_> = documentation
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(!examples.is_empty());
    for example in examples {
        Scenario::parse(example).unwrap();
    }
}
