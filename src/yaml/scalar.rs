//! Single values of any file: what each must look like.

use std::time::Duration;

use super::{parse::YamlValue, reader::ValueReader};
use crate::domain::{format_duration, parse_duration};

/// Text on one line; numbers and booleans as they are written. A message that shows it is one line too, even when a
/// stray quote has swallowed the lines that follow.
pub(crate) fn text(value: ValueReader<'_>) -> Result<&str, String> {
    let text = match value.value() {
        YamlValue::Text(text) => text,
        YamlValue::Number | YamlValue::Bool(_) => value.source(),
        other => return Err(format!("is {}, expected text", other.kind())),
    };
    // The value is one line for YAML, which folds line breaks; the source shows what was written.
    if value.source().contains('\n') {
        return Err("spans several lines, expected one".into());
    }
    if text.len() > 1024 {
        return Err("is longer than 1024 bytes".into());
    }
    Ok(text)
}

pub(crate) fn owned_text(value: ValueReader<'_>) -> Result<String, String> {
    Ok(text(value)?.to_owned())
}

/// `true` or `false`.
pub(crate) fn boolean(value: ValueReader<'_>) -> Result<bool, String> {
    match value.value() {
        YamlValue::Bool(value) => Ok(*value),
        other => Err(format!(
            "is {}, expected true or false without quotes",
            other.kind()
        )),
    }
}

/// Digits, without quotes.
pub(crate) fn integer(value: ValueReader<'_>) -> Result<u64, String> {
    let source = value.source();
    match value.value() {
        // YAML has more kinds of numbers than are accepted here: 1e3, 0x10, .inf.
        YamlValue::Number => match source.parse() {
            Ok(number) => Ok(number),
            Err(_) => Err(format!(
                "{source} is not a whole number, expected digits only"
            )),
        },
        YamlValue::Text(text) if text.parse::<u64>().is_ok() => {
            Err(format!("is text, write {text} without quotes"))
        }
        other => Err(format!("is {}, expected a whole number", other.kind())),
    }
}

/// A number such as `0.05`.
pub(crate) fn number(value: ValueReader<'_>) -> Result<f64, String> {
    let source = value.source();
    match value.value() {
        YamlValue::Number => match source.parse() {
            Ok(number) => Ok(number),
            Err(_) => Err(format!("{source} is not a decimal number")),
        },
        other => Err(format!("is {}, expected a number", other.kind())),
    }
}

/// `90s`, `5m`, `1h 30m`.
pub(crate) fn duration(value: ValueReader<'_>) -> Result<Duration, String> {
    parse_duration(text(value)?)
}

/// `value` if it lies between two bounds.
pub(crate) fn within(value: Duration, min: Duration, max: Duration) -> Result<Duration, String> {
    let display = format_duration;
    if value < min {
        return Err(format!(
            "{} is too short, must be at least {}",
            display(value),
            display(min)
        ));
    }
    if value > max {
        return Err(format!(
            "{} is too long, must be at most {}",
            display(value),
            display(max)
        ));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_lies_between_its_bounds() {
        let [short, middle, long] = [1, 5, 10].map(Duration::from_secs);
        assert_eq!(within(middle, short, long), Ok(middle));
        assert_eq!(
            within(short, middle, long),
            Err("1s is too short, must be at least 5s".into())
        );
        assert_eq!(
            within(long, short, middle),
            Err("10s is too long, must be at most 5s".into())
        );
    }
}
