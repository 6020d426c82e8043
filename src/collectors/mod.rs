//! What the exporter asks the API, and how answers become metrics: one file per collector.
//!
//! A collector is a type that implements [`Answer`] and one word in [`ALL`]. Reading is pure: a
//! value that cannot be read is left out and reported, the rest is kept, and nothing is invented.

use std::{any::Any, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::{Timestamp, tz::TimeZone};

use crate::domain::{Scan, format_duration};

mod fields;
mod time;
mod vul_scan;

pub use fields::Fields;
pub use vul_scan::{BySource, CompletedScan, ScanStatus, VulScan};

/// Every collector.
pub static ALL: [Collector; 1] = [Collector::of::<VulScan>()];

/// The service that every collector asks, as the signature names it.
pub const SERVICE: &str = "tcss";
/// `X-TC-Version` of every action.
pub const VERSION: &str = "2020-11-01";

/// The typed answer of a collector: what is asked, how the response is read, and which metric
/// families the answer becomes.
pub trait Answer: Sized + Send + Sync + 'static {
    /// The key in the configuration, and the value of the label `collector`.
    const NAME: &'static str;
    /// The requests of one poll, in this order. If one of them fails, the poll fails.
    const ACTIONS: &'static [Action];
    const PER: Per;
    const FAMILIES: &'static [Family<Self>];

    /// Reads the responses. `before` is the previous answer to the same question, however old.
    fn read(fields: &mut Fields<'_>, before: Option<&Self>) -> Self;

    fn pace(&self) -> Pace {
        Pace::Idle
    }

    /// When what the answer describes has started, if the API says so without a time zone: it
    /// cannot lie in the future unless the configured time zone is wrong.
    fn start(&self) -> Option<Timestamp> {
        None
    }
}

/// A request that a collector sends.
#[derive(Debug)]
pub struct Action {
    /// `X-TC-Action`, and the value of the label `action`.
    pub name: &'static str,
    /// The JSON body; the scan is there for collectors that are [`Per::Scan`].
    pub body: fn(Option<&Scan>) -> Bytes,
}

/// Whether a collector polls once per account or once per configured scan of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    Account,
    Scan,
}

/// How soon the next poll is worthwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Nothing is going on.
    Idle,
    /// A scan is running.
    Scanning {
        /// `None` if the API does not say.
        remaining: Option<Duration>,
    },
}

/// A gauge family, and how an answer fills it.
#[derive(Debug)]
pub struct Family<A> {
    head: FamilyHead,
    samples: fn(&A, &mut Samples<'_>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FamilyHead {
    /// With its unit as suffix.
    pub name: &'static str,
    /// One sentence.
    pub help: &'static str,
    pub lifetime: Lifetime,
}

/// How long the series of a family are exposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// They describe the present: only while the answer is fresh.
    Fresh,
    /// They describe a fact of the past: however old the answer is.
    Lasting,
}

impl<A> Family<A> {
    /// A family that describes the present.
    pub const fn fresh(
        name: &'static str,
        help: &'static str,
        samples: fn(&A, &mut Samples<'_>),
    ) -> Family<A> {
        Family {
            head: FamilyHead {
                name,
                help,
                lifetime: Lifetime::Fresh,
            },
            samples,
        }
    }

    /// A family that describes something that has happened.
    pub const fn lasting(
        name: &'static str,
        help: &'static str,
        samples: fn(&A, &mut Samples<'_>),
    ) -> Family<A> {
        Family {
            head: FamilyHead {
                name,
                help,
                lifetime: Lifetime::Lasting,
            },
            samples,
        }
    }
}

/// Labels of one sample beside those that every series of the job has.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

/// Takes the samples of one family.
pub struct Samples<'a> {
    sink: &'a mut dyn FnMut(Labels<'_>, f64),
}

impl<'a> Samples<'a> {
    pub fn new(sink: &'a mut dyn FnMut(Labels<'_>, f64)) -> Samples<'a> {
        Samples { sink }
    }

    /// Adds a sample; no value, no sample.
    pub fn add(&mut self, value: impl Into<Option<f64>>) {
        self.add_with(&[], value);
    }

    /// Adds a sample with further labels; no value, no sample.
    pub fn add_with(&mut self, labels: Labels<'_>, value: impl Into<Option<f64>>) {
        if let Some(value) = value.into() {
            (self.sink)(labels, value);
        }
    }

    /// Adds a Unix time in seconds, to the millisecond, which an `f64` represents.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of Unix time fit")]
    pub fn add_time(&mut self, time: Option<Timestamp>) {
        if let Some(time) = time {
            self.add(time.as_millisecond() as f64 / 1e3);
        }
    }
}

/// A collector whose answer type is erased, so that all of them fit into one list.
pub struct Collector {
    /// [`Answer::NAME`]; no two collectors share it.
    pub name: &'static str,
    pub actions: &'static [Action],
    pub per: Per,
    n_families: usize,
    family: fn(usize) -> FamilyHead,
    samples: fn(&AnyAnswer, usize, &mut Samples<'_>),
    read: fn(&mut Fields<'_>, Option<&AnyAnswer>) -> ReadAnswer,
}

/// What [`Answer`] says about itself.
struct ReadAnswer {
    answer: AnyAnswer,
    pace: Pace,
    start: Option<Timestamp>,
}

/// An answer of any collector.
#[derive(Clone)]
pub struct AnyAnswer(Arc<dyn Any + Send + Sync>);

impl AnyAnswer {
    /// The typed answer; `None` if it belongs to another collector.
    pub fn get<A: Answer>(&self) -> Option<&A> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for AnyAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyAnswer(…)")
    }
}

/// What the responses of one poll say.
#[derive(Clone, Debug)]
pub struct Parsed {
    pub answer: AnyAnswer,
    pub pace: Pace,
    /// How far [`Answer::start`] lies in the future, if it does.
    pub starts_ahead: Option<Duration>,
    /// The fields that were missing or could not be read.
    pub unexpected: Vec<&'static str>,
}

/// Why a response is not an answer to the action.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    #[error("the response is not a JSON object")]
    Json(#[from] serde_json::Error),
    #[error("the response has none of the fields of {0}")]
    Empty(&'static str),
}

impl Collector {
    const fn of<A: Answer>() -> Collector {
        Collector {
            name: A::NAME,
            actions: A::ACTIONS,
            per: A::PER,
            n_families: A::FAMILIES.len(),
            // By index: a list of the heads alone cannot be built at compile time.
            family: |index| A::FAMILIES[index].head,
            samples: write_samples::<A>,
            read: read_answer::<A>,
        }
    }

    /// The heads of its families, in the order in which [`Collector::samples`] counts them.
    pub fn families(&self) -> impl Iterator<Item = FamilyHead> + use<'_> {
        (0..self.n_families).map(self.family)
    }

    pub fn n_families(&self) -> usize {
        self.n_families
    }

    /// Adds the samples of family `index` of `answer`.
    pub fn samples(&self, answer: &AnyAnswer, index: usize, samples: &mut Samples<'_>) {
        (self.samples)(answer, index, samples);
    }

    /// Reads the objects under `Response`, one for each of [`Collector::actions`], that answer
    /// requests sent at `as_of`. Times without a zone are taken to be in `time_zone`.
    pub fn read(
        &self,
        responses: &[&str],
        time_zone: &TimeZone,
        as_of: Timestamp,
        before: Option<&AnyAnswer>,
    ) -> Result<Parsed, AnswerError> {
        let mut fields = Fields::parse(responses, time_zone, as_of)?;
        let ReadAnswer {
            answer,
            pace,
            start,
        } = (self.read)(&mut fields, before);
        // A response without a single readable field is not an answer to what was asked: taking
        // it for one would replace good data with nothing.
        if fields.n_read() == 0 {
            return Err(AnswerError::Empty(self.actions[0].name));
        }
        Ok(Parsed {
            answer,
            pace,
            starts_ahead: starts_ahead(start, as_of),
            unexpected: fields.into_unexpected(),
        })
    }

    /// The names of the fields that it reads.
    pub fn fields(&self) -> Vec<&'static str> {
        let (empty, zone) = (vec!["{}"; self.actions.len()], TimeZone::UTC);
        let fields = Fields::parse(&empty, &zone, Timestamp::UNIX_EPOCH);
        let mut fields = fields.expect("{} is an object");
        // All of them are missing from an empty response.
        let _ = (self.read)(&mut fields, None);
        fields.into_unexpected()
    }
}

/// The smallest difference between two time zones.
const MIN_ZONE_DIFFERENCE: Duration = Duration::from_mins(15);
/// The largest one.
const MAX_ZONE_DIFFERENCE: Duration = Duration::from_hours(26);

/// How far `start` lies in the future of `now`, if the difference of two time zones explains it.
fn starts_ahead(start: Option<Timestamp>, now: Timestamp) -> Option<Duration> {
    let ahead = Duration::try_from(start?.duration_since(now)).ok()?;
    let is_zone = (MIN_ZONE_DIFFERENCE..=MAX_ZONE_DIFFERENCE).contains(&ahead);
    is_zone.then_some(ahead)
}

/// What to say about [`Parsed::starts_ahead`].
pub fn time_zone_warning(starts_ahead: Duration) -> String {
    let minutes = Duration::from_mins(starts_ahead.as_secs() / 60);
    format!(
        "the scan seems to start in {}, although the clocks agree: check api.time_zone, \
         whose default is +08:00",
        format_duration(minutes)
    )
}

fn write_samples<A: Answer>(answer: &AnyAnswer, index: usize, samples: &mut Samples<'_>) {
    if let Some(answer) = answer.get::<A>() {
        (A::FAMILIES[index].samples)(answer, samples);
    }
}

fn read_answer<A: Answer>(fields: &mut Fields<'_>, before: Option<&AnyAnswer>) -> ReadAnswer {
    // An answer of another type cannot come from this question, so it counts as none.
    let before = match before {
        Some(before) => before.get::<A>(),
        None => None,
    };
    let answer = A::read(fields, before);
    let (pace, start) = (answer.pace(), answer.start());
    ReadAnswer {
        answer: AnyAnswer(Arc::new(answer)),
        pace,
        start,
    }
}

impl PartialEq for Collector {
    fn eq(&self, other: &Collector) -> bool {
        self.name == other.name
    }
}

impl Eq for Collector {}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Collector({})", self.name)
    }
}

/// The names of all actions, each once.
pub fn action_names() -> Vec<&'static str> {
    let mut names = Vec::new();
    for collector in &ALL {
        for action in collector.actions {
            // Two collectors may read different fields of the same action.
            if !names.contains(&action.name) {
                names.push(action.name);
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_collectors_and_families_are_unique() {
        let mut names: Vec<&str> = ALL.iter().map(|collector| collector.name).collect();
        for collector in &ALL {
            for family in collector.families() {
                assert!(family.name.starts_with("tcss_"), "{}", family.name);
                assert!(family.help.ends_with('.'), "{}", family.help);
                names.push(family.name);
            }
        }
        let n_names = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), n_names);
    }
}
