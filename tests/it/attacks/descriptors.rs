//! More clients than file descriptors.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{ALONE, Target, holding::reconnecting, scrape};

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
