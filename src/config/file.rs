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

/// The bytes of `file`, which is the `order`th to be read.
pub(super) fn read(file: &Path, order: usize) -> Result<Vec<u8>, Problem> {
    bytes(file).map_err(|message| problem(file, order, None, message))
}

/// What the bytes of `file` say.
pub(super) fn document(file: &Path, order: usize, bytes: Vec<u8>) -> Result<Document, Problem> {
    let text = utf8(bytes)
        .map_err(|line| problem(file, order, Some(line), "is not UTF-8; save it as UTF-8".into()))?;
    match yaml::parse(&text) {
        Ok(root) => Ok(Document { file: file.to_string_lossy().into(), order, text, root }),
        Err(error) => Err(problem(file, order, Some(error.line), error.message)),
    }
}

fn problem(file: &Path, order: usize, line: Option<u64>, message: String) -> Problem {
    let place = Place { order, file: file.to_string_lossy().into(), line };
    Origin { place: Some(place), key: String::new() }.problem(message)
}

fn bytes(file: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: io::Error| format!("cannot be read: {error}");
    if fs::metadata(file).map_err(unreadable)?.is_dir() {
        return Err("is a directory; name a file".into());
    }
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err("is larger than 10 MiB; split it by account_files".into());
    }
    Ok(bytes)
}

/// `Err` is the line of the first byte that is none.
fn utf8(bytes: Vec<u8>) -> Result<String, u64> {
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        good.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>() + 1
    })
}
