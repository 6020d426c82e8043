//! One file: its bytes, and the tree parsed from them.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use super::{
    parse::{self, YamlNode, YamlValue},
    problem::{Origin, Place, Problem},
    reader::ValueReader,
};

const MAX_BYTES: u64 = 10 << 20;
/// For a file that is read again every few seconds.
const MAX_WATCHED_BYTES: u64 = 1 << 20;

/// A parsed file; or flags, which are read as if they were one.
#[derive(Debug)]
pub(crate) struct YamlFile {
    /// `None` for flags.
    pub(super) name: Option<Arc<str>>,
    /// The flags whose values come from environment variables.
    pub(super) from_environment: Vec<String>,
    /// How many files were read before it.
    pub(super) order: usize,
    pub(super) text: String,
    pub(super) root: YamlNode,
}

impl YamlFile {
    pub(crate) fn parse(file: &Path, order: usize, bytes: Vec<u8>) -> Result<YamlFile, Problem> {
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                // The message shows the line only: the bytes may belong to a secret in another
                // encoding.
                let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                let line = line_after(good);
                return Err(file_problem(file, order, Some(line), "is not valid UTF-8"));
            }
        };
        match parse::parse(&text) {
            Ok(root) => Ok(YamlFile {
                name: Some(file.to_string_lossy().into()),
                from_environment: Vec::new(),
                order,
                text,
                root,
            }),
            Err(error) => Err(file_problem(file, order, Some(error.line), error.message)),
        }
    }

    /// Flags, each a section, a key and a value, as a file with the same keys: `--poll.stale-after=5m` is the key
    /// `poll.stale_after`. So a setting is described once, wherever it is set.
    pub(crate) fn of_flags(flags: &[(&str, &str, String)]) -> YamlFile {
        let mut text = String::new();
        let mut sections: BTreeMap<&str, Vec<(YamlNode, YamlNode)>> = BTreeMap::new();
        for (section, key, value) in flags {
            let start = text.len();
            // All values in one text, so that messages can quote the span of a flag like that of a
            // file.
            text.push_str(value);
            let entry = (
                YamlNode::of_flag(0..0, YamlValue::Text((*key).to_owned())),
                YamlNode::of_flag(start..text.len(), parse::plain(value)),
            );
            sections.entry(section).or_default().push(entry);
        }
        let mut root = Vec::new();
        for (section, entries) in sections {
            let key = YamlNode::of_flag(0..0, YamlValue::Text(section.to_owned()));
            root.push((key, YamlNode::of_flag(0..0, YamlValue::Map(entries))));
        }
        YamlFile {
            name: None,
            from_environment: Vec::new(),
            order: 0,
            text,
            root: YamlNode::of_flag(0..0, YamlValue::Map(root)),
        }
    }

    /// Names the flags whose values come from environment variables.
    pub(crate) fn set_from_environment(&mut self, flags: Vec<String>) {
        self.from_environment = flags;
    }

    pub(crate) fn value(&self) -> ValueReader<'_> {
        ValueReader::root(self)
    }

    /// Whether it holds nothing but comments.
    pub(crate) fn is_blank(&self) -> bool {
        matches!(self.root.value, YamlValue::Null)
    }
}

/// A problem of a whole file, or of one of its lines.
pub(crate) fn file_problem(
    file: &Path,
    order: usize,
    line: Option<u64>,
    message: impl Into<String>,
) -> Problem {
    let place = Place {
        order,
        file: file.to_string_lossy().into(),
        line,
    };
    let origin = Origin {
        place: Some(place),
        key: String::new(),
    };
    origin.problem(message)
}

/// The bytes of the `order`th file that is read.
pub(crate) fn read_file(file: &Path, order: usize) -> Result<Vec<u8>, Problem> {
    match read(file) {
        Ok(bytes) => Ok(bytes),
        Err(message) => Err(file_problem(file, order, None, message)),
    }
}

/// The same for a file that matched a pattern. A FIFO would block until a process writes to it, and so stop every
/// reload.
pub(crate) fn read_regular_file(file: &Path, order: usize) -> Result<Vec<u8>, Problem> {
    if let Ok(metadata) = fs::metadata(file)
        && !metadata.is_file()
        && !metadata.is_dir()
    {
        let message = "is not a regular file; move it, or change the pattern that matches it";
        return Err(file_problem(file, order, None, message));
    }
    read_file(file, order)
}

/// The bytes of a file that is read again and again: a pipe would have no data the second time.
pub(crate) fn read_watched_file(file: &Path) -> Result<Vec<u8>, String> {
    if !metadata(file)?.is_file() {
        return Err("is not a regular file".into());
    }
    match read_up_to(MAX_WATCHED_BYTES, file)? {
        Some(bytes) => Ok(bytes),
        None => Err("is larger than 1 MiB".into()),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    if metadata(file)?.is_dir() {
        return Err("is a directory, expected a file".into());
    }
    let Some(bytes) = read_up_to(MAX_BYTES, file)? else {
        return Err("is larger than 10 MiB; split it into several files".into());
    };
    // A full disk leaves files empty. A reload that accepted one would drop its accounts, and their alerts would
    // resolve as if all was well.
    if bytes.trim_ascii().is_empty() {
        return Err("is empty; if this is intended, write a comment into it".into());
    }
    Ok(bytes)
}

fn metadata(file: &Path) -> Result<fs::Metadata, String> {
    match fs::metadata(file) {
        Ok(metadata) => Ok(metadata),
        Err(error) => Err(unreadable(&error)),
    }
}

/// `None` if there are more.
fn read_up_to(max: u64, file: &Path) -> Result<Option<Vec<u8>>, String> {
    // The size in the metadata is not trusted: a file may grow, and special files report 0.
    let bytes = match first_bytes(max + 1, file) {
        Ok(bytes) => bytes,
        Err(error) => return Err(unreadable(&error)),
    };
    if bytes.len() as u64 > max {
        return Ok(None);
    }
    Ok(Some(bytes))
}

fn first_bytes(max: u64, file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(error: &io::Error) -> String {
    format!("cannot be read: {error}")
}

fn line_after(text: &[u8]) -> u64 {
    let mut line = 1;
    for byte in text {
        line += u64::from(*byte == b'\n');
    }
    line
}
