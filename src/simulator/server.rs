//! The simulator on a socket.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    body::{Body as _, Incoming},
    service::service_fn,
};
use tokio::{net::TcpListener, time::sleep};

use super::{MAX_BODY, Simulator};
use crate::{
    domain::Clock,
    listener::{self, Timeouts},
};

/// Connections are kept longer than the usual interval between polls, and a scenario can delay
/// responses for long.
const TIMEOUTS: Timeouts = Timeouts {
    header: Duration::from_mins(2),
    request: Duration::from_mins(10),
    drain: Duration::from_secs(3),
};

/// Serves on `listener` until `shutdown`, then drains connections for at most 3 s.
pub async fn serve(
    listener: TcpListener,
    simulator: Arc<Simulator>,
    clock: Clock,
    shutdown: impl Future<Output = ()>,
) {
    let service = service_fn(move |request| respond(Arc::clone(&simulator), clock, request));
    listener::serve(
        vec![listener.into()],
        listener::plain,
        service,
        TIMEOUTS,
        shutdown,
    )
    .await;
}

async fn respond(
    simulator: Arc<Simulator>,
    clock: Clock,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, io::Error> {
    let request = read(request).await?;
    let reply = simulator.respond(&request, clock.now());
    // Arrivals are counted before the delay, as by a server that is slow to answer.
    sleep(reply.delay).await;
    Ok(reply.response.map(Full::new))
}

/// Reads the body. One that is too large is replaced by one that the simulator refuses as too large.
async fn read(request: Request<Incoming>) -> Result<Request<Bytes>, io::Error> {
    let (head, body) = request.into_parts();
    let body = if body.size_hint().lower() > MAX_BODY as u64 {
        oversized()
    } else {
        match Limited::new(body, MAX_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => oversized(),
            Err(error) => return Err(io::Error::other(error)),
        }
    };
    Ok(Request::from_parts(head, body))
}

fn oversized() -> Bytes {
    vec![0; MAX_BODY + 1].into()
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use jiff::Timestamp;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        sync::oneshot,
        task::JoinHandle,
        time::timeout,
    };

    use super::*;
    use crate::simulator::{Scenario, Speed};

    struct Running {
        address: std::net::SocketAddr,
        stop: oneshot::Sender<()>,
        task: JoinHandle<()>,
    }

    async fn start(scenario: &Scenario) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH);
        let simulator = Arc::new(Simulator::new(scenario, Speed::REAL_TIME, clock.now()));
        let (stop, stopped) = oneshot::channel();
        let shutdown: Pin<Box<dyn Future<Output = ()> + Send>> =
            Box::pin(async { drop(stopped.await) });
        Running {
            address,
            stop,
            task: tokio::spawn(serve(listener, simulator, clock, shutdown)),
        }
    }

    async fn exchange(stream: &mut TcpStream, request: &str) -> String {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = vec![0; 4096];
        let n_read = stream.read(&mut answer).await.unwrap();
        String::from_utf8(answer[..n_read].to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_connection_is_kept_alive_until_shutdown() {
        let running = start(&Scenario::demo()).await;
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        for _ in 0..2 {
            let answer = exchange(&mut stream, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
            assert!(
                answer.starts_with("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"),
                "{answer}"
            );
            assert!(answer.contains(r#""Code":"MissingParameter""#), "{answer}");
        }
        let stats = exchange(&mut stream, "GET /-/stats HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(stats.contains(r#"{"arrivals":2,"#), "{stats}");

        running.stop.send(()).unwrap();
        timeout(Duration::from_secs(1), running.task)
            .await
            .expect("nothing to wait for")
            .unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "closed");
    }

    #[tokio::test]
    async fn a_body_above_the_limit_is_refused() {
        let running = start(&Scenario::demo()).await;
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2000000\r\n\
             X-TC-Action: a\r\nX-TC-Version: a\r\nX-TC-Timestamp: 1\r\nAuthorization: TC3-HMAC-SHA256 \
             Credential=AKIDdemoShop000000000000000000000001/1970-01-01/tcss/tc3_request, \
             SignedHeaders=content-type;host, Signature={}\r\n\r\n",
            "0".repeat(64)
        );
        let answer = exchange(&mut stream, &head).await;
        assert!(
            answer.contains(r#""Code":"RequestSizeLimitExceeded""#),
            "{answer}"
        );
    }
}
