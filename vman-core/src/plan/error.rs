//! Why a request cannot be met.

use core::fmt;

use super::World;
use crate::error::ErrorKind;
use crate::id::{ByteSize, PhysAddr};

/// One of an inventory's lists of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum List {
    /// Non-secure memory.
    Pool,
    /// Secure memory.
    SecurePool,
    /// Memory in use.
    Used,
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pool => "Memory pool",
            Self::SecurePool => "Secure memory pool",
            Self::Used => "List of memory in use",
        })
    }
}

/// Why a request cannot be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A partition has at least one core.
    #[error("A partition needs at least one core")]
    NoCores,
    /// A partition has memory.
    #[error("A partition needs memory")]
    NoMemory,
    /// Only a critical partition shares CPUs, for it has priority over the other one.
    #[error("Only a secure partition can share the CPUs of another one")]
    SharedNotSecure,
    /// The granule is zero or no power of two.
    #[error("Memory granule of {granule} is no power of two")]
    BadGranule {
        /// The inventory's granule.
        granule: ByteSize,
    },
    /// Memory is given in whole granules.
    #[error("Memory of {memory} is not a multiple of {granule}")]
    NotAMultiple {
        /// What was asked.
        memory: ByteSize,
        /// What it must be a multiple of.
        granule: ByteSize,
    },
    /// A range lies below the end of the one before it.
    #[error("{list} is not sorted and disjoint at entry {index}")]
    NotSorted {
        /// Which list.
        list: List,
        /// Index of the range that lies too low.
        index: usize,
    },
    /// Too few CPUs are free.
    #[error("{wanted} cores asked, {free} free")]
    NotEnoughCores {
        /// Cores asked.
        wanted: u32,
        /// Cores that could be given.
        free: u32,
    },
    /// The other partition has fewer CPUs.
    #[error("{wanted} cores asked, the partition that shares its CPUs has {shared}")]
    NotEnoughSharedCores {
        /// Cores asked.
        wanted: u32,
        /// Cores of the other partition.
        shared: u32,
    },
    /// The management partition's CPUs cannot be shared.
    #[error("CPU {cpu} belongs to the management partition and cannot be shared")]
    SharedWithManagement {
        /// The lowest such CPU.
        cpu: crate::id::CpuId,
    },
    /// The board has no memory of this world.
    #[error("This board has no {} memory for partitions", world_name(*.world))]
    NoPool {
        /// The world that was asked for.
        world: World,
    },
    /// Too little memory is free.
    #[error("{wanted} of {} memory asked, {free} free, {largest} in one piece", world_name(*.world))]
    NotEnoughMemory {
        /// The pool's world.
        world: World,
        /// Bytes asked.
        wanted: ByteSize,
        /// Bytes that could be given.
        free: ByteSize,
        /// Bytes that could be given in one piece.
        largest: ByteSize,
    },
    /// Enough memory is free, but in pieces.
    #[error(
        "{wanted} of {} memory asked in one piece, the largest of {free} free is {largest}",
        world_name(*.world)
    )]
    Fragmented {
        /// The pool's world.
        world: World,
        /// Bytes asked.
        wanted: ByteSize,
        /// Bytes that could be given.
        free: ByteSize,
        /// Bytes that could be given in one piece.
        largest: ByteSize,
    },
    /// A range that is to be given back is none that was given.
    #[error("No partition was given the memory at {base}")]
    NotGranted {
        /// Base of the range.
        base: PhysAddr,
    },
}

impl PlanError {
    /// What kind of error it is.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NoCores
            | Self::NoMemory
            | Self::SharedNotSecure
            | Self::NotAMultiple { .. }
            | Self::SharedWithManagement { .. } => ErrorKind::InvalidArgument,
            Self::NotEnoughCores { .. }
            | Self::NotEnoughSharedCores { .. }
            | Self::NotEnoughMemory { .. }
            | Self::Fragmented { .. } => ErrorKind::NoResources,
            Self::NoPool { .. } => ErrorKind::Unsupported,
            Self::BadGranule { .. } | Self::NotSorted { .. } | Self::NotGranted { .. } => ErrorKind::Internal,
        }
    }
}

const fn world_name(world: World) -> &'static str {
    match world {
        World::NonSecure => "non-secure",
        World::Secure => "secure",
    }
}
