//! The several forms of times in TCSS answers.

use jiff::{Timestamp, civil, fmt::strtime, tz::TimeZone};

/// A time in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Time {
    /// Nothing happened yet: the empty text, or a zero date such as `0001-01-01 00:00:00`.
    Never,
    /// Unix time.
    At(Timestamp),
}

/// Reads `YYYY-MM-DD hh:mm:ss` in `zone`, RFC 3339, and Go's `YYYY-MM-DD hh:mm:ss +0000 UTC`.
/// `None` for anything else, and for times before 1970.
pub(super) fn parse(text: &str, zone: &TimeZone) -> Option<Time> {
    let text = text.trim();
    if text.is_empty() || is_zero_date(text) {
        return Some(Time::Never);
    }
    let time = any_form(text, zone)?;
    if time < Timestamp::UNIX_EPOCH {
        return None;
    }
    Some(Time::At(time))
}

fn any_form(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if let Some(time) = civil_time(text, zone) {
        return Some(time);
    }
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    go_time(text)
}

/// The zero value of Go, Unix or MySQL, printed in any time zone.
fn is_zero_date(text: &str) -> bool {
    // A zero of Unix is the evening of 1969-12-31 in time zones west of Greenwich.
    for zero in ["0000-", "0001-", "1970-01-01", "1969-12-31"] {
        if text.starts_with(zero) {
            return true;
        }
    }
    false
}

fn civil_time(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let civil = civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", text).ok()?;
    zone.to_timestamp(civil).ok()
}

/// What Go's `Time.String` prints: the offset, then the abbreviation of the zone, which is ignored.
fn go_time(text: &str) -> Option<Timestamp> {
    // Abbreviations are ambiguous (CST is used in China and in America); the offset is not.
    let (time, zone) = text.rsplit_once(' ')?;
    if !zone
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-'))
    {
        return None;
    }
    let time = strtime::parse("%Y-%m-%d %H:%M:%S%.f %z", time).ok()?;
    time.to_timestamp().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<i64>) {
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        let time = parse(text, &zone);
        let expected = expected.map(|second| Time::At(Timestamp::from_second(second).unwrap()));
        assert_eq!(time, expected, "{text:?}");
    }

    #[test]
    fn every_form_that_tcss_uses_is_read() {
        check("2021-05-01 00:00:00", Some(1_619_798_400));
        check("2021-05-01T00:00:00+08:00", Some(1_619_798_400));
        check("2021-04-30T16:00:00Z", Some(1_619_798_400));
        check("2021-04-30 16:00:00 +0000 UTC", Some(1_619_798_400));
        check("2021-05-01 00:00:00 +0800 CST", Some(1_619_798_400));
    }

    #[test]
    fn an_empty_text_and_a_zero_date_mean_never() {
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        for text in [
            "",
            " ",
            "0001-01-01 00:00:00",
            "0001-01-01T00:00:00Z",
            "0001-01-01 00:00:00 +0000 UTC",
            "1970-01-01 08:00:00",
            "1970-01-01T00:00:00Z",
            "1969-12-31 19:00:00",
            "0000-00-00 00:00:00",
        ] {
            assert_eq!(parse(text, &zone), Some(Time::Never), "{text:?}");
        }
    }

    #[test]
    fn anything_else_is_not_a_time() {
        for text in [
            "2021-13-01 00:00:00",
            "2021-02-30 00:00:00",
            "yesterday",
            "1619798400",
            "2021-05-01",
            "2021-05-01 00:00:00 nonsense here",
            "9999999-01-01 00:00:00",
            "2021-05-01 25:00:00",
            "1968-12-31T00:00:00+08:00",
        ] {
            check(text, None);
        }
    }
}
