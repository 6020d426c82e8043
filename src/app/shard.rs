//! Which share of the accounts this instance has.

use std::{env, fs};

use super::Failure;
use crate::{cli::ConfigFlags, domain::Shard};

/// All of them where the flag does not say.
pub(super) fn of(flags: &ConfigFlags) -> Result<Shard, Failure> {
    let Some(choice) = flags.shard else {
        return Ok(Shard::WHOLE);
    };
    choice
        .resolve(host_name().as_deref())
        .map_err(|problem| Failure::bad_input([problem]))
}

/// What `HOSTNAME` says, else the kernel, which is asked where Linux tells it.
fn host_name() -> Option<String> {
    let kernel = || fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = env::var("HOSTNAME")
        .ok()
        .filter(|name| !name.is_empty())
        .or_else(kernel)?;
    Some(name.trim().to_owned())
}
