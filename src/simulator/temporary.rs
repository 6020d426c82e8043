//! Temporary credentials, without a table of those that were issued: the ID contains the identity and the expiry, and
//! key and token are derived from it.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::signer::{Credentials, Secret};

const PREFIX: &str = "AKIDtemporary";

/// The identity and the expiry of temporary credentials, and a number that makes them unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Temporary {
    /// The index of the identity whose role was assumed.
    pub(super) identity: usize,
    /// They expire at the start of this second.
    pub(super) expires: Timestamp,
    nonce: u128,
}

impl Temporary {
    /// In whole seconds, as in the API: the lifetime is up to a second shorter than `lifetime`.
    pub(super) fn new(
        identity: usize,
        now: Timestamp,
        lifetime: Duration,
        nonce: u128,
    ) -> Temporary {
        let expires = now.as_second().saturating_add_unsigned(lifetime.as_secs());
        Temporary {
            identity,
            expires: Timestamp::from_second(expires).unwrap_or(Timestamp::MAX),
            nonce,
        }
    }

    /// Reads an ID; `None` if it is not that of temporary credentials.
    pub(super) fn parse(secret_id: &str) -> Option<Temporary> {
        let digits = secret_id.strip_prefix(PREFIX)?;
        let (identity, rest) = digits.split_at_checked(8)?;
        let (expires, nonce) = rest.split_at_checked(16)?;
        // Hexadecimal digits can be written in several ways; only the form that is issued is
        // accepted.
        let temporary = Temporary {
            identity: usize::from_str_radix(identity, 16).ok()?,
            expires: Timestamp::from_second(i64::from_str_radix(expires, 16).ok()?).ok()?,
            nonce: u128::from_str_radix(nonce, 16).ok()?,
        };
        if temporary.secret_id() != secret_id {
            return None;
        }
        Some(temporary)
    }

    fn secret_id(self) -> String {
        format!(
            "{PREFIX}{:08x}{:016x}{:032x}",
            self.identity,
            self.expires.as_second(),
            self.nonce
        )
    }

    /// As the API sends them.
    pub(super) fn issue(self, seed: u64) -> IssuedCredentials {
        let secret_id = self.secret_id();
        // Derived, so that the simulator need not remember them and a restart does not revoke them.
        IssuedCredentials {
            token: derive(seed, "token", &secret_id),
            tmp_secret_key: derive(seed, "key", &secret_id),
            tmp_secret_id: secret_id,
        }
    }

    /// As their owner uses them to sign.
    pub(super) fn credentials(self, seed: u64) -> Credentials {
        let IssuedCredentials {
            token,
            tmp_secret_id,
            tmp_secret_key,
        } = self.issue(seed);
        Credentials {
            secret_id: tmp_secret_id,
            secret_key: Secret::new(tmp_secret_key),
            token: Some(Secret::new(token)),
        }
    }
}

fn derive(seed: u64, what: &str, secret_id: &str) -> String {
    hex::encode(Sha256::digest(format!("{seed} {what} {secret_id}")))
}

/// What the owner needs to sign.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct IssuedCredentials {
    token: String,
    tmp_secret_id: String,
    tmp_secret_key: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    #[test]
    fn an_id_contains_identity_and_expiry() {
        let temporary = Temporary::new(3, NOW, Duration::from_hours(2), 7);
        let id = temporary.issue(1).tmp_secret_id;
        assert_eq!(Temporary::parse(&id), Some(temporary));
        assert_eq!(temporary.expires.as_second(), 7200);
    }

    #[test]
    fn an_id_that_was_not_issued_is_not_read() {
        let id = Temporary::new(3, NOW, Duration::from_hours(2), 7)
            .issue(1)
            .tmp_secret_id;
        for bad in [
            "",
            "AKIDprod",
            PREFIX,
            &id[..id.len() - 1],
            &format!("{id}0"),
            &id.replace("00000003", "+0000003"),
        ] {
            assert_eq!(Temporary::parse(bad), None, "{bad}");
        }
        assert_eq!(
            Temporary::parse(&id.replace("00000003", "中00000")),
            None,
            "not ASCII"
        );
    }

    #[test]
    fn keys_and_tokens_depend_on_id_and_seed() {
        let all = [(0, 1), (0, 2), (1, 1)]
            .map(|(seed, nonce)| Temporary::new(0, NOW, Duration::from_secs(1), nonce).issue(seed));
        let mut secrets: Vec<_> = all
            .iter()
            .flat_map(|issued| [&issued.token, &issued.tmp_secret_key])
            .collect();
        secrets.sort();
        secrets.dedup();
        assert_eq!(secrets.len(), 6);
    }
}
