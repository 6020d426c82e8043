//! Parses YAML into a tree in which every node knows its line. The only user of the YAML library.

use std::{fmt, ops::Range};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Error, NonFiniteFloatPolicy, Options, Spanned};

/// A value and where it is written; behind an alias, where the anchor is.
#[derive(Debug)]
pub(crate) struct YamlNode {
    /// Counted from 1.
    pub line: u64,
    /// Bytes of the text.
    pub span: Range<usize>,
    pub value: YamlValue,
}

/// A value. Numbers and booleans are read from the text where they are needed, so an account may be named `007`.
#[derive(Debug)]
pub(crate) enum YamlValue {
    Null,
    Text(String),
    Number,
    Bool(bool),
    List(Vec<YamlNode>),
    /// Keys may be repeated.
    Map(Vec<(YamlNode, YamlNode)>),
}

/// Why a text is not valid YAML. Never quotes the text, which may contain secrets.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub line: u64,
    pub message: String,
}

/// Reads one document; an empty text is [`YamlValue::Null`].
pub(super) fn parse(text: &str) -> Result<YamlNode, SyntaxError> {
    match serde_saphyr::from_str_with_options(text, options()) {
        Ok(root) => Ok(root),
        // The snippet quotes the text, which may contain secrets.
        Err(error) => Err(syntax_error(error.without_snippet())),
    }
}

/// Repeated keys pass here and are reported with all other problems. The limits leave room for a file of 10 MiB in
/// which ten thousand accounts share one anchor.
fn options() -> Options {
    serde_saphyr::options! {
        // The library would stop at the first repeated key.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        // Only true and false: in YAML 1.1, yes, no, on and off would be booleans too.
        strict_booleans: true,
        // A few hundred bytes of aliases to aliases would otherwise become gigabytes.
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 250_000,
        },
        budget: serde_saphyr::budget! {
            max_nodes: 2_000_000,
            max_events: 4_000_000,
            max_merge_keys: 50_000,
            // One anchor for the credentials of all accounts is good style, not an attack.
            enforce_alias_anchor_ratio: false,
        },
    }
}

/// What a flag's value would be in a file.
pub(super) fn plain(text: &str) -> YamlValue {
    // The readers tell numbers from text, so flags must look to them as they would in a file.
    if text.parse::<f64>().is_ok() {
        return YamlValue::Number;
    }
    match text {
        "true" => YamlValue::Bool(true),
        "false" => YamlValue::Bool(false),
        text => YamlValue::Text(text.to_owned()),
    }
}

impl YamlNode {
    /// On the only line of flags.
    pub(super) fn of_flag(span: Range<usize>, value: YamlValue) -> YamlNode {
        YamlNode {
            line: 1,
            span,
            value,
        }
    }

    pub(super) fn as_key(&self) -> Option<&str> {
        match &self.value {
            YamlValue::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl YamlValue {
    /// What kind of value it is, as messages name it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            YamlValue::Null => "empty",
            YamlValue::Text(_) => "text",
            YamlValue::Number => "a number",
            YamlValue::Bool(_) => "a boolean",
            YamlValue::List(_) => "a list",
            YamlValue::Map(_) => "a map",
        }
    }
}

fn syntax_error(error: &Error) -> SyntaxError {
    // An error without a location concerns the whole file; its place is the first line.
    let (line, column) = match error.location() {
        Some(location) => (location.line(), location.column()),
        None => (1, 1),
    };
    let message = match error {
        Error::MultipleDocuments { .. } => {
            "a second document starts here, expected one document per file".to_owned()
        }
        error => {
            let text = error.to_string();
            // The line is printed in front of the message, as for all other problems.
            let what = match text.rsplit_once(" at line ") {
                Some((what, _)) => what,
                None => &text,
            };
            // Brackets and quotes are named by the library; a wrong indentation is not.
            let remedy = if ["bracket", "quote", "alias"]
                .iter()
                .any(|word| what.contains(word))
            {
                ""
            } else {
                "; check the indentation: the keys of a map begin in the same column"
            };
            format!("is not valid YAML: {what} (column {column}){remedy}")
        }
    };
    SyntaxError { line, message }
}

impl<'de> Deserialize<'de> for YamlNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, defined, .. } = Spanned::<YamlValue>::deserialize(deserializer)?;
        let start = bytes(defined.span().byte_offset());
        let len = bytes(defined.span().byte_len());
        Ok(YamlNode {
            line: defined.line(),
            span: start..start + len,
            value,
        })
    }
}

fn bytes(n: Option<u64>) -> usize {
    // Without an offset the span is empty, so that messages quote nothing instead of the wrong text.
    let Some(n) = n else { return 0 };
    usize::try_from(n).unwrap_or(0)
}

impl<'de> Deserialize<'de> for YamlValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = YamlValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<YamlValue, E> {
        Ok(YamlValue::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<YamlValue, E> {
        Ok(YamlValue::Bool(value))
    }

    fn visit_u64<E>(self, _: u64) -> Result<YamlValue, E> {
        Ok(YamlValue::Number)
    }

    fn visit_i64<E>(self, _: i64) -> Result<YamlValue, E> {
        Ok(YamlValue::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<YamlValue, E> {
        Ok(YamlValue::Number)
    }

    fn visit_str<E>(self, text: &str) -> Result<YamlValue, E> {
        Ok(YamlValue::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<YamlValue, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(YamlValue::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<YamlValue, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(YamlValue::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_null() {
        for text in ["", "# only a comment\n", "---\n", "\u{feff}"] {
            assert!(
                matches!(parse(text).unwrap().value, YamlValue::Null),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_syntax_error_has_its_line_and_never_quotes_the_text() {
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
    fn aliases_of_aliases_are_limited() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..9 {
            let items = [format!("*a{}", level - 1).as_str(); 9].join(", ");
            text.push_str(
                &[
                    "a",
                    &level.to_string(),
                    ": &a",
                    &level.to_string(),
                    " [",
                    &items,
                    "]\n",
                ]
                .concat(),
            );
        }
        assert!(parse(&text).unwrap_err().message.contains("alias"));
    }

    #[test]
    fn one_anchor_may_be_used_ten_thousand_times() {
        let text = format!("- &a {{env: }}\n{}", "- *a\n".repeat(10_000));
        assert!(
            matches!(parse(&text).unwrap().value, YamlValue::List(items) if items.len() == 10_001)
        );
    }
}
