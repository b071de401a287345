//! What must outlive the monitor: how threads were scheduled before, and what its owner wants to find again.
//!
//! A monitor that is killed cannot give anything back. So it writes down what a thread was *before* it touches it;
//! whoever comes next reads that ([`Journal::open`]) and restores the threads, or goes on with them.
//! A thread is known by its id and its start time: an id that was given to another thread in the meantime is left alone.

mod identity;
mod journal;
mod record;
mod remembering;

pub use identity::boot_id;
pub use journal::{Error, Journal, Loaded, SetAside};
pub use record::{Item, Saved, SavedAttr, SavedThread};
pub use remembering::{Recovered, Remembering};
