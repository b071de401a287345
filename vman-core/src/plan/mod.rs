//! Which cores and which memory a request gets (source document, 3.2.1.1: the driver "dynamically assigns specific
//! CPUs, a memory space").
//!
//! [`plan`] is a pure function: the same inventory and the same request give the same answer, nothing is allocated,
//! and the time grows linearly with the number of ranges. The kernel driver's planner in C follows the same rules
//! and is held to the same vectors (`tests/vectors/plan.json`).
//!
//! # Order of the checks
//! The first broken rule is the one that is reported.
//! 1. The request by itself: cores, memory, and that only a critical partition shares CPUs.
//! 2. The granule is a power of two, and the memory a multiple of it.
//! 3. The pool of the request's world, then the ranges in use, are sorted and disjoint.
//! 4. Cores: enough of them.
//! 5. Memory: the board has such a pool, enough of it is free, and one hole is large enough.
//!
//! # Cores
//! CPUs that may be given are free and not the management partition's. While some cluster has at least as many of
//! them as are still wanted, the one with the fewest such CPUs gives the lowest of them, and that is the end;
//! otherwise the cluster with the most gives all of them. Ties go to the lowest cluster number. So a partition lies
//! in one cluster if it can, in as few as possible if it cannot, and whole clusters are kept for others.
//!
//! A critical partition that shares gets the lowest CPUs of the set that it shares.
//!
//! # Memory
//! Holes are what no range in use covers; pool ranges that touch are one. A hole counts from its first address that
//! is a multiple of the granule and of [`BASE_ALIGNMENT`], in whole granules. The smallest hole that is large enough
//! gives its lower end; ties go to the lowest address. So a request is met whenever any hole can meet it.

mod cpus;
mod error;
mod memory;

#[cfg(feature = "alloc")]
mod book;

#[cfg(feature = "alloc")]
pub use book::Book;
pub use error::{List, PlanError};
pub use memory::MemoryFigures;

use crate::id::{ByteSize, CpuSet, PhysRange};

/// A partition's memory starts at a multiple of this, for arm64 Linux wants its image on a 2 MiB boundary.
pub const BASE_ALIGNMENT: ByteSize = ByteSize(2 << 20);

/// The security state of a partition (Arm: Non-secure and Secure state).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize))]
pub enum World {
    /// A non-critical partition.
    #[default]
    NonSecure,
    /// A critical partition.
    Secure,
}

/// What a board has, and what of it is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Inventory<'a> {
    /// CPUs that no partition owns.
    pub free: CpuSet,
    /// The management partition's CPUs: never given away, also if they are named in `free`.
    pub management: CpuSet,
    /// Cluster of each CPU by its index; CPUs behind the end of the slice are in cluster 0.
    pub clusters: &'a [u8],
    /// Non-secure memory that partitions are made of: sorted, disjoint.
    pub pool: &'a [PhysRange],
    /// Secure memory that critical partitions are made of: sorted, disjoint; empty if the board has none.
    pub secure_pool: &'a [PhysRange],
    /// Memory that is taken or reserved: sorted, disjoint; it may lie in either pool or in none.
    pub used: &'a [PhysRange],
    /// Memory is given in multiples of this, a power of two.
    pub granule: ByteSize,
}

impl<'a> Inventory<'a> {
    /// The pool of `world`.
    pub const fn pool_of(&self, world: World) -> &'a [PhysRange] {
        match world {
            World::NonSecure => self.pool,
            World::Secure => self.secure_pool,
        }
    }

    /// CPUs that a new partition may get.
    pub fn available(&self) -> CpuSet {
        self.free.difference(&self.management)
    }

    /// How much memory of `world` there is, is free, and is free in one piece.
    ///
    /// # Errors
    /// [`PlanError::BadGranule`], [`PlanError::NotSorted`].
    pub fn memory(&self, world: World) -> Result<MemoryFigures, PlanError> {
        self.check_granule()?;
        self.check_lists(world)?;
        Ok(memory::figures(self, world))
    }

    fn check_granule(&self) -> Result<(), PlanError> {
        if self.granule.0.is_power_of_two() {
            Ok(())
        } else {
            Err(PlanError::BadGranule { granule: self.granule })
        }
    }

    fn check_lists(&self, world: World) -> Result<(), PlanError> {
        let list = match world {
            World::NonSecure => List::Pool,
            World::Secure => List::SecurePool,
        };
        memory::check_sorted(list, self.pool_of(world))?;
        memory::check_sorted(List::Used, self.used)
    }
}

/// What a new partition shall have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceRequest {
    /// Number of CPUs.
    pub cores: u32,
    /// Bytes, a multiple of [`Inventory::granule`].
    pub memory: ByteSize,
    /// Secure for a critical partition.
    pub world: World,
    /// CPUs of the non-critical partition that a critical one shares; `None` for CPUs of its own.
    pub shared: Option<CpuSet>,
}

/// What a new partition gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceGrant {
    /// Its CPUs.
    pub cpus: CpuSet,
    /// Its memory, contiguous.
    pub memory: PhysRange,
    /// Whether the CPUs are another partition's, which keeps them.
    pub shared: bool,
}

/// Chooses cores and memory; see the [module](self) for the rules.
///
/// # Errors
/// The first rule that cannot be kept. A refusal is final: there is no other choice that would have worked.
///
/// # Examples
/// ```
/// use vman_core::id::{ByteSize, CpuSet, PhysAddr, PhysRange};
/// use vman_core::plan::{Inventory, ResourceRequest, World, plan};
///
/// let pool = [PhysRange::new(PhysAddr(0x8000_0000), ByteSize(1 << 30)).ok_or("wraps")?];
/// let board = Inventory {
///     free: CpuSet::first(4),
///     management: CpuSet::first(1),
///     pool: &pool,
///     granule: ByteSize(2 << 20),
///     ..Inventory::default()
/// };
/// let request =
///     ResourceRequest { cores: 2, memory: ByteSize(256 << 20), world: World::NonSecure, shared: None };
/// let grant = plan(&board, &request)?;
/// assert_eq!(grant.cpus.to_string(), "1-2");
/// assert_eq!(grant.memory.to_string(), "0x80000000-0x90000000");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn plan(inventory: &Inventory<'_>, request: &ResourceRequest) -> Result<ResourceGrant, PlanError> {
    check_request(request)?;
    inventory.check_granule()?;
    if !request.memory.is_multiple_of(inventory.granule) {
        return Err(PlanError::NotAMultiple { memory: request.memory, granule: inventory.granule });
    }
    inventory.check_lists(request.world)?;
    let cpus = cpus::choose(inventory, request)?;
    let memory = memory::choose(inventory, request)?;
    Ok(ResourceGrant { cpus, memory, shared: request.shared.is_some() })
}

fn check_request(request: &ResourceRequest) -> Result<(), PlanError> {
    if request.cores == 0 {
        return Err(PlanError::NoCores);
    }
    if request.memory == ByteSize::ZERO {
        return Err(PlanError::NoMemory);
    }
    if request.shared.is_some() && request.world == World::NonSecure {
        return Err(PlanError::SharedNotSecure);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
