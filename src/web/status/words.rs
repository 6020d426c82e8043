//! Values as people read them.

use std::time::Duration;

use jiff::Timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A whole number of a metric: `1,234`.
pub(super) fn count(value: f64) -> String {
    grouped(&format!("{value:.0}"))
}

/// `1,234`.
pub(super) fn number(number: usize) -> String {
    grouped(&number.to_string())
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// 0 to 1 → `62.5 %`, cut off rather than rounded: what is not done never reads 100 %.
pub(super) fn percentage(ratio: f64) -> String {
    // 0.29 is a little less than 29 hundredths.
    const TINY: f64 = 1e-6;
    format!("{} %", (ratio * 1_000.0 + TINY).floor() / 10.0)
}

/// `45 s`, `12 min`, `3 h 5 min`, `2 d 3 h`; cut off rather than rounded.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let two = |n: u64, unit: &str, rest: u64, small: &str| match rest {
        0 => format!("{n} {unit}"),
        rest => format!("{n} {unit} {rest} {small}"),
    };
    match seconds {
        0..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        HOUR..DAY => two(seconds / HOUR, "h", seconds % HOUR / MINUTE, "min"),
        _ => two(seconds / DAY, "d", seconds % DAY / HOUR, "h"),
    }
}

/// An age: `3 min ago`.
pub(super) fn ago(age: Duration) -> String {
    if age.as_secs() == 0 {
        "just now".into()
    } else {
        format!("{} ago", duration(age))
    }
}

/// A time seen from `now`, in the past or in the future: `3 min ago`, `in 2 h`.
pub(super) fn relative(at: Timestamp, now: Timestamp) -> String {
    Duration::try_from(now.duration_since(at)).map_or_else(
        |_| format!("in {}", duration(at.duration_since(now).unsigned_abs())),
        ago,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_separators_between_thousands() {
        for (value, text) in [
            (0.0, "0"),
            (999.0, "999"),
            (1_000.0, "1,000"),
            (123_456.0, "123,456"),
            (9.223_372_036_854_776e18, "9,223,372,036,854,775,808"),
        ] {
            assert_eq!(count(value), text);
        }
    }

    #[test]
    fn a_percentage_reaches_100_only_at_the_end() {
        for (ratio, text) in [
            (0.0, "0 %"),
            (0.335, "33.5 %"),
            (0.29, "29 %"),
            (0.57, "57 %"),
            (0.999_9, "99.9 %"),
            (1.0, "100 %"),
        ] {
            assert_eq!(percentage(ratio), text);
        }
    }

    #[test]
    fn durations_have_the_units_that_matter() {
        for (seconds, text) in [
            (0.9, "0 s"),
            (59.9, "59 s"),
            (60.0, "1 min"),
            (3_599.0, "59 min"),
            (3_600.0, "1 h"),
            (7_500.0, "2 h 5 min"),
            (86_400.0, "1 d"),
            (100_000.0, "1 d 3 h"),
        ] {
            assert_eq!(duration(Duration::from_secs_f64(seconds)), text);
        }
        assert_eq!(duration(Duration::MAX), "213503982334601 d 7 h");
    }

    #[test]
    fn a_time_is_said_as_seen_from_now() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(relative(at(1_000), at(1_185)), "3 min ago");
        assert_eq!(relative(at(1_000), at(1_000)), "just now");
        assert_eq!(relative(at(8_200), at(1_000)), "in 2 h");
        assert_eq!(
            relative(Timestamp::MIN, Timestamp::MAX),
            ago(Timestamp::MAX.duration_since(Timestamp::MIN).unsigned_abs())
        );
    }
}
