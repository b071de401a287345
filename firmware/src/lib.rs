//! The firmware's logic: the vManager Unit (SMC service) and the Power Management Unit (PSCI), over small platform
//! traits. No `std`, no heap, no unsafe code: the bare-metal binaries and the simulator both stand on it.
//!
//! | module | what |
//! |---|---|
//! | [`monitor`] | the entries: an SMC, a kick, a CPU parked, a CPU woken, a fault |
//! | [`platform`] | what the logic asks of the machine below it |
//! | `table` | the record of every CPU and every partition |
//! | `unit` | the vManager Unit: the SMC service of the management partition |
//! | `power` | the Power Management Unit: PSCI 1.1 and the SMC Calling Convention's queries |
//! | `lifecycle` | how stops, suspends and faults begin and complete |
//! | `link` | memory that two partitions share |
//! | `scrub` | memory cleared in steps |
//! | `events` | what waits for the management partition |
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod events;
mod lifecycle;
mod link;
pub mod monitor;
pub mod platform;
mod power;
mod scrub;
mod table;
mod unit;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

pub use monitor::{Board, Boot, Kick, Monitor, Outcome};
pub use platform::Platform;
pub use table::Lane;
