//! Reads YAML files and reports everything that is wrong with them at once: each problem with its file, line and key
//! path, and with what is expected.
//!
//! A [`YamlFile`] is a tree in which every node knows its line. [`ValueReader`] and [`MapReader`] walk it and keep the
//! path of keys. A [`MapReader`] remembers which keys were asked for, so no list of known keys exists anywhere else.

mod file;
mod parse;
mod problem;
mod reader;
pub(crate) mod scalar;
mod suggest;

pub(crate) use file::{YamlFile, file_problem, read_file, read_regular_file, read_watched_file};
pub(crate) use parse::YamlValue;
pub(crate) use problem::Origin;
pub use problem::{Problem, Problems};
pub(crate) use reader::{MapReader, Setting, ValueReader, flag_variable};

#[cfg(test)]
mod tests;
