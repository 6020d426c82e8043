//! The organization's own actions, and `GetCallerIdentity` of STS.
//!
//! Source: requests of the official Python SDK for organization 2021-03-31, and
//! <https://cloud.tencent.com/document/api/850/67220>.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    Caller, Simulator,
    authorization::header,
    check_protocol, check_version, parameters,
    reply::{self, Reply, SimulatedError},
    scenario::{MemberDetails, SimulatedOrganization, SimulatedUnit},
    sts,
};
use crate::domain::Moment;

const SERVICE: &str = "organization";
const VERSION: &str = "2021-03-31";
const MAX_LIMIT: u64 = 50;
const MEMBERS: &str = "DescribeOrganizationMembers";
const NODES: &str = "DescribeOrganizationNodes";
const IDENTITIES: &str = "DescribeOrganizationMemberAuthIdentities";
const ORGANIZATION: &str = "DescribeOrganization";
pub(super) const CALLER_IDENTITY: &str = "GetCallerIdentity";
/// Each has a limit of its own.
pub(super) const ACTIONS: [&str; 5] = [MEMBERS, NODES, IDENTITIES, ORGANIZATION, CALLER_IDENTITY];

/// The action that a request names, if it is one of these.
pub(super) fn action_of(request: &Request<Bytes>) -> Option<&'static str> {
    let name = request.headers().get("X-TC-Action")?.to_str().ok()?;
    ACTIONS.into_iter().find(|action| *action == name)
}

/// The fields of an answer.
#[derive(Serialize)]
#[serde(transparent)]
struct OrganizationAnswer(Map<String, Value>);

impl Simulator {
    pub(super) fn organization(
        &self,
        request: &Request<Bytes>,
        action: &'static str,
        now: Moment,
    ) -> Reply {
        let caller = self.caller(request);
        let identity = match &caller {
            Ok(caller) => Some(caller.index),
            Err(_) => None,
        };
        let arrival = self.state().arrive(identity, action, now.monotonic);
        let mut delay = Duration::ZERO;
        if let Some(index) = identity {
            delay = self.scenario.identities[index].latency;
        }
        let outcome = match caller {
            Err(error) => Err(error),
            Ok(_) if arrival.n_in_a_second > self.scenario.requests_per_second => {
                Err("RequestLimitExceeded".into())
            }
            Ok(caller) => self.describe_organization(request, &caller, action, now, arrival.dice),
        };
        Reply {
            response: reply::envelope(outcome, arrival.request_id, request),
            delay,
        }
    }

    fn describe_organization(
        &self,
        request: &Request<Bytes>,
        caller: &Caller<'_>,
        action: &'static str,
        now: Moment,
        dice: f64,
    ) -> Result<OrganizationAnswer, SimulatedError> {
        check_protocol(request)?;
        if action == CALLER_IDENTITY {
            caller.verify(request, sts::SERVICE, now.wall)?;
            check_version(request, sts::VERSION)?;
            // STS requires a region, unlike the organization.
            header(request, "X-TC-Region")?;
            let failures = &self.scenario.identities[caller.index].failures;
            self.fail(failures, Some(action), now.wall, dice)?;
            return Ok(self.caller_identity(caller.index));
        }
        caller.verify(request, SERVICE, now.wall)?;
        check_version(request, VERSION)?;
        if request.method() != Method::POST {
            return Err("UnsupportedProtocol".into());
        }
        let Some(organization) = &self.scenario.organization else {
            return Err("ResourceNotFound.OrganizationNotExist".into());
        };
        // Only the management account and delegated administrators may list the members.
        if self.scenario.identities[caller.index].name != organization.manager {
            let message =
                format!("You are not authorized to perform operation (organization:{action})");
            return Err(SimulatedError::new("UnauthorizedOperation", message));
        }
        self.fail(&organization.failures, None, now.wall, dice)?;
        let parameters = parameters::from_json(request.body())?;
        let elapsed = self.elapsed(now.wall);
        match action {
            ORGANIZATION => Ok(describe(organization)),
            NODES => page(&organization.units, node, &parameters, &["Tags"], None),
            IDENTITIES => {
                let id = parameters.get("IdentityId").and_then(Value::as_u64);
                let Some(id) = id else {
                    return Err(parameters::missing("IdentityId"));
                };
                let items = identities(organization, elapsed);
                let item =
                    |(uin, role, name): &(u64, &str, &str)| identity_item(id, *uin, role, name);
                page(
                    &items,
                    item,
                    &parameters,
                    &["IdentityId", "MemberUin"],
                    None,
                )
            }
            _ => {
                let mut items = members(organization, elapsed);
                if let Some((span, to)) = organization.cut
                    && span.contains(elapsed)
                {
                    items.truncate(to as usize);
                }
                let mut total = None;
                if let Some(span) = organization.moving_total
                    && span.contains(elapsed)
                {
                    // The total changes from one request to the next.
                    let n_before = self.stats().arrivals;
                    total = Some(items.len() as u64 + n_before % 2);
                }
                let known = [
                    "Lang",
                    "SearchKey",
                    "AuthName",
                    "Product",
                    "Tags",
                    "NodeId",
                    "NodeName",
                ];
                page(
                    &items,
                    |item| member_item(organization, item),
                    &parameters,
                    &known,
                    total,
                )
            }
        }
    }

    fn caller_identity(&self, index: usize) -> OrganizationAnswer {
        let identity = &self.scenario.identities[index];
        let mut uin = match &self.scenario.organization {
            Some(organization) => organization.uin.to_string(),
            None => "100000000000".to_owned(),
        };
        if let Some(role) = identity.role()
            && let Some(rest) = role.arn.strip_prefix("qcs::cam::uin/")
        {
            rest.split(':')
                .next()
                .unwrap_or_default()
                .clone_into(&mut uin);
        }
        if let Some(own) = identity.uin {
            uin = own.to_string();
        }
        object(json!({
            "Arn": format!("qcs::cam::uin/{uin}:uin/{uin}"),
            "AccountId": uin,
            "UserId": uin,
            "PrincipalId": uin,
            "Type": "CAMUser",
        }))
    }
}

fn object(value: Value) -> OrganizationAnswer {
    match value {
        Value::Object(fields) => OrganizationAnswer(fields),
        _ => OrganizationAnswer(Map::new()),
    }
}

/// Items from `Offset` on, `Limit` at most.
fn page<T>(
    items: &[T],
    render: impl Fn(&T) -> Value,
    parameters: &Map<String, Value>,
    known: &[&str],
    total: Option<u64>,
) -> Result<OrganizationAnswer, SimulatedError> {
    for name in parameters.keys() {
        if !["Offset", "Limit"].contains(&name.as_str()) && !known.contains(&name.as_str()) {
            return Err(parameters::unknown(name));
        }
    }
    let number = |name: &str| -> Result<u64, SimulatedError> {
        match parameters.get(name) {
            None => Err(parameters::missing(name)),
            Some(value) => match value.as_u64() {
                Some(number) => Ok(number),
                None => Err(parameters::wrong_type(name, "an integer")),
            },
        }
    };
    let (offset, limit) = (number("Offset")?, number("Limit")?);
    // As documented: the offset is a multiple of the limit.
    if !(1..=MAX_LIMIT).contains(&limit) || offset % limit != 0 {
        return Err("InvalidParameter".into());
    }
    let total = total.unwrap_or(items.len() as u64);
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    // Only this page: an organization may have thousands of members.
    let items: Vec<Value> = items.iter().skip(start).take(limit).map(render).collect();
    Ok(object(json!({"Items": items, "Total": total})))
}

/// A member as it is now, and the number of its changes so far.
type PresentMember<'a> = (u64, &'a MemberDetails, usize);

fn members(organization: &SimulatedOrganization, elapsed: Duration) -> Vec<PresentMember<'_>> {
    let mut present = Vec::new();
    for member in &organization.members {
        if let Some((details, n_changes)) = member.at(elapsed) {
            present.push((member.uin, details, n_changes));
        }
    }
    present
}

fn member_item(organization: &SimulatedOrganization, member: &PresentMember<'_>) -> Value {
    let (uin, details, n_changes) = member;
    let mut unit_name = "";
    for unit in &organization.units {
        if unit.id == details.unit {
            unit_name = &unit.name;
        }
    }
    let mut tags = Vec::new();
    for (key, value) in &details.tags {
        tags.push(json!({"TagKey": key, "TagValue": value}));
    }
    json!({
        "MemberUin": uin,
        "Name": details.name,
        "MemberType": "Create",
        "OrgPolicyType": "Financial",
        "OrgPolicyName": "财务管理",
        "OrgPermission": [{"Id": 1, "Name": "viewBill"}],
        "NodeId": details.unit,
        "NodeName": unit_name,
        "Remark": "",
        "CreateTime": "2025-04-17 12:19:07",
        // It changes whenever the member does.
        "UpdateTime": format!("2025-04-17 12:19:{:02}", 7 + n_changes % 50),
        "IsAllowQuit": "Denied",
        "PayUin": "",
        "PayName": "",
        "OrgIdentity": [],
        "BindStatus": "Unbound",
        "PermissionStatus": "Confirmed",
        "Tags": tags,
        "NickName": details.name,
    })
}

fn node(unit: &SimulatedUnit) -> Value {
    json!({
        "NodeId": unit.id,
        "Name": unit.name,
        "ParentNodeId": unit.parent,
        "Remark": "",
        "CreateTime": "2021-04-16 11:49:39",
        "UpdateTime": "2021-04-16 11:49:39",
        "Tags": [],
    })
}

/// Uin, role and name of each member that has a role. All of them have every identity.
fn identities(organization: &SimulatedOrganization, elapsed: Duration) -> Vec<(u64, &str, &str)> {
    let mut items = Vec::new();
    for member in &organization.members {
        if let (Some(role), Some((details, _))) = (&member.role, member.at(elapsed)) {
            items.push((member.uin, role.as_str(), details.name.as_str()));
        }
    }
    items
}

fn identity_item(id: u64, uin: u64, role: &str, name: &str) -> Value {
    json!({
        "IdentityId": id,
        "IdentityRoleName": role,
        "IdentityRoleAliasName": role,
        "Description": "",
        "CreateTime": "2025-04-17 12:19:07",
        "UpdateTime": "2025-04-17 12:19:07",
        "IdentityType": 2,
        "Status": 1,
        "MemberUin": uin,
        "MemberName": name,
    })
}

fn describe(organization: &SimulatedOrganization) -> OrganizationAnswer {
    object(json!({
        "OrgId": 101,
        "HostUin": organization.uin,
        "NickName": organization.manager,
        "OrgType": 1,
        "IsManager": true,
        "OrgPolicyType": "Financial",
        "OrgPolicyName": "财务管理",
        "OrgPermission": [],
        "RootNodeId": 1001,
        "CreateTime": "2021-04-15 21:07:54",
        "JoinTime": "2021-04-15 21:07:54",
        "IsAllowQuit": "Allow",
        "PayUin": "",
        "PayName": "",
        "IsAssignManager": false,
        "IsAuthManager": false,
    }))
}
