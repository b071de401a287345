//! The Unix socket: made here, or handed over by systemd.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, umask};
use nix::unistd::Group;

/// A socket that this daemon made: removed when it stops.
#[derive(Debug)]
pub struct Socket {
    path: PathBuf,
    /// Held while the daemon lives. Of two that start at once, one gets it.
    _lock: File,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketError {
    /// Another one answers there.
    #[error("Another program listens at {}", .0.display())]
    InUse(PathBuf),
    /// Something else is there.
    #[error("{} is not a socket; it is left alone", .0.display())]
    NotASocket(PathBuf),
    /// The group that it shall belong to.
    #[error("There is no group {0} that the socket could belong to")]
    NoGroup(String),
    /// The system refuses.
    #[error("Cannot listen at {}", path.display())]
    Listen {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// systemd handed over something else.
    #[error("What systemd handed over is no listening Unix socket")]
    HandedOver(#[source] io::Error),
}

impl Socket {
    /// Makes the socket at `path` with `mode`, owned by `group`. A socket that nobody answers on is replaced.
    ///
    /// # Errors
    /// [`SocketError`].
    pub fn listen(
        path: &Path,
        mode: u32,
        group: Option<&str>,
    ) -> Result<(UnixListener, Socket), SocketError> {
        let failed = |source| SocketError::Listen { path: path.into(), source };
        let gid = match group {
            None => None,
            Some(name) => {
                let found = Group::from_name(name).ok().flatten();
                Some(found.ok_or_else(|| SocketError::NoGroup(name.to_owned()))?.gid)
            }
        };
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        let lock = lock(path)?;
        remove_stale(path)?;
        let listener = bind_closed(path).map_err(failed)?;
        if let Some(gid) = gid {
            chown(path, None, Some(gid.as_raw())).map_err(failed)?;
        }
        fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed)?;
        Ok((listener, Socket { path: path.into(), _lock: lock }))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Whoever comes next replaces what is left.
        let _ = fs::remove_file(&self.path);
    }
}

fn lock(path: &Path) -> Result<File, SocketError> {
    let failed = |source| SocketError::Listen { path: path.into(), source };
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(false).write(true).mode(0o600).open(&name).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(SocketError::InUse(path.into())),
        Err(fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Nobody can connect between bind and the final permissions.
fn bind_closed(path: &Path) -> io::Result<UnixListener> {
    let before = umask(Mode::from_bits_truncate(0o177));
    let listener = UnixListener::bind(path);
    umask(before);
    listener
}

fn remove_stale(path: &Path) -> Result<(), SocketError> {
    let failed = |source| SocketError::Listen { path: path.into(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(found) if !found.file_type().is_socket() => return Err(SocketError::NotASocket(path.into())),
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(SocketError::InUse(path.into())),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}

/// The socket that systemd has opened for us (`LISTEN_FDS`), if any.
///
/// # Errors
/// The descriptor is no listening Unix socket.
pub fn handed_over() -> Result<Option<UnixListener>, SocketError> {
    listenfd::ListenFd::from_env().take_unix_listener(0).map_err(SocketError::HandedOver)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_in_use_is_refused_and_a_stale_one_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/x.sock");
        let (listener, socket) = Socket::listen(&path, 0o640, None).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(matches!(Socket::listen(&path, 0o660, None), Err(SocketError::InUse(_))));
        // As after a kill: the file stays, nobody listens.
        let stale = directory.path().join("stale.sock");
        drop(UnixListener::bind(&stale).unwrap());
        assert!(Socket::listen(&stale, 0o660, None).is_ok());
        drop((listener, socket));
        assert!(!path.exists());
    }

    #[test]
    fn other_peoples_files_and_sockets_are_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        fs::write(&path, "mine").unwrap();
        assert!(matches!(Socket::listen(&path, 0o660, None), Err(SocketError::NotASocket(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        let path = directory.path().join("y");
        let _other = UnixListener::bind(&path).unwrap();
        assert!(matches!(Socket::listen(&path, 0o660, None), Err(SocketError::InUse(_))));
        let path = directory.path().join("z");
        assert!(matches!(Socket::listen(&path, 0o660, Some("no such group")), Err(SocketError::NoGroup(_))));
    }
}
