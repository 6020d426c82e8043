//! The fields of a response. Each is read by itself, so that one that cannot be read affects no
//! other; the names of those that could not be read are remembered.

use std::{borrow::Cow, fmt, num::NonZeroU64, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::time::{self, Time};

/// The longest duration that is believed, about 136 years.
const MAX_SECONDS: f64 = u32::MAX as f64;

/// Reads the fields of the responses of one poll.
#[derive(Debug)]
pub struct Fields<'a> {
    responses: Vec<Object<'a>>,
    current: usize,
    time_zone: &'a TimeZone,
    as_of: Timestamp,
    n_read: usize,
    unexpected: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    pub(super) fn parse(
        responses: &[&'a str],
        time_zone: &'a TimeZone,
        as_of: Timestamp,
    ) -> Result<Fields<'a>, serde_json::Error> {
        let mut objects = Vec::with_capacity(responses.len());
        for response in responses {
            objects.push(serde_json::from_str(response)?);
        }
        let unexpected = Vec::new();
        Ok(Fields {
            responses: objects,
            current: 0,
            time_zone,
            as_of,
            n_read: 0,
            unexpected,
        })
    }

    /// Reads the response to action `index` from here on; before, the first one is read.
    pub fn response(&mut self, index: usize) -> &mut Fields<'a> {
        self.current = index;
        self
    }

    /// When the first request was sent.
    pub fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// A whole number, also if it is written as `5.0`.
    pub fn count(&mut self, field: &'static str) -> Option<f64> {
        self.read(field, count)
    }

    /// A percentage, 0 to 100, as a ratio, 0 to 1.
    pub fn percentage(&mut self, field: &'static str) -> Option<f64> {
        self.read(field, percentage)
    }

    /// A number of seconds.
    pub fn seconds(&mut self, field: &'static str) -> Option<Duration> {
        self.read(field, seconds)
    }

    /// A time. `None` also for one that has not come yet, which is not unexpected.
    pub fn time(&mut self, field: &'static str) -> Option<Timestamp> {
        let zone = self.time_zone;
        let time = self.read(field, |raw| time::parse(&text(raw)?, zone));
        match time {
            Some(Time::At(at)) => Some(at),
            Some(Time::Never) | None => None,
        }
    }

    /// An ID. `None` also for 0, which is not unexpected.
    pub fn id(&mut self, field: &'static str) -> Option<NonZeroU64> {
        let id = self.read(field, id)?;
        NonZeroU64::new(id)
    }

    /// The value that belongs to the text of the field.
    pub fn one_of<T: Copy>(
        &mut self,
        field: &'static str,
        values: &[(&'static str, T)],
    ) -> Option<T> {
        self.read(field, |raw| {
            let text = text(raw)?;
            for (known, value) in values {
                if *known == text {
                    return Some(*value);
                }
            }
            None
        })
    }

    /// What `parse` makes of the JSON of the field. A missing field is unexpected too.
    fn read<T>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Option<T> {
        let raw = self.responses[self.current].get(field);
        let value = match raw {
            Some(raw) => parse(raw.get()),
            None => None,
        };
        match value {
            Some(_) => self.n_read += 1,
            None => self.unexpected.push(field),
        }
        value
    }

    pub(super) fn n_read(&self) -> usize {
        self.n_read
    }

    pub(super) fn into_unexpected(self) -> Vec<&'static str> {
        self.unexpected
    }
}

/// The members of a JSON object, not parsed yet.
#[derive(Debug)]
struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    /// The last member of this name, as most JSON parsers have it.
    fn get(&self, name: &str) -> Option<&'a RawValue> {
        let member = self.0.iter().rev().find(|(member, _)| member == name)?;
        Some(member.1)
    }
}

/// A name that is borrowed where it has no escapes.
#[derive(Deserialize)]
struct MemberName<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<'a>, D::Error> {
        let members = deserializer.deserialize_map(ObjectVisitor)?;
        Ok(Object(members))
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        // A list instead of a map: responses have about a dozen members, each read once.
        let mut members = Vec::with_capacity(16);
        while let Some((MemberName(name), value)) = map.next_entry()? {
            members.push((name, value));
        }
        Ok(members)
    }
}

fn text(raw: &str) -> Option<String> {
    serde_json::from_str(raw).ok()
}

/// A number that is not negative; `-0` is plain 0.
fn number(raw: &str) -> Option<f64> {
    let number: f64 = serde_json::from_str(raw).ok()?;
    // Counts, shares and durations are never negative; a sentinel such as -1 is not a value.
    if !number.is_finite() || number < 0.0 {
        return None;
    }
    Some(number.abs())
}

fn percentage(raw: &str) -> Option<f64> {
    let percentage = number(raw)?;
    if percentage > 100.0 {
        return None;
    }
    // Dividing 1.3 by 100 gives 0.013000000000000001; moving the decimal point does not.
    format!("{percentage}e-2").parse().ok()
}

fn seconds(raw: &str) -> Option<Duration> {
    let seconds = number(raw)?;
    if seconds > MAX_SECONDS {
        return None;
    }
    Duration::try_from_secs_f64(seconds).ok()
}

#[expect(clippy::cast_precision_loss, reason = "the bound need not be exact")]
fn count(raw: &str) -> Option<f64> {
    let count = number(raw)?;
    if count.fract() != 0.0 || count > i64::MAX as f64 {
        return None;
    }
    Some(count)
}

fn id(raw: &str) -> Option<u64> {
    let id: i64 = raw.parse().ok()?;
    u64::try_from(id).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_becomes_the_nearest_ratio() {
        for (raw, ratio) in [
            ("1.3", Some(0.013)),
            ("33.5", Some(0.335)),
            ("100", Some(1.0)),
            ("0", Some(0.0)),
            ("1e-7", Some(1e-9)),
            ("100.1", None),
            ("-1", None),
            ("\"5\"", None),
        ] {
            assert_eq!(percentage(raw), ratio, "{raw}");
        }
    }

    #[test]
    fn the_last_of_two_members_counts_and_escaped_names_are_read() {
        let response = r#"{"A": 1, "\u0041": 2, "B": "x"}"#;
        let zone = TimeZone::UTC;
        let mut fields = Fields::parse(&[response], &zone, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(fields.count("A"), Some(2.0));
        assert_eq!(fields.count("B"), None);
        assert_eq!(fields.n_read(), 1);
        assert_eq!(fields.into_unexpected(), ["B"]);
    }
}
