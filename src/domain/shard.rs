//! Which of several instances polls which account.
//!
//! Accounts are assigned by rendezvous hashing: each shard hashes each account, and the shard with the highest hash owns
//! it. So every account belongs to exactly one shard, and an added shard takes over its share and moves nothing else.

use std::{fmt, num::NonZeroU16, str::FromStr};

use sha2::{Digest as _, Sha256};

use super::AccountName;

/// Each account is hashed once per shard, so more shards would only cost time.
const MAX_SHARDS: u16 = 1000;
const EXPECTED: &str = "expected N/M with N from 0 to M - 1, for example 0/3, or auto/M";

/// The share of the accounts that one instance polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u16,
    count: NonZeroU16,
}

impl Shard {
    /// All accounts.
    pub const WHOLE: Shard = Shard {
        index: 0,
        count: NonZeroU16::MIN,
    };

    /// Shard `index`, counted from 0, of `count`. `None` if `index` is too large.
    pub fn new(index: u16, count: NonZeroU16) -> Option<Shard> {
        if index >= count.get() {
            return None;
        }
        Some(Shard { index, count })
    }

    /// Counted from 0.
    pub fn index(self) -> u16 {
        self.index
    }

    pub fn count(self) -> u16 {
        self.count.get()
    }

    /// Whether it is the only shard.
    pub fn is_whole(self) -> bool {
        self.count == NonZeroU16::MIN
    }

    pub fn owns(self, account: &AccountName) -> bool {
        self.owner(account) == self.index
    }

    /// The index of the shard that owns `account`. All shards with the same count agree on it.
    pub fn owner(self, account: &AccountName) -> u16 {
        // Equal hashes do not occur in practice; the last one would win.
        (0..self.count())
            .max_by_key(|shard| hash(*shard, account))
            .unwrap_or_default()
    }
}

/// Must never change: instances of different versions would disagree on the owner.
fn hash(shard: u16, account: &AccountName) -> [u8; 32] {
    Sha256::new()
        .chain_update(shard.to_be_bytes())
        .chain_update(account.as_str())
        .finalize()
        .into()
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// The shard as it is given on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardChoice {
    /// `N/M`.
    Given(Shard),
    /// `auto/M`: by the ordinal at the end of the host name, as in a `StatefulSet`.
    Auto(NonZeroU16),
}

impl ShardChoice {
    /// The shard of the host `name`, which matters only for `auto`; `None` if the name is unknown.
    pub fn resolve(self, name: Option<&str>) -> Result<Shard, String> {
        let count = match self {
            ShardChoice::Given(shard) => return Ok(shard),
            ShardChoice::Auto(count) => count,
        };
        let advice = format!(
            "set the number, as in --shard=0/{count}, or set HOSTNAME to the name of the pod"
        );
        let Some(name) = name else {
            return Err(format!(
                "--shard=auto/{count}: the host has no name; {advice}"
            ));
        };
        let Some(ordinal) = ordinal(name) else {
            return Err(format!(
                "--shard=auto/{count}: the host name {name:?} does not end in a number as in tcss-exporter-0; {advice}"
            ));
        };
        match Shard::new(ordinal, count) {
            Some(shard) => Ok(shard),
            // Wrapping around would poll accounts twice without anyone noticing.
            None => Err(format!(
                "--shard=auto/{count}: the host name {name:?} ends in {ordinal}, but the last of {count} shards is {}; \
                 set M to the number of replicas",
                count.get() - 1
            )),
        }
    }
}

/// The number after the last hyphen of a host name, without its domain.
fn ordinal(name: &str) -> Option<u16> {
    let (rest, number) = name.split('.').next()?.rsplit_once('-')?;
    // `parse` would accept a sign.
    if rest.is_empty() || !number.as_bytes().iter().all(u8::is_ascii_digit) {
        return None;
    }
    number.parse().ok()
}

impl FromStr for ShardChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<ShardChoice, String> {
        let Some((index, count)) = text.split_once('/') else {
            return Err(format!("has no /, {EXPECTED}"));
        };
        let Some(count) = NonZeroU16::new(number(count)?) else {
            return Err(format!("has 0 shards, {EXPECTED}"));
        };
        if count.get() > MAX_SHARDS {
            return Err(format!("has {count} shards, expected at most {MAX_SHARDS}"));
        }
        if index == "auto" {
            return Ok(ShardChoice::Auto(count));
        }
        let index = number(index)?;
        match Shard::new(index, count) {
            Some(shard) => Ok(ShardChoice::Given(shard)),
            None => Err(format!("there is no shard {index} of {count}, {EXPECTED}")),
        }
    }
}

fn number(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(number) => Ok(number),
        Err(error) => Err(format!(
            "{text:?} is not a valid number ({error}), {EXPECTED}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn account(name: &str) -> AccountName {
        AccountName::parse(name).unwrap()
    }

    fn shards(count: u16) -> Vec<Shard> {
        let count = NonZeroU16::new(count).unwrap();
        (0..count.get())
            .map(|index| Shard::new(index, count).unwrap())
            .collect()
    }

    fn owner(count: u16, name: &str) -> u16 {
        shards(count)[0].owner(&account(name))
    }

    /// Instances of two versions may run side by side during an upgrade.
    #[test]
    fn assignments_are_the_same_in_every_version() {
        let names = [
            "default",
            "prod",
            "staging",
            "team-a/prod",
            "生产",
            "100012345678",
        ];
        assert_eq!(names.map(|name| owner(2, name)), [0, 1, 1, 1, 1, 0]);
        assert_eq!(names.map(|name| owner(3, name)), [0, 1, 2, 2, 2, 2]);
        assert_eq!(names.map(|name| owner(10, name)), [9, 5, 8, 4, 9, 5]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

        #[test]
        fn every_account_belongs_to_exactly_one_shard(name in "[^\\p{C}\\p{Z}]{1,30}", count in 1u16..40) {
            let name = account(&name);
            prop_assert_eq!(shards(count).iter().filter(|shard| shard.owns(&name)).count(), 1);
        }

        #[test]
        fn an_added_shard_takes_over_its_share_and_moves_nothing_else(
            name in "[^\\p{C}\\p{Z}]{1,30}",
            count in 1u16..40,
        ) {
            let (before, after) = (owner(count, &name), owner(count + 1, &name));
            prop_assert!(after == before || after == count, "{name} moves from {before} to {after}");
        }

        /// The number of accounts is within five standard deviations of an even share.
        #[test]
        fn shares_are_fair(prefix in "[a-z]{0,8}", count in 1u16..12) {
            let n_accounts = 1_000;
            let mut sizes = vec![0u32; count.into()];
            (0..n_accounts).for_each(|index| sizes[usize::from(owner(count, &format!("{prefix}-{index}")))] += 1);
            let share = f64::from(n_accounts) / f64::from(count);
            let most = 5.0 * share.sqrt();
            prop_assert!(sizes.iter().all(|size| (f64::from(*size) - share).abs() <= most), "{sizes:?}");
        }
    }

    #[test]
    fn a_shard_is_n_of_m_or_automatic() {
        let given = |index, count| {
            ShardChoice::Given(Shard::new(index, NonZeroU16::new(count).unwrap()).unwrap())
        };
        assert_eq!("0/1".parse(), Ok(given(0, 1)));
        assert_eq!("2/3".parse(), Ok(given(2, 3)));
        assert_eq!(
            "auto/1000".parse(),
            Ok(ShardChoice::Auto(NonZeroU16::new(1000).unwrap()))
        );
        for bad in [
            "", "1", "/", "0/0", "3/3", "-1/3", "1/", "/3", "a/3", "Auto/3", "auto/", "auto/0",
            "0/1001", "1/2/3",
        ] {
            let problem = bad.parse::<ShardChoice>().unwrap_err();
            assert!(problem.contains("expected"), "{bad}: {problem}");
        }
    }

    #[test]
    fn an_automatic_shard_is_the_ordinal_of_the_host_name() {
        let auto = ShardChoice::Auto(NonZeroU16::new(3).unwrap());
        for (name, index) in [
            ("tcss-exporter-0", 0),
            ("a-2", 2),
            ("a-1.tcss.monitoring.svc", 1),
            ("3-4-1", 1),
        ] {
            assert_eq!(
                auto.resolve(Some(name)).map(Shard::index),
                Ok(index),
                "{name}"
            );
        }
        for name in [
            "",
            "host",
            "host7",
            "-1",
            "host-",
            "host-x1",
            "host-+1",
            "host-99999",
            "a.b-1",
        ] {
            let problem = auto.resolve(Some(name)).unwrap_err();
            assert!(
                problem.contains(&format!("{name:?} does not end in a number")),
                "{problem}"
            );
        }
        assert!(auto.resolve(None).unwrap_err().contains("has no name"));
        assert_eq!(
            auto.resolve(Some("tcss-exporter-3")).unwrap_err(),
            "--shard=auto/3: the host name \"tcss-exporter-3\" ends in 3, but the last of 3 shards is 2; \
             set M to the number of replicas"
        );
    }
}
