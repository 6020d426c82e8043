//! Authentication: which clients are authorized, and what other clients can learn or delay.

use std::time::Duration;

use reqwest::Method;
use tokio::{task::JoinSet, time::Instant};

use crate::support::{
    process::run,
    site::{Site, password, plain_client, status, user},
};

fn start(users: &[String], flags: &[&str]) -> Site {
    let lines: String = users.iter().map(|user| format!("  {user}\n")).collect();
    Site::start(&format!("basic_auth_users:\n{lines}"), &[], flags)
}

async fn login(site: &Site, path: &str, name: &str, password: &str) -> Option<u16> {
    status(
        plain_client()
            .get(site.http(path))
            .basic_auth(name, Some(password)),
    )
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_pages_but_health_and_readiness_need_a_user() {
    let site = start(&[user("alice", 4)], &["--web.enable-lifecycle"]);
    let client = plain_client();
    for (method, path, expected) in [
        (Method::GET, "/metrics", 401),
        (Method::HEAD, "/metrics", 401),
        (Method::GET, "/", 401),
        (Method::GET, "/nothing", 401),
        (Method::POST, "/-/reload", 401),
        (Method::POST, "/-/healthy", 401),
        (Method::GET, "/-/healthy", 200),
        (Method::HEAD, "/-/healthy", 200),
        (Method::GET, "/-/ready", 503),
    ] {
        let answer = client
            .request(method.clone(), site.http(path))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), expected, "{method} {path}");
        let asked = answer
            .headers()
            .get("www-authenticate")
            .map(|value| value.to_str().unwrap());
        assert_eq!(
            asked,
            (expected == 401).then_some("Basic realm=\"tcss-exporter\""),
            "{method} {path}"
        );
    }
    let with_body = client
        .get(site.http("/-/healthy"))
        .body("abc")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            with_body.status().as_u16(),
            &with_body.headers()["connection"]
        ),
        (401, &"close".parse().unwrap())
    );
    let alice =
        |request: reqwest::RequestBuilder| request.basic_auth("alice", Some(password("alice")));
    for (request, expected) in [
        (client.get(site.http("/metrics")), 200),
        (client.get(site.http("/")), 200),
        (client.get(site.http("/nothing")), 404),
        (client.post(site.http("/-/reload")), 200),
    ] {
        assert_eq!(status(alice(request)).await, Some(expected));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_authorization_header_is_unauthorized() {
    let site = start(&[user("alice", 4)], &[]);
    for header in [
        "Basic",
        "Basic ",
        "Basic =",
        "Basic Og==",
        "Bearer x",
        "Basic YWxpY2U=",
        "\u{ff}",
    ] {
        let request = plain_client().get(site.http("/metrics"));
        let header = reqwest::header::HeaderValue::from_bytes(header.as_bytes()).unwrap();
        assert_eq!(
            status(request.header("Authorization", header)).await,
            Some(401)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_users_takes_effect_at_once() {
    let mut site = start(&[user("alice", 4)], &[]);
    let (alice, bob) = (password("alice"), password("bob"));
    assert_eq!(login(&site, "/metrics", "alice", &alice).await, Some(200));
    site.write(
        "w.yml",
        &format!("basic_auth_users:\n  {}\n", user("bob", 4)),
    );
    site.running.signal("HUP");
    site.running.wait_for("the reload", |log| {
        (log.matches("web configuration loaded").count() == 2).then_some(())
    });
    assert_eq!(
        login(&site, "/metrics", "alice", &alice).await,
        Some(401),
        "a removed user is unauthorized"
    );
    assert_eq!(login(&site, "/metrics", "bob", &bob).await, Some(200));
}

/// Run alone, as it measures response times. A second exporter that is not attacked shows how busy the machine is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_concurrent_wrong_passwords_do_not_delay_a_known_user() {
    let [site, calm] = [(); 2].map(|()| start(&[user("alice", 10)], &[]));
    let alice = password("alice");
    let client = plain_client();
    let scrape = async |site: &Site| {
        let begin = Instant::now();
        let request = client
            .get(site.http("/metrics"))
            .basic_auth("alice", Some(&alice));
        assert_eq!(status(request).await, Some(200));
        begin.elapsed()
    };
    scrape(&site).await;
    scrape(&calm).await;
    let guesser = plain_client();
    let mut flood = JoinSet::new();
    for n in 0..200 {
        let request = guesser
            .get(site.http("/metrics"))
            .basic_auth("alice", Some(format!("wrong {n}")));
        flood.spawn(status(request));
    }
    let (mut attacked, mut control) = (Vec::new(), Vec::new());
    while !flood.is_empty() {
        attacked.push(scrape(&site).await);
        control.push(scrape(&calm).await);
        while let Some(refused) = flood.try_join_next() {
            assert!(matches!(refused.unwrap(), Some(401 | 503)));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(attacked.len() > 50, "{}", attacked.len());
    let p99 = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[times.len() * 99 / 100]
    };
    let (attacked, control) = (p99(attacked), p99(control));
    let limit = Duration::from_millis(100).max(control * 2);
    assert!(
        attacked < limit,
        "{attacked:?}, without the flood {control:?}"
    );
}

/// Measured in CPU time, which other processes on the machine hardly affect.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_and_unknown_users_cost_the_same_cpu_time() {
    for (users, rounds) in [
        (vec![("alice", 10)], 12),
        (vec![("alice", 12)], 4),
        (vec![("alice", 10), ("bob", 12)], 4),
    ] {
        let lines: Vec<String> = users.iter().map(|(name, cost)| user(name, *cost)).collect();
        let site = start(&lines, &[]);
        let client = plain_client();
        let mut spent = [0.0; 2];
        for round in 0..rounds {
            for (name, spent) in ["alice", "carol"].into_iter().zip(&mut spent) {
                let before = cpu_seconds(&site);
                let request = client
                    .get(site.http("/"))
                    .basic_auth(name, Some(format!("wrong {round}")));
                assert_eq!(status(request).await, Some(401));
                *spent += cpu_seconds(&site) - before;
            }
        }
        let [known, unknown] = spent;
        let ratio = known / unknown;
        assert!(
            (0.9..=1.1).contains(&ratio),
            "{users:?}: {known} s to {unknown} s, {ratio}"
        );
    }
}

/// The CPU time of the exporter so far.
fn cpu_seconds(site: &Site) -> f64 {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", site.running.id())).unwrap();
    let of = |task: std::fs::DirEntry| {
        let schedstat = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        schedstat
            .split(' ')
            .next()
            .and_then(|nanoseconds| nanoseconds.parse::<f64>().ok())
            .unwrap_or_default()
    };
    tasks.map(|task| of(task.unwrap())).sum::<f64>() / 1e9
}

/// As after a restart: no login is cached.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_wrong_passwords_does_not_lock_out_the_first_login_of_another_client() {
    let site = std::sync::Arc::new(start(&[user("alice", 6)], &[]));
    let mut flood = JoinSet::new();
    for n in 0..40 {
        let site = std::sync::Arc::clone(&site);
        flood.spawn(async move {
            for attempt in 0.. {
                login(&site, "/metrics", "alice", &format!("{n}-{attempt}")).await;
            }
        });
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let other = reqwest::Client::builder()
        .no_proxy()
        .local_address(std::net::IpAddr::from([127, 0, 0, 2]))
        .build()
        .unwrap();
    let start = Instant::now();
    let request = other.get(site.http("/metrics"));
    let request = request.basic_auth("alice", Some(password("alice")));
    assert_eq!(status(request).await, Some(200));
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}

/// In namespaces of its own, where the name server never answers, with more hosts to look up than
/// tokio has threads for blocking work.
#[test]
fn name_look_ups_that_hang_delay_neither_log_ins_nor_reloads() {
    let folder = tempfile::tempdir().unwrap();
    let account = |n: u32| {
        let keys = "{static: {secret_id: AKIDtest, secret_key: test}}";
        format!("- {{name: a-{n}, endpoint: 'https://h{n}.example', credentials: {keys}}}\n")
    };
    let accounts: String = (0..600).map(account).collect();
    let config = format!(
        "poll: {{interval: 20s, timeout: 15s}}\napi: {{requests_per_second: 20}}\naccounts:\n{accounts}"
    );
    let web = format!("basic_auth_users:\n  {}\n", user("alice", 4));
    for (name, text) in [
        ("tcss.yml", config.as_str()),
        ("web.yml", &web),
        (
            "resolv.conf",
            "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n",
        ),
        (
            "names.py",
            "import socket, time\ns = socket.socket(type=socket.SOCK_DGRAM)\ns.bind(('127.0.0.1', 53))\ntime.sleep(600)\n",
        ),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    // Prints the status and the time of each request.
    let script = r#"
        mount --bind resolv.conf "$(realpath /etc/resolv.conf)" && ip link set lo up || exit 77
        python3 names.py &
        "$0" --config.file=tcss.yml --web.config.file=web.yml --web.enable-lifecycle \
            --web.listen-address=127.0.0.1:10058 >log 2>&1 &
        exporter=$!
        for _ in {1..200}; do (: <>/dev/tcp/127.0.0.1/10058) 2>/dev/null && break; sleep 0.1; done
        request() {
            curl --silent --noproxy '*' --max-time 30 -o body -w '%{http_code} %{time_total}\n' "$@"
        }
        # The first polls come within the interval. While a name is looked up, its thread waits.
        for _ in {1..100}; do
            [ "$(ls /proc/$exporter/task | wc -l)" -gt 500 ] && break; sleep 0.3
        done
        echo "threads $(ls /proc/$exporter/task | wc -l)"
        for _ in 1 2 3; do
            request -u "alice:$PASSWORD" http://127.0.0.1:10058/metrics
            request -u "alice:wrong$RANDOM" http://127.0.0.1:10058/metrics
            request -u "alice:$PASSWORD" -X POST http://127.0.0.1:10058/-/reload
        done
        "#;
    let mut command = std::process::Command::new("unshare");
    command
        .args(["--net", "--mount", "--map-root-user"])
        .args(["--pid", "--fork", "--kill-child", "--mount-proc"])
        .args(["bash", "-c", script])
        .arg(env!("CARGO_BIN_EXE_tcss-exporter"))
        .current_dir(folder.path())
        .env("PASSWORD", password("alice"));
    let (_, output) = run("unshare", &mut command, "");
    let mut lines = output.lines();
    let threads = lines.next().and_then(|line| line.strip_prefix("threads "));
    let threads: u32 = threads
        .unwrap_or_else(|| panic!("{output}"))
        .parse()
        .unwrap();
    assert!(threads > 500, "look-ups do not hang: {output}");
    let expected = ["200", "401", "200"].repeat(3);
    let mut n_requests = 0;
    for (line, expected) in lines.zip(&expected) {
        let (status, seconds) = line.split_once(' ').unwrap();
        assert_eq!(status, *expected, "{output}");
        assert!(seconds.parse::<f64>().unwrap() < 2.0, "{output}");
        n_requests += 1;
    }
    assert_eq!(n_requests, 9, "{output}");
}
