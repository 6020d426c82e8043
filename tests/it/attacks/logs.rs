//! Logs that cannot be written.

use std::{
    fs::{self, File},
    net::SocketAddr,
    process::{Child, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use super::{ALONE, ask, scrape};
use crate::support::{process::exporter, sum, value};

/// A process whose log the test does not see. Killed with the test.
struct Unheard(Child);

impl Drop for Unheard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Unheard {
    fn start(log: Stdio) -> Unheard {
        let mut command = exporter();
        command.args([
            "--api.endpoint=http://127.0.0.1:1",
            "--web.listen-address=127.0.0.1:0",
        ]);
        command.args(["--poll.interval=1s"]);
        Unheard(
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log)
                .spawn()
                .unwrap(),
        )
    }

    /// The address on which it listens, from `/proc`.
    async fn address(&self) -> SocketAddr {
        for _ in 0..600 {
            if let Some(port) = self.port() {
                return SocketAddr::from(([127, 0, 0, 1], port));
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("it does not listen");
    }

    fn port(&self) -> Option<u16> {
        let process = format!("/proc/{}", self.0.id());
        let links = fs::read_dir(format!("{process}/fd")).unwrap();
        let links: Vec<_> = links
            .filter_map(|link| fs::read_link(link.unwrap().path()).ok())
            .collect();
        let table = fs::read_to_string(format!("{process}/net/tcp")).unwrap();
        table.lines().skip(1).find_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let is_listening = fields[3] == "0A";
            let socket = format!("socket:[{}]", fields[9]);
            let is_its_own =
                is_listening && links.iter().any(|link| link.as_os_str() == socket.as_str());
            is_its_own
                .then(|| u16::from_str_radix(fields[1].rsplit(':').next().unwrap(), 16).unwrap())
        })
    }

    /// Makes it log some hundred kilobytes, more than a pipe holds, and scrapes it.
    async fn answers_after_many_log_lines(&mut self) {
        timeout(Duration::from_mins(1), self.logs_and_answers())
            .await
            .expect("it answers");
        assert_eq!(self.0.try_wait().unwrap(), None);
    }

    async fn logs_and_answers(&self) {
        let address = self.address().await;
        for _ in 0..2_000 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"nonsense\r\n\r\n").await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        scrape(address).await.unwrap();
        let polls = async || {
            let text = ask(address, "/metrics").await.unwrap();
            sum(&text, "tcss_polls_total")
        };
        let before = polls().await;
        while polls().await <= before {
            sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_on_a_full_disk_stops_nothing() {
    let _alone = ALONE.lock().await;
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut exporter = Unheard::start(full.into());
    exporter.answers_after_many_log_lines().await;
    let text = ask(exporter.address().await, "/metrics").await.unwrap();
    assert!(value(&text, "tcss_exporter_log_lines_dropped_total").unwrap() > 1_000.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_into_a_closed_pipe_stops_nothing() {
    let _alone = ALONE.lock().await;
    let mut exporter = Unheard::start(Stdio::piped());
    drop(exporter.0.stderr.take());
    exporter.answers_after_many_log_lines().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_pipe_that_is_not_read_blocks_neither_the_exporter_nor_its_shutdown() {
    let _alone = ALONE.lock().await;
    let mut exporter = Unheard::start(Stdio::piped());
    exporter.answers_after_many_log_lines().await;
    let pid = exporter.0.id().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-s", "TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = exporter.0.try_wait().unwrap() {
            break status;
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "it does not end");
        sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(status.code(), Some(0));
}
