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

/// Characters of a text from outside, such as the name of an image.
const MAX_TEXT: usize = 256;

/// How text becomes values.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// Of times without a zone.
    pub time_zone: &'a TimeZone,
    /// When the first request was sent.
    pub as_of: Timestamp,
    /// How many items of a list are wanted; see [`super::Answer::LIMIT`].
    pub limit: usize,
}

/// Reads the fields of the responses of one poll.
#[derive(Debug)]
pub struct Fields<'a> {
    /// For each action, the responses to it.
    responses: Vec<Vec<ObjectFields<'a>>>,
    /// The action and the number of its response that are read.
    current: (usize, usize),
    reading: Reading<'a>,
    unexpected: Vec<&'static str>,
    /// For each action, the names of its fields, if they are wanted instead of their values.
    listed: Option<Vec<Vec<&'static str>>>,
}

/// One JSON object.
#[derive(Debug, Default)]
struct ObjectFields<'a> {
    members: Object<'a>,
    n_read: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn parse(
        responses: &[Vec<&'a str>],
        reading: Reading<'a>,
    ) -> Result<Fields<'a>, serde_json::Error> {
        let mut parsed = Vec::with_capacity(responses.len());
        for texts in responses {
            let mut objects = Vec::with_capacity(texts.len());
            for text in texts {
                let members = serde_json::from_str(text)?;
                objects.push(ObjectFields { members, n_read: 0 });
            }
            parsed.push(objects);
        }
        Ok(Fields {
            responses: parsed,
            current: (0, 0),
            reading,
            unexpected: Vec::new(),
            listed: None,
        })
    }

    /// For [`super::Collector::fields`]: every field that is asked for is listed.
    pub(super) fn listing(n_actions: usize, time_zone: &'a TimeZone) -> Fields<'a> {
        let mut responses = Vec::new();
        responses.resize_with(n_actions, || vec![ObjectFields::default()]);
        let reading = Reading {
            time_zone,
            as_of: Timestamp::UNIX_EPOCH,
            limit: 1,
        };
        Fields {
            responses,
            current: (0, 0),
            reading,
            unexpected: Vec::new(),
            listed: Some(vec![Vec::new(); n_actions]),
        }
    }

    /// Reads the response to action `index` from here on; before, the first one is read.
    pub fn response(&mut self, index: usize) -> &mut Fields<'a> {
        self.page(index, 0)
    }

    /// Reads response number `page` to action `index` from here on.
    pub fn page(&mut self, index: usize, page: usize) -> &mut Fields<'a> {
        self.current = (index, page);
        self
    }

    /// The number of responses to action `index`; 0 if there was nothing to ask.
    pub fn n_pages(&self, index: usize) -> usize {
        self.responses[index].len()
    }

    /// When the first request was sent.
    pub fn as_of(&self) -> Timestamp {
        self.reading.as_of
    }

    /// How many items of a list are wanted.
    pub fn limit(&self) -> usize {
        self.reading.limit
    }

    /// Calls `read` with the fields of each object in a list. False if it is not a list.
    pub fn each(&mut self, field: &'static str, mut read: impl FnMut(&mut Fields<'a>)) -> bool {
        // Where fields are only listed, there is no response: an empty item shows which fields are
        // read.
        if self.listed.is_some() {
            self.unexpected(field);
            self.item(ObjectFields::default(), &mut read);
            return true;
        }
        // The items are parsed one by one below, so that one that is not an object affects no
        // other.
        let items = self.read(field, |raw| {
            serde_json::from_str::<Vec<&RawValue>>(raw).ok()
        });
        let Some(items) = items else {
            return false;
        };
        for item in items {
            match serde_json::from_str(item.get()) {
                Ok(members) => self.item(ObjectFields { members, n_read: 0 }, &mut read),
                Err(_) => self.unexpected(field),
            }
        }
        true
    }

    /// Calls `read` with the fields of an object. False if it is not an object.
    pub fn object(&mut self, field: &'static str, mut read: impl FnMut(&mut Fields<'a>)) -> bool {
        if self.listed.is_some() {
            self.unexpected(field);
            self.item(ObjectFields::default(), &mut read);
            return true;
        }
        let Some(members) = self.read(field, |raw| serde_json::from_str(raw).ok()) else {
            return false;
        };
        self.item(ObjectFields { members, n_read: 0 }, &mut read);
        true
    }

    fn item(&mut self, object: ObjectFields<'a>, read: &mut impl FnMut(&mut Fields<'a>)) {
        let mut item = Fields {
            responses: vec![vec![object]],
            current: (0, 0),
            reading: self.reading,
            unexpected: Vec::new(),
            listed: self.listed.as_ref().map(|_| vec![Vec::new()]),
        };
        read(&mut item);
        if let Some(listed) = item.listed {
            for field in listed.into_iter().flatten() {
                self.unexpected(field);
            }
            return;
        }
        for field in item.unexpected {
            self.unexpected(field);
        }
    }

    /// What `read` makes of an optional field: one that is missing or null is not unexpected.
    pub fn if_present<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Fields<'a>, &'static str) -> Option<T>,
    ) -> Option<T> {
        let is_absent = match self.current().and_then(|object| object.members.get(field)) {
            Some(raw) => raw.get() == "null",
            None => true,
        };
        if is_absent && self.listed.is_none() {
            return None;
        }
        read(self, field)
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
        let zone = self.reading.time_zone;
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

    /// Text from outside: shortened, and without control characters.
    pub fn text(&mut self, field: &'static str) -> Option<String> {
        let text = self.read(field, text)?;
        let is_cut = text.chars().nth(MAX_TEXT).is_some();
        let mut printable = String::with_capacity(text.len());
        for c in text.chars().take(MAX_TEXT) {
            printable.push(if c.is_control() { '\u{fffd}' } else { c });
        }
        if is_cut {
            printable.push('…');
        }
        Some(printable)
    }

    /// A list of texts.
    pub fn texts(&mut self, field: &'static str) -> Option<Vec<String>> {
        self.read(field, |raw| serde_json::from_str(raw).ok())
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, field: &'static str) -> Option<bool> {
        self.read(field, |raw| serde_json::from_str(raw).ok())
    }

    /// The number in the field, if it is one, without a trace: nothing is read or unexpected.
    pub fn peek_count(&self, field: &str) -> Option<f64> {
        count(self.current()?.members.get(field)?.get())
    }

    /// The same for text.
    pub fn peek_text(&self, field: &str) -> Option<String> {
        text(self.current()?.members.get(field)?.get())
    }

    /// The state that the text names. `None` for the empty text, which is not unexpected. A state
    /// that is not documented, or none at all, is the last of `states`, which the API never names.
    pub fn state(&mut self, field: &'static str, states: &[&'static str]) -> Option<&'static str> {
        let (unknown, documented) = states.split_last()?;
        let Some(text) = self.read(field, text) else {
            return Some(unknown);
        };
        if text.is_empty() {
            return None;
        }
        for state in documented {
            if *state == text {
                return Some(state);
            }
        }
        self.unexpected(field);
        Some(unknown)
    }

    /// A percentage of work, as a ratio; `done` and `total` are counts of the same work. The unit
    /// of some progress fields is not documented. One that is far below what the counts say is a
    /// ratio already, and is left out as unexpected rather than shown a hundred times too small.
    pub fn progress(
        &mut self,
        field: &'static str,
        done: Option<f64>,
        total: Option<f64>,
    ) -> Option<f64> {
        let progress = self.percentage(field)?;
        if let (Some(done), Some(total)) = (done, total)
            && total > 0.0
            && (0.0..=0.01).contains(&progress)
            && progress > 0.0
            && done / total > 0.02
        {
            self.unexpected(field);
            return None;
        }
        Some(progress)
    }

    /// What `parse` makes of the JSON of the field. A missing field is unexpected too.
    fn read<T>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Option<T> {
        let raw = match self.current() {
            Some(object) => object.members.get(field),
            None => None,
        };
        let value = match raw {
            Some(raw) => parse(raw.get()),
            None => None,
        };
        match value {
            Some(_) => {
                let (action, page) = self.current;
                // A response in which no field can be read is refused later; see `unread`.
                self.responses[action][page].n_read += 1;
            }
            None => self.unexpected(field),
        }
        value
    }

    fn current(&self) -> Option<&ObjectFields<'a>> {
        let (action, page) = self.current;
        self.responses.get(action)?.get(page)
    }

    /// Remembers a field whose value is not one that can be. Once: the same field may be in
    /// thousands of items, and each is one series.
    pub fn unexpected(&mut self, field: &'static str) {
        if let Some(listed) = &mut self.listed {
            listed[self.current.0].push(field);
            return;
        }
        if !self.unexpected.contains(&field) {
            self.unexpected.push(field);
        }
    }

    /// The first action with a response in which not a single field could be read.
    pub(super) fn unread(&self) -> Option<usize> {
        for (action, responses) in self.responses.iter().enumerate() {
            for response in responses {
                if response.n_read == 0 {
                    return Some(action);
                }
            }
        }
        None
    }

    /// For each action, the names of its fields, after [`Fields::listing`].
    pub(super) fn into_listed(self) -> Vec<Vec<&'static str>> {
        self.listed.unwrap_or_default()
    }

    pub(super) fn into_unexpected(self) -> Vec<&'static str> {
        self.unexpected
    }
}

/// The members of a JSON object, not parsed yet.
#[derive(Debug, Default)]
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
    // Not by way of an `f64`, which cannot represent every integer above 2^53.
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
        let reading = Reading {
            time_zone: &zone,
            as_of: Timestamp::UNIX_EPOCH,
            limit: 0,
        };
        let mut fields = Fields::parse(&[vec![response]], reading).unwrap();
        assert_eq!(fields.unread(), Some(0));
        assert_eq!(fields.count("A"), Some(2.0));
        assert_eq!(fields.count("B"), None);
        assert_eq!(fields.unread(), None);
        assert_eq!(fields.into_unexpected(), ["B"]);
    }
}
