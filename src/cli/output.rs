//! Standard output and standard error of commands. A reader may stop early, as `head` does; that is not a failure.

use std::{
    fmt::Display,
    io::{self, ErrorKind, Write},
};

/// Writes text unchanged. A closed pipe is not an error; a full disk is.
pub fn print(text: impl Display) -> io::Result<()> {
    write_to(io::stdout().lock(), &text)
}

/// Writes text and a line break.
pub fn print_line(text: impl Display) -> io::Result<()> {
    print(format_args!("{text}\n"))
}

/// Writes text unchanged to standard error.
pub fn print_error(text: impl Display) -> io::Result<()> {
    write_to(io::stderr().lock(), &text)
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
    fn text_is_written_unchanged() {
        let mut written = Vec::new();
        write_to(&mut written, &"a\nb").unwrap();
        assert_eq!(written, b"a\nb");
    }
}
