//! A server that sends any bytes at any speed, without an HTTP implementation.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
    time::sleep,
};

/// What the server does once it has read a request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Sends these bytes and closes.
    Send(Vec<u8>),
    /// Sends these bytes, one a second.
    Drip(Vec<u8>),
    /// Sends these bytes and resets the connection.
    Reset(Vec<u8>),
    /// Sends these bytes and then a body of up to that many bytes, as long as the client reads.
    Flood(Vec<u8>, usize),
    /// Sends these bytes before any request, and reads none.
    Greet(Vec<u8>),
    /// Answers with an error of the API whose code and message repeat the request's head.
    Echo,
    /// Answers with nothing but a `RequestId`, which repeats the request's head.
    EchoId,
    /// Answers with what the function returns for the request's head and body.
    Reply(fn(&str, &str) -> Vec<u8>),
    /// Sends nothing and keeps the connection open.
    Silence,
}

/// A listener and its task; gone with the test.
pub(crate) struct Raw {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Raw {
    /// Does `act` for each request.
    pub(crate) async fn start(act: Act) -> Raw {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(answer(stream, act.clone()));
            }
        });
        Raw { address, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn answer(mut stream: TcpStream, act: Act) -> Option<()> {
    if let Act::Greet(bytes) = act {
        stream.write_all(&bytes).await.ok()?;
        let _ = stream.read_to_end(&mut Vec::new()).await;
        return Some(());
    }
    let (head, body) = read_whole(&mut stream).await?;
    match act {
        Act::Reply(reply) => {
            stream.write_all(&reply(&head, &body)).await.ok()?;
            stream.shutdown().await.ok()?;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        Act::EchoId => {
            let body = serde_json::json!({ "Response": { "RequestId": format!("Echo {head}") } });
            stream
                .write_all(&ok(body.to_string().as_bytes()))
                .await
                .ok()?;
        }
        Act::Echo => {
            let error = serde_json::json!({ "Code": format!("Echo.{head}"), "Message": head });
            let body = serde_json::json!({ "Response": { "Error": error, "RequestId": head } });
            stream
                .write_all(&ok(body.to_string().as_bytes()))
                .await
                .ok()?;
        }
        Act::Greet(_) => unreachable!("greeted above"),
        Act::Send(bytes) => {
            stream.write_all(&bytes).await.ok()?;
            stream.shutdown().await.ok()?;
            // What the client still sends is read, so that closing does not reset what it has not read yet.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        Act::Drip(bytes) => {
            for byte in bytes {
                stream.write_all(&[byte]).await.ok()?;
                sleep(Duration::from_secs(1)).await;
            }
        }
        Act::Reset(bytes) => {
            stream.write_all(&bytes).await.ok()?;
            stream.flush().await.ok()?;
            sleep(Duration::from_millis(50)).await;
            stream.set_zero_linger().ok()?;
        }
        Act::Flood(head, total) => {
            stream.write_all(&head).await.ok()?;
            let page = vec![b'a'; 64 * 1024];
            for _ in 0..total / page.len() {
                stream.write_all(&page).await.ok()?;
            }
        }
        Act::Silence => sleep(Duration::from_secs(60)).await,
    }
    Some(())
}

/// The head of the request, once its body has arrived.
pub(crate) async fn read_request(stream: &mut TcpStream) -> Option<String> {
    read_whole(stream).await.map(|(head, _)| head)
}

/// Head and body of the request.
pub(crate) async fn read_whole(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut seen = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        let n = stream.read(&mut buffer).await.ok().filter(|n| *n > 0)?;
        seen.extend_from_slice(&buffer[..n]);
        let text = String::from_utf8_lossy(&seen);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse::<usize>().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                return Some((head.to_owned(), body.to_owned()));
            }
        }
    }
}

/// An address where every connection is refused: bound, so that no other process takes it, and not listening.
pub(crate) fn refusing() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// An answer with `headers` (each line ending in CRLF) and a body with a `Content-Length`.
pub(crate) fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// An answer like those of the API.
pub(crate) fn ok(body: &[u8]) -> Vec<u8> {
    http("200 OK", "Content-Type: application/json\r\n", body)
}
