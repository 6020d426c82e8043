//! Lines of text in either format.

use super::{Format, PAGE};

/// Type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Gauge,
    Counter,
    Histogram,
}

/// A family, and what one row contributes to it.
#[derive(Debug)]
pub(super) struct Family<Row> {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
    pub(super) row: Row,
}

impl<Row> Family<Row> {
    /// One sample of it, after its head where that has not been written yet.
    pub(super) fn sample(&self, writer: &mut Writer, labels: &[&str], value: f64) {
        writer.head(self.name, self.kind, self.help);
        writer.sample(self.name, labels, value);
    }
}

/// Fills pages.
#[derive(Debug)]
pub(super) struct Writer {
    format: Format,
    buffer: Vec<u8>,
    has_head: bool,
}

/// A page ends after the row that fills it.
const SPARE: usize = 4 * 1024;

/// Units that stand at the end of a family's name.
const UNITS: [&str; 3] = ["seconds", "bytes", "ratio"];

impl Writer {
    pub(super) fn new(format: Format) -> Writer {
        Writer {
            format,
            buffer: Vec::with_capacity(PAGE + SPARE),
            has_head: false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.buffer.len()
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::replace(&mut self.buffer, Vec::with_capacity(PAGE + SPARE))
    }

    /// What follows belongs to another family.
    pub(super) fn next_family(&mut self) {
        self.has_head = false;
    }

    /// Says what the family is, once: before its first sample, so that one without samples leaves no trace.
    pub(super) fn head(&mut self, name: &str, kind: Kind, help: &str) {
        if std::mem::replace(&mut self.has_head, true) {
            return;
        }
        let is_open_metrics = self.format == Format::OpenMetrics;
        let family = if is_open_metrics && kind == Kind::Counter {
            name.trim_end_matches("_total")
        } else {
            name
        };
        let help = escaped_help(help, is_open_metrics);
        self.line(&["# HELP ", family, " ", &help]);
        let kind = match kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
        };
        self.line(&["# TYPE ", family, " ", kind]);
        let unit = family
            .rsplit('_')
            .next()
            .filter(|unit| UNITS.contains(unit));
        if let Some(unit) = unit.filter(|_| is_open_metrics) {
            self.line(&["# UNIT ", family, " ", unit]);
        }
    }

    /// One sample. `labels` stand as they are, one after the other.
    pub(super) fn sample(&mut self, name: &str, labels: &[&str], value: f64) {
        self.text(name);
        if labels.iter().any(|part| !part.is_empty()) {
            self.text("{");
            labels.iter().for_each(|part| self.text(part));
            self.text("}");
        }
        self.text(" ");
        self.number(value);
        self.text("\n");
    }

    /// After the last family.
    pub(super) fn end(&mut self) {
        if self.format == Format::OpenMetrics {
            self.text("# EOF\n");
        }
    }

    fn line(&mut self, parts: &[&str]) {
        parts.iter().for_each(|part| self.text(part));
        self.text("\n");
    }

    fn text(&mut self, text: &str) {
        self.buffer.extend_from_slice(text.as_bytes());
    }

    fn number(&mut self, value: f64) {
        match as_integer(value) {
            Some(integer) => self.text(itoa::Buffer::new().format(integer)),
            None => self.text(&float(value)),
        }
    }
}

/// The whole number that `value` is, where it is one that an `f64` counts up to without gaps.
fn as_integer(value: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "within ±2^53")]
    (value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0).then_some(value as i64)
}

/// The shortest text that reads back the same, with `.0` where it is whole.
pub(super) fn float(value: f64) -> String {
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value > 0.0 {
            "+Inf".into()
        } else {
            "-Inf".into()
        }
    } else {
        zmij::Buffer::new().format(value).into()
    }
}

fn escaped_help(help: &str, is_open_metrics: bool) -> String {
    let help = help.replace('\\', "\\\\").replace('\n', "\\n");
    if is_open_metrics {
        help.replace('"', "\\\"")
    } else {
        help
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(value: f64) -> String {
        let mut writer = Writer::new(Format::Text);
        writer.number(value);
        String::from_utf8(writer.take()).unwrap()
    }

    #[test]
    fn numbers_are_short() {
        for (value, expected) in [
            (0.0, "0"),
            (1.0, "1"),
            (1_764_000_000.125, "1764000000.125"),
            (0.335, "0.335"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(number(value), expected);
        }
    }

    proptest! {
        #[test]
        fn a_number_reads_back_the_same(value in any::<f64>()) {
            prop_assert_eq!(number(value).parse::<f64>().unwrap(), value);
        }
    }
}
