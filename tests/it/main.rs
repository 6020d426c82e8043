//! The one integration binary: the exporter against its simulator, a raw fault server and real Prometheus.

#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod cli;
mod codes;
mod credentials;
mod docs;
mod faults;
mod lifecycle;
mod live;
mod memory;
mod polls;
mod process;
mod prometheus;
mod promtool;
mod rate;
mod raw;
mod scrapes;
mod sdk;
mod secrets;
mod support;
mod truth;
