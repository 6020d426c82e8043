//! Which share of the accounts this instance polls.

use std::{env, fs};

use super::Failure;
use crate::{cli::ConfigFlags, domain::Shard};

/// The shard that the flag names; all accounts without it.
pub(super) fn of(flags: &ConfigFlags) -> Result<Shard, Failure> {
    let Some(choice) = flags.shard else {
        return Ok(Shard::WHOLE);
    };
    match choice.resolve(host_name().as_deref()) {
        Ok(shard) => Ok(shard),
        Err(problem) => Err(Failure::bad_input([problem])),
    }
}

/// `HOSTNAME`, or else the host name that the Linux kernel reports.
pub(super) fn host_name() -> Option<String> {
    // The variable comes first because users can set it: with hostNetwork, a pod has the host name
    // of its node, which has no ordinal.
    if let Ok(name) = env::var("HOSTNAME")
        && !name.is_empty()
    {
        return Some(name.trim().to_owned());
    }
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned())
}
