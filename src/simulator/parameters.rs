//! The parameters of `DescribeVulScanInfo`, from a JSON body or a query.

use bytes::Bytes;
use http::Request;
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::{reply::SimulatedError, scenario::Tasks};

/// Reads them from the body of a `POST` or the query of a `GET`. A task ID of 0 counts as absent.
pub(super) fn parse(request: &Request<Bytes>) -> Result<Tasks, SimulatedError> {
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

pub(super) fn from_json(body: &[u8]) -> Result<Map<String, Value>, SimulatedError> {
    let Ok(parameters) = serde_json::from_slice(body) else {
        let message = "The request body is not a JSON object.";
        return Err(SimulatedError::new("InvalidParameter", message.into()));
    };
    Ok(parameters)
}

/// A query has no types: what reads as a number is one.
fn from_query(query: &str) -> Map<String, Value> {
    let mut parameters = Map::new();
    for (name, text) in form_urlencoded::parse(query.as_bytes()) {
        let value = match text.parse::<i64>() {
            Ok(number) => Value::from(number),
            Err(_) => Value::from(text),
        };
        parameters.insert(name.into_owned(), value);
    }
    parameters
}

fn task_id(name: &str, value: &Value) -> Result<Option<u64>, SimulatedError> {
    let Some(number) = value.as_i64() else {
        return Err(wrong_type(name, "an integer"));
    };
    match u64::try_from(number) {
        // As in the API's own answers, where 0 means that there is no task.
        Ok(0) => Ok(None),
        Ok(id) => Ok(Some(id)),
        Err(_) => Err(SimulatedError::new(
            "InvalidParameterValue",
            format!("The value of parameter `{name}` must not be negative."),
        )),
    }
}

pub(super) fn missing(name: &str) -> SimulatedError {
    SimulatedError::new(
        "MissingParameter",
        format!("The request is missing a required parameter `{name}`."),
    )
}

pub(super) fn unknown(name: &str) -> SimulatedError {
    SimulatedError::new(
        "UnknownParameter",
        format!("The parameter `{name}` is not recognized."),
    )
}

pub(super) fn wrong_type(name: &str, expected: &str) -> SimulatedError {
    SimulatedError::new(
        "InvalidParameter",
        format!("The value type of parameter `{name}` is not valid: {expected}."),
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
    fn a_body_and_a_query_are_read_alike() {
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
    fn an_unknown_or_invalid_parameter_is_refused() {
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
