//! What a trap costs, in time of the counter: with QEMU's `-icount` these are counted instructions, the caller's few
//! included. The calls of the vManager service need firmware that does not ask who calls.

use payload::exception::attempt;
use payload::{cpu, gic, line};
use qemu_virt::gic::{GICD_ISENABLER, distributor};
use qemu_virt::memory_map::{GRANULE, MANAGEMENT_BASE, SECURE_POOL_BASE, UART_BASE, UART_SIZE};
use qemu_virt::mmio::Mmio;

use crate::Tally;

/// The counter is coarser than one instruction: so many calls are timed together, and the least of so many times counts.
const CALLS: u64 = 16;
const TIMES: usize = 32;
/// Lives of a partition whose calls are timed.
const LIVES: usize = 8;

const VMANAGER: u64 = 0xc300_0000;
const PART_CREATE: u64 = VMANAGER | 2;
const PART_START: u64 = VMANAGER | 3;
const PART_STOP: u64 = VMANAGER | 4;
const PART_SUSPEND: u64 = VMANAGER | 5;
const PART_RESUME: u64 = VMANAGER | 6;
const PART_DESTROY: u64 = VMANAGER | 7;
const PART_LOAD: u64 = VMANAGER | 0x10;
/// Flag of `PART_CREATE`.
const SECURE: u64 = 1;

fn least(name: &str, mut call: impl FnMut()) {
    let mut best = u64::MAX;
    for _ in 0..TIMES {
        let begin = cpu::now();
        (0..CALLS).for_each(|_| call());
        best = best.min(cpu::now() - begin);
    }
    line(format_args!("H-COST {name} {} ps", cpu::nanoseconds(best * 1000) / CALLS));
}

fn once<R>(name: &str, call: impl FnOnce() -> R) -> R {
    let begin = cpu::now();
    let result = call();
    line(format_args!("H-COST {name} {} ps", cpu::nanoseconds((cpu::now() - begin) * 1000)));
    result
}

fn call(function: u64, args: [u64; 3]) -> [u64; 4] {
    cpu::smc(function, [args[0], args[1], args[2], 0, 0, 0, 0])
}

/// Traps that any partition causes.
fn traps() {
    // SAFETY: the partition's console.
    let uart = unsafe { Mmio::new(UART_BASE, UART_SIZE) };
    least("loop", || ());
    least("el3/psci_version", || _ = call(0x8400_0000, [0; 3]));
    least("el3/affinity_info", || _ = call(0xc400_0004, [cpu::number() as u64, 0, 0]));
    least("el2/hvc", || _ = cpu::hvc(0));
    least("el2/distributor_load", || _ = distributor().read32(GICD_ISENABLER + 4));
    least("el2/distributor_store", || distributor().write32(GICD_ISENABLER + 4, 0));
    least("el2/console_load", || _ = uart.read32(0x18));
    least("el2/sgi", || gic::send(1 << cpu::number()));
    // SAFETY: expected to fault.
    least("el2/abort", || _ = attempt(|| unsafe { (MANAGEMENT_BASE as *const u32).read_volatile() }));
}

/// Calls about a partition that is deployed.
fn queries(partition: u64) {
    let calls = [
        ("version", 1, [0; 3]),
        ("part_info", 8, [partition, 0, 0]),
        ("part_next", 9, [0; 3]),
        ("board_info", 10, [0; 3]),
        ("console_info", 11, [partition, 0, 0]),
        ("event_get", 12, [0; 3]),
        ("stats", 13, [partition, 5, 0]),
        ("cpu_info", 14, [1, 0, 0]),
        ("console_notify", 15, [partition, 0, 0]),
        ("link_info", 18, [0; 3]),
    ];
    for (name, number, args) in calls {
        let [answer, ..] = call(VMANAGER | number, args);
        assert!(answer == 0, "{name} is refused: {}", answer.cast_signed());
        line(format_args!("H-CALL {name}"));
        least(name, || _ = call(VMANAGER | number, args));
    }
    once("part_suspend", || call(PART_SUSPEND, [partition, 0, 0]));
    while call(PART_SUSPEND, [partition, 0, 0])[0] == 1 {}
    once("part_resume", || call(PART_RESUME, [partition, 0, 0]));
}

/// The least number of instructions of a call in several lives of a partition.
struct Least(&'static str, u32);

impl Least {
    const fn of(name: &'static str) -> Self {
        Self(name, u32::MAX)
    }

    /// Makes a call that must answer one of `good`.
    fn count(&mut self, good: &[u64], function: u64, args: [u64; 7]) -> [u64; 4] {
        let begin = cpu::instructions();
        let answer = cpu::smc(function, args);
        self.1 = self.1.min(cpu::instructions().wrapping_sub(begin));
        assert!(good.contains(&answer[0]), "{} is refused: {}", self.0, answer[0].cast_signed());
        answer
    }

    fn tell(&self) {
        line(format_args!("H-COST {} {}000 ps", self.0, self.1));
    }
}

/// Lets the others come to rest: QEMU counts everybody's instructions.
fn rest() {
    let end = cpu::now() + cpu::milliseconds(20);
    while cpu::now() < end {}
}

/// The life of a partition of one CPU and one granule, whose kernel is nothing, so that it faulted at once; again and
/// again. What makes, starts, links and destroys it drops translations on every CPU, and QEMU's count then jumps by the
/// time that the others slept: those calls are not counted.
fn lives(cpus: u64, memory: u64) {
    let mut stop = Least::of("part_stop");
    for _ in 0..LIVES {
        let [status, id, ..] = cpu::smc(PART_CREATE, [0, memory, GRANULE, cpus, 0, 0, 0]);
        assert!(status == 0, "create is refused: {}", status.cast_signed());
        let [status, ..] = call(PART_START, [id, memory, memory]);
        assert!(status == 0, "start is refused: {}", status.cast_signed());
        rest();
        stop.count(&[0, 1], PART_STOP, [id, 0, 0, 0, 0, 0, 0]);
        while call(PART_STOP, [id, 0, 0])[0] == 1 {}
        while call(PART_DESTROY, [id, 0, 0])[0] == 1 {}
    }
    stop.tell();
}

/// Pieces of a critical partition's image, which the firmware copies, and its destruction, which has no translations to
/// drop.
fn load(cpus: u64) {
    let [mut small, mut large, mut destroy] =
        ["part_load_of_4_kib", "part_load_of_64_kib", "part_destroy_critical_of_one_granule"].map(Least::of);
    for _ in 0..LIVES {
        let [status, id, ..] = cpu::smc(PART_CREATE, [SECURE, SECURE_POOL_BASE, GRANULE, cpus, 0, 0, 0]);
        assert!(status == 0, "create is refused: {}", status.cast_signed());
        rest();
        small.count(&[0], PART_LOAD, [id, 0, MANAGEMENT_BASE, 4 << 10, 0, 0, 0]);
        large.count(&[0], PART_LOAD, [id, 0, MANAGEMENT_BASE, 64 << 10, 0, 0, 0]);
        destroy.count(&[0], PART_DESTROY, [id, 0, 0, 0, 0, 0, 0]);
    }
    [small, large, destroy].iter().for_each(Least::tell);
}

/// All of them.
pub(crate) fn attack(partition: u64, cpus: u64, memory: u64) -> Tally {
    traps();
    queries(partition);
    cpu::count_instructions();
    lives(cpus, memory);
    load(cpus);
    Tally { tried: 1, through: 0 }
}
