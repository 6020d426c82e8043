//! Which of several instances polls which account.
//!
//! By rendezvous hashing: each shard draws a number for each account, and the highest one has it. So every account
//! belongs to exactly one shard, and a further shard takes over its share and moves nothing else.

use std::{
    fmt,
    num::{NonZeroU16, ParseIntError},
    str::FromStr,
};

use sha2::{Digest as _, Sha256};

use super::AccountName;

/// More would only cost time: each account asks every shard.
const MOST: u16 = 1000;

/// One instance's share of the accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u16,
    count: NonZeroU16,
}

impl Shard {
    /// Every account.
    pub const WHOLE: Shard = Shard {
        index: 0,
        count: NonZeroU16::MIN,
    };

    /// The shard `index`, counted from 0, of `count`. None where there is no such shard.
    pub fn new(index: u16, count: NonZeroU16) -> Option<Shard> {
        (index < count.get()).then_some(Shard { index, count })
    }

    /// Counted from 0.
    pub fn index(self) -> u16 {
        self.index
    }

    /// How many shards there are.
    pub fn count(self) -> u16 {
        self.count.get()
    }

    /// Whether this is the only one.
    pub fn is_whole(self) -> bool {
        self.count == NonZeroU16::MIN
    }

    /// Whether `account` belongs to it.
    pub fn owns(self, account: &AccountName) -> bool {
        self.owner(account) == self.index
    }

    /// The index of the shard that `account` belongs to: the same for every shard of as many.
    pub fn owner(self, account: &AccountName) -> u16 {
        // Of equal draws, which nobody will ever see, the last one counts.
        (0..self.count())
            .max_by_key(|shard| draw(*shard, account))
            .unwrap_or_default()
    }
}

/// Must never change: instances of different versions would disagree on who polls what.
fn draw(shard: u16, account: &AccountName) -> [u8; 32] {
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

/// How the command line says which shard this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardChoice {
    /// `N/M`.
    Given(Shard),
    /// `auto/M`: by the ordinal at the end of the host's name, as a `StatefulSet` gives it.
    Auto(NonZeroU16),
}

impl ShardChoice {
    /// The shard of the host `name`, which counts for `auto` alone; none where it is not known.
    pub fn resolve(self, name: Option<&str>) -> Result<Shard, String> {
        let count = match self {
            ShardChoice::Given(shard) => return Ok(shard),
            ShardChoice::Auto(count) => count,
        };
        let advice =
            format!("write the number, as in --shard=0/{count}, or set HOSTNAME to the pod's name");
        let name =
            name.ok_or_else(|| format!("--shard=auto/{count}: the host has no name; {advice}"))?;
        let ordinal = ordinal(name).ok_or_else(|| {
            format!("--shard=auto/{count}: the host name {name:?} does not end in a number, as tcss-exporter-0 does; {advice}")
        })?;
        Shard::new(ordinal, count).ok_or_else(|| {
            format!(
                "--shard=auto/{count}: the host name {name:?} ends in {ordinal}, and the last of {count} shards is {}; \
                 let M be the number of replicas",
                count.get() - 1
            )
        })
    }
}

/// The number after the last hyphen of a host's name, whose domain does not count.
fn ordinal(name: &str) -> Option<u16> {
    let (rest, number) = name.split('.').next()?.rsplit_once('-')?;
    let is_number = !rest.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse().ok().filter(|_| is_number)
}

impl FromStr for ShardChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<ShardChoice, String> {
        let advice = "write N/M with N from 0 to M - 1, such as 0/3, or auto/M";
        let (index, count) = text
            .split_once('/')
            .ok_or_else(|| format!("has no /; {advice}"))?;
        let number = |text: &str| {
            text.parse().map_err(|error: ParseIntError| {
                format!("{text:?} is no such number: {error}; {advice}")
            })
        };
        let count = NonZeroU16::new(number(count)?)
            .ok_or_else(|| format!("0 shards poll nothing; {advice}"))?;
        if count.get() > MOST {
            return Err(format!(
                "{count} shards are too many; write {MOST} or fewer"
            ));
        }
        if index == "auto" {
            return Ok(ShardChoice::Auto(count));
        }
        let index = number(index)?;
        let shard = Shard::new(index, count);
        shard
            .map(ShardChoice::Given)
            .ok_or_else(|| format!("there is no shard {index} of {count}; {advice}"))
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
        fn a_further_shard_takes_over_its_share_and_moves_nothing_else(
            name in "[^\\p{C}\\p{Z}]{1,30}",
            count in 1u16..40,
        ) {
            let (before, after) = (owner(count, &name), owner(count + 1, &name));
            prop_assert!(after == before || after == count, "{name} moves from {before} to {after}");
        }

        /// Within five standard deviations of an even share.
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
    fn a_shard_is_a_number_of_a_number_or_automatic() {
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
            assert!(problem.contains("write"), "{bad}: {problem}");
        }
    }

    #[test]
    fn automatic_is_by_the_ordinal_of_the_host_name() {
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
            "--shard=auto/3: the host name \"tcss-exporter-3\" ends in 3, and the last of 3 shards is 2; \
             let M be the number of replicas"
        );
    }
}
