//! Unix sockets.

use std::{
    fs, io,
    os::{
        fd::OwnedFd,
        unix::{
            self,
            fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
        },
    },
    path::{Path, PathBuf},
};

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::{UnixListener, UnixStream};

/// Connections that may wait in the kernel's queue, as with tokio's own listeners.
const BACKLOG: i32 = 1024;

/// A listening Unix socket, and its file if this process created it.
#[derive(Debug)]
pub struct UnixSocket {
    pub(super) listener: UnixListener,
    _file: Option<SocketFile>,
}

impl UnixSocket {
    /// Binds `path`. The file has the permissions `mode`, or those that the umask leaves, and is
    /// removed on drop. The file of a process that has ended is replaced; that of a running one is an
    /// error.
    pub async fn bind(path: &Path, mode: Option<u32>) -> io::Result<UnixSocket> {
        let mut bound = listen(path, mode);
        // A process that was killed leaves its file behind, and the file alone blocks the address.
        if let Err(error) = &bound
            && error.kind() == io::ErrorKind::AddrInUse
            && is_left_over(path).await?
        {
            fs::remove_file(path)?;
            bound = listen(path, mode);
        }
        Ok(UnixSocket {
            listener: bound?,
            _file: Some(SocketFile::new(path)?),
        })
    }
}

fn listen(path: &Path, mode: Option<u32>) -> io::Result<UnixListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    // Before it listens, so that no client connects with the permissions of the umask.
    if let Some(mode) = mode {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    socket.listen(BACKLOG)?;
    UnixListener::from_std(unix::net::UnixListener::from(OwnedFd::from(socket)))
}

/// A socket that was bound by another process, such as systemd, which owns the file.
impl From<UnixListener> for UnixSocket {
    fn from(listener: UnixListener) -> UnixSocket {
        UnixSocket {
            listener,
            _file: None,
        }
    }
}

/// Whether `path` is a socket without a listener.
async fn is_left_over(path: &Path) -> io::Result<bool> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "the file exists and is not a socket",
        ));
    }
    match UnixStream::connect(path).await {
        Ok(_) => Ok(false),
        // Other errors, such as missing permissions, do not tell whether a process listens.
        Err(error) => Ok(error.kind() == io::ErrorKind::ConnectionRefused),
    }
}

#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<SocketFile> {
        Ok(SocketFile {
            path: path.to_owned(),
            identity: identity(path)?,
        })
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

impl Drop for SocketFile {
    /// Removes the file, unless another process has replaced it with its own.
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
    async fn a_socket_replaces_only_an_abandoned_one_and_is_removed_with_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sock");
        // A process that was killed leaves its file.
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let socket = UnixSocket::bind(&path, None).await.unwrap();
        UnixStream::connect(&path).await.unwrap();
        let error = UnixSocket::bind(&path, None).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{error}");
        UnixStream::connect(&path)
            .await
            .expect("the socket in use is not touched");
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_file_that_is_not_a_socket_is_not_touched() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sock");
        fs::write(&path, "precious").unwrap();
        let error = UnixSocket::bind(&path, None).await.unwrap_err();
        assert_eq!(error.to_string(), "the file exists and is not a socket");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn the_socket_file_of_a_later_process_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sock");
        let socket = UnixSocket::bind(&path, None).await.unwrap();
        fs::rename(&path, directory.path().join("b.sock")).unwrap();
        let _successor = UnixSocket::bind(&path, None).await.unwrap();
        drop(socket);
        assert!(path.exists());
    }

    #[tokio::test]
    async fn the_permissions_of_the_file_are_those_that_are_given() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sock");
        for mode in [0o600, 0o660, 0o666] {
            let _socket = UnixSocket::bind(&path, Some(mode)).await.unwrap();
            let permissions = fs::metadata(&path).unwrap().permissions();
            assert_eq!(permissions.mode() & 0o7777, mode, "{mode:o}");
            UnixStream::connect(&path).await.unwrap();
        }
    }
}
