//! Fills pages with families, in one of the two formats.

use std::borrow::Cow;

use super::{
    Format,
    text::{Kind, write_samples},
};
use crate::collectors::Samples;

/// A page that is being filled.
#[derive(Debug)]
pub(super) struct Writer {
    format: Format,
    buffer: Vec<u8>,
    has_head: bool,
}

impl Writer {
    pub(super) fn new(format: Format) -> Writer {
        Writer {
            format,
            buffer: Vec::new(),
            has_head: false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Exchanges the page that was filled with another buffer.
    pub(super) fn swap(&mut self, buffer: &mut Vec<u8>) {
        std::mem::swap(&mut self.buffer, buffer);
    }

    /// What follows belongs to another family.
    pub(super) fn next_family(&mut self) {
        self.has_head = false;
    }

    /// Writes the `# HELP` and `# TYPE` lines of the current family, unless they are there. It is
    /// called for each row that has samples, so that a family without samples is left out.
    pub(super) fn head(&mut self, name: &str, kind: Kind, help: &str) {
        if self.has_head {
            return;
        }
        self.has_head = true;
        // In OpenMetrics, the family of a counter is named without the suffix of its samples.
        let family = match (self.format, kind) {
            (Format::OpenMetrics, Kind::Counter) => name.trim_end_matches("_total"),
            _ => name,
        };
        let help = escaped_help(help, self.format);
        self.line(&["# HELP ", family, " ", &help]);
        self.line(&["# TYPE ", family, " ", kind.as_str()]);
    }

    /// Writes the samples that `fill` adds, below the lines of [`Writer::head`]; nothing if it adds
    /// none.
    pub(super) fn family(
        &mut self,
        name: &str,
        kind: Kind,
        help: &str,
        common: &[u8],
        fill: impl FnOnce(&mut Samples<'_>),
    ) {
        // Whether there are samples is known only after `fill`, so the head is taken back if not.
        let (before, had_head) = (self.buffer.len(), self.has_head);
        self.head(name, kind, help);
        let start = self.buffer.len();
        self.samples(name, common, fill);
        if self.buffer.len() == start {
            self.buffer.truncate(before);
            self.has_head = had_head;
        }
    }

    /// Copies sample lines.
    pub(super) fn lines(&mut self, lines: &[u8]) {
        self.buffer.extend_from_slice(lines);
    }

    /// Writes the samples that `fill` adds, each with the labels of `common`.
    pub(super) fn samples(
        &mut self,
        name: &str,
        common: &[u8],
        fill: impl FnOnce(&mut Samples<'_>),
    ) {
        write_samples(&mut self.buffer, name, common, fill);
    }

    /// After the last family.
    pub(super) fn end(&mut self) {
        if self.format == Format::OpenMetrics {
            self.line(&["# EOF"]);
        }
    }

    fn line(&mut self, parts: &[&str]) {
        for part in parts {
            self.buffer.extend_from_slice(part.as_bytes());
        }
        self.buffer.push(b'\n');
    }
}

fn escaped_help(help: &str, format: Format) -> Cow<'_, str> {
    if !help.contains(['\\', '\n', '"']) {
        return Cow::Borrowed(help);
    }
    let help = help.replace('\\', "\\\\").replace('\n', "\\n");
    Cow::Owned(match format {
        Format::OpenMetrics => help.replace('"', "\\\""),
        Format::Text => help,
    })
}
