//! The members of a Tencent Cloud Organization.
//!
//! Source: the official SDKs for organization 2021-03-31 and their recorded requests, and
//! <https://cloud.tencent.com/document/api/850/67220>. Most fields may be null.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::time::sleep;

use super::{
    FetchContext, FetchError, ListedAccount, MemberList,
    pages::{PAGE_SIZE, Page, PageCollector},
};
use crate::{
    client::{ApiError, ApiResponse, Call, RequestAuth, TOKEN_FAILURE},
    config::{MemberRole, Organization, RoleName, Unit},
    credentials::{self, Issued, Provider},
    domain::{Backoff, Language, Rate, Reason, Uin},
};

const SERVICE: &str = "organization";
const VERSION: &str = "2021-03-31";

/// For one request.
const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_ATTEMPTS: u32 = 3;
const RETRY: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(4));

/// Every action that a discovery may call.
pub const ACTIONS: [&str; 4] = [
    "DescribeOrganizationMembers",
    "DescribeOrganizationNodes",
    "DescribeOrganizationMemberAuthIdentities",
    "GetCallerIdentity",
];

/// All requests of one refresh.
pub(super) struct OrganizationReader<'a> {
    pub(super) organization: &'a Organization,
    pub(super) role: &'a MemberRole,
    pub(super) provider: &'a Provider,
    pub(super) context: &'a FetchContext,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PageParameters<'a> {
    offset: u64,
    limit: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", bound = "T: DeserializeOwned")]
struct PageAnswer<T> {
    items: Option<Vec<T>>,
    total: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MemberItem {
    member_uin: u64,
    name: Option<String>,
    node_id: Option<u64>,
    node_name: Option<String>,
    update_time: Option<String>,
    tags: Option<Vec<TagItem>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagItem {
    tag_key: Option<String>,
    tag_value: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NodeItem {
    node_id: u64,
    name: Option<String>,
    /// 0 for the root.
    parent_node_id: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IdentityItem {
    member_uin: u64,
    identity_role_name: Option<String>,
}

impl OrganizationReader<'_> {
    /// The members that are wanted.
    pub(super) async fn read(&self) -> Result<MemberList, FetchError> {
        let mut n_pages = 0;
        let (items, pages) = self
            .pages::<MemberItem>("DescribeOrganizationMembers", None, |member| {
                member.member_uin
            })
            .await?;
        n_pages += pages;
        // The units are matched here, and not by the parameter `NodeId`: it is not documented
        // whether that includes the units below.
        let mut units = None;
        if !self.organization.units.is_empty() {
            let (nodes, pages) = self
                .pages::<NodeItem>("DescribeOrganizationNodes", None, |node| node.node_id)
                .await?;
            n_pages += pages;
            units = Some(wanted_units(&self.organization.units, &nodes)?);
        }
        let mut roles = None;
        if let RoleName::OfIdentity(id) = self.role.name {
            let action = "DescribeOrganizationMemberAuthIdentities";
            let (identities, pages) = self
                .pages::<IdentityItem>(action, Some(id), |identity| identity.member_uin)
                .await?;
            n_pages += pages;
            roles = Some(roles_of(identities));
        }
        let mut own = None;
        if self.organization.includes_self {
            // The list of members does not tell which of them the credentials belong to.
            own = Some(self.own_uin().await?);
            n_pages += 1;
        }
        let mut list = select(
            self.organization,
            items,
            units.as_ref(),
            roles.as_ref(),
            own,
        );
        list.n_pages = n_pages;
        Ok(list)
    }

    /// The account of the credentials.
    async fn own_uin(&self) -> Result<Uin, FetchError> {
        let call = credentials::caller_identity(&self.role.sts);
        let action = call.action;
        let response = self.call(call).await?;
        credentials::caller_uin(&response)
            .map_err(|error| FetchError::new(Reason::Decode, format!("{action}: {error}")))
    }

    /// All items of a paged action, and the number of pages.
    async fn pages<T: DeserializeOwned>(
        &self,
        action: &'static str,
        identity_id: Option<u64>,
        key: fn(&T) -> u64,
    ) -> Result<(Vec<T>, usize), FetchError> {
        let mut collector = PageCollector::default();
        while let Some(offset) = collector.next_offset() {
            let parameters = PageParameters {
                offset,
                limit: PAGE_SIZE,
                identity_id,
                product: self.organization.product.as_deref(),
            };
            let body = serde_json::to_vec(&parameters).expect("text and numbers are JSON");
            let response = self
                .call(Call {
                    endpoint: &self.organization.endpoint,
                    region: None,
                    language: Language::English,
                    service: SERVICE,
                    version: VERSION,
                    action,
                    body: body.into(),
                })
                .await?;
            let answer: PageAnswer<T> = parse(&response, action)?;
            let page = Page {
                items: answer.items.unwrap_or_default(),
                total: answer.total,
            };
            collector
                .add(page)
                .map_err(|error| FetchError::incomplete(action, &error))?;
        }
        let n_pages = collector.n_pages();
        match collector.complete(key) {
            Ok(items) => Ok((items, n_pages)),
            Err(error) => Err(FetchError::incomplete(action, &error)),
        }
    }

    /// Sends a request, and repeats it if the failure may be transient.
    async fn call(&self, request: Call<'_>) -> Result<ApiResponse, FetchError> {
        let mut may_refresh = true;
        let mut attempt = 1;
        loop {
            // Asked again for each attempt: the credentials may have been refreshed during the
            // pause.
            let issued = match self.provider.current().await {
                Ok(issued) => issued,
                Err(error) => {
                    let error = error.into_api_error(self.context.clock.now());
                    return Err(FetchError::of_request("credentials", &error));
                }
            };
            let error = match self.send(&request, &issued).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            let is_token_failure = error.code.as_deref() == Some(TOKEN_FAILURE);
            if is_token_failure && may_refresh {
                may_refresh = false;
                // A new token is a new attempt, so it needs no pause. Once only: if the API rejects
                // that one too, time will not help.
                self.provider.rejected(&issued);
                continue;
            }
            if attempt >= MAX_ATTEMPTS || !is_transient(&error) {
                return Err(FetchError::of_request(request.action, &error));
            }
            sleep(RETRY.jittered(attempt)).await;
            attempt += 1;
        }
    }

    async fn send(&self, request: &Call<'_>, issued: &Issued) -> Result<ApiResponse, ApiError> {
        let limiter = self.context.limiters.join(
            request.endpoint,
            &issued.identity,
            request.action,
            Rate::MAX,
        );
        let auth = RequestAuth::Signed(&issued.credentials);
        let client = &self.context.client;
        client.send_limited(request, auth, &limiter, TIMEOUT).await
    }
}

fn is_transient(error: &ApiError) -> bool {
    !error.reason.is_permanent()
}

fn parse<T: DeserializeOwned>(response: &ApiResponse, action: &str) -> Result<T, FetchError> {
    // The messages of `serde_json` are not used: they quote the response.
    match serde_json::from_str(response.response.get()) {
        Ok(answer) => Ok(answer),
        Err(error) => Err(FetchError::new(
            Reason::Decode,
            format!(
                "{action}: the response cannot be read (line {}, column {})",
                error.line(),
                error.column()
            ),
        )),
    }
}

/// The IDs of the wanted units and of all units below them.
fn wanted_units(wanted: &[Unit], nodes: &[NodeItem]) -> Result<HashSet<u64>, FetchError> {
    let mut ids = HashSet::new();
    for unit in wanted {
        // A unit that was named before is known all the same.
        let mut is_known = false;
        for node in nodes {
            let matches = match unit {
                Unit::Id(id) => node.node_id == *id,
                Unit::Name(name) => node.name.as_deref() == Some(name),
            };
            if matches {
                ids.insert(node.node_id);
                is_known = true;
            }
        }
        if !is_known {
            // Its members would otherwise leave without anyone noticing.
            let unit = match unit {
                Unit::Id(id) => id.to_string(),
                Unit::Name(name) => format!("{name:?}"),
            };
            let message = format!("the organization has no unit {unit}; check nodes");
            return Err(FetchError::new(Reason::NotFound, message));
        }
    }
    let mut children: HashMap<u64, Vec<u64>> = HashMap::new();
    for node in nodes {
        let parent = node.parent_node_id.unwrap_or_default();
        children.entry(parent).or_default().push(node.node_id);
    }
    let mut open: Vec<u64> = ids.iter().copied().collect();
    while let Some(id) = open.pop() {
        for child in children.get(&id).into_iter().flatten() {
            // Seen ones are not visited again, whatever the parents say.
            if ids.insert(*child) {
                open.push(*child);
            }
        }
    }
    Ok(ids)
}

fn roles_of(identities: Vec<IdentityItem>) -> HashMap<u64, String> {
    let mut roles = HashMap::new();
    for identity in identities {
        if let Some(role) = identity.identity_role_name
            && !role.is_empty()
        {
            roles.insert(identity.member_uin, role);
        }
    }
    roles
}

/// The members that the settings want. `units`, `roles`: `None` for no such restriction.
fn select(
    organization: &Organization,
    items: Vec<MemberItem>,
    units: Option<&HashSet<u64>>,
    roles: Option<&HashMap<u64, String>>,
    own: Option<Uin>,
) -> MemberList {
    let mut list = MemberList::default();
    let mut own_member = own.map(ListedAccount::new);
    for item in items {
        let Some(uin) = Uin::new(item.member_uin) else {
            list.n_left_out += 1;
            continue;
        };
        // No unit has the ID 0, so a member without a unit matches none.
        let unit_id = item.node_id.unwrap_or_default();
        let mut member = item.into_member(uin);
        if own == Some(uin) {
            // Before units and tags are compared: `self` asks for this account by name, whatever
            // the conditions for the members.
            own_member = Some(member);
            continue;
        }
        let is_in_unit = units.is_none_or(|units| units.contains(&unit_id));
        let has_tags = organization
            .tags
            .iter()
            .all(|(key, value)| member.tags.get(key) == Some(value));
        if let Some(roles) = roles {
            member.role = roles.get(&uin.get()).cloned();
        }
        let has_role = roles.is_none() || member.role.is_some();
        if is_in_unit && has_tags && has_role {
            list.members.push(member);
        } else {
            list.n_left_out += 1;
        }
    }
    if let Some(mut member) = own_member {
        member.is_self = true;
        list.members.push(member);
    }
    list
}

impl MemberItem {
    fn into_member(self, uin: Uin) -> ListedAccount {
        let mut tags = BTreeMap::new();
        for tag in self.tags.unwrap_or_default() {
            if let Some(key) = tag.tag_key {
                tags.insert(key, tag.tag_value.unwrap_or_default());
            }
        }
        ListedAccount {
            name: self.name.unwrap_or_default(),
            unit: self.node_name,
            tags,
            updated: self.update_time,
            ..ListedAccount::new(uin)
        }
    }
}
