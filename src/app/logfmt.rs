//! The logfmt format of log lines.
//!
//! Strict parsers, such as go-logfmt, read an unquoted value up to a blank and a quoted one as a JSON string. Control
//! characters, invisible ones and those that change the direction of text are escaped: the text of API errors and names
//! comes from outside.

use std::{
    error::Error,
    fmt::{self, Debug, Display, Write},
};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{
        FmtContext,
        format::{FormatEvent, FormatFields, Writer},
    },
    registry::LookupSpan,
};

use crate::domain::Clock;

/// Formats an event as `ts=… level=… target=… message=…` and its fields. The crate has no spans.
pub(super) struct LogfmtEvents;

/// Formats the fields of an event as ` key=value`, each after a blank.
pub(super) struct LogfmtFields;

impl<S, N> FormatEvent<S, N> for LogfmtEvents
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let level = match *metadata.level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        };
        let now = Clock::system().now().wall;
        write!(writer, "ts={now:.9} level={level} target=")?;
        write_value(&mut writer, metadata.target())?;
        LogfmtFields.format_fields(writer.by_ref(), event)?;
        writer.write_char('\n')
    }
}

impl<'writer> FormatFields<'writer> for LogfmtFields {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: Writer<'writer>,
        fields: R,
    ) -> fmt::Result {
        let mut pairs = Pairs {
            writer: &mut writer,
            result: Ok(()),
        };
        fields.record(&mut pairs);
        pairs.result
    }
}

/// Writes pairs until one fails.
struct Pairs<'a, W> {
    writer: &'a mut W,
    result: fmt::Result,
}

impl<W: Write> Pairs<'_, W> {
    fn write(&mut self, field: &Field, value: impl Display) {
        if self.result.is_ok() {
            self.result = write_pair(self.writer, field.name(), &value.to_string());
        }
    }
}

impl<W: Write> Visit for Pairs<'_, W> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.write(field, value);
    }

    /// Everything else, and what is logged with `%`, whose Debug is that of Display.
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.write(field, format_args!("{value:?}"));
    }
}

fn write_pair(writer: &mut impl Write, key: &str, value: &str) -> fmt::Result {
    write!(writer, " {key}=")?;
    write_value(writer, value)
}

fn write_value(writer: &mut impl Write, value: &str) -> fmt::Result {
    if !value.contains(needs_quotes) {
        return writer.write_str(value);
    }
    writer.write_char('"')?;
    for c in value.chars() {
        match c {
            '"' => writer.write_str("\\\"")?,
            '\\' => writer.write_str("\\\\")?,
            '\n' => writer.write_str("\\n")?,
            '\r' => writer.write_str("\\r")?,
            '\t' => writer.write_str("\\t")?,
            c if is_printable(c) => writer.write_char(c)?,
            c => write_escaped(writer, c)?,
        }
    }
    writer.write_char('"')
}

/// As in JSON: characters beyond 16 bits are a pair of surrogates.
fn write_escaped(writer: &mut impl Write, c: char) -> fmt::Result {
    for unit in c.encode_utf16(&mut [0; 2]) {
        write!(writer, "\\u{unit:04x}")?;
    }
    Ok(())
}

fn needs_quotes(c: char) -> bool {
    matches!(c, ' ' | '=' | '"' | '\\') || !is_printable(c)
}

fn is_printable(c: char) -> bool {
    // Parsers take the replacement character for a fault of the encoding.
    if c.is_control() || c == char::REPLACEMENT_CHARACTER {
        return false;
    }
    // Rust escapes combining marks too. They are printed as they are, as most scripts need some.
    c.is_alphanumeric() || c.escape_debug().len() == 1 || is_visible_mark(c)
}

/// Quotes, which `escape_debug` escapes, and what joins the character before it.
fn is_visible_mark(c: char) -> bool {
    matches!(
        c,
        '"' | '\'' | '\\' | '\u{300}'..='\u{36f}' | '\u{fe0e}' | '\u{fe0f}'
    )
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;
    use tracing_subscriber::{fmt::MakeWriter, layer::SubscriberExt as _};

    use super::*;

    fn pair(value: &str) -> String {
        let mut line = String::new();
        write_pair(&mut line, "error", value).unwrap();
        line
    }

    #[test]
    fn plain_words_stand_as_they_are_and_everything_else_is_quoted() {
        for (value, expected) in [
            ("", " error="),
            ("not_found", " error=not_found"),
            ("10.0.0.1:80", " error=10.0.0.1:80"),
            ("没有权限", " error=没有权限"),
            ("it's", " error=it's"),
            ("two words", r#" error="two words""#),
            ("a=b", r#" error="a=b""#),
            (r#"say "no""#, r#" error="say \"no\"""#),
            (r"C:\temp", r#" error="C:\\temp""#),
            ("line\nlevel=info\r\t", r#" error="line\nlevel=info\r\t""#),
        ] {
            assert_eq!(pair(value), expected);
        }
    }

    #[test]
    fn characters_that_do_not_print_are_escaped() {
        for (value, expected) in [
            ("\u{1b}[31m", r#" error="\u001b[31m""#),
            ("\0", r#" error="\u0000""#),
            ("\u{7f}\u{85}", r#" error="\u007f\u0085""#),
            ("\u{202e}txt\u{200b}", r#" error="\u202etxt\u200b""#),
            ("\u{2028}", r#" error="\u2028""#),
            ("\u{feff}\u{fffd}", r#" error="\ufeff\ufffd""#),
            ("\u{e0001}", r#" error="\udb40\udc01""#),
        ] {
            assert_eq!(pair(value), expected);
        }
    }

    /// Reads pairs as go-logfmt does.
    fn parsed(line: &str) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        let mut rest = line;
        while !rest.is_empty() {
            let (key, after) = rest.split_once('=').unwrap();
            assert!(!key.contains([' ', '"']), "{line}");
            let mut values = serde_json::Deserializer::from_str(after).into_iter::<String>();
            let (value, length) = if after.starts_with('"') {
                (values.next().unwrap().unwrap(), values.byte_offset())
            } else {
                let length = after.find(' ').unwrap_or(after.len());
                (after[..length].to_owned(), length)
            };
            assert!(
                after.starts_with('"') || !value.contains(['=', '"']),
                "{line}"
            );
            pairs.push((key.to_owned(), value));
            rest = &after[length..];
            rest = rest.strip_prefix(' ').unwrap_or(rest);
        }
        pairs
    }

    proptest! {
        #[test]
        fn a_strict_parser_reads_every_value_back(first in ".*", second in any::<String>()) {
            let line = (pair(&first) + &pair(&second)).trim_start().to_owned();
            prop_assert!(!line.contains(char::is_control), "{}", line);
            let expected = [("error".to_owned(), first), ("error".to_owned(), second)];
            prop_assert_eq!(parsed(&line), expected);
        }
    }

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Written {
        type Writer = Written;

        fn make_writer(&self) -> Written {
            self.clone()
        }
    }

    #[test]
    fn an_event_is_one_line_with_time_level_target_and_fields() {
        let written = Written::default();
        let layer = tracing_subscriber::fmt::layer()
            .event_format(LogfmtEvents)
            .fmt_fields(LogfmtFields)
            .with_writer(written.clone());
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            let missing: Option<&str> = None;
            tracing::warn!(
                account = "prod", n = 3, rate = 0.5, is_first = true, missing,
                error = %"no route\nto host", "poll failed",
            );
        });
        let bytes = written.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        let (time, rest) = text.split_once(' ').unwrap();
        let time = time.strip_prefix("ts=").unwrap();
        assert!(time.parse::<jiff::Timestamp>().is_ok(), "{text}");
        assert_eq!(time.len(), "2026-11-24T10:31:00.633997295Z".len());
        assert_eq!(
            rest,
            "level=warn target=tcss_exporter::app::logfmt::tests message=\"poll failed\" account=prod n=3 rate=0.5 \
             is_first=true error=\"no route\\nto host\"\n"
        );
    }
}
