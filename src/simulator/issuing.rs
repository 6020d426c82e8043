//! Temporary credentials for roles, from STS and from the metadata service.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;

use super::{
    Simulator,
    authorization::header,
    check_protocol, check_version, metadata,
    reply::{self, Refusal, Reply},
    scenario::Role,
    stats::Arrival,
    sts,
    temporary::{Issued, Temporary},
};

impl Simulator {
    /// `AssumeRole` and `AssumeRoleWithWebIdentity` of STS.
    pub(super) fn assume(
        &self,
        request: &Request<Bytes>,
        action: sts::Action,
        now: Timestamp,
    ) -> Reply {
        let arrival = self.state().arrive_at_sts(action);
        let target = sts::Ask::parse(request, action).and_then(|ask| {
            let role = self.scenario.role(|role| role.arn == ask.role_arn);
            role.map(|role| (ask, role))
                .ok_or_else(|| "ResourceNotFound.RoleNotFound".into())
        });
        let delay = target
            .as_ref()
            .map_or(Duration::ZERO, |(_, (_, role))| role.delay(arrival.jitter));
        let outcome = self.signer(request, action, now).and_then(|signer| {
            let (ask, (index, role)) = target?;
            if !ask.is_trusted_by(role, signer) {
                return Err("UnauthorizedOperation".into());
            }
            self.fail(&role.failures, now, arrival.dice)?;
            let (credentials, expires) = self.issue(index, role, ask.lifetime, now, &arrival);
            Ok(sts::Answer::new(credentials, expires))
        });
        Reply {
            response: reply::envelope(outcome, arrival.request_id),
            delay,
        }
    }

    /// The name of the identity that signed a request to STS; none where no signature is needed.
    fn signer(
        &self,
        request: &Request<Bytes>,
        action: sts::Action,
        now: Timestamp,
    ) -> Result<Option<&str>, Refusal> {
        check_protocol(request)?;
        check_version(request, sts::VERSION)?;
        match action {
            sts::Action::AssumeRoleWithWebIdentity
                if header(request, "Authorization")? == sts::UNSIGNED =>
            {
                Ok(None)
            }
            sts::Action::AssumeRoleWithWebIdentity => {
                Err("AuthFailure.InvalidAuthorization".into())
            }
            sts::Action::AssumeRole => {
                let caller = self.caller(request)?;
                caller.verify(request, sts::SERVICE, now)?;
                Ok(Some(&self.scenario.identities[caller.index].name))
            }
        }
    }

    /// What the metadata service of this machine says of the role that is bound to it.
    pub(super) fn metadata(&self, ask: metadata::Ask<'_>, now: Timestamp) -> Reply {
        let arrival = self.state().arrive_at_metadata();
        let Some((index, role)) = self.scenario.role(|role| role.is_of_this_machine) else {
            return Reply {
                response: metadata::not_found(),
                delay: Duration::ZERO,
            };
        };
        let response = match ask {
            metadata::Ask::RoleName => metadata::text(role.name()),
            metadata::Ask::Credentials(name) if name == role.name() => {
                self.credentials_of_this_machine(index, role, now, &arrival)
            }
            _ => metadata::not_found(),
        };
        Reply {
            response,
            delay: role.delay(arrival.jitter),
        }
    }

    fn credentials_of_this_machine(
        &self,
        index: usize,
        role: &Role,
        now: Timestamp,
        arrival: &Arrival,
    ) -> Response<Bytes> {
        if let Err(refusal) = self.fail(&role.failures, now, arrival.dice) {
            return metadata::failed(refusal.code);
        }
        let (credentials, expires) = self.issue(index, role, sts::DEFAULT_LIFETIME, now, arrival);
        metadata::credentials(credentials, expires)
    }

    /// New credentials for the role of the identity at `index`, and when they expire.
    fn issue(
        &self,
        index: usize,
        role: &Role,
        lifetime: Duration,
        now: Timestamp,
        arrival: &Arrival,
    ) -> (Issued, Timestamp) {
        self.state().issue(index);
        let lifetime = role.token_lifetime.unwrap_or(lifetime);
        let temporary = Temporary::new(index, now, lifetime, arrival.request_id);
        (temporary.issue(self.scenario.seed), temporary.expires)
    }
}
