//! Waiting for a descriptor without the interpreter's lock, until the time is up or somebody presses Ctrl-C.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pyo3::prelude::*;

/// So often Python's signal handlers get their turn.
pub(crate) const SIGNALS_EVERY: Duration = Duration::from_millis(100);
const SIGNALS_EVERY_MS: u16 = 100;

/// How a wait ended.
#[derive(Debug)]
pub(crate) enum Waited {
    /// There is something to read.
    Ready,
    /// The time is up.
    Late,
    /// A signal handler of Python raised.
    Interrupted(PyErr),
}

/// A moment after `timeout`; `None` is never.
pub(crate) fn deadline(timeout: Option<Duration>) -> Option<Instant> {
    timeout.and_then(|timeout| Instant::now().checked_add(timeout))
}

/// A number of seconds as Python gives it: `None` for ever; nothing below zero, and no NaN.
pub(crate) fn duration(py: Python<'_>, name: &str, seconds: Option<f64>) -> PyResult<Option<Duration>> {
    let Some(seconds) = seconds else { return Ok(None) };
    if seconds == f64::INFINITY {
        return Ok(None);
    }
    Duration::try_from_secs_f64(seconds).map(Some).map_err(|_| {
        crate::errors::invalid(
            py,
            &format!("{name} must be a number of seconds of at least 0, not {seconds}"),
        )
    })
}

/// Waits until `fd` can be read. The caller does not hold the interpreter's lock.
pub(crate) fn until_readable(fd: BorrowedFd<'_>, until: Option<Instant>) -> Waited {
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let slice = left.and_then(|left| u16::try_from(left.as_micros().div_ceil(1_000)).ok());
        let slice = slice.unwrap_or(SIGNALS_EVERY_MS).min(SIGNALS_EVERY_MS);
        match poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], PollTimeout::from(slice)) {
            Ok(0) | Err(Errno::EINTR) => {
                if let Err(raised) = Python::attach(|py| py.check_signals()) {
                    return Waited::Interrupted(raised);
                }
                if left.is_some_and(|left| left.is_zero()) {
                    return Waited::Late;
                }
            }
            // A descriptor that is broken can be read: the read says what is wrong.
            Ok(_) | Err(_) => return Waited::Ready,
        }
    }
}

/// Whether `fd` can be read now.
pub(crate) fn is_readable(fd: BorrowedFd<'_>) -> bool {
    poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], PollTimeout::ZERO) != Ok(0)
}
