//! Exceptions: an access that faults is noted and skipped; interrupts are counted.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::gic;

/// Registers, as start.S saves them.
#[derive(Debug)]
#[repr(C)]
pub struct Frame {
    /// `x0` to `x30`.
    pub x: [u64; 31],
    /// Where the exception came from.
    pub elr: u64,
    /// State there.
    pub spsr: u64,
    /// Syndrome.
    pub esr: u64,
}

const _: () = assert!(size_of::<Frame>() == 272);

/// Syndrome of the last synchronous exception; 0 for none.
static FAULT: AtomicU64 = AtomicU64::new(0);
/// Interrupts by INTID: SGIs and PPIs.
static COUNTS: [AtomicU64; 32] = [const { AtomicU64::new(0) }; 32];

const EC_SHIFT: u32 = 26;
const EC_INSTRUCTION_ABORT_SAME: u64 = 0x21;
const SYNC: u64 = 4;
const IRQ: u64 = 5;

// SAFETY: the only function of this name; called by start.S with the frame on the stack.
#[unsafe(no_mangle)]
extern "C" fn payload_exception(frame: &mut Frame, vector: u64) {
    match vector {
        SYNC => {
            FAULT.store(frame.esr | 1 << 63, Ordering::Relaxed);
            // A fetch that fails goes back to whoever called there.
            frame.elr =
                if frame.esr >> EC_SHIFT == EC_INSTRUCTION_ABORT_SAME { frame.x[30] } else { frame.elr + 4 };
        }
        IRQ => interrupt(),
        _ => {}
    }
}

fn interrupt() {
    let intid = gic::acknowledge();
    if let Some(count) = COUNTS.get(intid as usize) {
        crate::on_interrupt(intid);
        // One CPU runs this, so that load and store make no race; an exclusive access would need the MMU.
        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        gic::end(intid);
    }
}

/// Interrupts with this INTID so far.
pub fn count(intid: usize) -> u64 {
    COUNTS[intid].load(Ordering::Relaxed)
}

/// Runs `job`; answers the syndrome of an exception that it caused.
pub fn attempt<R>(job: impl FnOnce() -> R) -> Result<R, u64> {
    FAULT.store(0, Ordering::Relaxed);
    let result = job();
    match FAULT.load(Ordering::Relaxed) {
        0 => Ok(result),
        syndrome => Err(syndrome & !(1 << 63)),
    }
}
