//! YAML to a tree in which every node knows its place. The only user of the YAML library.

use std::{fmt, ops::Range};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Error, NonFiniteFloatPolicy, Options, Spanned};

/// A value and where it is written; behind an alias, where the anchor is.
#[derive(Debug)]
pub(super) struct Node {
    /// Counted from 1.
    pub line: u64,
    /// Bytes of the text.
    pub span: Range<usize>,
    pub value: Value,
}

/// Numbers and booleans are left to be read from the text, so that an account may be named `007`.
#[derive(Debug)]
pub(super) enum Value {
    Null,
    Text(String),
    Number,
    Bool(bool),
    List(Vec<Node>),
    /// Keys may be repeated.
    Map(Vec<(Node, Node)>),
}

/// Why a text is not YAML. Never quotes the text, which may hold secrets.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub line: u64,
    pub message: String,
}

/// Reads one document; an empty text is [`Value::Null`].
pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    serde_saphyr::from_str_with_options(text, options())
        .map_err(|error| syntax_error(error.without_snippet()))
}

/// Repeated keys pass, to be reported with all else. The limits leave room for a file of 10 MiB, in which ten
/// thousand accounts may share one anchor.
fn options() -> Options {
    serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        strict_booleans: true,
        budget: serde_saphyr::budget! {
            max_nodes: 2_000_000,
            max_events: 4_000_000,
            max_merge_keys: 50_000,
            enforce_alias_anchor_ratio: false,
        },
    }
}

fn syntax_error(error: &Error) -> SyntaxError {
    let message = match error {
        Error::MultipleDocuments { .. } => {
            "a second document begins here; one file holds one".to_owned()
        }
        error => {
            let text = error.to_string();
            let (what, _) = text.rsplit_once(" at line ").unwrap_or((&text, ""));
            let column = error.location().map_or(1, |location| location.column());
            format!("is not YAML: {what} (column {column})")
        }
    };
    SyntaxError {
        line: error.location().map_or(1, |location| location.line()),
        message,
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, defined, .. } = Spanned::<Value>::deserialize(deserializer)?;
        let byte = |offset: Option<u64>| {
            offset
                .and_then(|offset| usize::try_from(offset).ok())
                .unwrap_or(0)
        };
        let (start, len) = (
            byte(defined.span().byte_offset()),
            byte(defined.span().byte_len()),
        );
        Ok(Node {
            line: defined.line(),
            span: start..start + len,
            value,
        })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Number)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Number)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_null() {
        for text in ["", "# only a comment\n", "---\n", "\u{feff}"] {
            assert!(
                matches!(parse(text).unwrap().value, Value::Null),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_syntax_error_says_where_and_never_quotes_the_text() {
        let starts = [
            "*",
            "&a *",
            "!!int ",
            "!!binary ",
            "@",
            "%",
            "`",
            "\"",
            "'",
            "{",
            "[",
            "\"\\q",
            "!c!",
            "!<",
            ">",
            "a: b: ",
            "\t",
        ];
        for start in starts {
            if let Err(error) = parse(&format!("x: 1\na: {start}Canary7")) {
                assert_eq!(error.line, 2, "{start}");
                assert!(!error.message.contains("anary"), "{}", error.message);
            }
        }
    }

    #[test]
    fn one_anchor_may_be_used_ten_thousand_times() {
        let text = format!("- &a {{env: }}\n{}", "- *a\n".repeat(10_000));
        assert!(matches!(parse(&text).unwrap().value, Value::List(items) if items.len() == 10_001));
    }
}
