//! The kernel driver's interface, as `kernel-driver/include/uapi/vmanager.h` has it: arguments of the ioctls of
//! `/dev/vmanager` and `/dev/vmanX`, and the records that reading them answers.
//!
//! The header is where the meaning of every field is written down. Every argument starts with a [`Header`]; the driver
//! takes longer and shorter arguments than its own, so structures grow at their end and the size is no part of an
//! ioctl number. `tests/abi` compares sizes, offsets and numbers with the header.

mod argument;
mod command;
mod event;
pub mod operation;
mod reason;
pub mod state;

pub use argument::{
    Argument, Console, Control, CpuInfo, Create, Deploy, Header, Host, Info, Link, List, Name, Pool, Segment,
    Stats, Version,
};
pub use command::Command;
pub use event::{Event, EventKind};
pub use reason::Reason;

/// Type of the ioctl numbers.
pub const MAGIC: u8 = 0xBE;
/// Version of the interface: major number in the upper, minor in the lower 16 bits.
pub const ABI_VERSION: u32 = 0x0001_0000;
/// Bytes of a name with the zero byte at its end.
pub const NAME_SIZE: usize = 64;
/// Counters that [`Stats`] has room for.
pub const COUNTERS: usize = 16;
/// Most segments of a [`Deploy`].
pub const SEGMENTS_MAX: u32 = 64;
/// Words of a CPU set.
pub const CPU_WORDS: usize = 4;
