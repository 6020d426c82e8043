//! A headless Chromium, driven over HTTP through Debian's chromedriver.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Command,
    time::Duration,
};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::support::process::Running;

/// Without a sandbox, which does not work for root or in a container, and without any network traffic of its own.
const ARGUMENTS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
];

/// A browser with one window and an empty profile. Gone with the test.
pub(crate) struct Browser {
    /// `127.0.0.1:PORT` of the driver.
    driver: String,
    /// `/session/ID`.
    session: String,
    client: reqwest::Client,
    profile: tempfile::TempDir,
    _driver: Running,
}

impl Browser {
    pub(crate) async fn start() -> Browser {
        let mut running =
            Running::start("chromedriver", Command::new("chromedriver").arg("--port=0"));
        let port: u16 = running.wait_for("its port", |output| {
            output
                .split_once("successfully on port ")?
                .1
                .split('.')
                .next()?
                .parse()
                .ok()
        });
        let mut browser = Browser {
            driver: format!("127.0.0.1:{port}"),
            session: String::new(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            profile: tempfile::tempdir().unwrap(),
            _driver: running,
        };
        let profile = format!("--user-data-dir={}", browser.profile.path().display());
        let arguments: Vec<&str> = ARGUMENTS.into_iter().chain([profile.as_str()]).collect();
        let capabilities = json!({"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments}, "goog:loggingPrefs": {"browser": "ALL"},
        }});
        let session = browser
            .post("/session", json!({"capabilities": capabilities}))
            .await;
        browser.session = format!("/session/{}", session["sessionId"].as_str().unwrap());
        browser
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let url = format!("http://{}{}{path}", self.driver, self.session);
        let answer = self
            .client
            .post(url)
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let value = answer["value"].clone();
        let is_error = value.get("error").is_some();
        assert!(
            !is_error,
            "{path}: {value}; tests/run installs the packages chromium and chromium-driver"
        );
        value
    }

    /// A command of Chromium's own protocol for developers.
    pub(crate) async fn command(&self, name: &str, parameters: Value) -> Value {
        self.post(
            "/goog/cdp/execute",
            json!({"cmd": name, "params": parameters}),
        )
        .await
    }

    /// Loads `url` and waits until it is loaded.
    pub(crate) async fn open(&self, url: &str) {
        self.post("/url", json!({"url": url})).await;
    }

    /// Sets the size of the window and the preferred colour scheme, from the next page on.
    pub(crate) async fn look(&self, width: u32, height: u32, scheme: &str) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.command("Emulation.setDeviceMetricsOverride", metrics)
            .await;
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        self.command("Emulation.setEmulatedMedia", json!({"features": [feature]}))
            .await;
    }

    /// The value of an expression of JavaScript, which the page's own policy does not bind.
    pub(crate) async fn value<T: DeserializeOwned>(&self, expression: &str) -> T {
        let parameters = json!({"expression": expression, "returnByValue": true});
        let answer = self.command("Runtime.evaluate", parameters).await;
        assert!(
            answer.get("exceptionDetails").is_none(),
            "{expression}: {answer}"
        );
        serde_json::from_value(answer["result"]["value"].clone()).unwrap()
    }

    /// Presses and releases a key, such as `Tab`; `text` is what it types.
    pub(crate) async fn press(&self, key: &str, code: u32, text: &str) {
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let event =
                json!({"type": kind, "key": key, "windowsVirtualKeyCode": code, "text": text});
            self.command("Input.dispatchKeyEvent", event).await;
        }
    }

    /// What the page wrote to the console since the last look, violations of its policy included.
    pub(crate) async fn console(&self) -> Vec<String> {
        let entries = self.post("/se/log", json!({"type": "browser"})).await;
        entries
            .as_array()
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    /// The window as a PNG.
    pub(crate) async fn screenshot(&self) -> Vec<u8> {
        use base64::Engine as _;
        let image = self
            .command("Page.captureScreenshot", json!({"format": "png"}))
            .await;
        base64::prelude::BASE64_STANDARD
            .decode(image["data"].as_str().unwrap())
            .unwrap()
    }
}

impl Drop for Browser {
    /// Killing the driver would leave its browser running, so the session is closed first.
    fn drop(&mut self) {
        let Ok(mut stream) = TcpStream::connect(&self.driver) else {
            return;
        };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
        let request = format!(
            "DELETE {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.session, self.driver
        );
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.read_to_end(&mut Vec::new());
    }
}
