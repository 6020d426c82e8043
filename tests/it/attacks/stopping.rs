//! Graceful and sudden ends of the process.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{ALONE, Target, ask};
use crate::support::{
    config_of_scans,
    process::{Running, exporter, file, listening, path, until},
    value,
};

/// Reads slowly until `speed_up` is cancelled.
async fn slow_scrape(address: SocketAddr, speed_up: CancellationToken) -> Vec<u8> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let request = b"GET /metrics HTTP/1.1\r\nHost: exporter\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let (mut answer, mut page) = (Vec::new(), vec![0; 32 * 1024]);
    loop {
        let n_read = stream.read(&mut page).await.unwrap();
        answer.extend_from_slice(&page[..n_read]);
        if n_read == 0 {
            return answer;
        }
        let _ = timeout(Duration::from_millis(200), speed_up.cancelled()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_scrapes_end_before_the_process_does() {
    let _alone = ALONE.lock().await;
    let config = file(&config_of_scans(4_000));
    let mut target = Target::start(&["--config.file", path(&config)]);
    let speed_up = CancellationToken::new();
    let scrapes: JoinSet<_> = (0..20)
        .map(|_| slow_scrape(target.address, speed_up.clone()))
        .collect();
    let metrics = format!("http://{}/metrics", target.address);
    until(&metrics, "the slow scrapes", |text| {
        let count = value(
            text,
            "tcss_exporter_http_requests_total{code=\"200\",handler=\"metrics\"}",
        );
        count.filter(|count| *count >= 20.0)
    })
    .await;
    let begin = Instant::now();
    target.exporter.signal("TERM");
    sleep(Duration::from_secs(1)).await;
    speed_up.cancel();
    let status = target.exporter.wait();
    let took = begin.elapsed();
    assert_eq!(status.code(), Some(0), "{}", target.exporter.output());
    assert!(took < Duration::from_secs(10), "took {took:?}");
    assert!(
        took > Duration::from_secs(1),
        "{took:?}: nothing was under way"
    );
    for answer in scrapes.join_all().await {
        assert!(
            answer.ends_with(b"\r\n0\r\n\r\n"),
            "{} bytes and not whole",
            answer.len()
        );
    }
}

/// On an address of its own in 127.0.0.0/8, so that no other process takes the port between two starts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_fifty_times_listens_again_within_a_second() {
    let _alone = ALONE.lock().await;
    let [_, a, b, c] = std::process::id().to_be_bytes();
    let start = |port: u16| {
        let mut command = exporter();
        command.args(["--api.endpoint=http://127.0.0.1:1", "--log.level=info"]);
        command.arg(format!(
            "--web.listen-address=127.{}.{b}.{c}:{port}",
            0x40 | a
        ));
        let mut running = Running::start("tcss-exporter", &mut command);
        let url = running.wait_for("where it listens", listening);
        (
            running,
            url.trim_start_matches("http://")
                .parse::<SocketAddr>()
                .unwrap(),
        )
    };
    let (mut running, address) = start(0);
    let mut waits = Vec::new();
    for _ in 0..50 {
        // With an open connection, which must not keep the next process from listening.
        let answer = ask(address, "/-/healthy").await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        running.signal("KILL");
        assert!(!running.wait().success());
        let begin = Instant::now();
        running = start(address.port()).0;
        waits.push(begin.elapsed());
    }
    waits.sort_unstable();
    assert!(waits[47] <= Duration::from_secs(1), "{waits:?}");
}
