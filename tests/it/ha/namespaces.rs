//! A partition of the network, with a network namespace for one of two replicas.

use std::{process::Command, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    time::{Instant, sleep, timeout},
};

use super::{pod::Pod, server::ApiServer};
use crate::support::process::{CANARY, SCANNED, SECRET_ID, file, path, run, simulator_on};

/// For documentation only, so it is no real network (RFC 5737).
const HOST: &str = "192.0.2.1";
const API: &str = "192.0.2.2";
const POD: &str = "192.0.2.9";

/// A network namespace that is connected to this one. Gone with the test.
struct Namespace {
    name: String,
}

fn ip(arguments: &str) {
    let (status, output) = run("ip", Command::new("ip").args(arguments.split(' ')), "");
    assert!(status.success(), "ip {arguments}: {output}");
}

impl Namespace {
    fn new() -> Namespace {
        let name = format!("tcss-{}", std::process::id());
        let host = format!("tcss{}", std::process::id());
        ip(&format!("netns add {name}"));
        let namespace = Namespace { name: name.clone() };
        ip(&format!(
            "link add {host} type veth peer name eth0 netns {name}"
        ));
        ip(&format!("addr add {HOST}/28 dev {host}"));
        ip(&format!("addr add {API}/28 dev {host}"));
        ip(&format!("link set {host} up"));
        ip(&format!("-n {name} addr add {POD}/28 dev eth0"));
        ip(&format!("-n {name} link set eth0 up"));
        ip(&format!("-n {name} link set lo up"));
        namespace
    }

    /// Packets to `address` vanish: they are sent to no one's hardware address.
    fn cut(&self, address: &str) {
        let name = &self.name;
        ip(&format!(
            "-n {name} neigh replace {address} lladdr 02:00:00:00:00:01 dev eth0 nud permanent"
        ));
    }

    fn heal(&self, address: &str) {
        ip(&format!("-n {} neigh del {address} dev eth0", self.name));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // With it, its end of the link and so the other end.
        let _ = Command::new("ip")
            .args(["netns", "del", &self.name])
            .status();
    }
}

/// Metrics over a Unix socket, which needs no network.
async fn speaks(socket: &str) -> bool {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.0\r\n\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.0 200"), "{text}");
    text.contains("account=\"")
}

async fn until(socket: &str, expected: bool) -> Duration {
    let start = Instant::now();
    let wait = async {
        while speaks(socket).await != expected {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(120), wait).await.unwrap();
    start.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_cut_off_from_the_api_server_steps_down_when_it_reads_of_another() {
    let namespace = Namespace::new();
    let scenario = file(&format!(
        "identities:\n  - {{name: default, secret_id: {SECRET_ID}, secret_key: {CANARY}-key, {SCANNED}}}\n"
    ));
    let (_tcss, tcss) = simulator_on(&format!("{HOST}:0"), &["--scenario", path(&scenario)]);
    let api = ApiServer::on(API).await;
    let sockets = tempfile::tempdir().unwrap();
    let socket = |name: &str| format!("{}/{name}", sockets.path().display());
    let config = file(&format!(
        "api: {{endpoint: \"{tcss}\", allow_http: true}}\naccounts: [{{name: prod}}]\n"
    ));
    let config_flag = format!("--config.file={}", path(&config));
    let (socket_a, socket_b) = (socket("a"), socket("b"));
    let start = |name: &str, wrapper: &[&str], socket: &str| {
        let listen = format!("--web.listen-address=unix:{socket}");
        Pod::start_in(&api, name, wrapper, &[&config_flag, &listen])
    };
    let wrapper = ["ip", "netns", "exec", &namespace.name];
    let a = start("pod-a", &wrapper, &socket_a);
    until(&socket_a, true).await;
    let b = start("pod-b", &[], &socket_b);
    sleep(Duration::from_secs(6)).await;
    assert!(!speaks(&socket_b).await);

    // The leader loses the API server only: both expose the accounts until it is back.
    namespace.cut(API);
    let took = until(&socket_b, true).await;
    assert!(took < Duration::from_secs(24), "{took:?}");
    assert!(speaks(&socket_a).await, "as long as it cannot know");
    assert!(
        a.running
            .output()
            .contains("exposing the accounts until there is another leader")
    );
    sleep(Duration::from_secs(3)).await;
    assert!(speaks(&socket_a).await && speaks(&socket_b).await);
    namespace.heal(API);
    let healed = until(&socket_a, false).await;
    // The request under way has to time out first.
    assert!(healed < Duration::from_secs(10), "{healed:?}");
    assert!(speaks(&socket_b).await);
    sleep(Duration::from_secs(3)).await;
    assert!(
        !speaks(&socket_a).await && speaks(&socket_b).await,
        "and it stays so"
    );
    eprintln!("partition: the other took over after {took:?}, one spoke {healed:?} after healing");
    drop((a, b));
}
