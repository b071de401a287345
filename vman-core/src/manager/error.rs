//! What the manager refuses before it asks the device.

use crate::error::ErrorKind;
use crate::fdt::FdtError;
use crate::id::{ByteSize, PartitionId};
use crate::state::{InvalidTransition, Operation};

/// A rule that a command breaks.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ManagerError {
    /// The partition's state or condition does not take the operation.
    #[error("Partition {id} {}", refused.clause())]
    Transition {
        /// The partition.
        id: PartitionId,
        /// Both states.
        refused: InvalidTransition,
    },
    /// Another operation is under way.
    #[error("Partition {id} is busy: {running} is under way")]
    Busy {
        /// The partition.
        id: PartitionId,
        /// The operation that is under way.
        running: Operation,
    },
    /// Partition 0 cannot be operated on.
    #[error("Partition 0 is the management partition; commands take partitions from 1 on")]
    Management,
    /// A value of `create-partition` breaks a rule.
    #[error("Argument {argument} {rule}")]
    Create {
        /// The argument.
        argument: &'static str,
        /// The rule.
        rule: String,
    },
    /// The memory is no multiple of the granule.
    #[error("Memory of {size} is no multiple of {granule}, the board's granule")]
    Granule {
        /// What was asked.
        size: ByteSize,
        /// The board's granule.
        granule: ByteSize,
    },
    /// A time-out is out of range.
    #[error("Argument timeout_ms must be 1 to 600000, not {0}")]
    TimeoutRange(u64),
    /// `console-read` with a useless length.
    #[error("Argument max must be 1 to 524288, not {0}")]
    ConsoleLength(u32),
    /// The partition does not read its console.
    #[error("Partition {id} takes no more console input now; {left} bytes were not typed")]
    ConsoleFull {
        /// The partition.
        id: PartitionId,
        /// Bytes that were not typed.
        left: usize,
    },
    /// No board can ask an operating system to stop.
    #[error("Graceful shutdown is not supported; mode must be \"forced\"")]
    Graceful,
    /// The device gives a device tree of the board that is broken, so none can be made for a partition.
    #[error("Board's own device tree is broken; give one with dtb")]
    BoardTree {
        /// What is wrong with it.
        source: FdtError,
    },
    /// The operating system gives no random numbers for a partition's kernel.
    #[error("The operating system gives no random numbers: {reason}")]
    Random {
        /// What it says.
        reason: String,
    },
    /// The command needs vmand.
    #[error("{0} needs vmand: connect to its socket")]
    NeedsDaemon(&'static str),
}

impl ManagerError {
    /// What kind of error it is.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Transition { .. } => ErrorKind::InvalidState,
            Self::Busy { .. } | Self::ConsoleFull { .. } => ErrorKind::Busy,
            Self::Management
            | Self::Create { .. }
            | Self::Granule { .. }
            | Self::TimeoutRange(_)
            | Self::ConsoleLength(_) => ErrorKind::InvalidArgument,
            Self::BoardTree { .. } | Self::Random { .. } => ErrorKind::Internal,
            Self::Graceful | Self::NeedsDaemon(_) => ErrorKind::Unsupported,
        }
    }
}
