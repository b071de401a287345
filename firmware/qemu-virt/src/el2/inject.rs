//! Exceptions made for the partition's kernel, as the hardware itself would take them to EL1.

use arm_sysregs::el1::accessors::{
    read_id_aa64mmfr1_el1, read_sctlr_el1, read_vbar_el1, write_elr_el1, write_esr_el1, write_far_el1,
    write_spsr_el1,
};
use arm_sysregs::el1::registers::{ElrEl1, EsrEl1, FarEl1, SctlrEl1, SpsrEl1};
use arm_sysregs::el2::accessors::{read_elr_el2, read_far_el2, read_spsr_el2, write_elr_el2, write_spsr_el2};
use arm_sysregs::el2::registers::{ElrEl2, SpsrEl2};

/// `SPSR.M`: level in bits 3..2, stack pointer in bit 0; bit 4 is AArch32.
const MODE_LEVEL: u64 = 0b1100;
const MODE_AARCH32: u64 = 1 << 4;
const MODE_SP_ELX: u64 = 1;
const PAN: u64 = 1 << 22;
/// EL1 with its own stack pointer, all interrupts masked.
const SPSR_EL1H_MASKED: u64 = 0x3c5;
/// Exception classes; the abort of the same level is one above that of the lower level.
const EC_UNKNOWN: u64 = 0x00;
const EC_INSTRUCTION_ABORT_LOWER: u64 = 0x20;
const EC_DATA_ABORT_LOWER: u64 = 0x24;
const SAME_LEVEL: u64 = 1;
const EC_SHIFT: u32 = 26;
/// The trapped instruction is 32 bits long.
const IL: u64 = 1 << 25;
/// Synchronous external abort, not on a translation-table walk.
const EXTERNAL_ABORT: u64 = 0x10;

/// Offset of the vector that the hardware would take.
fn vector(spsr: u64) -> u64 {
    match (spsr & MODE_LEVEL, spsr & MODE_AARCH32, spsr & MODE_SP_ELX) {
        (0, 0, _) => 0x400,
        (0, _, _) => 0x600,
        (_, _, MODE_SP_ELX) => 0x200,
        _ => 0x000,
    }
}

fn is_from_el0(spsr: u64) -> bool {
    spsr & MODE_LEVEL == 0
}

/// Whether the partition's own vectors are what cannot be reached: then no exception can be given to it.
pub(crate) fn is_in_vectors(program_counter: u64) -> bool {
    let vectors = read_vbar_el1().bits();
    (vectors..vectors.saturating_add(0x800)).contains(&program_counter)
}

/// `PSTATE.PAN` of the handler (FEAT_PAN): set, unless the kernel asked to leave it alone.
fn handler_pan(spsr: u64) -> u64 {
    if !read_id_aa64mmfr1_el1().is_feat_pan_present() {
        0
    } else if read_sctlr_el1().contains(SctlrEl1::SPAN) {
        spsr & PAN
    } else {
        PAN
    }
}

fn take(syndrome: u64) {
    let (spsr, elr) = (read_spsr_el2().bits(), read_elr_el2().bits());
    let handler = read_vbar_el1().bits().wrapping_add(vector(spsr));
    write_esr_el1(EsrEl1::from_bits_retain(syndrome | IL));
    // SAFETY: the registers of the partition's own kernel, set as an exception at `elr` would set them.
    unsafe {
        write_elr_el1(ElrEl1::from_bits_retain(elr));
        write_spsr_el1(SpsrEl1::from_bits_retain(spsr));
        write_elr_el2(ElrEl2::from_bits_retain(handler));
        write_spsr_el2(SpsrEl2::from_bits_retain(SPSR_EL1H_MASKED | handler_pan(spsr)));
    }
}

fn take_abort(class_of_lower: u64, details: u64) {
    let same = if is_from_el0(read_spsr_el2().bits()) { 0 } else { SAME_LEVEL };
    // SAFETY: a register of the partition's own kernel, set as the abort would set it.
    unsafe { write_far_el1(FarEl1::from_bits_retain(read_far_el2().bits())) }
    take((class_of_lower + same) << EC_SHIFT | EXTERNAL_ABORT | details);
}

/// A load or store of an address that is not there; `details` are bits of the syndrome to keep.
pub(crate) fn data_abort(details: u64) {
    take_abort(EC_DATA_ABORT_LOWER, details);
}

/// A fetch from an address that is not there.
pub(crate) fn instruction_abort() {
    take_abort(EC_INSTRUCTION_ABORT_LOWER, 0);
}

/// An instruction that is not there.
pub(crate) fn undefined() {
    take(EC_UNKNOWN << EC_SHIFT);
}
