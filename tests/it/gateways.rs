//! Real gateways between the exporter and the API: nginx, and a proxy that tunnels with CONNECT.

use std::{fs, process::Command, time::Duration};

use rcgen::SanType;
use tokio::time::{Instant, sleep};

use crate::support::{
    process::{CANARY, Running, exporter, file, get, path, run, serving_as, simulator},
    site::Authority,
    sum,
};

/// Between two polls, and as long as nginx keeps a connection: the two race.
const INTERVAL: Duration = Duration::from_secs(2);

/// nginx closes idle connections just when the next request is due, as the API does after a minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_nginx_closes_when_the_next_poll_is_due_fail_no_poll() {
    let identity = |n: u32| {
        format!(
            "- {{name: id-{n}, secret_id: AKID{n}, secret_key: {CANARY}-key, latency: 20ms, latency_jitter: 80ms}}\n"
        )
    };
    let account =
        |n: u32| format!("- {{name: a-{n}, credentials: {{env: {{secret_id: ID_{n}}}}}}}\n");
    let identities: String = (0..20).map(identity).collect();
    let scenario = file(&format!("identities:\n{identities}"));
    let (_api, api) = simulator(&["--scenario", path(&scenario)]);
    let (_nginx, gateway, _folder) = nginx(&api);
    let accounts: String = (0..20).map(account).collect();
    let config = file(&format!(
        "poll: {{interval: 2s, scanning_interval: 2s}}\napi: {{endpoint: '{gateway}'}}\naccounts:\n{accounts}"
    ));
    let mut command = exporter();
    command.envs((0..20).map(|n| (format!("ID_{n}"), format!("AKID{n}"))));
    command.args(["--log.level=info", "--config.file", path(&config)]);
    let (_exporter, url) = serving_as(&mut command);
    let begin = Instant::now();
    sleep(Duration::from_mins(2)).await;
    let text = get(&format!("{url}/metrics")).await;
    let (polls, failures) = (
        sum(&text, "tcss_polls_total"),
        sum(&text, "tcss_poll_failures_total"),
    );
    let expected = 20.0 * begin.elapsed().as_secs_f64() / INTERVAL.as_secs_f64();
    assert!(polls > 0.9 * expected, "{polls} polls of {expected}");
    assert_eq!(failures, 0.0, "of {polls} polls");
    // How many connections are closed at the wrong moment is chance, and may be none. The tests in
    // `connections` make it happen.
}

/// In front of `api`, on a port that was free.
fn nginx(api: &str) -> (Running, String, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..10 {
        let port = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        let config = nginx_config(
            &format!("listen 127.0.0.1:{port}; keepalive_timeout 2s;"),
            api,
        );
        let config_file = folder.path().join("nginx.conf");
        fs::write(&config_file, config).unwrap();
        let mut command = Command::new("nginx");
        command
            .arg("-p")
            .arg(folder.path())
            .arg("-c")
            .arg(&config_file);
        let mut nginx = Running::start("nginx", &mut command);
        // One process, which ends with the test. It ends at once if it cannot listen.
        let is_up = nginx.wait_for("that it started", |log| {
            let is_taken = log.contains("Address already in use");
            (is_taken || log.contains("getrlimit(")).then_some(!is_taken)
        });
        if is_up {
            return (nginx, format!("http://127.0.0.1:{port}"), folder);
        }
    }
    panic!("nginx finds no free port");
}

fn nginx_config(server: &str, api: &str) -> String {
    format!(
        "daemon off; master_process off; user root root; pid nginx.pid; error_log stderr notice;
         events {{}}
         http {{
             access_log off;
             client_body_temp_path body; proxy_temp_path proxy;
             fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
             server {{
                 {server}
                 location / {{
                     proxy_pass {api};
                     proxy_set_header Host $http_host;
                     proxy_pass_request_headers on;
                 }}
             }}
         }}\n"
    )
}

/// Each case: variables, then what the exporter says, with its exit code.
const PROXY_CASES: &str = r#"
        ip link set lo up && ip address add 192.0.2.1/32 dev lo || exit 77
        "$0" simulate --scenario=scenario.yml >simulate.log 2>&1 &
        nginx -p "$PWD" -c "$PWD/nginx.conf" 2>nginx.log &
        for proxy in good refusing; do tinyproxy -d -c $proxy.conf >/dev/null 2>&1 & done
        for address in 127.0.0.1/10059 127.0.0.1/3128 127.0.0.1/3129 192.0.2.1/8443; do
            for _ in {1..200}; do (: <>/dev/tcp/$address) 2>/dev/null && continue 2; sleep 0.1; done
            echo "nothing listens on $address"; tail *.log; exit 1
        done
        : >proxy-3128.log
        scan() {
            printf '%s: ' "$1"
            shift
            output=$(env SSL_CERT_FILE=ca.pem "$@" "$0" scan --api.endpoint=https://192.0.2.1:8443 2>&1)
            printf 'exit %s, %s tunnels, %s\n' $? "$(grep -c 'CONNECT 192.0.2.1:8443' proxy-3128.log)" "$(tr '\n' ' ' <<<"$output")"
            : >proxy-3128.log
        }
        good=http://user:$SECRET%31@127.0.0.1:3128
        scan direct NO=1
        scan tunnel HTTPS_PROXY="$good"
        scan blank HTTPS_PROXY=" $good "
        scan all ALL_PROXY="$good"
        scan excluded HTTPS_PROXY="$good" NO_PROXY=192.0.2.0/24
        scan excluded-port HTTPS_PROXY="$good" NO_PROXY=192.0.2.1:8443
        scan other-port HTTPS_PROXY="$good" NO_PROXY=192.0.2.1:443
        scan unescaped HTTPS_PROXY="http://user:$SECRET#1@127.0.0.1:3128"
        scan slash HTTPS_PROXY="http:/127.0.0.1:3128"
        scan quoted HTTPS_PROXY="\"$good\""
        scan socks HTTPS_PROXY="socks5://127.0.0.1:3128"
        scan no-password HTTPS_PROXY=http://127.0.0.1:3128
        printf 'check: '; HTTPS_PROXY=http:/x "$0" check | tr '\n' ' '; echo
        scan refused HTTPS_PROXY=http://user:$SECRET%31@127.0.0.1:3129
        "#;

/// In a network namespace of its own, where the API has an address that is not loopback: requests to
/// this machine itself use no proxy. tinyproxy wants a password, which is sent unescaped.
#[test]
fn a_real_proxy_is_used_for_what_its_variables_say_and_for_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let issued = authority.issue(vec![SanType::IpAddress("192.0.2.1".parse().unwrap())]);
    let tls =
        "listen 192.0.2.1:8443 ssl; ssl_certificate server.pem; ssl_certificate_key server.key;";
    let proxy = |port: u16, connect: u16| {
        format!(
            "Port {port}\nListen 127.0.0.1\nLogFile \"{}\"\nLogLevel Connect\nBasicAuth user {CANARY}1\nConnectPort {connect}\n",
            folder.path().join(format!("proxy-{port}.log")).display()
        )
    };
    let scenario = format!(
        "identities:\n- {{name: default, secret_id: AKIDtest, secret_key: {CANARY}-key}}\n"
    );
    for (name, text) in [
        ("ca.pem", authority.certificate.clone()),
        ("server.pem", issued.certificate.clone()),
        ("server.key", issued.key.clone()),
        ("nginx.conf", nginx_config(tls, "http://127.0.0.1:10059")),
        ("scenario.yml", scenario),
        ("good.conf", proxy(3128, 8443)),
        ("refusing.conf", proxy(3129, 443)),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let mut command = Command::new("unshare");
    command
        .args([
            "--net",
            "--map-root-user",
            "--pid",
            "--fork",
            "--kill-child",
        ])
        .args(["bash", "-c", PROXY_CASES])
        .arg(env!("CARGO_BIN_EXE_tcss-exporter"))
        .current_dir(folder.path())
        .env("SECRET", CANARY)
        .env("TENCENTCLOUD_SECRET_ID", "AKIDtest")
        .env("TENCENTCLOUD_SECRET_KEY", format!("{CANARY}-key"));
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    let (_, output) = run("unshare", &mut command, "");
    assert!(!output.contains(CANARY), "shows a secret: {output}");
    let result = |case: &str| -> &str {
        let mut lines = output.lines();
        let found = lines.find_map(|line| line.strip_prefix(&format!("{case}: ")));
        found.unwrap_or_else(|| panic!("no {case}: {output}"))
    };
    for (case, expected) in [
        ("direct", "exit 0, 0 tunnels"),
        ("tunnel", "exit 0, 1 tunnels"),
        ("blank", "exit 0, 1 tunnels"),
        ("all", "exit 0, 1 tunnels"),
        ("excluded", "exit 0, 0 tunnels"),
        ("excluded-port", "exit 0, 0 tunnels"),
        ("other-port", "exit 0, 1 tunnels"),
        ("unescaped", "exit 2, 0 tunnels"),
        ("slash", "exit 2, 0 tunnels"),
        ("quoted", "exit 2, 0 tunnels"),
        ("socks", "exit 2, 0 tunnels"),
        ("no-password", "exit 1,"),
        ("refused", "exit 1,"),
    ] {
        assert!(result(case).starts_with(expected), "{case}: {output}");
    }
    for (case, expected) in [
        ("unescaped", "HTTPS_PROXY"),
        ("socks", "SOCKS"),
        (
            "no-password",
            "192.0.2.1:8443 through the proxy 127.0.0.1:3128",
        ),
        (
            "refused",
            "the proxy 127.0.0.1:3129 refused to connect to this host",
        ),
    ] {
        assert!(result(case).contains(expected), "{case}: {output}");
    }
}
