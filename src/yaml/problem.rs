//! What is wrong with a file, and where.

use std::{error, fmt, sync::Arc};

/// Everything that is wrong, in the order of files and lines; never empty.
#[derive(Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

/// One thing that is wrong: `FILE:LINE: KEY.PATH: what is wrong, what is expected`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    origin: Origin,
    message: String,
}

/// Where a value comes from: a key in a file, or a flag.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Origin {
    pub(crate) place: Option<Place>,
    /// A path of keys such as `accounts[0].name`, or a flag; empty for a file as a whole.
    pub(crate) key: String,
}

/// A line of a file, or the whole file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Problems are reported in the order in which the files were read.
    pub(crate) order: usize,
    pub(crate) file: Arc<str>,
    pub(crate) line: Option<u64>,
}

impl Problems {
    /// `Err` if there are any.
    pub(crate) fn none_of(mut problems: Vec<Problem>) -> Result<(), Problems> {
        problems.sort();
        problems.dedup();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Problems(problems))
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(f, "{line_break}{problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { place, key } = &self.origin;
        if let Some(place) = place {
            write!(f, "{place}: ")?;
        }
        if !key.is_empty() {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl Origin {
    pub(crate) fn problem(&self, message: impl Into<String>) -> Problem {
        Problem {
            origin: self.clone(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file),
            None => f.write_str(&self.file),
        }
    }
}
