//! The parameters of `DescribeVulScanInfo`, from a JSON body or a query.

use bytes::Bytes;
use http::Request;
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::{reply::Refusal, scenario::Tasks};

/// Reads them from the body of a `POST` or the query of a `GET`. A task ID of 0 is none.
pub(super) fn parse(request: &Request<Bytes>) -> Result<Tasks, Refusal> {
    let parameters = if request.method() == http::Method::GET {
        from_query(request.uri().query().unwrap_or_default())
    } else {
        from_json(request.body())?
    };
    let mut tasks = Tasks::default();
    for (name, value) in &parameters {
        match name.as_str() {
            "LocalTaskID" => tasks.local = task_id(name, value)?,
            "RegistryTaskID" => tasks.registry = task_id(name, value)?,
            _ => return Err(unknown(name)),
        }
    }
    Ok(tasks)
}

pub(super) fn from_json(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    serde_json::from_slice(body).map_err(|_| {
        Refusal::new(
            "InvalidParameter",
            "The request body is not a JSON object.".into(),
        )
    })
}

/// A query has no types: what reads as a number is one.
fn from_query(query: &str) -> Map<String, Value> {
    let value = |text: &str| {
        text.parse::<i64>()
            .map_or_else(|_| Value::from(text), Value::from)
    };
    form_urlencoded::parse(query.as_bytes())
        .map(|(name, text)| (name.into_owned(), value(&text)))
        .collect()
}

fn task_id(name: &str, value: &Value) -> Result<Option<u64>, Refusal> {
    let number = value
        .as_i64()
        .ok_or_else(|| wrong_type(name, "an integer"))?;
    let id = u64::try_from(number).map_err(|_| {
        Refusal::new(
            "InvalidParameterValue",
            format!("The value of parameter `{name}` must not be negative."),
        )
    })?;
    Ok(Some(id).filter(|id| *id != 0))
}

pub(super) fn missing(name: &str) -> Refusal {
    Refusal::new(
        "MissingParameter",
        format!("The request is missing a required parameter `{name}`."),
    )
}

pub(super) fn unknown(name: &str) -> Refusal {
    Refusal::new(
        "UnknownParameter",
        format!("The parameter `{name}` is not recognized."),
    )
}

pub(super) fn wrong_type(name: &str, right: &str) -> Refusal {
    Refusal::new(
        "InvalidParameter",
        format!("The value type of parameter `{name}` is not valid: {right}."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(body: &'static str) -> Result<Tasks, &'static str> {
        parse(&Request::post("/").body(Bytes::from(body)).unwrap()).map_err(|refusal| refusal.code)
    }

    fn get(target: &str) -> Result<Tasks, &'static str> {
        parse(&Request::get(target).body(Bytes::new()).unwrap()).map_err(|refusal| refusal.code)
    }

    #[test]
    fn a_body_and_a_query_say_the_same() {
        let both = Ok(Tasks {
            local: Some(7),
            registry: Some(8),
        });
        assert_eq!(post(r#"{"LocalTaskID": 7, "RegistryTaskID": 8}"#), both);
        assert_eq!(get("/?LocalTaskID=7&RegistryTaskID=8"), both);
        assert_eq!(post(r#"{"LocalTaskID": 0}"#), Ok(Tasks::default()));
        assert_eq!(get("/"), post("{}"));
    }

    #[test]
    fn what_is_no_parameter_is_refused() {
        assert_eq!(post(r#"{"TaskID": 7}"#), Err("UnknownParameter"));
        assert_eq!(get("/?TaskID=7"), Err("UnknownParameter"));
        for body in [
            r#"{"LocalTaskID": "7"}"#,
            r#"{"LocalTaskID": null}"#,
            r#"{"LocalTaskID": 7.5}"#,
            "[]",
            "",
            "{",
        ] {
            assert_eq!(post(body), Err("InvalidParameter"), "{body}");
        }
        assert_eq!(get("/?LocalTaskID=seven"), Err("InvalidParameter"));
        assert_eq!(post(r#"{"LocalTaskID": -1}"#), Err("InvalidParameterValue"));
    }
}
