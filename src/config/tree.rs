//! Walks the tree of a file, keeping the path of keys that led to each node.

use std::{fmt, path, sync::Arc};

use super::{
    keys::{self, Block},
    problem::{Origin, Place, Problem},
    yaml::{Node, Value},
};

/// One parsed file.
#[derive(Debug)]
pub(super) struct Document {
    pub file: Arc<str>,
    /// How many were read before it.
    pub order: usize,
    pub text: String,
    pub root: Node,
}

/// A node of a document, and the way to it.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    document: &'a Document,
    path: Path<'a>,
    node: &'a Node,
}

/// A value with where it comes from; `None` is one that could not be read, which is reported already.
#[derive(Clone, Debug)]
pub(super) struct Setting<T> {
    pub value: Option<T>,
    pub origin: Origin,
}

/// The entries of a map whose keys are checked.
pub(super) struct Fields<'a> {
    at: At<'a>,
    entries: &'a [(Node, Node)],
}

#[derive(Clone, Copy)]
struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Key(&'a str),
    Index(usize),
}

impl Document {
    pub(super) fn at(&self) -> At<'_> {
        At {
            document: self,
            path: Path {
                parent: None,
                step: Step::Root,
            },
            node: &self.root,
        }
    }
}

impl<'a> At<'a> {
    pub(super) fn value(&self) -> &'a Value {
        &self.node.value
    }

    /// The text as it stands in the file, quotes and all.
    pub(super) fn source(&self) -> &'a str {
        self.document
            .text
            .get(self.node.span.clone())
            .unwrap_or_default()
    }

    pub(super) fn origin(&self) -> Origin {
        self.origin_at(self.node.line)
    }

    pub(super) fn problem(&self, message: impl Into<String>) -> Problem {
        self.origin().problem(message)
    }

    /// Where relative paths in this file begin.
    pub(super) fn directory(&self) -> &'a path::Path {
        path::Path::new(&*self.document.file)
            .parent()
            .unwrap_or(path::Path::new(""))
    }

    /// The items of a list; null is an empty one.
    pub(super) fn items<'b>(&'b self, problems: &mut Vec<Problem>) -> Vec<At<'b>> {
        let items: &[Node] = match self.value() {
            Value::List(items) => items,
            Value::Null => &[],
            other => {
                problems.push(self.problem(format!("is {}; it must be a list", other.kind())));
                &[]
            }
        };
        items
            .iter()
            .enumerate()
            .map(|(index, item)| self.child(Step::Index(index), item))
            .collect()
    }

    /// The entries of a map; null is an empty one. What `block` does not have, or what is given twice, is a problem.
    pub(super) fn fields(self, block: &Block, problems: &mut Vec<Problem>) -> Option<Fields<'a>> {
        let entries: &[(Node, Node)] = match &self.node.value {
            Value::Map(entries) => entries,
            Value::Null => &[],
            other => {
                problems.push(self.problem(format!("is {}; it must be a map", other.kind())));
                return None;
            }
        };
        for (index, (key, _)) in entries.iter().enumerate() {
            problems.extend(self.key_problem(key, &entries[..index], block));
        }
        Some(Fields { at: self, entries })
    }

    /// The entries of a map whose keys the user makes up, which are shown; null is an empty one.
    pub(super) fn entries<'b>(&'b self, problems: &mut Vec<Problem>) -> Vec<(&'a str, At<'b>)> {
        let entries: &'a [(Node, Node)] = match &self.node.value {
            Value::Map(entries) => entries,
            Value::Null => &[],
            other => {
                problems.push(self.problem(format!("is {}; it must be a map", other.kind())));
                &[]
            }
        };
        let mut named: Vec<(&'a str, At<'b>)> = Vec::new();
        for (key, value) in entries {
            let name = match &key.value {
                Value::Text(text) => text,
                Value::Number | Value::Bool(_) => At { node: key, ..*self }.source(),
                _ => {
                    problems.push(
                        self.origin_at(key.line)
                            .problem("has a key that is no plain word"),
                    );
                    continue;
                }
            };
            let at = self.child(Step::Key(shown(name)), value);
            if named.iter().any(|(earlier, _)| *earlier == name) {
                problems.push(
                    at.origin_at(key.line)
                        .problem("is given twice; leave one of them out"),
                );
            }
            named.push((name, at));
        }
        named
    }

    fn key_problem(&self, key: &Node, earlier: &[(Node, Node)], block: &Block) -> Option<Problem> {
        let Some(name) = key.as_key() else {
            return Some(
                self.origin_at(key.line)
                    .problem("has a key that is no plain word"),
            );
        };
        if !block.keys.contains(&name) {
            let place = if block.secret {
                *self
            } else {
                self.child(Step::Key(shown(name)), key)
            };
            let message = format!("unknown key; {}", keys::advice(name, block));
            return Some(place.origin_at(key.line).problem(message));
        }
        let first = earlier
            .iter()
            .find(|(earlier, _)| earlier.as_key() == Some(name))?;
        let message = format!("is given twice; it stands on line {} already", first.0.line);
        Some(self.child(Step::Key(name), key).problem(message))
    }

    fn origin_at(&self, line: u64) -> Origin {
        let Document { order, file, .. } = self.document;
        let place = Place {
            order: *order,
            file: Arc::clone(file),
            line: Some(line),
        };
        Origin {
            place: Some(place),
            key: self.path.to_string(),
        }
    }

    fn child<'b>(&'b self, step: Step<'b>, node: &'b Node) -> At<'b> {
        At {
            document: self.document,
            path: Path {
                parent: Some(&self.path),
                step,
            },
            node,
        }
    }
}

impl Fields<'_> {
    /// The key's value; `None` where it is absent or null.
    pub(super) fn at(&self, key: &'static str) -> Option<At<'_>> {
        let (_, node) = self
            .entries
            .iter()
            .find(|(name, _)| name.as_key() == Some(key))?;
        let at = self.at.child(Step::Key(key), node);
        (!matches!(node.value, Value::Null)).then_some(at)
    }

    /// Reads the key's value.
    pub(super) fn read<T>(
        &self,
        key: &'static str,
        problems: &mut Vec<Problem>,
        parse: impl FnOnce(At<'_>) -> Result<T, String>,
    ) -> Option<Setting<T>> {
        let at = self.at(key)?;
        Some(Setting::of(at.origin(), parse(at), problems))
    }

    /// Where the key stands; the map, where it does not.
    pub(super) fn origin(&self, key: &'static str) -> Origin {
        match self
            .entries
            .iter()
            .find(|(name, _)| name.as_key() == Some(key))
        {
            Some((name, _)) => self.at.child(Step::Key(key), name).origin(),
            None => self.at.origin(),
        }
    }

    /// Whether the key is there, null or not.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries
            .iter()
            .any(|(name, _)| name.as_key() == Some(key))
    }

    /// Whether there is nothing in the map.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A problem of the map as a whole.
    pub(super) fn problem(&self, message: impl Into<String>) -> Problem {
        self.at.problem(message)
    }
}

impl<T> Setting<T> {
    pub(super) fn of(
        origin: Origin,
        value: Result<T, String>,
        problems: &mut Vec<Problem>,
    ) -> Setting<T> {
        let value = value
            .map_err(|message| problems.push(origin.problem(message)))
            .ok();
        Setting { value, origin }
    }
}

impl Node {
    fn as_key(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl Value {
    /// What it is, with its article.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "empty",
            Value::Text(_) => "text",
            Value::Number => "a number",
            Value::Bool(_) => "true or false",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// A key that nobody knows, if it looks like one: what looks otherwise may be a value in the wrong place.
fn shown(key: &str) -> &str {
    let plain = key.len() <= 40
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if plain { key } else { "?" }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(parent) = self.parent else {
            return Ok(());
        };
        parent.fmt(f)?;
        match self.step {
            Step::Root => Ok(()),
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Key(key) if matches!(parent.step, Step::Root) => f.write_str(key),
            Step::Key(key) => write!(f, ".{key}"),
        }
    }
}
