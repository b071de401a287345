//! Links: memory that exactly two partitions share.
//!
//! A link is one granule of the pool, mapped into both partitions at its own address, which is in neither one's memory.
//! The management partition does not see it. It is made between two READY partitions, so that their device trees can
//! tell of it, is zeroed first, and lives until either of them is destroyed: then it is unmapped from both, zeroed, and
//! belongs to the pool again. What two partitions write there is their own affair: neither can trust the other.

use vman_core::abi::smc::{LINKS_MAX, SmcError};
use vman_core::id::{PartitionId, PhysAddr, PhysRange};
use vman_core::plan::World;
use vman_core::state::PartitionState;

use crate::monitor::Monitor;
use crate::platform::Platform;
use crate::scrub;
use crate::table::Phase;

/// Two partitions and what they share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) ends: [PartitionId; 2],
    pub(crate) memory: PhysRange,
}

/// Every link.
pub(crate) type Links = [Option<Link>; LINKS_MAX];

impl<const CPUS: usize, const PARTITIONS: usize> Monitor<CPUS, PARTITIONS> {
    /// Makes a link at `base`.
    pub(crate) fn link(
        &mut self,
        ends: [PartitionId; 2],
        base: PhysAddr,
        platform: &mut impl Platform,
    ) -> Result<(), SmcError> {
        let granule = self.board.granule;
        let memory = PhysRange::new(base, granule).filter(|memory| self.board.memory.encloses(*memory));
        let memory = memory.filter(|_| base.0.is_multiple_of(granule.0) && ends[0] != ends[1]);
        let memory = memory.ok_or(SmcError::InvalidParameters)?;
        for end in ends {
            self.check_end(end)?;
        }
        if self.is_taken(memory) {
            return Err(SmcError::Overlap);
        }
        let slot = self.links.iter_mut().find(|slot| slot.is_none()).ok_or(SmcError::NoResources)?;
        *slot = Some(Link { ends, memory });
        platform.join(ends, memory);
        clear(memory, platform);
        Ok(())
    }

    /// Whether a partition or a link has some of `memory`.
    pub(crate) fn is_taken(&self, memory: PhysRange) -> bool {
        self.table.iter().any(|other| other.memory.overlaps(memory))
            || self.links.iter().flatten().any(|link| link.memory.overlaps(memory))
    }

    /// Neither partition of the links of `id` sees them any more.
    pub(crate) fn unmap_links(&self, id: PartitionId, platform: &mut impl Platform) {
        for link in self.links.iter().flatten().filter(|link| link.ends.contains(&id)) {
            platform.part(link.ends, link.memory);
        }
    }

    /// Gives one link of `id`, unmapped already, back to the pool. Returns whether there was one.
    pub(crate) fn release_link(&mut self, id: PartitionId, platform: &mut impl Platform) -> bool {
        let is_its = |slot: &&mut Option<Link>| slot.is_some_and(|link| link.ends.contains(&id));
        let Some(link) = self.links.iter_mut().find(is_its).and_then(Option::take) else { return false };
        clear(link.memory, platform);
        platform.give_back(link.memory);
        true
    }

    fn check_end(&self, id: PartitionId) -> Result<(), SmcError> {
        let partition = self.table.partition(id).ok_or(SmcError::NotFound)?;
        if partition.world == World::Secure {
            return Err(SmcError::NotSupported);
        }
        if partition.phase != Phase::Idle {
            return Err(SmcError::Busy);
        }
        if partition.state == PartitionState::Ready { Ok(()) } else { Err(SmcError::InvalidState) }
    }
}

fn clear<P: Platform>(memory: PhysRange, platform: &mut P) {
    let mut clean = 0;
    while clean < memory.size().0 {
        clean = scrub::step(memory, clean, platform);
    }
}
