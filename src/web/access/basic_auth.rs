//! HTTP basic authentication.
//!
//! Neither the response nor its timing tells whether a user exists.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    net::IpAddr,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard},
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderValue;
use rustls::crypto::aws_lc_rs;
use sha2::Sha256;
use tokio::sync::oneshot;

use super::{
    AccessError,
    bounded_set::{BoundedSet, LoginDigest},
    login::Login,
    login_queue::LoginQueue,
};
use crate::{config::web::PasswordHash, sync::lock, workers::WorkerPool};

/// Valid and invalid logins are cached apart, so that a flood of wrong passwords does not evict the
/// few valid logins.
const MAX_CACHED_VALID: usize = 256;
const MAX_CACHED_INVALID: usize = 4096;

/// Verifies users and passwords, and caches the results.
pub(super) struct BasicAuth {
    users: BTreeMap<String, PasswordHash>,
    /// By digest of the user name, so that a look-up takes the same time for every name.
    hashes: HashMap<LoginDigest, PasswordHash>,
    highest_cost: u32,
    /// Random per process, so that digests cannot be computed elsewhere.
    key: [u8; 32],
    cache: Mutex<LoginCache>,
    queue: Mutex<LoginQueue<WaitingLogin>>,
    /// One thread: concurrent comparisons would take all CPUs.
    comparisons: WorkerPool,
}

/// A login that waits for its comparison.
struct WaitingLogin {
    login: Login,
    digest: LoginDigest,
    reply: oneshot::Sender<bool>,
}

struct LoginCache {
    valid: BoundedSet,
    invalid: BoundedSet,
}

impl BasicAuth {
    pub(super) fn new(users: BTreeMap<String, PasswordHash>) -> BasicAuth {
        let mut key = [0; 32];
        aws_lc_rs::default_provider()
            .secure_random
            .fill(&mut key)
            .expect("the operating system provides random numbers");
        let mut hashes = HashMap::new();
        let mut highest_cost = 0;
        for (name, hash) in &users {
            hashes.insert(digest(&key, &[name.as_bytes()]), hash.clone());
            highest_cost = highest_cost.max(hash.cost());
        }
        BasicAuth {
            users,
            hashes,
            highest_cost,
            key,
            cache: Mutex::new(LoginCache {
                valid: BoundedSet::new(MAX_CACHED_VALID),
                invalid: BoundedSet::new(MAX_CACHED_INVALID),
            }),
            queue: Mutex::default(),
            comparisons: WorkerPool::new("password", 1),
        }
    }

    pub(super) fn users(&self) -> &BTreeMap<String, PasswordHash> {
        &self.users
    }

    /// Whether the header contains a user and the password of that user.
    pub(super) async fn check(
        self: &Arc<Self>,
        client: Option<IpAddr>,
        authorization: Option<&HeaderValue>,
    ) -> Result<(), AccessError> {
        let Some(login) = authorization.and_then(Login::parse) else {
            return Err(AccessError::Unauthorized);
        };
        let digest = digest(&self.key, &[login.user(), login.password()]);
        if let Some(is_valid) = self.cached(&digest) {
            return allow_if(is_valid);
        }
        // The queue is bounded and fair: under a flood of wrong passwords, its clients get an error,
        // while the first login of another client or user has its turn soon. Logins that were
        // verified before are answered from the cache above.
        let user = self::digest(&self.key, &[login.user()]);
        let (reply, outcome) = oneshot::channel();
        let waiting = WaitingLogin {
            login,
            digest,
            reply,
        };
        if !self.queue().push(client, user, waiting) {
            return Err(AccessError::Busy);
        }
        let auth = Arc::clone(self);
        let work = Box::new(move || auth.compare_next());
        if self.comparisons.submit(work).is_err() {
            return Err(AccessError::Busy);
        }
        match outcome.await {
            Ok(is_valid) => allow_if(is_valid),
            // Displaced by a client with fewer logins.
            Err(_) => Err(AccessError::Busy),
        }
    }

    fn queue(&self) -> MutexGuard<'_, LoginQueue<WaitingLogin>> {
        lock(&self.queue)
    }

    /// Compares the login whose turn it is. Called once for each login in the queue.
    fn compare_next(&self) {
        loop {
            // A variable of its own: the lock must not be held during the comparison.
            let next = self.queue().pop();
            let Some(WaitingLogin {
                login,
                digest,
                reply,
            }) = next
            else {
                return;
            };
            // The client disconnected while it was waiting.
            if reply.is_closed() {
                continue;
            }
            // The same login may have been compared while this one was waiting.
            if let Some(is_valid) = self.cached(&digest) {
                let _ = reply.send(is_valid);
                continue;
            }
            let is_valid = self.compare(&login);
            self.remember(digest, is_valid);
            let _ = reply.send(is_valid);
            return;
        }
    }

    /// Compares the password with the hash of its user.
    ///
    /// The cost is the same for all users and for unknown ones: 2^`highest_cost` rounds of bcrypt.
    /// Otherwise the response time would tell which users exist, or which have a cheap hash.
    fn compare(&self, login: &Login) -> bool {
        let mut is_valid = false;
        let mut own_cost = None;
        if let Some(hash) = self.hashes.get(&digest(&self.key, &[login.user()])) {
            is_valid = hash.matches(login.password());
            own_cost = Some(hash.cost());
        }
        for cost in decoy_costs(own_cost, self.highest_cost) {
            // `black_box` keeps the compiler from removing a comparison whose result is unused.
            std::hint::black_box(PasswordHash::decoy(cost).matches(login.password()));
        }
        is_valid
    }

    /// Whether a login is valid, if it was compared recently.
    fn cached(&self, digest: &LoginDigest) -> Option<bool> {
        let cache = lock(&self.cache);
        // Both sets are always searched, so that the time is the same for valid and invalid logins.
        let is_valid = cache.valid.contains(digest);
        let is_invalid = cache.invalid.contains(digest);
        if !is_valid && !is_invalid {
            return None;
        }
        Some(is_valid)
    }

    fn remember(&self, digest: LoginDigest, is_valid: bool) {
        let mut cache = lock(&self.cache);
        if is_valid {
            cache.valid.insert(digest);
        } else {
            cache.invalid.insert(digest);
        }
    }
}

impl fmt::Debug for BasicAuth {
    /// Without the names of the users.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BasicAuth({} users)", self.users.len())
    }
}

fn allow_if(is_valid: bool) -> Result<(), AccessError> {
    if is_valid {
        Ok(())
    } else {
        Err(AccessError::Unauthorized)
    }
}

/// The costs of the decoy hashes to compare in addition to the user's own hash.
///
/// A hash of cost c takes 2^c rounds. An unknown user takes one decoy of the highest cost; a user
/// with a lower cost is topped up, since 2^c + (2^c + 2^(c+1) + … + 2^(highest-1)) = 2^highest.
fn decoy_costs(own: Option<u32>, highest: u32) -> Range<u32> {
    match own {
        Some(own) => own..highest,
        None => highest..highest + 1,
    }
}

/// A keyed hash of `parts`. Each part is preceded by its length, so that ("a", "bc") and ("ab", "c")
/// have different digests.
fn digest(key: &[u8; 32], parts: &[&[u8]]) -> LoginDigest {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC accepts keys of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use std::sync::mpsc;

    use proptest::{prelude::*, proptest};
    use tokio::task::JoinSet;

    use super::{super::login_queue::MAX_WAITING_PER_CLIENT, *};
    use crate::config::web;

    /// Read from a file, as in production.
    fn hash(password: &str, cost: u32) -> PasswordHash {
        let hash = bcrypt::hash(password, cost).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("w.yml");
        std::fs::write(&file, format!("basic_auth_users: {{a: \"{hash}\"}}\n")).unwrap();
        web::read(&file).outcome.unwrap().users.remove("a").unwrap()
    }

    fn basic_auth(users: &[(&str, &str, u32)]) -> Arc<BasicAuth> {
        let mut hashes = BTreeMap::new();
        for (name, password, cost) in users {
            hashes.insert((*name).to_owned(), hash(password, *cost));
        }
        Arc::new(BasicAuth::new(hashes))
    }

    fn header(user: &str, password: &str) -> HeaderValue {
        let credentials = STANDARD.encode(format!("{user}:{password}"));
        HeaderValue::try_from(format!("Basic {credentials}")).unwrap()
    }

    async fn check(auth: &Arc<BasicAuth>, user: &str, password: &str) -> Result<(), AccessError> {
        auth.check(None, Some(&header(user, password))).await
    }

    /// Occupies the thread of comparisons until the sender is dropped.
    fn occupied(auth: &BasicAuth) -> mpsc::Sender<()> {
        let (release, hold) = mpsc::channel();
        let work = Box::new(move || {
            let _ = hold.recv();
        });
        assert!(auth.comparisons.submit(work).is_ok());
        release
    }

    #[tokio::test]
    async fn a_login_needs_a_user_and_the_password_of_that_user() {
        let auth = basic_auth(&[("alice", "secret", 4), ("bob", "geheim", 5), ("", "", 4)]);
        for _ in ["compared", "cached"] {
            for (user, password) in [("alice", "secret"), ("bob", "geheim"), ("", "")] {
                assert_eq!(check(&auth, user, password).await, Ok(()), "{user}");
            }
            let denied = Err(AccessError::Unauthorized);
            for (user, password) in [
                ("alice", "geheim"),
                ("alice", ""),
                ("carol", "secret"),
                ("Alice", "secret"),
                ("", "secret"),
            ] {
                assert_eq!(check(&auth, user, password).await, denied, "{user}");
            }
            assert_eq!(auth.check(None, None).await, denied);
            assert_eq!(
                auth.check(None, Some(&HeaderValue::from_static("Basic ?")))
                    .await,
                denied
            );
        }
    }

    /// Response times do not tell users apart: every login takes the same number of rounds.
    #[test]
    fn every_login_takes_two_to_the_power_of_the_highest_cost_rounds() {
        let rounds = |own: Option<u32>, highest| {
            let decoys: u64 = decoy_costs(own, highest).map(|cost| 1 << cost).sum();
            own.map_or(0, |own| 1 << own) + decoys
        };
        for highest in 4..=31 {
            for own in (4..=highest).map(Some).chain([None]) {
                assert_eq!(rounds(own, highest), 1_u64 << highest, "{own:?} {highest}");
            }
        }
    }

    #[test]
    fn the_highest_cost_is_that_of_the_most_expensive_hash() {
        assert_eq!(
            basic_auth(&[("a", "a", 5), ("b", "b", 6), ("c", "c", 4)]).highest_cost,
            6
        );
    }

    /// Repeated logins are not compared again, and invalid logins do not evict valid ones.
    #[tokio::test]
    async fn results_are_cached_up_to_a_limit() {
        let auth = basic_auth(&[("alice", "secret", 4)]);
        assert_eq!(check(&auth, "alice", "secret").await, Ok(()));
        for n in 0..MAX_CACHED_INVALID + 10 {
            auth.remember(digest(&auth.key, &[&n.to_le_bytes()]), false);
        }
        let comparison = occupied(&auth);
        assert_eq!(
            check(&auth, "alice", "secret").await,
            Ok(()),
            "without a comparison"
        );
        drop(comparison);
        let first = digest(&auth.key, &[&0_usize.to_le_bytes()]);
        let last = digest(&auth.key, &[&(MAX_CACHED_INVALID + 9).to_le_bytes()]);
        assert_eq!(auth.cached(&first), None);
        assert_eq!(auth.cached(&last), Some(false));
    }

    #[tokio::test]
    async fn a_flood_of_wrong_passwords_waits_in_a_bounded_queue_and_does_not_delay_cached_users() {
        let auth = basic_auth(&[("alice", "secret", 4)]);
        assert_eq!(check(&auth, "alice", "secret").await, Ok(()));
        let comparison = occupied(&auth);
        let mut flood = JoinSet::new();
        for n in 0..200 {
            let auth = Arc::clone(&auth);
            flood.spawn(async move { check(&auth, "alice", &n.to_string()).await });
        }
        for _ in MAX_WAITING_PER_CLIENT..200 {
            assert_eq!(
                flood.join_next().await.unwrap().unwrap(),
                Err(AccessError::Busy)
            );
        }
        assert_eq!(check(&auth, "alice", "secret").await, Ok(()));
        drop(comparison);
        let denied = flood.join_all().await;
        assert_eq!(
            denied,
            vec![Err(AccessError::Unauthorized); MAX_WAITING_PER_CLIENT]
        );
    }

    /// As after a restart under a flood, when no login is cached.
    #[tokio::test]
    async fn the_first_login_of_another_client_or_user_overtakes_a_flood() {
        let auth = basic_auth(&[("alice", "secret", 4), ("bob", "geheim", 4)]);
        let comparison = occupied(&auth);
        let flooder = Some(IpAddr::from([10, 0, 0, 1]));
        let mut flood = JoinSet::new();
        for n in 0..40 {
            let auth = Arc::clone(&auth);
            flood.spawn(async move {
                let header = header("alice", &n.to_string());
                auth.check(flooder, Some(&header)).await
            });
        }
        while auth.queue().len() < 40 {
            tokio::task::yield_now().await;
        }
        let mut logins = JoinSet::new();
        let logged_in = [
            (Some(IpAddr::from([10, 0, 0, 2])), header("alice", "secret")),
            (flooder, header("bob", "geheim")),
        ];
        for (client, header) in logged_in {
            let auth = Arc::clone(&auth);
            logins.spawn(async move {
                let outcome = auth.check(client, Some(&header)).await;
                (outcome, auth.queue().len())
            });
        }
        while auth.queue().len() < 42 {
            tokio::task::yield_now().await;
        }
        drop(comparison);
        for (outcome, n_left) in logins.join_all().await {
            assert_eq!(outcome, Ok(()));
            assert!(n_left > 20, "{n_left}");
        }
    }

    #[tokio::test]
    async fn identical_concurrent_logins_share_one_comparison() {
        let auth = basic_auth(&[("alice", "secret", 4)]);
        let comparison = occupied(&auth);
        let mut logins = JoinSet::new();
        for _ in 0..MAX_WAITING_PER_CLIENT {
            let auth = Arc::clone(&auth);
            logins.spawn(async move { check(&auth, "alice", "wrong").await });
        }
        while auth.queue().len() < MAX_WAITING_PER_CLIENT {
            tokio::task::yield_now().await;
        }
        // A comparison would give the opposite result.
        auth.remember(digest(&auth.key, &[b"alice", b"wrong"]), true);
        drop(comparison);
        assert_eq!(logins.join_all().await, [Ok(()); MAX_WAITING_PER_CLIENT]);
    }

    #[test]
    fn debug_output_does_not_name_users() {
        assert_eq!(
            format!("{:?}", basic_auth(&[("alice", "secret", 4)])),
            "BasicAuth(1 users)"
        );
    }

    proptest! {
        #[test]
        fn different_logins_have_different_digests(
            a in ("[a:\\x00]{0,3}", "[a:\\x00]{0,3}"),
            b in ("[a:\\x00]{0,3}", "[a:\\x00]{0,3}"),
        ) {
            let digest_of = |(user, password): &(String, String)| digest(&[7; 32], &[user.as_bytes(), password.as_bytes()]);
            prop_assert_eq!(a == b, digest_of(&a) == digest_of(&b));
        }
    }

    #[test]
    fn digests_differ_between_processes() {
        let digest = |auth: &BasicAuth| digest(&auth.key, &[b"alice", b"secret"]);
        assert_ne!(digest(&basic_auth(&[])), digest(&basic_auth(&[])));
    }
}
