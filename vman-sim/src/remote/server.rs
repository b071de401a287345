//! Serves a board to any number of clients.

use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use vman_core::device::{
    ConsoleAction, DeviceError, EventSource as _, LoadImage, ManagerDevice as _, PartitionDevice as _,
    Segment,
};
use vman_core::error::ErrorKind;
use vman_core::id::PartitionId;

use super::{Answer, Request, frame};
use crate::driver::SimDevice;

/// Clients at a time.
const CONNECTIONS_MAX: usize = 256;
/// Longest piece of a console that is read at once in bytes.
const READ_MAX: usize = 1 << 20;
/// Only the user who started the board may use it.
const SOCKET_MODE: u32 = 0o600;

/// Why a board cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Another simulator listens there.
    #[error("A simulated board listens at {} already", path.display())]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// There is something else.
    #[error("{} exists and is no socket", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The system refuses the socket.
    #[error("Socket {} cannot be served", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What it says.
        #[source]
        source: io::Error,
    },
}

/// Serves `device` at `path` until the process ends; a socket that a dead simulator left behind is replaced.
/// `ready` is called as soon as clients can connect.
///
/// # Errors
/// [`ServeError`].
pub fn serve(device: &SimDevice, path: &Path, ready: impl FnOnce()) -> Result<(), ServeError> {
    let failed = |source| ServeError::Socket { path: path.into(), source };
    clear_away(path)?;
    let listener = UnixListener::bind(path).map_err(failed)?;
    fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE)).map_err(failed)?;
    ready();
    let connections = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        // One connection that cannot be taken is no reason to drop the board.
        let Ok(stream) = stream else { continue };
        let place = Place::take(&connections);
        let device = device.clone();
        let talk = move || match place {
            Some(_place) => talk(&device, &stream),
            None => {
                let error = DeviceError::new(
                    ErrorKind::NoResources,
                    format!("The simulated board has {CONNECTIONS_MAX} connections already"),
                );
                frame::write(&mut &stream, &Answer::refused(&error), &[])
            }
        };
        let _ = std::thread::Builder::new().name("sim-client".into()).spawn(talk);
    }
    Ok(())
}

/// Removes the socket of a simulator that is not there any more.
fn clear_away(path: &Path) -> Result<(), ServeError> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    if !metadata.file_type().is_socket() {
        return Err(ServeError::NotASocket { path: path.into() });
    }
    if UnixStream::connect(path).is_ok() {
        return Err(ServeError::InUse { path: path.into() });
    }
    fs::remove_file(path).map_err(|source| ServeError::Socket { path: path.into(), source })
}

/// One of the connections; gives its place back when it ends.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(connections: &Arc<AtomicUsize>) -> Option<Self> {
        let place = Self(Arc::clone(connections));
        (connections.fetch_add(1, Ordering::Relaxed) < CONNECTIONS_MAX).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers one client until it goes.
fn talk(device: &SimDevice, mut stream: &UnixStream) -> io::Result<()> {
    while let Some((request, payload)) = frame::read::<Request>(&mut stream)? {
        if matches!(request, Request::Events) {
            return send_events(device, stream);
        }
        let (answer, bytes) = match answer(device, request, &payload) {
            Ok(answered) => answered,
            Err(error) => (Answer::refused(&error), Vec::new()),
        };
        frame::write(&mut stream, &answer, &[&bytes])?;
    }
    Ok(())
}

fn answer(device: &SimDevice, request: Request, payload: &[u8]) -> Result<(Answer, Vec<u8>), DeviceError> {
    let plain = |answer| Ok((answer, Vec::new()));
    let open = |id: PartitionId| device.open(id);
    match request {
        Request::Host => plain(Answer::Host(Box::new(device.host()?))),
        Request::Create(request) => plain(Answer::Id(device.create(&request)?)),
        Request::List => plain(Answer::List(device.list()?)),
        Request::Link(ends) => plain(Answer::Link(device.link(ends)?)),
        Request::Links => plain(Answer::Links(device.links()?)),
        Request::Info(id) => plain(Answer::Info(Box::new(open(id)?.info()?))),
        Request::Deploy { id, segments, entry, device_tree } => {
            let segments = cut(&segments, payload)?;
            open(id)?.deploy(&LoadImage { segments, entry, device_tree })?;
            plain(Answer::Done)
        }
        Request::Control { id, operation, timeout } => {
            open(id)?.control(operation, timeout)?;
            plain(Answer::Done)
        }
        Request::ConsoleRead { id, position, len } => {
            let mut buffer = vec![0; len.min(READ_MAX)];
            let span = open(id)?.console(ConsoleAction::Read { position, buffer: &mut buffer })?;
            buffer.truncate(span.len);
            Ok((Answer::Console(span), buffer))
        }
        Request::ConsoleWrite { id } => {
            plain(Answer::Console(open(id)?.console(ConsoleAction::Write { data: payload })?))
        }
        Request::Stats(id) => plain(Answer::Stats(open(id)?.stats()?)),
        Request::Events => plain(Answer::Done),
    }
}

/// The segments that lie in the payload one after another.
fn cut<'a>(lengths: &[(u64, usize)], payload: &'a [u8]) -> Result<Vec<Segment<'a>>, DeviceError> {
    let mut rest = payload;
    let mut segments = Vec::with_capacity(lengths.len());
    for (offset, len) in lengths {
        let Some((data, behind)) = rest.split_at_checked(*len) else {
            return Err(DeviceError::new(
                ErrorKind::InvalidArgument,
                format!("Segment of {len} bytes at offset {offset:#x} was not sent whole"),
            ));
        };
        segments.push(Segment { offset: *offset, data });
        rest = behind;
    }
    Ok(segments)
}

/// Sends events until the client goes or the board does.
fn send_events(device: &SimDevice, mut stream: &UnixStream) -> io::Result<()> {
    let mut events = match device.events() {
        Ok(events) => events,
        Err(error) => return frame::write(&mut stream, &Answer::refused(&error), &[]),
    };
    frame::write(&mut stream, &Answer::Done, &[])?;
    loop {
        let mut fds =
            [PollFd::new(events.as_fd(), PollFlags::POLLIN), PollFd::new(stream.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::NONE) {
            Err(nix::errno::Errno::EINTR) => continue,
            other => other.map_err(io::Error::from)?,
        };
        // A subscriber says nothing more: whatever comes from it is its end.
        if fds[1].any().unwrap_or(true) {
            return Ok(());
        }
        loop {
            match events.next() {
                Ok(Some(event)) => frame::write(&mut stream, &Answer::Event(event), &[])?,
                Ok(None) => break,
                Err(error) => return frame::write(&mut stream, &Answer::refused(&error), &[]),
            }
        }
    }
}
