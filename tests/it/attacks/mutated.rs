//! Requests that are almost HTTP.

use std::{net::SocketAddr, time::Duration};

use fastrand::Rng;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{ALONE, Target, ask, scrape};

const N_REQUESTS: u64 = 10_000;
const N_CLIENTS: u64 = 16;

/// What the mutations start from.
const REQUESTS: [&[u8]; 6] = [
    b"GET /metrics HTTP/1.1\r\nHost: exporter\r\nAccept: application/openmetrics-text;version=1.0.0;q=0.9,*/*;q=0.1\r\n\
      Accept-Encoding: gzip\r\nX-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n",
    b"HEAD / HTTP/1.1\r\nHost: exporter\r\nConnection: close\r\n\r\n",
    b"GET /-/ready?a=b#c HTTP/1.0\r\n\r\n",
    b"POST /-/reload HTTP/1.1\r\nHost: exporter\r\nContent-Length: 0\r\n\r\n",
    b"PUT /metrics HTTP/1.1\r\nHost: exporter\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"GET http://exporter/metrics HTTP/1.1\r\nHost: exporter\r\nAuthorization: Basic YTpi\r\nExpect: 100-continue\r\n\
      Content-Length: 4\r\n\r\nabcd",
];

/// What mutations insert.
const WORDS: [&[u8]; 20] = [
    b"\r\n",
    b"\n",
    b"\0",
    b"\xff",
    b" ",
    b":",
    b"%00",
    b"%ff",
    b"../",
    b"\t",
    b"-1",
    b"18446744073709551616",
    b"HTTP/2.0",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"Content-Length: 99\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: upgrade\r\nUpgrade: h2c\r\n",
    b"Accept: ;q=,*/*;q=NaN\r\n",
    b"Host: \r\n",
    b"\x16\x03\x01",
];

/// A request with one to five mutations.
fn mutated(rng: &mut Rng) -> Vec<u8> {
    let mut request = REQUESTS[rng.usize(..REQUESTS.len())].to_vec();
    for _ in 0..rng.usize(1..=5) {
        let (a, b) = (rng.usize(..=request.len()), rng.usize(..=request.len()));
        let (start, end) = (a.min(b), a.max(b));
        match rng.u8(..7) {
            0 => request.truncate(start),
            1 => drop(request.drain(start..end)),
            2 => drop(request.splice(start..start, request[start..end].to_vec())),
            3 => drop(request.splice(
                start..start,
                WORDS[rng.usize(..WORDS.len())].iter().copied(),
            )),
            4 => drop(request.splice(
                start..end,
                REQUESTS[rng.usize(..REQUESTS.len())].iter().copied(),
            )),
            5 => drop(request.splice(
                start..start,
                std::iter::repeat_n(rng.u8(..), rng.usize(..40_000)),
            )),
            _ => request
                .get_mut(start)
                .into_iter()
                .for_each(|byte| *byte ^= 1 << rng.u8(..8)),
        }
    }
    request
}

/// The answers to `request`, after which nothing more is sent.
async fn answers(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    let talk = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request).await?;
        stream.shutdown().await?;
        stream.read_to_end(&mut answer).await
    };
    // The exporter may close the connection: most of the requests are invalid.
    let _ = timeout(Duration::from_secs(30), talk)
        .await
        .expect("closed by then");
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_mutated_requests_break_nothing_and_leak_nothing() {
    let _alone = ALONE.lock().await;
    let target = Target::start(&["--web.enable-lifecycle"]);
    scrape(target.address).await.unwrap();
    let before = target.open_files();
    let address = target.address;
    let client = |seed| async move {
        let mut rng = Rng::with_seed(seed);
        let mut n_good = 0;
        for _ in 0..N_REQUESTS / N_CLIENTS {
            let request = mutated(&mut rng);
            let answer = answers(address, &request).await;
            let shown = String::from_utf8_lossy(&answer);
            assert!(
                answer.is_empty() || answer.starts_with(b"HTTP/1."),
                "{:?}: {shown}",
                request.escape_ascii()
            );
            assert!(
                !shown.starts_with("HTTP/1.1 5"),
                "{:?}: {shown}",
                request.escape_ascii()
            );
            n_good += u64::from(shown.starts_with("HTTP/1.1 200"));
        }
        n_good
    };
    let clients: JoinSet<u64> = (0..N_CLIENTS).map(client).collect();
    let n_good: u64 = clients.join_all().await.into_iter().sum();
    assert!(
        (300..N_REQUESTS / 2).contains(&n_good),
        "{n_good} were good requests in spite of all"
    );

    scrape(address).await.unwrap();
    for _ in 0..100 {
        if target.open_files() <= before {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    assert!(
        target.open_files() <= before,
        "{before} open files before, {} after",
        target.open_files()
    );
    assert!(
        !target.exporter.output().contains("panic"),
        "{}",
        target.exporter.output()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_is_too_large_is_refused_with_431() {
    let _alone = ALONE.lock().await;
    let target = Target::start(&[]);
    let headers = |n: usize, size: usize| -> String {
        (0..n)
            .map(|index| format!("X-{index}: {}\r\n", "a".repeat(size)))
            .collect()
    };
    for (n, size, status) in [
        (90, 4, 200),
        (101, 4, 431),
        (8, 1_900, 200),
        (9, 1_900, 431),
        (1, 1 << 20, 431),
    ] {
        let request = format!(
            "HEAD /-/healthy HTTP/1.1\r\nHost: a\r\n{}\r\n",
            headers(n, size)
        );
        let answer = answers(target.address, request.as_bytes()).await;
        let line = format!("HTTP/1.1 {status} ");
        assert!(
            answer.starts_with(line.as_bytes()),
            "{n} × {size}: {}",
            answer.escape_ascii()
        );
    }
    let answer = answers(
        target.address,
        format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(20_000)).as_bytes(),
    )
    .await;
    assert!(
        answer.starts_with(b"HTTP/1.1 4"),
        "{}",
        answer.escape_ascii()
    );
    assert!(
        ask(target.address, "/-/healthy")
            .await
            .unwrap()
            .starts_with("HTTP/1.1 200 ")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_with_a_body_is_refused_and_closed() {
    let _alone = ALONE.lock().await;
    let target = Target::start(&["--web.enable-lifecycle"]);
    let bodies = [
        "Content-Length: 3\r\n\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ];
    for (line, body) in ["GET /metrics", "POST /-/reload", "PUT /nothing"]
        .into_iter()
        .flat_map(|line| bodies.map(|body| (line, body)))
    {
        let request = format!(
            "{line} HTTP/1.1\r\nHost: a\r\n{body}GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n"
        );
        let answer = String::from_utf8(answers(target.address, request.as_bytes()).await).unwrap();
        assert!(answer.starts_with("HTTP/1.1 413 "), "{line}: {answer}");
        assert!(
            answer.contains("\r\nconnection: close\r\n"),
            "{line}: {answer}"
        );
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{line}: {answer}");
    }
    let empty = b"POST /-/reload HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    assert!(
        answers(target.address, empty)
            .await
            .starts_with(b"HTTP/1.1 200 ")
    );
}
