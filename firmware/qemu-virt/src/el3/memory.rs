//! Memory of partitions as EL3 handles it: cleared before it has another owner, and filled where its loader cannot reach
//! it. Nothing of either stays in the caches: the next reader may have its own off.

use core::arch::asm;

use qemu_virt::native;
use vman_core::id::PhysRange;

use crate::cpu;

/// Bytes of a cache line.
const LINE: u64 = 64;
/// Bytes that are copied at once.
const WORD: u64 = 8;

/// Zeros memory; whole cache lines, in a pool that partitions are made of.
pub(crate) fn scrub(memory: PhysRange) {
    assert!(memory.base().0.is_multiple_of(LINE) && memory.size().0.is_multiple_of(LINE));
    let (mut line, end) = (memory.base().0, memory.end().0);
    while line < end {
        // SAFETY: the line lies in a pool (the caller checks), where no Rust object lives, and is aligned.
        unsafe {
            asm!(
                "stp xzr, xzr, [{line}]", "stp xzr, xzr, [{line}, #16]",
                "stp xzr, xzr, [{line}, #32]", "stp xzr, xzr, [{line}, #48]",
                "dc civac, {line}",
                line = in(reg) line, options(nostack, preserves_flags)
            );
        }
        line += LINE;
    }
    cpu::barrier();
}

/// Copies memory of the management partition, in whole words, to a critical partition's. The source may change
/// meanwhile: it is data, and every word of it is read once.
pub(crate) fn copy(from: PhysRange, to: PhysRange) {
    assert!(from.size() == to.size() && from.size().0.is_multiple_of(WORD));
    assert!(from.base().0.is_multiple_of(WORD) && to.base().0.is_multiple_of(WORD));
    for offset in (0..from.size().0).step_by(native(WORD)) {
        let (source, target) = (from.base().0 + offset, to.base().0 + offset);
        // SAFETY: both words are aligned, mapped (mmu.rs) and outside every Rust object (the caller checks the ranges).
        unsafe { (target as *mut u64).write_volatile((source as *const u64).read_volatile()) }
    }
    clean(to);
}

fn clean(memory: PhysRange) {
    let mut line = memory.base().0 & !(LINE - 1);
    while line < memory.end().0 {
        // SAFETY: cache maintenance loses no data.
        unsafe { asm!("dc civac, {}", in(reg) line, options(nostack, preserves_flags)) }
        line += LINE;
    }
    cpu::barrier();
}
