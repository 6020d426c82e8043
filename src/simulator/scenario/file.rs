//! The scenario file: its shape, and what is checked of it.

use std::{collections::HashSet, num::NonZeroU32, time::Duration};

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_saphyr::Spanned;

use super::{
    Failure, Identity, Keys, Scenario, TaskIds,
    role::{self, RawRole},
};
use crate::{
    signer::{Credentials, Secret},
    simulator::{
        ErrorCode,
        scan::{Counts, Scan, Stall, Timeline},
    },
};

/// Keeps every date within those that can be written, at any speed.
const LONGEST: Duration = Duration::from_hours(366 * 24);

pub(super) fn parse(text: &str) -> Result<Scenario, Vec<String>> {
    let file: RawScenario =
        serde_saphyr::from_str(text).map_err(|error| vec![error.without_snippet().to_string()])?;
    let mut problems = Problems::default();
    check_who_assumes(&file.identities, &mut problems);
    let identities: Vec<_> = file
        .identities
        .into_iter()
        .filter_map(|raw| identity(raw, &mut problems))
        .collect();
    if identities.is_empty() && problems.list.is_empty() {
        problems
            .list
            .push("identities: there must be one at least".into());
    }
    problems.none_or(Scenario {
        seed: file.seed,
        requests_per_second: file.requests_per_second.get() as usize,
        identities,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScenario {
    #[serde(default)]
    seed: u64,
    #[serde(default = "documented_limit")]
    requests_per_second: NonZeroU32,
    identities: Vec<Spanned<RawIdentity>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIdentity {
    name: String,
    secret_id: Option<String>,
    secret_key: Option<String>,
    token: Option<String>,
    role: Option<Spanned<RawRole>>,
    #[serde(default)]
    scans: Vec<Spanned<RawScan>>,
    #[serde(default = "yes")]
    repeat: bool,
    #[serde(default)]
    starts_in: Span,
    #[serde(default)]
    started_ago: Span,
    #[serde(default = "first_local")]
    first_local_task_id: NonZeroU32,
    #[serde(default = "first_registry")]
    first_registry_task_id: NonZeroU32,
    #[serde(default)]
    failures: Vec<Spanned<RawFailure>>,
    #[serde(default)]
    latency: Span,
    #[serde(default)]
    latency_jitter: Span,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScan {
    takes: Span,
    #[serde(default)]
    pause: Span,
    stall: Option<RawStall>,
    cancel_at: Option<f64>,
    #[serde(default)]
    local_images: u32,
    #[serde(default)]
    registry_images: u32,
    #[serde(default)]
    local_vulnerabilities: u32,
    #[serde(default)]
    registry_vulnerabilities: u32,
    #[serde(default)]
    ignored_vulnerabilities: u32,
    #[serde(default)]
    risk_images: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStall {
    at: f64,
    r#for: Option<Span>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFailure {
    code: String,
    #[serde(default = "always")]
    fraction: f64,
    #[serde(default)]
    from: Span,
    r#for: Option<Span>,
    every: Option<Span>,
}

fn documented_limit() -> NonZeroU32 {
    const { NonZeroU32::new(20).expect("not zero") }
}

fn first_local() -> NonZeroU32 {
    const { NonZeroU32::new(1001).expect("not zero") }
}

fn first_registry() -> NonZeroU32 {
    const { NonZeroU32::new(2001).expect("not zero") }
}

fn yes() -> bool {
    true
}

fn always() -> f64 {
    1.0
}

/// A duration such as `90s` or `1h 30m`.
#[derive(Clone, Copy, Default)]
pub(super) struct Span(pub(super) Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        let text = String::deserialize(deserializer)?;
        let duration = humantime::parse_duration(&text).map_err(|error| {
            D::Error::custom(format!(
                "{text:?} is no duration such as 90s or 5m: {error}"
            ))
        })?;
        if duration > LONGEST {
            return Err(D::Error::custom(format!("{text:?} is longer than a year")));
        }
        Ok(Span(duration))
    }
}

#[derive(Default)]
pub(super) struct Problems {
    list: Vec<String>,
    names: HashSet<String>,
    secret_ids: HashSet<String>,
    pub(super) roles: role::Known,
}

impl Problems {
    pub(super) fn require(&mut self, is_right: bool, line: u64, problem: &str) {
        if !is_right {
            self.list.push(format!("line {line}: {problem}"));
        }
    }

    fn none_or<T>(self, value: T) -> Result<T, Vec<String>> {
        if self.list.is_empty() {
            Ok(value)
        } else {
            Err(self.list)
        }
    }
}

fn identity(raw: Spanned<RawIdentity>, problems: &mut Problems) -> Option<Identity> {
    let line = raw.referenced.line();
    let raw = raw.value;
    check_identity(&raw, line, problems);
    let scans: Vec<_> = raw
        .scans
        .into_iter()
        .map(|scan| self::scan(&scan, problems))
        .collect();
    check_all_are_played(&scans, line, problems);
    let failures: Vec<_> = raw
        .failures
        .into_iter()
        .map(|raw| failure(&raw, problems))
        .collect();
    let keys = match raw.role {
        Some(role) => role::role(role, problems).map(Keys::Role),
        None => Some(Keys::Known(Credentials {
            secret_id: raw.secret_id.unwrap_or_default(),
            secret_key: Secret::new(raw.secret_key.unwrap_or_default()),
            token: raw.token.map(Secret::new),
        })),
    };
    Some(Identity {
        name: raw.name,
        keys: keys?,
        timeline: Timeline {
            scans,
            repeat: raw.repeat,
        },
        starts_in: raw.starts_in.0,
        started_ago: raw.started_ago.0,
        first_task_ids: TaskIds {
            local: raw.first_local_task_id.get().into(),
            registry: raw.first_registry_task_id.get().into(),
        },
        failures: failures.into_iter().collect::<Option<_>>()?,
        latency: raw.latency.0,
        latency_jitter: raw.latency_jitter.0,
    })
}

fn check_identity(raw: &RawIdentity, line: u64, problems: &mut Problems) {
    let name = &raw.name;
    problems.require(!name.is_empty(), line, "name is empty");
    let is_new = problems.names.insert(name.clone());
    problems.require(
        is_new,
        line,
        &format!("there is another identity named {name:?}"),
    );
    check_keys(raw, line, problems);
    let has_one_start = raw.starts_in.0.is_zero() || raw.started_ago.0.is_zero();
    problems.require(
        has_one_start,
        line,
        "starts_in and started_ago exclude each other",
    );
}

fn check_keys(raw: &RawIdentity, line: u64, problems: &mut Problems) {
    let name = &raw.name;
    let has_keys = raw.secret_id.is_some() || raw.secret_key.is_some() || raw.token.is_some();
    if raw.role.is_some() {
        problems.require(
            !has_keys,
            line,
            &format!("{name:?} has a role, and so no keys of its own"),
        );
        return;
    }
    let [id, key] =
        [&raw.secret_id, &raw.secret_key].map(|text| text.as_deref().unwrap_or_default());
    let is_new = id.is_empty() || problems.secret_ids.insert(id.to_owned());
    problems.require(
        is_new,
        line,
        &format!("{name:?} has the secret_id of another identity"),
    );
    let is_whole = !id.is_empty() && !key.is_empty();
    problems.require(
        is_whole,
        line,
        &format!("{name:?} needs secret_id and secret_key, or a role"),
    );
}

/// Those who may assume a role must be in the file, before or after it.
fn check_who_assumes(identities: &[Spanned<RawIdentity>], problems: &mut Problems) {
    let names: HashSet<&str> = identities
        .iter()
        .map(|identity| identity.value.name.as_str())
        .collect();
    for role in identities
        .iter()
        .filter_map(|identity| identity.value.role.as_ref())
    {
        for name in role
            .value
            .assumed_by
            .iter()
            .filter(|name| !names.contains(name.as_str()))
        {
            let problem = format!("assumed_by: there is no identity named {name:?}");
            problems.require(false, role.referenced.line(), &problem);
        }
    }
}

fn check_all_are_played(scans: &[Scan], line: u64, problems: &mut Problems) {
    let n_played = scans
        .iter()
        .position(|scan| scan.length().is_none())
        .map_or(scans.len(), |last| last + 1);
    let problem = format!("scan {n_played} stands still for ever, so those after it never start");
    problems.require(n_played == scans.len(), line, &problem);
}

fn scan(raw: &Spanned<RawScan>, problems: &mut Problems) -> Scan {
    let line = raw.referenced.line();
    let raw = &raw.value;
    let takes = raw.takes.0;
    problems.require(!takes.is_zero(), line, "takes must be more than 0s");
    let n_images = u64::from(raw.local_images) + u64::from(raw.registry_images);
    problems.require(
        u64::from(raw.risk_images) <= n_images,
        line,
        "there are more risk_images than images",
    );
    problems.require(
        n_images > 0,
        line,
        "local_images or registry_images must be more than 0",
    );
    let mut part = |percent: f64, key: &str| {
        let is_part = percent > 0.0 && percent < 100.0;
        problems.require(
            is_part,
            line,
            &format!("{key} must lie between 0 and 100 percent"),
        );
        takes.mul_f64(if is_part { percent / 100.0 } else { 0.0 })
    };
    let stall = raw.stall.as_ref().map(|stall| Stall {
        after: part(stall.at, "stall.at"),
        lasts: stall.r#for.map(|lasts| lasts.0),
    });
    let canceled_after = raw.cancel_at.map(|percent| part(percent, "cancel_at"));
    Scan {
        takes,
        pause: raw.pause.0,
        stall,
        canceled_after,
        counts: counts(raw),
    }
}

fn counts(raw: &RawScan) -> Counts {
    Counts {
        local_images: raw.local_images,
        registry_images: raw.registry_images,
        local_vulnerabilities: raw.local_vulnerabilities,
        registry_vulnerabilities: raw.registry_vulnerabilities,
        ignored_vulnerabilities: raw.ignored_vulnerabilities,
        risk_images: raw.risk_images,
    }
}

pub(super) fn failure(raw: &Spanned<RawFailure>, problems: &mut Problems) -> Option<Failure> {
    let line = raw.referenced.line();
    let raw = &raw.value;
    let code = ErrorCode::find(&raw.code);
    problems.require(
        code.is_some(),
        line,
        &format!("{:?} is no error code of the API", raw.code),
    );
    let is_fraction = raw.fraction > 0.0 && raw.fraction <= 1.0;
    problems.require(
        is_fraction,
        line,
        "fraction must be more than 0 and at most 1",
    );
    let (lasts, every) = (raw.r#for.map(|span| span.0), raw.every.map(|span| span.0));
    let repeats = every.is_none_or(|every| lasts.is_some_and(|lasts| lasts < every));
    problems.require(repeats, line, "every needs a for that is shorter");
    Some(Failure {
        code: code?,
        fraction: raw.fraction,
        from: raw.from.0,
        lasts,
        every,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: &str = "identities:\n  - {name: a, secret_id: AKIDa, secret_key: hunter2";

    fn problems(rest: &str) -> String {
        parse(&format!("{IDENTITY}{rest}")).unwrap_err().join("\n")
    }

    #[test]
    fn an_identity_needs_only_a_name_and_keys() {
        let scenario = parse(&format!("{IDENTITY}}}")).unwrap();
        assert_eq!(scenario.requests_per_second, 20);
        assert_eq!(scenario.identities[0].timeline.scans, []);
    }

    #[test]
    fn every_problem_is_reported_at_once_with_its_line() {
        let text = "identities:
  - name: a
    secret_id: AKIDa
    secret_key: hunter2
    starts_in: 1m
    started_ago: 1m
    scans:
      - takes: 0s
        local_images: 3
        risk_images: 4
        cancel_at: 100
      - takes: 1m
    failures:
      - code: NoSuchCode
        fraction: 2
      - {code: InternalError, every: 1m}
  - {name: a, secret_id: AKIDa, secret_key: ''}
";
        let expected = [
            "line 2: starts_in and started_ago exclude each other",
            "line 8: takes must be more than 0s",
            "line 8: there are more risk_images than images",
            "line 8: cancel_at must lie between 0 and 100 percent",
            "line 12: local_images or registry_images must be more than 0",
            "line 14: \"NoSuchCode\" is no error code of the API",
            "line 14: fraction must be more than 0 and at most 1",
            "line 16: every needs a for that is shorter",
            "line 17: there is another identity named \"a\"",
            "line 17: \"a\" has the secret_id of another identity",
            "line 17: \"a\" needs secret_id and secret_key, or a role",
        ];
        assert_eq!(parse(text).unwrap_err(), expected);
    }

    #[test]
    fn a_scan_after_one_that_never_ends_is_a_problem() {
        let scans = ", scans: [{takes: 1m, local_images: 1, stall: {at: 40}}, {takes: 1m, local_images: 1}]}";
        assert_eq!(
            problems(scans),
            "line 2: scan 1 stands still for ever, so those after it never start"
        );
    }

    #[test]
    fn a_file_of_another_shape_is_one_problem_with_its_line_and_no_secret() {
        let cases = [
            (", colour: red}", "colour"),
            (
                ", latency: soon}",
                "\"soon\" is no duration such as 90s or 5m",
            ),
            (", starts_in: 10years}", "\"10years\" is longer than a year"),
            (", scans: 3}", "line 2"),
            ("", "line"),
        ];
        for (rest, expected) in cases {
            let problem = problems(rest);
            assert!(
                problem.contains(expected) && problem.contains("line"),
                "{problem}"
            );
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn no_problem_repeats_a_secret_whatever_is_wrong_with_the_file() {
        for key in [
            "[hunter2]",
            "{hunter2: 1}",
            "!!int hunter2",
            "\"hunter2",
            "hunter2: x",
            "*hunter2",
            "hunter2\n   x: 1",
        ] {
            let text = format!(
                "identities:\n  - name: a\n    secret_id: AKIDa\n    secret_key: {key}\n    latency: x\n"
            );
            let problem = parse(&text).unwrap_err().join("\n");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn a_scenario_without_identities_is_a_problem() {
        assert_eq!(
            parse("identities: []").unwrap_err(),
            ["identities: there must be one at least"]
        );
    }
}
