//! Connections to the API over real sockets: kept ones that end, stray responses, hangs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    time::{Instant, sleep},
};

use crate::support::{
    World, account, answer, job,
    process::{serving, until},
    raw::{Act, Raw, http, ok, read_whole},
    sum, value,
};

/// Serves each connection with `serve`.
async fn listen<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    url
}

fn scanned(count: u64) -> Vec<u8> {
    ok(&answer("SCANNED", 100.0, 0.0, count))
}

/// As the API does after a minute without a request.
#[tokio::test]
async fn a_server_that_closes_on_the_second_request_of_every_connection_fails_no_poll() {
    let url = listen(async |mut stream: TcpStream| {
        read_whole(&mut stream).await;
        stream.write_all(&scanned(7)).await.unwrap();
        // The second request is read and not answered.
        read_whole(&mut stream).await;
    })
    .await;
    let world = World::on_the_network();
    let job = job(&world.context, account("a", &url));
    for poll in 0..10 {
        job.poll(&world.context, Instant::now()).await;
        let snapshot = job.entry.snapshot();
        assert!(snapshot.is_up(), "poll {poll}: {:?}", snapshot.failure());
    }
    let retries = world.text();
    let repeated = value(
        &retries,
        "tcss_api_retries_total{action=\"DescribeVulScanInfo\"}",
    );
    assert_eq!(
        repeated,
        Some(9.0),
        "each repetition is a request that counts"
    );
}

/// A server that never answers is not taken for one that closed a kept connection.
#[tokio::test]
async fn a_server_that_always_closes_fails_the_poll_within_the_retry_budget() {
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&requests);
    let url = listen(move |mut stream: TcpStream| {
        let counter = Arc::clone(&counter);
        async move {
            read_whole(&mut stream).await;
            counter.fetch_add(1, SeqCst);
        }
    })
    .await;
    let world = World::on_the_network();
    let job = job(&world.context, account("a", &url));
    job.poll(&world.context, Instant::now()).await;
    assert_eq!(
        job.entry.snapshot().failure().unwrap().reason.as_str(),
        "network"
    );
    assert_eq!(requests.load(SeqCst), 3);
}

/// A gateway that answers twice: the second answer must not become that of another account.
#[tokio::test]
async fn a_stray_response_never_reaches_another_identity() {
    let url = listen(async |mut stream: TcpStream| {
        while let Some((head, _)) = read_whole(&mut stream).await {
            let count = if head.contains("Credential=a/") { 1 } else { 2 };
            stream.write_all(&scanned(count)).await.unwrap();
            sleep(Duration::from_millis(20)).await;
            let _ = stream.write_all(&scanned(count)).await;
        }
    })
    .await;
    let world = World::on_the_network();
    let (a, b) = (account("a", &url), account("b", &url));
    let jobs = [(job(&world.context, a), 1.0), (job(&world.context, b), 2.0)];
    for _ in 0..10 {
        for (job, expected) in &jobs {
            job.poll(&world.context, Instant::now()).await;
            let snapshot = job.entry.snapshot();
            let data = snapshot.latest().expect("it answered");
            let scan: &tcss_exporter::collectors::VulScan = data.answer.get().unwrap();
            assert_eq!(scan.risk_images, Some(*expected));
        }
    }
}

/// An identity at the highest rate, while the API hangs for nine seconds again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_hang_lets_no_more_than_the_rate_through() {
    let arrivals = Arc::new(std::sync::Mutex::new(Vec::<std::time::Duration>::new()));
    let (seen, start) = (Arc::clone(&arrivals), Instant::now());
    let url = listen(move |mut stream: TcpStream| {
        let seen = Arc::clone(&seen);
        async move {
            // Everything that comes within three of four seconds waits for the fourth.
            while start.elapsed().as_secs() % 4 < 3 {
                sleep(Duration::from_millis(5)).await;
            }
            while read_whole(&mut stream).await.is_some() {
                seen.lock().unwrap().push(start.elapsed());
                let _ = stream.write_all(&scanned(1)).await;
            }
        }
    })
    .await;
    let world = World::on_the_network();
    let mut config = account("a", &url);
    config.requests_per_second = tcss_exporter::domain::Rate::MAX;
    config.scans = (0..60)
        .map(|n| crate::support::scan(&format!("scan-{n}")))
        .collect();
    config.collectors[0].poll.interval = Duration::from_secs(1);
    config.collectors[0].poll.scanning_interval = Duration::from_secs(1);
    let mut world = world;
    world.poll(vec![config]).await;
    sleep(Duration::from_secs(16)).await;
    let arrivals = arrivals.lock().unwrap().clone();
    assert!(arrivals.len() > 40, "{} arrived", arrivals.len());
    for (index, first) in arrivals.iter().enumerate() {
        let within = arrivals[index..]
            .iter()
            .take_while(|at| (**at).checked_sub(*first).unwrap() < Duration::from_secs(1));
        let n = within.count();
        assert!(n <= 20, "{n} arrived within a second");
    }
}

/// A start in the future is put down to the time zone only while the clocks agree.
#[tokio::test]
async fn a_start_in_the_future_means_a_wrong_time_zone_unless_the_clocks_differ() {
    // Eight hours from now, in UTC+8.
    let start = hours_from_now(16).strftime("%Y-%m-%d %H:%M:%S").to_string();
    let body = String::from_utf8(answer("SCANNING", 5.0, 60.0, 1).to_vec()).unwrap();
    let body = body.replace("2021-05-01 00:00:00", &start);
    for (header, is_noticed) in [
        (String::new(), true),
        (format!("Date: {}\r\n", http_date(0)), true),
        (format!("Date: {}\r\n", http_date(8)), false),
        ("Date: yesterday\r\n".into(), true),
    ] {
        let raw = Raw::start(Act::Send(http("200 OK", &header, body.as_bytes()))).await;
        let world = World::on_the_network();
        let job = job(&world.context, account("a", &raw.url()));
        job.poll(&world.context, Instant::now()).await;
        let snapshot = job.entry.snapshot();
        let data = snapshot.latest().expect("it answered");
        assert_eq!(data.starts_ahead.is_some(), is_noticed, "{header}");
    }
}

/// As servers write it.
fn http_date(hours: i64) -> String {
    let format = "%a, %d %b %Y %H:%M:%S GMT";
    hours_from_now(hours).strftime(format).to_string()
}

#[expect(
    clippy::disallowed_methods,
    reason = "compared with the clock of the exporter"
)]
fn hours_from_now(hours: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(hours)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deprecated_action_is_logged_once() {
    let body = String::from_utf8(answer("SCANNED", 100.0, 0.0, 1).to_vec()).unwrap();
    let body = body.replace(
        "\"Response\":{",
        "\"Response\":{\"DeprecatedWarning\":\"This action ends soon.\",",
    );
    let raw = Raw::start(Act::Send(ok(body.as_bytes()))).await;
    let endpoint = format!("--api.endpoint={}", raw.url());
    let (exporter, url) = serving(&[
        &endpoint,
        "--poll.interval=1s",
        "--poll.scanning-interval=1s",
    ]);
    until(&format!("{url}/metrics"), "three polls", |text| {
        (sum(text, "tcss_polls_total") >= 3.0).then_some(())
    })
    .await;
    let log = exporter.output();
    assert_eq!(log.matches("this action is deprecated").count(), 1, "{log}");
}
