//! Bad answers from a raw loopback server: each poll ends in time with the right reason, other accounts are not affected,
//! and the next good answer clears the failure.

use std::{
    io::Write as _,
    sync::Arc,
    time::{Duration, Instant as Stopwatch},
};

use flate2::{Compression, write::GzEncoder};
use tcss_exporter::{
    config::Account,
    domain::{Rate, Reason},
    poller::{Context, Job},
};

use crate::support::{
    self, World, account, answer, error,
    raw::{Act, Raw, http, ok, refusing},
};

const HUNDRED_MB: usize = 100 << 20;
/// The timeout of polls that must time out.
const SHORT: Duration = Duration::from_secs(1);
/// The timeout of all others: long enough for a busy machine.
const LONG: Duration = Duration::from_secs(10);

/// One job of an account of its own, so that no case waits for another.
fn job(context: &Context, id: &str, url: &str, timeout: Duration) -> Job {
    let mut account: Account = account(id, url);
    account.collectors[0].poll.timeout = timeout;
    account.requests_per_second = Rate::MAX;
    support::job(context, account)
}

struct Bench {
    context: Arc<Context>,
    good: Raw,
}

impl Bench {
    async fn new() -> Bench {
        let good = Raw::start(Act::Send(ok(&answer("SCANNED", 100.0, 0.0, 1)))).await;
        Bench {
            context: World::on_the_network().context,
            good,
        }
    }

    /// Polls `url` and, meanwhile, a good server for another account; then the first account gets a good answer.
    async fn check(&self, name: &str, url: &str, expected: Result<(), Reason>) {
        let timeout = if expected == Err(Reason::Timeout) {
            SHORT
        } else {
            LONG
        };
        let (bad, other) = (
            job(&self.context, "bad", url, timeout),
            job(&self.context, "other", &self.good.url(), LONG),
        );
        let watch = stopwatch();
        tokio::join!(
            bad.poll(&self.context, tokio::time::Instant::now()),
            other.poll(&self.context, tokio::time::Instant::now())
        );
        let took = watch.elapsed();
        assert!(
            took < timeout + Duration::from_secs(1),
            "{name}: took {took:?}"
        );
        assert!(
            other.entry.snapshot().is_up(),
            "{name}: the other account is harmed"
        );
        let failure = bad.entry.snapshot().last.as_ref().unwrap().failure.clone();
        assert_eq!(
            failure.as_ref().map_or(Ok(()), |error| Err(error.reason)),
            expected,
            "{name}: {failure:?}"
        );

        let mut recovered = job(&self.context, "bad", &self.good.url(), LONG);
        recovered.entry = Arc::clone(&bad.entry);
        recovered
            .poll(&self.context, tokio::time::Instant::now())
            .await;
        assert!(bad.entry.snapshot().is_up(), "{name}: does not recover");
    }

    async fn act(&self, name: &str, act: Act, expected: Result<(), Reason>) {
        let raw = Raw::start(act).await;
        self.check(name, &raw.url(), expected).await;
    }

    async fn body(&self, name: &str, body: &[u8], expected: Result<(), Reason>) {
        self.act(name, Act::Send(ok(body)), expected).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "sockets are tested in real time")]
fn stopwatch() -> Stopwatch {
    Stopwatch::now()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn good() -> Vec<u8> {
    answer("SCANNED", 100.0, 0.0, 1).to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_fail() {
    let bench = Bench::new().await;
    let (_socket, refused) = refusing();
    bench
        .check(
            "refused",
            &format!("http://{refused}"),
            Err(Reason::Network),
        )
        .await;
    let plain = Raw::start(Act::Greet(b"220 mail.example ESMTP\r\n".to_vec())).await;
    bench
        .check(
            "no TLS",
            &format!("https://{}", plain.address),
            Err(Reason::Tls),
        )
        .await;
    let whole = ok(&good());
    let half = whole.len() - 100;
    bench
        .act(
            "reset at once",
            Act::Reset(Vec::new()),
            Err(Reason::Network),
        )
        .await;
    bench
        .act(
            "reset in the head",
            Act::Reset(whole[..20].to_vec()),
            Err(Reason::Network),
        )
        .await;
    bench
        .act(
            "reset in the body",
            Act::Reset(whole[..half].to_vec()),
            Err(Reason::Network),
        )
        .await;
    bench
        .act(
            "closed in the head",
            Act::Send(whole[..20].to_vec()),
            Err(Reason::Network),
        )
        .await;
    bench
        .act(
            "closed in the body",
            Act::Send(whole[..half].to_vec()),
            Err(Reason::Network),
        )
        .await;
    bench
        .act(
            "not HTTP",
            Act::Send(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
            Err(Reason::Network),
        )
        .await;
    bench
        .act("silence", Act::Silence, Err(Reason::Timeout))
        .await;
    bench
        .act(
            "one byte a second",
            Act::Drip(whole.clone()),
            Err(Reason::Timeout),
        )
        .await;
    let head = whole.len() - good().len();
    let drip_body = [&whole[..head], b"{"].concat();
    bench
        .act(
            "stops in the body",
            Act::Drip(drip_body),
            Err(Reason::Timeout),
        )
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statuses_other_than_200() {
    let bench = Bench::new().await;
    let html = b"<html>Bad Gateway</html>";
    for status in [
        "500 Internal Server Error",
        "502 Bad Gateway",
        "429 Too Many Requests",
        "404 Not Found",
        "204 No Content",
    ] {
        bench
            .act(
                status,
                Act::Send(http(status, "Content-Type: text/html\r\n", html)),
                Err(Reason::HttpStatus),
            )
            .await;
    }
    let elsewhere = format!("Location: {}/\r\n", bench.good.url());
    for status in [
        "301 Moved Permanently",
        "302 Found",
        "307 Temporary Redirect",
    ] {
        bench
            .act(
                status,
                Act::Send(http(status, &elsewhere, b"")),
                Err(Reason::HttpStatus),
            )
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_not_an_answer() {
    let bench = Bench::new().await;
    let deep = format!(
        "{{\"Response\":{}{}}}",
        "[".repeat(400_000),
        "]".repeat(400_000)
    );
    let deep_field = format!(
        "{{\"Response\":{{\"Status\":{}{}}}}}",
        "[".repeat(400_000),
        "]".repeat(400_000)
    );
    for (name, body) in [
        ("empty", Vec::new()),
        ("HTML", b"<html></html>".to_vec()),
        ("null", b"null".to_vec()),
        ("empty object", b"{}".to_vec()),
        ("null Response", b"{\"Response\":null}".to_vec()),
        ("no field", b"{\"Response\":{\"RequestId\":\"r\"}}".to_vec()),
        (
            "error of the wrong type",
            b"{\"Response\":{\"Error\":[]}}".to_vec(),
        ),
        (
            "NaN",
            String::from_utf8(good())
                .unwrap()
                .replace("100.0", "NaN")
                .into_bytes(),
        ),
        (
            "invalid UTF-8",
            good()
                .iter()
                .map(|byte| if *byte == b'S' { 0xff } else { *byte })
                .collect(),
        ),
        ("two answers", [good(), good()].concat()),
        ("deep nesting", deep.into_bytes()),
        ("deep nesting in a field", deep_field.into_bytes()),
    ] {
        bench.body(name, &body, Err(Reason::Decode)).await;
    }
    let broken = http("200 OK", "Content-Encoding: gzip\r\n", b"this is not gzip");
    bench
        .act("broken gzip", Act::Send(broken), Err(Reason::Decode))
        .await;
    let zipped = http("200 OK", "Content-Encoding: gzip\r\n", &gzipped(&good()));
    bench.act("gzip", Act::Send(zipped), Ok(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_cut_at_every_byte() {
    let bench = Bench::new().await;
    let whole = good();
    for length in 1..whole.len() {
        bench
            .body(
                &format!("cut at {length}"),
                &whole[..length],
                Err(Reason::Decode),
            )
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_that_cannot_be_read_do_not_fail_the_rest() {
    let bench = Bench::new().await;
    let whole: serde_json::Value = serde_json::from_slice(&good()).unwrap();
    let fields: Vec<String> = whole["Response"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    for field in &fields {
        for value in [
            "null",
            "true",
            "[1]",
            "{\"a\":1}",
            "-1",
            "1e300",
            "1e999",
            "\"NaN\"",
            "\"\\u0000\"",
        ] {
            let text = whole.to_string().replace(
                &format!("\"{field}\":{}", whole["Response"][field]),
                &format!("\"{field}\":{value}"),
            );
            bench
                .body(&format!("{field} = {value}"), text.as_bytes(), Ok(()))
                .await;
        }
        let mut without = whole.clone();
        without["Response"].as_object_mut().unwrap().remove(field);
        bench
            .body(
                &format!("without {field}"),
                without.to_string().as_bytes(),
                Ok(()),
            )
            .await;
    }
    bench
        .body(
            "unknown status",
            &answer("SCAN_CANCELING", 10.0, 1.0, 1),
            Ok(()),
        )
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_too_large() {
    let bench = Bench::new().await;
    let told = format!("HTTP/1.1 200 OK\r\nContent-Length: {HUNDRED_MB}\r\n\r\n").into_bytes();
    let untold = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
    bench
        .act(
            "100 MB, told",
            Act::Flood(told, HUNDRED_MB),
            Err(Reason::TooLarge),
        )
        .await;
    bench
        .act(
            "100 MB, untold",
            Act::Flood(untold, HUNDRED_MB),
            Err(Reason::TooLarge),
        )
        .await;
    let bomb = http(
        "200 OK",
        "Content-Encoding: gzip\r\n",
        &gzipped(&vec![b' '; HUNDRED_MB]),
    );
    bench
        .act("gzip bomb", Act::Send(bomb), Err(Reason::TooLarge))
        .await;
    let padded = [good(), vec![b' '; (1 << 20) - good().len()]].concat();
    bench.body("exactly 1 MiB", &padded, Ok(())).await;
    bench
        .body(
            "1 MiB and a byte",
            &[padded, vec![b' ']].concat(),
            Err(Reason::TooLarge),
        )
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_of_the_api_in_an_answer_with_status_200() {
    let bench = Bench::new().await;
    for (code, reason) in [
        ("AuthFailure.SignatureFailure", Reason::Auth),
        ("UnauthorizedOperation", Reason::Permission),
        ("RequestLimitExceeded", Reason::Throttled),
        ("InvalidParameter", Reason::InvalidRequest),
        ("ResourceNotFound", Reason::NotFound),
        ("InternalError", Reason::Server),
        ("NeverHeardOf", Reason::Server),
        ("", Reason::Server),
    ] {
        bench.body(code, &error(code), Err(reason)).await;
    }
}
