//! Roles: what an identity is that has no keys of its own.

use std::{collections::HashSet, time::Duration};

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{
    Failure, Speed,
    file::{Problems, RawFailure, Span, failure},
};
use crate::signer::Secret;

/// A role, who may assume it, and how its credentials are issued.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::simulator) struct Role {
    pub(in crate::simulator) arn: String,
    /// Names of identities.
    pub(in crate::simulator) assumed_by: Vec<String>,
    /// What those must give, if anything.
    pub(in crate::simulator) external_id: Option<String>,
    pub(in crate::simulator) web_identity: Option<WebIdentity>,
    /// Whether the metadata service issues its credentials.
    pub(in crate::simulator) is_of_this_machine: bool,
    /// In place of the lifetime that is asked for.
    pub(in crate::simulator) token_lifetime: Option<Duration>,
    /// Of issuing credentials, not of using them.
    pub(in crate::simulator) failures: Vec<Failure>,
    pub(in crate::simulator) latency: Duration,
    /// At most so much more, at random.
    pub(in crate::simulator) latency_jitter: Duration,
}

/// Who may assume a role without a signature.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::simulator) struct WebIdentity {
    pub(in crate::simulator) provider: String,
    pub(in crate::simulator) token: Secret,
}

impl Role {
    /// The last part of the ARN, as the metadata service calls it.
    pub(in crate::simulator) fn name(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }

    /// Before credentials are issued; `jitter` is from 0 to 1.
    pub(in crate::simulator) fn delay(&self, jitter: f64) -> Duration {
        self.latency + self.latency_jitter.mul_f64(jitter)
    }

    /// Lifetimes and latencies are real time at any speed: clients compare them with their own clocks.
    pub(super) fn at_speed(&self, speed: Speed) -> Role {
        let failures = self
            .failures
            .iter()
            .map(|failure| failure.at_speed(speed))
            .collect();
        Role {
            failures,
            ..self.clone()
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRole {
    arn: String,
    #[serde(default)]
    pub(super) assumed_by: Vec<String>,
    external_id: Option<String>,
    web_identity: Option<RawWebIdentity>,
    #[serde(default)]
    metadata: bool,
    token_lifetime: Option<Span>,
    #[serde(default)]
    failures: Vec<Spanned<RawFailure>>,
    #[serde(default)]
    latency: Span,
    #[serde(default)]
    latency_jitter: Span,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWebIdentity {
    provider: String,
    token: String,
}

/// What no two roles share.
#[derive(Default)]
pub(super) struct Known {
    arns: HashSet<String>,
    of_this_machine: bool,
}

pub(super) fn role(raw: Spanned<RawRole>, problems: &mut Problems) -> Option<Role> {
    let line = raw.referenced.line();
    let raw = raw.value;
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    let is_right = raw.arn.rsplit('/').next().is_some_and(is_name);
    problems.require(
        is_right,
        line,
        "arn must end in the role's name, as in qcs::cam::uin/1:roleName/reader",
    );
    let is_new = problems.roles.arns.insert(raw.arn.clone());
    problems.require(is_new, line, "there is another role with this arn");
    let is_second = raw.metadata && std::mem::replace(&mut problems.roles.of_this_machine, true);
    problems.require(!is_second, line, "metadata: there is another role with it");
    let is_trusting = !raw.assumed_by.is_empty() || raw.web_identity.is_some() || raw.metadata;
    problems.require(
        is_trusting,
        line,
        "nobody may assume it: give assumed_by, web_identity or metadata",
    );
    let lifetime = raw.token_lifetime.map(|span| span.0);
    let is_long = lifetime.is_none_or(|lifetime| lifetime >= Duration::from_secs(1));
    problems.require(is_long, line, "token_lifetime must be 1s or longer");
    let failures: Vec<_> = raw
        .failures
        .into_iter()
        .map(|raw| failure(&raw, problems))
        .collect();
    Some(Role {
        arn: raw.arn,
        assumed_by: raw.assumed_by,
        external_id: raw.external_id,
        web_identity: raw.web_identity.map(|raw| WebIdentity {
            provider: raw.provider,
            token: Secret::new(raw.token.trim().to_owned()),
        }),
        is_of_this_machine: raw.metadata,
        token_lifetime: lifetime,
        failures: failures.into_iter().collect::<Option<_>>()?,
        latency: raw.latency.0,
        latency_jitter: raw.latency_jitter.0,
    })
}

#[cfg(test)]
mod tests {
    use crate::simulator::Scenario;

    #[test]
    fn every_problem_of_a_role_is_reported_with_its_line() {
        let text = "identities:
  - name: base
    secret_id: AKIDbase
    secret_key: hunter2
    role: {arn: one, assumed_by: [base]}
  - name: reader
    role: {arn: one, metadata: true, token_lifetime: 10ms}
  - name: closed
    role: {arn: 'qcs::cam::uin/1:roleName/'}
  - name: web
    role: {arn: two, assumed_by: [nobody], metadata: true, web_identity: {provider: p, token: hunter2}}
  - name: bare
";
        let expected = [
            "line 11: assumed_by: there is no identity named \"nobody\"",
            "line 2: \"base\" has a role, and so no keys of its own",
            "line 7: there is another role with this arn",
            "line 7: token_lifetime must be 1s or longer",
            "line 9: arn must end in the role's name, as in qcs::cam::uin/1:roleName/reader",
            "line 9: nobody may assume it: give assumed_by, web_identity or metadata",
            "line 11: metadata: there is another role with it",
            "line 12: \"bare\" needs secret_id and secret_key, or a role",
        ];
        assert_eq!(Scenario::parse(text).unwrap_err(), expected);
    }

    #[test]
    fn lifetimes_and_latencies_are_real_time_at_any_speed() {
        let text = "identities: [{name: a, role: {arn: b, metadata: true, token_lifetime: 1h, latency: 1s, failures: [{code: \
                    InternalError.DbError, from: 1h}]}}]";
        let fast = Scenario::parse(text)
            .unwrap()
            .at_speed("60".parse().unwrap());
        let (_, role) = fast.role(|_| true).unwrap();
        assert_eq!(role.token_lifetime.unwrap().as_secs(), 3600);
        assert_eq!(role.delay(1.0).as_secs(), 1);
        assert_eq!(role.failures[0].from.as_secs(), 60);
    }
}
