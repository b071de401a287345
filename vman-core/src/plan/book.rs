//! Who keeps count of what is taken.

use alloc::vec::Vec;

use super::{Inventory, MemoryFigures, PlanError, ResourceGrant, ResourceRequest, World, memory, plan};
use crate::id::{ByteSize, CpuId, CpuSet, PhysAddr, PhysRange};

/// The books of a board: plans requests, takes what they get out of the inventory, and puts it back.
///
/// It serves whoever owns a board's resources and has an allocator (the simulator, dry runs).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Book {
    free: CpuSet,
    management: CpuSet,
    clusters: Vec<u8>,
    pool: Vec<PhysRange>,
    secure_pool: Vec<PhysRange>,
    used: Vec<PhysRange>,
    granule: ByteSize,
}

impl Book {
    /// The books that begin with `inventory`. What it counts as used stays reserved for ever.
    ///
    /// # Errors
    /// [`PlanError::BadGranule`], [`PlanError::NotSorted`].
    pub fn new(inventory: &Inventory<'_>) -> Result<Self, PlanError> {
        inventory.memory(World::NonSecure)?;
        inventory.memory(World::Secure)?;
        Ok(Self {
            free: inventory.available(),
            management: inventory.management,
            clusters: inventory.clusters.to_vec(),
            pool: inventory.pool.to_vec(),
            secure_pool: inventory.secure_pool.to_vec(),
            used: inventory.used.iter().copied().filter(|range| !range.is_empty()).collect(),
            granule: inventory.granule,
        })
    }

    /// What the board has and what of it is taken now.
    pub fn inventory(&self) -> Inventory<'_> {
        Inventory {
            free: self.free,
            management: self.management,
            clusters: &self.clusters,
            pool: &self.pool,
            secure_pool: &self.secure_pool,
            used: &self.used,
            granule: self.granule,
        }
    }

    /// Whether a new partition may get `cpu`.
    pub const fn is_free(&self, cpu: CpuId) -> bool {
        self.free.contains(cpu)
    }

    /// How much memory of `world` there is, is free, and is free in one piece.
    pub fn memory(&self, world: World) -> MemoryFigures {
        memory::figures(&self.inventory(), world)
    }

    /// Plans `request` and takes what it gets.
    ///
    /// # Errors
    /// Those of [`plan`]; nothing is taken then.
    pub fn take(&mut self, request: &ResourceRequest) -> Result<ResourceGrant, PlanError> {
        let grant = plan(&self.inventory(), request)?;
        if !grant.shared {
            self.free = self.free.difference(&grant.cpus);
        }
        let position = self.used.partition_point(|used| used.base() < grant.memory.base());
        self.used.insert(position, grant.memory);
        Ok(grant)
    }

    /// Takes the highest free granule of non-secure memory, away from where partitions are put; `None` if there is none.
    pub fn take_granule(&mut self) -> Option<PhysRange> {
        let free = |place: &PhysRange| !self.used.iter().any(|used| used.overlaps(*place));
        let granule = self.granule;
        let places = self.pool.iter().rev().flat_map(|pool| {
            (1..=pool.size().0 / granule.0).filter_map(move |number| {
                PhysRange::new(PhysAddr(pool.end().0.checked_sub(number * granule.0)?), granule)
            })
        });
        let place = places.into_iter().find(free)?;
        let position = self.used.partition_point(|used| used.base() < place.base());
        self.used.insert(position, place);
        Some(place)
    }

    /// Puts back what [`Book::take_granule`] gave; memory that is not taken stays as it is.
    pub fn give_granule_back(&mut self, place: PhysRange) {
        if let Ok(position) = self.used.binary_search(&place) {
            self.used.remove(position);
        }
    }

    /// Puts back what [`Book::take`] gave.
    ///
    /// # Errors
    /// [`PlanError::NotGranted`]: no such memory is taken, or a CPU of the grant is free; nothing changes then.
    pub fn give_back(&mut self, grant: &ResourceGrant) -> Result<(), PlanError> {
        let not_granted = PlanError::NotGranted { base: grant.memory.base() };
        let taken = grant.shared || grant.cpus.intersection(&self.free.union(&self.management)).is_empty();
        let position = self.used.binary_search(&grant.memory).ok().filter(|_| taken).ok_or(not_granted)?;
        self.used.remove(position);
        if !grant.shared {
            self.free = self.free.union(&grant.cpus);
        }
        Ok(())
    }
}
