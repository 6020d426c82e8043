//! Clients that hold connections and want nothing else.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, timeout},
};

use super::Target;

/// What a client does with its connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hold {
    /// Nothing.
    Silent,
    /// Sends the head of a request, one byte now and then.
    SlowHead,
    /// Sends one request and waits after its answer.
    Idle,
}

impl Hold {
    /// Holds a connection until the server closes it. How long that took.
    pub(super) async fn until_closed(self, address: SocketAddr) -> io::Result<Duration> {
        let mut stream = TcpStream::connect(address).await?;
        let begin = Instant::now();
        let request: &[u8] = match self {
            Hold::Silent => b"",
            Hold::SlowHead => b"GET /metrics HTTP/1.1\r\nHost: exporter\r\nX-Slow: ",
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

/// 500 at once. All are closed within 10 s, and scrapes do not notice.
async fn five_hundred(hold: Hold) {
    let target = Target::start(&[]).await;
    let calm = target.scrapes(Duration::from_secs(2)).await.p99();
    let clients: JoinSet<_> = (0..500).map(|_| hold.until_closed(target.address)).collect();
    let scrapes = target.scrapes(Duration::from_secs(4)).await;
    assert!(scrapes.errors.is_empty(), "{:?}", scrapes.errors);
    // On a machine that is busy without any attack, as much again and more.
    let limit = Duration::from_millis(50).max(calm * 5);
    assert!(scrapes.p99() <= limit, "{hold:?}: {:?}, without them {calm:?}", scrapes.p99());
    for time in clients.join_all().await {
        let time = time.unwrap();
        assert!(time <= Duration::from_secs(10), "{hold:?}: one was held for {time:?}");
        assert!(time >= Duration::from_secs(3), "{hold:?}: one was closed after {time:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_silent_connections_are_closed_and_harm_no_scrape() {
    five_hundred(Hold::Silent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_slow_requests_are_closed_and_harm_no_scrape() {
    five_hundred(Hold::SlowHead).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_idle_connections_are_closed_and_harm_no_scrape() {
    five_hundred(Hold::Idle).await;
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

/// More clients than there is room for, so that each that comes back makes another one go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_reconnect_at_once_do_not_keep_scrapes_out() {
    let target = Target::start(&[]).await;
    let _clients = reconnecting(600, target.address);
    let scrapes = target.scrapes(Duration::from_secs(60)).await;
    let (n_good, n_bad) = (scrapes.took.len(), scrapes.errors.len());
    assert!(n_good >= 100, "only {n_good} scrapes");
    assert!(n_bad * 99 <= n_good, "{n_bad} of {} scrapes failed: {:?}", n_good + n_bad, scrapes.errors);
}
