//! The block `credentials`. No message shows anything that is written in it.

#![expect(
    clippy::unnecessary_wraps,
    reason = "the readers of all kinds have one signature"
)]

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use super::{Endpoint, Region};
use crate::{
    credentials::{
        AssumeRole, Chain, CvmRole, EnvVariables, KeyFiles, Profile, Source, Sts, Tccli, TkeOidc,
        is_role_arn, is_role_name, is_session_name,
    },
    signer::{Credentials, Secret},
    yaml::{MapReader, Problem, ValueReader, scalar},
};

/// How many roles may be nested, each assumed with the credentials of the next.
const MAX_ROLES: usize = 3;

/// Reads the keys of one kind. `roles_left` is how many roles may still be nested.
type ReadKind = fn(&MapReader<'_>, usize, &mut Vec<Problem>) -> Option<Source>;

/// Every kind, in the order of the documentation.
const KINDS: [(&str, ReadKind); 9] = [
    ("chain", chain),
    ("env", env),
    ("files", files),
    ("static", inline),
    ("profile", profile),
    ("tccli", tccli),
    ("tke_oidc", tke_oidc),
    ("cvm_role", cvm_role),
    ("assume_role", assume_role),
];

/// Reads a block: one kind, with its keys below it.
pub(super) fn read(value: ValueReader<'_>, problems: &mut Vec<Problem>) -> Option<Source> {
    source(value, MAX_ROLES, problems)
}

fn source(
    value: ValueReader<'_>,
    roles_left: usize,
    problems: &mut Vec<Problem>,
) -> Option<Source> {
    // Users paste keys one line too high or too low. No message about this block shows what it
    // contains.
    let block = value.as_secret_map(problems)?;
    let mut given = Vec::new();
    for (name, read) in KINDS {
        // `has` also counts a kind without keys below it, such as `env:`.
        if block.has(name) {
            given.push((name, read));
        }
    }
    // An unknown kind is reported here, with the list of kinds.
    block.finish(problems);
    match given[..] {
        [(name, read)] => {
            let keys = block.section(name, problems)?;
            let source = read(&keys, roles_left, problems);
            keys.finish(problems);
            source
        }
        [] => {
            // Otherwise the unknown kind is the problem, which is reported already.
            if block.is_empty() {
                problems.push(block.problem(
                    "names no kind, expected for example env: {}; or remove the key credentials",
                ));
            }
            None
        }
        _ => {
            let mut names = Vec::new();
            for (name, _) in given {
                names.push(name);
            }
            let names = names.join(" and ");
            problems.push(block.problem(format!("has {names}, expected one kind")));
            None
        }
    }
}

fn chain(keys: &MapReader<'_>, _: usize, problems: &mut Vec<Problem>) -> Option<Source> {
    let mut chain = Chain::default();
    if let Some(endpoint) = optional(keys, "sts_endpoint", problems, endpoint) {
        chain.sts_endpoint = endpoint;
    }
    if let Some(endpoint) = optional(keys, "metadata_endpoint", problems, metadata_endpoint) {
        chain.metadata_endpoint = endpoint;
    }
    Some(Source::Chain(chain))
}

fn env(keys: &MapReader<'_>, _: usize, problems: &mut Vec<Problem>) -> Option<Source> {
    let secret_id = optional(keys, "secret_id", problems, variable);
    let secret_key = optional(keys, "secret_key", problems, variable);
    let token = optional(keys, "token", problems, variable);
    let has_own_names = secret_id.is_some() || secret_key.is_some();
    let mut variables = EnvVariables::default();
    // The standard token belongs to the standard keys: with other keys it must not be used.
    match token {
        Some(token) => variables.token = vec![token],
        None if has_own_names => variables.token.clear(),
        None => {}
    }
    if let Some(name) = secret_id {
        variables.secret_id = name;
    }
    if let Some(name) = secret_key {
        variables.secret_key = name;
    }
    // So does the standard role.
    variables.honours_role = !has_own_names;
    if let Some(endpoint) = optional(keys, "sts_endpoint", problems, endpoint) {
        variables.sts_endpoint = endpoint;
    }
    Some(Source::Env(variables))
}

fn files(keys: &MapReader<'_>, _: usize, problems: &mut Vec<Problem>) -> Option<Source> {
    let what = "the file that contains the SecretId";
    let secret_id = required(keys, "secret_id_file", what, problems, path);
    let what = "the file that contains the SecretKey";
    let secret_key = required(keys, "secret_key_file", what, problems, path);
    let token = optional(keys, "token_file", problems, path);
    Some(Source::Files(KeyFiles {
        secret_id: secret_id?,
        secret_key: secret_key?,
        token,
    }))
}

fn inline(keys: &MapReader<'_>, _: usize, problems: &mut Vec<Problem>) -> Option<Source> {
    let secret_id = required(
        keys,
        "secret_id",
        "the SecretId",
        problems,
        scalar::owned_text,
    );
    let secret_key = required(keys, "secret_key", "the SecretKey", problems, secret);
    let token = optional(keys, "token", problems, secret);
    // The signer rejects characters that a header cannot carry; here the problem still has a line.
    match Credentials::checked(secret_id?, secret_key?, token) {
        Ok(credentials) => Some(Source::Static(credentials)),
        Err(error) => {
            problems.push(keys.problem(error.to_string()));
            None
        }
    }
}

fn profile(keys: &MapReader<'_>, _: usize, problems: &mut Vec<Problem>) -> Option<Source> {
    let mut profile = Profile {
        file: optional(keys, "file", problems, path),
        ..Profile::default()
    };
    if let Some(name) = optional(keys, "name", problems, profile_name) {
        profile.name = name;
    }
    if let Some(endpoint) = optional(keys, "sts_endpoint", problems, endpoint) {
        profile.sts_endpoint = endpoint;
    }
    Some(Source::Profile(profile))
}

fn tccli(keys: &MapReader<'_>, _: usize, problems: &mut Vec<Problem>) -> Option<Source> {
    let mut tccli = Tccli::default();
    if let Some(name) = optional(keys, "name", problems, profile_name) {
        tccli.name = name;
    }
    if let Some(endpoint) = optional(keys, "sts_endpoint", problems, endpoint) {
        tccli.sts_endpoint = endpoint;
    }
    if let Some(endpoint) = optional(keys, "metadata_endpoint", problems, metadata_endpoint) {
        tccli.metadata_endpoint = endpoint;
    }
    Some(Source::Tccli(tccli))
}

fn tke_oidc(keys: &MapReader<'_>, _: usize, problems: &mut Vec<Problem>) -> Option<Source> {
    let endpoint = optional(keys, "endpoint", problems, endpoint);
    Some(Source::TkeOidc(match endpoint {
        Some(endpoint) => TkeOidc { endpoint },
        None => TkeOidc::default(),
    }))
}

fn cvm_role(keys: &MapReader<'_>, _: usize, problems: &mut Vec<Problem>) -> Option<Source> {
    let role = optional(keys, "role", problems, role_name);
    let endpoint = optional(keys, "endpoint", problems, metadata_endpoint);
    Some(Source::CvmRole(CvmRole {
        endpoint: endpoint.unwrap_or_else(CvmRole::default_endpoint),
        role,
    }))
}

fn assume_role(
    keys: &MapReader<'_>,
    roles_left: usize,
    problems: &mut Vec<Problem>,
) -> Option<Source> {
    let what = "the role's ARN, for example qcs::cam::uin/100000000001:roleName/tcss-exporter";
    let role_arn = required(keys, "role_arn", what, problems, role_arn);
    let session_name = optional(keys, "session_name", problems, session_name);
    let external_id = optional(keys, "external_id", problems, external_id);
    let duration = optional(keys, "duration", problems, role_duration);
    let sts = sts(keys, problems);
    // Roles could be nested without end by an alias.
    let source = match keys.at("source") {
        None => Some(Source::default()),
        Some(value) if roles_left <= 1 => {
            problems
                .push(value.problem(format!("is nested too deeply, at most {MAX_ROLES} roles")));
            None
        }
        Some(value) => source(value, roles_left - 1, problems),
    };
    Some(Source::AssumeRole(Box::new(AssumeRole {
        role_arn: role_arn?,
        session_name: session_name.unwrap_or_else(|| AssumeRole::DEFAULT_SESSION_NAME.into()),
        external_id,
        duration: duration.unwrap_or(AssumeRole::DEFAULT_DURATION),
        sts,
        is_discovered: false,
        source: source?,
    })))
}

/// The value of a key; `None` where it is absent, or cannot be read, which is reported.
fn optional<T>(
    keys: &MapReader<'_>,
    key: &'static str,
    problems: &mut Vec<Problem>,
    read: impl FnOnce(ValueReader<'_>) -> Result<T, String>,
) -> Option<T> {
    keys.read(key, problems, read)?.value
}

fn required<T>(
    keys: &MapReader<'_>,
    key: &'static str,
    what: &str,
    problems: &mut Vec<Problem>,
    read: impl FnOnce(ValueReader<'_>) -> Result<T, String>,
) -> Option<T> {
    if keys.at(key).is_none() {
        problems.push(keys.problem(format!("has no {key}; set it to {what}")));
    }
    optional(keys, key, problems, read)
}

/// The text, if `is_valid`. Otherwise `message`, which does not contain it.
fn text_that(
    value: ValueReader<'_>,
    is_valid: fn(&str) -> bool,
    message: &str,
) -> Result<String, String> {
    let text = scalar::text(value)?;
    if is_valid(text) {
        Ok(text.to_owned())
    } else {
        Err(message.to_owned())
    }
}

fn secret(value: ValueReader<'_>) -> Result<Secret, String> {
    Ok(Secret::new(scalar::owned_text(value)?))
}

fn variable(value: ValueReader<'_>) -> Result<String, String> {
    let message = "is not a valid name of an environment variable; expected the name of the variable that contains \
                   the value, not the value";
    text_that(value, is_variable, message)
}

/// A relative path is relative to the file in which it is written.
pub(super) fn path(value: ValueReader<'_>) -> Result<PathBuf, String> {
    let message = "is not a valid path, expected the file that contains the value, not the value; ~ is not expanded";
    let path = text_that(value, is_path, message)?;
    Ok(value.directory().join(path))
}

fn profile_name(value: ValueReader<'_>) -> Result<String, String> {
    let message = "is not a valid profile name, expected letters, digits and _.-";
    text_that(value, is_profile_name, message)
}

pub(super) fn role_name(value: ValueReader<'_>) -> Result<String, String> {
    let message =
        "is not a valid role name, expected only the name, not the ARN; or remove the key";
    text_that(value, is_bare_role_name, message)
}

fn role_arn(value: ValueReader<'_>) -> Result<String, String> {
    let message = "is not a valid role ARN, expected for example qcs::cam::uin/100000000001:roleName/tcss-exporter";
    text_that(value, is_role_arn, message)
}

pub(super) fn session_name(value: ValueReader<'_>) -> Result<String, String> {
    let message = "is not a valid session name, expected 2 to 128 letters, digits and =,.@_-";
    text_that(value, is_harmless_session_name, message)
}

pub(super) fn external_id(value: ValueReader<'_>) -> Result<String, String> {
    let message = "is not a valid external ID, expected 2 to 128 letters, digits and =,.@:/_-";
    text_that(value, is_external_id, message)
}

pub(super) fn role_duration(value: ValueReader<'_>) -> Result<Duration, String> {
    let range = Duration::from_mins(1)..=Duration::from_hours(12);
    match scalar::duration(value) {
        Ok(duration) if range.contains(&duration) => Ok(duration),
        _ => Err("is not a duration from 1m to 12h, expected for example 2h or 30m".into()),
    }
}

/// The keys `endpoint` and `region` of STS.
pub(super) fn sts(keys: &MapReader<'_>, problems: &mut Vec<Problem>) -> Sts {
    let mut sts = Sts::default();
    if let Some(endpoint) = optional(keys, "endpoint", problems, endpoint) {
        sts.endpoint = endpoint;
    }
    if let Some(region) = optional(keys, "region", problems, region) {
        sts.region = region;
    }
    sts
}

pub(super) fn region(value: ValueReader<'_>) -> Result<Region, String> {
    let message = "is not a valid region, expected for example ap-guangzhou";
    Region::parse(scalar::text(value)?).map_err(|_| message.into())
}

pub(super) fn endpoint(value: ValueReader<'_>) -> Result<Endpoint, String> {
    let message = "is not a valid endpoint, expected a host such as sts.tencentcloudapi.com or a URL; plain http is \
                   allowed only to this machine";
    Endpoint::parse(scalar::text(value)?, false).map_err(|_| message.into())
}

/// Only plain http: the metadata service has no certificate.
fn metadata_endpoint(value: ValueReader<'_>) -> Result<Endpoint, String> {
    match Endpoint::parse(scalar::text(value)?, true) {
        Ok(endpoint) if endpoint.url().scheme() == "http" => Ok(endpoint),
        _ => Err(
            "is not a valid metadata endpoint, expected for example http://metadata.tencentyun.com"
                .into(),
        ),
    }
}

/// A name, and not a secret, which a later message would show.
fn is_variable(text: &str) -> bool {
    is_made_of(text, 1..=usize::MAX, b"_")
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && !is_like_a_secret(text)
}

fn is_path(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('~') && !is_like_a_secret(text)
}

fn is_profile_name(text: &str) -> bool {
    is_made_of(text, 1..=128, b"_.-") && !is_like_a_secret(text)
}

fn is_bare_role_name(text: &str) -> bool {
    is_role_name(text) && !is_like_a_secret(text)
}

fn is_harmless_session_name(text: &str) -> bool {
    is_session_name(text) && !is_like_a_secret(text)
}

fn is_external_id(text: &str) -> bool {
    is_made_of(text, 2..=128, b"_=,.@:/-")
}

/// Letters, digits and `signs`.
fn is_made_of(text: &str, length: RangeInclusive<usize>, signs: &[u8]) -> bool {
    let mut bytes = text.bytes();
    length.contains(&text.len())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || signs.contains(&byte))
}

/// Real secrets have 32 or more letters and digits, upper and lower case, and nothing else.
fn is_like_a_secret(text: &str) -> bool {
    let has_lower = text.bytes().any(|byte| byte.is_ascii_lowercase());
    let has_upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
    has_lower && has_upper && is_made_of(text, 24..=usize::MAX, b"")
}

#[cfg(test)]
mod tests {
    use super::is_variable;

    #[test]
    fn a_variable_name_is_not_a_secret() {
        for good in [
            "TENCENTCLOUD_SECRET_ID",
            "_x",
            "prod_secret_key_2",
            "SecretId",
        ] {
            assert!(is_variable(good), "{good}");
        }
        for bad in [
            "",
            "1A",
            "A-B",
            "$A",
            "AKIDz8krbsJ5yKBZQpn74WFkmLPx3gnP",
            "Gu5t9xGARNpq86cd98joQYCN3Cozk1qA",
        ] {
            assert!(!is_variable(bad), "{bad}");
        }
    }
}
