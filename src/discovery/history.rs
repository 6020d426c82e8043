//! Earlier lists + a new list + time → which accounts are polled. Pure.

use std::{collections::BTreeMap, time::Duration};

use super::ListedAccount;
use crate::domain::{Moment, Uin};

/// An account is dropped only after it was absent from this many lists in a row.
const MIN_LISTS: u32 = 3;
/// A list that lacks no more accounts than this is accepted…
const MAX_GONE: usize = 3;
/// … and so is one that lacks no more than one in this many.
const MAX_GONE_SHARE: usize = 10;

/// The accounts of one discovery: those of the last list that was accepted, and those that have
/// been absent for a short time.
#[derive(Clone, Debug, Default)]
pub struct History {
    members: BTreeMap<Uin, KnownMember>,
}

#[derive(Clone, Debug)]
pub struct KnownMember {
    pub member: ListedAccount,
    /// `None` while it is listed.
    absence: Option<Absence>,
}

impl KnownMember {
    /// Whether it is polled although the last list lacks it.
    pub fn is_missing(&self) -> bool {
        self.absence.is_some()
    }
}

/// How long a member has been absent from every list.
#[derive(Clone, Copy, Debug)]
struct Absence {
    since: Moment,
    lists: u32,
}

/// How to judge a list.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListRules {
    /// How long an absent member stays.
    pub keep_for: Duration,
    /// Whether an operator wants the list, however many accounts it lacks.
    pub accepts_loss: bool,
    /// Whether it comes from another place than the lists so far, so that what it lacks is dropped
    /// at once.
    pub replaces: bool,
}

/// What a list changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListChanges {
    pub added: Vec<Uin>,
    pub removed: Vec<Uin>,
}

/// The list is more likely wrong than true.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedList {
    #[error("the list is empty")]
    Empty,
    #[error("the list lacks {gone} of {of} accounts")]
    TooManyGone { gone: usize, of: usize },
}

impl History {
    /// All members, sorted by uin.
    pub fn members(&self) -> impl Iterator<Item = &KnownMember> {
        self.members.values()
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Takes a complete list. If it is refused, nothing changes.
    pub fn accept(
        &mut self,
        list: Vec<ListedAccount>,
        now: Moment,
        rules: ListRules,
    ) -> Result<ListChanges, RefusedList> {
        // A service that has lost its data answers so, and no discovery is there to find nothing.
        if list.is_empty() {
            return Err(RefusedList::Empty);
        }
        let mut listed: BTreeMap<Uin, ListedAccount> = BTreeMap::new();
        for member in list {
            listed.insert(member.uin, member);
        }
        if !rules.accepts_loss && !rules.replaces {
            self.check_loss(&listed)?;
        }
        let mut changes = ListChanges::default();
        self.members.retain(|uin, known| {
            if listed.contains_key(uin) {
                return true;
            }
            // The loss was checked before, for the whole list, so nothing has changed if the list
            // was refused.
            let stays = !rules.replaces && known.stays_absent(now, rules.keep_for);
            if !stays {
                changes.removed.push(*uin);
            }
            stays
        });
        for (uin, member) in listed {
            let known = KnownMember {
                member,
                absence: None,
            };
            if self.members.insert(uin, known).is_none() {
                changes.added.push(uin);
            }
        }
        Ok(changes)
    }

    /// Only what this list lacks and the last one had counts: members that leave one after the
    /// other are believed.
    fn check_loss(&self, listed: &BTreeMap<Uin, ListedAccount>) -> Result<(), RefusedList> {
        let mut gone = 0;
        let mut of = 0;
        for (uin, known) in &self.members {
            if known.is_missing() {
                continue;
            }
            of += 1;
            gone += usize::from(!listed.contains_key(uin));
        }
        if gone > MAX_GONE && gone * MAX_GONE_SHARE > of {
            return Err(RefusedList::TooManyGone { gone, of });
        }
        Ok(())
    }
}

impl KnownMember {
    /// One more list lacks it. Returns whether it stays.
    fn stays_absent(&mut self, now: Moment, keep_for: Duration) -> bool {
        let absence = self.absence.get_or_insert(Absence {
            since: now,
            lists: 0,
        });
        absence.lists += 1;
        absence.lists < MIN_LISTS || now.age_of(absence.since) < keep_for
    }
}
