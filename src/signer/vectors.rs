//! Every recorded signature, step by step.

use secrecy::ExposeSecret;

use super::{
    CanonicalRequest, Credentials, Scope, SigningKey, StringToSign, canonical::sha256_hex,
    fixtures, fixtures::Fixture, key, sign,
};

#[test]
fn every_recorded_signature_is_reproduced_step_by_step() {
    for fixture in fixtures::all() {
        check(&fixture);
    }
}

fn check(fixture: &Fixture) {
    let Fixture {
        name,
        derived: expected,
        input,
        ..
    } = fixture;
    let (credentials, at) = (fixture.credentials(), fixture.at());

    let payload = fixture.with_request(|request| sha256_hex(request.body));
    assert_eq!(payload, expected.payload_sha256, "{name}: payload hash");

    let canonical = fixture.with_request(CanonicalRequest::new);
    assert_eq!(
        canonical.to_string(),
        expected.canonical_request,
        "{name}: canonical request"
    );
    assert_eq!(
        canonical.sha256_hex(),
        expected.canonical_request_sha256,
        "{name}: canonical request hash"
    );
    assert_eq!(
        canonical.signed_headers(),
        expected.signed_headers,
        "{name}: signed headers"
    );

    let scope = Scope::new(&input.service, at);
    assert_eq!(
        scope.to_string(),
        expected.credential_scope,
        "{name}: credential scope"
    );

    let string_to_sign = StringToSign::new(at, &scope, &canonical);
    assert_eq!(
        string_to_sign.to_string(),
        expected.string_to_sign,
        "{name}: string to sign"
    );

    check_keys(fixture, &scope);
    let signature = SigningKey::derive(&credentials.secret_key, &scope).sign(&string_to_sign);
    assert_eq!(signature, expected.signature, "{name}: signature");

    let authorization =
        fixture.with_request(|request| sign(request, &input.service, &credentials, at));
    assert_eq!(
        authorization.to_string(),
        expected.authorization,
        "{name}: authorization"
    );
    assert_eq!(
        authorization.signature(),
        expected.signature,
        "{name}: signature in the authorization"
    );
}

/// The Node SDK's captures have no derived keys.
fn check_keys(fixture: &Fixture, scope: &Scope) {
    let Fixture { name, derived, .. } = fixture;
    let keys = key::derive(&fixture.credentials().secret_key, scope);
    let expected = [
        ("date key", &derived.secret_date_hex),
        ("service key", &derived.secret_service_hex),
        ("signing key", &derived.secret_signing_hex),
    ];
    for (key, (step, expected)) in keys.iter().zip(expected) {
        if let Some(expected) = expected {
            assert_eq!(
                hex::encode(key.expose_secret()),
                *expected,
                "{name}: {step}"
            );
        }
    }
}

#[test]
fn a_secret_id_that_is_not_allowed_in_a_header_is_an_error() {
    let fixture = &fixtures::all()[0];
    let header = |secret_id: &str| {
        let credentials = Credentials {
            secret_id: secret_id.into(),
            ..fixture.credentials()
        };
        fixture.with_request(|request| sign(request, "tcss", &credentials, fixture.at()).header())
    };
    assert!(header("AKIDexample").unwrap().is_sensitive());
    let error = header("AKID\nexample").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the secret ID contains characters that are not allowed in an HTTP header"
    );
}
