//! What describes an account besides its name. It is exposed once per account and changes nothing
//! about its polls.

use std::{fmt, num::NonZeroU64, sync::Arc};

/// The number of a Tencent Cloud account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uin(NonZeroU64);

impl Uin {
    /// Digits only, without leading zeros.
    pub fn parse(text: &str) -> Result<Uin, String> {
        let number = text.parse().ok().and_then(Uin::new);
        match number {
            // `parse` accepts a sign and leading zeros.
            Some(uin) if uin.to_string() == text => Ok(uin),
            _ => Err(format!(
                "{text:?} is not a valid uin, expected the number of the account, for example 100000000001"
            )),
        }
    }

    /// `None` for 0.
    pub fn new(number: u64) -> Option<Uin> {
        NonZeroU64::new(number).map(Uin)
    }

    /// The account of a role, from the role's ARN.
    pub fn of_role(arn: &str) -> Option<Uin> {
        let rest = arn.strip_prefix("qcs::cam::uin/")?;
        Uin::parse(rest.split(':').next()?).ok()
    }

    pub fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Uin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where an account comes from. The value of the label `source`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AccountOrigin {
    /// It is listed in the configuration.
    #[default]
    Config,
    /// It is a member of an organization.
    Organization,
    /// It is listed by an HTTP server.
    Http,
}

impl AccountOrigin {
    pub const ALL: [AccountOrigin; 3] = [
        AccountOrigin::Config,
        AccountOrigin::Organization,
        AccountOrigin::Http,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            AccountOrigin::Config => "config",
            AccountOrigin::Organization => "organization",
            AccountOrigin::Http => "http",
        }
    }
}

/// What describes an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountInfo {
    pub uin: Option<Uin>,
    /// For people; empty where it is the name of the account.
    pub display_name: String,
    pub origin: AccountOrigin,
    /// The discovery that found it, by its label.
    pub discovery: Option<Arc<str>>,
    /// The labels that users chose, sorted by name.
    pub labels: Vec<(LabelName, String)>,
    /// The time at which the organization last changed the member, as it writes it.
    pub updated: Option<String>,
    /// Whether it is polled although it is no longer listed.
    pub is_missing: bool,
}

/// The name of a label that users choose.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LabelName(String);

/// Labels of an account at most: each one is repeated in every query that joins on them.
pub const MAX_LABELS: usize = 10;

/// Labels that the exporter or Prometheus sets itself.
const RESERVED: [&str; 18] = [
    "account",
    "action",
    "collector",
    "discovery",
    "field",
    "instance",
    "job",
    "le",
    "local_task_id",
    "name",
    "quantile",
    "registry_task_id",
    "reason",
    "scan",
    "source",
    "status",
    "task_id",
    "uin",
];

impl LabelName {
    /// `[a-zA-Z_][a-zA-Z0-9_]*`, not starting with `__`, and not one that is used already.
    pub fn parse(text: &str) -> Result<LabelName, String> {
        let is_valid = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !text.starts_with(|c: char| c.is_ascii_digit());
        if text.is_empty() || !is_valid {
            return Err(format!(
                "{text:?} is not a valid label name, expected letters, digits and _, for example team"
            ));
        }
        if text.starts_with("__") || RESERVED.contains(&text) {
            return Err(format!("{text:?} is reserved, choose another label name"));
        }
        Ok(LabelName(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LabelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uin_is_a_number_above_zero() {
        assert_eq!(Uin::parse("100000000001").unwrap().get(), 100_000_000_001);
        for bad in [
            "",
            "0",
            "01",
            "+1",
            "-1",
            "1.0",
            "x",
            "99999999999999999999",
        ] {
            assert!(Uin::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_uin_of_a_role_is_in_its_arn() {
        let uin = |arn| Uin::of_role(arn).map(Uin::get);
        assert_eq!(uin("qcs::cam::uin/7:roleName/tcss-exporter"), Some(7));
        assert_eq!(uin("qcs::cam::uin/7:role/4611"), Some(7));
        assert_eq!(uin("qcs::cam::uin/:roleName/x"), None);
        assert_eq!(uin("one"), None);
    }

    #[test]
    fn a_label_name_is_a_word_that_is_not_used_already() {
        for good in ["team", "Env_2", "_x"] {
            assert!(LabelName::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "", "1a", "a-b", "ä", "__meta", "account", "uin", "job", "le",
        ] {
            assert!(LabelName::parse(bad).is_err(), "{bad}");
        }
    }
}
