//! Reservations in the kernel: reserve, read, and give back.

mod attr;
mod claim;
mod error;
mod guard;
mod linux;
mod recording;
mod thread;

pub use attr::{SchedAttr, SchedPolicy};
pub use claim::Claiming;
pub use error::{Error, Rule};
pub use guard::{Guarded, guard};
pub use linux::LinuxScheduler;
pub use recording::{Call, RecordingScheduler};
pub(crate) use thread::is_runnable;
pub use thread::start_time;

use std::fmt;

use crate::budget::ReservationParams;

/// A thread, by the id that the kernel gives it (`gettid`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tid(pub u32);

impl fmt::Display for Tid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who gives reservations.
pub trait DeadlineScheduler {
    /// How the thread is scheduled now, to be restored by [`DeadlineScheduler::release`].
    ///
    /// # Errors
    /// The thread is gone or cannot be read.
    fn attributes(&mut self, tid: Tid) -> Result<SchedAttr, Error>;

    /// The reservation that the thread has already and that its monitor shall go on with; usually none.
    fn reservation(&mut self, _tid: Tid) -> Option<ReservationParams> {
        None
    }

    /// Gives the thread a reservation, or changes it; on an error the old one stays. `reclaim` lends it bandwidth that
    /// others leave unused (GRUB).
    ///
    /// # Errors
    /// The rule of the kernel that the reservation breaks.
    fn reserve(&mut self, tid: Tid, params: &ReservationParams, reclaim: bool) -> Result<(), Error>;

    /// Ends the reservation and restores `before`.
    ///
    /// # Errors
    /// The thread is gone, or the kernel refuses.
    fn release(&mut self, tid: Tid, before: &SchedAttr) -> Result<(), Error>;

    /// The thread has ended: what was kept of it is not needed any more.
    fn forget(&mut self, _tid: Tid) {}
}
