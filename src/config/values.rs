//! Single values of the configuration: what each must look like.

use std::{num::NonZeroU64, time::Duration};

use jiff::{fmt::temporal::DateTimeParser, tz::TimeZone};

use super::{Rate, Region};
use crate::{
    domain::{Language, Uin},
    yaml::{ValueReader, scalar},
};

/// `poll.interval`: 1 second to 1 day.
pub(super) fn interval(value: ValueReader<'_>) -> Result<Duration, String> {
    let interval = scalar::duration(value)?;
    scalar::within(interval, Duration::from_secs(1), Duration::from_hours(24))
}

/// `poll.scanning_interval`: at least 1 second. It must not exceed the interval, which is checked later.
pub(super) fn scanning_interval(value: ValueReader<'_>) -> Result<Duration, String> {
    let interval = scalar::duration(value)?;
    scalar::within(interval, Duration::from_secs(1), Duration::MAX)
}

/// `poll.timeout`: 100 milliseconds to 5 minutes.
pub(super) fn timeout(value: ValueReader<'_>) -> Result<Duration, String> {
    let timeout = scalar::duration(value)?;
    scalar::within(timeout, Duration::from_millis(100), Duration::from_mins(5))
}

pub(super) fn region(value: ValueReader<'_>) -> Result<Region, String> {
    Region::parse(scalar::text(value)?)
}

/// `api.language`.
pub(super) fn language(value: ValueReader<'_>) -> Result<Language, String> {
    let text = scalar::text(value)?;
    let language = Language::ALL
        .into_iter()
        .find(|language| language.api_tag() == text);
    language.ok_or_else(|| format!("{text:?} is not a valid language, expected en-US or zh-CN"))
}

/// 1 to 20.
pub(super) fn rate(value: ValueReader<'_>) -> Result<Rate, String> {
    let requests = scalar::integer(value)?;
    if requests == 0 {
        return Err("0 would stop all requests, expected 1 to 20".into());
    }
    let rate = u32::try_from(requests).ok().and_then(Rate::new);
    rate.ok_or_else(|| format!("{requests} exceeds the API's limit of 20, expected 1 to 20"))
}

/// `collectors.NAME.limit`: 1 to `max`.
pub(super) fn limit(value: ValueReader<'_>, max: usize) -> Result<usize, String> {
    let limit = scalar::integer(value)?;
    match usize::try_from(limit) {
        Ok(limit) if (1..=max).contains(&limit) => Ok(limit),
        _ => Err(format!("is {limit}, expected 1 to {max}")),
    }
}

/// A whole number above 0.
pub(super) fn task_id(value: ValueReader<'_>) -> Result<NonZeroU64, String> {
    let id = NonZeroU64::new(scalar::integer(value)?);
    id.ok_or_else(|| "0 is not a valid task ID; remove the key to poll the latest scan".into())
}

/// The number of an account.
pub(super) fn uin(value: ValueReader<'_>) -> Result<Uin, String> {
    Uin::parse(scalar::text(value)?)
}

/// An offset, `UTC`, or a name of the IANA database.
pub(super) fn time_zone(value: ValueReader<'_>) -> Result<TimeZone, String> {
    let text = scalar::text(value)?;
    if let Ok(zone) = DateTimeParser::new().parse_time_zone(text)
        && is_supported(&zone)
    {
        return Ok(zone);
    }
    Err(format!(
        "{text:?} is not a valid time zone, expected for example +08:00, UTC or Asia/Shanghai"
    ))
}

/// jiff also accepts POSIX rules such as `EST5EDT,M3.2.0,M11.1.0` and the unknown zone.
fn is_supported(zone: &TimeZone) -> bool {
    !zone.is_unknown() && (zone.iana_name().is_some() || zone.to_fixed_offset().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::YamlFile;

    fn parse_time_zone(text: &str) -> Result<TimeZone, String> {
        let file = YamlFile::of_flags(&[("api", "time_zone", text.to_owned())]);
        let mut problems = Vec::new();
        let map = file.value().as_map(&mut problems).unwrap();
        let api = map.section("api", &mut problems).unwrap();
        time_zone(api.at("time_zone").unwrap())
    }

    #[test]
    fn a_time_zone_is_an_offset_or_a_name() {
        for good in ["+08:00", "-03:30", "UTC", "Asia/Shanghai", "asia/shanghai"] {
            assert!(parse_time_zone(good).is_ok(), "{good}");
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
            assert!(parse_time_zone(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_time_zone("UTC"), Ok(TimeZone::UTC));
    }
}
