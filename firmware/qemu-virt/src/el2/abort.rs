//! Accesses that stage 2 does not map: emulated devices, or somebody else's memory.

use arm_sysregs::el2::accessors::{read_elr_el2, read_far_el2, read_hpfar_el2};
use arm_sysregs::el2::registers::EsrEl2;
use qemu_virt::memory_map::{GICD_BASE, GICD_SIZE, GICR_BASE, GICR_STRIDE, MAX_CPUS, UART_BASE, UART_SIZE};
use vman_core::abi::smc::{Counter, FaultReason};

use crate::{Frame, Partition, distributor, inject, redistributor, report, skip_instruction, uart};

/// Syndrome of a data abort (`ISS` for EC 0x24).
const ISV: u64 = 1 << 24;
const SAS_SHIFT: u32 = 22;
const SSE: u64 = 1 << 21;
const SRT_SHIFT: u32 = 16;
const SF: u64 = 1 << 15;
const WNR: u64 = 1 << 6;
/// Lowest bit of `HPFAR_EL2.FIPA`, and where it stands in an address.
const FIPA_SHIFT: u32 = 4;
const PAGE_SHIFT: u32 = 12;
const PAGE_OFFSET: u64 = 0xfff;

/// One load or store of a device register.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Access {
    /// Intermediate physical address.
    pub(crate) address: u64,
    /// 1, 2, 4 or 8 bytes.
    pub(crate) width: u64,
    /// What is stored; `None` for a load.
    pub(crate) store: Option<u64>,
}

/// The transfer register of a load and how it is filled.
#[derive(Debug, Clone, Copy)]
struct Target {
    register: usize,
    sign_extend: bool,
    is_64_bit: bool,
}

fn address() -> u64 {
    let page = read_hpfar_el2().bits() >> FIPA_SHIFT << PAGE_SHIFT;
    page & 0xffff_ffff_ffff | read_far_el2().bits() & PAGE_OFFSET
}

fn width_mask(width: u64) -> u64 {
    u64::MAX >> (u64::BITS - 8 * u32::try_from(width).unwrap_or(8))
}

/// The access that the hardware has decoded, if it has (single-register loads and stores only).
fn decode(frame: &Frame, syndrome: u64) -> Option<(Access, Target)> {
    if syndrome & ISV == 0 {
        return None;
    }
    let width = 1 << (syndrome >> SAS_SHIFT & 3);
    let register = usize::try_from(syndrome >> SRT_SHIFT & 31).ok()?;
    let store = (syndrome & WNR != 0).then(|| frame.register(register) & width_mask(width));
    let target = Target { register, sign_extend: syndrome & SSE != 0, is_64_bit: syndrome & SF != 0 };
    Some((Access { address: address(), width, store }, target))
}

impl Target {
    fn extend(self, value: u64, width: u64) -> u64 {
        let value = value & width_mask(width);
        let sign = 1 << (8 * width - 1);
        let extended = if self.sign_extend && value & sign != 0 { value | !width_mask(width) } else { value };
        if self.is_64_bit { extended } else { extended & width_mask(4) }
    }
}

/// The device that answers: what a load reads (0 for a store), `None` if there is none.
fn emulate(partition: Partition, access: Access) -> Option<u64> {
    let within =
        |base: u64, size: u64| access.address >= base && access.address - base <= size - access.width;
    if !access.address.is_multiple_of(access.width) {
        None
    } else if within(GICD_BASE, GICD_SIZE) {
        partition.view.count(Counter::DistributorTraps);
        Some(distributor::access(partition, Access { address: access.address - GICD_BASE, ..access }))
    } else if within(GICR_BASE, GICR_STRIDE * MAX_CPUS as u64) {
        partition.view.count(Counter::DistributorTraps);
        redistributor::access(partition, Access { address: access.address - GICR_BASE, ..access })
    } else if within(UART_BASE, UART_SIZE) && !partition.is_management() {
        partition.view.count(Counter::ConsoleTraps);
        Some(uart::access(partition, Access { address: access.address - UART_BASE, ..access }))
    } else {
        None
    }
}

/// A load or store outside the partition's memory.
pub(crate) fn data(partition: Partition, frame: &mut Frame, syndrome: EsrEl2) {
    let syndrome = syndrome.bits();
    if let Some((access, target)) = decode(frame, syndrome)
        && let Some(value) = emulate(partition, access)
    {
        if access.store.is_none() {
            frame.set_register(target.register, target.extend(value, access.width));
        }
        skip_instruction();
        return;
    }
    partition.view.count(Counter::Stage2Faults);
    inject::data_abort(syndrome & WNR);
}

/// A fetch outside the partition's memory.
pub(crate) fn instruction(partition: Partition, _syndrome: EsrEl2) {
    partition.view.count(Counter::Stage2Faults);
    let program_counter = read_elr_el2().bits();
    if inject::is_in_vectors(program_counter) {
        report::fault(FaultReason::Memory, address(), program_counter);
    }
    inject::instruction_abort();
}
