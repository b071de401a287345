//! The port: a character device such as `/dev/virtio-ports/NAME`, or a Unix socket that QEMU listens on.

use std::fs::File;
use std::io;
use std::net::Shutdown;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixStream as StdStream;
use std::path::Path;

use tokio::net::UnixStream;

use super::Error;

/// Opens the port at `path`.
///
/// # Errors
/// [`Error::Port`].
pub(super) async fn open(path: &Path) -> Result<UnixStream, Error> {
    let failed = |source| Error::Port { path: path.into(), source };
    let kind = std::fs::metadata(path).map_err(failed)?.file_type();
    match kind.is_socket() {
        true => UnixStream::connect(path).await.map_err(failed),
        false => open_device(path).map_err(failed),
    }
}

/// A device's reads and writes wait, so two threads carry its bytes; they end with the device, or with the stream.
fn open_device(path: &Path) -> io::Result<UnixStream> {
    let device = File::options().read(true).write(true).open(path)?;
    let (ours, theirs) = StdStream::pair()?;
    let (reader, writer) = (device.try_clone()?, theirs.try_clone()?);
    std::thread::spawn(move || carry(reader, writer));
    std::thread::spawn(move || carry(theirs, device));
    ours.set_nonblocking(true)?;
    UnixStream::from_std(ours)
}

/// Carries bytes until one end goes; the stream's end then shows it.
fn carry(mut from: impl io::Read + End, mut to: impl io::Write + End) {
    if let Err(error) = io::copy(&mut from, &mut to) {
        tracing::debug!(%error, "The port broke");
    }
    from.end();
    to.end();
}

/// What the other thread has to see.
trait End {
    fn end(&self);
}

impl End for StdStream {
    fn end(&self) {
        // It may have ended from the other side already.
        let _ = self.shutdown(Shutdown::Both);
    }
}

impl End for File {
    fn end(&self) {}
}
