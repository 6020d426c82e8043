//! Memory does not grow, for any responses of the API and over any time. Each test measures a process of its own: this
//! binary again, running only that test.

use std::{process::Command, sync::Arc, time::Duration};

use tcss_exporter::{client::Handler, domain::Rate};

use crate::support::{
    World, account, answer, frozen_clock, job,
    raw::{Act, Raw, http},
    sum,
};

/// Set in the process that is measured.
const ALONE: &str = "TCSS_EXPORTER_TEST_ALONE";

/// Runs the test `name` in a process of its own; true within that.
fn is_alone(name: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let this = std::env::current_exe().unwrap();
    let output = Command::new(this)
        .args(["--exact", name, "--nocapture"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    false
}

fn status_kib(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(key))
        .unwrap();
    line.trim_start_matches(':')
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

/// Every series, without its value.
fn series(text: &str) -> Vec<String> {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(series, _)| series.to_owned())
        .collect()
}

fn runtime(is_paused: bool) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(is_paused)
        .build()
        .unwrap()
}

#[test]
fn a_hundred_thousand_polls_leave_memory_flat_and_the_series_as_they_are() {
    if !is_alone("memory::a_hundred_thousand_polls_leave_memory_flat_and_the_series_as_they_are") {
        return;
    }
    runtime(true).block_on(async {
        let handler: Handler = Arc::new(|_| http::Response::new(answer("SCANNED", 100.0, 0.0, 1)));
        let mut world = World::in_process(frozen_clock(), handler);
        let account = |index: usize| {
            let mut account = account(&format!("account-{index}"), "tcss.example");
            account.collectors[0].poll.interval = Duration::from_secs(1);
            account
        };
        world.poll((0..100).map(account).collect()).await;
        let polls = |world: &World| sum(&world.text(), "tcss_polls_total");
        tokio::time::sleep(Duration::from_secs(200)).await;
        let series_before = series(&world.text());
        let (polls_before, before) = (polls(&world), status_kib("VmRSS"));
        tokio::time::sleep(Duration::from_secs(1_000)).await;
        let (polls_after, after) = (polls(&world), status_kib("VmRSS"));
        assert!(polls_after - polls_before >= 100_000.0);
        assert_eq!(series(&world.text()), series_before);
        assert!(
            after < before + 2_048,
            "{before} KiB before 100 000 polls, {after} KiB after"
        );
    });
}

#[test]
fn a_hundred_megabytes_and_a_gzip_bomb_take_less_than_sixteen() {
    if !is_alone("memory::a_hundred_megabytes_and_a_gzip_bomb_take_less_than_sixteen") {
        return;
    }
    let bomb = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::copy(
            &mut std::io::Read::take(std::io::repeat(b' '), 100 << 20),
            &mut encoder,
        )
        .unwrap();
        http(
            "200 OK",
            "Content-Encoding: gzip\r\n",
            &encoder.finish().unwrap(),
        )
    };
    let flood = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
    runtime(false).block_on(async {
        let world = World::on_the_network();
        let before = status_kib("VmRSS");
        for act in [Act::Send(bomb), Act::Flood(flood, 100 << 20)] {
            let raw = Raw::start(act).await;
            let mut account = account("prod", &raw.url());
            account.requests_per_second = Rate::MAX;
            let job = job(&world.context, account);
            for _ in 0..10 {
                job.poll(&world.context, tokio::time::Instant::now()).await;
            }
            assert_eq!(job.entry.snapshot().failures, 10);
        }
        let peak = status_kib("VmHWM");
        assert!(
            peak < before + 16_384,
            "{before} KiB before, {peak} KiB at most"
        );
    });
}
