//! Calls of the firmware that a partition has no right to, and floods of calls.

use core::arch::asm;

use payload::{cpu, line};

use crate::Tally;

const CPU_ON: u64 = 0xc400_0003;
const AFFINITY_INFO: u64 = 0xc400_0004;
const PSCI_VERSION: u64 = 0x8400_0000;
const VMANAGER: u64 = 0xc300_0000;
const PART_SUSPEND: u64 = VMANAGER | 5;
/// PSCI's answer for a CPU that is none of the caller's.
const INVALID_PARAMETERS: u64 = -2i64 as u64;

/// Turns every other CPU on, and asks for its state. Nothing but "no such CPU" may come back.
pub(crate) fn cpu_on(entry: u64, context: u64) -> Tally {
    let mut tally = Tally::default();
    let own = cpu::number() as u64;
    let affinities =
        (0..16).filter(|target| *target != own).chain([1 << 8, 1 << 16, 1 << 32, 0x80_0000_0001]);
    for target in affinities {
        let [on, ..] = cpu::smc(CPU_ON, [target, entry, context, 0, 0, 0, 0]);
        let [info, ..] = cpu::smc(AFFINITY_INFO, [target, 0, 0, 0, 0, 0, 0]);
        if on != INVALID_PARAMETERS || info != INVALID_PARAMETERS {
            line(format_args!(
                "H-CPU {target:#x}: CPU_ON {}, AFFINITY_INFO {}",
                on.cast_signed(),
                info.cast_signed()
            ));
        }
        tally.count(on != INVALID_PARAMETERS);
    }
    tally
}

/// A generator of numbers that are the same in every run (xorshift, G. Marsaglia 2003).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number that a check may not have thought of: small, a power of two, or any.
    fn argument(&mut self) -> u64 {
        let value = self.next();
        match value % 4 {
            0 => value >> 32 & 0xf,
            1 => 1 << (value >> 32 & 63),
            2 => 0x8000_0000 + (value >> 32 & 0x3fff_ffff),
            _ => self.next(),
        }
    }

    /// A function of the OEM range, mostly one that exists; or of PSCI, but none that ends or changes this CPU.
    fn function(&mut self) -> u64 {
        let value = self.next();
        match value % 8 {
            0..6 => VMANAGER | value >> 32 & 0x1f,
            6 => VMANAGER | value >> 32 & 0xffff,
            _ => 0xc400_000c | value >> 32 & 0xfff0,
        }
    }
}

/// Not one of `count` calls may answer anything but a refusal; the last one names a partition to suspend.
pub(crate) fn forge(count: u64, partition: u64) -> Tally {
    let mut tally = Tally::default();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..count {
        let function = random.function();
        let args = core::array::from_fn(|_| random.argument());
        let [answer, ..] = cpu::smc(function, args);
        let through = answer.cast_signed() >= 0;
        if through {
            line(format_args!("H-FORGED {function:#x} {args:x?} -> {answer:#x}"));
        }
        tally.count(through);
    }
    let [answer, ..] = cpu::smc(PART_SUSPEND, [partition, 0, 0, 0, 0, 0, 0]);
    line(format_args!("H-SUSPEND {partition}: {}", answer.cast_signed()));
    tally.count(answer.cast_signed() >= 0);
    tally
}

fn eret() {
    // SAFETY: an exception return to the next instruction, in the state that this program is in.
    unsafe {
        asm!("adr {a}, 2f", "msr elr_el1, {a}", "mov {a}, #0x3c5", "msr spsr_el1, {a}", "isb", "eret", "2:",
            a = out(reg) _, options(nostack));
    }
}

/// As many of each as fit in `milliseconds`.
pub(crate) fn flood(milliseconds: u64) -> Tally {
    let kinds: [(&str, fn()); 4] = [
        ("SMC of PSCI", || _ = cpu::smc(PSCI_VERSION, [0; 7])),
        ("SMC of the service", || _ = cpu::smc(VMANAGER | 1, [0; 7])),
        ("HVC", || _ = cpu::hvc(PSCI_VERSION)),
        ("ERET", eret),
    ];
    let mut tally = Tally::default();
    for (name, call) in kinds {
        let end = cpu::now() + cpu::milliseconds(milliseconds);
        let mut calls = 0u64;
        while cpu::now() < end {
            call();
            calls += 1;
        }
        line(format_args!("H-CALLS {name} {calls} in {milliseconds} ms"));
        tally.tried += calls;
    }
    tally
}
