//! The one integration binary: the exporter against its simulator, a raw fault server and real Prometheus.

#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod alerts;
mod attacks;
mod auth;
mod boards;
mod browser;
mod cli;
mod codes;
mod collectors;
mod connections;
mod credentials;
mod discovery;
mod docs;
mod docs_zh;
mod faults;
mod gateways;
mod ha;
mod health;
mod lifecycle;
mod live;
mod many;
mod memory;
mod polls;
mod prometheus;
mod promtool;
mod rate;
mod reloads;
mod scrapes;
mod sdk;
mod secrets;
mod shards;
mod support;
mod tls;
mod truth;
mod uins;
mod web_config;
