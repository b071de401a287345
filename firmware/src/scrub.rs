//! Memory cleared in steps, so that no call takes long.

use vman_core::id::{ByteSize, PhysAddr, PhysRange};

use crate::platform::Memory;

/// Clears the next piece of `memory` behind `offset`. Returns the offset up to which it is clean now.
pub(crate) fn step<P: Memory>(memory: PhysRange, offset: u64, platform: &mut P) -> u64 {
    let left = memory.size().0.saturating_sub(offset);
    let size = left.min(P::SCRUB_STEP);
    let base = PhysAddr(memory.base().0.saturating_add(offset));
    if let Some(piece) = PhysRange::new(base, ByteSize(size)).filter(|piece| !piece.is_empty()) {
        platform.scrub(piece);
    }
    offset.saturating_add(size)
}
