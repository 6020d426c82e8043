//! The block `credentials`. No message shows anything that is written in it.

use std::{path::PathBuf, time::Duration};

use super::{
    Endpoint, Region,
    keys::{self, Block},
    problem::{Origin, Problem},
    scalar,
    tree::{At, Fields},
};
use crate::{
    credentials::{
        AssumeRole, Chain, CvmRole, EnvVariables, KeyFiles, Profile, Source, Sts, Tccli, TkeOidc,
        is_role_name,
    },
    signer::{Credentials, Secret},
};

/// A role that takes on a role that takes on a role is enough.
const MOST_ROLES: usize = 3;

/// Reads a block: one kind, with its keys below it.
pub(super) fn read(at: At<'_>, problems: &mut Vec<Problem>) -> Option<Source> {
    source(at, MOST_ROLES, problems)
}

fn source(at: At<'_>, roles_left: usize, problems: &mut Vec<Problem>) -> Option<Source> {
    let block = at.fields(&keys::CREDENTIALS, problems)?;
    let kinds: Vec<&str> = keys::CREDENTIALS
        .keys
        .iter()
        .filter(|kind| block.has(kind))
        .copied()
        .collect();
    match kinds[..] {
        [kind] => kind_of(kind, &block, roles_left, problems),
        [] if block.is_empty() => {
            problems
                .push(block.problem(
                    "names no kind; write one, such as env: {}, or leave credentials out",
                ));
            None
        }
        [] => None,
        _ => {
            problems.push(block.problem(format!("has {}; name one kind", kinds.join(" and "))));
            None
        }
    }
}

fn kind_of(
    kind: &str,
    block: &Fields<'_>,
    roles_left: usize,
    problems: &mut Vec<Problem>,
) -> Option<Source> {
    let mut read = |name, keys: &Block| Kind::read(block, name, keys, problems);
    match kind {
        "chain" => read("chain", &keys::CHAIN).map(|kind| Source::Chain(kind.chain(problems))),
        "env" => read("env", &keys::ENV).map(|kind| Source::Env(kind.env(problems))),
        "files" => read("files", &keys::FILES)?
            .files(problems)
            .map(Source::Files),
        "static" => read("static", &keys::STATIC)?
            .fixed(problems)
            .map(Source::Static),
        "profile" => {
            read("profile", &keys::PROFILE).map(|kind| Source::Profile(kind.profile(problems)))
        }
        "tccli" => read("tccli", &keys::TCCLI).map(|kind| Source::Tccli(kind.tccli(problems))),
        "tke_oidc" => {
            read("tke_oidc", &keys::TKE_OIDC).map(|kind| Source::TkeOidc(kind.tke_oidc(problems)))
        }
        "cvm_role" => {
            read("cvm_role", &keys::CVM_ROLE).map(|kind| Source::CvmRole(kind.cvm_role(problems)))
        }
        _ => {
            let kind = read("assume_role", &keys::ASSUME_ROLE)?;
            kind.assume_role(roles_left, problems)
                .map(|role| Source::AssumeRole(Box::new(role)))
        }
    }
}

/// One kind and its keys. A key that cannot be read is reported, and then it does not matter what takes its place.
struct Kind<'a> {
    origin: Origin,
    /// None where the kind is named and nothing is written below it.
    fields: Option<Fields<'a>>,
}

impl<'a> Kind<'a> {
    fn read(
        block: &'a Fields<'_>,
        name: &'static str,
        keys: &Block,
        problems: &mut Vec<Problem>,
    ) -> Option<Kind<'a>> {
        let origin = block.origin(name);
        let fields = match block.at(name) {
            Some(at) => Some(at.fields(keys, problems)?),
            None => None,
        };
        Some(Kind { origin, fields })
    }

    fn optional<T>(
        &self,
        key: &'static str,
        problems: &mut Vec<Problem>,
        parse: impl FnOnce(At<'_>) -> Result<T, String>,
    ) -> Option<T> {
        self.fields.as_ref()?.read(key, problems, parse)?.value
    }

    fn required<T>(
        &self,
        key: &'static str,
        what: &str,
        problems: &mut Vec<Problem>,
        parse: impl FnOnce(At<'_>) -> Result<T, String>,
    ) -> Option<T> {
        if self
            .fields
            .as_ref()
            .and_then(|fields| fields.at(key))
            .is_none()
        {
            problems.push(self.origin.problem(format!("has no {key}; give it {what}")));
        }
        self.optional(key, problems, parse)
    }

    fn chain(&self, problems: &mut Vec<Problem>) -> Chain {
        let default = Chain::default();
        Chain {
            sts_endpoint: self
                .optional("sts_endpoint", problems, endpoint)
                .unwrap_or(default.sts_endpoint),
            metadata_endpoint: self
                .optional("metadata_endpoint", problems, metadata_endpoint)
                .unwrap_or(default.metadata_endpoint),
        }
    }

    /// Names given for the keys mean that the standard token, which belongs to other keys, does not count.
    fn env(&self, problems: &mut Vec<Problem>) -> EnvVariables {
        let standard = EnvVariables::default();
        let [id, key, token] = ["secret_id", "secret_key", "token"]
            .map(|name| self.optional(name, problems, variable));
        let token = match token {
            Some(token) => vec![token],
            None if id.is_some() || key.is_some() => Vec::new(),
            None => standard.token,
        };
        EnvVariables {
            secret_id: id.unwrap_or(standard.secret_id),
            secret_key: key.unwrap_or(standard.secret_key),
            token,
        }
    }

    fn files(&self, problems: &mut Vec<Problem>) -> Option<KeyFiles> {
        let secret_id = self.required(
            "secret_id_file",
            "the file that holds the SecretId",
            problems,
            path,
        );
        let secret_key = self.required(
            "secret_key_file",
            "the file that holds the SecretKey",
            problems,
            path,
        );
        let token = self.optional("token_file", problems, path);
        Some(KeyFiles {
            secret_id: secret_id?,
            secret_key: secret_key?,
            token,
        })
    }

    fn fixed(&self, problems: &mut Vec<Problem>) -> Option<Credentials> {
        let text = |at: At<'_>| scalar::text(at).map(str::to_owned);
        let secret = |at: At<'_>| scalar::text(at).map(|text| Secret::new(text.to_owned()));
        let secret_id = self.required("secret_id", "the SecretId", problems, text);
        let secret_key = self.required("secret_key", "the SecretKey", problems, secret);
        let token = self.optional("token", problems, secret);
        let checked = Credentials::checked(secret_id?, secret_key?, token);
        checked
            .map_err(|error| problems.push(self.origin.problem(error.to_string())))
            .ok()
    }

    fn profile(&self, problems: &mut Vec<Problem>) -> Profile {
        let default = Profile::default();
        Profile {
            file: self.optional("file", problems, path),
            name: self
                .optional("name", problems, name)
                .unwrap_or(default.name),
        }
    }

    fn tccli(&self, problems: &mut Vec<Problem>) -> Tccli {
        self.optional("name", problems, name)
            .map_or_else(Tccli::default, |name| Tccli { name })
    }

    fn tke_oidc(&self, problems: &mut Vec<Problem>) -> TkeOidc {
        self.optional("endpoint", problems, endpoint)
            .map_or_else(TkeOidc::default, |endpoint| TkeOidc { endpoint })
    }

    fn cvm_role(&self, problems: &mut Vec<Problem>) -> CvmRole {
        CvmRole {
            endpoint: self
                .optional("endpoint", problems, metadata_endpoint)
                .unwrap_or_else(CvmRole::default_endpoint),
            role: self.optional("role", problems, role),
        }
    }

    fn assume_role(&self, roles_left: usize, problems: &mut Vec<Problem>) -> Option<AssumeRole> {
        let what = "the role's ARN, such as qcs::cam::uin/100000000001:roleName/tcss-exporter";
        let role_arn = self.required("role_arn", what, problems, role_arn);
        let default = Sts::default();
        let sts = Sts {
            endpoint: self
                .optional("endpoint", problems, endpoint)
                .unwrap_or(default.endpoint),
            region: self
                .optional("region", problems, region)
                .unwrap_or(default.region),
        };
        let source = match self.fields.as_ref().and_then(|fields| fields.at("source")) {
            None => Some(Source::default()),
            Some(at) if roles_left <= 1 => {
                problems.push(at.problem(format!(
                    "is one role too many; {MOST_ROLES} may stand in one another"
                )));
                None
            }
            Some(at) => source(at, roles_left - 1, problems),
        };
        Some(AssumeRole {
            session_name: self
                .optional("session_name", problems, session_name)
                .unwrap_or_else(|| AssumeRole::DEFAULT_SESSION_NAME.into()),
            external_id: self.optional("external_id", problems, external_id),
            duration: self
                .optional("duration", problems, duration)
                .unwrap_or(AssumeRole::DEFAULT_DURATION),
            role_arn: role_arn?,
            sts,
            source: source?,
        })
    }
}

/// The text, if it is as it should be. What is wrong is said without it.
fn text_that(
    at: At<'_>,
    is_good: impl Fn(&str) -> bool,
    otherwise: &str,
) -> Result<String, String> {
    let text = scalar::text(at)?;
    if is_good(text) {
        Ok(text.to_owned())
    } else {
        Err(otherwise.to_owned())
    }
}

fn variable(at: At<'_>) -> Result<String, String> {
    let otherwise = "is no name of an environment variable; name the variable that holds the value, not the value";
    text_that(at, names_a_variable, otherwise)
}

/// A relative path begins where the file is in which it is written.
fn path(at: At<'_>) -> Result<PathBuf, String> {
    let directory = at.directory();
    let is_good =
        |text: &str| !text.is_empty() && !text.starts_with('~') && !is_like_a_secret(text);
    let otherwise =
        "is no path of a file; name the file that holds the value, not the value, and write no ~";
    text_that(at, is_good, otherwise).map(|path| directory.join(path))
}

fn name(at: At<'_>) -> Result<String, String> {
    let is_name = |text: &str| is_made_of(text, 1, b"_.-") && !is_like_a_secret(text);
    text_that(
        at,
        is_name,
        "is no name of a profile; write letters, digits and _.-",
    )
}

fn role(at: At<'_>) -> Result<String, String> {
    let is_name = |text: &str| is_role_name(text) && !is_like_a_secret(text);
    text_that(
        at,
        is_name,
        "is no name of a role; write the name alone, not the ARN, or leave it out",
    )
}

fn role_arn(at: At<'_>) -> Result<String, String> {
    let is_arn = |text: &str| {
        text.starts_with("qcs::cam::") && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    text_that(
        at,
        is_arn,
        "is no ARN of a role; write one such as qcs::cam::uin/100000000001:roleName/tcss-exporter",
    )
}

fn session_name(at: At<'_>) -> Result<String, String> {
    let is_name = |text: &str| is_made_of(text, 2, b"_=,.@-") && !is_like_a_secret(text);
    text_that(
        at,
        is_name,
        "is no name of a session; write 2 to 128 letters, digits and =,.@_-",
    )
}

fn external_id(at: At<'_>) -> Result<String, String> {
    let is_id = |text: &str| is_made_of(text, 2, b"_=,.@:/-");
    text_that(
        at,
        is_id,
        "is no external ID; write 2 to 128 letters, digits and =,.@:/_-",
    )
}

fn is_made_of(text: &str, shortest: usize, signs: &[u8]) -> bool {
    (shortest..=128).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || signs.contains(&byte))
}

fn duration(at: At<'_>) -> Result<Duration, String> {
    let (least, most) = (Duration::from_mins(1), Duration::from_hours(12));
    let duration = scalar::duration(at)
        .ok()
        .filter(|duration| (least..=most).contains(duration));
    duration.ok_or_else(|| "is no time from 1m to 12h; write 2h, or 30m".into())
}

fn region(at: At<'_>) -> Result<Region, String> {
    Region::parse(scalar::text(at)?)
        .map_err(|_| "is no region; write one such as ap-guangzhou".into())
}

fn endpoint(at: At<'_>) -> Result<Endpoint, String> {
    Endpoint::parse(scalar::text(at)?, false).map_err(|_| {
        "is no endpoint; write a host such as sts.tencentcloudapi.com, or a URL, which must have https unless it is \
         this machine"
            .into()
    })
}

/// Plain http and nothing else: the metadata service has no certificate.
fn metadata_endpoint(at: At<'_>) -> Result<Endpoint, String> {
    let endpoint = Endpoint::parse(scalar::text(at)?, true).ok();
    endpoint
        .filter(|endpoint| endpoint.url().scheme() == "http")
        .ok_or_else(|| {
            "is no endpoint of a metadata service; write one such as http://metadata.tencentyun.com"
                .into()
        })
}

/// Whether it is a name rather than a secret, which a later message would show.
fn names_a_variable(text: &str) -> bool {
    let word = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    word && !is_like_a_secret(text)
        && text
            .bytes()
            .next()
            .is_some_and(|byte| !byte.is_ascii_digit())
}

/// Real ones have 32 or more letters and digits, upper and lower case, and nothing else.
fn is_like_a_secret(text: &str) -> bool {
    let mixed = text.bytes().any(|byte| byte.is_ascii_lowercase())
        && text.bytes().any(|byte| byte.is_ascii_uppercase());
    text.len() >= 24 && mixed && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::names_a_variable;

    #[test]
    fn a_variable_has_a_name_that_is_no_secret() {
        for good in [
            "TENCENTCLOUD_SECRET_ID",
            "_x",
            "prod_secret_key_2",
            "SecretId",
        ] {
            assert!(names_a_variable(good), "{good}");
        }
        for bad in [
            "",
            "1A",
            "A-B",
            "$A",
            "AKIDz8krbsJ5yKBZQpn74WFkmLPx3gnP",
            "Gu5t9xGARNpq86cd98joQYCN3Cozk1qA",
        ] {
            assert!(!names_a_variable(bad), "{bad}");
        }
    }
}
