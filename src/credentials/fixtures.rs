//! A stand-in for STS and the metadata service within the process, for tests in paused time.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use jiff::Timestamp;

use super::{Environment, Providers, Tools};
use crate::{client::Client, domain::Clock, limiter::Limiters, telemetry::Telemetry};

/// Where clocks of tests begin.
pub(super) const START: i64 = 1_764_000_000;

/// Answers requests with what a test has put in, and keeps them.
#[derive(Clone, Default)]
pub(super) struct Cloud {
    answers: Arc<Mutex<VecDeque<(u16, String)>>>,
    requests: Arc<Mutex<Vec<http::Request<Bytes>>>>,
}

impl Cloud {
    /// Puts in an answer; the last one is given for ever.
    pub(super) fn answer(&self, body: impl Into<String>) {
        self.answer_with(200, body);
    }

    pub(super) fn answer_with(&self, status: u16, body: impl Into<String>) {
        self.answers
            .lock()
            .unwrap()
            .push_back((status, body.into()));
    }

    /// Puts in a role that expires `seconds` after the clock's begin.
    pub(super) fn lend(&self, id: &str, seconds: i64) {
        self.answer(role(id, seconds));
    }

    pub(super) fn n_requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    pub(super) fn request(&self, index: usize) -> http::Request<Bytes> {
        self.requests.lock().unwrap()[index].clone()
    }

    pub(super) fn tools(&self, environment: &[(&str, &str)]) -> Tools {
        let clock = Clock::starting_at(Timestamp::from_second(START).unwrap());
        let telemetry = Arc::new(Telemetry::new(&[]).unwrap());
        let this = self.clone();
        let handler = Arc::new(move |request| {
            this.requests.lock().unwrap().push(request);
            let mut answers = this.answers.lock().unwrap();
            let answer = if answers.len() > 1 {
                answers.pop_front()
            } else {
                answers.front().cloned()
            };
            let (status, body) = answer.expect("an answer");
            http::Response::builder()
                .status(status)
                .body(Bytes::from(body))
                .unwrap()
        });
        Tools {
            client: Client::in_process(clock, telemetry, handler),
            limiters: Arc::new(Limiters::default()),
            clock,
            environment: Environment::of(environment),
        }
    }

    pub(super) fn providers(&self, environment: &[(&str, &str)]) -> Providers {
        Providers::new(self.tools(environment))
    }
}

/// What STS answers; expires `seconds` after the clock's begin.
pub(super) fn role(id: &str, seconds: i64) -> String {
    format!(
        r#"{{"Response":{{"Credentials":{{"Token":"tok-{id}","TmpSecretId":"{id}","TmpSecretKey":"key-{id}"}},"ExpiredTime":{},"Expiration":"","RequestId":"r"}}}}"#,
        START + seconds
    )
}

/// An error of the API.
pub(super) fn refusal(code: &str, message: &str) -> String {
    format!(
        r#"{{"Response":{{"Error":{{"Code":"{code}","Message":"{message}"}},"RequestId":"r-1"}}}}"#
    )
}
