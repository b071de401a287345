//! The same accesses through the payload's own translation: caches on, caches off, and translations that lead beyond
//! the machine.

use core::arch::asm;
use core::cell::UnsafeCell;

use crate::{Tally, memory};

/// One gigabyte per entry: a 39-bit address space.
#[repr(C, align(4096))]
struct Root(UnsafeCell<[u64; 512]>);

// SAFETY: one CPU runs this program.
unsafe impl Sync for Root {}

static ROOT: Root = Root(UnsafeCell::new([0; 512]));

const GIB_SHIFT: u32 = 30;
const BLOCK: u64 = 1;
const NORMAL: u64 = 1 << 2;
const INNER_SHAREABLE: u64 = 3 << 8;
const ACCESSED: u64 = 1 << 10;
/// Device-nGnRnE in attribute 0, normal write-back memory in attribute 1.
const MAIR: u64 = 0xff00;
/// 39-bit addresses, 4 KiB granules, walks through the caches, no upper half, 40-bit output.
const TCR: u64 = 2 << 32 | 1 << 23 | 3 << 12 | 1 << 10 | 1 << 8 | 25;
const SCTLR_MMU: u64 = 1 << 0;
const SCTLR_CACHES: u64 = 1 << 2 | 1 << 12;
/// Entries whose output lies behind what stage 2 translates, and where they lead.
const WILD: [(usize, u64); 2] = [(510, 0x80_0000_0000), (511, 0xff_c000_0000)];

fn build() {
    // SAFETY: the MMU is off, and nothing else refers to the table.
    let table = unsafe { &mut *ROOT.0.get() };
    for (index, entry) in table.iter_mut().enumerate() {
        let kind = if index == 0 { 0 } else { NORMAL | INNER_SHAREABLE };
        *entry = (index as u64) << GIB_SHIFT | kind | ACCESSED | BLOCK;
    }
    for (index, output) in WILD {
        table[index] = output | NORMAL | INNER_SHAREABLE | ACCESSED | BLOCK;
    }
}

fn switch(on: u64) {
    // SAFETY: the table maps every address of this program to itself.
    unsafe {
        asm!(
            "msr mair_el1, {mair}", "msr tcr_el1, {tcr}", "msr ttbr0_el1, {root}", "dsb sy", "isb", "tlbi vmalle1",
            "dsb sy", "isb", "mrs {sctlr}, sctlr_el1", "bic {sctlr}, {sctlr}, {all}", "orr {sctlr}, {sctlr}, {on}",
            "msr sctlr_el1, {sctlr}", "isb",
            mair = in(reg) MAIR, tcr = in(reg) TCR, root = in(reg) ROOT.0.get(), all = in(reg) SCTLR_MMU | SCTLR_CACHES,
            on = in(reg) on, sctlr = out(reg) _, options(nostack)
        );
    }
}

/// Every foreign address and the wild ones, with caches and without.
pub(crate) fn attack(target: u64, neighbour: u64) -> Tally {
    build();
    let mut tally = Tally::default();
    for caches in [SCTLR_CACHES, 0] {
        switch(SCTLR_MMU | caches);
        tally = tally.and(memory::try_address("target", target)).and(memory::all(neighbour));
        for (index, _) in WILD {
            tally = tally.and(memory::try_address("wild address", (index as u64) << GIB_SHIFT));
        }
    }
    switch(0);
    tally
}
