//! Interrupts of others: the distributor, foreign redistributors, SGIs.

use core::arch::asm;

use payload::exception::attempt;
use payload::{cpu, gic, line};
use qemu_virt::gic::{
    FIRST_SPI, GIC_IDREGS, GICD_CTLR, GICD_ICENABLER, GICD_ICFGR, GICD_IGROUPR, GICD_IPRIORITYR,
    GICD_IROUTER, GICD_ISENABLER, GICD_ISPENDR, GICR_SGI_FRAME, GICR_TYPER, bit, distributor, redistributor,
};
use qemu_virt::memory_map::{CONSOLE_SPI, GICD_SIZE, GICR_STRIDE, MAX_CPUS};

use crate::Tally;

/// SPIs that QEMU's distributor has.
const SPIS: u64 = 256;
/// The SGI that a victim listens to.
pub(crate) const PRIVATE_SGI: u32 = 7;

/// Registers that say how interrupts are set up: offset, bytes, bits per INTID.
const SETUP: [(u64, u64, u64); 5] = [
    (GICD_IGROUPR, 0x80, 1),
    (GICD_ISENABLER, 0x80, 1),
    (GICD_IPRIORITYR, 0x400, 8),
    (GICD_ICFGR, 0x100, 2),
    (GICD_IROUTER, 0x2000, 64),
];
/// Words of them all, and the control register.
const WORDS: usize = (0x80 + 0x80 + 0x400 + 0x100 + 0x2000) / 4 + 1;

fn own_spi() -> u64 {
    u64::from(FIRST_SPI + CONSOLE_SPI) + cpu::number() as u64
}

/// The set-up as one reads it, without what is this partition's own.
fn snapshot(words: &mut [u32; WORDS]) {
    let mut places = words.iter_mut();
    for (base, bytes, bits) in SETUP {
        for offset in (0..bytes).step_by(4) {
            let first = offset * 8 / bits;
            let holds_own = (first..first + 32u64.div_ceil(bits)).contains(&own_spi());
            let foreign = first >= FIRST_SPI.into() && first < FIRST_SPI as u64 + SPIS && !holds_own;
            if let Some(place) = places.next() {
                *place = if foreign { distributor().read32(base + offset) } else { 0 };
            }
        }
    }
    if let Some(place) = places.next() {
        *place = distributor().read32(GICD_CTLR);
    }
}

/// Stores ones, then zeros, to every register; afterwards the set-up of others must be what it was.
fn sweep() -> Tally {
    let (mut before, mut after) = ([0; WORDS], [0; WORDS]);
    let gic = distributor();
    snapshot(&mut before);
    for offset in (0..GICD_SIZE).step_by(4) {
        for value in [u32::MAX, 0] {
            // Faults of single registers are as good as refusals.
            let _ = attempt(|| gic.write32(offset, value));
        }
    }
    for offset in (GICD_IPRIORITYR..GICD_IPRIORITYR + 0x400).chain(0..0x80) {
        let _ = attempt(|| gic.write8(offset, 0xff));
    }
    for offset in (GICD_IROUTER..GICD_IROUTER + 0x2000).step_by(8) {
        let _ = attempt(|| gic.write64(offset, cpu::number() as u64));
    }
    snapshot(&mut after);
    let changed = before.iter().zip(&after).filter(|(before, after)| before != after).count() as u64;
    Tally { tried: GICD_SIZE / 2 + 0x480 + 0x400, through: changed }
}

/// Takes `intid` away from its owner and, where that works, gives it back.
fn disable(intid: u32) -> bool {
    let (clear, mask) = bit(GICD_ICENABLER, intid);
    let (set, _) = bit(GICD_ISENABLER, intid);
    let is_enabled = || distributor().read32(set) & mask != 0;
    let before = is_enabled();
    distributor().write32(clear, mask);
    let through = before && !is_enabled();
    if through {
        distributor().write32(set, mask);
    }
    line(format_args!("H-INTERRUPT {intid} enabled before: {before}, disabled: {through}"));
    through
}

/// The distributor: an interrupt that `intid` names, and every register.
pub(crate) fn distributor_registers(intid: u64, only: bool) -> Tally {
    let mut tally = Tally::default();
    tally.count(u32::try_from(intid).is_ok_and(disable));
    if only { tally } else { tally.and(sweep()) }
}

/// Whether anybody may read this register of a foreign redistributor: kernels look for their own that way.
fn identifies(offset: u64) -> bool {
    (GICR_TYPER..GICR_TYPER + 8).contains(&offset) || offset % GICR_SGI_FRAME >= GIC_IDREGS
}

/// Loads that tell something, and stores, of every register of a foreign redistributor.
fn every_register(target: usize) -> Tally {
    let mut tally = Tally::default();
    let frame = redistributor(target);
    for offset in (0..GICR_STRIDE).step_by(4).filter(|offset| !identifies(*offset)) {
        tally.count(attempt(|| frame.read32(offset)).is_ok_and(|value| value != 0));
        // What becomes of it, the victim's interrupts tell.
        let _ = attempt(|| frame.write32(offset, u32::MAX));
        let _ = attempt(|| frame.write32(offset, 0));
    }
    tally
}

/// Makes the victim's SGI pending on the redistributor of `victim`, and tries every register of all others.
pub(crate) fn redistributors(victim: u64, only: bool) -> Tally {
    let mut tally = Tally::default();
    let target = usize::try_from(victim).unwrap_or(0);
    let enable = attempt(|| redistributor(target).read32(GICR_SGI_FRAME + GICD_ISENABLER));
    let pend = attempt(|| redistributor(target).write32(GICR_SGI_FRAME + GICD_ISPENDR, 1 << PRIVATE_SGI));
    line(format_args!("H-REDISTRIBUTOR {target} enables {enable:x?}, store {pend:x?}"));
    tally.count(enable.is_ok_and(|value| value != 0));
    if only {
        return tally;
    }
    (0..MAX_CPUS)
        .filter(|foreign| *foreign != cpu::number())
        .fold(tally, |tally, foreign| tally.and(every_register(foreign)))
}

/// Writes a register that sends SGIs of another group.
fn send_other_group(value: u64) {
    // SAFETY: sends an interrupt; no memory is touched.
    let _ = attempt(|| unsafe { asm!("msr S3_0_C12_C11_6, {}", in(reg) value, options(nostack)) });
    // SAFETY: as above.
    let _ = attempt(|| unsafe { asm!("msr S3_0_C12_C11_7, {}", in(reg) value, options(nostack)) });
}

/// Every SGI to every CPU: one by one, all at once, by broadcast, by affinities that do not exist. What arrives, the
/// victims tell. With `only`, one SGI that no Linux uses, to one victim: the others would not survive the rest.
pub(crate) fn sgis(victim: u64, only: bool) -> Tally {
    const BROADCAST: u64 = 1 << 40;
    let mut tally = Tally::default();
    if only {
        gic::send(u64::from(PRIVATE_SGI) << 24 | 1 << victim);
        tally.count(false);
        return tally;
    }
    for intid in 0..16u64 {
        let singles = (0..16).map(|target| 1 << target);
        let affinities = [1 << 16 | 1, 1 << 32 | 1, 1 << 48 | 1, 1 << 44 | 1, 0xff << 16 | 0xffff];
        for targets in singles.chain([0xffff, BROADCAST, BROADCAST | 0xffff]).chain(affinities) {
            gic::send(intid << 24 | targets);
            send_other_group(intid << 24 | targets);
            tally.count(false);
        }
    }
    tally
}
