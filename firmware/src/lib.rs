//! The firmware's logic: the vManager Unit (SMC service) and the Power Management Unit (PSCI), over small platform
//! traits. No `std`, no heap, no unsafe code: the bare-metal binaries and the simulator both stand on it.
#![no_std]
#![forbid(unsafe_code)]

pub mod monitor;
pub mod platform;

pub use monitor::{Boot, Kick, Monitor, Outcome};
pub use platform::Platform;
