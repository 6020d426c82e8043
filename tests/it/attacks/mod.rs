//! Attacks by untrusted clients, and failures of the environment. Each attack has a process of its own as its target,
//! over loopback, and is bounded in time and count. The attacks wait for each other, and `tests/run` runs nothing else at
//! the same time.

use std::{fs, io, net::SocketAddr, process::Command, time::Duration};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    sync::Mutex,
    time::{Instant, timeout},
};

use crate::support::{
    process::{Running, exporter, serving_as},
    raw::refusing,
    site::{Authority, Issued, client},
};

mod descriptors;
mod holding;
mod logs;
mod mutated;
mod stopping;
mod unread;

/// As long as Prometheus waits for a scrape by default.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(10);

/// Each attack holds this lock.
static ALONE: Mutex<()> = Mutex::const_new(());

/// An exporter under attack. Its API cannot be reached.
struct Target {
    exporter: Running,
    address: SocketAddr,
    /// A client that trusts its certificate, if it has one, and the directory of the certificate.
    tls: Option<(reqwest::Client, TempDir)>,
    _api: TcpSocket,
}

impl Target {
    fn start(arguments: &[&str]) -> Target {
        Target::of(exporter(), arguments)
    }

    /// A target with TLS.
    fn start_with_tls() -> Target {
        let authority = Authority::new();
        let Issued { certificate, key } = authority.server();
        let folder = tempfile::tempdir().unwrap();
        let config = "tls_server_config: {cert_file: server.pem, key_file: server.key}";
        for (name, content) in [
            ("server.pem", &*certificate),
            ("server.key", &key),
            ("w.yml", config),
        ] {
            fs::write(folder.path().join(name), content).unwrap();
        }
        let flag = format!(
            "--web.config.file={}",
            folder.path().join("w.yml").display()
        );
        let tls = Some((client(&authority, None).build().unwrap(), folder));
        Target {
            tls,
            ..Target::start(&[&flag])
        }
    }

    /// A target that may open `n` files.
    fn start_with_descriptors(n: usize, arguments: &[&str]) -> Target {
        let program = exporter();
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("ulimit -n {n} && exec \"$0\" \"$@\"")])
            .arg(program.get_program());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        Target::of(command, arguments)
    }

    fn of(mut command: Command, arguments: &[&str]) -> Target {
        let (api, endpoint) = refusing();
        let endpoint = format!("--api.endpoint=http://{endpoint}");
        command
            .env("TCSS_EXPORTER_LOG_LEVEL", "info")
            .arg(endpoint)
            .args(arguments);
        let (exporter, url) = serving_as(&mut command);
        let address = url.trim_start_matches("http://").parse().unwrap();
        Target {
            exporter,
            address,
            tls: None,
            _api: api,
        }
    }

    /// How long one scrape over a connection of its own takes.
    async fn scrape(&self) -> io::Result<Duration> {
        let Some((client, _)) = &self.tls else {
            return scrape(self.address).await;
        };
        let begin = Instant::now();
        let request = client
            .get(format!("https://{}/metrics", self.address))
            .timeout(SCRAPE_TIMEOUT);
        let answer = request.send().await.map_err(io::Error::other)?;
        let text = answer.text().await.map_err(io::Error::other)?;
        if text.contains("\ntcss_up{") {
            Ok(begin.elapsed())
        } else {
            Err(io::Error::other(text))
        }
    }

    fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.exporter.id()))
            .unwrap()
            .count()
    }

    /// A line of `/proc/PID/status` in KiB.
    fn status_kib(&self, key: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.exporter.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Time on a processor so far, in user space and in the kernel.
    fn cpu(&self) -> Duration {
        /// `USER_HZ`, which is the same on all of Linux' platforms that people use.
        const TICKS_PER_SECOND: u64 = 100;
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.exporter.id())).unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let ticks: u64 = fields
            .split(' ')
            .skip(11)
            .take(2)
            .map(|ticks| ticks.parse::<u64>().unwrap())
            .sum();
        Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND)
    }
}

/// Whether a response has all of its body, which has either a length or an end.
fn is_complete(answer: &str) -> bool {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        return false;
    };
    let head = head.to_ascii_lowercase();
    match head.split_once("content-length: ") {
        Some((_, rest)) => {
            let length = rest.lines().next().unwrap();
            body.len() == length.parse::<usize>().unwrap()
        }
        None => body.ends_with("\r\n0\r\n\r\n"),
    }
}

/// The same over plain HTTP.
async fn scrape(address: SocketAddr) -> io::Result<Duration> {
    let begin = Instant::now();
    let answer = timeout(SCRAPE_TIMEOUT, ask(address, "/metrics")).await??;
    let took = begin.elapsed();
    let is_whole = answer.starts_with("HTTP/1.1 200 OK\r\n") && is_complete(&answer);
    if is_whole && answer.contains("\ntcss_up{") {
        Ok(took)
    } else {
        Err(io::Error::other(answer))
    }
}

/// The whole answer to one request.
async fn ask(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: exporter\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
