//! One file per API action: what to ask, how to read the answer, and which families that becomes.
//!
//! A collector is a value in [`ALL`]. `parse` is pure; what it cannot read it leaves out and names, and it invents
//! nothing. A new action is a new file here, a line in [`ALL`], and its fixtures.

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use jiff::tz::TimeZone;

use crate::domain::Scan;

mod time;
pub mod vul_scan_info;

/// Every collector.
pub static ALL: [&Collector; 1] = [&vul_scan_info::COLLECTOR];

/// How one API action becomes metrics.
#[derive(Debug)]
pub struct Collector {
    /// The service in the signature.
    pub service: &'static str,
    /// `X-TC-Action`, and the label `action`.
    pub action: &'static str,
    /// `X-TC-Version`.
    pub version: &'static str,
    /// The body of the request.
    pub request: fn(&Scan) -> Bytes,
    /// Reads the object under `Response`.
    pub parse: fn(response: &str, time_zone: &TimeZone) -> Result<Parsed, ParseError>,
    /// What comes out: a sample refers to its family by index.
    pub families: &'static [Family],
    /// The fields of the answer that `parse` reads, for [`Parsed::unexpected`].
    pub fields: &'static [&'static str],
}

/// One metric family of a collector; all of them are gauges.
#[derive(Debug)]
pub struct Family {
    /// With its unit as suffix.
    pub name: &'static str,
    /// One sentence.
    pub help: &'static str,
}

/// One value of a family.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Index into [`Collector::families`].
    pub family: usize,
    /// Labels beside account and scan, as they stand in the text format: `source="local"`, or nothing.
    pub labels: Cow<'static, str>,
    /// In the unit of the family.
    pub value: f64,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// Sorted by family.
    pub samples: Vec<Sample>,
    /// Indices into [`Collector::fields`] of what was missing or could not be read.
    pub unexpected: Vec<usize>,
    /// How soon to ask again.
    pub activity: Activity,
}

/// Whether something is going on that is worth a closer look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Nothing moves.
    Idle,
    /// A scan runs, and the API says how much longer, if it does.
    Scanning {
        /// None where it does not say.
        remaining: Option<Duration>,
    },
}

/// The answer is not one of this action.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Not an object with fields that could be this action's.
    #[error("cannot read the answer")]
    Json(#[from] serde_json::Error),
    /// An object without a single field that can be read.
    #[error("the answer has none of the fields of {0} in a form that can be read")]
    Empty(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_families_are_unique_and_say_their_unit() {
        let mut names: Vec<&str> = ALL
            .iter()
            .flat_map(|c| c.families)
            .map(|family| family.name)
            .collect();
        assert!(names.iter().all(|name| name.starts_with("tcss_")));
        names.sort_unstable();
        names.dedup();
        assert_eq!(
            names.len(),
            ALL.iter().map(|c| c.families.len()).sum::<usize>()
        );
    }
}
