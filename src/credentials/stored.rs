//! What a file or the environment says about whose keys to use, and the request that follows from it.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    AssumeRole, CredentialsError, CvmRole, Issued, RefreshContext, Sts,
    assume_role::{is_role_arn, is_session_name},
    issued::Fetched,
    schedule::{refresh_after, retry_after},
};
use crate::domain::{Endpoint, Moment};

/// Parts of the names of settings that may say whose keys to use. A source that has such a setting
/// and is read without it would use another identity than the one that its owner chose.
const IDENTITY_WORDS: [&str; 16] = [
    "role", "arn", "source", "process", "identity", "sso", "saml", "oidc", "mfa", "external",
    "assume", "session", "provider", "federat", "type", "uin",
];

/// What a file or the environment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    Keys(Fetched),
    Role(Box<StoredRole>),
    /// The role of the CVM instance.
    Machine(CvmRole),
}

/// A role, and the keys that assume it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredRole {
    caller: Fetched,
    role: AssumeRole,
}

/// What the settings of a source say about a role.
#[derive(Default)]
pub(super) struct RoleSettings {
    pub(super) role_arn: Option<String>,
    pub(super) session_name: Option<String>,
    pub(super) external_id: Option<String>,
}

impl RoleSettings {
    /// `keys`, or the role that they assume where one is set. Fails for a role that is not valid.
    pub(super) fn apply(self, keys: Fetched, sts: &Endpoint) -> Result<Stored, &'static str> {
        let Some(role_arn) = self.role_arn else {
            return Ok(Stored::Keys(keys));
        };
        if !is_role_arn(&role_arn) {
            return Err("has a role ARN that is not valid, expected for example \
                 qcs::cam::uin/100000000001:roleName/tcss-exporter");
        }
        let session_name = match self.session_name {
            Some(name) => name,
            None => AssumeRole::DEFAULT_SESSION_NAME.to_owned(),
        };
        if !is_session_name(&session_name) {
            return Err(
                "has a role session name that is not valid, expected 2 to 128 letters, digits and =,.@_-",
            );
        }
        let role = AssumeRole {
            role_arn,
            session_name,
            external_id: self.external_id,
            duration: AssumeRole::DEFAULT_DURATION,
            sts: Sts {
                endpoint: sts.clone(),
                region: Sts::default_region(),
            },
            is_discovered: false,
            source: super::Source::Static(keys.credentials.clone()),
        };
        Ok(Stored::Role(Box::new(StoredRole { caller: keys, role })))
    }
}

impl Stored {
    /// Whether the keys themselves are the credentials.
    #[cfg(test)]
    pub(super) fn is_keys(&self) -> bool {
        matches!(self, Stored::Keys(_))
    }

    /// The credentials. Makes a request where keys alone are not enough.
    pub(super) async fn request(
        &self,
        context: &RefreshContext,
    ) -> Result<Fetched, CredentialsError> {
        match self {
            Stored::Keys(keys) => Ok(keys.clone()),
            Stored::Role(stored) => {
                let caller = Issued::new(stored.caller.clone(), 1, context.clock.now());
                stored.role.fetch(&caller, context).await
            }
            Stored::Machine(role) => role.fetch(context).await,
        }
    }
}

/// Refuses the first of `names`, the settings of a source that this program does not know, which may
/// say whose keys to use. `place` is a section, or empty.
pub(super) fn refuse_unknown_identity<'a>(
    names: impl Iterator<Item = &'a str>,
    place: &str,
) -> Result<(), CredentialsError> {
    for name in names {
        let lower = name.to_ascii_lowercase();
        if !IDENTITY_WORDS.iter().any(|word| lower.contains(word)) {
            continue;
        }
        // Anything but a plain word may be a value in the wrong place.
        let is_plain = name.len() <= 40
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        let name = if is_plain { name } else { "(unreadable)" };
        return Err(CredentialsError::permanent(format!(
            "has the setting {name}{place}, which tcss-exporter does not support and which may select another identity; \
             remove it, or configure credentials.assume_role with a role_arn and a source"
        )));
    }
    Ok(())
}

/// The last request that followed from a file. The file is read every few seconds, but the request
/// is repeated only when it is due.
#[derive(Debug)]
pub(super) struct LastRequest {
    stored: Stored,
    /// None where it failed.
    fetched: Option<Fetched>,
    /// In a row.
    failures: u32,
    due: Instant,
}

impl LastRequest {
    /// Makes the request. Stores it in `last`, also where it fails.
    pub(super) async fn make(
        last: &mut Option<LastRequest>,
        stored: Stored,
        context: &RefreshContext,
    ) -> Result<Fetched, CredentialsError> {
        let failures = match last {
            // Other content of the file makes another request, which has not failed yet.
            Some(last) if last.stored == stored => last.failures,
            _ => 0,
        };
        let outcome = stored.request(context).await;
        let now = context.clock.now();
        let (fetched, failures, delay) = match &outcome {
            Ok(fetched) => (Some(fetched.clone()), 0, lifetime(fetched, now)),
            Err(error) => {
                let failures = failures.saturating_add(1);
                (None, failures, retry_after(error, failures, None))
            }
        };
        *last = Some(LastRequest {
            stored,
            fetched,
            failures,
            due: now.monotonic + delay,
        });
        outcome
    }

    /// Whether the same request would be too early.
    pub(super) fn covers(&self, stored: &Stored, now: Moment) -> bool {
        let is_expired = match &self.fetched {
            Some(fetched) => fetched.expires.is_some_and(|at| at <= now.wall),
            None => false,
        };
        self.stored == *stored && now.monotonic < self.due && !is_expired
    }

    /// None where it failed.
    pub(super) fn fetched(&self) -> Option<Fetched> {
        self.fetched.clone()
    }
}

/// How long to use what was fetched.
fn lifetime(fetched: &Fetched, now: Moment) -> Duration {
    match fetched.expires {
        Some(at) => {
            let remaining = at.duration_since(now.wall);
            refresh_after(Duration::try_from(remaining).unwrap_or_default())
        }
        // Keys that do not expire come from a file, not from a request.
        None => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_may_select_an_identity_is_refused() {
        let check = |name: &str| {
            refuse_unknown_identity([name].into_iter(), " in section [x]")
                .map_err(|error| error.to_string())
        };
        for name in [
            "source_profile",
            "credential_process",
            "roleArn",
            "use-cvm-role",
            "mfa_serial",
            "web_identity_token_file",
            "session_token",
        ] {
            let error = check(name).unwrap_err();
            assert!(
                error.starts_with(&format!("has the setting {name} in section [x], which"))
                    && error.contains("configure credentials.assume_role"),
                "{error}"
            );
        }
        for name in ["region", "output", "language", "extra", "note"] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        assert!(!check("role canary").unwrap_err().contains("canary"));
    }
}
