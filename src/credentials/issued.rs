//! Credentials that were given out.

use std::time::Duration;

use jiff::Timestamp;

use super::CredentialsError;
use crate::{domain::Moment, signer::Credentials};

/// What a source gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fetched {
    pub(super) credentials: Credentials,
    pub(super) identity: String,
    pub(super) origin: String,
    pub(super) expires: Option<Timestamp>,
}

impl Fetched {
    /// Keys that were written down at `origin`, and that nobody says how long they hold. Long-term keys are counted by their
    /// `SecretId`; temporary ones by their role, of which all that is known is where its keys are written.
    pub(super) fn written(credentials: Credentials, origin: String) -> Fetched {
        let identity = match credentials.token {
            None => credentials.secret_id.clone(),
            Some(_) => origin.clone(),
        };
        Fetched {
            credentials,
            identity,
            origin,
            expires: None,
        }
    }
}

/// Credentials to sign with.
#[derive(Clone, Debug)]
pub struct Issued {
    /// What to sign with.
    pub credentials: Credentials,
    /// What the API counts by: the `SecretId` of long-term keys, the role of temporary ones.
    pub identity: String,
    /// Where they come from, for people.
    pub origin: String,
    /// When they expire; none for those that do not, or that do not say.
    pub expires: Option<Timestamp>,
    /// The higher, the newer: two of one provider are the same credentials where this is the same.
    pub serial: u64,
    /// When they were asked for.
    as_of: Moment,
}

impl Issued {
    pub(super) fn new(fetched: Fetched, serial: u64, as_of: Moment) -> Issued {
        let Fetched {
            credentials,
            identity,
            origin,
            expires,
        } = fetched;
        Issued {
            credentials,
            identity,
            origin,
            expires,
            serial,
            as_of,
        }
    }

    /// How long they hold from `now` on; none for those that do not expire. A clock that was set back does not make
    /// them last longer, and a machine that slept did not stop the issuer's clock.
    pub(super) fn remaining(&self, now: Moment) -> Option<Duration> {
        let lifetime = self.expires?.duration_since(self.as_of.wall);
        Some(
            Duration::try_from(lifetime)
                .unwrap_or_default()
                .saturating_sub(now.age_of(self.as_of)),
        )
    }

    pub(super) fn is_expired(&self, now: Moment) -> bool {
        self.remaining(now) == Some(Duration::ZERO)
    }

    /// Those that have expired already are of no use, however new.
    pub(super) fn not_expired(self) -> Result<Issued, CredentialsError> {
        match self.expires {
            Some(at) if self.is_expired(self.as_of) => Err(CredentialsError::broken(format!(
                "{} gives credentials that expired at {at}; renew them there, or set the clock of this machine",
                self.origin
            ))),
            _ => Ok(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signer::Secret;

    fn issued(lasting: i64) -> (Issued, Moment) {
        let wall = Timestamp::from_second(1_764_000_000).unwrap();
        let start = Moment {
            wall,
            monotonic: tokio::time::Instant::now(),
        };
        let fetched = Fetched {
            credentials: Credentials {
                secret_id: "id".into(),
                secret_key: Secret::new("key".into()),
                token: None,
            },
            identity: "role".into(),
            origin: "test".into(),
            expires: Some(Timestamp::from_second(1_764_000_000 + lasting).unwrap()),
        };
        (Issued::new(fetched, 1, start), start)
    }

    #[test]
    fn they_expire_by_whichever_clock_says_so_first() {
        let (issued, start) = issued(100);
        let moment = |wall: i64, monotonic: u64| Moment {
            wall: Timestamp::from_second(1_764_000_000 + wall).unwrap(),
            monotonic: start.monotonic + Duration::from_secs(monotonic),
        };
        assert_eq!(
            issued.remaining(moment(40, 40)),
            Some(Duration::from_secs(60))
        );
        assert!(!issued.is_expired(moment(99, 99)));
        assert!(issued.is_expired(moment(100, 100)));
        assert!(issued.is_expired(moment(100, 1)), "the machine slept");
        assert!(
            issued.is_expired(moment(-3_600, 100)),
            "the wall clock was set back"
        );
    }

    #[test]
    fn those_that_expired_before_they_came_are_an_error() {
        for lasting in [0, -1, -100_000] {
            let error = issued(lasting).0.not_expired().unwrap_err().to_string();
            assert!(
                error.contains("expired at 2025-11-2") && error.contains("set the clock"),
                "{error}"
            );
        }
        assert!(issued(1).0.not_expired().is_ok());
    }
}
