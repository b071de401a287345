//! The terminal that we are on.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::error::Failure;

/// Columns when there is no terminal.
pub(crate) const DEFAULT_COLUMNS: usize = 80;

/// Columns and rows.
pub(crate) fn size() -> Option<(usize, usize)> {
    let (columns, rows) = crossterm::terminal::size().ok()?;
    (columns > 0 && rows > 0).then_some((columns.into(), rows.into()))
}

/// Keys come one by one and unechoed until this is dropped.
#[derive(Debug)]
pub(crate) struct RawMode(());

impl RawMode {
    pub(crate) fn enter() -> Result<Self, Failure> {
        crossterm::terminal::enable_raw_mode().map_err(Failure::Terminal)?;
        Ok(Self(()))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // The terminal may be gone, then there is nothing to restore.
        let _ = crossterm::terminal::disable_raw_mode();
    }
}

/// Signals as readable data instead of sudden death, so that the terminal is left as it was.
#[derive(Debug)]
pub(crate) struct Signals {
    set: SigSet,
    fd: SignalFd,
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To end.
    End,
    /// To look at the terminal's size again.
    Resize,
}

impl Signals {
    /// Takes SIGINT, SIGTERM, SIGHUP and SIGWINCH until this is dropped.
    pub(crate) fn take() -> Result<Self, Failure> {
        let signals = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGWINCH];
        let set: SigSet = signals.into_iter().collect();
        set.thread_block().map_err(to_failure)?;
        let fd =
            SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC).map_err(to_failure)?;
        Ok(Self { set, fd })
    }

    /// The next signal that has come.
    pub(crate) fn next(&mut self) -> Result<Option<Asked>, Failure> {
        let signal = self.fd.read_signal().map_err(to_failure)?;
        let is_resize = |number| i32::try_from(number) == Ok(Signal::SIGWINCH as i32);
        Ok(signal.map(|info| if is_resize(info.ssi_signo) { Asked::Resize } else { Asked::End }))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        let _ = self.set.thread_unblock();
    }
}

fn to_failure(errno: nix::errno::Errno) -> Failure {
    Failure::Terminal(io::Error::from(errno))
}
