//! `plan`: the requests that a configuration needs, against the limit.

use super::{Failure, report, serve::config_source};
use crate::{
    cli::{PlanArgs, output},
    config,
    domain::Shard,
};

pub(super) fn run(flags: &PlanArgs) -> Result<(), Failure> {
    let shard = config_source(&flags.config)?.shard();
    let loaded = config::load(flags.config.file.as_deref(), &flags.config.overrides());
    let loaded = loaded.map_err(|problems| Failure::bad_input(problems.iter()))?;
    let loaded = loaded.of_shard(shard);
    output::print(report::plan(&loaded.config))?;
    if shard != Shard::WHOLE {
        output::print_line(format_args!(
            "only shard {shard}; the limit counts all shards"
        ))?;
    }
    let overloads = loaded.config.overloads();
    if overloads.is_empty() {
        Ok(())
    } else {
        Err(Failure::bad_input(overloads))
    }
}
