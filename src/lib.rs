//! Prometheus exporter for Tencent Cloud Container Security Service (TCSS).
//!
//! # Map of the code
//!
//! Each module may use those below it, and no other; a test holds this order.
//!
//! | module | its one responsibility |
//! |---|---|
//! | [`app`] | wires everything: one file per command |
//! | [`cli`] | flags and commands, and what they print about themselves |
//! | [`web`] | routes, status page, users, TLS |
//! | [`supervisor`] | configuration → running jobs: plan, start, stop, hand over at a reload, schedule |
//! | [`discovery`] | finds accounts: a complete list or none; what a list changes; members → accounts |
//! | [`leadership`] | which of several replicas exposes the accounts, by a Lease of Kubernetes |
//! | [`poller`] | runs one job: loop and step apart, one error policy |
//! | [`exposition`] | snapshots + registry + time → bytes; the only place that knows the text format |
//! | [`store`] | job → immutable snapshot, replaced as a whole |
//! | [`config`] | raw files → checked [`config::Config`], all problems at once |
//! | [`collectors`] | one file per collector: a typed answer, how it is read, its metric families |
//! | [`credentials`] | where keys come from, and how they are refreshed |
//! | [`client`] | limiter + signer + send + envelope → response or [`client::ApiError`] |
//! | [`limiter`] | when a request may be sent; the retry budget |
//! | [`simulator`] | the simulated API |
//! | [`signer`] | TC3-HMAC-SHA256, pure; the only reader of secrets |
//! | [`telemetry`] | the metrics of the process itself |
//! | `listener` | sockets and HTTP/1 connections, for the web server and the simulator |
//! | `yaml` | YAML file → values with their places; collects problems |
//! | `workers` | threads for work that must not delay polls |
//! | `sync` | mutexes |
//! | [`domain`] | the values that everything shares: names, endpoint, rate, shard, reason, time |
//! | [`build_info`] | version, revision, compiler |
//!
//! A poll goes down from `poller` to the API and comes back as a snapshot; a scrape goes from
//! `web` through `exposition` to the snapshots, and never to the API.

pub mod app;
pub mod build_info;
pub mod cli;
pub mod client;
pub mod collectors;
pub mod config;
pub mod credentials;
pub mod discovery;
pub mod domain;
pub mod exposition;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod leadership;
pub mod limiter;
mod listener;
pub mod poller;
pub mod signer;
pub mod simulator;
pub mod store;
pub mod supervisor;
mod sync;
pub mod telemetry;
pub mod web;
mod workers;
mod yaml;

#[cfg(test)]
mod tests;
