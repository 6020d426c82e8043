//! The scenario file: reads it, and reports everything that is wrong at once.

use std::{collections::HashSet, path::Path, time::Duration};

use super::{
    IdentityKeys, Scenario, ScriptedFailure, SimulatedAssets, SimulatedIdentity, SimulatedLicence,
    TaskIds,
};
use crate::{
    signer::{Credentials, Secret},
    simulator::{
        ErrorCode,
        actions::SimulatedAction,
        organization::CALLER_IDENTITY,
        scan::{ScanCounts, ScanPlay, Stall, Timeline},
    },
    yaml::{
        MapReader, Origin, Problem, Problems, Setting, ValueReader, YamlFile, read_file, scalar,
    },
};

/// Keeps every date within the range that can be written, at any speed.
const MAX_DURATION: Duration = Duration::from_hours(366 * 24);
const DOCUMENTED_LIMIT: u32 = 20;
const LICENCE_EXPIRES_IN: Duration = Duration::from_hours(90 * 24);
const LICENSED_IMAGES: u32 = 1_000;
const VUL_LIBRARY_AGE: Duration = Duration::from_hours(6);
const ASSETS: SimulatedAssets = SimulatedAssets {
    hosts: 12,
    hosts_without_agent: 0,
    containers: 240,
    clusters: 2,
    unscanned_images: 0,
    failed_images: 0,
    malware: 0,
};
const FIRST_LOCAL_TASK_ID: u32 = 1001;
const FIRST_REGISTRY_TASK_ID: u32 = 2001;

pub(super) fn load(file: &Path) -> Result<Scenario, Problems> {
    ScenarioReader::default().finish(read(file))
}

fn read(file: &Path) -> Result<YamlFile, Problem> {
    let bytes = read_file(file, 0)?;
    YamlFile::parse(file, 0, bytes)
}

pub(super) fn parse(text: &str) -> Result<Scenario, Problems> {
    let document = YamlFile::parse(Path::new("scenario.yml"), 0, text.into());
    ScenarioReader::default().finish(document)
}

/// How an image scan may end, unless it is canceled; the first is the default.
const IMAGE_SCAN_RESULTS: [&str; 3] = ["Success", "Timeout", "Error"];

/// Reads a scenario, and remembers what no two identities may share.
#[derive(Default)]
pub(super) struct ScenarioReader {
    pub(super) problems: Vec<Problem>,
    pub(super) names: HashSet<String>,
    secret_ids: HashSet<String>,
    pub(super) arns: HashSet<String>,
    pub(super) has_machine_role: bool,
    /// Names of identities that may assume roles. They may be defined before or after the role.
    pub(super) assumers: Vec<Setting<String>>,
}

impl ScenarioReader {
    fn finish(&mut self, document: Result<YamlFile, Problem>) -> Result<Scenario, Problems> {
        let mut scenario = Scenario {
            seed: 0,
            requests_per_second: DOCUMENTED_LIMIT as usize,
            identities: Vec::new(),
            organization: None,
        };
        match document {
            Ok(document) => self.scenario(document.value(), &mut scenario),
            Err(problem) => self.problems.push(problem),
        }
        Problems::none_of(std::mem::take(&mut self.problems))?;
        Ok(scenario)
    }

    fn scenario(&mut self, value: ValueReader<'_>, scenario: &mut Scenario) {
        let Some(map) = value.as_map(&mut self.problems) else {
            return;
        };
        scenario.seed = self.optional(&map, "seed", 0, scalar::integer);
        let limit = self.optional(&map, "requests_per_second", DOCUMENTED_LIMIT, positive);
        scenario.requests_per_second = limit as usize;
        let n_problems = self.problems.len();
        if let Some(list) = map.at("identities") {
            for item in list.items(&mut self.problems) {
                scenario.identities.extend(self.identity(item));
            }
        }
        // Identities that could not be read are reported already.
        if scenario.identities.is_empty() && self.problems.len() == n_problems {
            let missing = "has no identities, expected at least one";
            self.problems.push(map.problem(missing));
        }
        if let Some(organization) = map.at("organization") {
            self.organization(organization, scenario);
        }
        // Now that all names are known.
        for Setting { value, origin } in std::mem::take(&mut self.assumers) {
            let Some(name) = value else { continue };
            if !self.names.contains(&name) {
                let problem = origin.problem(format!("there is no identity named {name:?}"));
                self.problems.push(problem);
            }
        }
        map.finish(&mut self.problems);
    }

    fn identity(&mut self, value: ValueReader<'_>) -> Option<SimulatedIdentity> {
        let map = value.as_map(&mut self.problems)?;
        let name = self.name(&map);
        let keys = self.keys(&map);
        let uin = self.given(&map, "uin", scalar::integer);
        let scans = self.scans(&map);
        let repeat = self.optional(&map, "repeat", true, scalar::boolean);
        let starts_in = self.optional(&map, "starts_in", Duration::ZERO, duration);
        let started_ago = self.optional(&map, "started_ago", Duration::ZERO, duration);
        let first_task_ids = TaskIds {
            local: self
                .optional(&map, "first_local_task_id", FIRST_LOCAL_TASK_ID, positive)
                .into(),
            registry: self
                .optional(
                    &map,
                    "first_registry_task_id",
                    FIRST_REGISTRY_TASK_ID,
                    positive,
                )
                .into(),
        };
        let licence = self.licence(&map);
        let assets = self.assets(&map);
        let has_scheduled_scans = self.optional(&map, "scheduled_scans", true, scalar::boolean);
        let vul_library_age = self.optional(&map, "vul_library_age", VUL_LIBRARY_AGE, duration);
        let failures = self.failures(&map, true);
        let latency = self.optional(&map, "latency", Duration::ZERO, duration);
        let latency_jitter = self.optional(&map, "latency_jitter", Duration::ZERO, duration);
        // They are two directions of the same offset.
        if !starts_in.is_zero() && !started_ago.is_zero() {
            let both = "has both starts_in and started_ago, expected one of them";
            self.problems.push(map.problem(both));
        }
        map.finish(&mut self.problems);
        Some(SimulatedIdentity {
            name: name?,
            keys: keys?,
            uin,
            timeline: Timeline { scans, repeat },
            starts_in,
            started_ago,
            first_task_ids,
            licence,
            assets,
            has_scheduled_scans,
            vul_library_age,
            failures,
            latency,
            latency_jitter,
        })
    }

    fn name(&mut self, map: &MapReader<'_>) -> Option<String> {
        let Setting { value, origin } = self.required(map, "name", "prod", scalar::owned_text)?;
        let name = value?;
        if name.is_empty() {
            self.problems.push(origin.problem("is empty"));
        } else if !self.names.insert(name.clone()) {
            self.problems
                .push(origin.problem(format!("{name:?} is already used")));
        }
        Some(name)
    }

    fn keys(&mut self, map: &MapReader<'_>) -> Option<IdentityKeys> {
        let secret_id = map.read("secret_id", &mut self.problems, scalar::owned_text);
        let secret_key = map.read("secret_key", &mut self.problems, scalar::owned_text);
        let token = map.read("token", &mut self.problems, scalar::owned_text);
        if let Some(role) = map.at("role") {
            if secret_id.is_some() || secret_key.is_some() || token.is_some() {
                let both = "has a role and keys of its own, expected one of them";
                self.problems.push(map.problem(both));
            }
            return Some(IdentityKeys::Role(self.role(role)?));
        }
        let (Some(id), Some(key)) = (secret_id, secret_key) else {
            let missing = "has neither a role nor both secret_id and secret_key";
            self.problems.push(map.problem(missing));
            return None;
        };
        for Setting { value, origin } in [&id, &key] {
            if value.as_ref().is_some_and(String::is_empty) {
                self.problems.push(origin.problem("is empty"));
            }
        }
        let secret_id = id.value?;
        if !secret_id.is_empty() && !self.secret_ids.insert(secret_id.clone()) {
            let problem = id.origin.problem("is already used by another identity");
            self.problems.push(problem);
        }
        let mut secret_token = None;
        if let Some(token) = token
            && let Some(token) = token.value
        {
            secret_token = Some(Secret::new(token));
        }
        Some(IdentityKeys::Known(Credentials {
            secret_id,
            secret_key: Secret::new(key.value?),
            token: secret_token,
        }))
    }

    pub(super) fn scans(&mut self, map: &MapReader<'_>) -> Vec<ScanPlay> {
        let mut scans = Vec::new();
        let Some(list) = map.at("scans") else {
            return scans;
        };
        let items = list.items(&mut self.problems);
        for (index, item) in items.iter().enumerate() {
            let Some(scan) = self.scan(*item) else {
                continue;
            };
            if scan.length().is_none() && index + 1 < items.len() {
                let stalled = "stalls without an end, so the scans after it never start";
                self.problems.push(item.problem(stalled));
            }
            scans.push(scan);
        }
        scans
    }

    fn scan(&mut self, value: ValueReader<'_>) -> Option<ScanPlay> {
        let map = value.as_map(&mut self.problems)?;
        let takes = self.required(&map, "takes", "20m", positive_duration);
        let pause = self.optional(&map, "pause", Duration::ZERO, duration);
        let mut stall_at = None;
        let mut stall_for = None;
        if let Some(stall) = map.at("stall")
            && let Some(stall) = stall.as_map(&mut self.problems)
        {
            stall_at = self.required(&stall, "at", "35", percent);
            stall_for = self.given(&stall, "for", duration);
            stall.finish(&mut self.problems);
        }
        let cancel_at = self.given(&map, "cancel_at", percent);
        let counts = self.counts(&map);
        let image_scan_result = self.optional(
            &map,
            "image_scan_result",
            IMAGE_SCAN_RESULTS[0],
            image_scan_result,
        );
        map.finish(&mut self.problems);
        // Only now may a missing value end the reading: everything else has been checked.
        let takes = takes?.value?;
        let mut scan = ScanPlay {
            takes,
            pause,
            stall: None,
            canceled_after: None,
            counts,
            image_scan_result,
        };
        if let Some(at) = stall_at {
            scan.stall = Some(Stall {
                after: takes.mul_f64(at.value? / 100.0),
                lasts: stall_for,
            });
        }
        if let Some(percent) = cancel_at {
            scan.canceled_after = Some(takes.mul_f64(percent / 100.0));
        }
        Some(scan)
    }

    fn counts(&mut self, map: &MapReader<'_>) -> ScanCounts {
        let counts = ScanCounts {
            local_images: self.count(map, "local_images"),
            registry_images: self.count(map, "registry_images"),
            local_vulnerabilities: self.count(map, "local_vulnerabilities"),
            registry_vulnerabilities: self.count(map, "registry_vulnerabilities"),
            ignored_vulnerabilities: self.count(map, "ignored_vulnerabilities"),
            risk_images: self.count(map, "risk_images"),
        };
        let n_images = u64::from(counts.local_images) + u64::from(counts.registry_images);
        if n_images == 0 {
            let none = "has no images, set local_images or registry_images to more than 0";
            self.problems.push(map.problem(none));
        }
        if u64::from(counts.risk_images) > n_images {
            self.problems
                .push(map.problem("has more risk_images than images"));
        }
        counts
    }

    fn count(&mut self, map: &MapReader<'_>, key: &'static str) -> u32 {
        self.optional(map, key, 0, whole)
    }

    pub(super) fn licence(&mut self, map: &MapReader<'_>) -> SimulatedLicence {
        let mut licence = SimulatedLicence {
            expires_in: LICENCE_EXPIRES_IN,
            images: LICENSED_IMAGES,
        };
        if let Some(value) = map.at("licence")
            && let Some(map) = value.as_map(&mut self.problems)
        {
            licence.expires_in = self.optional(&map, "expires_in", licence.expires_in, duration);
            licence.images = self.optional(&map, "images", licence.images, whole);
            map.finish(&mut self.problems);
        }
        licence
    }

    pub(super) fn assets(&mut self, map: &MapReader<'_>) -> SimulatedAssets {
        let mut assets = ASSETS;
        if let Some(value) = map.at("assets")
            && let Some(map) = value.as_map(&mut self.problems)
        {
            assets = SimulatedAssets {
                hosts: self.optional(&map, "hosts", ASSETS.hosts, whole),
                hosts_without_agent: self.count(&map, "hosts_without_agent"),
                containers: self.optional(&map, "containers", ASSETS.containers, whole),
                clusters: self.optional(&map, "clusters", ASSETS.clusters, whole),
                unscanned_images: self.count(&map, "unscanned_images"),
                failed_images: self.count(&map, "failed_images"),
                malware: self.count(&map, "malware"),
            };
            map.finish(&mut self.problems);
        }
        assets
    }

    /// Only failures of the API can be those of one action.
    pub(super) fn failures(
        &mut self,
        map: &MapReader<'_>,
        has_actions: bool,
    ) -> Vec<ScriptedFailure> {
        let mut failures = Vec::new();
        if let Some(list) = map.at("failures") {
            for item in list.items(&mut self.problems) {
                failures.extend(self.failure(item, has_actions));
            }
        }
        failures
    }

    pub(super) fn failure(
        &mut self,
        value: ValueReader<'_>,
        has_actions: bool,
    ) -> Option<ScriptedFailure> {
        let map = value.as_map(&mut self.problems)?;
        let code = self.required(&map, "code", "InternalError", error_code);
        let mut action = None;
        if has_actions {
            action = self.given(&map, "action", action_name);
        }
        let fraction = self.optional(&map, "fraction", 1.0, fraction);
        let from = self.optional(&map, "from", Duration::ZERO, duration);
        let lasts = self.given(&map, "for", duration);
        let every = self.given(&map, "every", duration);
        if let Some(every) = every
            // Otherwise the failure would never pause, and `every` would have no effect.
            && lasts.is_none_or(|lasts| lasts >= every)
        {
            let problem = map.problem("has every without a shorter for");
            self.problems.push(problem);
        }
        map.finish(&mut self.problems);
        Some(ScriptedFailure {
            code: code?.value?,
            action,
            fraction,
            from,
            lasts,
            every,
        })
    }

    /// The value of a key, or `default` where it is absent. One that cannot be read is reported.
    pub(super) fn optional<T>(
        &mut self,
        map: &MapReader<'_>,
        key: &'static str,
        default: T,
        read: fn(ValueReader<'_>) -> Result<T, String>,
    ) -> T {
        self.given(map, key, read).unwrap_or(default)
    }

    pub(super) fn given<T>(
        &mut self,
        map: &MapReader<'_>,
        key: &'static str,
        read: fn(ValueReader<'_>) -> Result<T, String>,
    ) -> Option<T> {
        map.read(key, &mut self.problems, read)?.value
    }

    pub(super) fn required<T>(
        &mut self,
        map: &MapReader<'_>,
        key: &'static str,
        example: &str,
        read: fn(ValueReader<'_>) -> Result<T, String>,
    ) -> Option<Setting<T>> {
        let setting = map.read(key, &mut self.problems, read);
        if setting.is_none() {
            let missing = format!("has no {key}; add one, for example {key}: {example}");
            self.problems.push(map.problem(missing));
        }
        setting
    }

    /// Reports a value that is given twice in the file.
    pub(super) fn report(&mut self, origin: &Origin, message: &str) {
        self.problems.push(origin.problem(message));
    }
}

/// At most a year.
pub(super) fn duration(value: ValueReader<'_>) -> Result<Duration, String> {
    let duration = scalar::duration(value)?;
    if duration > MAX_DURATION {
        return Err(format!("{} is longer than a year", value.source()));
    }
    Ok(duration)
}

fn positive_duration(value: ValueReader<'_>) -> Result<Duration, String> {
    let duration = duration(value)?;
    if duration.is_zero() {
        return Err("must be longer than 0s".into());
    }
    Ok(duration)
}

fn whole(value: ValueReader<'_>) -> Result<u32, String> {
    let number = scalar::integer(value)?;
    let Ok(whole) = u32::try_from(number) else {
        return Err(format!(
            "{number} is too large, must be at most {}",
            u32::MAX
        ));
    };
    Ok(whole)
}

fn positive(value: ValueReader<'_>) -> Result<u32, String> {
    match whole(value)? {
        0 => Err("must be more than 0".into()),
        number => Ok(number),
    }
}

fn percent(value: ValueReader<'_>) -> Result<f64, String> {
    let percent = scalar::number(value)?;
    if percent > 0.0 && percent < 100.0 {
        return Ok(percent);
    }
    Err("must be more than 0 and less than 100 percent".into())
}

fn fraction(value: ValueReader<'_>) -> Result<f64, String> {
    let fraction = scalar::number(value)?;
    if fraction > 0.0 && fraction <= 1.0 {
        return Ok(fraction);
    }
    Err("must be more than 0 and at most 1".into())
}

fn image_scan_result(value: ValueReader<'_>) -> Result<&'static str, String> {
    let text = scalar::text(value)?;
    match IMAGE_SCAN_RESULTS
        .into_iter()
        .find(|result| *result == text)
    {
        Some(result) => Ok(result),
        None => Err(format!(
            "{text:?} is not a result of an image scan, expected {}",
            IMAGE_SCAN_RESULTS.join(", ")
        )),
    }
}

fn action_name(value: ValueReader<'_>) -> Result<&'static str, String> {
    let name = scalar::text(value)?;
    if name == CALLER_IDENTITY {
        return Ok(CALLER_IDENTITY);
    }
    match SimulatedAction::find(name) {
        Some(action) => Ok(action.name),
        None => Err(format!("{name:?} is not an action of the simulated API")),
    }
}

fn error_code(value: ValueReader<'_>) -> Result<&'static ErrorCode, String> {
    let code = scalar::text(value)?;
    // A typing error would otherwise look like an error that the exporter does not know.
    let Some(known) = ErrorCode::find(code) else {
        return Err(format!("{code:?} is not an error code of the API"));
    };
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: &str = "identities:\n  - {name: a, secret_id: AKIDa, secret_key: hunter2";

    fn problems(rest: &str) -> String {
        let text = format!("{IDENTITY}{rest}");
        parse(&text).unwrap_err().to_string()
    }

    #[test]
    fn an_identity_needs_only_a_name_and_keys() {
        let scenario = parse(&format!("{IDENTITY}}}")).unwrap();
        assert_eq!(scenario.requests_per_second, 20);
        assert_eq!(scenario.identities[0].timeline.scans, []);
    }

    #[test]
    fn every_problem_is_reported_at_once_with_its_line_and_key() {
        let text = "seed: -1
identities:
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
      - local_image: 1
    failures:
      - code: NoSuchCode
        fraction: 2
      - {code: InternalError, every: 1m}
  - {name: a, secret_id: AKIDa, secret_key: ''}
  - {secret_id: AKIDb, latency: soon, colour: red}
requests_per_second: 0
";
        let expected = "\
scenario.yml:1: seed: -1 is not a whole number, expected digits only
scenario.yml:3: identities[0]: has both starts_in and started_ago, expected one of them
scenario.yml:9: identities[0].scans[0]: has more risk_images than images
scenario.yml:9: identities[0].scans[0].takes: must be longer than 0s
scenario.yml:12: identities[0].scans[0].cancel_at: must be more than 0 and less than 100 percent
scenario.yml:13: identities[0].scans[1]: has no images, set local_images or registry_images to more than 0
scenario.yml:14: identities[0].scans[2]: has no images, set local_images or registry_images to more than 0
scenario.yml:14: identities[0].scans[2]: has no takes; add one, for example takes: 20m
scenario.yml:14: identities[0].scans[2].local_image: unknown key, did you mean local_images?
scenario.yml:16: identities[0].failures[0].code: \"NoSuchCode\" is not an error code of the API
scenario.yml:17: identities[0].failures[0].fraction: must be more than 0 and at most 1
scenario.yml:18: identities[0].failures[1]: has every without a shorter for
scenario.yml:19: identities[1].name: \"a\" is already used
scenario.yml:19: identities[1].secret_id: is already used by another identity
scenario.yml:19: identities[1].secret_key: is empty
scenario.yml:20: identities[2]: has neither a role nor both secret_id and secret_key
scenario.yml:20: identities[2]: has no name; add one, for example name: prod
scenario.yml:20: identities[2].colour: unknown key, known keys: name, secret_id, secret_key, token, role, uin, \
scans, repeat, starts_in, started_ago, first_local_task_id, first_registry_task_id, licence, assets, scheduled_scans, vul_library_age, failures, latency, latency_jitter
scenario.yml:20: identities[2].latency: \"soon\" is not a valid duration (expected number at 0), expected for \
example 30s, 5m or 1h
scenario.yml:21: requests_per_second: must be more than 0";
        assert_eq!(parse(text).unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_scan_after_one_that_never_ends_is_a_problem() {
        let scans = ", scans: [{takes: 1m, local_images: 1, stall: {at: 40}}, {takes: 1m, local_images: 1}]}";
        assert_eq!(
            problems(scans),
            "scenario.yml:2: identities[0].scans[0]: stalls without an end, so the scans after it never start"
        );
    }

    #[test]
    fn a_value_of_another_shape_is_reported_with_its_line() {
        for (rest, expected) in [
            (
                ", starts_in: 3650d}",
                "2: identities[0].starts_in: 3650d is longer than a year",
            ),
            (
                ", scans: 3}",
                "2: identities[0].scans: is a number, expected a list",
            ),
            (
                ", scans: [{takes: 1m, local_images: 1, stall: 3}]}",
                "2: identities[0].scans[0].stall: is a number",
            ),
            ("", "2: is not valid YAML"),
        ] {
            let problem = problems(rest);
            assert!(
                problem.starts_with(&format!("scenario.yml:{expected}")),
                "{problem}"
            );
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn no_problem_with_a_file_repeats_a_secret() {
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
            let problem = parse(&text).unwrap_err().to_string();
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn a_scenario_without_identities_is_a_problem() {
        let missing = "scenario.yml:1: has no identities, expected at least one";
        assert_eq!(parse("identities: []").unwrap_err().to_string(), missing);
    }
}
