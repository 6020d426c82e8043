//! More clients than file descriptors.

use std::{fs, time::Duration};

use tokio::{
    net::TcpListener,
    time::{Instant, sleep},
};

use super::{ALONE, Target, ask, holding::reconnecting, scrape};

/// 64 descriptors, and a hundred clients that reconnect as soon as they are closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_runs_out_of_descriptors_uses_little_cpu_and_recovers() {
    let _alone = ALONE.lock().await;
    let target = Target::start_with_descriptors(64, &[]);
    let clients = reconnecting(100, target.address);
    sleep(Duration::from_secs(2)).await;
    let (cpu, lines) = (target.cpu(), target.exporter.output().lines().count());
    sleep(Duration::from_secs(10)).await;
    let (cpu, lines) = (
        target.cpu().saturating_sub(cpu),
        target.exporter.output().lines().count() - lines,
    );
    assert!(
        cpu <= Duration::from_secs(1),
        "{cpu:?} of 10 s on a processor"
    );
    assert!(lines <= 20, "{lines} lines in 10 s");
    let output = target.exporter.output();
    assert_eq!(
        output.matches("cannot accept connections").count(),
        1,
        "logged once: {output}"
    );

    drop(clients);
    let begin = Instant::now();
    while let Err(error) = scrape(target.address).await {
        assert!(begin.elapsed() < Duration::from_secs(5), "{error}");
        sleep(Duration::from_millis(50)).await;
    }
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
}

/// 1500 accounts with keys of their own and 1024 descriptors: connections to the API leave enough of
/// them to scrapes, and the reason is that of the cause.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_never_answers_takes_no_scrape_its_descriptors() {
    let _alone = ALONE.lock().await;
    // Accepted by the kernel, and never answered.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let account = |n: u32| {
        let keys = format!("{{secret_id: AKID{n}, secret_key: key}}");
        format!("- {{name: a{n}, endpoint: '{endpoint}', credentials: {{static: {keys}}}}}\n")
    };
    let accounts: String = (0..1_500).map(account).collect();
    let config = format!(
        "poll: {{interval: 5s, scanning_interval: 5s, timeout: 4s}}\naccounts:\n{accounts}"
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.yml");
    fs::write(&file, config).unwrap();
    let flag = format!("--config.file={}", file.display());
    let target = Target::start_with_descriptors(1_024, &[&flag]);
    sleep(Duration::from_secs(6)).await;
    for _ in 0..20 {
        scrape(target.address).await.unwrap();
        sleep(Duration::from_millis(500)).await;
    }
    let metrics = ask(target.address, "/metrics").await.unwrap();
    let failing = |reason: &str| {
        let label = format!("reason=\"{reason}\"}} 1");
        let families = metrics
            .lines()
            .filter(|line| line.starts_with("tcss_poll_failing{"));
        families.filter(|line| line.ends_with(&label)).count()
    };
    assert!(
        failing("timeout") > 1_000,
        "{} time out",
        failing("timeout")
    );
    assert_eq!(failing("network"), 0);
}
