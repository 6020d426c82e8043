//! Requests compared with those of the official SDK, from `tests/fixtures/credentials`, and responses
//! of all kinds.

use std::{fs, path::Path, time::Duration};

use http::Request;
use serde_json::Value;

use super::fixtures::{Cloud, refusal, role};
use crate::{
    credentials::{
        self, AssumeRole, Chain, CredentialsError, CvmRole, EnvVariables, Profile, Source, Sts,
        Tccli, TkeOidc,
    },
    domain::Rate,
    signer::{self, CanonicalRequest, Credentials, RequestToSign, Secret},
};

fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/credentials")
        .join(name);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The keys that the fixtures are signed with.
fn long_term() -> Credentials {
    Credentials {
        secret_id: "AKIDEXAMPLE000000000000000000000001".into(),
        secret_key: Secret::new("gk000000000000000000000000000001".into()),
        token: None,
    }
}

fn assume_role(source: Source) -> Source {
    Source::AssumeRole(Box::new(AssumeRole {
        role_arn: "qcs::cam::uin/100000000001:roleName/tcss-exporter".into(),
        session_name: "tcss-exporter-1".into(),
        external_id: None,
        duration: AssumeRole::DEFAULT_DURATION,
        sts: Sts::default(),
        is_discovered: false,
        source,
    }))
}

/// Compares the headers that describe the request, and not those that describe the SDK.
fn check_headers(request: &Request<bytes::Bytes>, recorded: &Value) {
    for header in recorded["headers"].as_array().unwrap() {
        let (name, value) = (header[0].as_str().unwrap(), header[1].as_str().unwrap());
        let is_compared = ["Content-Type", "Host"].contains(&name)
            || (name.starts_with("X-TC-")
                && !["X-TC-TraceId", "X-TC-RequestClient", "X-TC-Language"].contains(&name));
        if is_compared {
            assert_eq!(request.headers()[name], value, "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_is_requested_as_the_sdk_does() {
    let (cloud, fixture) = (Cloud::default(), fixture("sts_assume_role.json"));
    cloud.respond(fixture["response_used"].to_string());
    let provider = cloud
        .providers(&[])
        .provider(&assume_role(Source::Static(long_term())));
    let issued = provider.current().await.unwrap();
    assert_eq!(issued.credentials.secret_id, "AKIDtmp");
    assert_eq!(issued.credentials.secret_key, Secret::new("tmpkey".into()));
    assert_eq!(
        issued.credentials.token,
        Some(Secret::new("tok-sts".into()))
    );
    assert_eq!(issued.expires.unwrap().as_second(), 1_764_007_200);
    assert_eq!(
        issued.identity,
        "qcs::cam::uin/100000000001:roleName/tcss-exporter"
    );

    let (request, recorded) = (cloud.request(0), &fixture["requests"][0]);
    check_headers(&request, recorded);
    let body = |text: &[u8]| serde_json::from_slice::<Value>(text).unwrap();
    assert_eq!(
        body(request.body()),
        body(recorded["body"].as_str().unwrap().as_bytes())
    );

    // The same request as recorded, except for the white space in its body.
    let ours = signed_parts(request.body());
    let canonical = |text: &str| text.rsplit_once('\n').unwrap().0.to_owned();
    let derived = &fixture["derived"];
    let recorded_text = derived["canonical_request"].as_str().unwrap();
    assert_eq!(
        canonical(&CanonicalRequest::new(&ours).to_string()),
        canonical(recorded_text)
    );
    let at = jiff::Timestamp::from_second(1_764_000_000).unwrap();
    let signed = signer::sign(&ours, "sts", &long_term(), at).to_string();
    assert_eq!(request.headers()["Authorization"], signed);
    let scope = |text: &str| text.split(", ").next().unwrap().to_owned();
    assert_eq!(
        scope(&signed),
        scope(derived["authorization"].as_str().unwrap())
    );
    let theirs = signed_parts(recorded["body"].as_str().unwrap().as_bytes());
    assert_eq!(CanonicalRequest::new(&theirs).to_string(), recorded_text);
}

#[tokio::test(start_paused = true)]
async fn an_account_is_asked_for_as_the_sdk_does() {
    let recorded: Value = {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures/signing/sts_get_caller_identity.json");
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    };
    let cloud = Cloud::default();
    cloud.respond(recorded["response_used"].to_string());
    for odd in ["{}", r#"{"AccountId": null}"#, r#"{"AccountId": "x"}"#] {
        cloud.respond(format!(r#"{{"Response":{odd}}}"#));
    }
    let context = cloud.context(&[]);
    let sts = Sts::default();
    let mut outcomes = Vec::new();
    for _ in 0..4 {
        let call = credentials::caller_identity(&sts);
        let limiter = context
            .limiters
            .join(call.endpoint, "id", call.action, Rate::MAX);
        let permit = limiter.acquire().await;
        let deadline = permit.departure() + Duration::from_secs(10);
        let keys = long_term();
        let sent = context.client.send(&call, &keys, permit, deadline).await;
        let outcome = credentials::caller_uin(&sent.unwrap());
        outcomes.push(match outcome {
            Ok(uin) => uin.to_string(),
            Err(error) => error.to_string(),
        });
    }
    let unreadable = "the response has no AccountId that can be read";
    let not_a_uin = "AccountId \"x\" is not a valid uin, expected the number of the account, for \
                     example 100000000001";
    assert_eq!(
        outcomes,
        ["100000000009", unreadable, unreadable, not_a_uin]
    );

    let request = cloud.request(0);
    check_headers(&request, &recorded["wire"]);
    assert_eq!(request.body(), recorded["wire"]["body"].as_str().unwrap());
}

fn signed_parts(body: &[u8]) -> RequestToSign<'_> {
    RequestToSign {
        method: "POST",
        host: "sts.tencentcloudapi.com",
        path: "/",
        query: "",
        content_type: "application/json",
        extra_headers: &[],
        body,
    }
}

#[tokio::test(start_paused = true)]
async fn an_external_id_is_sent_and_a_role_may_assume_a_role() {
    let cloud = Cloud::default();
    cloud.issue("AKIDinner", 7_200);
    cloud.issue("AKIDouter", 7_200);
    let Source::AssumeRole(mut outer) = assume_role(assume_role(Source::Static(long_term())))
    else {
        unreachable!()
    };
    outer.external_id = Some("agreed".into());
    let providers = cloud.providers(&[]);
    let issued = providers
        .provider(&Source::AssumeRole(outer))
        .current()
        .await
        .unwrap();
    assert_eq!(issued.credentials.secret_id, "AKIDouter");
    let outer = cloud.request(1);
    assert_eq!(outer.headers()["X-TC-Token"], "tok-AKIDinner");
    let body: Value = serde_json::from_slice(outer.body()).unwrap();
    assert_eq!(body["ExternalId"], "agreed");
    let inner: Value = serde_json::from_slice(cloud.request(0).body()).unwrap();
    assert_eq!(inner.get("ExternalId"), None, "what is not set is left out");
}

fn tke(token_file: &str) -> [(&str, &str); 4] {
    [
        ("TKE_REGION", "ap-guangzhou"),
        ("TKE_PROVIDER_ID", "cls-abcd1234"),
        ("TKE_WEB_IDENTITY_TOKEN_FILE", token_file),
        (
            "TKE_ROLE_ARN",
            "qcs::cam::uin/100000000001:roleName/tcss-exporter",
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn the_role_of_a_pod_is_requested_without_a_signature_as_the_sdk_does() {
    let (cloud, fixture) = (
        Cloud::default(),
        fixture("sts_assume_role_with_web_identity_tke.json"),
    );
    cloud.respond(fixture["response_used"].to_string());
    let token = tempfile::NamedTempFile::new().unwrap();
    fs::write(token.path(), "eyJhbGciOi.web-identity.token\n").unwrap();
    let providers = cloud.providers(&tke(token.path().to_str().unwrap()));
    let issued = providers
        .provider(&Source::TkeOidc(TkeOidc::default()))
        .current()
        .await
        .unwrap();
    assert_eq!(issued.credentials.secret_id, "AKIDtmp");
    assert_eq!(
        issued.origin,
        "tke_oidc qcs::cam::uin/100000000001:roleName/tcss-exporter"
    );

    let (request, recorded) = (cloud.request(0), &fixture["requests"][0]);
    check_headers(&request, recorded);
    assert_eq!(request.headers()["Authorization"], "SKIP");
    assert_eq!(request.headers().get("X-TC-Token"), None);
    let mut expected: Value = serde_json::from_str(recorded["body"].as_str().unwrap()).unwrap();
    expected["RoleSessionName"] = "tcss-exporter".into();
    assert_eq!(
        serde_json::from_slice::<Value>(request.body()).unwrap(),
        expected,
        "the token is trimmed"
    );
}

#[tokio::test(start_paused = true)]
async fn the_token_of_a_pod_is_read_at_each_refresh() {
    let cloud = Cloud::default();
    cloud.issue("one", 100);
    cloud.issue("two", 100_000);
    let token = tempfile::NamedTempFile::new().unwrap();
    fs::write(token.path(), "first").unwrap();
    let providers = cloud.providers(&tke(token.path().to_str().unwrap()));
    let provider = providers.provider(&Source::TkeOidc(TkeOidc::default()));
    provider.current().await.unwrap();
    fs::write(token.path(), "second").unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(90)).await;
    assert_eq!(
        provider.current().await.unwrap().credentials.secret_id,
        "two"
    );
    let body: Value = serde_json::from_slice(cloud.request(1).body()).unwrap();
    assert_eq!(body["WebIdentityToken"], "second");
}

#[tokio::test(start_paused = true)]
async fn the_metadata_service_is_called_as_the_sdk_does() {
    let (cloud, fixture) = (Cloud::default(), fixture("cvm_metadata_role.json"));
    let used = &fixture["response_used"];
    cloud.respond(format!("{}\n", used["role_name"].as_str().unwrap()));
    cloud.respond(used["credentials"].to_string());
    let issued = cloud
        .providers(&[])
        .provider(&Source::CvmRole(CvmRole::default()))
        .current()
        .await
        .unwrap();
    assert_eq!(issued.credentials.secret_id, "AKIDmeta");
    assert_eq!(
        (issued.identity.as_str(), issued.origin.as_str()),
        ("MyTcssRole", "CVM role MyTcssRole")
    );
    for (index, recorded) in fixture["requests"].as_array().unwrap().iter().enumerate() {
        let request = cloud.request(index);
        let line = format!("{} {} HTTP/1.1", request.method(), request.uri().path());
        assert_eq!(line, recorded["request_line"].as_str().unwrap());
        assert_eq!(request.uri().host(), Some("metadata.tencentyun.com"));
    }

    let named = Source::CvmRole(CvmRole {
        role: Some("Other".into()),
        ..CvmRole::default()
    });
    let cloud = Cloud::default();
    cloud.respond(used["credentials"].to_string());
    cloud
        .providers(&[])
        .provider(&named)
        .current()
        .await
        .unwrap();
    assert_eq!(
        cloud.request(0).uri().path(),
        "/latest/meta-data/cam/security-credentials/Other"
    );
}

/// No error shows a part of a response that may be a key.
#[tokio::test(start_paused = true)]
async fn the_error_for_an_unusable_response_does_not_show_it() {
    let responses = [
        "canary".to_owned(),
        "\"canary\"".to_owned(),
        r#"{"Response":{"Credentials":"canary","RequestId":"r"}}"#.to_owned(),
        r#"{"Response":{"Credentials":{"TmpSecretId":"canary","TmpSecretKey":"canary"},"ExpiredTime":1}}"#
            .to_owned(),
        role("canary", 7_200).replace("1764007200", "\"canary\""),
        role("canary", 7_200).replace("1764007200", "99999999999999999"),
        role("canary", 7_200).replace("key-canary", "key canary"),
        role("canary", 0),
    ];
    let token = tempfile::NamedTempFile::new().unwrap();
    fs::write(token.path(), "tok-pod-canary").unwrap();
    let metadata = CvmRole {
        role: Some("MyRole".into()),
        ..CvmRole::default()
    };
    let sources = [
        assume_role(Source::Static(long_term())),
        Source::TkeOidc(TkeOidc::default()),
        Source::CvmRole(metadata),
    ];
    for response in responses {
        for source in &sources {
            let cloud = Cloud::default();
            cloud.respond(response.clone());
            let providers = cloud.providers(&tke(token.path().to_str().unwrap()));
            let error = providers.provider(source).current().await.unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(
                !shown.contains("canary") && !shown.contains("gk0"),
                "{shown}"
            );
        }
    }
}

/// As a gateway may do.
#[tokio::test(start_paused = true)]
async fn an_error_that_repeats_what_was_sent_is_scrubbed() {
    let token = tempfile::NamedTempFile::new().unwrap();
    fs::write(token.path(), "tok-pod-canary").unwrap();
    let sources = [
        (
            assume_role(Source::Static(long_term())),
            "gk000000000000000000000000000001",
        ),
        (Source::TkeOidc(TkeOidc::default()), "tok-pod-canary"),
    ];
    for (source, secret) in sources {
        let cloud = Cloud::default();
        cloud.respond(refusal("InvalidParameter", secret));
        let providers = cloud.providers(&tke(token.path().to_str().unwrap()));
        let error = providers.provider(&source).current().await.unwrap_err();
        assert!(error.to_string().ends_with(": <redacted>"), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_sts_keeps_its_code_and_request_id() {
    let cloud = Cloud::default();
    cloud.respond(refusal("UnauthorizedOperation", "you are not authorized"));
    let provider = cloud
        .providers(&[])
        .provider(&assume_role(Source::Static(long_term())));
    let now = crate::domain::Clock::system().now();
    let error = provider.current().await.unwrap_err().into_api_error(now);
    assert_eq!(error.reason, crate::domain::Reason::Credentials);
    assert_eq!(
        error.to_string(),
        "UnauthorizedOperation: AssumeRole: you are not authorized"
    );
    assert_eq!(error.request_id.as_deref(), Some("r-1"));
}

const ID: (&str, &str) = ("TENCENTCLOUD_SECRET_ID", "AKIDenv");
const KEY: (&str, &str) = ("TENCENTCLOUD_SECRET_KEY", "key");

/// The origin that a chain finds with these variables, or else its error.
async fn chain(cloud: &Cloud, environment: &[(&str, &str)]) -> Result<String, String> {
    let provider = cloud
        .providers(environment)
        .provider(&Source::Chain(Chain::default()));
    let outcome = provider.current().await;
    assert_eq!(
        provider.startup_error().is_some(),
        outcome.as_ref().is_err_and(CredentialsError::ends_chain)
    );
    outcome
        .map(|issued| issued.origin.clone())
        .map_err(|error| error.to_string())
}

#[tokio::test(start_paused = true)]
async fn a_chain_uses_the_first_kind_that_is_present() {
    let home = tempfile::tempdir().unwrap();
    let home_variable = ("HOME", home.path().to_str().unwrap());
    let token = tempfile::NamedTempFile::new().unwrap();
    fs::write(token.path(), "token").unwrap();
    let pod = tke(token.path().to_str().unwrap());

    let on_a_cvm = Cloud::default();
    on_a_cvm.respond("MyRole");
    on_a_cvm.respond(fixture("cvm_metadata_role.json")["response_used"]["credentials"].to_string());
    assert_eq!(
        chain(&on_a_cvm, &[home_variable]).await.unwrap(),
        "CVM role MyRole"
    );

    let in_a_pod = Cloud::default();
    in_a_pod.issue("AKIDpod", 7_200);
    let environment = [&pod[..], &[home_variable]].concat();
    let origin = chain(&in_a_pod, &environment).await.unwrap();
    assert_eq!(
        origin,
        "tke_oidc qcs::cam::uin/100000000001:roleName/tcss-exporter"
    );

    fs::create_dir(home.path().join(".tencentcloud")).unwrap();
    let file = home.path().join(".tencentcloud/credentials");
    fs::write(&file, "[default]\nsecret_id=AKIDhome\nsecret_key=k\n").unwrap();
    assert_eq!(
        chain(&Cloud::default(), &environment).await.unwrap(),
        format!("profile {} [default]", file.display())
    );
    let environment = [&environment[..], &[ID, KEY]].concat();
    assert_eq!(
        chain(&Cloud::default(), &environment).await.unwrap(),
        "env TENCENTCLOUD_SECRET_ID"
    );
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_present_but_not_valid_ends_the_chain() {
    let home = tempfile::tempdir().unwrap();
    let home_variable = ("HOME", home.path().to_str().unwrap());
    let unused = Cloud::default();
    assert_eq!(
        chain(&unused, &[home_variable, ID]).await.unwrap_err(),
        "env: set the environment variable TENCENTCLOUD_SECRET_KEY"
    );
    let pod = tke("/nonexistent");
    let without_role = [&pod[..3], &[home_variable]].concat();
    assert_eq!(
        chain(&unused, &without_role).await.unwrap_err(),
        "tke_oidc: TKE_ROLE_ARN is not set"
    );
    let without_token = [&pod[..], &[home_variable]].concat();
    let error = chain(&unused, &without_token).await.unwrap_err();
    assert!(
        error.starts_with("tke_oidc: /nonexistent cannot be read"),
        "{error}"
    );
    fs::create_dir(home.path().join(".tencentcloud")).unwrap();
    fs::write(home.path().join(".tencentcloud/credentials"), "[other]\n").unwrap();
    let error = chain(&unused, &without_token).await.unwrap_err();
    assert!(
        error.starts_with("profile: ") && error.ends_with("has no section [default]"),
        "{error}"
    );
    assert_eq!(unused.n_requests(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_ends_at_a_variable_is_a_startup_error_and_one_that_ends_at_a_file_is_not() {
    let home = tempfile::tempdir().unwrap();
    let home_variable = ("HOME", home.path().to_str().unwrap());
    let pod = tke("/nonexistent");
    let cases = [
        (vec![home_variable, ID], true),
        ([&pod[..3], &[home_variable]].concat(), true),
        ([&pod[..], &[home_variable]].concat(), false),
    ];
    for (environment, is_startup_error) in cases {
        let provider = Cloud::default()
            .providers(&environment)
            .provider(&Source::Chain(Chain::default()));
        let error = provider.current().await.unwrap_err();
        assert_eq!(
            provider.startup_error().is_some(),
            is_startup_error,
            "{error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_finds_nothing_reports_where_it_looked_and_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let no_role = Cloud::default();
    no_role.respond_with(404, "");
    let error = chain(&no_role, &[("HOME", home.path().to_str().unwrap())])
        .await
        .unwrap_err();
    for part in [
        "set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY",
        "env: set the environment variables",
        "profile: there is no ",
        "tke_oidc: TKE_REGION, TKE_PROVIDER_ID, TKE_WEB_IDENTITY_TOKEN_FILE, TKE_ROLE_ARN are not set",
        "cvm_role: this machine has no CAM role",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

const READER: &str = "qcs::cam::uin/100000000001:roleName/reader";

/// A home with a profile of tccli.
fn tccli_home(content: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".tccli")).unwrap();
    fs::write(home.path().join(".tccli/default.credential"), content).unwrap();
    home
}

#[tokio::test(start_paused = true)]
async fn a_role_beside_the_keys_of_a_source_is_assumed_and_the_keys_are_not_used() {
    let role_in_tccli = format!(
        r#"{{"role-arn":"{READER}","role-session-name":"mon","secretId":"AKIDbase","secretKey":"k"}}"#
    );
    let home = tccli_home(&role_in_tccli);
    let home_variable = ("HOME", home.path().to_str().unwrap());
    fs::create_dir(home.path().join(".tencentcloud")).unwrap();
    let ini = format!(
        "[default]\nsecret_id = AKIDbase\nsecret_key = k\nrole_arn = {READER}\nrole_session_name = mon\n"
    );
    fs::write(home.path().join(".tencentcloud/credentials"), ini).unwrap();
    let variables = [
        home_variable,
        ("TENCENTCLOUD_SECRET_ID", "AKIDbase"),
        ("TENCENTCLOUD_SECRET_KEY", "k"),
        ("TENCENTCLOUD_ROLE_ARN", READER),
        ("TENCENTCLOUD_ROLE_SESSION_NAME", "mon"),
    ];
    for (source, environment) in [
        (Source::Tccli(Tccli::default()), &variables[..1]),
        (Source::Profile(Profile::default()), &variables[..1]),
        (Source::Chain(Chain::default()), &variables[..1]),
        (Source::Env(EnvVariables::default()), &variables),
        (Source::Chain(Chain::default()), &variables),
    ] {
        let cloud = Cloud::default();
        cloud.issue("AKIDreader", 7_200);
        let providers = cloud.providers(environment);
        let provider = providers.provider(&source);
        let issued = provider.current().await.unwrap();
        assert_eq!(issued.credentials.secret_id, "AKIDreader", "{source}");
        assert_eq!(issued.identity, READER, "{source}");
        assert!(provider.status().refreshes(), "{source}");
        let request = cloud.request(0);
        assert_eq!(request.headers()["X-TC-Action"], "AssumeRole");
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(body["RoleArn"], READER);
        assert_eq!(body["RoleSessionName"], "mon");

        // The file is read every few seconds; STS is asked once per lifetime.
        tokio::time::sleep(std::time::Duration::from_secs(600)).await;
        assert_eq!(cloud.n_requests(), 1, "{source}");
        // The second request is made within 5760 s. It gets credentials that expire at the same time,
        // so the third one may follow after 6552 s.
        tokio::time::sleep(std::time::Duration::from_secs(5_800)).await;
        assert_eq!(cloud.n_requests(), 2, "{source}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_profile_of_the_type_cvm_role_uses_the_role_of_the_machine() {
    let document = fixture("cvm_metadata_role.json")["response_used"]["credentials"].to_string();
    for content in [
        r#"{"type":"cvm-role"}"#,
        r#"{"type":"cvm-role","secretId":"AKIDold","secretKey":"k"}"#,
    ] {
        let home = tccli_home(content);
        let cloud = Cloud::default();
        cloud.respond("MyRole");
        cloud.respond(document.clone());
        let providers = cloud.providers(&[("HOME", home.path().to_str().unwrap())]);
        let provider = providers.provider(&Source::Tccli(Tccli::default()));
        let issued = provider.current().await.unwrap();
        assert_eq!(issued.credentials.secret_id, "AKIDmeta");
        assert_eq!(issued.origin, "CVM role MyRole");
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_that_sts_refuses_is_requested_with_back_off_until_its_file_changes() {
    let role = format!(r#"{{"role-arn":"{READER}","secretId":"AKIDbase","secretKey":"k"}}"#);
    let home = tccli_home(&role);
    let cloud = Cloud::default();
    cloud.respond(refusal("UnauthorizedOperation", "no"));
    let providers = cloud.providers(&[("HOME", home.path().to_str().unwrap())]);
    let provider = providers.provider(&Source::Tccli(Tccli::default()));
    let error = provider.current().await.unwrap_err();
    assert_eq!(error.code(), Some("UnauthorizedOperation"));
    tokio::time::sleep(std::time::Duration::from_secs(120)).await;
    assert!(cloud.n_requests() < 8, "{} requests", cloud.n_requests());
    assert!(
        provider.current().await.is_err(),
        "the keys take the place of the role"
    );

    let keys = r#"{"secretId":"AKIDother","secretKey":"k"}"#;
    fs::write(home.path().join(".tccli/default.credential"), keys).unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    let issued = provider.current().await.unwrap();
    assert_eq!(issued.identity, "AKIDother");
}

#[tokio::test(start_paused = true)]
async fn the_credentials_of_a_role_in_a_file_that_the_api_rejects_are_replaced() {
    let role = format!(r#"{{"role-arn":"{READER}","secretId":"AKIDbase","secretKey":"k"}}"#);
    let home = tccli_home(&role);
    let cloud = Cloud::default();
    cloud.issue("one", 7_200);
    cloud.issue("two", 7_200);
    let providers = cloud.providers(&[("HOME", home.path().to_str().unwrap())]);
    let provider = providers.provider(&Source::Tccli(Tccli::default()));
    let issued = provider.current().await.unwrap();
    provider.rejected(&issued);
    assert_eq!(
        provider.current().await.unwrap().credentials.secret_id,
        "two"
    );
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_finds_nothing_names_the_file_of_tccli_that_is_there() {
    let home = tccli_home(r#"{"secretId":"AKIDbase","secretKey":"k"}"#);
    let no_role = Cloud::default();
    no_role.respond_with(404, "");
    let error = chain(&no_role, &[("HOME", home.path().to_str().unwrap())])
        .await
        .unwrap_err();
    let path = home.path().join(".tccli/default.credential");
    let hint = format!(
        "; to use {}, configure credentials: {{tccli: {{}}}}",
        path.display()
    );
    assert!(error.ends_with(&hint), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_chain_goes_on_where_the_home_cannot_be_entered() {
    let cloud = Cloud::default();
    cloud.respond("MyRole");
    cloud.respond(fixture("cvm_metadata_role.json")["response_used"]["credentials"].to_string());
    assert_eq!(
        chain(&cloud, &[("HOME", "/dev/null")]).await.unwrap(),
        "CVM role MyRole"
    );
}
