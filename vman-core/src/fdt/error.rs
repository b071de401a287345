//! What is wrong with a device tree.

use alloc::string::String;

use dtoolkit::error::FdtParseError;

use super::{COMMAND_LINE_MAX, MAX_DEPTH};
use crate::error::ErrorKind;
use crate::id::{ByteSize, CpuId, MAX_CPUS, Mpidr, PhysRange};
use crate::image::DEVICE_TREE_MAX;

/// What is wrong with a device tree, or with what shall be written into it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FdtError {
    /// There is no room for a header.
    #[error("Device tree of {len} is shorter than its header of 40 bytes")]
    TooShort {
        /// Length of the blob.
        len: ByteSize,
    },
    /// It is no flattened device tree.
    #[error(
        "Device tree begins with bytes {found:02x?} instead of d0 0d fe ed: no flattened device tree (.dtb)"
    )]
    Magic {
        /// What stands there.
        found: [u8; 4],
    },
    /// The blob ends too early.
    #[error("Device tree is truncated: its header says {claims}, there are {has}")]
    Truncated {
        /// `totalsize` of the header.
        claims: ByteSize,
        /// Length of the blob.
        has: ByteSize,
    },
    /// It is larger than arm64 Linux maps.
    #[error("Device tree of {len} is larger than {DEVICE_TREE_MAX}")]
    TooLarge {
        /// Its size.
        len: ByteSize,
    },
    /// Nodes lie too deep in each other.
    #[error("Device tree has nodes more than {MAX_DEPTH} levels deep")]
    TooDeep,
    /// Header, structure or strings break the format.
    #[error("Device tree is malformed: {0}")]
    Malformed(FdtParseError),
    /// A property has a length or a content that its binding does not allow.
    #[error("Device tree: property {property} of {node} is malformed")]
    BadProperty {
        /// Path or name of the node.
        node: String,
        /// The property.
        property: &'static str,
    },
    /// An address or a size needs more cells than the parent node has.
    #[error("Range {range} does not fit into the device tree's #address-cells and #size-cells")]
    TooFewCells {
        /// What shall be written.
        range: PhysRange,
    },
    /// There is no CPU.
    #[error("Device tree has no CPUs (nodes with device_type \"cpu\" under /cpus)")]
    NoCpus,
    /// There are more CPUs than a board can have.
    #[error("Device tree has {count} CPUs; at most {MAX_CPUS} are possible")]
    TooManyCpus {
        /// How many there are.
        count: usize,
    },
    /// Two CPUs have the same MPIDR.
    #[error("Device tree has two CPUs with MPIDR {mpidr}")]
    DuplicateCpu {
        /// The MPIDR.
        mpidr: Mpidr,
    },
    /// There is no memory.
    #[error("Device tree has no memory (nodes with device_type \"memory\")")]
    NoMemory,
    /// Ranges of memory overlap.
    #[error("Device tree has memory ranges that overlap: {one} and {other}")]
    MemoryOverlap {
        /// The lower range.
        one: PhysRange,
        /// The other range.
        other: PhysRange,
    },
    /// There is no GICv3.
    #[error("Device tree has no interrupt controller compatible with \"arm,gic-v3\"")]
    NoInterruptController,
    /// There is no generic timer.
    #[error("Device tree has no timer compatible with \"arm,armv8-timer\"")]
    NoTimer,
    /// The redistributor regions end before the CPU's frame.
    #[error("Device tree has no redistributor for CPU {cpu}")]
    NoRedistributor {
        /// The CPU.
        cpu: CpuId,
    },
    /// The console's clock is a device that a partition does not own.
    #[error("Console's clock is not a fixed clock: give a device tree with the deployment")]
    ConsoleClock,
    /// A device that stays is wired to an interrupt controller that does not.
    #[error("{node} is not wired to the GIC: give a device tree with the deployment")]
    ForeignInterrupt {
        /// The device's node.
        node: String,
    },
    /// The board has fewer CPUs.
    #[error("Board's device tree has {count} CPUs and none with index {cpu}")]
    NoSuchCpu {
        /// Index that was asked for.
        cpu: CpuId,
        /// CPUs of the board.
        count: usize,
    },
    /// The board has another CPU at this index, or none.
    #[error("Board's device tree has no CPU {cpu} with MPIDR {mpidr}")]
    UnknownCpu {
        /// Index that was asked for.
        cpu: CpuId,
        /// Its MPIDR.
        mpidr: Mpidr,
    },
    /// The user's tree names a CPU that is not the partition's.
    #[error("Device tree names a CPU with MPIDR {mpidr} that is not the partition's")]
    ForeignCpu {
        /// The MPIDR.
        mpidr: Mpidr,
    },
    /// The user's tree names memory that is not the partition's.
    #[error("Device tree names memory {found} outside the partition's {memory}")]
    ForeignMemory {
        /// What the tree says.
        found: PhysRange,
        /// The partition's memory.
        memory: PhysRange,
    },
    /// The initial ramdisk does not lie in the partition's memory.
    #[error("Initial ramdisk at {found} is outside the partition's memory {memory}")]
    ForeignInitrd {
        /// Where it would be.
        found: PhysRange,
        /// The partition's memory.
        memory: PhysRange,
    },
    /// The command line is longer than arm64 Linux keeps.
    #[error("Kernel command line of {len} bytes is longer than {COMMAND_LINE_MAX}")]
    CommandLineTooLong {
        /// Its length.
        len: usize,
    },
    /// The command line has a byte that ends it.
    #[error("Kernel command line contains a zero byte")]
    CommandLineZero,
    /// The console's interrupt is no SPI.
    #[error("Console interrupt {intid} is no shared peripheral interrupt (32 to 1019)")]
    NoSpi {
        /// GIC INTID.
        intid: u32,
    },
}

impl FdtError {
    /// What kind of error it is.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NoInterruptController
            | Self::NoTimer
            | Self::NoRedistributor { .. }
            | Self::ConsoleClock
            | Self::ForeignInterrupt { .. } => ErrorKind::Unsupported,
            Self::TooShort { .. }
            | Self::Magic { .. }
            | Self::Truncated { .. }
            | Self::TooLarge { .. }
            | Self::TooDeep
            | Self::Malformed(_)
            | Self::BadProperty { .. }
            | Self::TooFewCells { .. }
            | Self::NoCpus
            | Self::TooManyCpus { .. }
            | Self::DuplicateCpu { .. }
            | Self::NoMemory
            | Self::MemoryOverlap { .. }
            | Self::NoSuchCpu { .. }
            | Self::UnknownCpu { .. }
            | Self::ForeignCpu { .. }
            | Self::ForeignMemory { .. }
            | Self::ForeignInitrd { .. }
            | Self::CommandLineTooLong { .. }
            | Self::CommandLineZero
            | Self::NoSpi { .. } => ErrorKind::InvalidArgument,
        }
    }
}
