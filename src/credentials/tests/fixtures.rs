//! STS and the metadata service in this process, for tests in paused time.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use jiff::Timestamp;

use crate::{
    client::Client,
    credentials::{Environment, Providers, RefreshContext},
    domain::Clock,
    limiter::Limiters,
    telemetry::Telemetry,
};

/// Where the clocks of tests start.
pub(super) const START: i64 = 1_764_000_000;

/// Answers requests with the responses that a test has queued, and records the requests.
#[derive(Clone, Default)]
pub(super) struct Cloud {
    responses: Arc<Mutex<VecDeque<(u16, String)>>>,
    requests: Arc<Mutex<Vec<http::Request<Bytes>>>>,
}

impl Cloud {
    /// Queues a response. The last one is repeated.
    pub(super) fn respond(&self, body: impl Into<String>) {
        self.respond_with(200, body);
    }

    pub(super) fn respond_with(&self, status: u16, body: impl Into<String>) {
        self.responses
            .lock()
            .unwrap()
            .push_back((status, body.into()));
    }

    /// Queues a role that expires `seconds` after the start of the clock.
    pub(super) fn issue(&self, id: &str, seconds: i64) {
        self.respond(role(id, seconds));
    }

    pub(super) fn n_requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    pub(super) fn request(&self, index: usize) -> http::Request<Bytes> {
        self.requests.lock().unwrap()[index].clone()
    }

    pub(super) fn context(&self, environment: &[(&str, &str)]) -> RefreshContext {
        let clock = Clock::starting_at(Timestamp::from_second(START).unwrap());
        let telemetry = Arc::new(Telemetry::new(&[]).unwrap());
        let this = self.clone();
        let handler = Arc::new(move |request| {
            this.requests.lock().unwrap().push(request);
            let mut responses = this.responses.lock().unwrap();
            let response = if responses.len() > 1 {
                responses.pop_front()
            } else {
                responses.front().cloned()
            };
            let (status, body) = response.expect("a queued response");
            http::Response::builder()
                .status(status)
                .body(Bytes::from(body))
                .unwrap()
        });
        RefreshContext {
            client: Client::in_process(clock, telemetry, handler),
            limiters: Arc::new(Limiters::default()),
            clock,
            environment: Environment::of(environment),
        }
    }

    pub(super) fn providers(&self, environment: &[(&str, &str)]) -> Providers {
        Providers::new(self.context(environment))
    }
}

/// The response of STS with a role that expires `seconds` after the start of the clock.
pub(super) fn role(id: &str, seconds: i64) -> String {
    format!(
        r#"{{"Response":{{"Credentials":{{"Token":"tok-{id}","TmpSecretId":"{id}","TmpSecretKey":"key-{id}"}},"ExpiredTime":{},"Expiration":"","RequestId":"r"}}}}"#,
        START + seconds
    )
}

/// The response of the API with an error.
pub(super) fn refusal(code: &str, message: &str) -> String {
    format!(
        r#"{{"Response":{{"Error":{{"Code":"{code}","Message":"{message}"}},"RequestId":"r-1"}}}}"#
    )
}
