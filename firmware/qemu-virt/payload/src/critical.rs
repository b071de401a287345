//! A critical partition's operating system: one periodic task in the secure world, which measures how late its own
//! timer's interrupt reaches it and tells the distribution. Between two periods it sleeps, and the CPU belongs to whoever
//! shares it.
#![no_std]
#![no_main]

use core::arch::asm;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU64, Ordering};

use payload::{cpu, gic, handle_with, line, print_with};
use qemu_virt::service::SECURE_PUT;

/// INTID of the secure physical timer.
const TIMER: u64 = 29;
/// Interrupts of the Non-secure state have lower priorities than this.
const PRIORITY_MASK: u64 = 0x80;
const PERIOD_MS: u64 = 5;
/// Samples of one report.
const SAMPLES: usize = 200;

/// What the interrupt writes and the task reads while it is masked.
struct Samples(UnsafeCell<[u64; SAMPLES]>);

// SAFETY: one CPU runs this program; the task reads only while the interrupt is masked.
unsafe impl Sync for Samples {}

static LATENESS: Samples = Samples(UnsafeCell::new([0; SAMPLES]));
static TAKEN: AtomicU64 = AtomicU64::new(0);
static MISSED: AtomicU64 = AtomicU64::new(0);
static DUE: AtomicU64 = AtomicU64::new(0);

fn put(byte: u8) {
    cpu::smc(SECURE_PUT, [u64::from(byte), 0, 0, 0, 0, 0, 0]);
}

/// Fires at `ticks`.
fn set_timer(ticks: u64) {
    DUE.store(ticks, Ordering::Relaxed);
    // SAFETY: the secure timer is this system's alone.
    unsafe {
        asm!("msr S3_7_C14_C2_2, {}", "msr S3_7_C14_C2_1, {}", "isb", in(reg) ticks, in(reg) 1u64, options(nostack));
    }
}

fn on_timer(intid: u64) {
    let (now, due) = (cpu::now(), DUE.load(Ordering::Relaxed));
    if intid != TIMER || now < due {
        return;
    }
    let number = TAKEN.load(Ordering::Relaxed);
    // SAFETY: the task does not read while interrupts are taken.
    let samples = unsafe { &mut *LATENESS.0.get() };
    samples[number as usize % SAMPLES] = now - due;
    TAKEN.store(number + 1, Ordering::Relaxed);
    let period = cpu::milliseconds(PERIOD_MS);
    let missed = (now - due) / period;
    MISSED.store(MISSED.load(Ordering::Relaxed) + missed, Ordering::Relaxed);
    set_timer(due + (missed + 1) * period);
}

fn report() {
    // SAFETY: interrupts are masked while the task runs.
    let mut sorted = unsafe { *LATENESS.0.get() };
    sorted.sort_unstable();
    let at = |thousandth: usize| cpu::nanoseconds(sorted[(SAMPLES - 1) * thousandth / 1000]);
    line(format_args!(
        "C-LATENCY samples={} min_ns={} median_ns={} p90_ns={} p99_ns={} max_ns={} missed={} (emulated)",
        TAKEN.load(Ordering::Relaxed),
        at(0),
        at(500),
        at(900),
        at(990),
        at(1000),
        MISSED.load(Ordering::Relaxed),
    ));
}

// SAFETY: the only function of this name; called by start.S.
#[unsafe(no_mangle)]
extern "C" fn payload_main(_tree: u64) -> ! {
    print_with(put);
    handle_with(on_timer);
    line(format_args!("C-UP CPU {} period {PERIOD_MS} ms", cpu::number()));
    gic::enable(cpu::number(), 1 << TIMER, PRIORITY_MASK);
    set_timer(cpu::now() + cpu::milliseconds(PERIOD_MS));
    let mut told = 0;
    loop {
        // Masked: an interrupt that comes now ends the sleep and is taken behind it.
        cpu::wait();
        cpu::unmask();
        cpu::mask();
        let reports = TAKEN.load(Ordering::Relaxed) / SAMPLES as u64;
        if reports > told {
            told = reports;
            report();
        }
    }
}
