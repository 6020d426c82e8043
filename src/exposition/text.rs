//! The syntax of sample lines, which both text formats share.

use crate::collectors::{Labels, Samples};

/// A family that does not belong to a collector, with samples from a `T`.
#[derive(Debug)]
pub(super) struct FamilyOf<T: 'static> {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
    pub(super) samples: fn(&T, &mut Samples<'_>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Gauge,
    Counter,
    Histogram,
}

impl Kind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
        }
    }
}

/// A count as the value of a sample.
#[expect(clippy::cast_precision_loss, reason = "a metric is an f64")]
pub(super) fn as_f64(count: u64) -> f64 {
    count as f64
}

/// Labels as written between the braces: `account="prod",scan="latest"`.
pub(super) fn label_set(labels: Labels<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    for (name, value) in labels {
        write_label(&mut text, name, value);
    }
    text
}

/// Writes the samples that `fill` adds to the family `name`, each with the labels of `common`.
pub(super) fn write_samples(
    out: &mut Vec<u8>,
    name: &str,
    common: &[u8],
    fill: impl FnOnce(&mut Samples<'_>),
) {
    let mut sink = |labels: Labels<'_>, value: f64| {
        out.extend_from_slice(name.as_bytes());
        if !common.is_empty() || !labels.is_empty() {
            out.push(b'{');
            let start = out.len();
            out.extend_from_slice(common);
            for (label, value) in labels {
                if out.len() > start {
                    out.push(b',');
                }
                write_pair(out, label, value);
            }
            out.push(b'}');
        }
        out.push(b' ');
        write_number(out, value);
        out.push(b'\n');
    };
    fill(&mut Samples::new(&mut sink));
}

fn write_label(out: &mut Vec<u8>, name: &str, value: &str) {
    if !out.is_empty() {
        out.push(b',');
    }
    write_pair(out, name, value);
}

fn write_pair(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    // Byte by byte is safe: in UTF-8 these three never occur within another character.
    for byte in value.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\n' => out.extend_from_slice(b"\\n"),
            byte => out.push(byte),
        }
    }
    out.push(b'"');
}

pub(super) fn write_number(out: &mut Vec<u8>, value: f64) {
    // Almost all values are whole numbers, and `1` is how every exporter writes them, not `1.0`.
    match as_integer(value) {
        Some(integer) => {
            out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
        }
        None => out.extend_from_slice(float(value).as_bytes()),
    }
}

/// The integer that `value` is, within the range in which an `f64` represents every integer.
#[expect(clippy::cast_possible_truncation, reason = "within ±2^53")]
fn as_integer(value: f64) -> Option<i64> {
    if value.fract() != 0.0 || value.abs() >= 9_007_199_254_740_992.0 {
        return None;
    }
    Some(value as i64)
}

/// The shortest text that reads back the same, with `.0` for integers, as `le` has it.
pub(super) fn float(value: f64) -> String {
    if value.is_nan() {
        "NaN".into()
    } else if value == f64::INFINITY {
        "+Inf".into()
    } else if value == f64::NEG_INFINITY {
        "-Inf".into()
    } else {
        zmij::Buffer::new().format(value).into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(value: f64) -> String {
        let mut out = Vec::new();
        write_number(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_has_the_common_labels_first() {
        let mut out = Vec::new();
        let common = label_set(&[("account", "a\"\\\n生"), ("scan", "latest")]);
        write_samples(&mut out, "x", &common, |samples| {
            samples.add(1.0);
            samples.add_with(&[("source", "local")], 0.5);
            samples.add(None);
        });
        write_samples(&mut out, "y", &[], |samples| samples.add(2.0));
        write_samples(&mut out, "z", &[], |samples| {
            samples.add_with(&[("b", "c")], 3.0);
        });
        let expected = "x{account=\"a\\\"\\\\\\n生\",scan=\"latest\"} 1\n\
            x{account=\"a\\\"\\\\\\n生\",scan=\"latest\",source=\"local\"} 0.5\n\
            y 2\nz{b=\"c\"} 3\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
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

    fn unescaped(text: &str) -> String {
        let mut chars = text
            .strip_prefix("a=\"")
            .unwrap()
            .strip_suffix('"')
            .unwrap()
            .chars();
        let mut value = String::new();
        while let Some(c) = chars.next() {
            assert!(c != '"' && c != '\n', "not escaped in {text}");
            value.push(match c {
                '\\' => match chars.next().unwrap() {
                    'n' => '\n',
                    c => c,
                },
                c => c,
            });
        }
        value
    }

    proptest! {
        #[test]
        fn a_number_reads_back_the_same(value in any::<f64>()) {
            prop_assert_eq!(number(value).parse::<f64>().unwrap(), value);
        }

        #[test]
        fn a_label_value_reads_back_the_same(value in "(?s)[\\\\\"\n]*.{0,20}[\\\\\"\nn]*") {
            let text = String::from_utf8(label_set(&[("a", &value)])).unwrap();
            prop_assert_eq!(unescaped(&text), value);
        }
    }
}
