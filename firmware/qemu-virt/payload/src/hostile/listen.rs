//! A victim: it does nothing but look at the clock, and tells what it missed.

use payload::exception::count;
use payload::{cpu, gic, line};

use crate::interrupts::PRIVATE_SGI;

/// How often it tells, in milliseconds.
const BEAT: u64 = 100;

/// Lives, and asks for nothing: where time is counted instructions, a beat would cost as many as it has time.
pub(crate) fn doze() -> ! {
    cpu::mask();
    line(format_args!("H-BEAT 1 asleep"));
    loop {
        cpu::wait();
    }
}

/// Beats for ever: number, longest time between two looks at the clock in microseconds, SGIs received.
pub(crate) fn beat() -> ! {
    gic::enable(cpu::number(), 0xff, 0xff);
    cpu::unmask();
    let mut last = cpu::now();
    for number in 0u64.. {
        let (end, mut longest) = (last + cpu::milliseconds(BEAT), 0);
        while last < end {
            let now = cpu::now();
            longest = longest.max(now - last);
            last = now;
        }
        let sgis: u64 = (0..16).map(count).sum();
        let private = count(PRIVATE_SGI as usize);
        line(format_args!(
            "H-BEAT {number} gap_us={} sgis={sgis} private={private}",
            cpu::nanoseconds(longest) / 1000
        ));
    }
    unreachable!("a beat takes time")
}
