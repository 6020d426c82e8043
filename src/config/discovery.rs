//! The key `discovery`: where further accounts are listed, and how they are polled.

use std::{path::PathBuf, sync::Arc, time::Duration};

use glob::Pattern;
use url::Url;

use super::{
    Account, Endpoint,
    credentials::{
        self, endpoint, external_id, path, region, role_duration, role_name, session_name,
    },
    raw::RawAccount,
};
use crate::{
    credentials::{AssumeRole, Source, Sts},
    domain::{AccountOrigin, LabelName, MAX_LABELS, Uin, is_loopback},
    yaml::{MapReader, Problem, Setting, ValueReader, scalar},
};

const DEFAULT_ROLE: &str = "tcss-exporter";
const KEEP_FOR: Duration = Duration::from_hours(1);
/// The organization is large and changes rarely.
const ORGANIZATION_INTERVAL: Duration = Duration::from_mins(10);
const HTTP_INTERVAL: Duration = Duration::from_mins(1);

/// Accounts that are found while the exporter runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// The label `discovery`; unique.
    pub label: Arc<str>,
    pub source: ListSource,
    pub refresh_interval: Duration,
    pub role: MemberRole,
    pub name_by: NameBy,
    pub exclude: Vec<ExcludedAccounts>,
    /// How long an account that is no longer listed is still polled.
    pub keep_for: Duration,
    /// Sorted by name. Without any, all labels of an HTTP list are used.
    pub labels: Vec<(LabelName, LabelSource)>,
    /// An account with all settings except its name and its credentials.
    pub template: Account,
}

/// Where accounts are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListSource {
    Organization(Organization),
    Http(HttpList),
}

impl ListSource {
    pub fn kind(&self) -> &'static str {
        self.origin().as_str()
    }

    pub fn origin(&self) -> AccountOrigin {
        match self {
            ListSource::Organization(_) => AccountOrigin::Organization,
            ListSource::Http(_) => AccountOrigin::Http,
        }
    }
}

/// A Tencent Cloud Organization, as its management account or a delegated administrator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    pub endpoint: Endpoint,
    /// The short name of the trusted service, for a delegated administrator.
    pub product: Option<String>,
    /// Only members of these units and of those below; all if empty.
    pub units: Vec<Unit>,
    /// Only members that have all of these tags.
    pub tags: Vec<(String, String)>,
    /// Also the account of the credentials themselves, without a role.
    pub includes_self: bool,
}

/// A unit of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unit {
    Id(u64),
    Name(String),
}

/// A list in the format of the HTTP service discovery of Prometheus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpList {
    pub url: Url,
    pub auth: ListAuth,
    /// Instead of the CA certificates of the system.
    pub ca_file: Option<PathBuf>,
}

/// How the request for a list is authorized. The files are read at each refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListAuth {
    None,
    Bearer {
        token_file: PathBuf,
    },
    Basic {
        username: String,
        password_file: PathBuf,
    },
}

/// The role that is assumed in each account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRole {
    pub name: RoleName,
    pub external_id: Option<String>,
    pub session_name: String,
    pub duration: Duration,
    pub sts: Sts,
    /// Whose credentials list the accounts and assume the roles.
    pub source: Source,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleName {
    Fixed(String),
    /// The organization is asked which members have this access identity, and how its role is
    /// called there.
    OfIdentity(u64),
}

/// The value of the label `account`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameBy {
    #[default]
    Uin,
    Name,
}

/// An account that is not polled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExcludedAccounts {
    Uin(Uin),
    Name(Pattern),
}

/// Where the value of a label of an account comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelSource {
    /// The tag with this key.
    Tag(String),
    /// The name of the member's unit.
    Unit,
    /// The label of an HTTP list.
    Label(String),
}

/// One item of `discovery`, read but not completed with what other parts of the file set.
#[derive(Debug)]
pub(super) struct RawDiscovery {
    source: ListSource,
    credentials: Option<Source>,
    refresh_interval: Duration,
    role: RoleName,
    external_id: Option<String>,
    session_name: Option<String>,
    duration: Option<Duration>,
    sts: Sts,
    name_by: NameBy,
    exclude: Vec<ExcludedAccounts>,
    keep_for: Duration,
    labels: Vec<(LabelName, LabelSource)>,
    pub(super) defaults: RawAccount,
}

impl RawDiscovery {
    pub(super) fn kind(&self) -> &'static str {
        self.source.kind()
    }

    /// `default`: the credentials of the file.
    pub(super) fn checked(
        &self,
        label: String,
        template: Account,
        default: Option<&Source>,
    ) -> Discovery {
        let source = self.credentials.as_ref().or(default);
        Discovery {
            label: label.into(),
            source: self.source.clone(),
            refresh_interval: self.refresh_interval,
            role: MemberRole {
                name: self.role.clone(),
                external_id: self.external_id.clone(),
                session_name: match &self.session_name {
                    Some(name) => name.clone(),
                    None => AssumeRole::DEFAULT_SESSION_NAME.into(),
                },
                duration: self.duration.unwrap_or(AssumeRole::DEFAULT_DURATION),
                sts: self.sts.clone(),
                source: source.cloned().unwrap_or_default(),
            },
            name_by: self.name_by,
            exclude: self.exclude.clone(),
            keep_for: self.keep_for,
            labels: self.labels.clone(),
            template,
        }
    }
}

/// Reads the list.
pub(super) fn read(list: ValueReader<'_>, problems: &mut Vec<Problem>) -> Vec<RawDiscovery> {
    let mut discoveries = Vec::new();
    for item in list.items(problems) {
        discoveries.extend(read_item(item, problems));
    }
    discoveries
}

fn read_item(item: ValueReader<'_>, problems: &mut Vec<Problem>) -> Option<RawDiscovery> {
    let map = item.as_map(problems)?;
    let is_organization = map.has("organization");
    let is_http = map.has("http");
    // An unknown kind is reported here.
    map.finish(problems);
    match (is_organization, is_http) {
        (true, false) => organization(&map.section("organization", problems)?, problems),
        (false, true) => http(&map.section("http", problems)?, problems),
        (true, true) => {
            problems.push(map.problem("has organization and http, expected one of them"));
            None
        }
        (false, false) => {
            // Otherwise the unknown kind is the problem, which is reported already.
            if map.is_empty() {
                let message = "names no kind, expected organization or http";
                problems.push(map.problem(message));
            }
            None
        }
    }
}

fn organization(map: &MapReader<'_>, problems: &mut Vec<Problem>) -> Option<RawDiscovery> {
    let endpoint = map.read("endpoint", problems, endpoint);
    let organization = Organization {
        endpoint: match endpoint {
            Some(endpoint) => endpoint.value?,
            None => Organization::default_endpoint(),
        },
        product: value(map, "product", problems, product),
        units: list(map, "nodes", problems, unit),
        tags: tags(map, problems),
        includes_self: value(map, "self", problems, scalar::boolean).unwrap_or_default(),
    };
    let identity = map.read("identity", problems, identity_id);
    let source = ListSource::Organization(organization);
    Some(common(map, source, identity, problems))
}

fn http(map: &MapReader<'_>, problems: &mut Vec<Problem>) -> Option<RawDiscovery> {
    if map.at("url").is_none() {
        let message = "has no url; add one, for example url: https://cmdb.example.com/tcss";
        problems.push(map.problem(message));
    }
    let url = value(map, "url", problems, url);
    let auth = auth(map, problems);
    let ca_file = value(map, "ca_file", problems, path);
    // The other keys are checked even if the URL is not valid.
    let source = ListSource::Http(HttpList {
        url: match &url {
            Some(url) => url.clone(),
            None => Url::parse("https://localhost").expect("a URL"),
        },
        auth,
        ca_file,
    });
    let discovery = common(map, source, None, problems);
    url.map(|_| discovery)
}

/// The keys that both kinds have.
fn common(
    map: &MapReader<'_>,
    source: ListSource,
    identity: Option<Setting<u64>>,
    problems: &mut Vec<Problem>,
) -> RawDiscovery {
    let default_interval = match source {
        ListSource::Organization(_) => ORGANIZATION_INTERVAL,
        ListSource::Http(_) => HTTP_INTERVAL,
    };
    let mut credentials_source = None;
    if let Some(block) = map.at("credentials") {
        credentials_source = credentials::read(block, problems);
    }
    let role = map.read("role", problems, role_name);
    if let (Some(role), Some(_)) = (&role, &identity) {
        let message = "is given together with identity, expected one of them";
        problems.push(role.origin.problem(message));
    }
    let mut sts = Sts::default();
    if let Some(endpoint) = value(map, "sts_endpoint", problems, endpoint) {
        sts.endpoint = endpoint;
    }
    if let Some(region) = value(map, "sts_region", problems, region) {
        sts.region = region;
    }
    let refresh_interval = value(map, "refresh_interval", problems, refresh_interval);
    let keep_for = value(map, "keep_for", problems, keep_for);
    let mut defaults = RawAccount::only();
    if let Some(section) = map.section("defaults", problems) {
        defaults = RawAccount::read_defaults(&section, problems);
        section.finish(problems);
    }
    let labels = labels(map, &source, problems);
    let discovery = RawDiscovery {
        source,
        credentials: credentials_source,
        refresh_interval: refresh_interval.unwrap_or(default_interval),
        role: match (role, identity) {
            (_, Some(identity)) => RoleName::OfIdentity(identity.value.unwrap_or_default()),
            (Some(role), None) => RoleName::Fixed(role.value.unwrap_or_default()),
            (None, None) => RoleName::Fixed(DEFAULT_ROLE.into()),
        },
        external_id: value(map, "external_id", problems, external_id),
        session_name: value(map, "session_name", problems, session_name),
        duration: value(map, "duration", problems, role_duration),
        sts,
        name_by: value(map, "account", problems, name_by).unwrap_or_default(),
        exclude: list(map, "exclude", problems, exclusion),
        keep_for: keep_for.unwrap_or(KEEP_FOR),
        labels,
        defaults,
    };
    map.finish(problems);
    discovery
}

impl Organization {
    /// The one of the mainland site.
    pub fn default_endpoint() -> Endpoint {
        Endpoint::parse("organization.tencentcloudapi.com", false).expect("a host")
    }
}

/// The value of a key; `None` where it is absent, or cannot be read, which is reported.
fn value<T>(
    map: &MapReader<'_>,
    key: &'static str,
    problems: &mut Vec<Problem>,
    read: fn(ValueReader<'_>) -> Result<T, String>,
) -> Option<T> {
    map.read(key, problems, read)?.value
}

fn list<T>(
    map: &MapReader<'_>,
    key: &'static str,
    problems: &mut Vec<Problem>,
    read: fn(ValueReader<'_>) -> Result<T, String>,
) -> Vec<T> {
    let mut values = Vec::new();
    if let Some(list) = map.at(key) {
        for item in list.items(problems) {
            values.extend(Setting::of(item.origin(), read(item), problems).value);
        }
    }
    values
}

fn tags(map: &MapReader<'_>, problems: &mut Vec<Problem>) -> Vec<(String, String)> {
    let mut tags = Vec::new();
    if let Some(map) = map.at("tags") {
        for (key, value) in map.entries(problems) {
            let text = Setting::of(value.origin(), scalar::owned_text(value), problems);
            if let Some(text) = text.value {
                tags.push((key.to_owned(), text));
            }
        }
    }
    tags
}

fn labels(
    map: &MapReader<'_>,
    source: &ListSource,
    problems: &mut Vec<Problem>,
) -> Vec<(LabelName, LabelSource)> {
    let mut labels = Vec::new();
    let Some(value) = map.at("labels") else {
        return labels;
    };
    for (name, value) in value.entries(problems) {
        let name = Setting::of(value.origin(), LabelName::parse(name), problems);
        let read = match source {
            ListSource::Organization(_) => organization_label(value),
            ListSource::Http(_) => http_label(value),
        };
        let source = Setting::of(value.origin(), read, problems);
        if let (Some(name), Some(source)) = (name.value, source.value) {
            labels.push((name, source));
        }
    }
    if labels.len() > MAX_LABELS {
        let n = labels.len();
        problems.push(value.problem(format!("has {n} labels, must have at most {MAX_LABELS}")));
    }
    // Another order in the file must not look like a change when it is reloaded.
    labels.sort_by(|(left, _), (right, _)| left.cmp(right));
    labels
}

fn organization_label(value: ValueReader<'_>) -> Result<LabelSource, String> {
    let text = scalar::text(value)?;
    if text == "node" {
        return Ok(LabelSource::Unit);
    }
    match text.strip_prefix("tag.") {
        Some(key) if !key.is_empty() => Ok(LabelSource::Tag(key.to_owned())),
        _ => Err(format!("{text:?} is not valid, expected tag.KEY or node")),
    }
}

fn http_label(value: ValueReader<'_>) -> Result<LabelSource, String> {
    let text = scalar::text(value)?;
    match text.strip_prefix("label.") {
        Some(key) if !key.is_empty() => Ok(LabelSource::Label(key.to_owned())),
        _ => Err(format!("{text:?} is not valid, expected label.NAME")),
    }
}

fn auth(map: &MapReader<'_>, problems: &mut Vec<Problem>) -> ListAuth {
    let token_file = value(map, "bearer_token_file", problems, path);
    let basic = map
        .at("basic_auth")
        .map(|block| basic_auth(block, problems));
    if token_file.is_some() && basic.is_some() {
        let message = "has bearer_token_file and basic_auth, expected one of them";
        problems.push(map.problem(message));
    }
    match (token_file, basic.flatten()) {
        (Some(token_file), _) => ListAuth::Bearer { token_file },
        (None, Some(basic)) => basic,
        (None, None) => ListAuth::None,
    }
}

fn basic_auth(block: ValueReader<'_>, problems: &mut Vec<Problem>) -> Option<ListAuth> {
    // A password may stand in the wrong place, so nothing of this block is shown.
    let map = block.as_secret_map(problems)?;
    let username = value(&map, "username", problems, scalar::owned_text);
    let password_file = value(&map, "password_file", problems, path);
    map.finish(problems);
    let (Some(username), Some(password_file)) = (username, password_file) else {
        problems.push(map.problem("needs username and password_file"));
        return None;
    };
    if username.contains(':') {
        problems.push(map.problem("has a username with a colon, which HTTP does not allow"));
    }
    Some(ListAuth::Basic {
        username,
        password_file,
    })
}

fn refresh_interval(value: ValueReader<'_>) -> Result<Duration, String> {
    let interval = scalar::duration(value)?;
    scalar::within(interval, Duration::from_secs(10), Duration::from_hours(24))
}

fn keep_for(value: ValueReader<'_>) -> Result<Duration, String> {
    let time = scalar::duration(value)?;
    scalar::within(time, Duration::ZERO, Duration::from_hours(30 * 24))
}

fn product(value: ValueReader<'_>) -> Result<String, String> {
    let text = scalar::text(value)?;
    let is_valid = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if is_valid && !text.is_empty() {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{text:?} is not the short name of a service, expected for example tcss"
    ))
}

fn identity_id(value: ValueReader<'_>) -> Result<u64, String> {
    match scalar::integer(value)? {
        0 => Err("must be more than 0".into()),
        id => Ok(id),
    }
}

fn unit(value: ValueReader<'_>) -> Result<Unit, String> {
    if let Ok(id) = scalar::integer(value) {
        return Ok(Unit::Id(id));
    }
    match scalar::text(value)? {
        "" => Err("is empty, expected the ID or the name of a unit".into()),
        name => Ok(Unit::Name(name.to_owned())),
    }
}

fn name_by(value: ValueReader<'_>) -> Result<NameBy, String> {
    match scalar::text(value)? {
        "uin" => Ok(NameBy::Uin),
        "name" => Ok(NameBy::Name),
        other => Err(format!("{other:?} is not valid, expected uin or name")),
    }
}

fn exclusion(value: ValueReader<'_>) -> Result<ExcludedAccounts, String> {
    let text = scalar::text(value)?;
    if let Ok(uin) = Uin::parse(text) {
        return Ok(ExcludedAccounts::Uin(uin));
    }
    match Pattern::new(text) {
        Ok(pattern) if !text.is_empty() => Ok(ExcludedAccounts::Name(pattern)),
        _ => Err(format!(
            "{text:?} is neither a uin nor a pattern of names, expected for example sandbox-*"
        )),
    }
}

fn url(value: ValueReader<'_>) -> Result<Url, String> {
    // The messages do not show the URL: its query may hold a token.
    let Ok(url) = Url::parse(scalar::text(value)?) else {
        return Err(
            "is not a valid URL, expected for example https://cmdb.example.com/tcss".into(),
        );
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("contains a user name or password; use basic_auth".into());
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err("is plain http to another machine, expected https".into()),
        _ => Err("has a scheme other than https or http".into()),
    }
}
