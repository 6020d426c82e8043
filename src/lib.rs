//! Prometheus exporter for vulnerability scans of Tencent Cloud Container Security Service (TCSS).
//!
//! # Map of the code
//!
//! Data flows left to right; nothing points back. Only [`app`] knows all the others.
//!
//! ```text
//! cli → config → plan → poller → store → exposition → web
//!                         ↑
//!      collectors, credentials → client → pacer, signer
//! ```
//!
//! | module | its one responsibility |
//! |---|---|
//! | [`cli`] | flags and subcommands; what they print |
//! | [`config`] | raw file → checked [`config::Config`], all problems at once |
//! | [`credentials`] | where keys come from: one file a kind; the chain; renewal |
//! | [`signer`] | TC3-HMAC-SHA256, pure; the only reader of secrets |
//! | [`pacer`] | evenly spaced slots per identity, slowing and recovering; the retry budget |
//! | [`client`] | pacer + signer + send + envelope → answer or [`client::ApiError`] |
//! | [`collectors`] | one file per API action: request, pure `parse`, families |
//! | [`plan`] | accounts × scans × collectors → jobs, and when each first runs |
//! | [`poller`] | runs one job for ever: loop and step apart, one error policy |
//! | [`store`] | job → immutable snapshot, replaced whole |
//! | [`exposition`] | snapshots + registry + now → text, pure |
//! | [`web`] | routes, what each answers, drain |
//! | [`simulator`] | the stand-in API |
//! | [`app`] | wires them: serve, demo, check, scan, simulate; reload and stop |
//! | [`clock`], [`reason`] | the words the others share |
//! | [`telemetry`], `process` | what the process counts of itself, in the `prometheus` crate's registry |
//! | `listener` | HTTP/1 on a socket, for the site and the simulator |
//! | [`fuzz`] | what reads arbitrary bytes, for fuzzing |
//! | [`build_info`] | version, revision, compiler |

pub mod app;
pub mod build_info;
pub mod cli;
pub mod client;
pub mod collectors;
pub mod config;
pub mod credentials;
pub mod domain;
pub mod exposition;
#[doc(hidden)]
pub mod fuzz;
pub mod limiter;
mod listener;
pub mod poller;
pub mod signer;
pub mod simulator;
pub mod store;
pub mod supervisor;
pub mod telemetry;
pub mod web;
mod yaml;
