//! Clients that only hold connections.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{ALONE, Target};

/// What a client does with its connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hold {
    /// Nothing.
    Silent,
    /// Sends the head of a request, one byte now and then.
    SlowHead,
    /// Sends one request and waits after its answer.
    Idle,
    /// Starts a TLS handshake and then sends nothing.
    TlsStalled,
}

impl Hold {
    /// Holds a connection until the server closes it. Returns how long that took.
    pub(super) async fn until_closed(self, address: SocketAddr) -> io::Result<Duration> {
        let mut stream = TcpStream::connect(address).await?;
        let begin = Instant::now();
        let request: &[u8] = match self {
            Hold::Silent => b"",
            Hold::SlowHead => b"GET /metrics HTTP/1.1\r\nHost: exporter\r\nX-Slow: ",
            Hold::TlsStalled => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            Hold::Idle => b"HEAD /-/healthy HTTP/1.1\r\nHost: exporter\r\n\r\n",
        };
        stream.write_all(request).await?;
        loop {
            match timeout(Duration::from_millis(500), stream.read(&mut [0; 512])).await {
                Ok(Ok(0) | Err(_)) => return Ok(begin.elapsed()),
                Err(_) if matches!(self, Hold::SlowHead) => {
                    if stream.write_all(b"a").await.is_err() {
                        return Ok(begin.elapsed());
                    }
                }
                Ok(Ok(_)) | Err(_) => {}
            }
        }
    }
}

/// 500 connections, each reopened when it is closed. None lasts longer than 10 s, and scrapes are not slower: they are
/// compared with alternating scrapes of an exporter without attackers, since the machine may be busy.
async fn five_hundred(hold: Hold, [target, calm]: [Target; 2]) {
    let (address, times) = (target.address, Arc::<Mutex<Vec<Duration>>>::default());
    let client = || {
        let times = Arc::clone(&times);
        async move {
            loop {
                let time = hold.until_closed(address).await.unwrap();
                times.lock().unwrap().push(time);
            }
        }
    };
    let mut clients: JoinSet<()> = (0..500).map(|_| client()).collect();
    let (mut attacked, mut control) = (Vec::new(), Vec::new());
    while attacked.len() < 300 || times.lock().unwrap().len() < 500 {
        attacked.push(target.scrape().await.unwrap());
        control.push(calm.scrape().await.unwrap());
        sleep(Duration::from_millis(10)).await;
    }
    assert!(
        clients.try_join_next().is_none(),
        "all of them attack to the end"
    );
    let (attacked, control) = (p99(attacked), p99(control));
    let limit = Duration::from_millis(50).max(control * 5);
    assert!(
        attacked <= limit,
        "{hold:?}: {attacked:?}, without them {control:?}"
    );
    let times = times.lock().unwrap();
    let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    assert!(
        *most <= Duration::from_secs(10),
        "{hold:?}: one was held for {most:?}"
    );
    assert!(
        *least >= Duration::from_secs(3),
        "{hold:?}: one was closed after {least:?}"
    );
}

/// The time within which 99 of 100 ended.
fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_silent_connections_are_closed_and_harm_no_scrape() {
    let _alone = ALONE.lock().await;
    five_hundred(Hold::Silent, [(); 2].map(|()| Target::start(&[]))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_slow_requests_are_closed_and_harm_no_scrape() {
    let _alone = ALONE.lock().await;
    five_hundred(Hold::SlowHead, [(); 2].map(|()| Target::start(&[]))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_idle_connections_are_closed_and_harm_no_scrape() {
    let _alone = ALONE.lock().await;
    five_hundred(Hold::Idle, [(); 2].map(|()| Target::start(&[]))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_stalled_handshakes_are_closed_and_harm_no_scrape() {
    let _alone = ALONE.lock().await;
    five_hundred(Hold::TlsStalled, [(); 2].map(|()| Target::start_with_tls())).await;
}

/// `n` clients that open another connection as soon as theirs is closed, until they are dropped.
pub(super) fn reconnecting(n: usize, address: SocketAddr) -> JoinSet<()> {
    let holds = [Hold::Silent, Hold::SlowHead, Hold::Idle];
    let client = |index: usize| async move {
        loop {
            let _ = holds[index % holds.len()].until_closed(address).await;
        }
    };
    (0..n).map(client).collect()
}

/// More clients than the exporter accepts, so that each reconnect evicts another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_reconnect_at_once_do_not_keep_scrapes_out() {
    let _alone = ALONE.lock().await;
    let target = Target::start(&[]);
    let _clients = reconnecting(600, target.address);
    let (mut n_good, mut errors, end) = (0, Vec::new(), Instant::now() + Duration::from_secs(60));
    while Instant::now() < end {
        match target.scrape().await {
            Ok(_) => n_good += 1,
            Err(error) => errors.push(error),
        }
        sleep(Duration::from_millis(10)).await;
    }
    assert!(n_good >= 100, "only {n_good} scrapes, and {errors:?}");
    assert!(
        errors.len() * 99 <= n_good,
        "{n_good} scrapes succeeded, {errors:?}"
    );
}
