//! Single values: what each must look like.

use std::{num::NonZeroU64, time::Duration};

use jiff::{fmt::temporal::DateTimeParser, tz::TimeZone};

use super::{Rate, tree::At, yaml::Value};

/// Text on one line; numbers and booleans as they are written. So a message that shows it shows one line, even
/// when a stray quote has swallowed what follows.
pub(super) fn text(at: At<'_>) -> Result<&str, String> {
    let text = match at.value() {
        Value::Text(text) => text,
        Value::Number | Value::Bool(_) => at.source(),
        other => return Err(format!("is {}; it must be text", other.kind())),
    };
    if at.source().contains('\n') {
        return Err("spans several lines; write it on one".into());
    }
    if text.len() > 1024 {
        return Err("is longer than 1024 bytes".into());
    }
    Ok(text)
}

/// `true` or `false`.
pub(super) fn boolean(at: At<'_>) -> Result<bool, String> {
    match at.value() {
        Value::Bool(value) => Ok(*value),
        other => Err(format!(
            "is {}; it must be true or false, without quotes",
            other.kind()
        )),
    }
}

/// 1 to 20.
pub(super) fn rate(at: At<'_>) -> Result<Rate, String> {
    let requests = integer(at)?;
    u32::try_from(requests)
        .ok()
        .and_then(Rate::new)
        .ok_or_else(|| match requests {
            0 => "0 would never ask; write 1 to 20".into(),
            _ => format!("{requests} is too much: the API allows 20; write 1 to 20"),
        })
}

/// A whole number above 0.
pub(super) fn task_id(at: At<'_>) -> Result<NonZeroU64, String> {
    NonZeroU64::new(integer(at)?)
        .ok_or_else(|| "0 is no task; leave the key out for the latest scan".into())
}

/// `90s`, `5m`, `1h 30m`.
pub(super) fn duration(at: At<'_>) -> Result<Duration, String> {
    let text = text(at)?;
    if text.parse::<f64>().is_ok() {
        return Err(format!(
            "{text} has no unit; write {text}s for seconds, or 5m, 1h"
        ));
    }
    humantime::parse_duration(text)
        .map_err(|error| format!("{text:?} is no duration: {error}; write 30s, 5m or 1h"))
}

/// An offset, `UTC`, or a name of the IANA database.
pub(super) fn time_zone(text: &str) -> Result<TimeZone, String> {
    DateTimeParser::new()
        .parse_time_zone(text)
        .ok()
        .filter(|zone| {
            !zone.is_unknown() && (zone.iana_name().is_some() || zone.to_fixed_offset().is_ok())
        })
        .ok_or_else(|| {
            format!("{text:?} is no time zone; write +08:00, UTC or a name such as Asia/Shanghai")
        })
}

/// `value` if it lies between two bounds.
pub(super) fn within(value: Duration, least: Duration, most: Duration) -> Result<Duration, String> {
    let shown = humantime::format_duration;
    if value < least {
        return Err(format!(
            "{} is too short; write {} or more",
            shown(value),
            shown(least)
        ));
    }
    if value > most {
        return Err(format!(
            "{} is too long; write {} or less",
            shown(value),
            shown(most)
        ));
    }
    Ok(value)
}

/// Digits, without quotes.
pub(super) fn integer(at: At<'_>) -> Result<u64, String> {
    match at.value() {
        Value::Number => {
            let text = at.source();
            text.parse()
                .map_err(|_| format!("{text} is no whole number; write digits alone"))
        }
        Value::Text(text) if text.parse::<u64>().is_ok() => {
            Err(format!("is text; write {text} without quotes"))
        }
        other => Err(format!("is {}; it must be a whole number", other.kind())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_zone_is_an_offset_or_a_name() {
        for good in ["+08:00", "-03:30", "UTC", "Asia/Shanghai", "asia/shanghai"] {
            assert!(time_zone(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "8",
            "+8h",
            "Shanghai",
            "Mars/Olympus",
            "Etc/Unknown",
            "EST5EDT,M3.2.0,M11.1.0",
        ] {
            assert!(time_zone(bad).is_err(), "{bad}");
        }
        assert_eq!(time_zone("UTC"), Ok(TimeZone::UTC));
    }

    #[test]
    fn a_duration_lies_between_its_bounds() {
        let [short, middle, long] = [1, 5, 10].map(Duration::from_secs);
        assert_eq!(within(middle, short, long), Ok(middle));
        assert_eq!(
            within(short, middle, long),
            Err("1s is too short; write 5s or more".into())
        );
        assert_eq!(
            within(long, short, middle),
            Err("10s is too long; write 5s or less".into())
        );
    }
}
