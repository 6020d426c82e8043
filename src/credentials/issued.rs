//! Credentials that a source returned.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use super::CredentialsError;
use crate::{
    domain::Moment,
    signer::{Credentials, InvalidCredentials, Secret},
};

/// What one read of a source returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fetched {
    pub(super) credentials: Credentials,
    pub(super) identity: String,
    pub(super) origin: String,
    pub(super) expires: Option<Timestamp>,
}

impl Fetched {
    /// Keys that are stored at `origin`, which does not say when they expire.
    pub(super) fn stored(credentials: Credentials, origin: String) -> Fetched {
        // The API counts long-term keys by their SecretId and temporary keys by their role. The
        // role of stored temporary keys is not known, so their place has to represent it.
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

/// Keys of a role, as STS and the metadata service return them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TemporaryKeys {
    tmp_secret_id: String,
    tmp_secret_key: Secret,
    token: Secret,
}

impl TemporaryKeys {
    pub(super) fn into_credentials(self) -> Result<Credentials, InvalidCredentials> {
        Credentials::checked(self.tmp_secret_id, self.tmp_secret_key, Some(self.token))
    }
}

/// Credentials to sign with.
#[derive(Clone, Debug)]
pub struct Issued {
    pub credentials: Credentials,
    /// What the API counts requests by: the `SecretId` of long-term keys, the role of temporary
    /// ones.
    pub identity: String,
    /// Where they come from, for logs and tables.
    pub origin: String,
    /// None where they do not expire, or their source does not say when.
    pub expires: Option<Timestamp>,
    /// Increases with each change: two of one provider with the same serial have the same
    /// credentials.
    pub serial: u64,
    /// When they were requested.
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

    /// How long they are valid from `now` on. None where they do not expire.
    pub(super) fn remaining(&self, now: Moment) -> Option<Duration> {
        let lifetime = self.expires?.duration_since(self.as_of.wall);
        let lifetime = Duration::try_from(lifetime).unwrap_or_default();
        // The age follows both clocks: setting the wall clock back does not extend the validity,
        // and the time that a machine was suspended counts.
        Some(lifetime.saturating_sub(now.age_of(self.as_of)))
    }

    pub(super) fn is_expired(&self, now: Moment) -> bool {
        self.remaining(now) == Some(Duration::ZERO)
    }

    /// Fails where they had expired before they were requested.
    pub(super) fn check_not_expired(&self) -> Result<(), CredentialsError> {
        match self.expires {
            Some(at) if self.is_expired(self.as_of) => Err(CredentialsError::permanent(format!(
                "{} returned credentials that expired at {at}; replace them there, or set the clock of this machine",
                self.origin
            ))),
            _ => Ok(()),
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
    fn they_expire_by_the_clock_that_reaches_it_first() {
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
        assert!(
            issued.is_expired(moment(100, 1)),
            "the machine was suspended"
        );
        assert!(
            issued.is_expired(moment(-3_600, 100)),
            "the wall clock was set back"
        );
    }

    #[test]
    fn those_that_had_expired_when_requested_are_an_error() {
        for lasting in [0, -1, -100_000] {
            let error = issued(lasting)
                .0
                .check_not_expired()
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("expired at 2025-11-2") && error.contains("set the clock"),
                "{error}"
            );
        }
        assert!(issued(1).0.check_not_expired().is_ok());
    }
}
