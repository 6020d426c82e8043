//! Unix sockets.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use tokio::net::{UnixListener, UnixStream};

/// A Unix socket that listens, and the file that it made, if it made one.
#[derive(Debug)]
pub struct UnixSocket {
    pub(super) listener: UnixListener,
    _file: Option<SocketFile>,
}

impl UnixSocket {
    /// Makes the file `path`, with the permissions that the umask leaves; removed on drop. The file of a process that
    /// has ended is replaced, that of a living one is an error.
    pub async fn bind(path: &Path) -> io::Result<UnixSocket> {
        let listener = match UnixListener::bind(path) {
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse && is_left_over(path).await? =>
            {
                fs::remove_file(path)?;
                UnixListener::bind(path)?
            }
            bound => bound?,
        };
        Ok(UnixSocket {
            listener,
            _file: Some(SocketFile::of(path)?),
        })
    }
}

/// One that somebody else has bound, and whose file is theirs.
impl From<UnixListener> for UnixSocket {
    fn from(listener: UnixListener) -> UnixSocket {
        UnixSocket {
            listener,
            _file: None,
        }
    }
}

/// Whether it is a socket on which nobody listens.
async fn is_left_over(path: &Path) -> io::Result<bool> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is a file that is no socket",
        ));
    }
    let connected = UnixStream::connect(path).await;
    Ok(connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused))
}

#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<SocketFile> {
        Ok(SocketFile {
            path: path.to_owned(),
            identity: identity(path)?,
        })
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

impl Drop for SocketFile {
    /// Unless another process has put its own there.
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_takes_the_place_of_a_dead_one_alone_and_goes_with_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sock");
        // One whose process was killed leaves its file.
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let socket = UnixSocket::bind(&path).await.unwrap();
        UnixStream::connect(&path).await.unwrap();
        let error = UnixSocket::bind(&path).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{error}");
        UnixStream::connect(&path)
            .await
            .expect("the living one is left alone");
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_is_no_socket_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sock");
        fs::write(&path, "precious").unwrap();
        let error = UnixSocket::bind(&path).await.unwrap_err();
        assert_eq!(error.to_string(), "there is a file that is no socket");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn the_file_of_a_successor_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sock");
        let socket = UnixSocket::bind(&path).await.unwrap();
        fs::rename(&path, directory.path().join("b.sock")).unwrap();
        let _successor = UnixSocket::bind(&path).await.unwrap();
        drop(socket);
        assert!(path.exists());
    }
}
