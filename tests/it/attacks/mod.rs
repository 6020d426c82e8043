//! What strangers can do to the port, and what surrounds the process can do to it. Each attack strikes a process of its
//! own over loopback, is bounded in time and count, and has the machine for itself: the attacks wait for each other, and
//! `tests/run` runs nothing beside them.

use std::{fs, io, net::SocketAddr, process::Command, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    sync::{Mutex, MutexGuard},
    time::{Instant, sleep, timeout},
};

use crate::{
    process::{Running, exporter, serving_as},
    raw::refusing,
};

mod descriptors;
mod holding;
mod logs;
mod mutated;
mod stopping;
mod unread;

/// As long as Prometheus waits for a scrape by default.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(10);

static ALONE: Mutex<()> = Mutex::const_new(());

/// An exporter under attack. Its API cannot be reached.
struct Target {
    exporter: Running,
    address: SocketAddr,
    _api: TcpSocket,
    _alone: MutexGuard<'static, ()>,
}

impl Target {
    async fn start(arguments: &[&str]) -> Target {
        Target::of(exporter(), arguments).await
    }

    /// One that may open `n` files.
    async fn start_with_descriptors(n: usize, arguments: &[&str]) -> Target {
        let program = exporter();
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {n} && exec \"$0\" \"$@\"")]).arg(program.get_program());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        Target::of(command, arguments).await
    }

    async fn of(mut command: Command, arguments: &[&str]) -> Target {
        let alone = ALONE.lock().await;
        let (api, endpoint) = refusing();
        let endpoint = format!("--api.endpoint=http://{endpoint}");
        command.env("TCSS_EXPORTER_LOG_LEVEL", "info").arg(endpoint).args(arguments);
        let (exporter, url) = serving_as(&mut command);
        let address = url.trim_start_matches("http://").parse().unwrap();
        Target { exporter, address, _api: api, _alone: alone }
    }

    /// Scrapes one after the other for that long.
    async fn scrapes(&self, duration: Duration) -> Scrapes {
        let end = Instant::now() + duration;
        let mut scrapes = Scrapes::default();
        while Instant::now() < end {
            match scrape(self.address).await {
                Ok(took) => scrapes.took.push(took),
                Err(error) => scrapes.errors.push(error),
            }
            sleep(Duration::from_millis(10)).await;
        }
        scrapes
    }

    fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.exporter.id())).unwrap().count()
    }

    /// A line of `/proc/PID/status` in KiB.
    fn status_kib(&self, key: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.exporter.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Time on a processor so far, in user space and in the kernel.
    fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.exporter.id())).unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let ticks: u64 = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 1_000 / procfs::ticks_per_second())
    }
}

/// What came of many scrapes.
#[derive(Debug, Default)]
struct Scrapes {
    took: Vec<Duration>,
    errors: Vec<io::Error>,
}

impl Scrapes {
    /// The time within which 99 of 100 ended.
    #[track_caller]
    fn p99(&self) -> Duration {
        assert!(self.took.len() >= 100, "only {} scrapes", self.took.len());
        let mut took = self.took.clone();
        took.sort_unstable();
        took[took.len() * 99 / 100]
    }
}

/// How long one scrape over a connection of its own takes.
async fn scrape(address: SocketAddr) -> io::Result<Duration> {
    let begin = Instant::now();
    let answer = timeout(SCRAPE_TIMEOUT, ask(address, "/metrics")).await??;
    let took = begin.elapsed();
    let is_whole = answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n0\r\n\r\n");
    if is_whole && answer.contains("\ntcss_up{") { Ok(took) } else { Err(io::Error::other(answer)) }
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
