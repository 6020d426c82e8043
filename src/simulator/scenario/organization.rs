//! The organization: units, members, and what happens to them.

use std::{collections::BTreeMap, time::Duration};

use super::{
    IdentityKeys, Scenario, ScriptedFailure, SimulatedAssets, SimulatedIdentity, SimulatedLicence,
    SimulatedRole, Speed, TaskIds,
    file::{ScenarioReader, duration},
};
use crate::{
    simulator::scan::Timeline,
    yaml::{MapReader, Setting, ValueReader, scalar},
};

const DEFAULT_UIN: u64 = 100_000_000_000;
const ROOT_UNIT: u64 = 1001;
const DEFAULT_ROLE: &str = "tcss-exporter";
/// More would only take memory.
const MAX_MEMBERS: u32 = 20_000;

/// An organization, as its management account sees it.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::simulator) struct SimulatedOrganization {
    /// The name of the identity that may list the members.
    pub(in crate::simulator) manager: String,
    /// Of the management account.
    pub(in crate::simulator) uin: u64,
    pub(in crate::simulator) units: Vec<SimulatedUnit>,
    pub(in crate::simulator) members: Vec<SimulatedMember>,
    /// When the list is read.
    pub(in crate::simulator) failures: Vec<ScriptedFailure>,
    /// While it lasts, the totals of two answers in a row differ.
    pub(in crate::simulator) moving_total: Option<TimeSpan>,
    /// While it lasts, the list has only so many members, and says that it is complete.
    pub(in crate::simulator) cut: Option<(TimeSpan, u32)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::simulator) struct SimulatedUnit {
    pub(in crate::simulator) id: u64,
    pub(in crate::simulator) name: String,
    /// 0 for the root.
    pub(in crate::simulator) parent: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::simulator) struct SimulatedMember {
    pub(in crate::simulator) uin: u64,
    /// `None`: it has none.
    pub(in crate::simulator) role: Option<String>,
    joins: Duration,
    leaves: Option<Duration>,
    returns: Option<Duration>,
    first: MemberDetails,
    /// In the order of their times.
    changes: Vec<(Duration, MemberDetails)>,
}

/// What can change.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::simulator) struct MemberDetails {
    pub(in crate::simulator) name: String,
    pub(in crate::simulator) unit: u64,
    pub(in crate::simulator) tags: BTreeMap<String, String>,
}

/// A time since the start of the simulator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::simulator) struct TimeSpan {
    from: Duration,
    lasts: Option<Duration>,
}

impl TimeSpan {
    pub(in crate::simulator) fn contains(self, elapsed: Duration) -> bool {
        match elapsed.checked_sub(self.from) {
            Some(into) => self.lasts.is_none_or(|lasts| into < lasts),
            None => false,
        }
    }

    fn at_speed(self, speed: Speed) -> TimeSpan {
        TimeSpan {
            from: speed.scale(self.from),
            lasts: self.lasts.map(|lasts| speed.scale(lasts)),
        }
    }
}

impl SimulatedMember {
    /// The member `elapsed` after the start, and the number of its changes so far; `None` while it
    /// does not belong to the organization.
    pub(in crate::simulator) fn at(&self, elapsed: Duration) -> Option<(&MemberDetails, usize)> {
        let has_left = self.leaves.is_some_and(|leaves| elapsed >= leaves);
        let is_back = self.returns.is_some_and(|returns| elapsed >= returns);
        if elapsed < self.joins || (has_left && !is_back) {
            return None;
        }
        let mut details = (&self.first, 0);
        for (index, (at, changed)) in self.changes.iter().enumerate() {
            if elapsed >= *at {
                details = (changed, index + 1);
            }
        }
        Some(details)
    }

    fn at_speed(&self, speed: Speed) -> SimulatedMember {
        let mut member = self.clone();
        member.joins = speed.scale(member.joins);
        member.leaves = member.leaves.map(|at| speed.scale(at));
        member.returns = member.returns.map(|at| speed.scale(at));
        for (at, _) in &mut member.changes {
            *at = speed.scale(*at);
        }
        member
    }
}

impl SimulatedOrganization {
    pub(super) fn at_speed(&self, speed: Speed) -> SimulatedOrganization {
        let mut organization = self.clone();
        for member in &mut organization.members {
            *member = member.at_speed(speed);
        }
        for failure in &mut organization.failures {
            *failure = failure.at_speed(speed);
        }
        organization.moving_total = organization.moving_total.map(|span| span.at_speed(speed));
        organization.cut = organization
            .cut
            .map(|(span, to)| (span.at_speed(speed), to));
        organization
    }
}

/// What all members have in common.
struct MemberDefaults {
    manager: String,
    role: String,
    external_id: Option<String>,
    token_lifetime: Option<Duration>,
    timeline: Timeline,
    started_ago: Duration,
    latency: Duration,
    licence: SimulatedLicence,
    assets: SimulatedAssets,
}

impl ScenarioReader {
    /// Reads the organization, and adds an identity for each member that has the role.
    pub(super) fn organization(&mut self, value: ValueReader<'_>, scenario: &mut Scenario) {
        let Some(map) = value.as_map(&mut self.problems) else {
            return;
        };
        let manager = self.required(&map, "manager", "base", scalar::owned_text);
        let mut manager_name = String::new();
        if let Some(manager) = manager {
            manager_name = manager.value.clone().unwrap_or_default();
            // Whether there is such an identity is checked when all of them are known.
            self.assumers.push(manager);
        }
        let defaults = MemberDefaults {
            manager: manager_name.clone(),
            role: self.optional(&map, "role", DEFAULT_ROLE.to_owned(), scalar::owned_text),
            external_id: self.given(&map, "external_id", scalar::owned_text),
            token_lifetime: self.given(&map, "token_lifetime", duration),
            timeline: Timeline {
                scans: self.scans(&map),
                repeat: self.optional(&map, "repeat", true, scalar::boolean),
            },
            started_ago: self.optional(&map, "started_ago", Duration::ZERO, duration),
            latency: self.optional(&map, "latency", Duration::ZERO, duration),
            licence: self.licence(&map),
            assets: self.assets(&map),
        };
        let mut organization = SimulatedOrganization {
            manager: manager_name,
            uin: self.optional(&map, "uin", DEFAULT_UIN, scalar::integer),
            units: self.units(&map),
            members: Vec::new(),
            failures: self.failures(&map, false),
            moving_total: None,
            cut: None,
        };
        if let Some(span) = map.at("moving_total") {
            organization.moving_total = self.time_span(span).map(|(span, _)| span);
        }
        if let Some(cut) = map.at("cut") {
            organization.cut = self.time_span(cut);
        }
        if let Some(list) = map.at("members") {
            for item in list.items(&mut self.problems) {
                self.member(item, &defaults, &mut organization, scenario);
            }
        }
        if let Some(generated) = map.at("generate") {
            self.generate(generated, &defaults, &mut organization, scenario);
        }
        map.finish(&mut self.problems);
        scenario.organization = Some(organization);
    }

    fn units(&mut self, map: &MapReader<'_>) -> Vec<SimulatedUnit> {
        let mut units = vec![SimulatedUnit {
            id: ROOT_UNIT,
            name: "Root".into(),
            parent: 0,
        }];
        let Some(list) = map.at("nodes") else {
            return units;
        };
        for item in list.items(&mut self.problems) {
            let Some(node) = item.as_map(&mut self.problems) else {
                continue;
            };
            let id = self.required(&node, "id", "1002", scalar::integer);
            let name = self.required(&node, "name", "shop", scalar::owned_text);
            let parent = self.optional(&node, "parent", ROOT_UNIT, scalar::integer);
            node.finish(&mut self.problems);
            if let (
                Some(Setting {
                    value: Some(id), ..
                }),
                Some(Setting {
                    value: Some(name), ..
                }),
            ) = (id, name)
            {
                units.push(SimulatedUnit { id, name, parent });
            }
        }
        units
    }

    /// A time, and to how many members the list is cut.
    fn time_span(&mut self, value: ValueReader<'_>) -> Option<(TimeSpan, u32)> {
        let map = value.as_map(&mut self.problems)?;
        let from = self.optional(&map, "from", Duration::ZERO, duration);
        let lasts = self.given(&map, "for", duration);
        let to = self.optional(&map, "to", 0, scalar::integer);
        map.finish(&mut self.problems);
        let to = u32::try_from(to).unwrap_or(u32::MAX);
        Some((TimeSpan { from, lasts }, to))
    }

    fn member(
        &mut self,
        item: ValueReader<'_>,
        defaults: &MemberDefaults,
        organization: &mut SimulatedOrganization,
        scenario: &mut Scenario,
    ) {
        let Some(map) = item.as_map(&mut self.problems) else {
            return;
        };
        let uin = self.required(&map, "uin", "100000000001", scalar::integer);
        let first = MemberDetails {
            name: self.optional(&map, "name", String::new(), scalar::owned_text),
            unit: self.optional(&map, "node", ROOT_UNIT, scalar::integer),
            tags: self.tags(&map),
        };
        let has_role = self.optional(&map, "has_role", true, scalar::boolean);
        let mut changes = Vec::new();
        if let Some(list) = map.at("changes") {
            // A change keeps what it does not name, so each one is based on the one before.
            let mut last = (Duration::ZERO, first.clone());
            for change in list.items(&mut self.problems) {
                if let Some(changed) = self.change(change, &last) {
                    last = changed.clone();
                    changes.push(changed);
                }
            }
        }
        let joins = self.optional(&map, "joins", Duration::ZERO, duration);
        let leaves = self.given(&map, "leaves", duration);
        let returns = self.given(&map, "returns", duration);
        let mut role_failures = Vec::new();
        if let Some(list) = map.at("role_failures") {
            for failure in list.items(&mut self.problems) {
                role_failures.extend(self.failure(failure, false));
            }
        }
        map.finish(&mut self.problems);
        let Some(Setting {
            value: Some(uin),
            origin,
        }) = uin
        else {
            return;
        };
        let member = SimulatedMember {
            uin,
            role: has_role.then(|| defaults.role.clone()),
            joins,
            leaves,
            returns,
            first,
            changes,
        };
        if !self.add_member(member, role_failures, defaults, organization, scenario) {
            self.report(&origin, "is already used by another member");
        }
    }

    fn change(
        &mut self,
        value: ValueReader<'_>,
        (last, before): &(Duration, MemberDetails),
    ) -> Option<(Duration, MemberDetails)> {
        let map = value.as_map(&mut self.problems)?;
        let at = self.required(&map, "at", "5m", duration);
        let mut details = before.clone();
        if let Some(name) = self.given(&map, "name", scalar::owned_text) {
            details.name = name;
        }
        if let Some(unit) = self.given(&map, "node", scalar::integer) {
            details.unit = unit;
        }
        if map.has("tags") {
            details.tags = self.tags(&map);
        }
        map.finish(&mut self.problems);
        let Setting { value, origin } = at?;
        let at = value?;
        if at < *last {
            self.report(
                &origin,
                "is before the previous change, expected changes in the order of their times",
            );
            return None;
        }
        Some((at, details))
    }

    fn tags(&mut self, map: &MapReader<'_>) -> BTreeMap<String, String> {
        let mut tags = BTreeMap::new();
        if let Some(value) = map.at("tags") {
            for (key, value) in value.entries(&mut self.problems) {
                let text = scalar::owned_text(value);
                let text = Setting::of(value.origin(), text, &mut self.problems);
                tags.insert(key.to_owned(), text.value.unwrap_or_default());
            }
        }
        tags
    }

    /// Members that differ only in their number.
    fn generate(
        &mut self,
        value: ValueReader<'_>,
        defaults: &MemberDefaults,
        organization: &mut SimulatedOrganization,
        scenario: &mut Scenario,
    ) {
        let Some(map) = value.as_map(&mut self.problems) else {
            return;
        };
        let count = self.required(&map, "count", "3000", scalar::integer);
        let first = self.optional(&map, "first_uin", DEFAULT_UIN + 1_000_001, scalar::integer);
        let without_role = self.optional(&map, "without_role", 0, scalar::integer);
        let unit = self.optional(&map, "node", ROOT_UNIT, scalar::integer);
        let tags = self.tags(&map);
        map.finish(&mut self.problems);
        let Some(Setting {
            value: Some(count),
            origin,
        }) = count
        else {
            return;
        };
        if count > MAX_MEMBERS.into() {
            let message = format!("is too large, must be at most {MAX_MEMBERS}");
            self.report(&origin, &message);
            return;
        }
        if first.checked_add(count).is_none() {
            self.report(&origin, "is too large for first_uin");
            return;
        }
        for n in 0..count {
            let member = SimulatedMember {
                uin: first + n,
                role: (n >= without_role).then(|| defaults.role.clone()),
                joins: Duration::ZERO,
                leaves: None,
                returns: None,
                first: MemberDetails {
                    name: format!("member-{n}"),
                    unit,
                    tags: tags.clone(),
                },
                changes: Vec::new(),
            };
            if !self.add_member(member, Vec::new(), defaults, organization, scenario) {
                self.report(&origin, "has a uin that is already used by another member");
                return;
            }
        }
    }

    /// False if another member or identity has its uin.
    fn add_member(
        &mut self,
        member: SimulatedMember,
        role_failures: Vec<ScriptedFailure>,
        defaults: &MemberDefaults,
        organization: &mut SimulatedOrganization,
        scenario: &mut Scenario,
    ) -> bool {
        // A member is an identity, too, and the names of identities are unique. A repeated uin is
        // found by this name.
        let name = format!("member-{}", member.uin);
        if !self.names.insert(name.clone()) {
            return false;
        }
        if let Some(role) = &member.role {
            let arn = format!("qcs::cam::uin/{}:roleName/{role}", member.uin);
            self.arns.insert(arn.clone());
            scenario.identities.push(SimulatedIdentity {
                name,
                keys: IdentityKeys::Role(SimulatedRole {
                    arn,
                    assumed_by: vec![defaults.manager.clone()],
                    external_id: defaults.external_id.clone(),
                    web_identity: None,
                    is_of_this_machine: false,
                    token_lifetime: defaults.token_lifetime,
                    failures: role_failures,
                    latency: Duration::ZERO,
                    latency_jitter: Duration::ZERO,
                }),
                uin: None,
                timeline: defaults.timeline.clone(),
                starts_in: Duration::ZERO,
                started_ago: defaults.started_ago,
                first_task_ids: TaskIds {
                    local: 1001,
                    registry: 2001,
                },
                licence: defaults.licence,
                assets: defaults.assets,
                has_scheduled_scans: true,
                vul_library_age: Duration::from_hours(1),
                failures: Vec::new(),
                latency: defaults.latency,
                latency_jitter: Duration::ZERO,
            });
        }
        organization.members.push(member);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_join_leave_return_and_change() {
        let text = "identities: [{name: base, secret_id: AKIDbase, secret_key: k}]
organization:
  manager: base
  members:
    - {uin: 1, name: a, joins: 1m, leaves: 3m, returns: 5m, changes: [{at: 2m, name: b}, {at: 6m, tags: {team: x}}]}
";
        let scenario = Scenario::parse(text).unwrap();
        let organization = scenario.organization.unwrap();
        let at = |minutes| {
            let member = organization.members[0].at(Duration::from_mins(minutes));
            member.map(|(details, n)| (details.name.clone(), details.tags.len(), n))
        };
        assert_eq!(at(0), None);
        assert_eq!(at(1), Some(("a".into(), 0, 0)));
        assert_eq!(at(2), Some(("b".into(), 0, 1)));
        assert_eq!(at(3), None);
        assert_eq!(at(5), Some(("b".into(), 0, 1)));
        assert_eq!(at(6), Some(("b".into(), 1, 2)));
        assert_eq!(scenario.identities[1].name, "member-1");
    }

    #[test]
    fn every_problem_of_an_organization_is_reported_with_its_line() {
        let text = "identities: [{name: base, secret_id: AKIDbase, secret_key: k}]
organization:
  manager: nobody
  nodes: [{id: 2}]
  members:
    - {uin: 1}
    - {uin: 1}
    - {name: x, changes: [{name: y}], colour: red}
    - {uin: 2, changes: [{at: 2m, name: y}, {at: 1m, name: z}]}
  generate: {count: 1000000}
";
        let expected = "\
scenario.yml:3: organization.manager: there is no identity named \"nobody\"
scenario.yml:4: organization.nodes[0]: has no name; add one, for example name: shop
scenario.yml:7: organization.members[1].uin: is already used by another member
scenario.yml:8: organization.members[2]: has no uin; add one, for example uin: 100000000001
scenario.yml:8: organization.members[2].changes[0]: has no at; add one, for example at: 5m
scenario.yml:8: organization.members[2].colour: unknown key, known keys: uin, name, node, tags, has_role, \
changes, joins, leaves, returns, role_failures
scenario.yml:9: organization.members[3].changes[1].at: is before the previous change, expected changes in the order \
of their times
scenario.yml:10: organization.generate.count: is too large, must be at most 20000";
        assert_eq!(Scenario::parse(text).unwrap_err().to_string(), expected);
        let text = format!(
            "identities: [{{name: base, secret_id: A, secret_key: k}}]\n\
             organization: {{manager: base, generate: {{count: 2, first_uin: {}}}}}",
            u64::MAX
        );
        let error = Scenario::parse(&text).unwrap_err().to_string();
        assert_eq!(
            error,
            "scenario.yml:2: organization.generate.count: is too large for first_uin"
        );
    }
}
