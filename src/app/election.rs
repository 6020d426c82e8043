//! `--ha.kubernetes-lease`: what this replica needs to take part in the election.

use std::{sync::Arc, time::Duration};

use super::{Failure, shard};
use crate::{
    cli::{HaFlags, LeaseName, StandbyMode},
    domain::{Clock, Shard},
    leadership::{
        Candidate, CandidateSettings, ClusterAccess, LeaseClient, LeaseFailure, LeaseKey,
        LeaseTimes,
    },
    poller::GateKeeper,
    store::Store,
    telemetry::Telemetry,
};

/// The checked flags.
pub(super) struct Election {
    key: LeaseKey,
    identity: String,
    duration: Duration,
    access: ClusterAccess,
    pub(super) is_cold: bool,
}

/// `None` without the flag. Fails outside of a cluster.
pub(super) fn of(flags: &HaFlags, shard: Shard) -> Result<Option<Election>, Failure> {
    let Some(lease) = &flags.lease else {
        return Ok(None);
    };
    let (access, namespace) =
        ClusterAccess::of_this_pod().map_err(|problem| Failure::bad_input([problem]))?;
    Ok(Some(Election {
        key: key(lease, namespace, shard),
        identity: identity(flags),
        duration: flags.duration.get(),
        access,
        is_cold: flags.standby == StandbyMode::Cold,
    }))
}

/// Each shard has a leader of its own.
fn key(lease: &LeaseName, namespace: String, shard: Shard) -> LeaseKey {
    let mut name = lease.name.clone();
    if !shard.is_whole() {
        name = format!("{name}-{}-of-{}", shard.index(), shard.count());
    }
    LeaseKey {
        namespace: lease.namespace.clone().unwrap_or(namespace),
        name,
    }
}

/// The host name alone is not unique: with hostNetwork, it is that of the node.
fn identity(flags: &HaFlags) -> String {
    if let Some(identity) = &flags.identity {
        return identity.as_str().to_owned();
    }
    let host = shard::host_name().unwrap_or_else(|| "tcss-exporter".into());
    format!("{host}_{:08x}", fastrand::u32(..))
}

impl Election {
    pub(super) fn candidate(
        self,
        gate: Option<GateKeeper>,
        store: Arc<Store>,
        telemetry: &Telemetry,
        clock: Clock,
    ) -> Result<Candidate, Failure> {
        let times = LeaseTimes::new(self.duration);
        let reasons = LeaseFailure::ALL.map(LeaseFailure::as_str);
        let metrics = telemetry.register_lease(&self.key.name, &reasons);
        let client = LeaseClient::new(self.access, self.key.clone(), times.request_timeout());
        Ok(Candidate::new(CandidateSettings {
            key: self.key,
            identity: self.identity,
            times,
            client,
            gate,
            store,
            metrics: metrics.map_err(Failure::run_time)?,
            clock,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(text: &str) -> Shard {
        let choice: crate::domain::ShardChoice = text.parse().unwrap();
        choice.resolve(None).unwrap()
    }

    #[test]
    fn each_shard_has_a_lease_of_its_own() {
        let name = |lease: &str, shard| {
            let key = key(&lease.parse().unwrap(), "default".into(), shard);
            format!("{}/{}", key.namespace, key.name)
        };
        assert_eq!(name("tcss", Shard::WHOLE), "default/tcss");
        assert_eq!(name("tcss", shard("1/3")), "default/tcss-1-of-3");
        assert_eq!(
            name("monitoring/tcss", shard("0/2")),
            "monitoring/tcss-0-of-2"
        );
    }
}
