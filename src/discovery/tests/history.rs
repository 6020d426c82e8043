//! Laws of [`History`].

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use proptest::prelude::*;
use tokio::time::Instant;

use super::{super::history::*, member, uin};
use crate::domain::{Moment, Uin};

const KEEP_FOR: Duration = Duration::from_hours(1);
const RULES: ListRules = ListRules {
    keep_for: KEEP_FOR,
    accepts_loss: false,
    replaces: false,
};

fn start() -> Moment {
    Moment {
        wall: Timestamp::from_second(1_764_000_000).unwrap(),
        monotonic: Instant::now(),
    }
}

fn minutes(n: u64) -> Duration {
    Duration::from_mins(n)
}

fn list(numbers: impl IntoIterator<Item = u64>) -> Vec<super::super::ListedAccount> {
    numbers.into_iter().map(member).collect()
}

fn uins(history: &History) -> Vec<Uin> {
    history.members().map(|known| known.member.uin).collect()
}

fn missing(history: &History) -> Vec<Uin> {
    let missing = history.members().filter(|known| known.is_missing());
    missing.map(|known| known.member.uin).collect()
}

#[test]
fn a_member_that_left_stays_for_an_hour_and_returns_as_if_it_never_left() {
    let start = start();
    let mut history = History::default();
    let at = |n| start.after(minutes(n));
    history.accept(list(0..10), at(0), RULES).unwrap();
    history.accept(list(1..10), at(10), RULES).unwrap();
    assert_eq!(missing(&history), [uin(0)]);
    let changes = history.accept(list(0..10), at(60), RULES).unwrap();
    assert_eq!(changes, ListChanges::default(), "it is back");
    assert_eq!(missing(&history), []);
    for n in [70, 100, 129] {
        history.accept(list(1..10), at(n), RULES).unwrap();
    }
    assert_eq!(missing(&history), [uin(0)], "59 minutes");
    let changes = history.accept(list(1..10), at(130), RULES).unwrap();
    assert_eq!(changes.removed, [uin(0)]);
    assert_eq!(history.len(), 9);
}

#[test]
fn a_member_is_dropped_by_the_third_list_that_lacks_it_at_the_earliest() {
    let start = start();
    let mut history = History::default();
    let day = Duration::from_hours(24);
    history.accept(list(0..10), start, RULES).unwrap();
    for n in 1..=2 {
        history
            .accept(list(1..10), start.after(day * n), RULES)
            .unwrap();
        assert_eq!(missing(&history), [uin(0)], "list {n}");
    }
    history
        .accept(list(1..10), start.after(day * 3), RULES)
        .unwrap();
    assert_eq!(history.len(), 9);
}

#[test]
fn a_list_that_lacks_more_than_a_tenth_and_more_than_three_is_refused() {
    for (members, gone, is_refused) in [
        (3, 3, true), // empty
        (4, 3, false),
        (10, 3, false),
        (10, 4, true),
        (40, 4, false),
        (40, 5, true),
        (3_000, 300, false),
        (3_000, 301, true),
    ] {
        let mut history = History::default();
        history.accept(list(0..members), start(), RULES).unwrap();
        let before = uins(&history);
        let result = history.accept(list(gone..members), start(), RULES);
        assert_eq!(result.is_err(), is_refused, "{gone} of {members}");
        assert_eq!(uins(&history), before, "{gone} of {members}");
    }
}

#[test]
fn an_operator_may_want_the_loss_but_never_an_empty_list() {
    let mut history = History::default();
    let wanted = ListRules {
        accepts_loss: true,
        ..RULES
    };
    assert_eq!(
        history.accept(Vec::new(), start(), wanted),
        Err(RefusedList::Empty)
    );
    history.accept(list(0..100), start(), RULES).unwrap();
    assert!(history.accept(list(0..10), start(), RULES).is_err());
    history.accept(list(0..10), start(), wanted).unwrap();
    assert_eq!(missing(&history).len(), 90);
    let elsewhere = ListRules {
        replaces: true,
        ..RULES
    };
    let changes = history.accept(list(200..210), start(), elsewhere).unwrap();
    assert_eq!((changes.added.len(), changes.removed.len()), (10, 100));
}

/// What a refresh of a random history brings.
#[derive(Clone, Debug)]
enum Event {
    /// Members join, and others leave.
    Changes {
        join: Vec<u8>,
        leave: Vec<u8>,
    },
    /// The list is read in part.
    Cut(usize),
    Empty,
    /// The refresh fails before there is a list.
    Failure,
    Operator,
}

fn event() -> impl Strategy<Value = Event> {
    let numbers = || prop::collection::vec(0u8..60, 0..3);
    prop_oneof![
        6 => (numbers(), numbers()).prop_map(|(join, leave)| Event::Changes { join, leave }),
        2 => (0usize..60).prop_map(Event::Cut),
        1 => Just(Event::Empty),
        2 => Just(Event::Failure),
        1 => Just(Event::Operator),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    /// No account is ever dropped by a list that was refused, cut or empty, nor before it was absent
    /// from accepted lists for as long as it is kept; and what stays gone is dropped.
    #[test]
    fn accounts_are_dropped_only_when_they_are_gone(
        events in prop::collection::vec((event(), 1u64..40), 1..60),
    ) {
        let start = start();
        let mut now = start;
        let mut history = History::default();
        let mut truth: BTreeSet<u64> = (0..30).collect();
        history.accept(list(truth.iter().copied()), now, RULES).unwrap();
        // Since when each known member has been absent from accepted lists, and from how many.
        let mut absent: BTreeMap<Uin, (Moment, u32)> = BTreeMap::new();
        for (event, pause) in events {
            now = now.after(minutes(pause));
            let before = uins(&history);
            let mut rules = RULES;
            let brought = match event {
                Event::Failure => continue,
                Event::Empty => Vec::new(),
                Event::Cut(n) => list(truth.iter().copied().take(n)),
                Event::Operator => {
                    rules.accepts_loss = true;
                    list(truth.iter().copied())
                }
                Event::Changes { join, leave } => {
                    for n in leave {
                        truth.remove(&u64::from(n));
                    }
                    for n in join {
                        truth.insert(u64::from(n));
                    }
                    list(truth.iter().copied())
                }
            };
            let listed: Vec<Uin> = brought.iter().map(|member| member.uin).collect();
            let known_listed = before.iter().filter(|uin| !absent.contains_key(*uin));
            let n_present = known_listed.clone().count();
            let n_gone = known_listed.filter(|uin| !listed.contains(*uin)).count();
            let is_mass_loss = n_gone > 3 && n_gone * 10 > n_present;
            match history.accept(brought, now, rules) {
                Err(_) => {
                    prop_assert!(listed.is_empty() || (is_mass_loss && !rules.accepts_loss));
                    prop_assert_eq!(uins(&history), before);
                    continue;
                }
                Ok(changes) => {
                    prop_assert!(!listed.is_empty());
                    prop_assert!(!is_mass_loss || rules.accepts_loss);
                    for uin in &before {
                        if listed.contains(uin) {
                            absent.remove(uin);
                            prop_assert!(!changes.removed.contains(uin));
                            continue;
                        }
                        let (since, lists) = absent.entry(*uin).or_insert((now, 0));
                        *lists += 1;
                        let is_due = now.age_of(*since) >= KEEP_FOR && *lists >= 3;
                        prop_assert_eq!(changes.removed.contains(uin), is_due, "{}", uin);
                        if is_due {
                            absent.remove(uin);
                        }
                    }
                    for uin in &listed {
                        prop_assert_eq!(changes.added.contains(uin), !before.contains(uin));
                    }
                }
            }
            let after = uins(&history);
            prop_assert!(listed.iter().all(|uin| after.contains(uin)), "listed members are known");
            prop_assert_eq!(missing(&history), absent.keys().copied().collect::<Vec<_>>());
        }
        // The organization stays as it is from now on.
        let settled: Vec<u64> = truth.iter().copied().collect();
        if settled.is_empty() {
            return Ok(());
        }
        let wanted = ListRules { accepts_loss: true, ..RULES };
        for _ in 0..8 {
            now = now.after(minutes(10));
            history.accept(list(settled.iter().copied()), now, wanted).unwrap();
        }
        let expected: Vec<Uin> = settled.into_iter().map(uin).collect();
        prop_assert_eq!(uins(&history), expected);
    }
}
