//! Critical partitions: the secure world of a CPU, entered before anything of the Non-secure state goes on.
//!
//! A CPU has at most one secure context. It runs until it sleeps (`WFI` is trapped), until its partition is told to stop
//! or hold, or until it faults; then EL3 goes on where [`serve`] was called: on the way back to a Non-secure partition,
//! in the loop of one that is held, or parked. Interrupts of the Non-secure state do not reach the CPU meanwhile: they
//! wait behind the priority mask. That is the strict priority of a critical partition that shares a CPU.

use core::arch::asm;
use core::cell::UnsafeCell;

use arm_sysregs::el1::accessors as el1;
use arm_sysregs::el1::registers::{IccIgrpen1El1, IccPmrEl1, IccSreEl1};
use arm_sysregs::el3::accessors as el3;
use arm_sysregs::el3::registers::{CptrEl3, ScrEl3};
use arm_sysregs::read_write_sysreg;
use firmware::{Boot, Kick, Lane};
use qemu_virt::memory_map::MAX_CPUS;
use qemu_virt::view::Ring;

use crate::exception::Frame;
use crate::{cpu, gic, platform};

read_write_sysreg!(cntps_ctl_el1: s3_7_c14_c2_1, u64, safe_read, safe_write);

unsafe extern "C" {
    /// Enters the context in `frame`; comes back when `leave_secure` is called with what it stored in `stack` (entry.S).
    fn enter_secure(frame: *const Frame, stack: *mut u64);
    /// Goes back to the caller of the `enter_secure` that stored `stack` (entry.S).
    fn leave_secure(stack: u64) -> !;
    /// Saves the registers of EL1 that both worlds use (entry.S).
    fn save_el1(registers: *mut [u64; EL1_REGISTERS]);
    /// Loads them (entry.S).
    fn load_el1(registers: *const [u64; EL1_REGISTERS]);
}

/// As many as entry.S names.
const EL1_REGISTERS: usize = 24;
/// The first of them.
const SCTLR_EL1: usize = 0;
/// MMU and caches off.
const SCTLR_EL1_RESET: u64 = 0x30d0_0800;
/// EL1 with its own stack pointer, all interrupts masked.
const SPSR_EL1H_MASKED: u64 = 0x3c5;
/// `ICC_PMR_EL1` while the secure world runs: no interrupt of the Non-secure state.
const PRIORITY_MASK_NON_SECURE: u64 = 0x80;
const PRIORITY_MASK_NONE: u64 = 0xff;

/// The secure world of one CPU.
struct World {
    holds: Context,
    /// Slot of the partition: its console ring.
    slot: usize,
    /// It sleeps until an interrupt.
    sleeps: bool,
    frame: Frame,
    el1: [u64; EL1_REGISTERS],
    /// Stack pointer of the `enter_secure` that is under way.
    stack: u64,
}

/// Whose context a CPU holds. None is zero, and with it all of [`WORLDS`], which then takes no room in the image.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Context {
    None = 0,
    /// A critical partition's that has this CPU for itself.
    Own,
    /// A critical partition's that shares it.
    Sharer,
}

impl World {
    /// This CPU, as the critical partition sees it.
    fn lane(&self) -> Option<Lane> {
        match self.holds {
            Context::None => None,
            Context::Own => Some(cpu::current().into()),
            Context::Sharer => Some(Lane::sharer_of(cpu::current())),
        }
    }
}

struct Worlds([UnsafeCell<World>; MAX_CPUS]);

// SAFETY: each CPU uses the element of its own index only, at EL3, where nothing interrupts it.
unsafe impl Sync for Worlds {}

static WORLDS: Worlds = Worlds(
    [const {
        UnsafeCell::new(World {
            holds: Context::None,
            slot: 0,
            sleeps: false,
            frame: Frame::EMPTY,
            el1: [0; EL1_REGISTERS],
            stack: 0,
        })
    }; MAX_CPUS],
);

fn world() -> *mut World {
    WORLDS.0[cpu::current().index()].get()
}

/// A look at this CPU's world. No reference outlives `job`, which does not enter the secure world.
fn with<R>(job: impl FnOnce(&mut World) -> R) -> R {
    // SAFETY: the element of this CPU; nothing else refers to it while `job` runs (see `Worlds`).
    job(unsafe { &mut *world() })
}

/// Whether the exception that is being handled came from the secure world.
pub(crate) fn is_current() -> bool {
    !el3::read_scr_el3().contains(ScrEl3::NS)
}

/// Whether this CPU has a secure context, or is told to start one.
pub(crate) fn is_present() -> bool {
    with(|world| world.holds != Context::None)
}

/// A context that starts as `boot` says when [`serve`] is called next.
pub(crate) fn prepare(lane: Lane, boot: Boot, slot: usize) {
    with(|world| {
        *world = World {
            holds: if lane.shared { Context::Sharer } else { Context::Own },
            slot,
            sleeps: false,
            frame: Frame::at(boot.entry.0, SPSR_EL1H_MASKED, boot.context),
            el1: [0; EL1_REGISTERS],
            stack: 0,
        };
        world.el1[SCTLR_EL1] = SCTLR_EL1_RESET;
    });
    gic::scrub_secure_timer(cpu::current().index());
    // SAFETY: TLB and instruction-cache maintenance of the Secure regime loses no data.
    with_secure_registers(|| unsafe { asm!("tlbi alle1", "ic iallu", "dsb sy", "isb", options(nostack)) });
}

/// Lets the secure world of this CPU do what it has to do. Returns whether a kick ended it: then the caller asks again
/// what becomes of its own context before it calls here again.
pub(crate) fn serve() -> bool {
    start_sharer();
    while let Some(lane) = with(|world| world.lane()) {
        match platform::with(|monitor, board| monitor.on_kick(lane, board)) {
            Kick::Park => abandon(lane),
            Kick::Hold => return false,
            Kick::Resume if with(|world| world.sleeps) && !gic::is_secure_interrupt_pending() => {
                return false;
            }
            Kick::Resume => {
                run();
                if !with(|world| world.sleeps) && is_present() {
                    return true;
                }
            }
        }
    }
    false
}

/// The critical partition that shares this CPU may have been told to start.
fn start_sharer() {
    if is_present() {
        return;
    }
    let lane = Lane::sharer_of(cpu::current());
    let start = platform::with(|monitor, board| {
        let boot = monitor.on_parked(lane)?;
        Some((boot, board.slot_index(boot.partition)?))
    });
    if let Some((boot, slot)) = start {
        prepare(lane, boot, slot);
    }
}

/// The context is no longer needed: nothing of it stays in this CPU.
fn abandon(lane: Lane) {
    with(|world| world.holds = Context::None);
    write_cntps_ctl_el1(0);
    with_secure_registers(|| {
        gic::end_active_interrupts(cpu::current().index());
        el1::write_icc_igrpen1_el1(IccIgrpen1El1::empty());
    });
    gic::scrub_secure_timer(cpu::current().index());
    platform::with(|monitor, board| monitor.on_off(lane, board));
}

/// Runs `job` with the registers that are banked by security state being those of the secure one.
fn with_secure_registers<R>(job: impl FnOnce() -> R) -> R {
    let scr = el3::read_scr_el3();
    // SAFETY: no lower level runs; EL3's own translation does not depend on the bit.
    unsafe { el3::write_scr_el3(scr - ScrEl3::NS) }
    cpu::barrier();
    let result = job();
    // SAFETY: as above, back to what it was.
    unsafe { el3::write_scr_el3(scr) }
    cpu::barrier();
    result
}

/// `SCR_EL3` while the secure world runs: it has its own timer, sleeps by leave of EL3, and fetches no instruction from
/// Non-secure memory.
fn scr() -> ScrEl3 {
    ScrEl3::RES1 | ScrEl3::FIQ | ScrEl3::RW | ScrEl3::ST | ScrEl3::TWI | ScrEl3::SIF
}

/// Enters the secure world until it is left by [`sleep`], [`interrupted`] or [`lose`].
fn run() {
    let mut non_secure = [0; EL1_REGISTERS];
    let (world, outer_scr, outer_cptr) = (world(), el3::read_scr_el3(), el3::read_cptr_el3());
    // SAFETY: the registers of EL1 are saved before and loaded behind; `world` is this CPU's, and no reference to it is
    // held; floating point traps, so that the vector registers stay those of the Non-secure state.
    unsafe {
        save_el1(&raw mut non_secure);
        load_el1(&raw const (*world).el1);
        el3::write_cptr_el3(CptrEl3::TFP);
        el3::write_scr_el3(scr());
        cpu::barrier();
        el1::write_icc_sre_el1(IccSreEl1::from_bits_retain(7));
        el1::write_icc_pmr_el1(IccPmrEl1::from_bits_retain(PRIORITY_MASK_NON_SECURE));
        cpu::barrier();
        enter_secure(&raw const (*world).frame, &raw mut (*world).stack);
        save_el1(&raw mut (*world).el1);
        el3::write_scr_el3(outer_scr);
        el3::write_cptr_el3(outer_cptr);
        cpu::barrier();
        el1::write_icc_pmr_el1(IccPmrEl1::from_bits_retain(PRIORITY_MASK_NONE));
        load_el1(&raw const non_secure);
    }
    cpu::barrier();
}

fn leave(frame: &Frame, sleeps: bool) -> ! {
    let stack = with(|world| {
        world.frame = *frame;
        world.sleeps = sleeps;
        world.stack
    });
    // SAFETY: `run` on this CPU called `enter_secure`, which stored this; what lies on the stack below it is done with.
    unsafe { leave_secure(stack) }
}

/// The secure world has nothing to do until its next interrupt.
pub(crate) fn sleep(frame: &Frame) -> ! {
    leave(frame, true)
}

/// A kick came: what becomes of the two contexts of this CPU is asked again.
pub(crate) fn interrupted(frame: &Frame) -> ! {
    leave(frame, false)
}

/// The lane that runs in the secure world of this CPU.
pub(crate) fn lane() -> Lane {
    with(|world| world.lane()).unwrap_or(Lane::sharer_of(cpu::current()))
}

/// Prints a byte on the console of the critical partition.
pub(crate) fn put(byte: u8) {
    Ring::new(with(|world| world.slot)).put(byte);
}
