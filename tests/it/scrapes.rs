//! Responses to scrapers and browsers.

use std::{collections::BTreeSet, io::Read as _, net::SocketAddr, sync::Arc};

use flate2::read::GzDecoder;
use http::{Method, StatusCode, header};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::support::{
    RARELY, config_of_scans,
    process::{SCANNED, arrivals, fetch, file, get, path, run, serving, simulating, until},
    raw::{Act, Raw, refusing},
    sum, value,
};

/// A client that adds no headers and does not decompress responses.
fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .no_gzip()
        .build()
        .unwrap()
}

async fn ask(
    method: Method,
    url: &str,
    headers: &[(header::HeaderName, &str)],
) -> reqwest::Response {
    let request = client().request(method, url);
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(name, *value)
    });
    request.send().await.unwrap()
}

fn header(response: &reqwest::Response, name: header::HeaderName) -> Option<&str> {
    response
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_scrapes_call_the_api_not_once() {
    const N_CONNECTIONS: usize = 4;
    const N_SCRAPES: usize = 10_000;
    let (_api, api) = simulating(SCANNED);
    let config = file(RARELY);
    let (_exporter, exporter) = serving(&["--config.file", path(&config), "--api.endpoint", &api]);
    let metrics = format!("{exporter}/metrics");
    until(&metrics, "a poll", |text| {
        (sum(text, "tcss_up") == 1.0).then_some(())
    })
    .await;

    let before = arrivals(&api).await;
    let address = Arc::<str>::from(exporter.trim_start_matches("http://"));
    let connections: Vec<_> = (0..N_CONNECTIONS)
        .map(|_| {
            tokio::spawn(scrape_over_one_connection(
                Arc::clone(&address),
                N_SCRAPES / N_CONNECTIONS,
            ))
        })
        .collect();
    for connection in connections {
        connection.await.unwrap();
    }
    assert_eq!(arrivals(&api).await, before);
    let scrapes = value(
        &get(&metrics).await,
        "tcss_exporter_http_requests_total{code=\"200\",handler=\"metrics\"}",
    );
    assert!(scrapes.unwrap() >= N_SCRAPES as f64, "{scrapes:?}");
}

async fn scrape_over_one_connection(address: Arc<str>, n_scrapes: usize) {
    let client = client();
    for _ in 0..n_scrapes {
        let answer = client
            .get(format!("http://{address}/metrics"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(
            answer.text().await.unwrap().contains(
                "\ntcss_up{account=\"default\",collector=\"vul_scan\",scan=\"latest\"} 1\n"
            )
        );
    }
}

/// Lines without their values, which may differ from scrape to scrape.
fn series(text: &str) -> Vec<&str> {
    text.lines()
        .map(|line| {
            if line.starts_with('#') {
                line
            } else {
                line.rsplit_once(' ').unwrap().0
            }
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scrape_has_the_same_content_compressed_and_plain_in_the_requested_format() {
    let (_api, api) = simulating(SCANNED);
    let (_exporter, exporter) = serving(&["--api.endpoint", &api]);
    let metrics = format!("{exporter}/metrics");
    until(&metrics, "a poll", |text| {
        (sum(text, "tcss_up") == 1.0).then_some(())
    })
    .await;
    let formats = [
        ("text/plain", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
    ];
    for (accept, content_type) in formats {
        let plain = ask(Method::GET, &metrics, &[(header::ACCEPT, accept)]).await;
        assert_eq!(header(&plain, header::CONTENT_TYPE), Some(content_type));
        assert_eq!(header(&plain, header::CONTENT_ENCODING), None);
        assert_eq!(
            header(&plain, header::VARY),
            Some("Accept, Accept-Encoding")
        );
        let plain = plain.text().await.unwrap();

        let gzip = [(header::ACCEPT, accept), (header::ACCEPT_ENCODING, "gzip")];
        let compressed = ask(Method::GET, &metrics, &gzip).await;
        assert_eq!(
            header(&compressed, header::CONTENT_TYPE),
            Some(content_type)
        );
        assert_eq!(header(&compressed, header::CONTENT_ENCODING), Some("gzip"));
        let compressed = compressed.bytes().await.unwrap();
        let mut text = String::new();
        GzDecoder::new(&compressed[..])
            .read_to_string(&mut text)
            .unwrap();
        assert!(compressed.len() < text.len());
        assert_eq!(series(&text), series(&plain));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_not_supported_gets_an_error() {
    let (_socket, address) = refusing();
    let (_exporter, exporter) = serving(&["--api.endpoint", &format!("http://{address}")]);
    for path in ["/metrics", "/", "/-/healthy"] {
        let url = format!("{exporter}{path}");
        let (got, head) = (
            ask(Method::GET, &url, &[]).await,
            ask(Method::HEAD, &url, &[]).await,
        );
        assert_eq!(
            (got.status(), head.status()),
            (StatusCode::OK, StatusCode::OK),
            "{path}"
        );
        assert_eq!(
            header(&got, header::CONTENT_TYPE),
            header(&head, header::CONTENT_TYPE),
            "{path}"
        );
        assert_eq!(head.text().await.unwrap(), "", "{path}");
        let posted = ask(Method::POST, &url, &[]).await;
        assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(header(&posted, header::ALLOW), Some("GET, HEAD"), "{path}");
    }
    let read = ask(Method::GET, &format!("{exporter}/-/reload"), &[]).await;
    assert_eq!(read.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(header(&read, header::ALLOW), Some("POST, PUT"));
    for path in ["/metrics/", "/nothing", "//", "/-/"] {
        assert_eq!(
            fetch(&format!("{exporter}{path}"), &[]).await.0,
            404,
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_page_links_to_the_other_pages_and_runs_no_scripts() {
    let (_socket, address) = refusing();
    let endpoint = format!("http://{address}");
    let (_exporter, exporter) =
        serving(&["--api.endpoint", &endpoint, "--web.telemetry-path=/tcss"]);
    let answer = ask(Method::GET, &exporter, &[]).await;
    let policy = header(&answer, header::CONTENT_SECURITY_POLICY).unwrap();
    let (style, rest) = policy
        .split_once("style-src 'sha256-")
        .unwrap()
        .1
        .split_once('\'')
        .unwrap();
    assert_eq!(style.len(), 44, "a hash: {policy}");
    assert_eq!(
        rest,
        "; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "Accept-Language"),
    ] {
        assert_eq!(header(&answer, name.clone()), Some(value), "{name}");
    }
    let page = answer.text().await.unwrap();
    let hrefs = page
        .split("href=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap());
    let links: BTreeSet<&str> = hrefs.filter(|href| !href.starts_with("data:")).collect();
    let expected = [
        "#scans",
        "#help",
        "./tcss",
        "./-/ready",
        "./-/healthy",
        "./?refresh=off",
        "./?lang=zh-CN",
        "./accounts/default",
    ];
    assert_eq!(links, BTreeSet::from(expected));
    let chinese = [(header::ACCEPT_LANGUAGE, "zh-CN,zh;q=0.9,en;q=0.8")];
    for (path, accept, lang) in [
        ("/", &chinese[..], "zh-CN"),
        ("/?lang=en", &chinese[..], "en"),
        ("/?lang=zh-CN", &[], "zh-CN"),
        ("/accounts/default", &chinese[..], "zh-CN"),
        ("/accounts/default?lang=en", &chinese[..], "en"),
        ("/accounts/default", &[], "en"),
    ] {
        let answer = ask(Method::GET, &format!("{exporter}{path}"), accept).await;
        assert_eq!(header(&answer, header::VARY), Some("Accept-Language"));
        let page = answer.text().await.unwrap();
        assert!(page.contains(&format!("<html lang=\"{lang}\">")), "{path}");
    }
    let missing = ask(Method::GET, &format!("{exporter}/accounts/other"), &chinese).await;
    assert_eq!(header(&missing, header::VARY), Some("Accept-Language"));
    assert_eq!(missing.text().await.unwrap(), "没有该账号\n");
    for path in ["tcss", "-/healthy", "?refresh=off"] {
        get(&format!("{exporter}/{path}")).await;
    }
    assert_eq!(fetch(&format!("{exporter}/metrics"), &[]).await.0, 404);
    let metrics = get(&format!("{exporter}/tcss")).await;
    let pages = value(
        &metrics,
        "tcss_exporter_http_requests_total{code=\"200\",handler=\"landing\"}",
    );
    assert_eq!(pages, Some(5.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_query_string_gives_a_page() {
    let (_socket, address) = refusing();
    let (_exporter, exporter) = serving(&["--api.endpoint", &format!("http://{address}")]);
    // Nearly as long as a head may be.
    let long = format!("?q={}", "%F0%9F%92%A5".repeat(1_200));
    for query in [
        "?",
        "?q=%00%FF<script>",
        "?page=-1",
        "?page=99999999999999999999&q=&q",
        "?refresh=off&",
        &long,
    ] {
        let url = format!("{exporter}/{query}");
        let page = get(&url).await;
        assert!(
            page.ends_with("</html>\n") && !page.contains("<script>"),
            "{query}"
        );
        let head = ask(Method::HEAD, &url, &[]).await;
        assert_eq!(
            (head.status(), head.text().await.unwrap().as_str()),
            (StatusCode::OK, ""),
            "{query}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_exporter_is_ready_once_every_scan_was_polled() {
    let (_api, api) = simulating("latency: 3s");
    let config = file(
        "poll: {interval: 1s}\naccounts: [{name: prod, scans: [{name: latest}, {name: nightly, local_task_id: 7}]}]",
    );
    let (_exporter, exporter) = serving(&["--config.file", path(&config), "--api.endpoint", &api]);
    let (ready, metrics) = (format!("{exporter}/-/ready"), format!("{exporter}/metrics"));
    let mut refusals = 0;
    loop {
        let (status, body) = fetch(&ready, &[]).await;
        let n_tried = get(&metrics)
            .await
            .matches("\ntcss_poll_last_attempt_timestamp_seconds{")
            .count();
        if status == 200 {
            assert_eq!((body.as_str(), n_tried), ("ready\n", 2));
            break;
        }
        assert_eq!(
            (status, body.as_str()),
            (503, "not ready: waiting for the first poll of every scan\n")
        );
        refusals += 1;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(refusals > 0);
}

/// A scrape whose answer is not read beyond its first byte.
async fn slow_scrape(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: exporter\r\n\r\n")
        .await
        .unwrap();
    stream.read_u8().await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_scrape_takes_its_place_until_it_ends() {
    let silent = Raw::start(Act::Silence).await;
    let config = file(&config_of_scans(8_000));
    let (_exporter, exporter) = serving(&[
        "--config.file",
        path(&config),
        "--api.endpoint",
        &silent.url(),
        "--web.max-requests=1",
    ]);
    let metrics = format!("{exporter}/metrics");
    let slow = slow_scrape(exporter.trim_start_matches("http://").parse().unwrap()).await;
    for _ in 0..3 {
        let refused = (
            503,
            "too many concurrent scrapes (--web.max-requests), try again later\n".to_owned(),
        );
        assert_eq!(fetch(&metrics, &[]).await, refused);
    }
    assert_eq!(
        get(&format!("{exporter}/-/healthy")).await,
        "healthy\n",
        "only scrapes are counted"
    );
    drop(slow);
    let refusals = |text: &str| {
        value(
            text,
            "tcss_exporter_http_requests_total{code=\"503\",handler=\"metrics\"}",
        )
    };
    let refusals = until(&metrics, "a scrape", refusals).await;
    assert!(refusals >= 3.0, "{refusals}");
}

/// Everything that the server sends for `request`, until it closes the connection.
async fn raw_answer(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_without_content_is_answered_even_if_it_announces_chunks() {
    let (_socket, address) = refusing();
    let (_exporter, exporter) = serving(&["--api.endpoint", &format!("http://{address}")]);
    let address = exporter.trim_start_matches("http://");
    let request = |path: &str, chunks: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}")
    };
    // A second request on the same connection shows that the body was read to its end.
    let second = "GET /-/healthy HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    for path in ["/metrics", "/", "/-/healthy"] {
        let both = format!("{}{second}", request(path, "0\r\n\r\n"));
        let answer = raw_answer(address, &both).await;
        assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{answer}");
    }
    let answer = raw_answer(address, &request("/metrics", "1\r\na\r\n0\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    // The chunks never end.
    let answer = raw_answer(address, &request("/metrics", "")).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_response_without_a_length_does_not_promise_http_1_0_clients_to_keep_alive() {
    let (_socket, address) = refusing();
    // More than one page, and more than one chunk of gzip, so its length is not known at first.
    let config = file(&config_of_scans(5_000));
    let endpoint = format!("http://{address}");
    let (_exporter, exporter) =
        serving(&["--config.file", path(&config), "--api.endpoint", &endpoint]);
    let address = exporter.trim_start_matches("http://");
    for more in ["", "Accept-Encoding: gzip\r\n"] {
        let request = format!("GET /metrics HTTP/1.0\r\nConnection: keep-alive\r\n{more}\r\n");
        let answer = raw_answer(address, &request).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let head = head.to_ascii_lowercase();
        assert!(head.starts_with("http/1.0 200 ok"), "{head}");
        assert!(!head.contains("keep-alive"), "{head}");
        assert!(!head.contains("transfer-encoding"), "{head}");
        assert!(!body.is_empty(), "{more}");
    }
    let (_exporter, exporter) = serving(&["--api.endpoint", &endpoint]);
    let address = exporter.trim_start_matches("http://");
    // A response with a length keeps the connection, as that of one account does.
    let twice = "GET /-/healthy HTTP/1.0\r\nConnection: keep-alive\r\n\r\n\
                 GET /metrics HTTP/1.0\r\n\r\n";
    let answer = raw_answer(address, twice).await;
    assert_eq!(answer.matches("200 OK").count(), 2, "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_site_cannot_reload_the_configuration() {
    let (_socket, address) = refusing();
    let (_exporter, exporter) = serving(&[
        "--api.endpoint",
        &format!("http://{address}"),
        "--web.enable-lifecycle",
    ]);
    let url = format!("{exporter}/-/reload");
    let fetch_site = header::HeaderName::from_static("sec-fetch-site");
    for (name, value, expected) in [
        (header::ORIGIN, "https://evil.example", 403),
        (header::ORIGIN, "null", 403),
        (fetch_site.clone(), "cross-site", 403),
        (fetch_site.clone(), "same-site", 403),
        (fetch_site, "same-origin", 200),
        (header::ORIGIN, exporter.as_str(), 200),
        (header::ACCEPT, "*/*", 200),
    ] {
        for method in [Method::POST, Method::PUT] {
            let answer = ask(method, &url, &[(name.clone(), value)]).await;
            assert_eq!(answer.status().as_u16(), expected, "{name}: {value}");
        }
    }
}

/// In a network namespace of its own, where IPv6 sockets do not accept IPv4 by default.
#[test]
fn a_port_alone_listens_on_both_families_whatever_bindv6only_says() {
    let script = r#"
        ip link set lo up && echo 1 > /proc/sys/net/ipv6/bindv6only || exit 77
        for address in :10058 '[::]:10059'; do
            "$0" --web.listen-address="$address" --api.endpoint=http://127.0.0.1:1 2>&1 >/dev/null | sed 's/^/# /' &
        done
        for url in http://127.0.0.1:10058 'http://[::1]:10058' http://127.0.0.1:10059 'http://[::1]:10059'; do
            curl --silent --show-error --retry 50 --retry-delay 0 --retry-all-errors --max-time 20 "$url/-/healthy"
        done
        kill $(jobs -p) 2>/dev/null
        "#;
    let mut command = std::process::Command::new("unshare");
    command
        .args([
            "--net",
            "--map-root-user",
            "--pid",
            "--fork",
            "--kill-child",
        ])
        .args(["sh", "-c", script])
        .arg(env!("CARGO_BIN_EXE_tcss-exporter"))
        .env("TENCENTCLOUD_SECRET_ID", "AKIDtest")
        .env("TENCENTCLOUD_SECRET_KEY", "test");
    let (_, output) = run("unshare", &mut command, "");
    let healthy = output.lines().filter(|line| *line == "healthy").count();
    assert_eq!(healthy, 4, "{output}");
}
