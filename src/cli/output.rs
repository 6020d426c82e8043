//! Standard output and standard error of commands. A reader may stop early, as `head` does; that is not a failure.

use std::{
    borrow::Cow,
    fmt::{Display, Write as _},
    io::{self, ErrorKind, Write},
};

/// Writes text unchanged. A closed pipe is not an error; a full disk is.
pub fn print(text: impl Display) -> io::Result<()> {
    write_to(io::stdout().lock(), &text)
}

/// Writes [`printable`] text and a line break.
pub fn print_line(text: impl Display) -> io::Result<()> {
    print(format_args!("{}\n", printable(&text.to_string())))
}

/// Writes text unchanged to standard error.
pub fn print_error(text: impl Display) -> io::Result<()> {
    write_to(io::stderr().lock(), &text)
}

/// `text` without characters that change how a terminal shows what follows: control characters other than
/// line breaks, and those that change the direction of text. They are written as escapes, `\\u{1b}`.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_disruptive) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        if is_disruptive(character) {
            clean.extend(character.escape_unicode());
        } else {
            clean.push(character);
        }
    }
    Cow::Owned(clean)
}

/// JSON with such characters as JSON's escapes. They occur only in its strings.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    if !json.contains(is_disruptive) {
        return Cow::Borrowed(json);
    }
    let mut clean = String::with_capacity(json.len());
    for character in json.chars() {
        if is_disruptive(character) {
            // All of them are in the basic plane.
            let _ = write!(clean, "\\u{:04x}", u32::from(character));
        } else {
            clean.push(character);
        }
    }
    Cow::Owned(clean)
}

fn is_disruptive(character: char) -> bool {
    match character {
        '\n' => false,
        // Marks, embeddings, overrides and isolates of direction, and separators of lines.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            true
        }
        character => character.is_control(),
    }
}

fn write_to(mut writer: impl Write, text: &dyn Display) -> io::Result<()> {
    // `println!` would panic when the pipe is closed.
    match write!(writer, "{text}").and_then(|()| writer.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_an_error_and_a_closed_pipe_is_not() {
        assert!(write_to(Failing(ErrorKind::BrokenPipe), &"text").is_ok());
        assert!(write_to(Failing(ErrorKind::StorageFull), &"text").is_err());
    }

    #[test]
    fn characters_that_a_terminal_obeys_are_escaped() {
        assert_eq!(printable("Größe 生产\n"), "Größe 生产\n");
        assert_eq!(
            printable("a\u{1b}[2J\u{202e}b\u{9b}\r"),
            "a\\u{1b}[2J\\u{202e}b\\u{9b}\\u{d}"
        );
        assert_eq!(
            printable_json("[\"a\u{202e}\u{9b}\"]\n"),
            "[\"a\\u202e\\u009b\"]\n"
        );
    }

    #[test]
    fn text_is_written_unchanged() {
        let mut written = Vec::new();
        write_to(&mut written, &"a\nb").unwrap();
        assert_eq!(written, b"a\nb");
    }
}
