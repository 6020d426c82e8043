//! Temporary credentials for roles, from STS and from the metadata service.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;

use super::{
    Simulator,
    authorization::header,
    check_protocol, check_version, metadata,
    reply::{self, Reply, SimulatedError},
    scenario::SimulatedRole,
    stats::Arrival,
    sts,
    temporary::{IssuedCredentials, Temporary},
};
use crate::domain::Moment;

impl Simulator {
    /// `AssumeRole` and `AssumeRoleWithWebIdentity` of STS.
    pub(super) fn assume(
        &self,
        request: &Request<Bytes>,
        action: sts::StsAction,
        now: Moment,
    ) -> Reply {
        let arrival = self.state().arrive_at_sts(action, now.monotonic);
        let target = self.target(request, action);
        let delay = match &target {
            Ok((_, _, role)) => role.delay(arrival.jitter),
            Err(_) => Duration::ZERO,
        };
        let outcome = self.issue_to_caller(request, action, target, now.wall, &arrival);
        Reply {
            response: reply::envelope(outcome, arrival.request_id, request),
            delay,
        }
    }

    /// The role that a request names, and the index of its identity.
    fn target(
        &self,
        request: &Request<Bytes>,
        action: sts::StsAction,
    ) -> Result<(sts::AssumeRequest, usize, &SimulatedRole), SimulatedError> {
        let parameters = sts::AssumeRequest::parse(request, action)?;
        match self.scenario.role(|role| role.arn == parameters.role_arn) {
            Some((index, role)) => Ok((parameters, index, role)),
            None => Err("ResourceNotFound.RoleNotFound".into()),
        }
    }

    /// A bad signature is reported before a bad target, as the parameters are checked after authentication.
    fn issue_to_caller(
        &self,
        request: &Request<Bytes>,
        action: sts::StsAction,
        target: Result<(sts::AssumeRequest, usize, &SimulatedRole), SimulatedError>,
        now: Timestamp,
        arrival: &Arrival,
    ) -> Result<sts::AssumedRole, SimulatedError> {
        let signer = self.signer(request, action, now)?;
        let (parameters, index, role) = target?;
        if !parameters.is_trusted_by(role, signer) {
            return Err("UnauthorizedOperation".into());
        }
        self.fail(&role.failures, None, now, arrival.dice)?;
        let (credentials, expires) = self.issue(index, role, parameters.lifetime, now, arrival);
        Ok(sts::AssumedRole::new(credentials, expires))
    }

    /// The name of the identity that signed a request to STS; `None` where no signature is needed.
    fn signer(
        &self,
        request: &Request<Bytes>,
        action: sts::StsAction,
        now: Timestamp,
    ) -> Result<Option<&str>, SimulatedError> {
        check_protocol(request)?;
        check_version(request, sts::VERSION)?;
        match action {
            sts::StsAction::AssumeRoleWithWebIdentity
                if header(request, "Authorization")? == sts::UNSIGNED =>
            {
                Ok(None)
            }
            sts::StsAction::AssumeRoleWithWebIdentity => {
                Err("AuthFailure.InvalidAuthorization".into())
            }
            sts::StsAction::AssumeRole => {
                let caller = self.caller(request)?;
                caller.verify(request, sts::SERVICE, now)?;
                Ok(Some(&self.scenario.identities[caller.index].name))
            }
        }
    }

    /// The metadata service of this machine, with the role that is attached to it.
    pub(super) fn metadata(&self, request: metadata::MetadataRequest<'_>, now: Timestamp) -> Reply {
        let arrival = self.state().arrive_at_metadata();
        let Some((index, role)) = self.scenario.role(|role| role.is_of_this_machine) else {
            return Reply {
                response: metadata::not_found(),
                delay: Duration::ZERO,
            };
        };
        let response = match request {
            metadata::MetadataRequest::RoleName => metadata::text(role.name()),
            metadata::MetadataRequest::Credentials(name) if name == role.name() => {
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
        role: &SimulatedRole,
        now: Timestamp,
        arrival: &Arrival,
    ) -> Response<Bytes> {
        if let Err(refusal) = self.fail(&role.failures, None, now, arrival.dice) {
            return metadata::failed(refusal.code);
        }
        let (credentials, expires) = self.issue(index, role, sts::DEFAULT_LIFETIME, now, arrival);
        metadata::credentials(credentials, expires)
    }

    /// New credentials for the role of the identity at `index`, and their expiry.
    fn issue(
        &self,
        index: usize,
        role: &SimulatedRole,
        lifetime: Duration,
        now: Timestamp,
        arrival: &Arrival,
    ) -> (IssuedCredentials, Timestamp) {
        self.state().issue(index);
        // Tests need credentials that expire in seconds, whatever the client asks for.
        let lifetime = role.token_lifetime.unwrap_or(lifetime);
        let temporary = Temporary::new(index, now, lifetime, arrival.request_id);
        (temporary.issue(self.scenario.seed), temporary.expires)
    }
}
