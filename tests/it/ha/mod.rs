//! Several replicas; one exposes the accounts.

#![expect(
    clippy::disallowed_macros,
    reason = "with --nocapture, the tests print what they have measured"
)]

mod api;
mod binary;
mod failovers;
mod namespaces;
mod paused;
mod pod;
mod reloads;
mod replica;
mod schedules;
mod server;

pub(crate) use api::{Fault, LeaseStore};
pub(crate) use pod::Pod;
pub(crate) use replica::{PATH, Replica, exposed};
pub(crate) use server::ApiServer;
