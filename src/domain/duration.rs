//! Durations as users write them.

use std::time::Duration;

/// Reads `500ms`, `30s`, `5m`, `1h30m` or `1d`. Units above days have no fixed length, and `M` for months
/// is too easily mistaken for minutes.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    // humantime would also reject it, but without saying which unit was probably meant.
    if text.parse::<f64>().is_ok() {
        return Err(format!(
            "{text} has no unit, expected for example {text}s, 5m or 1h"
        ));
    }
    for unit in text.split(|letter: char| !letter.is_alphabetic()) {
        if let Some(advice) = unit_advice(unit) {
            return Err(format!("{text:?} has the unit {unit}, {advice}"));
        }
    }
    match humantime::parse_duration(text) {
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!(
            "{text:?} is not a valid duration ({error}), expected for example 30s, 5m or 1h"
        )),
    }
}

/// What to write instead of a unit that is not accepted.
fn unit_advice(unit: &str) -> Option<&'static str> {
    match unit {
        "S" | "sec" | "secs" | "second" | "seconds" => Some("write s, for example 30s"),
        "min" | "mins" | "minute" | "minutes" => Some("write m, for example 5m"),
        "H" | "hr" | "hrs" | "hour" | "hours" => Some("write h, for example 1h"),
        "D" | "day" | "days" => Some("write d, for example 1d"),
        "M" => Some("which is not accepted; write m for minutes, for example 5m"),
        "w" | "week" | "weeks" | "W" | "month" | "months" | "y" | "Y" | "yr" | "year" | "years" => {
            Some("which is not accepted; write days, for example 7d")
        }
        _ => None,
    }
}

/// A duration in the form that [`parse_duration`] reads, with blanks between the units.
pub fn format_duration(duration: Duration) -> String {
    let mut rest = duration.as_millis();
    let mut parts = Vec::new();
    for (unit, millis) in [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ] {
        if rest >= millis {
            parts.push(format!("{}{unit}", rest / millis));
            rest %= millis;
        }
    }
    if parts.is_empty() {
        return "0s".into();
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_formatted_can_be_read_back() {
        for (millis, expected) in [
            (0, "0s"),
            (500, "500ms"),
            (5_400_000, "1h 30m"),
            (90_061_001, "1d 1h 1m 1s 1ms"),
        ] {
            let duration = Duration::from_millis(millis);
            assert_eq!(format_duration(duration), expected);
            assert_eq!(parse_duration(expected), Ok(duration));
        }
        assert_eq!(parse_duration("1h30m"), Ok(Duration::from_mins(90)));
    }

    #[test]
    fn a_unit_that_is_not_accepted_is_refused_with_the_right_one() {
        for (text, expected) in [
            ("5", "5 has no unit, expected for example 5s, 5m or 1h"),
            (
                "5M",
                "\"5M\" has the unit M, which is not accepted; write m for minutes, for example 5m",
            ),
            (
                "1w",
                "\"1w\" has the unit w, which is not accepted; write days, for example 7d",
            ),
            (
                "1y",
                "\"1y\" has the unit y, which is not accepted; write days, for example 7d",
            ),
            ("1day", "\"1day\" has the unit day, write d, for example 1d"),
            (
                "1h 5min",
                "\"1h 5min\" has the unit min, write m, for example 5m",
            ),
        ] {
            assert_eq!(parse_duration(text).unwrap_err(), expected);
        }
        assert!(
            parse_duration("5x")
                .unwrap_err()
                .contains("is not a valid duration")
        );
    }
}
