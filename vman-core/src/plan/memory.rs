//! The choice of memory.

use super::{BASE_ALIGNMENT, Inventory, List, PlanError, ResourceRequest, World};
use crate::id::{ByteSize, PhysAddr, PhysRange};

/// Memory of one world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryFigures {
    /// Bytes in the pool.
    pub total: ByteSize,
    /// Bytes that could be given.
    pub free: ByteSize,
    /// Bytes that could be given in one piece.
    pub largest: ByteSize,
}

pub(super) fn check_sorted(list: List, ranges: &[PhysRange]) -> Result<(), PlanError> {
    match ranges.windows(2).position(|pair| pair[1].base() < pair[0].end()) {
        Some(position) => Err(PlanError::NotSorted { list, index: position + 1 }),
        None => Ok(()),
    }
}

pub(super) fn choose(inventory: &Inventory<'_>, request: &ResourceRequest) -> Result<PhysRange, PlanError> {
    let (world, wanted) = (request.world, request.memory);
    let mut best: Option<PhysRange> = None;
    for hole in usable_holes(inventory, world).filter(|hole| hole.size() >= wanted) {
        if best.is_none_or(|best| hole.size() < best.size()) {
            best = Some(hole);
        }
    }
    best.and_then(|hole| PhysRange::new(hole.base(), wanted)).ok_or_else(|| refusal(inventory, world, wanted))
}

fn refusal(inventory: &Inventory<'_>, world: World, wanted: ByteSize) -> PlanError {
    let MemoryFigures { total, free, largest } = figures(inventory, world);
    if total == ByteSize::ZERO {
        PlanError::NoPool { world }
    } else if wanted > free {
        PlanError::NotEnoughMemory { world, wanted, free, largest }
    } else {
        PlanError::Fragmented { world, wanted, free, largest }
    }
}

/// The sums cannot wrap: disjoint ranges below 2^64 have fewer than 2^64 bytes together.
pub(super) fn figures(inventory: &Inventory<'_>, world: World) -> MemoryFigures {
    let mut figures = MemoryFigures::default();
    figures.total.0 = inventory.pool_of(world).iter().map(|range| range.size().0).sum();
    for hole in usable_holes(inventory, world) {
        figures.free.0 += hole.size().0;
        figures.largest = figures.largest.max(hole.size());
    }
    figures
}

/// The holes in rising order, cut to what can be given.
fn usable_holes<'a>(inventory: &Inventory<'a>, world: World) -> impl Iterator<Item = PhysRange> + use<'a> {
    let granule = inventory.granule.0;
    Holes::new(inventory.pool_of(world), inventory.used).filter_map(move |hole| trim(hole, granule))
}

/// What of a hole can be given: from an aligned base, in whole granules (a power of two).
fn trim(hole: PhysRange, granule: u64) -> Option<PhysRange> {
    let base = hole.base().0.checked_next_multiple_of(granule.max(BASE_ALIGNMENT.0))?;
    let size = hole.end().0.checked_sub(base)? & !(granule - 1);
    PhysRange::new(PhysAddr(base), ByteSize(size)).filter(|hole| !hole.is_empty())
}

/// What of `pool` is not `used`, in rising order. Pool ranges that touch are one; empty ranges are nothing.
struct Holes<'a> {
    pool: &'a [PhysRange],
    used: &'a [PhysRange],
    /// What is left of the pool range under way; never empty.
    rest: Option<PhysRange>,
}

impl<'a> Holes<'a> {
    const fn new(pool: &'a [PhysRange], used: &'a [PhysRange]) -> Self {
        Self { pool, used, rest: None }
    }

    fn next_pool(&mut self) -> Option<PhysRange> {
        while self.pool.first()?.is_empty() {
            take_first(&mut self.pool);
        }
        let mut area = take_first(&mut self.pool)?;
        while let Some(next) = self.pool.first().filter(|next| next.base() == area.end()) {
            area = PhysRange::between(area.base(), next.end());
            take_first(&mut self.pool);
        }
        Some(area)
    }

    /// The first range in use that takes something from `area`.
    fn next_used(&mut self, area: PhysRange) -> Option<PhysRange> {
        while let Some(used) = self.used.first().filter(|used| used.base() < area.end()) {
            if used.overlaps(area) {
                return Some(*used);
            }
            take_first(&mut self.used);
        }
        None
    }
}

impl Iterator for Holes<'_> {
    type Item = PhysRange;

    fn next(&mut self) -> Option<PhysRange> {
        loop {
            let area = match self.rest.take() {
                Some(area) => area,
                None => self.next_pool()?,
            };
            let Some(used) = self.next_used(area) else { return Some(area) };
            if used.end() < area.end() {
                self.rest = Some(PhysRange::between(used.end(), area.end()));
            }
            if area.base() < used.base() {
                return Some(PhysRange::between(area.base(), used.base()));
            }
        }
    }
}

fn take_first(ranges: &mut &[PhysRange]) -> Option<PhysRange> {
    let (first, rest) = ranges.split_first()?;
    *ranges = rest;
    Some(*first)
}
