//! What the steps of a poll cost: a permit of the rate limiter, signing, reading an answer, rendering lines, and a whole
//! poll without a network.
//!
//! `cargo bench` prints medians in microseconds. The numbers are for comparing two states of the code on one machine.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

mod support;

use std::hint::black_box;

use jiff::tz::TimeZone;
use support::{ANSWER, Exporter, NOW};
use tcss_exporter::{
    cli::output,
    collectors::{self, Reading},
    domain::{Endpoint, Rate},
    exposition::Scrape,
    limiter::Limiters,
    signer::{self, Credentials, RequestToSign, Secret},
};

const CALLS: u32 = 1_000;

fn main() {
    permit();
    sign();
    read();
    lines();
    poll();
}

fn print(name: &str, microseconds: f64) {
    output::print_line(format!("{name:<40} {microseconds:9.2}")).unwrap();
}

/// The waits are skipped: time passes as soon as there is nothing to do.
fn permit() {
    let runtime = support::runtime();
    let limiters = Limiters::default();
    let endpoint = Endpoint::parse(Endpoint::DEFAULT, false).unwrap();
    let member = limiters.join(&endpoint, "id", "DescribeVulScanInfo", Rate::DEFAULT);
    let acquire = || {
        black_box(runtime.block_on(member.acquire()));
    };
    print(
        "a permit of the rate limiter",
        support::median(CALLS, acquire),
    );
}

fn sign() {
    let credentials = Credentials {
        secret_id: "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE".into(),
        secret_key: Secret::new("Gu5t9xGARNpq86cd98joQYCN3EXAMPLE".into()),
        token: None,
    };
    let request = RequestToSign {
        method: "POST",
        host: Endpoint::DEFAULT,
        path: "/",
        query: "",
        content_type: "application/json; charset=utf-8",
        extra_headers: &[("x-tc-action", "describevulscaninfo")],
        body: b"{}",
    };
    let sign = || {
        black_box(signer::sign(&request, "tcss", &credentials, NOW));
    };
    print("signing a request", support::median(CALLS, sign));
}

fn read() {
    let time_zone = TimeZone::fixed(jiff::tz::offset(8));
    let reading = Reading {
        time_zone: &time_zone,
        as_of: NOW,
        limit: 0,
    };
    let responses = [vec![ANSWER]];
    let read = || {
        black_box(collectors::ALL[0].read(&responses, reading, None).unwrap());
    };
    print("reading an answer", support::median(CALLS, read));
}

/// Of one job and one account, with the families that every exporter has.
fn lines() {
    let exporter = support::runtime().block_on(Exporter::start(1));
    let store = exporter.supervisor.store();
    let now = exporter.clock.now();
    let render = || {
        black_box(Scrape::new(&store, Vec::new(), now));
    };
    print(
        "rendering the lines of an account",
        support::median(CALLS, render),
    );
}

/// From the schedule to the store, without a network.
fn poll() {
    let runtime = support::runtime();
    let exporter = runtime.block_on(Exporter::start(1_000));
    let polls_before = exporter.n_polls();
    let mut n_hours = 0;
    let time = support::median(1, || {
        n_hours += 1;
        runtime.block_on(exporter.poll_each());
    });
    let polls_per_hour = (exporter.n_polls() - polls_before) / n_hours;
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    print("a poll without a network", time / polls_per_hour as f64);
}
