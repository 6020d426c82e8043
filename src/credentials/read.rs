//! Reads small files that others write, and never waits for long.

use std::{
    fmt,
    fs::{self, File, FileType},
    io::{self, ErrorKind, Read as _},
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

/// Larger files are refused: one with keys has some hundred bytes.
const MAX_BYTES: usize = 64 * 1024;
/// For all files of one set. A file system that is gone may keep its readers for ever.
const PATIENCE: Duration = Duration::from_secs(1);

/// One read keeps one thread of those that names are looked up in, too, and the configuration is read: when many sets
/// of files are on a file system that is gone, some threads must be left.
static PLACES: Semaphore = Semaphore::const_new(256);

/// The text of a file, without white space around it; wiped on drop, since it may be a secret.
pub(super) type Text = Zeroizing<String>;

/// A file that could not be read. Never quotes it.
#[derive(Debug)]
pub(super) struct ReadError {
    path: PathBuf,
    message: String,
    /// There is no such file, nor a link in its place.
    pub(super) is_absent: bool,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path.display(), self.message)
    }
}

impl From<ReadError> for CredentialsError {
    fn from(error: ReadError) -> CredentialsError {
        CredentialsError::broken(error.to_string())
    }
}

/// Reads one set of files after the other.
#[derive(Debug)]
pub(super) struct Reader {
    places: &'static Semaphore,
    /// A read that did not end in time: it keeps its thread, so there is never a second one.
    stuck: Option<JoinHandle<()>>,
}

impl Default for Reader {
    fn default() -> Reader {
        Reader {
            places: &PLACES,
            stuck: None,
        }
    }
}

impl Reader {
    /// Reads `paths`, each as it is at this moment, in their order.
    pub(super) async fn read(
        &mut self,
        paths: Vec<PathBuf>,
    ) -> Result<Vec<Result<Text, ReadError>>, CredentialsError> {
        let names = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect::<Vec<_>>()
            .join(", ");
        let too_slow = || {
            CredentialsError::passing(format!(
                "{names} could not be read within {} s",
                PATIENCE.as_secs()
            ))
        };
        if self.stuck.as_ref().is_some_and(|read| !read.is_finished()) {
            return Err(too_slow());
        }
        let deadline = Instant::now() + PATIENCE;
        let Ok(place) = timeout_at(deadline, self.places.acquire()).await else {
            return Err(too_slow());
        };
        let (sender, receiver) = oneshot::channel();
        let read = tokio::task::spawn_blocking(move || {
            let _ = sender.send(paths.into_iter().map(read).collect());
            drop(place);
        });
        if let Ok(Ok(texts)) = timeout_at(deadline, receiver).await {
            return Ok(texts);
        }
        self.stuck = Some(read);
        Err(too_slow())
    }

    /// Reads one file.
    pub(super) async fn read_one(
        &mut self,
        path: PathBuf,
    ) -> Result<Result<Text, ReadError>, CredentialsError> {
        let texts = self.read(vec![path]).await?;
        Ok(texts.into_iter().next().expect("one file, one text"))
    }
}

fn read(path: PathBuf) -> Result<Text, ReadError> {
    match text(&path) {
        Ok(text) => Ok(text),
        Err(Fault::Io(error)) => {
            let is_absent =
                error.kind() == ErrorKind::NotFound && fs::symlink_metadata(&path).is_err();
            Err(ReadError {
                path,
                message: format!("cannot be read: {error}"),
                is_absent,
            })
        }
        Err(Fault::Content(message)) => Err(ReadError {
            path,
            message,
            is_absent: false,
        }),
    }
}

enum Fault {
    Io(io::Error),
    Content(String),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Io(error)
    }
}

/// Opening a pipe waits for its other end, and a device has no end, so only a regular file is opened.
fn text(path: &Path) -> Result<Text, Fault> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        let kind = kind(metadata.file_type());
        return Err(Fault::Content(format!(
            "is {kind}; it must be a regular file"
        )));
    }
    // Room for all of it, so that no copy is left behind where a smaller buffer was.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    File::open(path)?
        .take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() > MAX_BYTES {
        return Err(Fault::Content(format!(
            "is larger than {} KiB",
            MAX_BYTES / 1024
        )));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| Fault::Content("is not UTF-8".into()))?;
    match text.trim_start_matches('\u{feff}').trim() {
        "" => Err(Fault::Content("is empty".into())),
        text => Ok(Zeroizing::new(text.to_owned())),
    }
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
        let text = Reader::default()
            .read_one(path.to_owned())
            .await
            .map_err(|error| error.to_string())?;
        text.map(|text| (*text).clone()).map_err(|error| {
            error
                .to_string()
                .replace(&format!("{} ", path.display()), "")
        })
    }

    #[tokio::test]
    async fn a_regular_file_is_read_and_nothing_else() {
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
    async fn a_dangling_link_is_not_the_same_as_nothing() {
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
    async fn a_read_that_hangs_is_given_up_and_not_joined_by_others() {
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
        assert!(
            reader
                .read_one(directory.path().join("a"))
                .await
                .unwrap()
                .is_ok()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn many_reads_that_hang_do_not_take_every_thread() {
        let places: &Semaphore = Box::leak(Box::new(Semaphore::new(1)));
        let taken = places.acquire().await.unwrap();
        let mut reader = Reader {
            places,
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
