//! Waiting for any of several descriptors.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::error::Failure;

/// What a descriptor is watched for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Watch<'a> {
    /// Something to read.
    Input(BorrowedFd<'a>),
    /// Its reader to go away.
    Reader(BorrowedFd<'a>),
    /// Not at all.
    Nothing,
}

/// Waits until one of `watched` has what it is watched for or `timeout` is over, and tells which have.
pub(crate) fn wait<const N: usize>(
    watched: [Watch<'_>; N],
    timeout: Option<Duration>,
) -> Result<[bool; N], Failure> {
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let mut fds: Vec<_> = watched.iter().filter_map(|watch| watch.to_poll_fd()).collect();
    loop {
        match poll(&mut fds, timeout_until(deadline)) {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(Failure::Terminal(io::Error::from(errno))),
            Ok(0) if deadline.is_none_or(|deadline| Instant::now() < deadline) => {}
            Ok(_) => break,
        }
    }
    let mut fds = fds.iter();
    Ok(watched.map(|watch| match watch {
        Watch::Nothing => false,
        Watch::Input(_) | Watch::Reader(_) => fds.next().and_then(PollFd::any).unwrap_or(false),
    }))
}

/// Rounded up, so that nobody is woken a little too early; longer than `poll` can wait means that it is asked again.
fn timeout_until(deadline: Option<Instant>) -> PollTimeout {
    const ALMOST: Duration = Duration::from_micros(999);
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    let left = deadline.saturating_duration_since(Instant::now()) + ALMOST;
    PollTimeout::try_from(left.as_millis()).unwrap_or(PollTimeout::MAX)
}

impl<'a> Watch<'a> {
    /// [`Watch::Reader`] if there is a descriptor.
    pub(crate) fn reader(fd: Option<BorrowedFd<'a>>) -> Self {
        fd.map_or(Self::Nothing, Self::Reader)
    }

    /// A reader that has gone is an error condition, which is reported unasked.
    fn to_poll_fd(self) -> Option<PollFd<'a>> {
        match self {
            Self::Input(fd) => Some(PollFd::new(fd, PollFlags::POLLIN)),
            Self::Reader(fd) => Some(PollFd::new(fd, PollFlags::empty())),
            Self::Nothing => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Write as _, pipe};
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn input_and_a_gone_reader_are_told_apart() {
        let (reader, mut writer) = pipe().unwrap();
        let (far, near) = pipe().unwrap();
        let watched = [Watch::Nothing, Watch::Input(reader.as_fd()), Watch::Reader(near.as_fd())];
        assert_eq!(wait(watched, Some(Duration::from_millis(1))).unwrap(), [false; 3]);
        writer.write_all(b"x").unwrap();
        assert_eq!(wait(watched, None).unwrap(), [false, true, false]);
        drop(far);
        assert_eq!(wait(watched, None).unwrap(), [false, true, true]);
    }

    #[test]
    fn end_of_input_is_input() {
        let (reader, writer) = pipe().unwrap();
        drop(writer);
        assert_eq!(wait([Watch::Input(reader.as_fd())], None).unwrap(), [true]);
    }
}
