//! An account of a list.

use std::collections::BTreeMap;

use crate::domain::Uin;

/// An account of a list, as the list describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedAccount {
    pub uin: Uin,
    /// May be empty.
    pub name: String,
    /// The name of its unit in the organization.
    pub unit: Option<String>,
    /// Tags of the organization, or labels of an HTTP list.
    pub tags: BTreeMap<String, String>,
    /// The name of its role, where the organization tells it.
    pub role: Option<String>,
    /// When the organization changed it last, as it writes it.
    pub updated: Option<String>,
    /// Whether it is the account of the credentials, which need no role.
    pub is_self: bool,
}

impl ListedAccount {
    pub fn new(uin: Uin) -> ListedAccount {
        ListedAccount {
            uin,
            name: String::new(),
            unit: None,
            tags: BTreeMap::new(),
            role: None,
            updated: None,
            is_self: false,
        }
    }
}

/// A complete list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberList {
    pub members: Vec<ListedAccount>,
    /// Accounts that the settings of the list leave out: other units, other tags, no identity.
    pub n_left_out: usize,
    /// Requests that it took.
    pub n_pages: usize,
}
