//! One file: its bytes, and the document that they are.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use super::{
    problem::{Origin, Place, Problem},
    tree::Document,
    yaml,
};

const MAX_BYTES: u64 = 10 << 20;
/// Of a file that is read every few seconds.
const MAX_WATCHED_BYTES: u64 = 1 << 20;

/// The bytes of `file`, which is the `order`th to be read.
pub(super) fn read(file: &Path, order: usize) -> Result<Vec<u8>, Problem> {
    bytes(file).map_err(|message| problem(file, order, None, message))
}

/// The same for a file that was not named but matched: one such as a FIFO, for which somebody would have to write, must
/// not stop every reload.
pub(super) fn read_regular(file: &Path, order: usize) -> Result<Vec<u8>, Problem> {
    let is_special = |metadata: fs::Metadata| !metadata.is_file() && !metadata.is_dir();
    if fs::metadata(file).is_ok_and(is_special) {
        let message = "is no regular file; move it away, or let the pattern not match it";
        return Err(problem(file, order, None, message.into()));
    }
    read(file, order)
}

/// What the bytes of `file` say.
pub(super) fn document(file: &Path, order: usize, bytes: Vec<u8>) -> Result<Document, Problem> {
    let text = utf8(bytes).map_err(|line| {
        problem(
            file,
            order,
            Some(line),
            "is not UTF-8; save it as UTF-8".into(),
        )
    })?;
    match yaml::parse(&text) {
        Ok(root) => Ok(Document {
            file: file.to_string_lossy().into(),
            order,
            text,
            root,
        }),
        Err(error) => Err(problem(file, order, Some(error.line), error.message)),
    }
}

/// A problem of the whole file, or of one of its lines.
pub(super) fn problem(file: &Path, order: usize, line: Option<u64>, message: String) -> Problem {
    let place = Place {
        order,
        file: file.to_string_lossy().into(),
        line,
    };
    Origin {
        place: Some(place),
        key: String::new(),
    }
    .problem(message)
}

/// The bytes of a file that is read again and again: a pipe would have nothing to say the second time.
pub(super) fn read_again(file: &Path) -> Result<Vec<u8>, String> {
    if !fs::metadata(file).map_err(unreadable)?.is_file() {
        return Err("is no regular file".into());
    }
    up_to(MAX_WATCHED_BYTES, file)?.ok_or_else(|| "is larger than 1 MiB".into())
}

fn bytes(file: &Path) -> Result<Vec<u8>, String> {
    if fs::metadata(file).map_err(unreadable)?.is_dir() {
        return Err("is a directory; name a file".into());
    }
    let bytes = up_to(MAX_BYTES, file)?;
    let bytes = bytes.ok_or("is larger than 10 MiB; split it by account_files")?;
    // A reload that took it would drop accounts, whose alerts then end as if all was well.
    if bytes.trim_ascii().is_empty() {
        return Err(
            "is empty, as a full disk leaves files; write a comment into it if that is meant"
                .into(),
        );
    }
    Ok(bytes)
}

/// None if there are more.
fn up_to(most: u64, file: &Path) -> Result<Option<Vec<u8>>, String> {
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|file| file.take(most + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unreadable(error: io::Error) -> String {
    format!("cannot be read: {error}")
}

/// `Err` is the line of the first byte that is none.
fn utf8(bytes: Vec<u8>) -> Result<String, u64> {
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        good.iter()
            .map(|byte| u64::from(*byte == b'\n'))
            .sum::<u64>()
            + 1
    })
}
