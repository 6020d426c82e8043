//! Clients that send requests and read the responses slowly or not at all.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{ALONE, Target, scrape};
use crate::support::{
    config_of_scans,
    process::{file, path},
};

async fn ask_for_metrics(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: exporter\r\n\r\n")
        .await
        .unwrap();
    stream
}

/// Clients that never read, and some that read a byte from time to time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_clients_that_do_not_read_are_closed_and_take_little_memory() {
    let _alone = ALONE.lock().await;
    let config = file(&config_of_scans(8_000));
    let target = Target::start(&["--config.file", path(&config)]);
    scrape(target.address).await.unwrap();
    let (files, memory) = (target.open_files(), target.status_kib("VmRSS"));
    let begin = Instant::now();
    let mut clients = Vec::new();
    for _ in 0..200 {
        clients.push(ask_for_metrics(target.address).await);
    }
    let mut slow = clients.split_off(180);
    let slow: JoinSet<_> = slow.drain(..).map(read_slowly).collect();
    let n_held = || target.open_files().saturating_sub(files);
    assert!(n_held() > 100, "{} connections", n_held());
    while n_held() > 0 {
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "{} are open after 30 s",
            n_held()
        );
        sleep(Duration::from_millis(100)).await;
    }
    let peak = target.status_kib("VmHWM");
    // 40 scrapes are served at a time. Each has two pages of 320 KiB and the buffers of its
    // connection.
    assert!(
        peak <= memory + 40 * 1_024,
        "{memory} KiB before, {peak} KiB at most"
    );
    scrape(target.address).await.unwrap();
    drop((clients, slow));
}

/// Reads ten bytes a second until the connection is gone.
async fn read_slowly(mut stream: TcpStream) {
    while matches!(stream.read(&mut [0; 10]).await, Ok(1..)) {
        sleep(Duration::from_secs(1)).await;
    }
}
