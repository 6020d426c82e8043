//! Several replicas, of which one exposes the accounts.

mod api;
mod paused;
mod replica;
mod schedules;
