//! A proxy between Prometheus and the exporter that requests the text format: Prometheus 2 has no setting for it.

use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::support::raw::{http, read_request};

/// A listener and its task; gone with the test.
pub(crate) struct Relay {
    pub(crate) url: String,
    task: JoinHandle<()>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Relay {
    /// Answers every request with the metrics of `exporter` in text format 0.0.4.
    pub(crate) async fn start(exporter: &str) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let metrics = format!("{exporter}/metrics");
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(relay(stream, metrics.clone()));
            }
        });
        Relay { url, task }
    }
}

async fn relay(mut stream: TcpStream, metrics: String) -> Option<()> {
    read_request(&mut stream).await?;
    let client = reqwest::Client::builder().no_proxy().build().ok()?;
    let answer = client
        .get(metrics)
        .header("Accept", "text/plain;version=0.0.4")
        .send()
        .await
        .ok()?;
    let content_type = answer.headers()["content-type"].to_str().ok()?.to_owned();
    assert!(
        content_type.starts_with("text/plain; version=0.0.4"),
        "{content_type}"
    );
    let headers = format!("Content-Type: {content_type}\r\nConnection: close\r\n");
    let body = answer.bytes().await.ok()?;
    stream
        .write_all(&http("200 OK", &headers, &body))
        .await
        .ok()
}
