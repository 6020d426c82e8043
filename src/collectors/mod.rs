//! What the exporter asks the API, and how answers become metrics: one file per collector.
//!
//! A collector is a type that implements [`Answer`] and one word in [`ALL`]. Reading is pure: a
//! value that cannot be read is left out and reported, the rest is kept, and nothing is invented.

use std::{any::Any, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::{Timestamp, tz::TimeZone};

use crate::domain::{Scan, format_duration, unix_seconds};

mod assets;
mod breakdown;
mod fields;
mod image_risks;
mod image_scan;
mod licence;
mod risk_images;
mod scan_settings;
mod summary;
#[cfg(test)]
mod tests;
mod time;
mod top_vulnerabilities;
mod virus_scan;
mod vul_database;
mod vul_scan;
mod vul_summary;

pub use assets::Assets;
pub use breakdown::{BySeverity, BySource, FindingKind};
pub use fields::{Fields, Reading};
pub use image_risks::ImageRisks;
pub use image_scan::ImageScan;
pub use licence::Licence;
pub use risk_images::{ImageList, RiskImage, RiskImages, ScanRun};
pub use scan_settings::ScanSettings;
pub use summary::Summary;
pub use top_vulnerabilities::TopVulnerabilities;
pub use virus_scan::VirusScan;
pub use vul_database::VulDatabase;
pub use vul_scan::{CompletedScan, ScanStatus, VulScan};
pub use vul_summary::VulSummary;

/// Every collector.
pub static ALL: [Collector; 12] = [
    Collector::of::<VulScan>(),
    Collector::of::<Summary>(),
    Collector::of::<VulSummary>(),
    Collector::of::<ImageRisks>(),
    Collector::of::<Assets>(),
    Collector::of::<Licence>(),
    Collector::of::<ScanSettings>(),
    Collector::of::<ImageScan>(),
    Collector::of::<VirusScan>(),
    Collector::of::<VulDatabase>(),
    Collector::of::<RiskImages>(),
    Collector::of::<TopVulnerabilities>(),
];

/// Between polls of what changes rarely, such as a licence.
const HOURLY: Option<Duration> = Some(Duration::from_hours(1));

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
    /// Between polls, unless configured; `None` is `poll.interval`.
    const INTERVAL: Option<Duration> = Some(Duration::from_mins(5));
    /// Whether [`Answer::pace`] may say that a scan runs.
    const FOLLOWS_SCANS: bool = false;
    /// For collectors that expose only a part of a list.
    const LIMIT: Option<Limit> = None;
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
    pub body: Body,
}

/// The JSON body of a request.
#[derive(Debug)]
pub enum Body {
    /// Always the same one.
    Fixed(&'static str),
    /// It depends on the scan; for collectors that are [`Per::Scan`].
    OfScan(fn(&Scan) -> Bytes),
    /// It depends on the earlier responses of the poll.
    Next(fn(&mut Question<'_>) -> Bytes),
    /// The same, asked again and again until there is nothing to ask.
    Pages(fn(&mut Question<'_>) -> Option<Bytes>),
}

/// What the body of a request may depend on.
#[derive(Debug)]
pub struct Question<'a> {
    /// The responses so far.
    pub fields: Fields<'a>,
    before: Option<&'a AnyAnswer>,
}

impl Question<'_> {
    /// The previous answer to the same question, however old.
    pub fn before<A: Answer>(&self) -> Option<&A> {
        self.before?.get()
    }
}

/// How many items of a list are exposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Unless configured.
    pub default: usize,
    pub max: usize,
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

    /// Adds 1 for the current one of `states` and 0 for the others; nothing if there is none.
    pub fn add_state(
        &mut self,
        labels: Labels<'_>,
        label: &str,
        states: &[&str],
        current: Option<&str>,
    ) {
        let Some(current) = current else { return };
        // All of them at all times: a series that appears only with its state cannot be counted
        // with `changes()`, and an alert could not see it being 0.
        for state in states {
            let mut labels = labels.to_vec();
            labels.push((label, state));
            self.add_with(&labels, f64::from(u8::from(*state == current)));
        }
    }

    /// Adds 1 for true and 0 for false.
    pub fn add_flag(&mut self, labels: Labels<'_>, value: Option<bool>) {
        if let Some(value) = value {
            self.add_with(labels, f64::from(u8::from(value)));
        }
    }

    /// Adds a Unix time in seconds, to the millisecond, which an `f64` represents.
    pub fn add_time(&mut self, time: Option<Timestamp>) {
        self.add_time_with(&[], time);
    }

    /// The same with further labels.
    pub fn add_time_with(&mut self, labels: Labels<'_>, time: Option<Timestamp>) {
        if let Some(time) = time {
            self.add_with(labels, unix_seconds(time));
        }
    }
}

/// A collector whose answer type is erased, so that all of them fit into one list.
pub struct Collector {
    /// [`Answer::NAME`]; no two collectors share it.
    pub name: &'static str,
    pub actions: &'static [Action],
    pub per: Per,
    /// See [`Answer::INTERVAL`].
    pub interval: Option<Duration>,
    /// See [`Answer::FOLLOWS_SCANS`].
    pub follows_scans: bool,
    pub limit: Option<Limit>,
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
            interval: A::INTERVAL,
            follows_scans: A::FOLLOWS_SCANS,
            limit: A::LIMIT,
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

    /// The body of the next request for action number `action`, after `responses`; `None` if there
    /// is nothing to ask.
    pub fn body(
        &self,
        action: usize,
        scan: Option<&Scan>,
        responses: &[Vec<&str>],
        reading: Reading<'_>,
        before: Option<&AnyAnswer>,
    ) -> Result<Option<Bytes>, AnswerError> {
        let body = &self.actions[action].body;
        // Only a list takes more than one request.
        if !matches!(body, Body::Pages(_)) && !responses[action].is_empty() {
            return Ok(None);
        }
        let question = |responses| -> Result<Question<'_>, AnswerError> {
            let fields = Fields::parse(responses, reading)?;
            Ok(Question { fields, before })
        };
        match (body, scan) {
            (Body::Fixed(body), _) => Ok(Some(Bytes::from_static(body.as_bytes()))),
            (Body::OfScan(body), Some(scan)) => Ok(Some(body(scan))),
            // Without task IDs, the API answers for the latest scan.
            (Body::OfScan(_), None) => Ok(Some(Bytes::from_static(b"{}"))),
            (Body::Next(body), _) => Ok(Some(body(&mut question(responses)?))),
            (Body::Pages(body), _) => Ok(body(&mut question(responses)?)),
        }
    }

    /// Reads the objects under `Response`, for each of [`Collector::actions`] those that answer it.
    pub fn read(
        &self,
        responses: &[Vec<&str>],
        reading: Reading<'_>,
        before: Option<&AnyAnswer>,
    ) -> Result<Parsed, AnswerError> {
        let mut fields = Fields::parse(responses, reading)?;
        let ReadAnswer {
            answer,
            pace,
            start,
        } = (self.read)(&mut fields, before);
        // A response without a single readable field is not an answer to what was asked: taking
        // it for one would replace good data with nothing.
        if let Some(action) = fields.unread() {
            return Err(AnswerError::Empty(self.actions[action].name));
        }
        Ok(Parsed {
            answer,
            pace,
            starts_ahead: starts_ahead(start, reading.as_of),
            unexpected: fields.into_unexpected(),
        })
    }

    /// The names of the fields that it reads, each once.
    pub fn fields(&self) -> Vec<&'static str> {
        let mut all = Vec::new();
        for field in self.fields_by_action().into_iter().flatten() {
            if !all.contains(&field) {
                all.push(field);
            }
        }
        all
    }

    /// The names of the fields that it reads from the responses to each of its actions.
    pub fn fields_by_action(&self) -> Vec<Vec<&'static str>> {
        let zone = TimeZone::UTC;
        let mut fields = Fields::listing(self.actions.len(), &zone);
        let _ = (self.read)(&mut fields, None);
        fields.into_listed()
    }
}

/// The smallest difference between two time zones: offsets in use are multiples of 15 minutes.
const MIN_ZONE_DIFFERENCE: Duration = Duration::from_mins(15);
/// The largest one: offsets go from -12:00 to +14:00.
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
        // By name, which is unique: two pointers to the same function may differ.
        self.name == other.name
    }
}

impl Eq for Collector {}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Collector({})", self.name)
    }
}

/// The collector of this name.
pub fn find(name: &str) -> Option<&'static Collector> {
    ALL.iter().find(|collector| collector.name == name)
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
