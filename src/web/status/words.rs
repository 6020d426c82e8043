//! Values in words.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::Language;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The value of a metric that is a whole number: `1,234`.
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

/// 0 to 1 → `62.5%`. Rounded down, so that only a finished scan shows 100%.
pub(super) fn percentage(ratio: f64) -> String {
    // 0.29 is stored as slightly less than 0.29, and would be rounded down to 28.9%.
    const TOLERANCE: f64 = 1e-6;
    format!("{}%", (ratio * 1_000.0 + TOLERANCE).floor() / 10.0)
}

/// `45 s`, `12 min`, `3 h 5 min`, `2 d 3 h`; rounded down.
pub(super) fn duration(duration: Duration, language: Language) -> String {
    let minutes = language.text("min", "分钟");
    let hours = language.text("h", "小时");
    let days = language.text("d", "天");
    let seconds = duration.as_secs();
    match seconds {
        0..MINUTE => format!("{seconds} {}", language.text("s", "秒")),
        MINUTE..HOUR => format!("{} {minutes}", seconds / MINUTE),
        HOUR..DAY => two_units(seconds / HOUR, hours, seconds % HOUR / MINUTE, minutes),
        _ => two_units(seconds / DAY, days, seconds % DAY / HOUR, hours),
    }
}

fn two_units(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    if small == 0 {
        format!("{large} {large_unit}")
    } else {
        format!("{large} {large_unit} {small} {small_unit}")
    }
}

/// `3 min ago`.
pub(super) fn ago(age: Duration, language: Language) -> String {
    if age.as_secs() == 0 {
        return language.text("just now", "刚刚").into();
    }
    let age = duration(age, language);
    match language {
        Language::English => format!("{age} ago"),
        Language::Chinese => format!("{age}前"),
    }
}

/// `in 2 h`.
pub(super) fn ahead(wait: Duration, language: Language) -> String {
    let wait = duration(wait, language);
    match language {
        Language::English => format!("in {wait}"),
        Language::Chinese => format!("{wait}后"),
    }
}

/// A time in the past or in the future: `3 min ago`, `in 2 h`.
pub(super) fn relative(at: Timestamp, now: Timestamp, language: Language) -> String {
    let difference = now.duration_since(at).unsigned_abs();
    if at <= now {
        ago(difference, language)
    } else {
        ahead(difference, language)
    }
}

/// The time of day if `at` is on the same day as `now`, the date otherwise; in UTC.
pub(super) fn time_or_date(at: Timestamp, now: Timestamp) -> String {
    let date = at.strftime("%Y-%m-%d").to_string();
    if date == now.strftime("%Y-%m-%d").to_string() {
        at.strftime("%H:%M:%S").to_string()
    } else {
        date
    }
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
    fn a_percentage_is_100_only_at_the_end() {
        for (ratio, text) in [
            (0.0, "0%"),
            (0.335, "33.5%"),
            (0.29, "29%"),
            (0.57, "57%"),
            (0.999_9, "99.9%"),
            (1.0, "100%"),
        ] {
            assert_eq!(percentage(ratio), text);
        }
    }

    #[test]
    fn durations_have_at_most_two_units() {
        for (seconds, english, chinese) in [
            (0.9, "0 s", "0 秒"),
            (59.9, "59 s", "59 秒"),
            (60.0, "1 min", "1 分钟"),
            (3_599.0, "59 min", "59 分钟"),
            (3_600.0, "1 h", "1 小时"),
            (7_500.0, "2 h 5 min", "2 小时 5 分钟"),
            (86_400.0, "1 d", "1 天"),
            (100_000.0, "1 d 3 h", "1 天 3 小时"),
        ] {
            let value = Duration::from_secs_f64(seconds);
            assert_eq!(duration(value, Language::English), english);
            assert_eq!(duration(value, Language::Chinese), chinese);
        }
        assert_eq!(
            duration(Duration::MAX, Language::English),
            "213503982334601 d 7 h"
        );
    }

    #[test]
    fn times_are_relative_to_now() {
        let at = |second| Timestamp::from_second(second).unwrap();
        for (time, now, english, chinese) in [
            (1_000, 1_185, "3 min ago", "3 分钟前"),
            (1_000, 1_000, "just now", "刚刚"),
            (8_200, 1_000, "in 2 h", "2 小时后"),
        ] {
            assert_eq!(relative(at(time), at(now), Language::English), english);
            assert_eq!(relative(at(time), at(now), Language::Chinese), chinese);
        }
        let longest = Timestamp::MAX.duration_since(Timestamp::MIN).unsigned_abs();
        assert_eq!(
            relative(Timestamp::MIN, Timestamp::MAX, Language::English),
            ago(longest, Language::English)
        );
    }
}
