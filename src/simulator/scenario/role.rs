//! Roles: an identity with a role has no keys of its own.

use std::time::Duration;

use super::{
    ScriptedFailure, Speed,
    file::{ScenarioReader, duration},
};
use crate::{
    signer::Secret,
    yaml::{MapReader, Setting, ValueReader, scalar},
};

/// A role, who may assume it, and how its credentials are issued.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::simulator) struct SimulatedRole {
    pub(in crate::simulator) arn: String,
    /// Names of identities.
    pub(in crate::simulator) assumed_by: Vec<String>,
    /// The external ID that they must send, if any.
    pub(in crate::simulator) external_id: Option<String>,
    pub(in crate::simulator) web_identity: Option<WebIdentity>,
    /// Whether the metadata service issues its credentials.
    pub(in crate::simulator) is_of_this_machine: bool,
    /// Instead of the lifetime that the caller requests.
    pub(in crate::simulator) token_lifetime: Option<Duration>,
    /// When credentials are issued, not when they are used.
    pub(in crate::simulator) failures: Vec<ScriptedFailure>,
    pub(in crate::simulator) latency: Duration,
    /// Random extra latency, at most this much.
    pub(in crate::simulator) latency_jitter: Duration,
}

/// Who may assume a role without a signature.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::simulator) struct WebIdentity {
    pub(in crate::simulator) provider: String,
    pub(in crate::simulator) token: Secret,
}

impl SimulatedRole {
    /// The last part of the ARN, as the metadata service calls it.
    pub(in crate::simulator) fn name(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }

    /// How long issuing credentials takes; `jitter` is from 0 to 1.
    pub(in crate::simulator) fn delay(&self, jitter: f64) -> Duration {
        self.latency + self.latency_jitter.mul_f64(jitter)
    }

    /// Lifetimes and latencies are real time at any speed: clients compare them with their own clocks.
    pub(super) fn at_speed(&self, speed: Speed) -> SimulatedRole {
        let mut role = self.clone();
        for failure in &mut role.failures {
            *failure = failure.at_speed(speed);
        }
        role
    }
}

impl ScenarioReader {
    pub(super) fn role(&mut self, value: ValueReader<'_>) -> Option<SimulatedRole> {
        let map = value.as_map(&mut self.problems)?;
        let arn = self.arn(&map);
        let mut assumed_by = Vec::new();
        if let Some(list) = map.at("assumed_by") {
            for item in list.items(&mut self.problems) {
                let name = scalar::owned_text(item);
                let name = Setting::of(item.origin(), name, &mut self.problems);
                assumed_by.extend(name.value.clone());
                self.assumers.push(name);
            }
        }
        let external_id = self.given(&map, "external_id", scalar::owned_text);
        let has_web_identity = map.at("web_identity").is_some();
        let web_identity = self.web_identity(&map);
        let metadata = map.read("metadata", &mut self.problems, scalar::boolean);
        let token_lifetime = self.given(&map, "token_lifetime", token_lifetime);
        let failures = self.failures(&map, false);
        let latency = self.optional(&map, "latency", Duration::ZERO, duration);
        let latency_jitter = self.optional(&map, "latency_jitter", Duration::ZERO, duration);
        map.finish(&mut self.problems);

        let mut is_of_this_machine = false;
        if let Some(Setting {
            value: Some(true),
            origin,
        }) = metadata
        {
            is_of_this_machine = true;
            // A machine has one role, and the metadata service has no other way to choose.
            if self.has_machine_role {
                self.report(&origin, "is already used by another role");
            }
            self.has_machine_role = true;
        }
        if assumed_by.is_empty() && !has_web_identity && !is_of_this_machine {
            let unused = "cannot be assumed; add assumed_by, web_identity or metadata";
            self.report(&map.origin(), unused);
        }
        Some(SimulatedRole {
            arn: arn?,
            assumed_by,
            external_id,
            web_identity,
            is_of_this_machine,
            token_lifetime,
            failures,
            latency,
            latency_jitter,
        })
    }

    fn arn(&mut self, map: &MapReader<'_>) -> Option<String> {
        let example = "qcs::cam::uin/1:roleName/reader";
        let Setting { value, origin } = self.required(map, "arn", example, arn)?;
        let arn = value?;
        if !self.arns.insert(arn.clone()) {
            self.report(&origin, "is already used by another role");
        }
        Some(arn)
    }

    fn web_identity(&mut self, map: &MapReader<'_>) -> Option<WebIdentity> {
        let value = map.at("web_identity")?;
        let map = value.as_map(&mut self.problems)?;
        let provider = self.required(&map, "provider", "cls-abcd1234", scalar::owned_text);
        let token = self.required(&map, "token", "any-token", scalar::owned_text);
        map.finish(&mut self.problems);
        Some(WebIdentity {
            provider: provider?.value?,
            token: Secret::new(token?.value?.trim().to_owned()),
        })
    }
}

fn arn(value: ValueReader<'_>) -> Result<String, String> {
    let arn = scalar::owned_text(value)?;
    let name = arn.rsplit('/').next().unwrap_or_default();
    if name.is_empty() || !name.as_bytes().iter().all(u8::is_ascii_graphic) {
        let example = "qcs::cam::uin/1:roleName/reader";
        return Err(format!(
            "does not end with the role's name, expected for example {example}"
        ));
    }
    Ok(arn)
}

fn token_lifetime(value: ValueReader<'_>) -> Result<Duration, String> {
    let lifetime = duration(value)?;
    if lifetime < Duration::from_secs(1) {
        return Err("must be at least 1s".into());
    }
    Ok(lifetime)
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
    role: {arn: two, assumed_by: [missing], metadata: true, web_identity: {provider: p, token: hunter2}}
  - name: bare
";
        let expected = "\
scenario.yml:2: identities[0]: has a role and keys of its own, expected one of them
scenario.yml:7: identities[1].role.arn: is already used by another role
scenario.yml:7: identities[1].role.token_lifetime: must be at least 1s
scenario.yml:9: identities[2].role: cannot be assumed; add assumed_by, web_identity or metadata
scenario.yml:9: identities[2].role.arn: does not end with the role's name, expected for example \
qcs::cam::uin/1:roleName/reader
scenario.yml:11: identities[3].role.assumed_by[0]: there is no identity named \"missing\"
scenario.yml:11: identities[3].role.metadata: is already used by another role
scenario.yml:12: identities[4]: has neither a role nor both secret_id and secret_key";
        assert_eq!(Scenario::parse(text).unwrap_err().to_string(), expected);
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
