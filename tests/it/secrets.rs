//! Nothing that is printed or served contains a secret, even at the finest log level and for any response of the server.

use crate::support::{
    process::{CANARY, Running, exporter, get, listening, until},
    raw::{Act, Raw},
    sum,
};

/// Requests come back as the message of an error, as some gateways do it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_repeats_what_it_was_sent_does_not_make_us_repeat_it() {
    for (format, act) in [
        ("logfmt", Act::Echo),
        ("json", Act::Echo),
        ("logfmt", Act::EchoId),
    ] {
        let echo = Raw::start(act).await;
        let mut command = exporter();
        command
            .args([
                "--web.listen-address=127.0.0.1:0",
                "--poll.interval=1s",
                "--api.endpoint",
                &echo.url(),
            ])
            .args(["--log.format", format])
            .env("TENCENTCLOUD_SECRET_ID", format!("{CANARY}-id"))
            .env("TENCENTCLOUD_TOKEN", format!("{CANARY}-token"));
        let mut running = Running::start("tcss-exporter", &mut command);
        let url = if format == "json" {
            running.wait_for("where it listens", listening_json)
        } else {
            running.wait_for("where it listens", listening)
        };
        until(&format!("{url}/metrics"), "a failed poll", |text| {
            (sum(text, "tcss_poll_failures_total") >= 2.0).then_some(())
        })
        .await;
        get(&url).await;
        let log = running.wait_for("what the server said", |log| {
            log.contains("redacted").then(|| log.to_owned())
        });
        assert!(
            log.contains("Echo"),
            "the server's message is in the log: {log}"
        );
    }
}

fn listening_json(log: &str) -> Option<String> {
    let line = log.lines().find(|line| line.contains("\"listening\""))?;
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    Some(format!("http://{}", line["address"].as_str().unwrap()))
}

/// The search itself must be able to find something.
#[test]
#[should_panic(expected = "printed a secret")]
fn a_process_that_prints_a_secret_is_detected() {
    let mut command = std::process::Command::new("echo");
    let mut running = Running::start("echo", command.arg(CANARY));
    running.wait();
}
