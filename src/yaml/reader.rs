//! Walks the tree of a file and keeps the path of keys that led to each node.

use std::{cell::RefCell, fmt, path, sync::Arc};

use super::{
    file::YamlFile,
    parse::{YamlNode, YamlValue},
    problem::{Origin, Place, Problem},
    suggest,
};

const NOT_A_WORD: &str = "has a key that is not a plain word";

/// A value of a file, and the path of keys that led to it.
#[derive(Clone, Copy)]
pub(crate) struct ValueReader<'a> {
    file: &'a YamlFile,
    path: KeyPath<'a>,
    node: &'a YamlNode,
    /// Whether nothing that is written here may be shown.
    is_secret: bool,
}

/// A map that remembers which keys were asked for: those are the keys that it knows.
pub(crate) struct MapReader<'a> {
    value: ValueReader<'a>,
    entries: &'a [(YamlNode, YamlNode)],
    asked: RefCell<Vec<&'static str>>,
}

/// A value and where it comes from. `None` is a value that could not be read, which is reported already.
#[derive(Clone, Debug)]
pub(crate) struct Setting<T> {
    pub(crate) value: Option<T>,
    pub(crate) origin: Origin,
}

#[derive(Clone, Copy)]
struct KeyPath<'a> {
    parent: Option<&'a KeyPath<'a>>,
    step: PathStep<'a>,
}

#[derive(Clone, Copy)]
enum PathStep<'a> {
    Root,
    Key(&'a str),
    Index(usize),
}

impl<'a> ValueReader<'a> {
    pub(super) fn root(file: &'a YamlFile) -> ValueReader<'a> {
        ValueReader {
            file,
            path: KeyPath {
                parent: None,
                step: PathStep::Root,
            },
            node: &file.root,
            is_secret: false,
        }
    }

    pub(crate) fn value(&self) -> &'a YamlValue {
        &self.node.value
    }

    /// The text as it is written in the file, quotes included.
    pub(crate) fn source(&self) -> &'a str {
        // Behind an alias, the span is that of the anchor; of flags, it is a part of their joined
        // text.
        let span = self.node.span.clone();
        self.file.text.get(span).unwrap_or_default()
    }

    pub(crate) fn origin(&self) -> Origin {
        self.origin_on(self.node.line)
    }

    pub(crate) fn problem(&self, message: impl Into<String>) -> Problem {
        self.origin().problem(message)
    }

    /// The directory to which relative paths in this file refer.
    pub(crate) fn directory(&self) -> &'a path::Path {
        let file = path::Path::new(self.file.name.as_deref().unwrap_or_default());
        file.parent().unwrap_or(path::Path::new(""))
    }

    /// The items of a list; null is an empty one.
    pub(crate) fn items<'b>(&'b self, problems: &mut Vec<Problem>) -> Vec<ValueReader<'b>> {
        let items: &[YamlNode] = match self.value() {
            YamlValue::List(items) => items,
            YamlValue::Null => &[],
            other => {
                problems.push(self.problem(format!("is {}, expected a list", other.kind())));
                &[]
            }
        };
        // A file may list ten thousand accounts.
        let mut readers = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            readers.push(self.child(PathStep::Index(index), item));
        }
        readers
    }

    /// A map with known keys; null is an empty one. `None` is anything else, which is reported.
    pub(crate) fn as_map(self, problems: &mut Vec<Problem>) -> Option<MapReader<'a>> {
        let entries = self.map_entries(problems)?;
        Some(MapReader {
            value: self,
            entries,
            asked: RefCell::default(),
        })
    }

    /// The same for a map that holds secrets, on every level. A key that is not known may be a secret in the wrong
    /// place, so it is not shown.
    pub(crate) fn as_secret_map(mut self, problems: &mut Vec<Problem>) -> Option<MapReader<'a>> {
        self.is_secret = true;
        self.as_map(problems)
    }

    /// The entries of a map whose keys the user chooses; null is an empty one.
    pub(crate) fn entries<'b>(
        &'b self,
        problems: &mut Vec<Problem>,
    ) -> Vec<(&'a str, ValueReader<'b>)> {
        let Some(entries) = self.map_entries(problems) else {
            return Vec::new();
        };
        let mut named: Vec<(&'a str, ValueReader<'b>)> = Vec::new();
        for (key, value) in entries {
            // Users may be named 007 or true, so numbers and booleans count as names too.
            let name = match &key.value {
                YamlValue::Text(text) => text,
                YamlValue::Number | YamlValue::Bool(_) => {
                    ValueReader { node: key, ..*self }.source()
                }
                _ => {
                    problems.push(self.origin_on(key.line).problem(NOT_A_WORD));
                    continue;
                }
            };
            let value = self.child(PathStep::Key(presentable(name)), value);
            if named.iter().any(|(earlier, _)| *earlier == name) {
                let origin = value.origin_on(key.line);
                problems.push(origin.problem("is given twice, remove one of them"));
            }
            named.push((name, value));
        }
        named
    }

    fn map_entries(&self, problems: &mut Vec<Problem>) -> Option<&'a [(YamlNode, YamlNode)]> {
        match &self.node.value {
            YamlValue::Map(entries) => Some(entries),
            YamlValue::Null => Some(&[]),
            other => {
                problems.push(self.problem(format!("is {}, expected a map", other.kind())));
                None
            }
        }
    }

    fn origin_on(&self, line: u64) -> Origin {
        // Flags have no file and no line, so their problems name the flag as the user typed it.
        let Some(name) = &self.file.name else {
            let flag = format!("--{}", self.path).replace('_', "-");
            let key = if self.file.from_environment.contains(&flag) {
                format!("{} ({flag})", flag_variable(&flag))
            } else {
                flag
            };
            return Origin { place: None, key };
        };
        let place = Place {
            order: self.file.order,
            file: Arc::clone(name),
            line: Some(line),
        };
        Origin {
            place: Some(place),
            key: self.path.to_string(),
        }
    }

    fn child<'b>(&'b self, step: PathStep<'b>, node: &'b YamlNode) -> ValueReader<'b> {
        ValueReader {
            path: KeyPath {
                parent: Some(&self.path),
                step,
            },
            node,
            ..*self
        }
    }
}

impl MapReader<'_> {
    /// The key's value; `None` where it is absent or null.
    pub(crate) fn at(&self, key: &'static str) -> Option<ValueReader<'_>> {
        let (_, node) = self.find(key)?;
        // A template that has no value for a key often writes it without one.
        if matches!(node.value, YamlValue::Null) {
            return None;
        }
        Some(self.value.child(PathStep::Key(key), node))
    }

    /// Reads the key's value; `None` where it is absent or null.
    pub(crate) fn read<T>(
        &self,
        key: &'static str,
        problems: &mut Vec<Problem>,
        read: impl FnOnce(ValueReader<'_>) -> Result<T, String>,
    ) -> Option<Setting<T>> {
        let value = self.at(key)?;
        Some(Setting::of(value.origin(), read(value), problems))
    }

    /// The map below the key; an empty one where the key is absent or null, so that its keys are known even then.
    pub(crate) fn section(
        &self,
        key: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<MapReader<'_>> {
        match self.find(key) {
            Some((_, node)) => self.value.child(PathStep::Key(key), node).as_map(problems),
            // Without entries, but with the line of the map above: problems need a place.
            None => Some(MapReader {
                value: self.value.child(PathStep::Key(key), self.value.node),
                entries: &[],
                asked: RefCell::default(),
            }),
        }
    }

    /// Whether the key is given, null or not.
    pub(crate) fn has(&self, key: &'static str) -> bool {
        self.find(key).is_some()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where the map is.
    pub(crate) fn origin(&self) -> Origin {
        self.value.origin()
    }

    /// A problem of the map as a whole.
    pub(crate) fn problem(&self, message: impl Into<String>) -> Problem {
        self.value.problem(message)
    }

    /// Reports every key that was not asked for, and every key that is given twice. Call it after all keys have been
    /// read; it returns them.
    pub(crate) fn finish(&self, problems: &mut Vec<Problem>) -> Vec<&'static str> {
        self.finish_with(&[], problems)
    }

    /// The same; a key that one of `sections` knows is reported with the name of that section.
    pub(crate) fn finish_with(
        &self,
        sections: &[(&str, Vec<&'static str>)],
        problems: &mut Vec<Problem>,
    ) -> Vec<&'static str> {
        let known = self.asked.borrow().clone();
        for (index, (key, _)) in self.entries.iter().enumerate() {
            let Some(name) = key.as_key() else {
                problems.push(self.value.origin_on(key.line).problem(NOT_A_WORD));
                continue;
            };
            // Nothing has read this key, so nothing would honour it.
            if !known.contains(&name) {
                let advice = suggest::advice(name, &known, sections);
                let origin = self.unknown_key_origin(name, key);
                problems.push(origin.problem(format!("unknown key, {advice}")));
                continue;
            }
            // The first one has already been read; whichever the user meant, the other is lost.
            let mut earlier = self.entries[..index].iter();
            if let Some((first, _)) = earlier.find(|(earlier, _)| earlier.as_key() == Some(name)) {
                let key = self.value.child(PathStep::Key(name), key);
                problems.push(key.problem(format!("is given twice, first on line {}", first.line)));
            }
        }
        known
    }

    fn unknown_key_origin(&self, name: &str, key: &YamlNode) -> Origin {
        // The key itself may be a secret that ended up one line too low. Only the block is named.
        if self.value.is_secret {
            return self.value.origin_on(key.line);
        }
        let step = PathStep::Key(presentable(name));
        self.value.child(step, key).origin()
    }

    fn find(&self, key: &'static str) -> Option<&(YamlNode, YamlNode)> {
        let mut asked = self.asked.borrow_mut();
        // Keys are few, so a list is as fast as a set, and keeps the order in which they are read
        // and listed.
        if !asked.contains(&key) {
            asked.push(key);
        }
        self.entries
            .iter()
            .find(|(name, _)| name.as_key() == Some(key))
    }
}

impl<T> Setting<T> {
    pub(crate) fn of(
        origin: Origin,
        value: Result<T, String>,
        problems: &mut Vec<Problem>,
    ) -> Setting<T> {
        let value = match value {
            Ok(value) => Some(value),
            Err(message) => {
                problems.push(origin.problem(message));
                None
            }
        };
        Setting { value, origin }
    }
}

/// The environment variable of a flag: `TCSS_EXPORTER_POLL_INTERVAL` for `--poll.interval`.
pub(crate) fn flag_variable(flag: &str) -> String {
    let name = flag.trim_start_matches('-').replace(['.', '-'], "_");
    format!("TCSS_EXPORTER_{}", name.to_uppercase())
}

/// A key that the user made up, if it looks like a key: anything else may be a value in the wrong place.
fn presentable(key: &str) -> &str {
    let is_plain = key
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if is_plain && key.len() <= 40 {
        key
    } else {
        "?"
    }
}

impl fmt::Display for KeyPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(parent) = self.parent else {
            return Ok(());
        };
        parent.fmt(f)?;
        match self.step {
            PathStep::Root => Ok(()),
            PathStep::Index(index) => write!(f, "[{index}]"),
            PathStep::Key(key) if matches!(parent.step, PathStep::Root) => f.write_str(key),
            PathStep::Key(key) => write!(f, ".{key}"),
        }
    }
}
