//! Real processes: started on free ports, watched, and ended by their own ID. The exporter must not print a secret at any
//! log level, so each process gets canaries, and its output is searched for them.

use std::{
    io::{BufRead as _, BufReader, Read, Write as _},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

/// Part of every secret in the tests.
pub(crate) const CANARY: &str = "cAnArY";

/// The longest wait for what should happen immediately; generous, since the machine may be busy.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A process and everything it printed so far. Killed with the test.
pub(crate) struct Running {
    child: Child,
    name: String,
    output: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn start(name: &str, command: &mut Command) -> Running {
        let mut child = spawn(name, command.stdin(Stdio::null()));
        let output = Arc::new(Mutex::new(String::new()));
        let readers = vec![
            collect(child.stdout.take().unwrap(), &output),
            collect(child.stderr.take().unwrap(), &output),
        ];
        Running {
            child,
            name: name.into(),
            output,
            readers,
        }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its arguments, which all users of the machine can see.
    pub(crate) fn command_line(&self) -> String {
        let line = std::fs::read(format!("/proc/{}/cmdline", self.child.id())).unwrap();
        String::from_utf8(line).unwrap().replace('\0', " ")
    }

    /// Everything printed so far.
    pub(crate) fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// What `find` finds in the output, as soon as it is there.
    pub(crate) fn wait_for<T>(&mut self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        let step = Duration::from_millis(20);
        for _ in 0..TIMEOUT.as_millis() / step.as_millis() {
            if let Some(found) = find(&self.output()) {
                return found;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                self.read_to_the_end();
                return find(&self.output()).unwrap_or_else(|| {
                    panic!(
                        "{} ended ({status}) without {what}:\n{}",
                        self.name,
                        self.output()
                    )
                });
            }
            thread::sleep(step);
        }
        panic!("{} does not say {what}:\n{}", self.name, self.output());
    }

    /// After the process has ended: reads what it printed last.
    fn read_to_the_end(&mut self) {
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args(["-s", signal, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits until it has a handler for a signal.
    pub(crate) fn wait_until_handled(&self, field: &str, signal: u32) {
        for _ in 0..2_000 {
            let status =
                std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
            let mask = status
                .lines()
                .find_map(|line| line.strip_prefix(&format!("{field}:")))
                .unwrap();
            if u64::from_str_radix(mask.trim(), 16).unwrap() >> (signal - 1) & 1 == 1 {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("{} does not handle signal {signal}", self.name);
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let step = Duration::from_millis(20);
        for _ in 0..TIMEOUT.as_millis() / step.as_millis() {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.read_to_the_end();
                return status;
            }
            thread::sleep(step);
        }
        panic!("{} does not end:\n{}", self.name, self.output());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.read_to_the_end();
        if !thread::panicking() {
            assert!(
                !self.output().contains(CANARY),
                "{} printed a secret:\n{}",
                self.name,
                self.output()
            );
        }
    }
}

fn spawn(name: &str, command: &mut Command) -> Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("cannot start {name}: {error}; tests/run installs what the tests need")
        })
}

/// Runs a command that reads `input` and ends by itself. How it ended, and what it printed.
pub(crate) fn run(name: &str, command: &mut Command, input: &str) -> (ExitStatus, String) {
    let mut child = spawn(name, command.stdin(Stdio::piped()));
    // A command that ends early closes the pipe, and its output shows the reason.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    (
        output.status,
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap(),
    )
}

fn collect(stream: impl Read + Send + 'static, output: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let output = Arc::clone(output);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut output = output.lock().unwrap();
            output.push_str(&line);
            output.push('\n');
        }
    })
}

/// The exporter's binary, without the environment of the test run, but with secrets of its own.
pub(crate) fn exporter() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcss-exporter"));
    for (name, _) in std::env::vars().filter(|(name, _)| is_ours(name)) {
        command.env_remove(name);
    }
    command
        .env("TENCENTCLOUD_SECRET_ID", SECRET_ID)
        .env("TENCENTCLOUD_SECRET_KEY", format!("{CANARY}-key"))
        .env("TCSS_EXPORTER_LOG_LEVEL", "trace");
    command
}

/// The `SecretId` of [`exporter`].
pub(crate) const SECRET_ID: &str = "AKIDtest";

fn is_ours(name: &str) -> bool {
    name.starts_with("TCSS_EXPORTER_")
        || name.starts_with("TENCENTCLOUD_")
        || name.to_lowercase().ends_with("_proxy")
}

/// A file that holds `text`; gone when it is dropped.
pub(crate) fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// Its path, for a command line.
pub(crate) fn path(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().unwrap()
}

/// A simulator and where it listens.
pub(crate) fn simulator(arguments: &[&str]) -> (Running, String) {
    simulator_on("127.0.0.1:0", arguments)
}

/// The same on another address.
pub(crate) fn simulator_on(address: &str, arguments: &[&str]) -> (Running, String) {
    let mut command = exporter();
    command
        .arg("simulate")
        .arg(format!("--listen-address={address}"))
        .args(arguments);
    let mut running = Running::start("simulate", &mut command);
    let url = running.wait_for("where it listens", |output| {
        after(output, "simulated API on ")
    });
    (running, url)
}

/// A scan that is over, for [`simulating`].
pub(crate) const SCANNED: &str = "started_ago: 60m, repeat: false, scans: [{takes: 10m, local_images: 3, \
                                  local_vulnerabilities: 8, risk_images: 2}]";

/// A simulator with the keys of [`exporter`], and its address. `identity` contains further settings of their identity.
pub(crate) fn simulating(identity: &str) -> (Running, String) {
    let scenario = file(&format!(
        "identities:\n  - {{name: default, secret_id: {SECRET_ID}, secret_key: {CANARY}-key, {identity}}}\n"
    ));
    simulator(&["--scenario", path(&scenario)])
}

/// The number of requests that a simulator has received.
pub(crate) async fn arrivals(api: &str) -> u64 {
    let stats: serde_json::Value =
        serde_json::from_str(&get(&format!("{api}/-/stats")).await).unwrap();
    stats["arrivals"].as_u64().unwrap()
}

/// An exporter that serves, and where it listens.
pub(crate) fn serving(arguments: &[&str]) -> (Running, String) {
    serving_as(exporter().args(arguments))
}

/// The same, with an environment of its own.
pub(crate) fn serving_as(command: &mut Command) -> (Running, String) {
    command.arg("--web.listen-address=127.0.0.1:0");
    let mut running = Running::start("tcss-exporter", command);
    let url = running.wait_for("where it listens", listening);
    (running, url)
}

/// The address that an exporter has logged.
pub(crate) fn listening(log: &str) -> Option<String> {
    let line = log
        .lines()
        .find(|line| line.contains("message=listening"))?;
    after(line, "address=").map(|address| format!("http://{address}"))
}

/// The word after `mark`, without a semicolon.
fn after(text: &str, mark: &str) -> Option<String> {
    let (_, rest) = text.split_once(mark)?;
    let word = rest.split_whitespace().next()?;
    Some(word.trim_end_matches(';').to_owned())
}

/// The body of `url`, which must answer 200.
pub(crate) async fn get(url: &str) -> String {
    let (status, body) = fetch(url, &[]).await;
    assert_eq!(status, 200, "{url}: {body}");
    body
}

/// Status and body of `url`.
pub(crate) async fn fetch(url: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = headers
        .iter()
        .fold(client.get(url), |request, (name, value)| {
            request.header(*name, *value)
        });
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body = response.text().await.unwrap();
    assert!(!body.contains(CANARY), "{url} shows a secret: {body}");
    (status, body)
}

/// Fetches `url` until `accept` accepts its body.
pub(crate) async fn until<T>(url: &str, what: &str, accept: impl Fn(&str) -> Option<T>) -> T {
    let step = Duration::from_millis(100);
    let mut body = String::new();
    for _ in 0..TIMEOUT.as_millis() / step.as_millis() {
        body = fetch(url, &[]).await.1;
        if let Some(found) = accept(&body) {
            return found;
        }
        tokio::time::sleep(step).await;
    }
    panic!("{url} does not show {what}:\n{body}");
}
