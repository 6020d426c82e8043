//! The parameters of an action, from a JSON body or a query.

use bytes::Bytes;
use http::Request;
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::reply::SimulatedError;

/// A parameter that an action has.
#[derive(Debug)]
pub(super) struct Parameter {
    name: &'static str,
    kind: ParameterKind,
    is_required: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ParameterKind {
    /// Not negative.
    Integer,
    Text,
    Category,
}

/// The values of `CategoryType`.
const CATEGORIES: [&str; 3] = ["SYSTEM", "WEB", "EMERGENCY"];

impl Parameter {
    pub(super) const fn integer(name: &'static str) -> Parameter {
        Parameter {
            name,
            kind: ParameterKind::Integer,
            is_required: false,
        }
    }

    pub(super) const fn required_integer(name: &'static str) -> Parameter {
        Parameter {
            name,
            kind: ParameterKind::Integer,
            is_required: true,
        }
    }

    pub(super) const fn text(name: &'static str) -> Parameter {
        Parameter {
            name,
            kind: ParameterKind::Text,
            is_required: false,
        }
    }

    /// Required, with a closed set of values.
    pub(super) const fn category(name: &'static str) -> Parameter {
        Parameter {
            name,
            kind: ParameterKind::Category,
            is_required: true,
        }
    }

    fn check(&self, value: &Value) -> Result<(), SimulatedError> {
        let name = self.name;
        match self.kind {
            ParameterKind::Integer => match value.as_i64() {
                None => Err(wrong_type(name, "an integer")),
                Some(..0) => Err(SimulatedError::new(
                    "InvalidParameterValue",
                    format!("The value of parameter `{name}` must not be negative."),
                )),
                Some(_) => Ok(()),
            },
            ParameterKind::Text | ParameterKind::Category if !value.is_string() => {
                Err(wrong_type(name, "a string"))
            }
            ParameterKind::Category
                if !CATEGORIES.contains(&value.as_str().unwrap_or_default()) =>
            {
                Err("InvalidParameterValue".into())
            }
            ParameterKind::Text | ParameterKind::Category => Ok(()),
        }
    }
}

/// Checked parameters.
#[derive(Debug)]
pub(super) struct Parameters(Map<String, Value>);

impl Parameters {
    pub(super) fn integer(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }
}

/// Reads them from the body of a `POST` or the query of a `GET`.
pub(super) fn parse(
    request: &Request<Bytes>,
    known: &[Parameter],
) -> Result<Parameters, SimulatedError> {
    let parameters = if request.method() == http::Method::GET {
        from_query(request.uri().query().unwrap_or_default())
    } else {
        from_json(request.body())?
    };
    for (name, value) in &parameters {
        let Some(parameter) = known.iter().find(|parameter| parameter.name == name) else {
            return Err(unknown(name));
        };
        parameter.check(value)?;
    }
    for parameter in known {
        if parameter.is_required && !parameters.contains_key(parameter.name) {
            return Err(missing(parameter.name));
        }
    }
    Ok(Parameters(parameters))
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

    const KNOWN: [Parameter; 3] = [
        Parameter::integer("LocalTaskID"),
        Parameter::text("Order"),
        Parameter::category("CategoryType"),
    ];

    fn post(body: &'static str, known: &[Parameter]) -> Result<Value, &'static str> {
        read(&Request::post("/").body(Bytes::from(body)).unwrap(), known)
    }

    fn get(target: &str, known: &[Parameter]) -> Result<Value, &'static str> {
        read(&Request::get(target).body(Bytes::new()).unwrap(), known)
    }

    fn read(request: &Request<Bytes>, known: &[Parameter]) -> Result<Value, &'static str> {
        match parse(request, known) {
            Ok(Parameters(parameters)) => Ok(Value::Object(parameters)),
            Err(refusal) => Err(refusal.code),
        }
    }

    #[test]
    fn a_body_and_a_query_are_read_alike() {
        let body = r#"{"LocalTaskID": 7, "Order": "ASC", "CategoryType": "WEB"}"#;
        let query = "/?LocalTaskID=7&Order=ASC&CategoryType=WEB";
        assert!(post(body, &KNOWN).is_ok());
        assert_eq!(get(query, &KNOWN), post(body, &KNOWN));
        assert_eq!(get("/", &[]), post("{}", &[]));
    }

    #[test]
    fn an_unknown_missing_or_invalid_parameter_is_refused() {
        let [id, order, category] = [0, 1, 2].map(|index| &KNOWN[index..=index]);
        assert_eq!(post(r#"{"TaskID": 7}"#, id), Err("UnknownParameter"));
        assert_eq!(get("/?TaskID=7", id), Err("UnknownParameter"));
        for body in [
            r#"{"LocalTaskID": "7"}"#,
            r#"{"LocalTaskID": null}"#,
            r#"{"LocalTaskID": 7.5}"#,
            "[]",
            "",
            "{",
        ] {
            assert_eq!(post(body, id), Err("InvalidParameter"), "{body}");
        }
        assert_eq!(get("/?LocalTaskID=seven", id), Err("InvalidParameter"));
        assert_eq!(
            post(r#"{"LocalTaskID": -1}"#, id),
            Err("InvalidParameterValue")
        );
        assert_eq!(post(r#"{"Order": 1}"#, order), Err("InvalidParameter"));
        assert_eq!(post("{}", category), Err("MissingParameter"));
        assert_eq!(
            post(r#"{"CategoryType": "ALL"}"#, category),
            Err("InvalidParameterValue")
        );
    }
}
