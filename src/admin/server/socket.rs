//! Where the admin socket is made, and made safely.
//!
//! Nobody connects before the mode is 0660: the socket gets its mode after `bind` and before `listen`, and until
//! `listen` the kernel refuses every connection. A socket that a crash left behind is removed only if nobody answers.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::UnixListener;

/// Owner and group may connect, nobody else.
const SOCKET_MODE: u32 = 0o660;
/// Of a directory that has to be made for the socket.
const DIRECTORY_MODE: u32 = 0o750;
/// Connections that wait for an accept.
const BACKLOG: i32 = 64;

/// The bound socket; its file goes when this is dropped.
#[derive(Debug)]
pub struct AdminSocket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    inode: (u64, u64),
}

/// Why there is no admin socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Somebody answers there.
    #[error("{}: another process is serving this admin socket", .0.display())]
    InUse(PathBuf),
    /// Something that is no socket stands in the way.
    #[error("{}: exists and is not a socket; it is left alone", .0.display())]
    NotASocket(PathBuf),
    /// The system said no.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl AdminSocket {
    /// Binds `path` with mode 0660, making its directory (0750) where there is none. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`SocketError`]; nothing that was there before is lost then, except a socket on which nobody answered.
    pub fn bind(path: &Path) -> Result<AdminSocket, SocketError> {
        let at = |action| {
            move |source| {
                let path = path.to_owned();
                SocketError::Io { path, action, source }
            }
        };
        if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(DIRECTORY_MODE).create(directory).map_err(at("make the directory"))?;
        }
        clear_the_way(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(at("open a socket"))?;
        let address = SockAddr::unix(path).map_err(at("use this path for a socket"))?;
        socket.bind(&address).map_err(at("bind"))?;
        fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE)).map_err(at("set the mode"))?;
        socket.listen(BACKLOG).map_err(at("listen"))?;
        socket.set_nonblocking(true).map_err(at("listen"))?;
        let listener = UnixListener::from_std(StdUnixListener::from(socket)).map_err(at("listen"))?;
        let inode = inode(path).map_err(at("look at the socket"))?;
        Ok(AdminSocket { listener, path: path.to_owned(), inode })
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        // A successor may have taken the path already.
        if inode(&self.path).is_ok_and(|inode| inode == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Device and inode number of a file, itself and not what it links to.
fn inode(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Removes a socket on which nobody answers.
fn clear_the_way(path: &Path) -> Result<(), SocketError> {
    let failed = |action, source| SocketError::Io { path: path.to_owned(), action, source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at the path", error)),
        Ok(metadata) if !metadata.file_type().is_socket() => return Err(SocketError::NotASocket(path.to_owned())),
        Ok(_) => {}
    }
    match StdUnixStream::connect(path) {
        Ok(_) => Err(SocketError::InUse(path.to_owned())),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|error| failed("remove the stale socket", error))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("find out whether the socket is in use", error)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::{AdminSocket, SocketError};

    fn mode(path: &std::path::Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn socket_and_directory_get_their_modes_and_the_file_goes_with_the_socket() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("run/admin.sock");
        let socket = AdminSocket::bind(&path).unwrap();
        assert_eq!(mode(&path), 0o660);
        assert_eq!(mode(path.parent().unwrap()) & !0o750, 0);
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("admin.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists() && UnixStream::connect(&path).is_err());

        let socket = AdminSocket::bind(&path).unwrap();
        assert!(matches!(AdminSocket::bind(&path), Err(SocketError::InUse(_))));
        assert!(UnixStream::connect(&path).is_ok());
        drop(socket);
    }

    #[tokio::test]
    async fn what_is_no_socket_is_left_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("admin.sock");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(AdminSocket::bind(&path), Err(SocketError::NotASocket(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_successor_keeps_its_file() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("admin.sock");
        let first = AdminSocket::bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let second = AdminSocket::bind(&path).unwrap();
        drop(first);
        assert!(UnixStream::connect(&path).is_ok());
        drop(second);
    }
}
