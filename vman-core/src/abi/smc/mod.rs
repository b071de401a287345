//! The vManager service of the firmware: SMC64 fast calls in the OEM owner range (Arm DEN 0028, SMC Calling
//! Convention 1.2), made by the management partition only.
//!
//! A call puts its function identifier into `x0` and up to seven arguments into `x1`..`x7`; the status comes back in
//! `x0` (0, [`PENDING`] or a negative [`SmcError`]) and up to three results in `x1`..`x3`. No call takes long: what
//! needs time answers [`PENDING`] and is called again, or watched by [`FunctionId::PartInfo`].

mod call;
mod create;
mod error;
mod event;
mod function;
mod query;
mod status;
mod version;

pub use call::{Completion, SmcCall, SmcReturn};
pub use create::{CreateArgs, CreateFlags};
pub use error::SmcError;
pub use event::{EventKind, FaultReason};
pub use function::{FunctionId, LINKS_MAX, LOAD_ALIGNMENT, LOAD_MAX};
pub use query::{BoardPage, Counter, CpuPower, InfoPage};
pub use status::Status;
pub use version::Version;

/// Status of a call that has begun and goes on: call again (destroy) or watch [`FunctionId::PartInfo`].
pub const PENDING: u64 = 1;
/// Version of this interface. The minor number rises with additions, the major with everything else.
pub const ABI_VERSION: Version = Version { major: 1, minor: 0 };
/// UUID of the service, as [`FunctionId::CallUid`] answers it in `x0`..`x3` (32 bits each).
pub const SERVICE_UID: [u32; 4] = [0x7c6d_3f5a, 0x4f0d_9be1, 0x83a2_6c10, 0x5d4e_0b97];
