//! Users and passwords. What an answer says, and how long it takes, is the same for users that exist and for those that
//! do not.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderValue;
use rustls::crypto::aws_lc_rs;
use sha2::Sha256;
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{
    Refusal,
    attempt::Attempt,
    recent::{Digest, Recent},
};
use crate::config::web::PasswordHash;

/// Attempts that may wait for their turn: at a cost of 12, a quarter of a second each, the last one is answered
/// before a scraper gives up.
const MAX_WAITING: usize = 32;
/// Good attempts are few, and what floods the bad ones must not drive them out.
const MAX_GOOD: usize = 256;
const MAX_BAD: usize = 4096;

/// The users there are, and what came of recent attempts.
pub(super) struct Users {
    /// Of this process alone: what it was used for cannot be tried out elsewhere.
    key: [u8; 32],
    hashes: HashMap<Digest, PasswordHash>,
    highest_cost: u32,
    verdicts: Mutex<Verdicts>,
    waiting: Semaphore,
    /// One comparison at a time: they would take all processors.
    turn: Arc<Semaphore>,
}

struct Verdicts {
    good: Recent,
    bad: Recent,
}

impl Users {
    pub(super) fn new(users: &BTreeMap<String, PasswordHash>) -> Users {
        let mut key = [0; 32];
        let random = aws_lc_rs::default_provider().secure_random.fill(&mut key);
        random.expect("the operating system gives random numbers");
        let hashes = users
            .iter()
            .map(|(name, hash)| (digest(&key, &[name.as_bytes()]), hash.clone()))
            .collect();
        Users {
            key,
            hashes,
            highest_cost: users
                .values()
                .map(PasswordHash::cost)
                .max()
                .unwrap_or_default(),
            verdicts: Mutex::new(Verdicts {
                good: Recent::new(MAX_GOOD),
                bad: Recent::new(MAX_BAD),
            }),
            waiting: Semaphore::new(MAX_WAITING),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// Whether the header names a user and the password of that user.
    pub(super) async fn check(
        self: &Arc<Self>,
        authorization: Option<&HeaderValue>,
    ) -> Result<(), Refusal> {
        let attempt = authorization
            .and_then(Attempt::read)
            .ok_or(Refusal::Unauthorized)?;
        let digest = digest(&self.key, &[attempt.user(), attempt.password()]);
        if let Some(verdict) = self.verdict(&digest) {
            return verdict;
        }
        let _place = self.waiting.try_acquire().map_err(|_| Refusal::Busy)?;
        let turn = Arc::clone(&self.turn)
            .acquire_owned()
            .await
            .expect("is never closed");
        // Others may have asked the same meanwhile.
        if let Some(verdict) = self.verdict(&digest) {
            return verdict;
        }
        let users = Arc::clone(self);
        let compared = spawn_blocking(move || {
            let _turn = turn;
            let is_good = users.compare(&attempt);
            users.remember(digest, is_good);
            is_good
        });
        verdict(compared.await.expect("a panic ends the process"))
    }

    /// Takes the same time for all users and for none: 2 to the power of the highest cost rounds.
    fn compare(&self, attempt: &Attempt) -> bool {
        let known = self.hashes.get(&digest(&self.key, &[attempt.user()]));
        let is_good = known.is_some_and(|hash| hash.matches(attempt.password()));
        for cost in decoys(known.map(PasswordHash::cost), self.highest_cost) {
            std::hint::black_box(PasswordHash::decoy(cost).matches(attempt.password()));
        }
        is_good
    }

    fn verdict(&self, digest: &Digest) -> Option<Result<(), Refusal>> {
        let verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        let (is_good, is_bad) = (
            verdicts.good.contains(digest),
            verdicts.bad.contains(digest),
        );
        (is_good || is_bad).then(|| verdict(is_good))
    }

    fn remember(&self, digest: Digest, is_good: bool) {
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        if is_good {
            verdicts.good.insert(digest)
        } else {
            verdicts.bad.insert(digest)
        }
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Users({})", self.hashes.len())
    }
}

fn verdict(is_good: bool) -> Result<(), Refusal> {
    if is_good {
        Ok(())
    } else {
        Err(Refusal::Unauthorized)
    }
}

/// The costs of what is computed beside the user's own hash, if there is one. A cost of c takes 2^c rounds, and
/// 2^c + 2^c + 2^(c+1) + … + 2^(highest-1) = 2^highest.
fn decoys(own: Option<u32>, highest: u32) -> Range<u32> {
    own.map_or(highest..highest + 1, |own| own..highest)
}

/// Different for different parts: each is led by its length.
fn digest(key: &[u8; 32], parts: &[&[u8]]) -> Digest {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("takes keys of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use proptest::{prelude::*, proptest};
    use tokio::task::JoinSet;

    use super::*;
    use crate::config::web;

    /// As if it were configured.
    fn hash(password: &str, cost: u32) -> PasswordHash {
        let hash = bcrypt::hash(password, cost).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("w.yml");
        std::fs::write(&file, format!("basic_auth_users: {{a: \"{hash}\"}}\n")).unwrap();
        web::read(&file).outcome.unwrap().users.remove("a").unwrap()
    }

    fn users(users: &[(&str, &str, u32)]) -> Arc<Users> {
        let user = |(name, password, cost): &(&str, &str, u32)| {
            ((*name).to_owned(), hash(password, *cost))
        };
        Arc::new(Users::new(&users.iter().map(user).collect()))
    }

    fn header(user: &str, password: &str) -> HeaderValue {
        let credentials = STANDARD.encode(format!("{user}:{password}"));
        HeaderValue::try_from(format!("Basic {credentials}")).unwrap()
    }

    async fn check(users: &Arc<Users>, user: &str, password: &str) -> Result<(), Refusal> {
        users.check(Some(&header(user, password))).await
    }

    #[tokio::test]
    async fn a_user_comes_in_with_the_password_of_that_user() {
        let users = users(&[("alice", "secret", 4), ("bob", "geheim", 5), ("", "", 4)]);
        for _ in ["compared", "remembered"] {
            for (user, password) in [("alice", "secret"), ("bob", "geheim"), ("", "")] {
                assert_eq!(check(&users, user, password).await, Ok(()), "{user}");
            }
            let refused = Err(Refusal::Unauthorized);
            for (user, password) in [
                ("alice", "geheim"),
                ("alice", ""),
                ("carol", "secret"),
                ("Alice", "secret"),
                ("", "secret"),
            ] {
                assert_eq!(check(&users, user, password).await, refused, "{user}");
            }
            assert_eq!(users.check(None).await, refused);
            assert_eq!(
                users
                    .check(Some(&HeaderValue::from_static("Basic ?")))
                    .await,
                refused
            );
        }
    }

    /// The law behind "who does not exist costs what others cost": the same number of rounds for everybody.
    #[test]
    fn everybody_costs_two_to_the_power_of_the_highest_cost() {
        let rounds = |own: Option<u32>, highest| {
            let decoys: u64 = decoys(own, highest).map(|cost| 1 << cost).sum();
            own.map_or(0, |own| 1 << own) + decoys
        };
        for highest in 4..=31 {
            for own in (4..=highest).map(Some).chain([None]) {
                assert_eq!(rounds(own, highest), 1_u64 << highest, "{own:?} {highest}");
            }
        }
    }

    #[test]
    fn the_highest_cost_is_that_of_the_users() {
        assert_eq!(
            users(&[("a", "a", 5), ("b", "b", 6), ("c", "c", 4)]).highest_cost,
            6
        );
    }

    /// Someone who asks again and again does not make us compare again and again, and what is wrong does not drive out
    /// what is right.
    #[tokio::test]
    async fn verdicts_are_remembered_up_to_a_bound() {
        let users = users(&[("alice", "secret", 4)]);
        assert_eq!(check(&users, "alice", "secret").await, Ok(()));
        for n in 0..MAX_BAD + 10 {
            users.remember(digest(&users.key, &[&n.to_le_bytes()]), false);
        }
        let all_turns = users.turn.acquire_many(1).await.unwrap();
        assert_eq!(
            check(&users, "alice", "secret").await,
            Ok(()),
            "without a turn"
        );
        drop(all_turns);
        let first = digest(&users.key, &[&0_usize.to_le_bytes()]);
        let last = digest(&users.key, &[&(MAX_BAD + 9).to_le_bytes()]);
        assert_eq!(users.verdict(&first), None);
        assert_eq!(users.verdict(&last), Some(Err(Refusal::Unauthorized)));
    }

    #[tokio::test]
    async fn a_flood_of_wrong_passwords_waits_in_a_bounded_queue_and_leaves_known_users_alone() {
        let users = users(&[("alice", "secret", 4)]);
        assert_eq!(check(&users, "alice", "secret").await, Ok(()));
        let turn = users.turn.acquire().await.unwrap();
        let mut flood = JoinSet::new();
        for n in 0..200 {
            let users = Arc::clone(&users);
            flood.spawn(async move { check(&users, "alice", &n.to_string()).await });
        }
        for _ in MAX_WAITING..200 {
            assert_eq!(
                flood.join_next().await.unwrap().unwrap(),
                Err(Refusal::Busy)
            );
        }
        assert_eq!(check(&users, "alice", "secret").await, Ok(()));
        drop(turn);
        let refused = flood.join_all().await;
        assert_eq!(refused, vec![Err(Refusal::Unauthorized); MAX_WAITING]);
    }

    #[tokio::test]
    async fn who_asks_the_same_at_once_waits_for_one_comparison() {
        let users = users(&[("alice", "secret", 4)]);
        let turn = users.turn.acquire().await.unwrap();
        let mut asking = JoinSet::new();
        for _ in 0..MAX_WAITING {
            let users = Arc::clone(&users);
            asking.spawn(async move { check(&users, "alice", "wrong").await });
        }
        while users.waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        // A comparison would say otherwise.
        users.remember(digest(&users.key, &[b"alice", b"wrong"]), true);
        drop(turn);
        assert_eq!(asking.join_all().await, [Ok(()); MAX_WAITING]);
    }

    #[test]
    fn no_debug_shows_who_there_is() {
        assert_eq!(
            format!("{:?}", users(&[("alice", "secret", 4)])),
            "Users(1)"
        );
    }

    proptest! {
        #[test]
        fn different_attempts_are_remembered_apart(
            a in ("[a:\\x00]{0,3}", "[a:\\x00]{0,3}"),
            b in ("[a:\\x00]{0,3}", "[a:\\x00]{0,3}"),
        ) {
            let of = |(user, password): &(String, String)| digest(&[7; 32], &[user.as_bytes(), password.as_bytes()]);
            prop_assert_eq!(a == b, of(&a) == of(&b));
        }
    }

    #[test]
    fn a_digest_is_of_its_process() {
        let digest = |users: &Users| digest(&users.key, &[b"alice", b"secret"]);
        assert_ne!(digest(&users(&[])), digest(&users(&[])));
    }
}
