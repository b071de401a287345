//! EL2 isolation layer of QEMU's `virt` board: what an unmodified kernel may not do to the hardware that it shares with
//! others is caught here. There is no scheduler, no memory management and no state beyond `view`: EL3 sets everything up.
#![no_std]
#![no_main]

mod abort;
mod distributor;
mod inject;
mod redistributor;
mod report;
mod sgi;
mod uart;

use core::arch::global_asm;
use core::panic::PanicInfo;

use arm_sysregs::el2::accessors::{read_elr_el2, read_esr_el2, read_tpidr_el2, write_elr_el2};
use arm_sysregs::el2::registers::{ElrEl2, EsrEl2};
use qemu_virt::memory_map::MAX_PARTITIONS;
use qemu_virt::view::{PartitionView, view};
use vman_core::abi::smc::{FaultReason, SmcError};

global_asm!(include_str!("vectors.S"));

/// Registers of the partition, as vectors.S saves them.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Frame {
    x: [u64; 31],
    _alignment: u64,
}

const _: () = assert!(size_of::<Frame>() == 256);

impl Frame {
    /// Value of register `number`; 31 is the zero register.
    fn register(&self, number: usize) -> u64 {
        self.x.get(number).copied().unwrap_or(0)
    }

    /// Sets register `number`; 31 is the zero register.
    fn set_register(&mut self, number: usize, value: u64) {
        if let Some(register) = self.x.get_mut(number) {
            *register = value;
        }
    }
}

/// The partition that this CPU belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Partition {
    /// Its slot; 0 is the management partition.
    pub(crate) slot: usize,
    /// Its record.
    pub(crate) view: &'static PartitionView,
}

impl Partition {
    fn current() -> Self {
        let slot = usize::try_from(read_tpidr_el2().bits()).unwrap_or(MAX_PARTITIONS);
        Self { slot, view: view(slot) }
    }

    /// Whether this is the management partition.
    pub(crate) fn is_management(self) -> bool {
        self.slot == 0
    }
}

/// Vector: synchronous exception of the partition, in AArch64 and in AArch32.
const LOWER_SYNC: [u64; 2] = [8, 12];
const EC_HVC64: u8 = 0x16;
const EC_SYSTEM_REGISTER: u8 = 0x18;
const EC_INSTRUCTION_ABORT: u8 = 0x20;
const EC_DATA_ABORT: u8 = 0x24;

// SAFETY: the only function of this name; called by vectors.S with the frame on this CPU's stack.
#[unsafe(no_mangle)]
extern "C" fn exception(frame: &mut Frame, vector: u64) {
    let syndrome = read_esr_el2();
    let partition = Partition::current();
    if !LOWER_SYNC.contains(&vector) {
        report::fault(FaultReason::Exception, 0, read_elr_el2().bits());
    }
    match syndrome.ec() {
        EC_DATA_ABORT => abort::data(partition, frame, syndrome),
        EC_INSTRUCTION_ABORT => abort::instruction(partition, syndrome),
        EC_SYSTEM_REGISTER => system_register(partition, frame, syndrome),
        // The address behind the HVC is already in ELR_EL2.
        EC_HVC64 => frame.set_register(0, SmcError::NotSupported.to_register()),
        _ => report::fault(FaultReason::Instruction, 0, read_elr_el2().bits()),
    }
}

fn system_register(partition: Partition, frame: &Frame, syndrome: EsrEl2) {
    if sgi::is_sgi_write(syndrome) {
        sgi::forward(partition, frame, syndrome);
        skip_instruction();
    } else {
        inject::undefined();
    }
}

/// The trapped instruction has been carried out.
fn skip_instruction() {
    let next = read_elr_el2().bits().wrapping_add(4);
    // SAFETY: the partition goes on behind an instruction that was emulated.
    unsafe { write_elr_el2(ElrEl2::from_bits_retain(next)) }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    report::fault(FaultReason::Exception, 0, read_elr_el2().bits())
}
