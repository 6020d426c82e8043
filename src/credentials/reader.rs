//! Reads small files that other processes write, without ever waiting for long.

use std::{
    fmt,
    fs::{self, File, FileType},
    io::{ErrorKind, Read as _},
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::zeroize::Zeroizing;
use tokio::{
    sync::{Semaphore, oneshot},
    task::JoinHandle,
    time::{Instant, timeout_at},
};

use super::CredentialsError;

/// Larger files are refused. A file with keys has some hundred bytes.
const MAX_BYTES: usize = 64 * 1024;
const CANNOT_BE_READ: &str = "cannot be read: ";
/// For all files of one read.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Limits the reads at the same time. A read from a file system that hangs blocks its thread for as
/// long as it hangs, and host names are looked up and the configuration is read on threads of the
/// same pool. Some of them have to stay free.
static READS: Semaphore = Semaphore::const_new(256);

/// The text of a file, without surrounding white space. Wiped on drop, as it may be a secret.
pub(super) type FileText = Zeroizing<String>;

/// A file could not be read. Never quotes it.
#[derive(Debug)]
pub(super) struct ReadError {
    path: PathBuf,
    message: String,
    /// Neither a file nor a symbolic link exists there, as far as this process can see.
    pub(super) is_absent: bool,
}

impl ReadError {
    /// Says that there is no file.
    pub(super) fn absence(&self) -> String {
        match self.message.strip_prefix(CANNOT_BE_READ) {
            Some(error) if !error.starts_with("No such file") => {
                format!("{} cannot be reached: {error}", self.path.display())
            }
            _ => format!("there is no {}", self.path.display()),
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path.display(), self.message)
    }
}

impl From<ReadError> for CredentialsError {
    fn from(error: ReadError) -> CredentialsError {
        CredentialsError::permanent(error.to_string())
    }
}

/// Reads files, again and again.
#[derive(Debug)]
pub(super) struct Reader {
    reads: &'static Semaphore,
    /// The last read, where it did not end in time.
    stuck: Option<JoinHandle<()>>,
}

impl Default for Reader {
    fn default() -> Reader {
        Reader {
            reads: &READS,
            stuck: None,
        }
    }
}

impl Reader {
    /// The text of each of `paths`, in their order. Fails as a whole where they cannot be read in
    /// time.
    pub(super) async fn read(
        &mut self,
        paths: Vec<PathBuf>,
    ) -> Result<Vec<Result<FileText, ReadError>>, CredentialsError> {
        let too_slow = too_slow(&paths);
        // A read that hangs keeps its thread, so a second one must not block another.
        if let Some(stuck) = &self.stuck
            && !stuck.is_finished()
        {
            return Err(too_slow);
        }
        let deadline = Instant::now() + TIMEOUT;
        let Ok(permit) = timeout_at(deadline, self.reads.acquire()).await else {
            return Err(too_slow);
        };
        let (sender, receiver) = oneshot::channel();
        let read = tokio::task::spawn_blocking(move || {
            let mut texts = Vec::with_capacity(paths.len());
            for path in paths {
                texts.push(read_file(path));
            }
            // Fails if the caller has timed out: then the texts are wiped here.
            let _ = sender.send(texts);
            drop(permit);
        });
        if let Ok(Ok(texts)) = timeout_at(deadline, receiver).await {
            return Ok(texts);
        }
        self.stuck = Some(read);
        Err(too_slow)
    }

    pub(super) async fn read_one(&mut self, path: PathBuf) -> Result<FileText, CredentialsError> {
        let texts = self.read(vec![path]).await?;
        let text = texts.into_iter().next().expect("one path, one text");
        Ok(text?)
    }
}

fn too_slow(paths: &[PathBuf]) -> CredentialsError {
    let mut names = Vec::with_capacity(paths.len());
    for path in paths {
        names.push(path.display().to_string());
    }
    CredentialsError::transient(format!(
        "{} could not be read within {} s",
        names.join(", "),
        TIMEOUT.as_secs()
    ))
}

fn read_file(path: PathBuf) -> Result<FileText, ReadError> {
    let bytes = match bytes(&path) {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(message)) => return Err(unusable(path, message)),
        Err(error) => {
            // A dangling link is not absent: the file that it points to may be about to appear.
            // A directory that this process cannot enter, such as another user's home, has no files
            // for it. A file that is there and cannot be opened is not absent.
            let is_hidden = matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied
            );
            let is_absent = is_hidden && fs::symlink_metadata(&path).is_err();
            return Err(ReadError {
                path,
                message: format!("{CANNOT_BE_READ}{error}"),
                is_absent,
            });
        }
    };
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return Err(unusable(path, "is not UTF-8".into()));
    };
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Err(unusable(path, "is empty".into()));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

fn unusable(path: PathBuf, message: String) -> ReadError {
    ReadError {
        path,
        message,
        is_absent: false,
    }
}

/// The content of the file, or else what is wrong with the file.
fn bytes(path: &Path) -> std::io::Result<Result<Zeroizing<Vec<u8>>, String>> {
    // Opening a pipe waits for its other end, and a device may have no end: only regular files are
    // opened.
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        let kind = kind(metadata.file_type());
        return Ok(Err(format!("is {kind}; it must be a regular file")));
    }
    // With space for the whole file, as a buffer that grows would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    File::open(path)?
        .take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() > MAX_BYTES {
        return Ok(Err(format!("is larger than {} KiB", MAX_BYTES / 1024)));
    }
    Ok(Ok(bytes))
}

fn kind(file_type: FileType) -> &'static str {
    if file_type.is_dir() {
        "a directory"
    } else {
        "a pipe, a device or a socket"
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, process::Command};

    use super::*;

    async fn read_one(path: &Path) -> Result<String, String> {
        match Reader::default().read_one(path.to_owned()).await {
            Ok(text) => Ok(text.to_string()),
            Err(error) => {
                let place = format!("{} ", path.display());
                Err(error.to_string().replace(&place, ""))
            }
        }
    }

    #[tokio::test]
    async fn only_regular_files_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("good"), " value\n").unwrap();
        fs::write(path("empty"), " \n").unwrap();
        fs::write(path("binary"), b"\xff\xfe").unwrap();
        fs::write(path("largest"), "x".repeat(MAX_BYTES)).unwrap();
        fs::write(path("large"), "x".repeat(MAX_BYTES + 1)).unwrap();
        symlink("nowhere", path("dangling")).unwrap();
        symlink("good", path("link")).unwrap();
        assert!(
            Command::new("mkfifo")
                .arg(path("fifo"))
                .status()
                .unwrap()
                .success()
        );

        assert_eq!(read_one(&path("good")).await.as_deref(), Ok("value"));
        assert_eq!(read_one(&path("link")).await.as_deref(), Ok("value"));
        assert_eq!(
            read_one(&path("largest")).await.map(|text| text.len()),
            Ok(MAX_BYTES)
        );
        for (name, expected) in [
            ("empty", "is empty"),
            ("binary", "is not UTF-8"),
            ("large", "is larger than 64 KiB"),
            (
                "dangling",
                "cannot be read: No such file or directory (os error 2)",
            ),
            (
                "fifo",
                "is a pipe, a device or a socket; it must be a regular file",
            ),
            ("", "is a directory; it must be a regular file"),
        ] {
            assert_eq!(read_one(&path(name)).await, Err(expected.into()), "{name}");
        }
        let zero = read_one(Path::new("/dev/zero")).await;
        assert_eq!(
            zero,
            Err("is a pipe, a device or a socket; it must be a regular file".into())
        );
    }

    #[tokio::test]
    async fn a_dangling_link_does_not_count_as_absent() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        symlink("nowhere", &link).unwrap();
        let mut reader = Reader::default();
        let texts = reader
            .read(vec![link, directory.path().join("nothing")])
            .await
            .unwrap();
        let absent: Vec<bool> = texts
            .iter()
            .map(|text| text.as_ref().unwrap_err().is_absent)
            .collect();
        assert_eq!(absent, [false, true]);
    }

    #[tokio::test]
    async fn a_read_that_hangs_times_out_and_no_other_is_started() {
        let mut reader = Reader::default();
        let (release, hold) = std::sync::mpsc::channel::<()>();
        reader.stuck = Some(tokio::task::spawn_blocking(move || {
            let _ = hold.recv();
        }));
        let error = reader.read_one("/etc/hostname".into()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "/etc/hostname could not be read within 1 s"
        );
        drop(release);
        while !reader.stuck.as_ref().unwrap().is_finished() {
            tokio::task::yield_now().await;
        }
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a"), "b").unwrap();
        assert!(reader.read_one(directory.path().join("a")).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn reads_that_hang_do_not_block_every_thread() {
        let reads: &Semaphore = Box::leak(Box::new(Semaphore::new(1)));
        let taken = reads.acquire().await.unwrap();
        let mut reader = Reader {
            reads,
            ..Reader::default()
        };
        let error = reader.read_one("/etc/hostname".into()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "/etc/hostname could not be read within 1 s"
        );
        assert!(reader.stuck.is_none(), "no thread");
        drop(taken);
        assert!(reader.read_one("/etc/hostname".into()).await.is_ok());
    }
}
