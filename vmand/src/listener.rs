//! Sockets: made here, or handed over by systemd.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, umask};
use nix::unistd::Gid;

use crate::Error;

/// A socket that vmand made: removed when it stops.
#[derive(Debug)]
pub struct Socket {
    path: PathBuf,
    /// Held while vmand lives. Of two that start at once, one gets it.
    _lock: File,
}

impl Socket {
    /// Makes the socket at `path` with `mode`, owned by `group`. A socket that nobody answers on is replaced.
    ///
    /// # Errors
    /// [`Error::SocketInUse`], [`Error::NotASocket`], [`Error::Listen`].
    pub fn listen(path: &Path, mode: u32, group: Option<Gid>) -> Result<(UnixListener, Self), Error> {
        let failed = |source| Error::Listen { path: path.into(), source };
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        let lock = lock(path)?;
        remove_stale(path)?;
        let listener = bind_closed(path).map_err(failed)?;
        let shared = fs::set_permissions(path, Permissions::from_mode(mode))
            .and_then(|()| chown(path, None, group.map(Gid::as_raw)));
        shared.or_else(|error| tolerate_foreign_group(path, error)).map_err(failed)?;
        Ok((listener, Self { path: path.into(), _lock: lock }))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Whoever comes next replaces what is left.
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(lock_path(&self.path));
    }
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

fn lock(path: &Path) -> Result<File, Error> {
    let failed = |source| Error::Listen { path: path.into(), source };
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(lock_path(path))
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(Error::SocketInUse(path.into())),
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

/// A vmand that does not run as root may be unable to give its socket away; only its own user gets in then.
fn tolerate_foreign_group(path: &Path, error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::PermissionDenied {
        tracing::warn!(path = %path.display(), "Socket cannot be given to the group: only its owner gets in");
        return Ok(());
    }
    Err(error)
}

fn remove_stale(path: &Path) -> Result<(), Error> {
    let failed = |source| Error::Listen { path: path.into(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(found) if !found.file_type().is_socket() => return Err(Error::NotASocket(path.into())),
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(Error::SocketInUse(path.into())),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            tracing::info!(path = %path.display(), "Replacing a socket that nobody listens on");
            fs::remove_file(path).map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}

/// The socket that systemd has opened for us (`LISTEN_FDS`), if any.
///
/// # Errors
/// If the descriptor is no listening Unix socket.
pub fn handed_over() -> Result<Option<UnixListener>, Error> {
    let failed = |source| Error::System { action: "Taking over systemd's socket", source };
    listenfd::ListenFd::from_env().take_unix_listener(0).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_in_use_is_refused_and_a_stale_one_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/vmand.sock");
        let (listener, socket) = Socket::listen(&path, 0o660, None).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        assert!(matches!(Socket::listen(&path, 0o660, None), Err(Error::SocketInUse(_))));
        std::mem::forget(socket);
        drop(listener);
        fs::remove_file(lock_path(&path)).unwrap();
        let (_listener, socket) = Socket::listen(&path, 0o660, None).unwrap();
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn socket_of_another_program_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vmand.sock");
        let _other = UnixListener::bind(&path).unwrap();
        assert!(matches!(Socket::listen(&path, 0o660, None), Err(Error::SocketInUse(_))));
    }

    #[test]
    fn file_at_the_path_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vmand.sock");
        fs::write(&path, "mine").unwrap();
        assert!(matches!(Socket::listen(&path, 0o660, None), Err(Error::NotASocket(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }
}
